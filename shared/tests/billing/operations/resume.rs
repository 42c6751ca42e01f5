//! End of a pause: the paused days are added to the grace period, and the mail that was held back is sent.

use shared::domain::billing::decide::operation::{OperationRefusal, resume};
use shared::domain::billing::decide::order::end_grace;
use shared::domain::billing::decide::retry::retry_is_due;
use shared::domain::billing::decision::{Actor, Decision, DecisionContext, HistoryEvent};
use shared::domain::billing::next_action::ActionReason;
use shared::domain::billing::operations::{Operation, Pause};
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{RetryState, Status};

use crate::operations::fixtures::{Life, due, failing, mails, policy, running, t};

const DAY: i64 = 86_400;

fn by_schedule(life: &mut Life, now: &str) -> Decision {
    let decision = resume(&life.order, DecisionContext::new(&policy(), t(now))).unwrap();
    life.take(&decision);
    decision
}

#[test]
fn days_begun_are_counted_from_the_later_of_the_pause_and_the_failure() {
    let since = t("2025/02/15 03:00:00");
    let pause = Pause { since, until: since.plus_days(9) };
    let held = [(-1, 0), (0, 0), (1, 1), (DAY - 1, 1), (DAY, 1), (DAY + 1, 2), (3 * DAY, 3), (3 * DAY + 1, 4)];
    for (seconds, days) in held {
        // A failure before the pause, at its start, and a second after it.
        assert_eq!(pause.days_from(since.plus_seconds(-500), since.plus_seconds(seconds)), days, "{seconds}");
        assert_eq!(pause.days_from(since, since.plus_seconds(seconds)), days, "{seconds}");
        assert_eq!(pause.days_from(since.plus_seconds(1), since.plus_seconds(seconds + 1)), days, "{seconds}");
    }
    let (first, last) = (t("2025/02/15 03:00:00").plus_days(-900_000), since.plus_days(900_000_000_000));
    assert_eq!(pause.days_from(last, first), 0);
}

/// Days of grace added by a pause of `length` seconds that begins `begin` seconds after the failure and ends `end`
/// seconds after it, counted one by one.
fn held_days(begin: i64, length: i64, end: i64) -> i64 {
    let (from, to) = (begin.max(0), end.min(begin + length));
    let mut days = 0;
    while from + days * DAY < to {
        days += 1;
    }
    days
}

#[test]
fn every_begun_day_within_the_pause_and_the_episode_is_added_to_grace() {
    let failed = t("2025/02/15 03:05:06");
    let mut cases = 0;
    for begin in [-3 * DAY, -DAY, -1, 0, 1, DAY, 5 * DAY + 7] {
        for days in [1_u32, 2, 10, 60] {
            let length = i64::from(days) * DAY;
            for end in [1, DAY - 1, DAY, DAY + 1, length - 1, length, length + 1, length + DAY, begin + length + DAY] {
                if end < begin.max(0) || begin + length < 0 {
                    continue;
                }
                let mut life = if begin <= 0 { running() } else { failing(1) };
                life.staff(&Operation::Pause { days }, &shared::ecpay::date::format(failed.plus_seconds(begin)));
                if begin <= 0 {
                    life.failure("2025/02/15 03:05:06");
                }
                by_schedule(&mut life, &shared::ecpay::date::format(failed.plus_seconds(end)));
                let expected = failed.plus_days(7 + held_days(begin, length, end));
                let case = format!("paused at {begin} for {days} days, resumed at {end}");
                assert_eq!(life.value().status, Status::PastDue { grace_ends_at: expected }, "{case}");
                assert_eq!(life.value().paused, None, "{case}");
                cases += 1;
            }
        }
    }
    assert_eq!(cases, 201);
}

#[test]
fn the_schedule_resumes_at_the_end_and_what_was_missed_makes_one_retry() {
    let mut life = failing(1);
    life.staff(&Operation::Pause { days: 10 }, "2025/02/15 20:00:00");
    let before = life.value().status;
    // A run an hour late: the pause was over then, so no eleventh day began.
    let decision = by_schedule(&mut life, "2025/02/25 21:00:00");
    assert_eq!(life.grace_end().as_deref(), Some("2025/03/04 03:05:06"));
    let line = &decision.change.history;
    assert_eq!((&line.event, line.rule, &line.by), (&HistoryEvent::Resumed, Rule::DunningResumed, &Actor::Schedule));
    assert_eq!((line.from, line.why.as_deref()), (Some(before), None));
    // The customer was notified of this failure before the pause.
    assert_eq!(mails(&decision), [""; 0]);
    assert_eq!(life.next(), due("retry", "2025/02/16 03:05:06", ActionReason::RetryScheduled));
    assert!(retry_is_due(life.value(), DecisionContext::new(&policy(), t("2025/02/25 21:00:00"))));
    life.asked("2025/02/25 21:30:00", RetryState::Refused);
    assert_eq!(life.next(), due("reconcile", "2025/03/03 15:05:06", ActionReason::DowngradeAhead));
    life.queried(EcpayState::Running, "2025/03/03 15:05:06");
    assert_eq!(life.next(), due("end-grace", "2025/03/04 03:05:06", ActionReason::GraceEnds));
    assert_eq!(end_grace(&life.order, DecisionContext::new(&policy(), t("2025/03/04 03:05:05"))), None);
    assert!(end_grace(&life.order, DecisionContext::new(&policy(), t("2025/03/04 03:05:06"))).is_some());
}

