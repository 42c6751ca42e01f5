//! ReturnURL: parsing of a signed report of the first authorisation.

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::values::ids::{EventId, TradeNo};
use shared::domain::values::money::Twd;
use shared::ecpay::callback::{Error, parse, parse_kept};

use crate::{Field, authorization, merchant, order_id, utc, verify_signed, with, without};

/// Report with the relevant fields of NeedExtraPaidInfo=Y.
const PAID: [Field<'static>; 16] = [
    ("MerchantID", "3002607"),
    ("MerchantTradeNo", "SUB20250101A0001"),
    ("StoreID", ""),
    ("RtnCode", "1"),
    ("RtnMsg", "交易成功"),
    ("TradeNo", "2502010305060001"),
    ("TradeAmt", "899"),
    ("PaymentDate", "2025/02/01 03:05:06"),
    ("PaymentType", "Credit_CreditCard"),
    ("TradeDate", "2025/02/01 03:01:02"),
    ("SimulatePaid", "0"),
    ("gwsr", "13401070"),
    ("process_date", "2025/02/01 03:04:05"),
    ("amount", "899"),
    ("card4no", "2222"),
    ("TotalSuccessTimes", "1"),
];

fn read(fields: &[Field<'_>]) -> Result<PaymentReport, Error> {
    let form = verify_signed(CallbackKind::First, fields).ok().unwrap();
    parse(&form, utc("2025-02-01T00:00:00Z"))
}

fn paid() -> PaymentReport {
    PaymentReport {
        subscription: order_id("SUB20250101A0001"),
        merchant: merchant("3002607"),
        source: ReportSource::FirstCallback,
        event: EventId::parse("S:1").unwrap(),
        first: true,
        outcome: PaymentOutcome::Succeeded { number: 1 },
        rtn_code: "1".to_owned(),
        rtn_msg: "交易成功".to_owned(),
        decline: None,
        amount: Some(Twd::new(899)),
        processed_at: utc("2025-01-31T19:05:06Z"),
        gwsr: Some(authorization("13401070")),
        trade_no: Some(TradeNo::parse("2502010305060001").unwrap()),
        card_last4: Some("2222".to_owned()),
        exec_times: None,
        simulated: false,
    }
}

/// A missing field and an empty one are equal to ECPay.
fn lacking<'a>(name: &'a str) -> [Vec<Field<'a>>; 2] {
    [without(&PAID, name), with(&PAID, name, "")]
}

#[test]
fn a_paid_first_charge_is_success_1_with_all_that_was_said() {
    assert_eq!(read(&PAID), Ok(paid()));
    let mut reversed = PAID;
    reversed.reverse();
    assert_eq!(read(&reversed), Ok(paid()));
}

#[test]
fn without_the_extra_fields_it_is_the_same_but_for_them() {
    let plain: Vec<Field<'_>> = PAID.into_iter().take(11).collect();
    assert_eq!(read(&plain), Ok(PaymentReport { gwsr: None, card_last4: None, ..paid() }));
}

#[test]
fn what_was_kept_is_read_again_as_it_was_read_first() {
    let form = verify_signed(CallbackKind::First, &PAID).ok().unwrap();
    let at = utc("2025-02-01T00:00:00Z");
    assert_eq!(parse_kept(CallbackKind::First, form.storable(), at), Ok(paid()));
    assert_eq!(parse_kept(CallbackKind::First, PAID.into_iter().skip(1), at), Err(Error::Missing("MerchantID")));
}

#[test]
fn a_failed_first_charge_is_known_by_its_date() {
    for code in ["10100252", "10100058", "0", "2", "10", "10100073", "1234567890"] {
        let expected = PaymentReport {
            event: EventId::parse("F1:20250201030506").unwrap(),
            outcome: PaymentOutcome::Failed,
            decline: Some(DeclineClass::SoftDecline),
            rtn_code: code.to_owned(),
            ..paid()
        };
        assert_eq!(read(&with(&PAID, "RtnCode", code)), Ok(expected), "{code}");
    }
}

