//! Dates and success numbers that an order can have, and that whatever is stored can be read.

use proptest::prelude::*;
use shared::domain::billing::decide::order::create_order;
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decision::{Actor, DecisionContext, HistoryEntry, PaymentDecision, Snapshot};
use shared::domain::billing::next_action::NextAction;
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::billing::payments::plausibility::{OrderLimits, implausible};
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::EventId;
use shared::domain::values::time::Timestamp;

use crate::operations::fixtures::{new_order, policy, report, running, t};

/// Order of 15 January 2025, 00:30 in Taipei, with 12 charges.
fn limits() -> OrderLimits {
    OrderLimits { created_at: t("2025/01/15 00:30:00"), exec_times: 12 }
}

fn charged(number: u32, at: &str) -> PaymentReport {
    report(running().value(), EventId::success(number), PaymentOutcome::Succeeded { number }, at)
}

#[test]
fn a_date_lies_between_the_day_before_the_order_and_a_day_ahead() {
    let now = t("2025/03/15 12:00:00");
    for (at, plausible) in [
        ("2025/01/13 23:59:59", false),
        ("2025/01/14 00:00:00", true),
        ("2025/03/15 12:00:00", true),
        ("2025/03/16 12:00:00", true),
        ("2025/03/16 12:00:01", false),
        ("2099/01/31 10:00:00", false),
    ] {
        let failed = report(running().value(), EventId::failure(t(at)), PaymentOutcome::Failed, at);
        for report in [charged(2, at), failed] {
            let found = implausible(&report, limits(), now);
            assert_eq!(found, if plausible { None } else { Some(QuarantineReason::ImplausibleDate) }, "{at}");
            let staff = PaymentReport { source: ReportSource::Staff, ..report };
            assert_eq!(implausible(&staff, limits(), now), None);
        }
    }
}

#[test]
fn a_success_number_is_at_most_that_of_the_order_or_of_the_report_and_never_over_999() {
    let (at, now) = ("2025/03/15 12:00:00", t("2025/03/15 12:00:00"));
    for (number, exec_times, most) in [
        (12, None, None),
        (13, None, Some(12)),
        (13, Some(6), Some(12)),
        (13, Some(13), None),
        (14, Some(13), Some(13)),
        (999, Some(999), None),
        (1_000, Some(2_000), Some(999)),
        (u32::MAX, Some(u32::MAX), Some(999)),
    ] {
        let report = PaymentReport { exec_times, ..charged(number, at) };
        let expected = most.map(|most| QuarantineReason::ImplausibleNumber { most });
        assert_eq!(implausible(&report, limits(), now), expected, "{number} {exec_times:?}");
    }
}

#[test]
fn a_report_is_stored_and_read_with_and_without_the_number_of_charges() {
    for exec_times in [None, Some(150)] {
        let report = PaymentReport { exec_times, ..charged(2, "2025/02/15 10:00:00") };
        let stored = serde_json::to_value(&report).unwrap();
        assert_eq!(stored.get("exec_times").is_some(), exec_times.is_some());
        assert_eq!(serde_json::from_value::<PaymentReport>(stored).unwrap(), report);
    }
}

/// Instants of all times, and those at the ends of time.
fn instants() -> impl Strategy<Value = Timestamp> {
    let ends = [-62_135_596_800_i64, 0, 1_738_350_306, 253_402_268_399];
    let seconds = prop_oneof![
        (proptest::sample::select(ends.to_vec()), -40_000_000..40_000_000_i64).prop_map(|(end, by)| end + by),
        -62_135_596_800..253_402_268_399_i64,
    ];
    seconds.prop_map(|seconds| Timestamp::EPOCH.plus_seconds(seconds))
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 2_000, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_a_decision_stores_is_read_as_it_was_written(
        created in instants(),
        steps in proptest::collection::vec((0_u32..3, -400_000..40_000_000_i64), 1..6),
    ) {
        let mut order = create_order(new_order("ORDER1", None), Actor::Schedule, created).after();
        let (mut now, mut number) = (created, 0);
        for (kind, seconds) in steps {
            now = now.plus_seconds(seconds.max(0));
            let at = now.plus_seconds(seconds.min(0) / 8);
            let (event, outcome) = match kind {
                0 => (EventId::failure(at), PaymentOutcome::Failed),
                1 => (EventId::pending(at), PaymentOutcome::Pending),
                _ => {
                    number += 1;
                    (EventId::success(number), PaymentOutcome::Succeeded { number })
                }
            };
            let mut report = report(&order.value, event, outcome, "2025/01/15 10:00:00");
            report.processed_at = at;
            let snapshot = Snapshot { subscription: order.clone(), replaced: None, paid_order: None };
            let PaymentDecision::Apply(decision) = decide_payment(&snapshot, &report, DecisionContext::new(&policy(), now)) else {
                continue;
            };
            let next = &decision.change.next;
            prop_assert_eq!(&serde_json::from_value::<Subscription>(serde_json::to_value(next).unwrap()).unwrap(), next);
            let history = &decision.change.history;
            prop_assert_eq!(&serde_json::from_value::<HistoryEntry>(serde_json::to_value(history).unwrap()).unwrap(), history);
            let payment = decision.payment.as_ref().unwrap();
            prop_assert_eq!(&serde_json::from_value::<Payment>(serde_json::to_value(payment).unwrap()).unwrap(), payment);
            if let Some(action) = NextAction::of(next, &policy()) {
                prop_assert_eq!(Timestamp::parse(&action.at.to_string()), Ok(action.at));
            }
            order = decision.after();
        }
    }
}
