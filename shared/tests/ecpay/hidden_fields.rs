//! CheckMacValue does not cover the borders of fields: `A=1&B=2` and one field `A` with the value `1&B=2` have the same
//! one. So a value must not contain what looks like a further field; any other text is accepted.

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::ecpay::callback_form::Error;

use crate::form_rules::{DOCUMENTED, swap_case};
use crate::{Field, STAGE, mac, refusal, verify, verify_signed};

/// Fields of either callback beside [`DOCUMENTED`], and the further ones of NeedExtraPaidInfo.
const FURTHER: [&str; 14] = [
    "gwsr",
    "Gwsr",
    "amount",
    "Amount",
    "WebATMAccBank",
    "WebATMAccNo",
    "WebATMBankName",
    "ATMAccBank",
    "ATMAccNo",
    "PaymentNo",
    "PayFrom",
    "TenpayTradeNo",
    "AlipayID",
    "AlipayTradeNo",
];

fn hides(value: &str) -> Option<Error> {
    refusal(verify_signed(CallbackKind::Period, &[("RtnMsg", value)]))
}

#[test]
fn every_documented_field_is_found_in_a_value_in_whatever_case() {
    for name in DOCUMENTED.into_iter().chain(FURTHER) {
        for spelling in [name.to_owned(), swap_case(name), name.to_uppercase()] {
            let value = format!("paid&{spelling}=1");
            assert_eq!(hides(&value), Some(Error::FieldInValue), "{value}");
        }
    }
}

#[test]
fn a_field_is_found_wherever_in_the_value_it_is() {
    for value in [
        "&RtnCode=1",
        "&RtnCode=",
        "paid&RtnCode=1",
        "paid&RtnCode=1&more",
        "a&b&RtnCode=1",
        "a&&RtnCode=1",
        "a=1&b=2&RtnCode=3",
        "a&RtnCode==",
        "RtnCode=1&RtnCode=1",
    ] {
        assert_eq!(hides(value), Some(Error::FieldInValue), "{value}");
    }
}

#[test]
fn a_text_that_holds_no_further_field_is_a_text() {
    for value in [
        "RtnCode=1",
        "RtnCode=1&",
        "&",
        "&&",
        "=",
        "&=",
        "&=1",
        "paid&RtnCode",
        "paid&RtnCodes=1",
        "paid&xRtnCode=1",
        "paid& RtnCode=1",
        "paid&RtnCode =1",
        "paid&Rtn_Code=1",
        "paid&a=RtnCode=1",
        "paid;RtnCode=1",
        "paid%26RtnCode=1",
        "paid&amp;RtnCode=1",
        "Pay Fail & a=b",
    ] {
        assert_eq!(hides(value), None, "{value}");
    }
}

#[test]
fn every_value_is_checked_also_that_of_an_unknown_field() {
    for name in ["MerchantID", "CustomField1", "StoreID", "Unknown", "_"] {
        let found = refusal(verify_signed(CallbackKind::First, &[("A", "1"), (name, "x&SimulatePaid=1"), ("Z", "1")]));
        assert_eq!(found, Some(Error::FieldInValue), "{name}");
    }
    assert_eq!(refusal(verify(CallbackKind::First, &[("CheckMacValue", "0&RtnCode=1")])), Some(Error::FieldInValue));
}

#[test]
fn a_form_split_differently_under_its_own_mac_is_refused() {
    let posted: [Field<'_>; 3] = [("RtnCode", "1"), ("RtnMsg", "交易成功"), ("SimulatePaid", "1")];
    let digest = mac::check_mac_value(&posted, STAGE);
    let cut = [("RtnCode", "1"), ("RtnMsg", "交易成功&SimulatePaid=1")];
    assert_eq!(mac::check_mac_value(&cut, STAGE), digest);
    let sent = [cut[0], cut[1], ("CheckMacValue", digest.as_str())];
    assert_eq!(refusal(verify(CallbackKind::Period, &sent)), Some(Error::FieldInValue));
    let whole = [posted[0], posted[1], posted[2], ("CheckMacValue", digest.as_str())];
    assert_eq!(refusal(verify(CallbackKind::Period, &whole)), None);
}
