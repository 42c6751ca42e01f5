//! Whole lives of orders.

use super::form::{parse_form, value};
use super::simulator::Ecpay;
use super::test_support::{NUMBER, at, ecpay, order_body, order_form, ordered, request_at, sent, signed};

const ORDERED: &str = "2026-01-05T10:00:00+08:00";

fn ask_retry(ecpay: &mut Ecpay, now: &str) -> bool {
    let body = request_at(&[("Action", "ReAuth")], at(now).timestamp());
    ecpay.period_action(&body, at(now)).starts_with("RtnCode=1&")
}

fn outcomes(ecpay: &mut Ecpay, codes: &[&str]) {
    ecpay.set_next_outcomes(NUMBER, codes.iter().map(|code| (*code).to_owned()).collect());
}

#[test]
fn a_failed_charge_is_retried_and_recovers() {
    let mut ecpay = ordered(ORDERED);
    outcomes(&mut ecpay, &["10100252", "1"]);
    assert_eq!(ecpay.next_due(), Some(at("2026-02-05T10:00:00+08:00")));
    let lines = ecpay.advance(at("2026-02-05T12:00:00+08:00"));
    assert_eq!(lines, [(at("2026-02-05T10:00:00+08:00"), format!("charge 2 of {NUMBER} failed (10100252)"))]);
    let failure = sent(&mut ecpay, "2026-02-05T12:00:00+08:00");
    assert_eq!(value(&failure, "RtnMsg"), "額度不足，請檢查卡片額度或餘額");
    assert_eq!((value(&failure, "gwsr"), value(&failure, "AuthCode")), ("", ""));
    assert_eq!(value(&failure, "TotalSuccessTimes"), "1");
    assert!(!failure.iter().any(|(name, _)| name == "SimulatePaid"));

    assert!(ask_retry(&mut ecpay, "2026-02-06T12:00:00+08:00"));
    assert!(!ask_retry(&mut ecpay, "2026-02-06T12:01:00+08:00"));
    assert_eq!(ecpay.next_due(), Some(at("2026-02-06T13:00:00+08:00")));
    ecpay.advance(at("2026-02-06T13:00:00+08:00"));
    let success = sent(&mut ecpay, "2026-02-06T13:00:00+08:00");
    assert_eq!(value(&success, "TotalSuccessTimes"), "2");
    assert_eq!(value(&success, "ProcessDate"), "2026/02/06 13:00:00");
    assert_eq!(success.len(), 19);
    assert!(!ask_retry(&mut ecpay, "2026-02-06T14:00:00+08:00"));

    let view = ecpay.view(NUMBER).unwrap();
    assert_eq!(view["charges"][2]["kind"], "retry");
    assert_eq!(view["charges"][2]["success_number"], 2);
    assert_eq!(view["next_charge_at"], "2026-03-05T02:00:00Z");
    let asked: Vec<_> = view["retries_asked"].as_array().unwrap().to_vec();
    let accepted: Vec<_> = asked.iter().map(|ask| ask["accepted"] == true).collect();
    assert_eq!(accepted, [true, false, false]);
}

#[test]
fn an_order_of_the_31st_is_charged_on_the_last_days() {
    let mut ecpay = ordered("2026-01-31T23:59:58+08:00");
    let lines = ecpay.advance(at("2026-04-01T00:00:00+08:00"));
    let days: Vec<_> = lines.iter().map(|(at, _)| *at).collect();
    assert_eq!(days, [at("2026-02-28T23:59:58+08:00"), at("2026-03-31T23:59:58+08:00")]);
}

#[test]
fn six_failures_cancel_the_rest() {
    let mut ecpay = ordered(ORDERED);
    outcomes(&mut ecpay, &["9", "9", "1", "9", "9", "10100251", "10100251", "1"]);
    assert_eq!(ecpay.advance(at("2030-01-01T00:00:00Z")).len(), 7);
    let view = ecpay.view(NUMBER).unwrap();
    assert_eq!((&view["state"], &view["failures"]), (&"cancelled".into(), &6.into()));
    assert_eq!(view["total_success_times"], 2);
    assert_eq!(view["next_charge_at"], serde_json::Value::Null);
    let what = &ecpay.take_due_callbacks(at("2030-01-01T00:00:00Z"))[6].what;
    assert_eq!(*what, format!("charge 8 of {NUMBER} failed (10100251)"));
}

