//! Success numbers of a query's log, which has none: matching by authorisation, and the first authorisation.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::domain::billing::payments::payment::PaymentOutcome;
use shared::ecpay::period_query::{PeriodInfo, parse_period_info};

use crate::period_query::ORDER;
use crate::{authorization, merchant, order_id, utc};

/// RtnCode, gwsr, and the date in 2025 (Asia/Taipei).
type Entry = (&'static str, &'static str, &'static str);

fn info(total: u32, entries: &[Entry], numbered: &[(&str, u32)]) -> PeriodInfo {
    let log: Vec<Value> = entries
        .iter()
        .map(|(code, gwsr, day)| {
            json!({"RtnCode": code, "gwsr": gwsr, "amount": 899, "process_date": format!("2025/{day} 03:05:06")})
        })
        .collect();
    let body = json!({"MerchantID": "3002607", "MerchantTradeNo": ORDER, "RtnCode": 1, "TotalSuccessTimes": total,
        "ExecStatus": "1", "ExecLog": log});
    let numbered: BTreeMap<_, _> = numbered.iter().map(|(gwsr, number)| (authorization(gwsr), *number)).collect();
    parse_period_info(&body.to_string(), &merchant("3002607"), &order_id(ORDER)).unwrap().reports(&numbered)
}

/// Event, gwsr and "first authorisation" of each report, and the count of successes without a number.
fn seen(info: &PeriodInfo) -> (Vec<(String, String, bool)>, usize) {
    let reports = info.reports.iter().map(|report| {
        let gwsr = report.gwsr.as_ref().map_or("", |gwsr| gwsr.as_str());
        (report.event.to_string(), gwsr.to_owned(), report.first)
    });
    (reports.collect(), info.unnumbered.len())
}

fn expected(reports: &[(&str, &str, bool)], unnumbered: usize) -> (Vec<(String, String, bool)>, usize) {
    let reports = reports.iter().map(|(event, gwsr, first)| ((*event).to_owned(), (*gwsr).to_owned(), *first));
    (reports.collect(), unnumbered)
}

const FAILED: &str = "10100252";
const OPEN: &str = "10300066";

#[test]
fn a_log_with_as_many_successes_as_the_header_counts_is_numbered_by_date() {
    let unsorted = [("1", "30", "03/15"), ("1", "10", "01/15"), ("1", "20", "02/15")];
    let by_date = expected(&[("S:1", "10", true), ("S:2", "20", false), ("S:3", "30", false)], 0);
    assert_eq!(seen(&info(3, &unsorted, &[])), by_date);
    // An authorisation known under another number does not change that.
    assert_eq!(seen(&info(3, &unsorted, &[("10", 7), ("30", 2)])), by_date);
}

#[test]
fn failures_between_successes_take_no_number() {
    let entries = [
        (FAILED, "", "02/15"),
        ("1", "10", "01/15"),
        (FAILED, "15", "02/16"),
        (OPEN, "16", "02/17"),
        ("1", "20", "02/18"),
        (FAILED, "0", "03/15"),
    ];
    let outcomes = [
        PaymentOutcome::Succeeded { number: 1 },
        PaymentOutcome::Failed,
        PaymentOutcome::Failed,
        PaymentOutcome::Pending,
        PaymentOutcome::Succeeded { number: 2 },
        PaymentOutcome::Failed,
    ];
    let found = info(2, &entries, &[]);
    let reports = [
        ("S:1", "10", true),
        ("F:20250215030506", "", false),
        ("F:20250216030506", "15", false),
        ("P:20250217030506", "16", false),
        ("S:2", "20", false),
        ("F:20250315030506", "", false),
    ];
    assert_eq!(seen(&found), expected(&reports, 0));
    assert_eq!(found.reports.iter().map(|report| report.outcome).collect::<Vec<_>>(), outcomes);
    let codes: Vec<&str> = found.reports.iter().map(|report| report.rtn_code.as_str()).collect();
    assert_eq!(codes, ["1", FAILED, FAILED, OPEN, "1", FAILED]);
}

#[test]
fn a_failure_before_the_first_success_of_a_paid_order_is_one_of_a_later_charge() {
    let entries = [(FAILED, "", "01/15"), (OPEN, "", "01/16"), ("1", "10", "01/17")];
    let reports = [("F:20250115030506", "", false), ("P:20250116030506", "", false), ("S:1", "10", true)];
    assert_eq!(seen(&info(1, &entries, &[])), expected(&reports, 0));
}

#[test]
fn while_no_charge_succeeded_every_entry_is_about_the_first() {
    let entries = [(FAILED, "", "01/15"), (OPEN, "16", "01/16"), ("", "", "01/17"), ("0", "", "01/18")];
    let reports = [
        ("F1:20250115030506", "", true),
        ("P1:20250116030506", "16", true),
        // The entry of the 17th has no code: a failure all the same.
        ("F1:20250117030506", "", true),
        ("F1:20250118030506", "", true),
    ];
    assert_eq!(seen(&info(0, &entries, &[])), expected(&reports, 0));
}

#[test]
fn where_log_and_header_disagree_only_known_authorisations_have_numbers() {
    let entries = [("1", "10", "01/15"), ("1", "20", "02/15"), ("1", "30", "03/15"), (FAILED, "", "04/15")];
    for total in [1, 2, 4, 900] {
        let found = info(total, &entries, &[("10", 1), ("30", 3), ("99", 2)]);
        let reports = [("S:1", "10", true), ("S:3", "30", false), ("F:20250415030506", "", false)];
        assert_eq!(seen(&found), expected(&reports, 1), "{total}");
        let none = info(total, &entries, &[]);
        assert_eq!(seen(&none), expected(&[("F:20250415030506", "", false)], 3), "{total}");
    }
}

/// The log is believed where it has a success, so that a failure after it is one of a later charge.
#[test]
fn a_success_where_the_header_counts_none_has_no_number_unless_it_is_known() {
    let entries = [("1", "10", "01/15"), (FAILED, "", "01/16")];
    let failure = ("F:20250116030506", "", false);
    assert_eq!(seen(&info(0, &entries, &[])), expected(&[failure], 1));
    assert_eq!(seen(&info(0, &entries, &[("10", 1)])), expected(&[("S:1", "10", true), failure], 0));
}

#[test]
fn a_failure_where_the_header_counts_a_success_is_one_of_a_later_charge() {
    let failure = expected(&[("F:20250116030506", "", false)], 0);
    assert_eq!(seen(&info(1, &[(FAILED, "", "01/16")], &[])), failure);
}

#[test]
fn a_success_without_a_number_is_known_by_its_time() {
    let entries = [("1", "10", "01/15"), ("1", "", "02/15"), ("1", "30", "03/15")];
    let found = info(2, &entries, &[("10", 1), ("30", 3)]);
    assert_eq!(seen(&found), expected(&[("S:1", "10", true), ("S:3", "30", false)], 1));
    assert_eq!(found.unnumbered, [utc("2025-02-14T19:05:06Z")]);
}

#[test]
fn charges_of_one_second_stay_in_the_order_of_the_log() {
    let entries = [("1", "20", "01/15"), ("1", "10", "01/15")];
    assert_eq!(seen(&info(2, &entries, &[])), expected(&[("S:1", "20", true), ("S:2", "10", false)], 0));
}

#[test]
fn the_first_charge_is_the_one_that_is_stored_as_number_1_wherever_it_is_in_the_log() {
    let entries = [("1", "10", "01/15"), ("1", "20", "02/15")];
    assert_eq!(seen(&info(3, &entries, &[("20", 1)])), expected(&[("S:1", "20", true)], 1));
    assert_eq!(seen(&info(3, &entries, &[("10", 1)])), expected(&[("S:1", "10", true)], 1));
    assert_eq!(
        seen(&info(3, &entries, &[("10", 2), ("20", 3)])),
        expected(&[("S:2", "10", false), ("S:3", "20", false)], 0)
    );
}
