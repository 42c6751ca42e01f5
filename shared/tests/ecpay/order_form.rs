//! Order form that the buyer's browser posts.

use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::{Locale, NewOrder, Subscription, Terms};
use shared::domain::values::ids::UserId;
use shared::ecpay::order_form::{Environment, OrderUrls, order_form, path};

use crate::support::{new_order, prices};
use crate::{OLDER, STAGE, hash_keys, mac, utc};

fn subscription(plan: &str, cycle: BillingCycle, exec_times: u32, locale: Locale) -> Subscription {
    let (plan, price) = prices().find(plan, cycle).unwrap();
    let order = NewOrder {
        user: UserId::parse("user-17").unwrap(),
        locale,
        terms: Terms { plan, cycle, price, exec_times, monthly_price: None },
        ..new_order("DKTESTORDER0001")
    };
    Subscription::ordered(order, utc("2025-01-15T02:02:11Z"))
}

fn urls() -> OrderUrls {
    OrderUrls { api: "https://api.example.com/prod".to_owned(), frontend: "https://app.example.com".to_owned() }
}

fn form(plan: &str, cycle: BillingCycle, exec_times: u32, locale: Locale) -> Vec<(String, String)> {
    order_form(&subscription(plan, cycle, exec_times, locale), &urls(), &hash_keys(STAGE))
}

fn owned(fields: &[(&str, &str)]) -> Vec<(String, String)> {
    fields.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// CheckMacValues of the whole forms, computed by `tests/oracle/check_mac_value.py`.
#[test]
fn a_monthly_order_in_chinese_has_these_fields_and_no_others() {
    let expected = [
        ("MerchantID", "3002607"),
        ("MerchantTradeNo", "DKTESTORDER0001"),
        ("MerchantTradeDate", "2025/01/15 10:02:11"),
        ("PaymentType", "aio"),
        ("TotalAmount", "899"),
        ("TradeDesc", "訂閱方案"),
        ("ItemName", "PRO 訂閱方案 月繳"),
        ("ReturnURL", "https://api.example.com/prod/api/webhooks/ecpay-auth"),
        ("ChoosePayment", "Credit"),
        ("EncryptType", "1"),
        ("NeedExtraPaidInfo", "Y"),
        ("ClientBackURL", "https://app.example.com/billing"),
        ("OrderResultURL", "https://app.example.com/api/subscription/result"),
        ("PeriodAmount", "899"),
        ("PeriodType", "M"),
        ("Frequency", "1"),
        ("ExecTimes", "99"),
        ("PeriodReturnURL", "https://api.example.com/prod/api/webhooks/ecpay-billing"),
        ("CheckMacValue", "9162463AD08C20266038C6C1CE6FC96EEDBDFE59EBA85A1612DB3C0D01223C0C"),
    ];
    assert_eq!(form("PRO", BillingCycle::Monthly, 99, Locale::ZhTw), owned(&expected));
}

#[test]
fn an_annual_order_in_english_has_these_fields_and_no_others() {
    let expected = [
        ("MerchantID", "3002607"),
        ("MerchantTradeNo", "DKTESTORDER0001"),
        ("MerchantTradeDate", "2025/01/15 10:02:11"),
        ("PaymentType", "aio"),
        ("TotalAmount", "3000"),
        ("TradeDesc", "訂閱方案"),
        ("ItemName", "STUDENT 訂閱方案 年繳"),
        ("ReturnURL", "https://api.example.com/prod/api/webhooks/ecpay-auth"),
        ("ChoosePayment", "Credit"),
        ("EncryptType", "1"),
        ("NeedExtraPaidInfo", "Y"),
        ("ClientBackURL", "https://app.example.com/billing"),
        ("OrderResultURL", "https://app.example.com/api/subscription/result"),
        ("PeriodAmount", "3000"),
        ("PeriodType", "Y"),
        ("Frequency", "1"),
        ("ExecTimes", "9"),
        ("PeriodReturnURL", "https://api.example.com/prod/api/webhooks/ecpay-billing"),
        ("Language", "ENG"),
        ("CheckMacValue", "D6BD68984911F0D639C1A4356EB6F49D50880062F7E2A737344E333507A96584"),
    ];
    assert_eq!(form("STUDENT", BillingCycle::Annual, 9, Locale::En), owned(&expected));
}

#[test]
fn cycle_and_language_do_not_depend_on_each_other() {
    let last = |fields: Vec<(String, String)>| fields.into_iter().next_back().unwrap().1;
    assert_eq!(
        last(form("PRO", BillingCycle::Monthly, 99, Locale::En)),
        "83BD5F682D5619CCE68593B79A0396EC97CEB81D48910CC3398343B2034046EC"
    );
    assert_eq!(
        last(form("STUDENT", BillingCycle::Annual, 9, Locale::ZhTw)),
        "ED51046E6B38468FAE3C78584D34E47406B2DDFD7F4252FE09F8EC41B1E937D1"
    );
}

#[test]
fn an_order_is_signed_with_the_keys_it_is_given() {
    let order = subscription("PRO", BillingCycle::Monthly, 99, Locale::ZhTw);
    let mut fields = order_form(&order, &urls(), &hash_keys(OLDER));
    let (name, digest) = fields.pop().unwrap();
    let fields: Vec<_> = fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!((name.as_str(), digest), ("CheckMacValue", mac::check_mac_value(&fields, OLDER)));
}

#[test]
fn the_hosts_and_paths_are_those_that_ecpay_documents() {
    assert_eq!(Environment::Stage.host(), "https://payment-stage.ecpay.com.tw");
    assert_eq!(Environment::Production.host(), "https://payment.ecpay.com.tw");
    assert_eq!(path::CHECKOUT, "/Cashier/AioCheckOut/V5");
    assert_eq!(path::PERIOD_ACTION, "/Cashier/CreditCardPeriodAction");
    assert_eq!(path::PERIOD_INFO, "/Cashier/QueryCreditCardPeriodInfo");
}
