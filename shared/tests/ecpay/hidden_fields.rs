//! CheckMacValue does not cover the borders of fields: `A=1&B=2` and one field `A` with the value `1&B=2` have the same
//! one. So a form in which a field may have been put inside another has two meanings; any other text is a text.

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::ecpay::callback::{self, parse};
use shared::ecpay::callback_form::Ambiguity;

use crate::form_rules::{DOCUMENTED, swap_case};
use crate::{Field, STAGE, ambiguity, mac, utc, verify};
use CallbackKind::Period;

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

fn hides(value: &str) -> Option<Ambiguity> {
    ambiguity(Period, &[("RtnMsg", value)])
}

fn is_hidden(found: Option<Ambiguity>, name: &str) -> bool {
    matches!(found, Some(Ambiguity::HiddenField(known)) if known.eq_ignore_ascii_case(name))
}

#[test]
fn every_documented_field_is_found_in_a_value_in_whatever_case() {
    for name in DOCUMENTED.into_iter().chain(FURTHER) {
        for spelling in [name.to_owned(), swap_case(name), name.to_uppercase()] {
            let value = format!("paid&{spelling}=1");
            assert!(is_hidden(hides(&value), name), "{value}");
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
        assert_eq!(hides(value), Some(Ambiguity::HiddenField("RtnCode")), "{value}");
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
    for name in ["StoreID", "AuthCode", "Unknown", "_"] {
        let found = ambiguity(Period, &[("A", "1"), (name, "x&SimulatePaid=1"), ("Z", "1")]);
        assert_eq!(found, Some(Ambiguity::HiddenField("SimulatePaid")), "{name}");
    }
    for name in ["MerchantID", "RtnCode", "gwsr", "ExecTimes", "Amount"] {
        assert_eq!(ambiguity(Period, &[(name, "1&more")]), Some(Ambiguity::Ampersand(name)));
    }
}

#[test]
fn a_field_is_found_in_a_name_too() {
    for name in ["RtnCode=1&RtnMsg", "x&rtncode", "x=1&RtnCode=2&y", "&RTNCODE", "RtnCode=1"] {
        assert_eq!(ambiguity(Period, &[(name, "1")]), Some(Ambiguity::HiddenField("RtnCode")), "{name}");
    }
    for name in ["x&y", "x=1&RtnCodes", "RtnCode&x", "a=b"] {
        assert_eq!(ambiguity(Period, &[(name, "1")]), None, "{name}");
    }
}

#[test]
fn the_merchants_own_text_may_look_like_a_form_where_no_field_can_have_been() {
    let address = "https://x/?a=1&amount=3";
    let all = |values: [&str; 4]| {
        let names = ["CustomField1", "CustomField2", "CustomField3", "CustomField4"];
        let mut fields: Vec<Field<'_>> = names.into_iter().zip(values).collect();
        fields.extend([("ExecTimes", "99"), ("RtnCode", "1"), ("AuthCode", "777777")]);
        ambiguity(Period, &fields)
    };
    assert_eq!(all([address; 4]), None);
    // The next field that ECPay signs is CustomField2 to CustomField4, and after those ExecTimes.
    let further = "&RtnCode=1&gwsr=1&SimulatePaid=1&ExecTimes=1&MerchantID=1";
    assert_eq!(all([further, further, further, ""]), None);
    assert_eq!(all(["", "", "", "x&RtnCode=1&gwsr=1&amount=1"]), None);
    assert_eq!(all(["", "", "", "x&ExecTimes=1"]), Some(Ambiguity::HiddenField("ExecTimes")));
    assert_eq!(all(["x&CustomField1=1", "", "", ""]), Some(Ambiguity::HiddenField("CustomField1")));
    assert_eq!(all(["x&customfield2=1", "", "", ""]), Some(Ambiguity::HiddenField("CustomField2")));
    // Where fields between are missing they may be in the text.
    let found = ambiguity(Period, &[("CustomField4", "x&gwsr=1"), ("MerchantID", "1"), ("ProcessDate", "1")]);
    assert_eq!(found, Some(Ambiguity::HiddenField("gwsr")));
    let found = ambiguity(Period, &[("CustomField4", "x&SimulatePaid=1"), ("MerchantID", "1")]);
    assert_eq!(found, None);
    assert_eq!(
        ambiguity(Period, &[("CustomField4", "x&SimulatePaid=1")]),
        Some(Ambiguity::HiddenField("SimulatePaid"))
    );
}

#[test]
fn a_form_split_differently_under_its_own_mac_is_not_applied() {
    let posted: [Field<'_>; 3] = [("RtnCode", "1"), ("RtnMsg", "交易成功"), ("SimulatePaid", "1")];
    let digest = mac::check_mac_value(&posted, STAGE);
    let cut = [("RtnCode", "1"), ("RtnMsg", "交易成功&SimulatePaid=1")];
    assert_eq!(mac::check_mac_value(&cut, STAGE), digest);
    let sent = [cut[0], cut[1], ("CheckMacValue", digest.as_str())];
    let form = verify(Period, &sent).ok().unwrap();
    let ambiguous = callback::Error::Ambiguous(Ambiguity::HiddenField("SimulatePaid"));
    assert_eq!(parse(&form, utc("2025-02-01T00:00:00Z")), Err(ambiguous.clone()));
    assert_eq!(ambiguous.quarantine_reason().to_string(), "ambiguous: SimulatePaid stands inside another field");
    let whole = [posted[0], posted[1], posted[2], ("CheckMacValue", digest.as_str())];
    assert_eq!(verify(Period, &whole).ok().unwrap().ambiguity(), None);
}

#[test]
fn every_two_neighbours_in_one_field_make_an_ambiguous_form() {
    let mut fields: Vec<Field<'_>> =
        DOCUMENTED.iter().filter(|name| **name != "CheckMacValue").map(|name| (*name, "1")).collect();
    fields.extend([("gwsr", "1"), ("Amount", "1")]);
    fields.sort_by_key(|(name, _)| name.to_lowercase());
    for place in 0..fields.len() - 1 {
        let ((left, value), (right, hidden)) = (fields[place], fields[place + 1]);
        let in_value = format!("{value}&{right}={hidden}");
        let in_name = format!("{left}={value}&{right}");
        for merged in [(left, in_value.as_str()), (in_name.as_str(), hidden)] {
            let mut cut = fields.clone();
            cut.splice(place..=place + 1, [merged]);
            assert_eq!(mac::check_mac_value(&cut, STAGE), mac::check_mac_value(&fields, STAGE), "{merged:?}");
            assert!(ambiguity(CallbackKind::First, &cut).is_some(), "{merged:?}");
        }
    }
}
