//! Input from ECPay's side: callbacks and responses.

use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;
use sandbox::ecpay::{Fields, check_mac_value, form_body};
use serde_json::{Value, json};
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::{PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::values::ids::{EventId, GatewayAuthorization, MerchantId, SubscriptionId};
use shared::domain::values::time::Timestamp;
use shared::ecpay::callback;
use shared::ecpay::callback_form::VerifiedForm;
use shared::ecpay::check_mac_value::{HashKeys, VerificationKeys};
use shared::ecpay::period_action::{PeriodActionReply, parse_period_action};
use shared::ecpay::period_query;
use shared::ecpay::period_query::parse_period_info;

use super::{check, hostile, json, shaped};

const KEY: &str = "pwFHCqoQZGmho4w6";
const IV: &str = "EkRm7iFT261dpevs";
const ORDER: &str = "DK20250131SAMPLE0001";
const KINDS: [CallbackKind; 2] = [CallbackKind::First, CallbackKind::Period];

/// Fields of callbacks with values that they may have.
const FIELDS: [(&str, &[&str]); 17] = [
    ("MerchantID", &["3002607"]),
    ("MerchantTradeNo", &[ORDER, "other"]),
    ("RtnCode", &["1", "10300066", "10100058", "0"]),
    ("RtnMsg", &["paid", "額度不足"]),
    ("TradeAmt", &["899"]),
    ("Amount", &["899", "4294967295"]),
    ("amount", &["899"]),
    ("PaymentDate", &["2025/02/15 11:58:03"]),
    ("TradeDate", &["2025/02/15 11:58:03"]),
    ("ProcessDate", &["2025/02/15 11:58:03", "9999/12/31 23:59:59"]),
    ("process_date", &["2025/02/15 11:58:03"]),
    ("TotalSuccessTimes", &["1", "2", "4294967295"]),
    ("gwsr", &["13401070", "0", ""]),
    ("Gwsr", &["13401070"]),
    ("card4no", &["2222"]),
    ("SimulatePaid", &["0", "1", ""]),
    ("CustomField1", &[""]),
];

fn keys() -> HashKeys {
    HashKeys::new(KEY.to_owned(), IV.to_owned())
}

fn verify(kind: CallbackKind, body: &[u8]) -> Option<VerifiedForm> {
    VerifiedForm::verify(kind, body, &VerificationKeys { current: keys(), previous: None }).ok()
}

fn signed(mut fields: Fields) -> Fields {
    let digest = check_mac_value(&fields, KEY, IV);
    fields.push(("CheckMacValue".to_owned(), digest));
    fields
}

fn received_at() -> Timestamp {
    Timestamp::parse("2025-02-15T04:00:00Z").unwrap()
}

/// A report that can be stored: every part within the bounds that are set for it.
fn is_bounded(report: &PaymentReport) -> bool {
    let digits = |text: &str, most| !text.is_empty() && text.len() <= most && text.bytes().all(|b| b.is_ascii_digit());
    // Failed entries of a query's log often have no code.
    let uncoded = report.source == ReportSource::Query && report.outcome == PaymentOutcome::Failed;
    report.rtn_msg.chars().count() <= 200
        && (digits(&report.rtn_code, 10) || (uncoded && report.rtn_code.is_empty()))
        && report.gwsr.as_ref().is_none_or(|gwsr| digits(gwsr.as_str(), 20))
        && report.card_last4.as_ref().is_none_or(|last| digits(last, 4))
        && EventId::parse(report.event.as_str()).as_ref() == Ok(&report.event)
        && SubscriptionId::parse(report.subscription.as_str()).as_ref() == Ok(&report.subscription)
        && shared::ecpay::date::parse(&shared::ecpay::date::format(report.processed_at)).as_ref()
            == Ok(&report.processed_at)
}

#[test]
fn bytes_without_a_signature_are_refused() {
    let pieces = prop_oneof![
        any::<Vec<u8>>(),
        hostile().prop_map(String::into_bytes),
        proptest::sample::select(FIELDS.to_vec())
            .prop_map(|(name, values)| format!("{name}={}&", values[0]).into_bytes()),
        Just(b"CheckMacValue=".to_vec()),
        Just(b"&&%%==++".to_vec()),
    ];
    check(3_000, &proptest::collection::vec(pieces, 0..40), |pieces| {
        let body = pieces.concat();
        for kind in KINDS {
            let refused =
                VerifiedForm::verify(kind, &body, &VerificationKeys { current: keys(), previous: Some(keys()) });
            let error = refused.err().map(|error| error.to_string());
            prop_assert!(error.is_some_and(|text| text.len() < 100));
        }
        Ok(())
    });
}

#[test]
fn whatever_is_signed_becomes_a_bounded_report_or_an_error() {
    let field = proptest::sample::select(FIELDS.to_vec()).prop_flat_map(|(name, values)| {
        let fitting = proptest::sample::select(values.to_vec()).prop_map(str::to_owned);
        (Just(name.to_owned()), prop_oneof![12 => fitting, 1 => hostile()])
    });
    let extra = proptest::collection::vec((hostile(), hostile()), 0..3);
    let fields = (
        proptest::sample::subsequence((0..40).collect::<Vec<usize>>(), 0..40),
        proptest::collection::vec(field, 40),
        extra,
    );
    let taken = std::cell::Cell::new(0);
    check(6_000, &fields, |(places, candidates, extra)| {
        let mut fields: Fields = Fields::new();
        for (name, value) in
            places.iter().map(|place| &candidates[*place]).chain(extra.iter().filter(|(name, _)| name.len() < 9))
        {
            if !fields.iter().any(|(known, _)| known.eq_ignore_ascii_case(name)) {
                fields.push((name.clone(), value.clone()));
            }
        }
        let fields = signed(fields);
        for kind in KINDS {
            let Some(form) = verify(kind, &form_body(&fields)) else { continue };
            for (name, value) in &fields {
                prop_assert_eq!(form.get(name), Some(value.as_str()));
            }
            let Ok(report) = callback::parse(&form, received_at()) else { continue };
            taken.set(taken.get() + 1);
            prop_assert!(is_bounded(&report), "{:?}", report);
            let backwards: Fields = fields.iter().rev().cloned().collect();
            let again = verify(kind, &form_body(&backwards)).map(|form| callback::parse(&form, received_at()));
            prop_assert_eq!(again, Some(Ok(report)));
        }
        Ok(())
    });
    assert!(taken.get() > 300, "only {} of the forms said anything", taken.get());
}

const HEAD: [(&str, &[&str]); 9] = [
    ("MerchantID", &["3002607", "\"3002607\""]),
    ("MerchantTradeNo", &[ORDER]),
    ("RtnCode", &["1", "\"1\"", "10200047"]),
    ("TotalSuccessTimes", &["0", "1", "2", "3"]),
    ("ExecStatus", &["0", "1", "2", "\"1\""]),
    ("RtnMsg", &["x"]),
    ("ExecLog", &["null", "[]"]),
    ("TotalSuccessAmount", &["899"]),
    ("Amount", &["899"]),
];

const ENTRY: [(&str, &[&str]); 6] = [
    ("RtnCode", &["1", "\"1\"", "10300066", "10100058"]),
    ("RtnMsg", &["paid", "額度不足"]),
    ("amount", &["899", "\"899\""]),
    ("gwsr", &["13401070", "13401071", "\"13401072\"", "0", ""]),
    ("process_date", &["2025/02/15 11:58:03", "2025/03/15 11:58:03", "2025/01/15 11:58:03"]),
    ("auth_code", &["777777"]),
];

type Info = Result<period_query::PeriodInfo, period_query::Error>;

fn info(body: &str) -> Info {
    let (merchant, order) = (MerchantId::parse("3002607").unwrap(), SubscriptionId::parse(ORDER).unwrap());
    let numbered = BTreeMap::from([(GatewayAuthorization::parse("13401070").unwrap(), 1)]);
    parse_period_info(body, &merchant, &order).map(|log| log.reports(&numbered))
}

fn is_sound(info: &Info, entries: usize) -> bool {
    match info {
        Ok(info) => {
            let numbers: Vec<u32> = info
                .reports
                .iter()
                .filter_map(|report| match report.outcome {
                    PaymentOutcome::Succeeded { number } => Some(number),
                    PaymentOutcome::Failed | PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand => None,
                })
                .collect();
            info.reports.len() + info.unnumbered.len() <= entries
                && info.reports.iter().all(is_bounded)
                && info.reports.is_sorted_by_key(|report| report.processed_at)
                && !numbers.contains(&0)
        }
        Err(error) => error.to_string().len() < 100,
    }
}

#[test]
fn an_answer_to_the_query_is_read_within_bounds() {
    let log = proptest::collection::vec(prop_oneof![9 => shaped(&ENTRY), 1 => json()], 0..12);
    let read = std::cell::Cell::new(0);
    check(4_000, &(shaped(&HEAD), log, any::<prop::sample::Index>(), 0..4_u8), |(mut head, log, cut, damage)| {
        let sound = json!({ "MerchantID": "3002607", "MerchantTradeNo": ORDER, "RtnCode": 1, "TotalSuccessTimes": 1, "ExecStatus": "1" });
        if damage > 0 {
            head = sound;
        }
        head["ExecLog"] = Value::from(log.clone());
        let body = head.to_string();
        let read_info = info(&body);
        read.set(read.get() + usize::from(read_info.as_ref().is_ok_and(|info| !info.reports.is_empty())));
        prop_assert!(is_sound(&read_info, log.len()), "{:?}", read_info);
        let mut cut = cut.index(body.len());
        while !body.is_char_boundary(cut) {
            cut -= 1;
        }
        prop_assert!(is_sound(&info(&body[..cut]), log.len()));
        Ok(())
    });
    assert!(read.get() > 100, "only {} of the answers said anything", read.get());
}

#[test]
fn an_answer_that_is_hardly_json_is_an_error() {
    check(2_000, &prop_oneof![hostile(), json().prop_map(|json| json.to_string())], |body| {
        prop_assert!(is_sound(&info(&body), 0));
        Ok(())
    });
    for body in ["[".repeat(400_000), "{\"ExecLog\":".repeat(40_000), format!("{{\"ExecLog\":{}1", "[".repeat(300_000))]
    {
        assert_eq!(info(&body), Err(period_query::Error::Malformed));
    }
    // Twice the same name, and a log of the longest order.
    assert_eq!(info("{\"RtnCode\":1,\"RtnCode\":10200047}"), Err(period_query::Error::Malformed));
    let entry = |number: u32| json!({ "RtnCode": 1, "amount": 899, "gwsr": 20_000_000 + number, "process_date": "2025/02/15 11:58:03" });
    let log: Vec<Value> = (0..999).map(entry).collect();
    let whole = json!({ "MerchantID": "3002607", "MerchantTradeNo": ORDER, "RtnCode": 1, "TotalSuccessTimes": 999, "ExecStatus": 2, "ExecLog": log });
    assert_eq!(info(&whole.to_string()).unwrap().reports.len(), 999);
}

#[test]
fn only_a_signed_reply_about_the_order_says_anything() {
    let order = SubscriptionId::parse(ORDER).unwrap();
    const REPLY: [(&str, &[&str]); 4] = [
        ("RtnCode", &["1", "1", "0", "10100058"]),
        ("MerchantTradeNo", &[ORDER, ORDER, "", "other"]),
        ("RtnMsg", &["OK"]),
        ("x", &[""]),
    ];
    let field = proptest::sample::select(REPLY.to_vec()).prop_flat_map(|(name, values)| {
        let fitting = proptest::sample::select(values.to_vec()).prop_map(str::to_owned);
        (Just(name), prop_oneof![9 => fitting, 1 => hostile()])
    });
    let accepted = std::cell::Cell::new(0);
    check(4_000, &(proptest::collection::vec(field, 0..6), any::<bool>()), |(pairs, is_signed)| {
        let unsigned: Fields = pairs.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
        let fields = if is_signed { signed(unsigned.clone()) } else { unsigned.clone() };
        let body = fields.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let reply = parse_period_action(&body, &order, &keys());
        let told: BTreeSet<&str> =
            unsigned.iter().filter(|(name, _)| name == "RtnCode").map(|(_, code)| code.as_str()).collect();
        match reply {
            Ok(PeriodActionReply::Accepted) => {
                accepted.set(accepted.get() + 1);
                prop_assert!(is_signed && told.contains("1") && unsigned.iter().any(|(_, value)| value == ORDER));
            }
            Ok(PeriodActionReply::Refused { rtn_code }) => prop_assert!(is_signed && rtn_code.chars().count() <= 10),
            Err(error) => prop_assert!(error.to_string().len() < 100),
        }
        Ok(())
    });
    assert!(accepted.get() > 10, "only {} of the replies were accepted", accepted.get());
}
