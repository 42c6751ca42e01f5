//! Effects of time alone: pending orders, missing charges, cancellations, terminated orders.

use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::RetryState;

use crate::dunning::calendar::{DAY, HOUR, MINUTE, at, midnight};
use crate::dunning::oracle::End;
use crate::dunning::pair::{Pair, Step};
use crate::dunning::{failed_at, failing, ordered_at, running};

/// A second before, the second itself, and a second after.
fn around(instant: i64) -> [i64; 3] {
    [instant - 1, instant, instant + 1]
}

/// Charge that is reported at once.
fn paid(mut pair: Pair, number: u32, at: i64) -> Pair {
    pair.step(at, &Step::Success(number, at));
    pair
}

#[test]
fn a_pending_order_is_asked_about_after_10_and_40_minutes_and_given_up_after_24_hours() {
    let ages: Vec<_> = [10 * MINUTE, 40 * MINUTE, HOUR, 24 * HOUR, 25 * HOUR].into_iter().flat_map(around).collect();
    let mut cases = 0;
    for (place, first) in ages.iter().enumerate() {
        for second in &ages[place..] {
            let mut pair = Pair::ordered(ordered_at(), BillingCycle::Monthly, 99);
            pair.compare(ordered_at());
            pair.step(ordered_at() + first, &Step::Check);
            pair.step(ordered_at() + second, &Step::Check);
            cases += pair.cases;
        }
    }
    assert_eq!(cases, 360);
}