#[test]
fn staff_resume_sooner_with_their_name_and_reason_and_only_what_is_held() {
    let mut life = failing(1);
    assert_eq!(life.refused(&Operation::Resume, "2025/02/15 19:00:00"), OperationRefusal::NotPaused);
    assert_eq!(resume(&life.order, DecisionContext::new(&policy(), t("2025/02/15 19:00:00"))), None);
    life.staff(&Operation::Pause { days: 10 }, "2025/02/15 20:00:00");
    let decision = life.staff(&Operation::Resume, "2025/02/17 20:00:01");
    assert_eq!(life.grace_end().as_deref(), Some("2025/02/25 03:05:06"));
    let line = decision.change.history;
    assert_eq!((line.event, line.rule), (HistoryEvent::Resumed, Rule::DunningResumed));
    assert_eq!((line.by, line.why.as_deref()), (Actor::Staff("support".to_owned()), Some("asked for")));
    assert_eq!(life.refused(&Operation::Resume, "2025/02/17 20:00:02"), OperationRefusal::NotPaused);
}

#[test]
fn days_held_and_days_given_add_up_over_several_pauses() {
    let mut life = failing(1);
    life.staff(&Operation::ExtendGrace { days: 2 }, "2025/02/15 19:00:00");
    life.staff(&Operation::Pause { days: 10 }, "2025/02/15 20:00:00");
    life.staff(&Operation::Resume, "2025/02/16 20:00:00");
    life.staff(&Operation::Pause { days: 10 }, "2025/02/17 20:00:00");
    life.staff(&Operation::Resume, "2025/02/19 20:00:00");
    // 22 February plus 2 + 1 + 2 days.
    assert_eq!(life.grace_end().as_deref(), Some("2025/02/27 03:05:06"));
    life.failure("2025/02/20 04:00:00");
    assert_eq!(life.grace_end().as_deref(), Some("2025/03/02 03:05:06"));
}

#[test]
fn the_latest_mail_that_was_held_back_is_sent_with_the_new_end_of_grace() {
    for (failures, mail, end, local) in [
        (1, "first-payment-failure", "2025/02/27 03:05:06", "2025-02-27 03:05"),
        (2, "second-payment-failure", "2025/03/02 03:05:06", "2025-03-02 03:05"),
        (3, "final-payment-failure", "2025/03/02 03:05:06", "2025-03-02 03:05"),
        (4, "final-payment-failure", "2025/03/02 03:05:06", "2025-03-02 03:05"),
    ] {
        let mut life = running();
        life.staff(&Operation::Pause { days: 30 }, "2025/02/10 12:00:00");
        for at in ["2025/02/15 03:05:06", "2025/02/16 04:00:00", "2025/02/17 04:00:00", "2025/02/18 04:00:00"]
            .iter()
            .take(failures)
        {
            life.failure(at);
        }
        // Five started days since the failure.
        let decision = life.staff(&Operation::Resume, "2025/02/20 03:05:06");
        assert_eq!(mails(&decision), [mail]);
        assert_eq!(life.grace_end().as_deref(), Some(end), "{mail}");
        let notice = &decision.notices[0];
        assert_eq!(notice.fields["grace_ends_at"], local, "{mail}");
        assert_eq!((&*notice.fields["charge_due"], &*notice.fields["hard_decline"]), ("2025-02-15", "false"));
        let notice = life.value().dunning_notice.unwrap();
        assert_eq!((usize::from(notice.attempt), notice.first_notice_at), (failures.min(3), t("2025/02/20 03:05:06")));
    }
}

#[test]
fn after_the_first_mail_at_the_end_of_a_pause_three_days_pass_before_the_downgrade() {
    let mut life = running();
    life.staff(&Operation::Pause { days: 6 }, "2025/02/10 12:00:00");
    life.failure("2025/02/15 03:05:06");
    life.asked("2025/02/15 04:00:00", RetryState::Refused);
    // A run ten days late: two started days were paused, and the grace period ended on the 24th.
    by_schedule(&mut life, "2025/02/26 12:00:00");
    assert_eq!(life.grace_end().as_deref(), Some("2025/02/24 03:05:06"));
    let free_at = "2025/03/01 12:00:00";
    life.asked("2025/02/26 12:00:00", RetryState::Refused);
    assert_eq!(life.next(), due("reconcile", "2025/03/01 00:00:00", ActionReason::DowngradeAhead));
    life.queried(EcpayState::Running, "2025/03/01 00:00:00");
    assert_eq!(life.next(), due("end-grace", free_at, ActionReason::GraceEnds));
    assert_eq!(end_grace(&life.order, DecisionContext::new(&policy(), t("2025/03/01 11:59:59"))), None);
    assert!(end_grace(&life.order, DecisionContext::new(&policy(), t(free_at))).is_some());
}

#[test]
fn where_nothing_is_owed_resuming_only_ends_the_pause() {
    let mut life = running();
    life.staff(&Operation::Pause { days: 10 }, "2025/01/20 12:00:00");
    assert_eq!(life.next(), due("resume", "2025/01/30 12:00:00", ActionReason::PauseEnds));
    let decision = by_schedule(&mut life, "2025/01/30 12:00:00");
    assert_eq!((mails(&decision), life.value().status, life.value().paused), (vec![], Status::Active, None));
    assert_eq!(life.value().extra_grace_days, 0);
    assert_eq!(life.next(), due("reconcile", "2025/02/16 00:00:00", ActionReason::ChargeOverdue));
    life.failure("2025/02/15 03:05:06");
    assert_eq!(life.grace_end().as_deref(), Some("2025/02/22 03:05:06"));
}