#[test]
fn a_first_charge_whose_result_is_open_is_pending() {
    let expected = PaymentReport {
        event: EventId::parse("P1:20250201030506").unwrap(),
        outcome: PaymentOutcome::Pending,
        rtn_code: "10300066".to_owned(),
        ..paid()
    };
    assert_eq!(read(&with(&PAID, "RtnCode", "10300066")), Ok(expected));
}

#[test]
fn the_code_is_a_number_of_at_most_ten_digits_in_its_one_spelling() {
    for fields in lacking("RtnCode") {
        assert_eq!(read(&fields), Err(Error::Missing("RtnCode")));
    }
    for code in ["01", "00", "+1", "-1", " 1", "1 ", "1.0", "one", "１", "12345678901", "1x"] {
        assert_eq!(read(&with(&PAID, "RtnCode", code)), Err(Error::Malformed("RtnCode")), "{code:?}");
    }
}

#[test]
fn the_date_is_that_of_payment_else_of_the_charge_else_of_the_order() {
    let charged = PaymentReport { processed_at: utc("2025-01-31T19:04:05Z"), ..paid() };
    let ordered = PaymentReport { processed_at: utc("2025-01-31T19:01:02Z"), ..paid() };
    for fields in lacking("PaymentDate") {
        assert_eq!(read(&fields), Ok(charged.clone()));
        assert_eq!(read(&with(&fields, "process_date", "")), Ok(ordered.clone()));
        assert_eq!(read(&without(&fields, "process_date")), Ok(ordered.clone()));
        for empty in [with(&fields, "TradeDate", ""), without(&fields, "TradeDate")] {
            assert_eq!(read(&empty), Ok(charged.clone()));
            assert_eq!(read(&without(&empty, "process_date")), Err(Error::Missing("PaymentDate")));
            assert_eq!(read(&with(&empty, "process_date", "")), Err(Error::Missing("PaymentDate")));
        }
    }
}

#[test]
fn a_date_that_is_none_is_malformed_even_beside_good_ones() {
    let undated = without(&PAID, "PaymentDate");
    let only_order = without(&undated, "process_date");
    for bad in ["2025/02/30 03:05:06", "2025/02/01", "2025/02/01 3:05", " ", "now"] {
        assert_eq!(read(&with(&PAID, "PaymentDate", bad)), Err(Error::Malformed("PaymentDate")), "{bad}");
        assert_eq!(read(&with(&undated, "process_date", bad)), Err(Error::Malformed("process_date")), "{bad}");
        assert_eq!(read(&with(&only_order, "TradeDate", bad)), Err(Error::Malformed("TradeDate")), "{bad}");
    }
}

#[test]
fn a_success_has_an_amount_and_a_failure_may_have_none() {
    for fields in lacking("TradeAmt") {
        assert_eq!(read(&fields), Err(Error::Missing("TradeAmt")));
        for code in ["10100252", "10300066"] {
            let amount = read(&with(&fields, "RtnCode", code)).map(|report| report.amount);
            assert_eq!(amount, Ok(None), "{code}");
        }
    }
}

#[test]
fn the_amount_is_a_whole_number_in_its_one_spelling() {
    let amount = |text: &str| read(&with(&PAID, "TradeAmt", text)).map(|report| report.amount.map(Twd::dollars));
    for (text, dollars) in [("0", 0), ("1", 1), ("10", 10), ("900", 900), ("4294967295", u32::MAX)] {
        assert_eq!(amount(text), Ok(Some(dollars)), "{text}");
    }
    for text in ["4294967296", "9999999999", "10000000000", "00", "0899", "+899", "-899", "899.0", "8,99", " 899", "x"]
    {
        assert_eq!(amount(text), Err(Error::Malformed("TradeAmt")), "{text}");
    }
    // A failure is never compared by its amount, so an unreadable one does not hide it.
    for text in ["0", "4294967296", "00", "0899", "-899", "899.5", "8,99", " 899", "x"] {
        let failed = with(&with(&PAID, "TradeAmt", text), "RtnCode", "10100252");
        assert_eq!(read(&failed).map(|report| report.amount), Ok(None), "{text}");
    }
    // The extra field of the same meaning is ignored.
    assert_eq!(read(&with(&PAID, "amount", "1")), Ok(paid()));
}

