//! Rules for names, verification of CheckMacValue, and the stored part of a form.

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::ecpay::callback_form::{Ambiguity, Error, VerifiedForm};
use shared::ecpay::check_mac_value::VerificationKeys;

use crate::{Field, Keys, OLDER, STAGE, ambiguity, hash_keys, mac, refusal, stage_only, verify, verify_signed};
use CallbackKind::{First, Period};

/// Documented fields that both callbacks spell alike; `gwsr` and `amount` have two spellings.
pub(crate) const DOCUMENTED: [&str; 40] = [
    "MerchantID",
    "MerchantTradeNo",
    "StoreID",
    "RtnCode",
    "RtnMsg",
    "TradeNo",
    "TradeAmt",
    "PaymentDate",
    "PaymentType",
    "PaymentTypeChargeFee",
    "TradeDate",
    "PlatformID",
    "SimulatePaid",
    "CustomField1",
    "CustomField2",
    "CustomField3",
    "CustomField4",
    "CheckMacValue",
    "process_date",
    "auth_code",
    "eci",
    "card4no",
    "card6no",
    "stage",
    "stast",
    "staed",
    "red_dan",
    "red_de_amt",
    "red_ok_amt",
    "red_yet",
    "PeriodType",
    "Frequency",
    "ExecTimes",
    "PeriodAmount",
    "TotalSuccessTimes",
    "TotalSuccessAmount",
    "ProcessDate",
    "AuthCode",
    "FirstAuthAmount",
    "MerchantMemberID",
];

pub(crate) fn swap_case(name: &str) -> String {
    let swap = |c: char| if c.is_ascii_uppercase() { c.to_ascii_lowercase() } else { c.to_ascii_uppercase() };
    name.chars().map(swap).collect()
}

#[test]
fn a_name_may_have_any_characters() {
    let names =
        (0_u8..128).map(|byte| format!("x{}", char::from(byte))).chain(["".into(), "Größe".into(), "x-y".into()]);
    for name in names {
        let form = verify_signed(First, &[("RtnCode", "1"), (&name, "2")]).ok().unwrap();
        assert_eq!((form.get(&name), form.get("RtnCode"), form.ambiguity()), (Some("2"), Some("1"), None), "{name:?}");
    }
    // DynamoDB stores no attribute without a name.
    let form = verify_signed(First, &[("", "1"), ("x-y", "2")]).ok().unwrap();
    assert_eq!(form.storable().collect::<Vec<_>>(), [("x-y", "2")]);
}

#[test]
fn a_field_is_read_in_whatever_letter_case_its_name_comes() {
    for name in DOCUMENTED.into_iter().chain(["gwsr", "Amount"]) {
        for spelling in [name.to_owned(), swap_case(name), name.to_uppercase(), name.to_lowercase()] {
            for kind in [First, Period] {
                let value = mac::check_mac_value(&[("A", "1")], STAGE);
                let found = if name == "CheckMacValue" {
                    verify(kind, &[("A", "1"), (&spelling, &value)])
                } else if kind == Period && name == "PaymentDate" {
                    continue;
                } else {
                    verify_signed(kind, &[(&spelling, &value)])
                };
                let form = found.ok().unwrap();
                assert_eq!((form.get(name), form.ambiguity()), (Some(value.as_str()), None), "{kind:?} {spelling}");
            }
        }
    }
    // One underscore makes another field.
    let form = verify_signed(First, &[("process_date", "1")]).ok().unwrap();
    assert_eq!(form.get("ProcessDate"), None);
}

#[test]
fn two_spellings_are_one_field_if_they_have_one_value() {
    for (one, other) in
        [("Amount", "amount"), ("gwsr", "Gwsr"), ("RtnCode", "RtnCode"), ("CustomField1", "customfield1")]
    {
        for kind in [First, Period] {
            assert_eq!(ambiguity(kind, &[(one, "899"), ("x", ""), (other, "899")]), None, "{one} {other}");
            let found = ambiguity(kind, &[(one, "899"), ("x", ""), (other, "1")]);
            assert_eq!(
                found,
                Some(Ambiguity::TwoValues(if one == "Amount" { "Amount" } else { one })),
                "{one} {other}"
            );
        }
    }
    // Fields that are not ECPay's decide nothing.
    assert_eq!(ambiguity(Period, &[("New", "1"), ("nEW", "2"), ("New1", "3")]), None);
    let digest = mac::check_mac_value(&[("A", "1")], STAGE);
    let lower = digest.to_lowercase();
    let twice = |other: &str| verify(Period, &[("A", "1"), ("CheckMacValue", &digest), ("checkmacvalue", other)]);
    assert_eq!(twice(&lower).ok().unwrap().ambiguity(), None);
    assert_eq!(refusal(twice("")), Some(Error::WrongDigest));
}

