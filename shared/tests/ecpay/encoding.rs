//! Decoding of a body: size, pairs, percent-encoding and UTF-8.

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::ecpay::callback_form::{Error, LARGEST_BODY, VerifiedForm};

use crate::{STAGE, mac, refusal, stage_only, verify_signed};

/// Decoded value of `Text` in this notation, in a form signed for the expected value.
fn read_as(written: &[u8], value: &str) -> Result<Option<String>, Error> {
    let digest = mac::check_mac_value(&[("Text", value)], STAGE);
    let mut body = b"Text=".to_vec();
    body.extend(written);
    body.extend(format!("&CheckMacValue={digest}").into_bytes());
    VerifiedForm::verify(CallbackKind::Period, &body, &stage_only()).map(|form| form.get("Text").map(str::to_owned))
}

fn why(body: &[u8]) -> Option<Error> {
    refusal(VerifiedForm::verify(CallbackKind::First, body, &stage_only()))
}

/// Signed form of exactly this many bytes.
fn sized(bytes: usize) -> Vec<u8> {
    let frame = mac::signed_body(&[("Text", "")], STAGE).len();
    let filler = "x".repeat(bytes - frame);
    let body = mac::signed_body(&[("Text", &filler)], STAGE);
    assert_eq!(body.len(), bytes);
    body
}

#[test]
fn a_body_of_20_kib_is_read_and_one_byte_more_is_not_looked_at() {
    assert_eq!(LARGEST_BODY, 20_480);
    assert_eq!(why(&sized(1_024)), None);
    assert_eq!(why(&sized(20_479)), None);
    assert_eq!(why(&sized(20_480)), None);
    assert_eq!(why(&sized(20_481)), Some(Error::TooLarge));
    assert_eq!(why(&sized(40_000)), Some(Error::TooLarge));
    assert_eq!(why(&vec![0xff; 20_480]), Some(Error::NotAForm));
    assert_eq!(why(&vec![0xff; 20_481]), Some(Error::TooLarge));
}

#[test]
fn a_true_form_has_at_most_256_fields_and_empty_pairs_are_none() {
    // The last field is the CheckMacValue.
    let signed = |fields: usize| {
        let names: Vec<String> = (1..fields).map(|number| format!("F{number}")).collect();
        let pairs: Vec<(&str, &str)> = names.iter().map(|name| (name.as_str(), "1")).collect();
        mac::signed_body(&pairs, STAGE)
    };
    assert_eq!(why(&signed(256)), None);
    assert_eq!(why(&signed(257)), Some(Error::NotAForm));
    assert_eq!(why(&[b"&&&".as_slice(), &signed(256), b"&&"].concat()), None);
}

#[test]
fn a_body_of_any_pairs_is_a_form_and_unsigned_without_a_digest() {
    let forms: [&[u8]; 11] =
        [b"", b"hello", b"&", b"&&&", b"A=1&", b"&A=1", b"A=1&&B=2", b"A=1&B", b"A&B=2", b"A=1", b"A=&B=&C="];
    for body in forms {
        assert_eq!(why(body), Some(Error::Unsigned), "{}", String::from_utf8_lossy(body));
    }
}

#[test]
fn the_first_equals_sign_ends_the_name_and_further_ones_are_the_values() {
    assert_eq!(read_as(b"a=b", "a=b"), Ok(Some("a=b".to_owned())));
    assert_eq!(read_as(b"=", "="), Ok(Some("=".to_owned())));
    assert_eq!(read_as(b"", ""), Ok(Some(String::new())));
}

#[test]
fn every_byte_of_ascii_is_read_from_its_escape_in_either_case() {
    for byte in 0_u8..128 {
        let value = char::from(byte).to_string();
        for written in [format!("%{byte:02x}"), format!("%{byte:02X}")] {
            assert_eq!(read_as(written.as_bytes(), &value), Ok(Some(value.clone())), "{written}");
        }
    }
}

#[test]
fn a_plus_is_a_blank_and_an_escaped_plus_is_a_plus() {
    assert_eq!(read_as(b"a+b", "a b"), Ok(Some("a b".to_owned())));
    assert_eq!(read_as(b"a%20b", "a b"), Ok(Some("a b".to_owned())));
    assert_eq!(read_as(b"a%2Bb", "a+b"), Ok(Some("a+b".to_owned())));
    assert_eq!(read_as(b"a%252Bb", "a%2Bb"), Ok(Some("a%2Bb".to_owned())));
}

#[test]
fn an_escape_has_two_hex_digits() {
    for written in ["%", "%4", "%%", "%%41", "x%", "x%4", "% 4", "%4 ", "%+1", "%1+", "%-1"] {
        assert_eq!(read_as(written.as_bytes(), ""), Err(Error::NotAForm), "{written}");
    }
    // Neighbours of 0-9, A-F and a-f in ASCII.
    for stranger in ['/', ':', '@', 'G', '`', 'g'] {
        for written in [format!("%{stranger}1"), format!("%1{stranger}")] {
            assert_eq!(read_as(written.as_bytes(), ""), Err(Error::NotAForm), "{written}");
        }
    }
}

#[test]
fn escapes_and_raw_bytes_make_utf_8() {
    // é, 中 and an emoji: two, three and four bytes.
    assert_eq!(read_as(b"%C3%A9", "é"), Ok(Some("é".to_owned())));
    assert_eq!(read_as(b"%e4%B8%Ad", "中"), Ok(Some("中".to_owned())));
    assert_eq!(read_as(b"%F0%9F%98%80", "\u{1f600}"), Ok(Some("\u{1f600}".to_owned())));
    assert_eq!(read_as("é中".as_bytes(), "é中"), Ok(Some("é中".to_owned())));
}

#[test]
fn what_is_not_utf_8_is_not_a_form() {
    for written in ["%FF", "%80", "%E4%B8", "%C0%80", "%ED%A0%80", "%F4%90%80%80"] {
        assert_eq!(read_as(written.as_bytes(), ""), Err(Error::NotAForm), "{written}");
    }
    assert_eq!(read_as(&[0xe4, 0xb8], ""), Err(Error::NotAForm));
    assert_eq!(why(b"%FF=1"), Some(Error::NotAForm));
}

#[test]
fn a_name_may_be_escaped_too() {
    let digest = mac::check_mac_value(&[("RtnCode", "1")], STAGE);
    let body = format!("%52tn%43ode=1&CheckMac%56alue={digest}");
    let form = VerifiedForm::verify(CallbackKind::Period, body.as_bytes(), &stage_only()).ok().unwrap();
    assert_eq!(form.get("RtnCode"), Some("1"));
}

#[test]
fn values_come_out_as_they_went_in() {
    let odd = "a b+c~d'e!f*g(h)i-j_k.l%m&n=o/p:q#r@s，\u{1f600}";
    let form = verify_signed(CallbackKind::Period, &[("Text", odd), ("Empty", "")]).ok().unwrap();
    assert_eq!(form.get("Text"), Some(odd));
    assert_eq!(form.get("Empty"), Some(""));
    assert_eq!(form.get("text"), Some(odd));
    assert_eq!(form.get("Absent"), None);
}
