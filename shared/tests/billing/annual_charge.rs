//! Notice ahead of an annual charge: two weeks before it, once, and only while the order will be charged.

use shared::domain::billing::decide::announce::announce_charge;
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::notices::NoticeKind;
use shared::domain::billing::notices::truth::{is_still_true, refreshed};
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::subscription::OrderEnd;
use shared::domain::values::money::Twd;

use crate::operations::fixtures::{Life, annual, due, mails, policy, running, t};

/// The annual order is paid until 15 January 2026; two weeks before that is New Year's Day.
const ANNOUNCED: &str = "2026/01/01 00:00:00";
const CHARGED: &str = "2026/01/15 00:00:00";

fn announced() -> Life {
    let mut life = annual();
    let decision = announce_charge(&life.order, t(ANNOUNCED)).unwrap();
    life.take(&decision);
    life
}

#[test]
fn the_notice_is_due_two_weeks_before_the_charge_and_says_day_and_amount() {
    let life = annual();
    assert_eq!(life.next(), due("reconcile", ANNOUNCED, ActionReason::AnnualChargeAhead));
    for (now, is_announced) in
        [("2025/12/31 23:59:59", false), (ANNOUNCED, true), ("2026/01/14 23:59:59", true), (CHARGED, false)]
    {
        assert_eq!(announce_charge(&life.order, t(now)).is_some(), is_announced, "{now}");
    }
    let decision = announce_charge(&life.order, t(ANNOUNCED)).unwrap();
    assert_eq!(mails(&decision), ["annual-charge"]);
    let notice = &decision.notices[0];
    assert_eq!(
        (notice.id.to_string().as_str(), notice.kind),
        ("ORDER1/annual-charge/2026-01-15", NoticeKind::AnnualCharge)
    );
    assert_eq!((notice.fields["charge_due"].as_str(), notice.fields["amount"].as_str()), ("2026-01-15", "NT$899"));
}

#[test]
fn it_is_sent_once_for_each_charge() {
    let mut life = announced();
    assert_eq!(announce_charge(&life.order, t("2026/01/02 00:00:00")), None);
    assert_eq!(life.next(), due("reconcile", "2026/01/16 00:00:00", ActionReason::ChargeOverdue));
    life.success(2, "2026/01/15 03:00:00");
    assert_eq!(life.next(), due("reconcile", "2027/01/01 00:00:00", ActionReason::AnnualChargeAhead));
}

#[test]
fn a_query_that_came_too_late_is_not_repeated_for_the_notice() {
    let mut life = annual();
    life.queried(EcpayState::Running, "2026/01/15 01:00:00");
    assert_eq!(life.next(), due("reconcile", "2026/01/16 00:00:00", ActionReason::ChargeOverdue));
}

#[test]
fn no_notice_announces_a_charge_that_will_not_come() {
    let mut leaving = annual();
    leaving.staff(&Operation::Cancel, "2025/12/30 12:00:00");
    let mut ended = annual();
    ended.ended(OrderEnd::Cancelled, "2025/06/01 12:00:00");
    let mut last = annual();
    last.order.value.terms.exec_times = 1;
    let mut failed = annual();
    failed.failure("2026/01/15 03:00:00");
    for (name, life) in
        [("leaving", leaving), ("ended", ended), ("last", last), ("failed", failed), ("monthly", running())]
    {
        for now in [ANNOUNCED, "2026/01/10 00:00:00"] {
            assert_eq!(announce_charge(&life.order, t(now)), None, "{name}");
        }
    }
}

#[test]
fn a_notice_that_waited_is_not_sent_once_the_charge_was_made_or_called_off_and_names_the_present_price() {
    let kind = NoticeKind::AnnualCharge;
    let fields = announce_charge(&annual().order, t(ANNOUNCED)).unwrap().notices[0].fields.clone();
    let holds = |life: &Life, now: &str| is_still_true(kind, &fields, life.value(), t(now));
    let life = announced();
    assert!(holds(&life, ANNOUNCED) && holds(&life, "2026/01/14 23:59:59") && !holds(&life, CHARGED));
    let mut leaving = life.clone();
    leaving.staff(&Operation::Cancel, "2026/01/02 12:00:00");
    let mut paid = life.clone();
    paid.success(2, "2026/01/14 12:00:00");
    assert!(!holds(&leaving, "2026/01/03 00:00:00") && !holds(&paid, "2026/01/14 13:00:00"));
    let mut dearer = life.clone();
    dearer.order.value.terms.price = Twd::new(9_499);
    assert!(holds(&dearer, ANNOUNCED));
    assert_eq!(refreshed(kind, &fields, dearer.value(), &policy())["amount"], "NT$9499");
}
