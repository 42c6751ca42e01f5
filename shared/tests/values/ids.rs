//! Accepted and rejected texts for each kind of id.

use shared::domain::values::ids::{
    EventId, GatewayAuthorization, InvalidId, MerchantId, NotificationId, OperationKey, PaymentId, RequestHash,
    SubscriptionId, UserId,
};
use shared::domain::values::time::LocalDate;

fn refused<T>(result: Result<T, InvalidId>) -> Option<String> {
    result.err().map(|error| error.to_string())
}

#[test]
fn an_order_number_is_1_to_20_letters_and_digits() {
    for good in ["1", "aB9", &"x".repeat(20)] {
        assert_eq!(SubscriptionId::parse(good).unwrap().as_str(), good);
    }
    for bad in ["", "a-b", "a b", "ä", "a.", &"x".repeat(21)] {
        let rule = "a subscription id (MerchantTradeNo) is 1 to 20 letters and digits";
        assert_eq!(refused(SubscriptionId::parse(bad)).as_deref(), Some(rule), "{bad:?}");
    }
    assert!(MerchantId::parse(&"7".repeat(10)).is_ok());
    assert!(MerchantId::parse(&"7".repeat(11)).is_err());
    assert!(MerchantId::parse("").is_err());
}

#[test]
fn a_user_is_named_in_1_to_128_visible_characters() {
    for good in ["u", "a-b_c/d@e~!", &"x".repeat(128)] {
        assert_eq!(UserId::parse(good).unwrap().to_string(), good);
    }
    for bad in ["", " ", "a b", "a\n", "ä", &"x".repeat(129)] {
        assert_eq!(refused(UserId::parse(bad)).as_deref(), Some("a user_id is 1 to 128 visible ASCII characters"));
    }
    assert!(NotificationId::parse(&"x".repeat(200)).is_ok() && NotificationId::parse(&"x".repeat(201)).is_err());
    assert!(EventId::parse(&"x".repeat(64)).is_ok() && EventId::parse(&"x".repeat(65)).is_err());
}

#[test]
fn an_authorisation_is_up_to_20_digits_and_not_zero() {
    for good in ["1", "0001", "100", &"9".repeat(20)] {
        assert!(GatewayAuthorization::parse(good).is_ok(), "{good}");
    }
    for bad in ["", "0", "00000", "1a", "-1", &"9".repeat(21)] {
        assert!(GatewayAuthorization::parse(bad).is_err(), "{bad:?}");
    }
}

#[test]
fn an_operation_key_is_32_hex_digits() {
    assert!(OperationKey::parse("0123456789abcdef0123456789ABCDEF").is_ok());
    assert!(RequestHash::parse(&"0123456789abcdef".repeat(4)).is_ok());
    assert!(RequestHash::parse(&"0123456789abcdef".repeat(2)).is_err());
    for bad in
        ["0123456789abcdef0123456789abcde", "0123456789abcdef0123456789abcdefa", "g123456789abcdef0123456789abcdef"]
    {
        assert!(OperationKey::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_event_id_consists_of_its_kind_and_its_distinguishing_value() {
    let at = shared::ecpay::date::parse("2025/02/15 03:05:06").unwrap();
    let gwsr = GatewayAuthorization::parse("10735195").unwrap();
    for (event, text) in [
        (EventId::success(12), "S:12"),
        (EventId::failure(at), "F:20250215030506"),
        (EventId::undated_failure(&gwsr), "F:G10735195"),
        (EventId::pending(at), "P:20250215030506"),
        (EventId::first_failure(at), "F1:20250215030506"),
        (EventId::first_pending(at), "P1:20250215030506"),
        (EventId::paid_out_of_band(LocalDate::new(2025, 2, 15).unwrap()), "O:2025-02-15"),
    ] {
        assert_eq!(event.as_str(), text);
    }
    assert_eq!(EventId::success(12).success_number(), Some(12));
    for other in ["F:20250215030506", "S:", "S:x", "12"] {
        assert_eq!(EventId::parse(other).unwrap().success_number(), None, "{other}");
    }
}

#[test]
fn a_payment_id_consists_of_its_order_and_its_distinguishing_value() {
    let (order, gwsr) = (SubscriptionId::parse("ORDER1").unwrap(), GatewayAuthorization::parse("10735195").unwrap());
    assert_eq!(PaymentId::success(&order, &gwsr).as_str(), "ORDER1.G10735195");
    assert_eq!(PaymentId::failure(&order, &gwsr).as_str(), "ORDER1.FG10735195");
    let payment = PaymentId::of_event(&order, &EventId::success(2));
    assert_eq!(payment.as_str(), "ORDER1.S:2");
    assert_eq!((payment.subscription(), payment.key()), (Ok(order), "S:2"));
    assert_eq!(NotificationId::of("ORDER1", "needs-attention", "today").as_str(), "ORDER1/needs-attention/today");
    for good in ["A.b", &format!("{}.{}", "A".repeat(20), "b".repeat(79))] {
        assert!(PaymentId::parse(good).is_ok(), "{good}");
    }
    for bad in ["A", "A.", ".b", "A-B.c", "A.b c", &format!("{}.b", "A".repeat(21)), &format!("A.{}", "b".repeat(80))] {
        assert!(PaymentId::parse(bad).is_err(), "{bad}");
    }
}

#[test]
fn an_id_is_stored_as_its_text_and_read_by_its_rule() {
    let order = SubscriptionId::parse("ORDER1").unwrap();
    assert_eq!(serde_json::to_string(&order).unwrap(), "\"ORDER1\"");
    assert_eq!(serde_json::from_str::<SubscriptionId>("\"ORDER1\"").unwrap(), order);
    assert!(serde_json::from_str::<SubscriptionId>("\"ORDER-1\"").is_err());
}