#[test]
fn empty_pairs_and_a_pair_without_an_equals_sign_change_nothing() {
    let digest = mac::check_mac_value(&[("A", "1"), ("B", "")], STAGE);
    for body in ["A=1&B=&CheckMacValue=#&", "&A=1&&B=&CheckMacValue=#&&", "A=1&B&CheckMacValue=#"] {
        let form = VerifiedForm::verify(Period, body.replace('#', &digest).as_bytes(), &stage_only()).ok().unwrap();
        assert_eq!((form.get("A"), form.get("B"), form.ambiguity()), (Some("1"), Some(""), None), "{body}");
    }
}

#[test]
fn a_form_with_a_process_date_is_a_recurring_charges_at_either_address() {
    for address in [First, Period] {
        for name in ["ProcessDate", "processdate", "PROCESSDATE"] {
            for further in ["PaymentDate", "StoreID"] {
                let form = verify_signed(address, &[(name, ""), (further, "1")]).ok().unwrap();
                assert_eq!(form.kind(), Period, "{address:?} {name} {further}");
            }
        }
        assert_eq!(verify_signed(address, &[("process_date", "1")]).ok().unwrap().kind(), address);
    }
}

#[test]
fn a_first_charges_form_is_refused_at_the_address_of_recurring_charges() {
    for name in ["PaymentDate", "paymentdate", "PAYMENTDATE"] {
        let fields = [("RtnCode", "1"), (name, "2025/02/01 03:05:06"), ("Amount", "899"), ("process_date", "1")];
        assert_eq!(refusal(verify_signed(Period, &fields)), Some(Error::OtherCallback), "{name}");
        assert_eq!(verify_signed(First, &fields).ok().unwrap().kind(), First, "{name}");
        // What ECPay did not sign is refused as such.
        assert_eq!(refusal(verify(Period, &fields)), Some(Error::Unsigned));
    }
}

