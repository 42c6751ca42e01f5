//! Requirements of the design that the tables omit: one test for each sentence of it.

use shared::domain::billing::decide::cancel::claim_cancel;
use shared::domain::billing::decide::order::{charge_missing, end_grace};
use shared::domain::billing::decide::retry::retry_is_due;
use shared::domain::billing::decision::DecisionContext;
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::payments::order_query::{EcpayState, OrderQuery};
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::RetryState;

use crate::dunning::calendar::{DAY, HOUR, MINUTE, at, midnight};
use crate::dunning::oracle::End;
use crate::dunning::pair::{Pair, Step, ts};
use crate::dunning::{failed_at, failing, ordered_at, running};

/// "A success with ProcessDate before the confirmed cancel pays its period, one after it is a refund due and revives
/// nothing", also while the paid period still runs and while a charge is owed.
#[test]
fn a_success_after_a_confirmed_cancel_is_a_refund_due_while_the_paid_period_still_runs() {
    let confirmed = failed_at() + 2 * DAY;
    let mut wrong = Vec::new();
    for (name, days) in [("active", &[][..]), ("past due", &[0]), ("past due twice", &[0, 1])] {
        for made in [-DAY, -1, 0, 1, DAY, 40 * DAY].map(|second| confirmed + second) {
            let mut pair = failing(days);
            pair.story.push(name.to_owned());
            pair.step(confirmed, &Step::Ended(End::Cancelled));
            let before = pair.real.value.paid_period();
            pair.apply(made.max(confirmed) + 60, &Step::Success(2, made));
            let after = pair.real.value.paid_period();
            if (before == after) != (made >= confirmed) {
                wrong.push(format!("period from {before:?} to {after:?}: {}", pair.case()));
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// The same sentence: a refund covers no period, so the end of access does not move.
#[test]
fn a_refund_due_extends_no_period_of_a_cancelled_order() {
    let fallen = failed_at() + 10 * DAY;
    let confirmed = midnight(running(99).oracle.dues().due(3)) - 2 * DAY;
    let mut pair = failing(&[0, 1]);
    pair.step(fallen - HOUR, &Step::Ask);
    pair.step(fallen - HOUR, &Step::Answer(RetryState::Refused));
    pair.step(fallen - MINUTE, &Step::Runs);
    assert!(pair.step(fallen, &Step::EndGrace), "{}", pair.case());
    pair.step(confirmed - 60, &Step::AskCancel);
    pair.step(confirmed, &Step::Ended(End::Cancelled));
    // Made before the cancellation was confirmed: pays its period, until 15 March.
    pair.step(confirmed + 60, &Step::Success(2, confirmed - DAY));
    let end = pair.real.value.paid_period();
    pair.apply(confirmed + 2 * DAY, &Step::Success(3, confirmed + DAY + HOUR));
    assert_eq!(pair.real.value.paid_period(), end, "the period that a refund is due for was granted: {}", pair.case());
}

/// "Retries on days 1, 3 and 7": a retry of staff that did not reach ECPay does not bring back earlier ones.
#[test]
fn an_ask_that_never_reached_ecpay_leaves_the_retries_asked_before_it_asked() {
    let mut wrong = Vec::new();
    for (asked, by_hand, next) in [(1, 2, 3), (1, 1, 3), (3, 4, 7), (3, 6, 7)] {
        for state in [RetryState::Refused, RetryState::NoResult] {
            let mut pair = failing(&[0]);
            pair.step(failed_at() + asked * DAY, &Step::Ask);
            pair.step(failed_at() + asked * DAY + 5, &Step::Answer(state));
            let now = failed_at() + by_hand * DAY + HOUR;
            pair.step(now, &Step::Ask);
            pair.apply(now + 5, &Step::Answer(RetryState::NotSent));
            for (probe, due) in
                [(now + 10, false), (failed_at() + next * DAY - 1, false), (failed_at() + next * DAY, true)]
            {
                let policy = DunningPolicy::default();
                if retry_is_due(&pair.real.value, DecisionContext::new(&policy, ts(probe))) != due {
                    wrong.push(format!(
                        "at {} due should be {due}: {}",
                        shared::ecpay::date::format(ts(probe)),
                        pair.case()
                    ));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{} cases:\n{}", wrong.len(), wrong.join("\n"));
}

/// "A success clears failures not later than its own ProcessDate, restores the plan (also after a downgrade)": also
/// when a later charge has failed meanwhile, whose own grace has just begun.
#[test]
fn a_late_success_restores_the_plan_although_the_next_charge_has_failed() {
    let fallen = failed_at() + 10 * DAY;
    let next_failed = at(2025, 3, 15, HOUR);
    let mut pair = failing(&[0, 1]);
    pair.step(fallen, &Step::Ask);
    pair.step(fallen, &Step::Answer(RetryState::NoResult));
    pair.step(fallen + HOUR, &Step::Runs);
    assert!(pair.step(fallen + DAY, &Step::EndGrace), "{}", pair.case());
    pair.step(next_failed + 60, &Step::Failure(next_failed, "10100252"));
    pair.step(next_failed + DAY, &Step::Success(2, fallen + 2 * DAY));
}

/// "Expired, lost, stolen card: no automatic retry": ECPay repeats the latest authorisation, so its code decides, also
/// if a further charge failed inside the episode.
#[test]
fn a_new_card_is_needed_when_the_latest_charge_of_the_episode_says_so() {
    let (late, next) = (at(2025, 3, 12, HOUR), at(2025, 3, 15, 2 * HOUR));
    let mut pair = running(99);
    pair.step(late + 60, &Step::Failure(late, "10100252"));
    pair.step(next + 60, &Step::Failure(next, "10100251"));
}

/// "A grace end that was mailed is kept": the mail about charge 3 names 25 March, ten days after the failures known then.
#[test]
fn a_grace_end_that_was_mailed_is_kept_whatever_becomes_known_about_an_earlier_charge() {
    let (second, third, now) = (at(2025, 2, 15, HOUR), at(2025, 3, 14, HOUR), at(2025, 3, 19, HOUR));
    let mut pair = running(99);
    for step in [
        Step::Failure(third + DAY, "10100252"),
        Step::Failure(third + 3 * DAY, "10100252"),
        Step::Failure(second, "10100252"),
        Step::Failure(third, "10100252"),
        Step::Success(2, second + 4 * DAY),
    ] {
        pair.step(now, &step);
    }
    assert_eq!(pair.real.value.status.grace_ends_at(), Some(ts(third + 11 * DAY)), "{}", pair.case());
}

/// "The result comes by callback or query": a report about the first authorisation is not the result of a retry.
#[test]
fn a_failed_first_authorisation_is_not_the_result_of_a_retry() {
    let mut pair = failing(&[0]);
    pair.step(failed_at() + DAY, &Step::Ask);
    pair.step(failed_at() + DAY + HOUR, &Step::FirstFailure(failed_at() + DAY + MINUTE));
}

/// "Never before the first notice is 3 days old": no downgrade without a notice.
#[test]
fn no_customer_is_downgraded_without_a_notice() {
    let mut pair = Pair::ordered(ordered_at(), BillingCycle::Monthly, 99);
    for (day, code) in [(0, "10100252"), (1, "10100252"), (3, "10100252"), (7, "10100251")] {
        let failed = failed_at() + day * DAY;
        pair.step(failed + 60, &Step::Failure(failed, code));
    }
    let reported = failed_at() + 11 * DAY;
    let success = pair.report(&Step::Success(1, ordered_at() + 5 * MINUTE));
    let shared::domain::billing::decision::PaymentDecision::Apply(decision) = pair.verdict(&success, reported) else {
        panic!("not applied: {}", pair.case());
    };
    let notices: Vec<_> = decision.notices.iter().map(|notice| notice.kind.name()).collect();
    assert_eq!(notices, ["final-payment-failure"], "{}", pair.case());
    pair.real.value = decision.change.next;
    pair.real.value.last_query = Some(OrderQuery { at: ts(reported + 2 * DAY), state: EcpayState::Running, gap: None });
    for (after, falls) in [(HOUR, false), (3 * DAY - 1, false), (3 * DAY, true)] {
        let fall = end_grace(&pair.real, DecisionContext::new(&DunningPolicy::default(), ts(reported + after)));
        assert_eq!(fall.is_some(), falls, "{after} s after the first notice: {}", pair.case());
    }
}

/// "Running but uncharged": an order that ended at ECPay is not running.
#[test]
fn an_order_that_ended_is_not_taken_for_one_that_was_not_charged() {
    let mut pair = running(99);
    pair.step(failed_at() - 9 * DAY, &Step::Ended(End::Cancelled));
    let due = midnight(pair.oracle.dues().due(2));
    for days in [3, 7] {
        let decision = charge_missing(&pair.real, ts(due + days * DAY));
        assert_eq!(decision, None, "{days} days after the due day: {}", pair.case());
    }
}

/// "Order ended at ECPay (ExecStatus 0 or 2)": no further requests. The query that the cancellation begins with confirms
/// the end.
#[test]
fn an_order_that_ended_at_ecpay_is_not_asked_to_be_cancelled() {
    let mut pair = failing(&[0, 1]);
    pair.step(failed_at() + 4 * DAY, &Step::Ended(End::Cancelled));
    pair.step(failed_at() + 9 * DAY, &Step::Ended(End::Cancelled));
    assert!(pair.step(failed_at() + 10 * DAY, &Step::EndGrace), "{}", pair.case());
    let cancel = claim_cancel(&pair.real, DecisionContext::new(&DunningPolicy::default(), ts(failed_at() + 40 * DAY)));
    assert_eq!(cancel, None, "ended, then downgraded: {}", pair.case());
    pair.step(failed_at() + 40 * DAY, &Step::Ended(End::Cancelled));
    assert_eq!(pair.real.value.status.name(), "cancelled", "{}", pair.case());
}
