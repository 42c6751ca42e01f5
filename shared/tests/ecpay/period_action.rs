//! CreditCardPeriodAction: the request, and the accepted responses.

use shared::ecpay::period_action::{
    NotAReply, PeriodAction, PeriodActionReply, parse_period_action, period_action_form,
};

use crate::{Field, OLDER, STAGE, hash_keys, mac, merchant, order_id, utc, with, without};

const ORDER: &str = "SUB20250101A0001";
const ACCEPTED: [Field<'static>; 4] =
    [("RtnCode", "1"), ("RtnMsg", "停用成功"), ("MerchantID", "3002607"), ("MerchantTradeNo", ORDER)];

fn read(body: &str) -> Result<PeriodActionReply, NotAReply> {
    parse_period_action(body, &order_id(ORDER), &hash_keys(STAGE))
}

fn read_signed(fields: &[Field<'_>]) -> Result<PeriodActionReply, NotAReply> {
    read(&mac::signed_reply(fields, STAGE))
}

fn refused(rtn_code: &str) -> Result<PeriodActionReply, NotAReply> {
    Ok(PeriodActionReply::Refused { rtn_code: rtn_code.to_owned() })
}

#[test]
fn a_request_has_these_fields_and_no_others() {
    // 2025-02-01 03:05:06 in Taipei; CheckMacValues of the Python oracle.
    let wall = utc("2025-01-31T19:05:06Z");
    for (action, name, digest) in [
        (PeriodAction::ReAuth, "ReAuth", "D705398855C981457478002B7CA2B41947276D784FC3BB82A59571D0812276ED"),
        (PeriodAction::Cancel, "Cancel", "F5123C2329DEF11699EB1C484EE1D9C979A10F673AA9E20579C5FD4CF009D55B"),
    ] {
        let form = period_action_form(action, &merchant("3002607"), &order_id(ORDER), wall, &hash_keys(STAGE));
        let form: Vec<Field<'_>> = form.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let expected = [
            ("MerchantID", "3002607"),
            ("MerchantTradeNo", ORDER),
            ("TimeStamp", "1738350306"),
            ("Action", name),
            ("CheckMacValue", digest),
        ];
        assert_eq!(form, expected);
    }
}

#[test]
fn code_1_about_the_order_is_acceptance() {
    assert_eq!(read_signed(&ACCEPTED), Ok(PeriodActionReply::Accepted));
    let mut reversed = ACCEPTED;
    reversed.reverse();
    assert_eq!(read_signed(&reversed), Ok(PeriodActionReply::Accepted));
    assert_eq!(read_signed(&with(&ACCEPTED, "Further", "")), Ok(PeriodActionReply::Accepted));
}

#[test]
fn any_other_code_about_the_order_is_a_refusal() {
    for code in ["100006", "90100149", "10200083", "0", "11", "01", "1 ", "one", ""] {
        assert_eq!(read_signed(&with(&ACCEPTED, "RtnCode", code)), refused(code), "{code:?}");
    }
}

#[test]
fn a_refusal_of_the_request_itself_has_empty_ids_but_an_acceptance_names_the_order() {
    let blank = with(&with(&ACCEPTED, "MerchantTradeNo", ""), "MerchantID", "");
    assert_eq!(read_signed(&with(&blank, "RtnCode", "10200083")), refused("10200083"));
    assert_eq!(read_signed(&blank), Err(NotAReply));
}

#[test]
fn an_answer_about_another_order_says_nothing() {
    for other in ["SUB20250101A0002", "sub20250101a0001", "SUB20250101A000", "SUB20250101A00011", " SUB20250101A0001"] {
        let fields = with(&ACCEPTED, "MerchantTradeNo", other);
        assert_eq!(read_signed(&fields), Err(NotAReply), "{other}");
        assert_eq!(read_signed(&with(&fields, "RtnCode", "100006")), Err(NotAReply), "{other}");
    }
}

#[test]
fn an_answer_without_code_order_or_digest_says_nothing() {
    assert_eq!(read_signed(&without(&ACCEPTED, "RtnCode")), Err(NotAReply));
    assert_eq!(read_signed(&without(&ACCEPTED, "MerchantTradeNo")), Err(NotAReply));
    let no_order = with(&without(&ACCEPTED, "MerchantTradeNo"), "RtnCode", "100006");
    assert_eq!(read_signed(&no_order), Err(NotAReply));
    let unsigned = format!("RtnCode=1&RtnMsg=&MerchantID=3002607&MerchantTradeNo={ORDER}");
    assert_eq!(read(&unsigned), Err(NotAReply));
    for nothing in ["", " ", "1|OK", "<html>", "{}", "RtnCode", "CheckMacValue", "CheckMacValue=", "&&"] {
        assert_eq!(read(nothing), Err(NotAReply), "{nothing}");
    }
}

#[test]
fn an_answer_that_was_changed_or_signed_by_another_says_nothing() {
    let right = mac::signed_reply(&ACCEPTED, STAGE);
    assert_eq!(read(&right), Ok(PeriodActionReply::Accepted));
    for changed in [
        right.replace("RtnCode=1", "RtnCode=2"),
        right.replace("停用", "啟用"),
        right.replace("3002607", "3002608"),
        format!("{right}0"),
        format!("Added=&{right}"),
        right.replace("&RtnMsg=停用成功", ""),
        mac::signed_reply(&ACCEPTED, OLDER),
        right.split("CheckMacValue").next().unwrap().to_owned() + "CheckMacValue=",
    ] {
        assert_eq!(read(&changed), Err(NotAReply), "{changed}");
    }
}

#[test]
fn values_are_read_as_they_stand() {
    for message in ["a+b", "a b", "100%", "%41", "a=b", "=", "", "停用 / 成功"] {
        assert_eq!(read_signed(&with(&ACCEPTED, "RtnMsg", message)), Ok(PeriodActionReply::Accepted), "{message}");
    }
    // A CheckMacValue over the decoded text differs from one over the text as sent.
    let decoded = mac::check_mac_value(&with(&ACCEPTED, "RtnMsg", "a b"), STAGE);
    let body = format!("RtnCode=1&RtnMsg=a+b&MerchantID=3002607&MerchantTradeNo={ORDER}&CheckMacValue={decoded}");
    assert_eq!(read(&body), Err(NotAReply));
}

#[test]
fn blanks_and_line_ends_around_an_answer_and_a_digest_in_small_letters_do_not_matter() {
    let right = mac::signed_reply(&ACCEPTED, STAGE);
    for around in [format!("{right}\r\n"), format!("\n {right} ")] {
        assert_eq!(read(&around), Ok(PeriodActionReply::Accepted), "{around:?}");
    }
    let (fields, digest) = right.rsplit_once('=').unwrap();
    assert_eq!(read(&format!("{fields}={}", digest.to_lowercase())), Ok(PeriodActionReply::Accepted));
}
