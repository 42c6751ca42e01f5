//! Queries in vain: how often an order is asked about, and what ends the waiting.

use shared::domain::billing::decide::downgrade::{FirstNotice, postpone_downgrade};
use shared::domain::billing::decide::order::end_grace;
use shared::domain::billing::decision::DecisionContext;
use shared::domain::billing::next_action::{ActionReason, NextAction};
use shared::domain::billing::notices::NoticeState;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::payments::payment::PaymentOutcome;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{RetryState, Status};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::EventId;
use shared::domain::values::time::Timestamp;
use shared::ecpay::date;

use crate::money_seen::driver::Driver;
use crate::operations::fixtures::{Life, answer, due, failing, pending, policy, report, running, t};
use crate::support::new_order;

/// Times as `02/06 14:00`.
fn shown(times: &[Timestamp]) -> Vec<String> {
    let minute = |at: &Timestamp| {
        let text = date::format(*at);
        text.strip_prefix("2025/").and_then(|text| text.strip_suffix(":00")).unwrap().to_owned()
    };
    times.iter().map(minute).collect()
}

#[test]
fn a_late_charge_is_asked_for_after_2_4_8_16_and_24_hours_and_at_what_is_decided_about_it() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.run_until("2025/02/12 00:00:01");
    let until_the_notice = ["02/06 00:00", "02/06 02:00", "02/06 06:00", "02/06 14:00", "02/07 06:00", "02/08 00:00"];
    let until_free = [
        "02/08 02:00",
        "02/08 04:00",
        "02/08 08:00",
        "02/08 16:00",
        "02/09 08:00",
        "02/10 08:00",
        "02/11 08:00",
        "02/12 00:00",
    ];
    assert_eq!(shown(&driver.queries), [&until_the_notice[..], &until_free[..]].concat());
    assert_eq!(driver.mails, ["2025-02-08 uncharged", "2025-02-12 not-charged"]);
}

#[test]
fn an_order_that_was_not_charged_is_asked_about_daily_for_14_days_and_then_weekly() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    driver.run_until("2025/02/12 00:00:01");
    let before = driver.queries.len();
    driver.run_until("2025/04/01 00:00:00");
    let daily = (13..=26).map(|day| format!("02/{day} 00:00"));
    let weekly = ["03/05", "03/12", "03/19", "03/26"].map(|day| format!("{day} 00:00"));
    assert_eq!(shown(&driver.queries[before..]), daily.chain(weekly).collect::<Vec<_>>());
    // Never cancelled for this reason, and mailed once.
    driver.run_until("2026/02/12 00:00:00");
    assert_eq!((driver.mails.len(), driver.count(Rule::CancelRequestedAtEcpay)), (2, 0));
}

#[test]
fn a_charge_that_comes_after_weeks_restores_the_plan_through_its_query() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    let late = driver.success_report("2025/03/13 10:00:00");
    driver.unreported(late);
    driver.run_until("2025/03/18 23:59:59");
    assert!(driver.value().plan.is_free());
    driver.run_until("2025/03/19 00:00:01");
    assert_eq!(driver.shown(), ("PRO", "2025-04-13".to_owned()));
    assert_eq!(driver.mails.last().unwrap(), "2025-03-19 recovered");
}

#[test]
fn a_retry_without_a_result_is_asked_about_until_its_day_is_over() {
    let mut life = failing(1);
    life.asked("2025/02/16 04:00:00", RetryState::Accepted);
    for (now, again) in [
        ("2025/02/16 04:00:00", "2025/02/16 06:00:00"),
        ("2025/02/16 06:00:00", "2025/02/16 10:00:00"),
        ("2025/02/16 10:00:00", "2025/02/16 18:00:00"),
        // 16 hours later the day is over.
        ("2025/02/16 18:00:00", "2025/02/17 04:00:00"),
    ] {
        let decision = life.queried(EcpayState::Running, now);
        assert_eq!(decision.change.history.rule, Rule::NothingNew, "{now}");
        assert_eq!(life.next(), due("reconcile", again, ActionReason::NothingNewYet), "{now}");
    }
}