#[test]
fn the_order_is_named_by_up_to_20_letters_and_digits() {
    for fields in lacking("MerchantTradeNo") {
        assert_eq!(read(&fields), Err(Error::Missing("MerchantTradeNo")));
    }
    for name in ["x", "sub20250101a0001", "12345678901234567890"] {
        let order = read(&with(&PAID, "MerchantTradeNo", name)).map(|report| report.subscription);
        assert_eq!(order, Ok(order_id(name)));
    }
    for name in ["123456789012345678901", "SUB-1", "SUB 1", " SUB1", "訂單"] {
        assert_eq!(read(&with(&PAID, "MerchantTradeNo", name)), Err(Error::Malformed("MerchantTradeNo")), "{name}");
    }
}

#[test]
fn the_merchant_is_named_by_up_to_10_letters_and_digits() {
    for fields in lacking("MerchantID") {
        assert_eq!(read(&fields), Err(Error::Missing("MerchantID")));
    }
    let named = read(&with(&PAID, "MerchantID", "1234567890")).map(|report| report.merchant);
    assert_eq!(named, Ok(merchant("1234567890")));
    for name in ["12345678901", "300-2607", " "] {
        assert_eq!(read(&with(&PAID, "MerchantID", name)), Err(Error::Malformed("MerchantID")), "{name}");
    }
}

#[test]
fn the_message_is_kept_up_to_200_characters_and_may_be_absent() {
    let message = |fields: &[Field<'_>]| read(fields).map(|report| report.rtn_msg);
    for fields in lacking("RtnMsg") {
        assert_eq!(message(&fields), Ok(String::new()));
    }
    let (just, over) = ("額".repeat(200), "額".repeat(201));
    assert_eq!(message(&with(&PAID, "RtnMsg", &just)), Ok(just.clone()));
    assert_eq!(message(&with(&PAID, "RtnMsg", &over)), Ok(just.clone()));
}

#[test]
fn the_authorisation_number_is_read_in_both_spellings_and_zero_means_none() {
    let gwsr = |fields: &[Field<'_>]| read(fields).map(|report| report.gwsr);
    let unnumbered = without(&PAID, "gwsr");
    assert_eq!(gwsr(&unnumbered), Ok(None));
    for name in ["gwsr", "Gwsr"] {
        for none in ["", "0", "00", "000000"] {
            assert_eq!(gwsr(&with(&unnumbered, name, none)), Ok(None), "{name} {none:?}");
        }
        for number in ["1", "12345678901234567890", "007"] {
            assert_eq!(gwsr(&with(&unnumbered, name, number)), Ok(Some(authorization(number))), "{name} {number}");
        }
        for bad in ["123456789012345678901", "1x", "-1", " 1"] {
            assert_eq!(gwsr(&with(&unnumbered, name, bad)), Err(Error::Malformed("gwsr")), "{name} {bad}");
        }
    }
}

#[test]
fn the_last_digits_of_the_card_are_four_or_none() {
    let digits = |fields: &[Field<'_>]| read(fields).map(|report| report.card_last4);
    assert_eq!(digits(&without(&PAID, "card4no")), Ok(None));
    assert_eq!(digits(&with(&PAID, "card4no", "0000")), Ok(Some("0000".to_owned())));
    for none in ["", "222", "22222", "22a2", "22 2", "２2", "é22", "-222"] {
        assert_eq!(digits(&with(&PAID, "card4no", none)), Ok(None), "{none:?}");
    }
}

#[test]
fn a_test_notification_is_distinguished_from_a_payment() {
    let simulated = |fields: &[Field<'_>]| read(fields).map(|report| report.simulated);
    for fields in lacking("SimulatePaid") {
        assert_eq!(simulated(&fields), Ok(false));
    }
    assert_eq!(simulated(&with(&PAID, "SimulatePaid", "0")), Ok(false));
    assert_eq!(simulated(&with(&PAID, "SimulatePaid", "1")), Ok(true));
    for bad in ["2", "01", "00", "10", "Y", "true", " 1"] {
        assert_eq!(simulated(&with(&PAID, "SimulatePaid", bad)), Err(Error::Malformed("SimulatePaid")), "{bad}");
    }
}