#[test]
fn the_identity_of_a_form_is_made_of_what_decides_something_in_whatever_case() {
    let form = |fields: &[Field<'_>]| verify_signed(Period, fields).ok().unwrap().identity();
    let fields =
        [("MerchantTradeNo", "DKa1"), ("RtnCode", "1"), ("RtnMsg", "paid"), ("CustomField1", "x"), ("Gwsr", "7")];
    let same =
        [("PaymentType", "x"), ("GWSR", "7"), ("rtncode", "1"), ("MERCHANTTRADENO", "dKA1"), ("RtnMsg", "other")];
    assert_eq!(form(&fields), form(&same));
    for name in ["MerchantTradeNo", "RtnCode", "Gwsr", "Amount", "ProcessDate", "TotalSuccessTimes", "SimulatePaid"] {
        let mut other: Vec<Field<'_>> = fields.iter().copied().filter(|(known, _)| *known != name).collect();
        other.push((name, "8"));
        assert_ne!(form(&fields), form(&other), "{name}");
    }
}

#[test]
fn a_form_without_a_digest_is_unsigned_and_one_with_another_is_wrong() {
    let fields: [Field<'_>; 3] = [("MerchantID", "3002607"), ("RtnCode", "1"), ("RtnMsg", "交易成功")];
    assert_eq!(refusal(verify(Period, &fields)), Some(Error::Unsigned));
    let right = mac::check_mac_value(&fields, STAGE);
    let signed = |digest: &str| {
        let mut all = fields.to_vec();
        all.push(("CheckMacValue", digest));
        refusal(verify(Period, &all))
    };
    assert_eq!(signed(&right), None);
    assert_eq!(signed(&right.to_lowercase()), None);
    for wrong in ["", "1", &right.repeat(2), &format!("{right}A"), &format!(" {right}"), &right.replace('A', "B")] {
        assert_eq!(signed(wrong), Some(Error::WrongDigest), "{wrong}");
    }
}

#[test]
fn every_field_is_covered_by_the_digest() {
    let fields: [Field<'_>; 4] = [("MerchantID", "3002607"), ("RtnCode", "1"), ("Unknown", ""), ("gwsr", "13401070")];
    let digest = mac::check_mac_value(&fields, STAGE);
    for place in 0..fields.len() {
        let (name, value) = fields[place];
        let (longer, renamed) = (format!("{value}0"), format!("{name}0"));
        for changed in [Some((name, longer.as_str())), Some((renamed.as_str(), value)), None] {
            let mut all: Vec<Field<'_>> = fields.to_vec();
            match changed {
                Some(field) => all[place] = field,
                None => drop(all.remove(place)),
            }
            all.push(("CheckMacValue", &digest));
            assert_eq!(refusal(verify(Period, &all)), Some(Error::WrongDigest), "{name} {changed:?}");
        }
    }
    let added = [&fields[..], &[("Added", ""), ("CheckMacValue", &digest)]].concat();
    assert_eq!(refusal(verify(Period, &added)), Some(Error::WrongDigest));
}

#[test]
fn the_previous_keys_are_taken_beside_the_current_ones_and_no_others() {
    let fields = [("MerchantID", "3002607"), ("RtnCode", "1")];
    let third = Keys { key: "ejCk326UnaZWKisg", iv: "q9jcZX8Ib9LM8wYk" };
    let changed = VerificationKeys { current: hash_keys(STAGE), previous: Some(hash_keys(OLDER)) };
    for (signer, keys, taken) in [
        (STAGE, &changed, true),
        (OLDER, &changed, true),
        (third, &changed, false),
        (Keys { key: STAGE.key, iv: OLDER.iv }, &changed, false),
        (STAGE, &stage_only(), true),
        (OLDER, &stage_only(), false),
    ] {
        let found = refusal(VerifiedForm::verify(Period, &mac::signed_body(&fields, signer), keys));
        assert_eq!(found, if taken { None } else { Some(Error::WrongDigest) }, "{signer:?}");
    }
}

#[test]
fn a_form_knows_its_callback_and_keeps_all_but_the_digest_and_the_cards_first_digits() {
    let fields = [("card6no", "431195"), ("RtnCode", "1"), ("card4no", "2222"), ("Later", ""), ("StoreID", "")];
    for kind in [First, Period] {
        let form = verify_signed(kind, &fields).ok().unwrap();
        assert_eq!(form.kind(), kind);
        assert_eq!(form.get("card6no"), Some("431195"));
        assert_eq!(form.get("CheckMacValue"), Some(mac::check_mac_value(&fields, STAGE).as_str()));
        let kept: Vec<Field<'_>> = form.storable().collect();
        assert_eq!(kept, [("RtnCode", "1"), ("card4no", "2222"), ("Later", ""), ("StoreID", "")]);
    }
}

#[test]
fn a_refusal_says_nothing_that_was_received() {
    let secret = "Ab12secret";
    let digest = mac::check_mac_value(&[("Text", secret)], OLDER);
    for found in [
        refusal(verify(Period, &[("Text", secret)])),
        refusal(verify(Period, &[("Text", secret), ("CheckMacValue", &digest)])),
        refusal(verify_signed(Period, &[("Text", secret), ("PaymentDate", secret)])),
    ] {
        let said = found.unwrap().to_string();
        assert!(!said.contains("secret") && !said.contains(&digest), "{said}");
    }
    let hidden = ambiguity(Period, &[("Text", "Ab12secret&RtnCode=1")]).unwrap();
    assert_eq!(hidden.to_string(), "RtnCode stands inside another field");
    assert_eq!(Ambiguity::TwoValues("Amount").to_string(), "Amount came with two values");
    assert_eq!(Ambiguity::Ampersand("RtnCode").to_string(), "RtnCode contains an ampersand");
    assert_eq!(Error::WrongDigest.to_string(), "CheckMacValue Error");
}