#[test]
fn what_is_new_ends_the_backoff_and_another_query_of_the_same_task_counts_it_on() {
    let mut life = running();
    life.queried(EcpayState::Running, "2025/02/16 00:00:00");
    life.queried(EcpayState::Running, "2025/02/16 02:00:00");
    assert_eq!(life.value().backoff.unwrap().attempts, 2);
    let mut other = life.clone();
    other.answered(Task::Retry, &answer(EcpayState::Running, "2025/02/16 06:00:00"));
    assert_eq!(other.value().backoff, None);
    life.success(2, "2025/02/16 05:00:00");
    assert_eq!((life.value().backoff, life.value().last_query.unwrap().at), (None, t("2025/02/16 02:00:00")));
}

#[test]
fn a_query_for_something_that_is_not_due_leaves_no_backoff() {
    let mut life = failing(1);
    life.queried(EcpayState::Running, "2025/02/15 12:00:00");
    assert_eq!(life.value().backoff, None);
    assert_eq!(life.next(), due("retry", "2025/02/16 03:05:06", ActionReason::RetryScheduled));
}

/// "Before FREE the order was queried within 24 h", also where no run came for days.
#[test]
fn a_downgrade_that_runs_late_is_preceded_by_a_query_of_its_own_day() {
    for (hours_late, falls) in [(0, true), (11, true), (13, false), (72, false)] {
        let mut life = failing(2);
        life.asked("2025/02/22 12:00:00", RetryState::Refused);
        // 12 hours before the end of grace.
        life.queried(EcpayState::Running, "2025/02/24 15:05:06");
        let policy = policy();
        let context = DecisionContext::new(&policy, t("2025/02/25 03:05:06").plus_hours(hours_late));
        let Some(postponed) = postpone_downgrade(&life.order, None, context) else {
            assert!(falls && end_grace(&life.order, context).is_some(), "{hours_late} hours late");
            continue;
        };
        assert!(!falls, "{hours_late} hours late");
        // The query is due at once.
        life.take(&postponed);
        let next = NextAction::of(life.value(), &policy).unwrap();
        assert_eq!((next.kind, next.at <= context.now), (Task::Reconcile, true));
    }
}

#[test]
fn a_downgrade_waits_until_the_first_notice_was_sent_three_days_ago_and_at_most_fourteen_days() {
    for (state, ended_at, now, until) in [
        (NoticeState::Sent, Some("2025/02/22 03:05:05"), "2025/02/25 03:05:06", None),
        (NoticeState::Sent, Some("2025/02/24 12:00:00"), "2025/02/25 03:05:06", Some("2025/02/27 12:00:00")),
        (NoticeState::Unclear, Some("2025/02/24 12:00:00"), "2025/02/25 03:05:06", Some("2025/02/27 12:00:00")),
        (NoticeState::Dead, Some("2025/02/15 12:00:00"), "2025/02/25 03:05:06", None),
        // A mailbox that takes no mail is no fault of ours: as if the mail had been sent.
        (NoticeState::Undeliverable, Some("2025/02/22 03:05:05"), "2025/02/25 03:05:06", None),
        (NoticeState::Undeliverable, Some("2025/02/24 12:00:00"), "2025/02/25 03:05:06", Some("2025/02/27 12:00:00")),
        // Fourteen days after the end of grace.
        (NoticeState::Sent, Some("2025/03/10 12:00:00"), "2025/03/10 12:00:00", Some("2025/03/11 03:05:06")),
        (NoticeState::Queued, None, "2025/03/11 03:05:06", None),
        (NoticeState::Claimed, None, "2025/03/11 03:05:06", None),
    ] {
        let mut life = failing(2);
        life.asked("2025/02/22 12:00:00", RetryState::Refused);
        life.queried(EcpayState::Running, now);
        let policy = policy();
        let notice = FirstNotice { state, ended_at: ended_at.map(t) };
        let decision = postpone_downgrade(&life.order, Some(notice), DecisionContext::new(&policy, t(now)));
        let waits = decision.map(|decision| decision.change.next.backoff.unwrap().again_at);
        assert_eq!(waits, until.map(t), "{state:?} {ended_at:?} {now}");
    }
    // Unsent through our own fault: looked for again and again, within the fourteen days.
    let mut life = failing(2);
    life.asked("2025/02/22 12:00:00", RetryState::Refused);
    life.queried(EcpayState::Running, "2025/02/25 03:05:06");
    let policy = policy();
    let notice = FirstNotice { state: NoticeState::Queued, ended_at: None };
    let context = DecisionContext::new(&policy, t("2025/02/25 03:05:06"));
    let decision = postpone_downgrade(&life.order, Some(notice), context).unwrap();
    let again_at = decision.change.next.backoff.unwrap().again_at;
    assert!(again_at > t("2025/02/25 03:05:06") && again_at <= t("2025/02/26 03:05:06"), "{again_at}");
}

