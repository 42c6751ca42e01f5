//! Rules for names, verification of CheckMacValue, and the stored part of a form.

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::ecpay::callback_form::{Error, VerifiedForm};
use shared::ecpay::check_mac_value::VerificationKeys;

use crate::{Field, Keys, OLDER, STAGE, hash_keys, mac, refusal, stage_only, verify, verify_signed};
use CallbackKind::{First, Period};

/// Documented fields that both callbacks spell alike; `gwsr` has two spellings, and `amount` has one in each callback.
/// each callback.
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
fn a_name_is_made_of_letters_digits_and_underscores() {
    for byte in 0_u8..128 {
        let letter = char::from(byte);
        let allowed = letter.is_ascii_alphanumeric() || letter == '_';
        for name in [letter.to_string(), format!("{letter}x"), format!("x{letter}")] {
            let expected = if allowed { None } else { Some(Error::MalformedName) };
            assert_eq!(refusal(verify_signed(First, &[(&name, "1")])), expected, "{name:?}");
        }
    }
    assert_eq!(refusal(verify_signed(First, &[("", "1")])), Some(Error::MalformedName));
    assert_eq!(refusal(verify_signed(First, &[("Größe", "1")])), Some(Error::MalformedName));
    assert_eq!(refusal(verify_signed(First, &[("ＲtnCode", "1")])), Some(Error::MalformedName));
}

#[test]
fn a_documented_field_is_taken_in_its_own_spelling_only() {
    for name in DOCUMENTED {
        for spelling in [swap_case(name), name.to_uppercase(), name.to_lowercase()] {
            for kind in [First, Period] {
                let expected = if spelling == name { None } else { Some(Error::NameInAnotherCase(name)) };
                let found = if name == "CheckMacValue" {
                    let digest = mac::check_mac_value(&[("A", "1")], STAGE);
                    refusal(verify(kind, &[("A", "1"), (&spelling, &digest)]))
                } else {
                    refusal(verify_signed(kind, &[(&spelling, "1")]))
                };
                assert_eq!(found, expected, "{kind:?} {spelling}");
            }
        }
        if name != "CheckMacValue" {
            assert_eq!(refusal(verify_signed(First, &[(name, "1")])), None, "{name}");
        }
    }
}

#[test]
fn each_callback_has_its_spelling_of_the_amount() {
    for (kind, spelling, taken) in [
        (First, "amount", true),
        (First, "Amount", false),
        (First, "AMOUNT", false),
        (Period, "Amount", true),
        (Period, "amount", false),
        (Period, "aMOUNT", false),
    ] {
        let found = refusal(verify_signed(kind, &[(spelling, "899")]));
        assert_eq!(found.is_none(), taken, "{kind:?} {spelling}: {found:?}");
        assert_eq!(taken, !matches!(found, Some(Error::NameInAnotherCase("amount"))), "{kind:?} {spelling}: {found:?}");
    }
}

#[test]
fn the_authorisation_number_has_two_spellings_but_comes_once() {
    for kind in [First, Period] {
        assert_eq!(refusal(verify_signed(kind, &[("gwsr", "1")])), None);
        assert_eq!(refusal(verify_signed(kind, &[("Gwsr", "1")])), None);
        assert_eq!(refusal(verify_signed(kind, &[("GWSR", "1")])), Some(Error::NameInAnotherCase("gwsr")));
        assert_eq!(refusal(verify(kind, &[("gwsr", "1"), ("Gwsr", "1")])), Some(Error::RepeatedName));
        assert_eq!(refusal(verify(kind, &[("Gwsr", "1"), ("gwsr", "1")])), Some(Error::RepeatedName));
    }
}

#[test]
fn no_name_comes_twice_in_whatever_case() {
    for twins in [("RtnCode", "RtnCode"), ("New", "New"), ("New", "nEW"), ("a_1", "A_1"), ("_", "_")] {
        let fields = [(twins.0, "1"), ("Between", "2"), (twins.1, "1")];
        assert_eq!(refusal(verify(Period, &fields)), Some(Error::RepeatedName), "{twins:?}");
    }
    assert_eq!(refusal(verify_signed(Period, &[("New", "1"), ("New1", "1"), ("NewX", "1"), ("xNew", "1")])), None);
    let digest = mac::check_mac_value(&[("A", "1")], STAGE);
    let twice = [("A", "1"), ("CheckMacValue", digest.as_str()), ("CheckMacValue", digest.as_str())];
    assert_eq!(refusal(verify(Period, &twice)), Some(Error::RepeatedName));
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
    let name = "Ab12-secret";
    for found in [
        refusal(verify(Period, &[("Text", secret)])),
        refusal(verify(Period, &[("Text", secret), ("CheckMacValue", &digest)])),
        refusal(verify(Period, &[(name, secret)])),
        refusal(verify(Period, &[(secret, "1"), (secret, "1")])),
        refusal(verify(Period, &[("Text", "Ab12secret&RtnCode=1")])),
    ] {
        let said = found.unwrap().to_string();
        assert!(!said.contains("secret") && !said.contains(&digest), "{said}");
    }
    assert_eq!(Error::NameInAnotherCase("RtnCode").to_string(), "field RtnCode is spelled in another case");
    assert_eq!(Error::WrongDigest.to_string(), "CheckMacValue Error");
}