#[test]
fn an_order_finishes_after_its_last_execution() {
    let mut ecpay = ecpay();
    let mut form = order_form();
    form.retain(|(name, _)| name != "ExecTimes");
    form.push(("ExecTimes".into(), "3".into()));
    ecpay.checkout(&signed(form), at(ORDERED)).unwrap();
    let lines = ecpay.advance(at("2030-01-01T00:00:00Z"));
    assert_eq!(lines.len(), 2);
    assert_eq!(lines[1].1, format!("charge 3 of {NUMBER} succeeded; the order is finished"));
    assert_eq!(ecpay.view(NUMBER).unwrap()["state"], "finished");
}

#[test]
fn an_unacknowledged_callback_is_sent_five_times_with_changed_text() {
    let mut ecpay = ecpay();
    ecpay.checkout(&order_body(), at(ORDERED)).unwrap();
    let mut now = at(ORDERED);
    let mut texts = Vec::new();
    let mut macs = Vec::new();
    while let Some(due) = ecpay.next_due().filter(|due| *due < at("2026-01-06T00:00:00Z")) {
        assert!(due == now || due == now + chrono::TimeDelta::minutes(10));
        now = due;
        for callback in ecpay.take_due_callbacks(now) {
            let fields = parse_form(&callback.body).unwrap();
            texts.push(value(&fields, "RtnMsg").to_owned());
            macs.push(value(&fields, "CheckMacValue").to_owned());
            ecpay.callback_answered(callback.id, false, now);
        }
    }
    assert_eq!(texts, ["交易成功", "paid", "paid", "paid", "paid"]);
    assert_ne!(macs[0], macs[1]);
    assert_eq!(macs[1], macs[4]);
}

#[test]
fn a_resent_failure_is_marked_and_an_acknowledged_one_stops() {
    let mut ecpay = ecpay();
    outcomes(&mut ecpay, &["10100058"]);
    ecpay.checkout(&order_body(), at(ORDERED)).unwrap();
    let first = ecpay.take_due_callbacks(at(ORDERED));
    assert!(ecpay.take_due_callbacks(at(ORDERED)).is_empty());
    ecpay.callback_answered(first[0].id, false, at(ORDERED));
    let again = sent(&mut ecpay, "2026-01-05T10:10:00+08:00");
    assert_eq!(value(&again, "RtnMsg"), "Pay Fail(re-send)");
    assert_eq!(ecpay.next_due(), None);
}

#[test]
fn a_pending_first_charge_is_decided_half_an_hour_later() {
    let mut ecpay = ecpay();
    outcomes(&mut ecpay, &["10300066", "1"]);
    let result = ecpay.checkout(&order_body(), at(ORDERED)).unwrap();
    assert_eq!(result.rtn_code, "10300066");
    assert_eq!(value(&sent(&mut ecpay, ORDERED), "RtnCode"), "10300066");
    assert_eq!(ecpay.view(NUMBER).unwrap()["state"], "pending");
    assert_eq!(ecpay.next_due(), Some(at("2026-01-05T10:30:00+08:00")));
    ecpay.advance(at("2026-01-05T10:30:00+08:00"));
    let paid = sent(&mut ecpay, "2026-01-05T10:30:00+08:00");
    assert_eq!(value(&paid, "RtnCode"), "1");
    assert_eq!(ecpay.next_due(), Some(at("2026-02-05T10:00:00+08:00")));
}

#[test]
fn the_state_survives_a_file_and_an_unanswered_send_is_made_again() {
    let mut ecpay = ecpay();
    ecpay.checkout(&order_body(), at(ORDERED)).unwrap();
    let taken = ecpay.take_due_callbacks(at(ORDERED));
    let text = serde_json::to_string(&ecpay).unwrap();
    let mut read: Ecpay = serde_json::from_str(&text).unwrap();
    assert_eq!(read.view(NUMBER), ecpay.view(NUMBER));
    assert_eq!(read.take_due_callbacks(at(ORDERED)), taken);
}