#[test]
fn a_downgrade_waits_for_the_result_of_a_pending_charge_for_three_days_at_most() {
    let policy = policy();
    for (reported, resolved, until) in [
        ("2025/02/25 01:00:00", false, Some("2025/02/28 01:00:00")),
        ("2025/02/22 03:05:07", false, Some("2025/02/25 03:05:07")),
        ("2025/02/22 03:05:06", false, None),
        ("2025/02/25 01:00:00", true, None),
    ] {
        let mut life = failing(2);
        let mut pending = report(life.value(), EventId::pending(t(reported)), PaymentOutcome::Pending, reported);
        pending.rtn_code = "10300066".to_owned();
        life.reported(&pending, reported);
        if resolved {
            life.failure("2025/02/25 02:00:00");
        }
        life.queried(EcpayState::Running, "2025/02/25 03:05:06");
        let context = DecisionContext::new(&policy, t("2025/02/25 03:05:06"));
        let waits = postpone_downgrade(&life.order, None, context);
        assert_eq!(waits.map(|decision| decision.change.next.backoff.unwrap().again_at), until.map(t), "{reported}");
    }
}

#[test]
fn a_pause_ends_whatever_is_asked_in_vain() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    let pause = shared::domain::billing::operations::Operation::Pause { days: 10 };
    driver.staff(&pause, "2025/02/06 13:00:00");
    driver.run_until("2025/02/16 23:00:00");
    assert_eq!((driver.value().paused, driver.count(Rule::DunningResumed)), (None, 1));
    assert_eq!(driver.mails, ["2025-02-08 uncharged", "2025-02-16 not-charged"]);
}

#[test]
fn a_pause_set_before_the_charge_was_late_ends_too() {
    let mut driver = Driver::paid("2025/01/05 10:00:00");
    let pause = shared::domain::billing::operations::Operation::Pause { days: 60 };
    driver.staff(&pause, "2025/01/20 12:00:00");
    driver.run_until("2025/03/23 00:00:00");
    // 60 days after 20 January; the charge of 5 February is missing for weeks by then.
    assert_eq!(driver.value().paused, None);
    assert_eq!(driver.mails, ["2025-02-08 uncharged", "2025-03-21 not-charged"]);
}

#[test]
fn a_pending_order_is_asked_about_three_times_and_expires_whatever_the_answer() {
    for state in [EcpayState::Unpaid, EcpayState::Other, EcpayState::Running, EcpayState::Stopped, EcpayState::Finished]
    {
        let mut driver = Driver::ordered(new_order("ORDER1"), t("2025/01/15 10:00:00"));
        driver.state = state;
        driver.run_until("2025/01/20 00:00:00");
        assert_eq!(shown(&driver.queries), ["01/15 10:10", "01/15 10:40", "01/16 10:00"], "{state:?}");
        assert_eq!((driver.value().status, driver.mails.len()), (Status::Failed, 0), "{state:?}");
        assert_eq!(driver.count(Rule::OrderExpired), 1, "{state:?}");
    }
}

#[test]
fn a_pending_order_whose_card_was_declined_is_failed_at_once() {
    let mut driver = Driver::ordered(new_order("ORDER1"), t("2025/01/15 10:00:00"));
    driver.state = EcpayState::Declined;
    driver.run_until("2025/01/20 00:00:00");
    assert_eq!((driver.value().status, driver.queries.len(), driver.mails.len()), (Status::Failed, 1, 0));
    assert_eq!(driver.count(Rule::FirstChargeFailed), 1);
}

#[test]
fn a_header_of_a_decline_takes_nothing_from_an_order_that_runs() {
    let mut life = running();
    let decision = life.queried(EcpayState::Declined, "2025/02/16 00:00:00");
    assert_eq!((decision.change.history.rule, life.value().status), (Rule::NothingNew, Status::Active));
}

#[test]
fn an_answer_that_is_noted_changes_only_what_it_says() {
    let mut life: Life = pending();
    let before = life.value().clone();
    let noted = life.queried(EcpayState::Other, "2025/01/15 10:05:00").change.next;
    assert_eq!((noted.status, noted.terms, noted.charge_history), (before.status, before.terms, before.charge_history));
}