#[test]
fn staff_are_notified_once_of_a_charge_missing_for_3_days_and_the_plan_ends_after_7() {
    let mut cases = 0;
    for (cycle, anchor) in
        [(BillingCycle::Monthly, at(2025, 1, 31, HOUR)), (BillingCycle::Annual, at(2024, 2, 29, HOUR))]
    {
        let start = paid(Pair::ordered(anchor - 60, cycle, 9), 1, anchor);
        let due = start.oracle.dues().due(2);
        let days: Vec<_> = (-1..=9).flat_map(|day| around(midnight(due + day))).collect();
        for (place, first) in days.iter().enumerate() {
            for second in &days[place..] {
                let mut pair = start.clone();
                pair.compare(*first);
                pair.step(*first, &Step::Uncharged);
                pair.step(*second, &Step::Uncharged);
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 4_488);
}

#[test]
fn only_a_running_order_that_owes_nothing_can_be_uncharged() {
    let mut cases = 0;
    let fallen = failed_at() + 12 * DAY;
    let mut replaced = running(99);
    replaced.step(fallen, &Step::Supersede);
    let mut declined = Pair::ordered(ordered_at(), BillingCycle::Monthly, 99);
    declined.step(ordered_at() + 9, &Step::FirstFailure(ordered_at() + 5));
    let pending = Pair::ordered(ordered_at(), BillingCycle::Monthly, 99);
    for pair in [failing(&[0]), failing(&[0, 1]), fallen_on(fallen), replaced, declined, pending] {
        for days in 0..40 {
            let mut pair = pair.clone();
            pair.cases = 0;
            assert!(!pair.step(fallen + days * DAY, &Step::Uncharged), "{}", pair.case());
            cases += pair.cases;
        }
    }
    assert_eq!(cases, 240);
}

/// Order on FREE since that instant: the charge failed twice, and its last retry was refused.
fn fallen_on(now: i64) -> Pair {
    let mut pair = failing(&[0, 1]);
    pair.step(failed_at() + 7 * DAY, &Step::Ask);
    pair.step(failed_at() + 7 * DAY, &Step::Answer(RetryState::Refused));
    // The query 12 hours before the downgrade.
    pair.step(failed_at() + 9 * DAY + 12 * HOUR, &Step::Runs);
    assert!(pair.step(now, &Step::EndGrace), "{}", pair.case());
    pair
}

#[test]
fn after_a_downgrade_the_cancel_is_asked_at_the_earlier_of_14_days_and_2_days_before_the_next_charge() {
    let mut cases = 0;
    for late in 0..40 {
        for hour in [0, 13 * HOUR] {
            let fallen = failed_at() + 10 * DAY + late * DAY + hour;
            let pair = fallen_on(fallen);
            let next_charge = midnight(pair.oracle.charge_to_come(crate::dunning::calendar::day_of(fallen)));
            for now in [fallen + 14 * DAY, next_charge - 2 * DAY].into_iter().flat_map(around) {
                let mut pair = pair.clone();
                pair.cases = 0;
                pair.step(now.max(fallen), &Step::AskCancel);
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 480);
}

#[test]
fn a_cancel_waits_for_an_open_retry_and_ends_the_asking() {
    let mut cases = 0;
    let fallen = failed_at() + 10 * DAY;
    for state in [RetryState::Unknown, RetryState::Accepted, RetryState::Refused, RetryState::NoResult] {
        for asked in [fallen + HOUR, fallen + 13 * DAY, fallen + 14 * DAY - 1] {
            for (result, made) in [(false, 0), (true, asked + HOUR)] {
                let mut steps = vec![
                    (asked, Step::Ask),
                    (asked, Step::Answer(state)),
                    (fallen + 14 * DAY, Step::AskCancel),
                    (fallen + 15 * DAY + 2 * HOUR, Step::AskCancel),
                    (fallen + 16 * DAY, Step::Ask),
                    (fallen + 16 * DAY + 9, Step::Ended(End::Cancelled)),
                    (fallen + 17 * DAY, Step::Ask),
                    (fallen + 17 * DAY, Step::AskCancel),
                ];
                if result {
                    steps.push((made + 60, Step::Failure(made, "10100252")));
                }
                steps.sort_by_key(|(now, _)| *now);
                let mut pair = fallen_on(fallen);
                for (now, step) in &steps {
                    pair.step(*now, step);
                }
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 372);
}

#[test]
fn an_order_that_ended_keeps_the_plan_until_the_paid_period_ends() {
    let mut cases = 0;
    for how in [End::Cancelled, End::Finished] {
        for seen in [ordered_at() + HOUR, failed_at() - 9 * DAY, failed_at() + 9 * DAY] {
            let mut start = running(99);
            start.step(seen, &Step::Ended(how));
            cases += start.cases;
            let end = midnight(start.oracle.dues().due(2));
            for now in around(end).into_iter().chain([end + DAY, end + 30 * DAY]) {
                let mut pair = start.clone();
                pair.cases = 0;
                pair.step(now, &Step::EndGrace);
                pair.step(now + 1, &Step::EndGrace);
                pair.step(now + 2, &Step::Ask);
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 102);
}

#[test]
fn an_order_is_completed_when_its_last_charge_was_made_and_its_period_is_over() {
    let mut cases = 0;
    for exec_times in 2..=6_u32 {
        let mut pair = running(exec_times);
        for number in 2..=exec_times {
            let made = midnight(pair.oracle.dues().due(i64::from(number))) + HOUR;
            pair.step(made + 60, &Step::Success(number, made));
        }
        let (action, _) = pair.oracle.next(0).unwrap();
        assert_eq!(action, "reconcile", "the end is not known before ECPay says it: {}", pair.case());
        pair.step(midnight(pair.oracle.dues().due(i64::from(exec_times))) + 3 * HOUR, &Step::Ended(End::Finished));
        let end = midnight(pair.oracle.dues().due(i64::from(exec_times) + 1));
        for now in around(end) {
            let mut pair = pair.clone();
            let over = pair.step(now, &Step::EndGrace);
            assert_eq!(over, now >= end, "{}", pair.case());
            assert_eq!(pair.real.value.status.name(), if over { "completed" } else { "active" }, "{}", pair.case());
            cases += pair.cases;
        }
    }
    assert_eq!(cases, 90);
}

#[test]
fn an_order_that_ended_in_arrears_keeps_the_grace_that_was_mailed_and_is_not_retried() {
    let mut cases = 0;
    for days in [&[0][..], &[0, 1], &[0, 1, 3], &[0, 1, 3, 7], &[0, 1, 3, 5, 7, 9]] {
        for how in [End::Cancelled, End::Finished] {
            for seen in [HOUR, DAY, 3 * DAY, 6 * DAY] {
                let mut start = failing(days);
                let seen = failed_at() + days.last().unwrap() * DAY + seen;
                start.step(seen, &Step::Ended(how));
                assert!(!start.step(seen, &Step::Ask), "{}", start.case());
                cases += start.cases;
                let end = failed_at() + if days.len() >= 2 { 10 } else { 7 } * DAY;
                let mut asked = start.clone();
                asked.step(seen.max(end - 12 * HOUR), &Step::Ended(how));
                for now in around(end).into_iter().chain([seen]).filter(|now| *now >= seen) {
                    let mut pair = asked.clone();
                    pair.cases = 0;
                    pair.probe(now);
                    assert_eq!(pair.step(now, &Step::EndGrace), now >= end, "{}", pair.case());
                    cases += pair.cases;
                }
            }
        }
    }
    assert_eq!(cases, 524);
}

#[test]
fn grace_extended_by_staff_ends_that_many_days_later_and_is_forgotten_when_paid() {
    let mut cases = 0;
    for days in [&[0][..], &[0, 1], &[0, 1, 3], &[0, 1, 3, 7]] {
        for extra in 1..=14_u32 {
            let mut pair = failing(days);
            pair.step(failed_at() + 8 * DAY, &Step::Ask);
            pair.step(failed_at() + 8 * DAY, &Step::Answer(RetryState::Refused));
            assert!(pair.step(failed_at() + 8 * DAY + 1, &Step::Extend(extra)), "{}", pair.case());
            let end = if days.len() >= 2 { 10 } else { 7 } + i64::from(extra);
            pair.step(failed_at() + end * DAY - 12 * HOUR, &Step::Runs);
            for now in around(failed_at() + end * DAY) {
                pair.probe(now);
            }
            let paid = failed_at() + 9 * DAY;
            pair.step(paid, &Step::Success(2, paid));
            let again = at(2025, 3, 15, HOUR);
            pair.step(again, &Step::Failure(again, "10100252"));
            cases += pair.cases;
        }
    }
    assert_eq!(cases, 700);
}

#[test]
fn a_replaced_order_is_never_dunned_again_and_only_cancelled() {
    let mut cases = 0;
    for days in [&[][..], &[0], &[0, 1], &[0, 1, 3, 7]] {
        let mut pair = failing(days);
        let now = failed_at() + 8 * DAY;
        pair.step(now, &Step::Supersede);
        for (place, after) in [HOUR, DAY, 20 * DAY].into_iter().enumerate() {
            let number = u32::try_from(place).unwrap() + 2;
            pair.step(now + after, &Step::Failure(now + after - 60, "10100252"));
            pair.step(now + after + 1, &Step::Success(number, now + after - 30));
            pair.step(now + after + 2, &Step::Ask);
            pair.step(now + after + 3, &Step::EndGrace);
            pair.step(now + after + 4, &Step::Uncharged);
            pair.step(now + after + 5, &Step::Extend(3));
        }
        pair.step(now + 21 * DAY, &Step::AskCancel);
        pair.step(now + 21 * DAY + 9, &Step::Ended(End::Cancelled));
        assert_eq!(pair.real.value.status.name(), "cancelled", "{}", pair.case());
        cases += pair.cases;
    }
    assert_eq!(cases, 95);
}

#[test]
fn a_success_from_before_the_confirmed_cancel_gives_access_until_its_period_ends_and_not_after() {
    let mut cases = 0;
    let fallen = failed_at() + 10 * DAY;
    let end = midnight(running(99).oracle.dues().due(3));
    for confirmed in [end - 2 * DAY, end - HOUR] {
        for made in [fallen + HOUR, confirmed - 1, confirmed, confirmed + 1] {
            for now in around(end).into_iter().chain([confirmed + 2, end + DAY]) {
                let mut pair = fallen_on(fallen);
                assert!(pair.step(end - 2 * DAY, &Step::AskCancel), "{}", pair.case());
                pair.step(confirmed, &Step::Ended(End::Cancelled));
                pair.step(now, &Step::Success(2, made));
                pair.step(end, &Step::EndGrace);
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 440);
}
