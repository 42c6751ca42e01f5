//! Every status with every event: effect of a report on an order in each state, at each relevant second.

use shared::domain::billing::decision::PaymentDecision;
use shared::domain::billing::notices::NoticeKind;
use shared::domain::billing::payments::payment::{PaymentOutcome, PaymentReport};
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::RetryState;
use shared::domain::values::ids::{GatewayAuthorization, MerchantId};
use shared::domain::values::money::Twd;

use crate::dunning::calendar::{DAY, HOUR, MINUTE, at, midnight};
use crate::dunning::oracle::End;
use crate::dunning::pair::{Pair, Step};
use crate::dunning::{failed_at, failing, ordered_at, running};

const SOFT: &str = "10100252";

/// Order in a state, time of that state, and the last ProcessDate of the table.
struct State {
    name: &'static str,
    pair: Pair,
    now: i64,
    until: i64,
}

fn state(name: &'static str, mut pair: Pair, now: i64) -> State {
    pair.story.insert(0, name.to_owned());
    pair.cases = 0;
    State { name, pair, now, until: now + 40 * DAY }
}

/// Number of the latest success that the state contains.
fn paid(mut pair: Pair, number: u32, at: i64) -> Pair {
    pair.step(at + 60, &Step::Success(number, at));
    pair
}

fn then(mut pair: Pair, now: i64, step: &Step) -> Pair {
    assert!(pair.step(now, step), "a state of the table cannot be reached: {}", pair.case());
    pair
}

fn waiting() -> Vec<State> {
    let ordered = || Pair::ordered(ordered_at(), BillingCycle::Monthly, 99);
    let declined = then(ordered(), ordered_at() + HOUR, &Step::FirstFailure(ordered_at() + 5 * MINUTE));
    let unknown = then(ordered(), ordered_at() + HOUR, &Step::FirstPending(ordered_at() + 5 * MINUTE));
    let expired = then(ordered(), ordered_at() + DAY, &Step::Check);
    let replaced = then(ordered(), ordered_at() + HOUR, &Step::Supersede);
    vec![
        state("pending", ordered(), ordered_at()),
        state("pending with a pending result", unknown, ordered_at() + HOUR),
        state("failed", declined, ordered_at() + HOUR),
        state("expired", expired, ordered_at() + DAY),
        state("replaced while pending", replaced, ordered_at() + HOUR),
    ]
}

fn owing() -> Vec<State> {
    let mut states: Vec<_> = [&[0][..], &[0, 1], &[0, 1, 3], &[0, 1, 3, 7], &[0, 1, 3, 7, 9], &[0, 1, 3, 5, 7, 9]]
        .into_iter()
        .map(|days| state("past due", failing(days), failed_at() + days.last().unwrap() * DAY + HOUR))
        .collect();
    let asked = then(failing(&[0]), failed_at() + DAY, &Step::Ask);
    let refused = then(asked.clone(), failed_at() + DAY + 1, &Step::Answer(RetryState::Refused));
    let extended = then(failing(&[0, 1]), failed_at() + 2 * DAY, &Step::Extend(5));
    let hard = then(running(99), failed_at() + HOUR, &Step::Failure(failed_at(), "10100251"));
    let ended = then(failing(&[0, 1]), failed_at() + 2 * DAY, &Step::Ended(End::Cancelled));
    let six = then(failing(&[0, 1, 3, 5, 7, 9]), failed_at() + 9 * DAY + HOUR, &Step::Runs);
    // Charge 2 fails three days before charge 3 does.
    let (late, next) = (at(2025, 3, 12, HOUR), at(2025, 3, 15, HOUR));
    let two = then(running(99), late + 60, &Step::Failure(late, SOFT));
    let two = then(two, next + 60, &Step::Failure(next, SOFT));
    states.extend([
        state("past due, retry open", asked, failed_at() + DAY),
        state("past due, retry refused", refused, failed_at() + DAY + 1),
        state("past due, grace extended", extended, failed_at() + 2 * DAY),
        state("past due, new card needed", hard, failed_at() + HOUR),
        state("past due, two charges", two, next + HOUR),
        state("past due, six failures, and the order runs", six, failed_at() + 9 * DAY + HOUR),
    ]);
    let mut ended = state("past due, ended at ECPay", ended, failed_at() + 2 * DAY);
    ended.until = ended.now - 1;
    states.push(ended);
    states
}

fn downgraded() -> Pair {
    let mut pair = failing(&[0, 1, 3]);
    pair.step(failed_at() + 7 * DAY, &Step::Ask);
    pair.step(failed_at() + 7 * DAY, &Step::Answer(RetryState::NoResult));
    pair.step(failed_at() + 9 * DAY + 12 * HOUR, &Step::Runs);
    then(pair, failed_at() + 12 * DAY, &Step::EndGrace)
}

fn on_free() -> Vec<State> {
    let fallen = failed_at() + 12 * DAY;
    let uncharged = midnight(running(99).oracle.dues().due(2) + 7);
    let not_charged = then(running(99), uncharged, &Step::Uncharged);
    let cancelling = then(downgraded(), fallen + 14 * DAY, &Step::AskCancel);
    let asked = then(downgraded(), fallen + HOUR, &Step::Ask);
    let confirmed = then(cancelling.clone(), fallen + 14 * DAY + 9, &Step::Ended(End::Cancelled));
    vec![
        state("on FREE", downgraded(), fallen),
        state("on FREE, not charged", not_charged, uncharged),
        state("on FREE, retry open", asked, fallen + HOUR),
        state("on FREE, cancel asked", cancelling, fallen + 14 * DAY),
        state("cancelled after FREE", confirmed, fallen + 14 * DAY + 9),
    ]
}

fn active() -> Vec<State> {
    let due_2 = at(2025, 2, 15, 4 * HOUR);
    let due_3 = at(2025, 3, 15, 4 * HOUR);
    let renewed = paid(running(99), 2, due_2);
    let recovered = paid(failing(&[0, 1]), 2, failed_at() + 2 * DAY);
    let gap = paid(running(99), 3, due_3);
    let notified = then(running(99), due_2 + 4 * DAY, &Step::Uncharged);
    let ends = at(2025, 2, 1, 0);
    let ended = then(running(99), ends, &Step::Ended(End::Cancelled));
    let mut ended_state = state("active, ended at ECPay", ended.clone(), ends);
    ended_state.until = ends - 1;
    let cancelled = then(ended, midnight(running(99).oracle.dues().due(2)), &Step::EndGrace);
    let last = paid(paid(running(3), 3, due_3), 2, due_2);
    let finished = then(paid(running(3), 3, due_3), due_3 + 2 * HOUR, &Step::Ended(End::Finished));
    let completed = then(finished, at(2025, 4, 15, 0), &Step::EndGrace);
    let mut completed = state("completed", completed, at(2025, 4, 15, 0));
    completed.until = due_3;
    vec![
        state("active", running(99), ordered_at() + HOUR),
        state("renewed", renewed, due_2 + HOUR),
        state("recovered", recovered, failed_at() + 2 * DAY + HOUR),
        state("active, a success missing", gap, due_3 + HOUR),
        state("active, charge late", notified, due_2 + 4 * DAY),
        state("active, all charges made", last, due_3 + HOUR),
        ended_state,
        state("cancelled", cancelled, at(2025, 2, 15, 0)),
        completed,
    ]
}

fn replaced() -> Vec<State> {
    let when = failed_at() + 13 * DAY;
    [("active", running(99)), ("past due", failing(&[0, 1])), ("on FREE", downgraded())]
        .map(|(name, pair)| state(name, then(pair, when, &Step::Supersede), when))
        .into_iter()
        .map(|replaced| State { name: "replaced", ..replaced })
        .collect()
}

fn states() -> Vec<State> {
    [waiting(), active(), owing(), on_free(), replaced()].into_iter().flatten().collect()
}

/// Instants around each one of the state, between them, and long after.
fn instants(state: &State) -> Vec<i64> {
    let oracle = &state.pair.oracle;
    let mut known: Vec<_> =
        oracle.paid.iter().map(|(_, at)| *at).chain(oracle.failed.iter().map(|(at, _)| *at)).collect();
    known.extend(oracle.asks.iter().map(|(at, _)| *at).chain(oracle.ended.iter().map(|(at, _)| *at)));
    known.extend(oracle.free.iter().map(|(at, _)| *at).chain([state.now, ordered_at() + MINUTE]));
    known.extend((2..=3).map(|charge| oracle.dues().window(charge)));
    let around = known.into_iter().flat_map(|at| [at - 1, at, at + 1, at + 12 * HOUR]);
    let later = [5, 8, 20, 31, 40].map(|days| state.now + days * DAY);
    let mut instants: Vec<_> = around.chain(later).filter(|at| *at <= state.until).collect();
    instants.sort_unstable();
    instants.dedup();
    instants
}

/// Events at an instant, none of which the state contains.
fn facts(pair: &Pair, at: i64) -> Vec<Step> {
    let known: Vec<_> = pair.oracle.paid.iter().map(|(number, _)| *number).collect();
    // A success beyond the order's charges is quarantined.
    let missing = (1..=4.min(pair.real.value.terms.exec_times)).filter(|number| !known.contains(&i64::from(*number)));
    let successes = missing.map(|number| Step::Success(number, at));
    let failures = [SOFT, "10100255", "77777777"].map(|code| Step::Failure(at, code));
    let others = [Step::FirstFailure(at), Step::Pending(at), Step::FirstPending(at)];
    successes.chain(failures).chain(others).collect()
}

/// An event that the state contains is a repeat.
fn is_new(pair: &Pair, step: &Step) -> bool {
    !matches!(pair.verdict(&pair.report(step), at(2035, 1, 1, 0)), PaymentDecision::Repeat)
}

/// Two charges with different classes of decline, and a first authorisation after a retry request, have tests of their
/// own, see `corners`.
fn belongs_here(pair: &Pair, step: &Step) -> bool {
    let mut oracle = pair.oracle.clone();
    match *step {
        Step::Failure(at, code) => {
            oracle.failure(at, code, at);
            !oracle.two_cards()
        }
        Step::FirstFailure(at) => !oracle.asks.iter().any(|(asked, _)| *asked <= at),
        _ => true,
    }
}

/// A failure that hides the open episode until it is paid is omitted.
fn hides(pair: &Pair, step: &Step) -> bool {
    let Some(open) = pair.oracle.episode() else { return false };
    let dues = pair.oracle.dues();
    matches!(*step, Step::Failure(at, _) if dues.due(dues.charge_of(at)) < open.due)
}

/// Time of the report: after the event, and not before the state.
fn report_times(state: &State, at: i64) -> [i64; 2] {
    [at.max(state.now) + HOUR, at.max(state.now) + 12 * DAY]
}

#[test]
fn every_fact_does_in_every_status_what_the_design_says() {
    let mut cases = 0;
    for state in states() {
        for at in instants(&state) {
            let steps = facts(&state.pair, at).into_iter().filter(|step| is_new(&state.pair, step));
            for step in steps.filter(|step| belongs_here(&state.pair, step)) {
                for now in report_times(&state, at) {
                    let mut pair = state.pair.clone();
                    pair.step(now, &step);
                    // A query explains a success off its due day.
                    pair.step(now + 60, &Step::Runs);
                    for later in [7, 10, 20].map(|day| at + day * DAY) {
                        pair.probe(later);
                    }
                    cases += pair.cases;
                }
            }
        }
    }
    assert_eq!(cases, 90_510);
}

/// "A recurring charge with another amount is applied with the amount that was paid", and one whose amount cannot be
/// read without an amount. A failure is never compared by amount.
fn applied_as_paid(pair: &mut Pair, report: &PaymentReport, now: i64) {
    let PaymentDecision::Apply(decision) = pair.verdict(report, now) else {
        panic!("not applied: {report:?} after {}", pair.case());
    };
    let succeeded = matches!(report.outcome, PaymentOutcome::Succeeded { .. });
    let price = pair.real.value.terms.price;
    let recorded = if succeeded { report.amount } else { report.amount.or(Some(price)) };
    assert_eq!(decision.payment.unwrap().amount, recorded, "{report:?} after {}", pair.case());
    let notices = decision.notices.iter().filter(|notice| notice.kind == NoticeKind::AmountDiffers).count();
    assert_eq!(notices, usize::from(succeeded), "{report:?} after {}", pair.case());
    assert_eq!(decision.change.next.terms.price, price, "{report:?} after {}", pair.case());
    pair.cases += 1;
}

#[test]
fn a_report_that_must_not_be_applied_is_quarantined_in_every_status() {
    let mut cases = 0;
    for mut state in states() {
        for at in instants(&state) {
            for step in facts(&state.pair, at) {
                let real = state.pair.report(&step);
                let mut simulated = real.clone();
                simulated.simulated = true;
                let mut stranger = real.clone();
                stranger.merchant = MerchantId::parse("7700002").unwrap();
                let others = [0, 1, 898, 900, u32::MAX].map(Twd::new).map(Some);
                let others = others.into_iter().chain([None]).map(|amount| PaymentReport { amount, ..real.clone() });
                state.pair.quarantined(&simulated, at + HOUR, &QuarantineReason::Simulated);
                state.pair.quarantined(&stranger, at + HOUR, &QuarantineReason::WrongMerchant);
                let expected = state.pair.real.value.terms.price;
                let begins = state.pair.real.value.charge_history.anchor.is_none();
                for report in others {
                    if begins && matches!(step, Step::Success(1, _)) {
                        state.pair.quarantined(&report, at + HOUR, &QuarantineReason::WrongAmount { expected });
                    } else if is_new(&state.pair, &step) {
                        applied_as_paid(&mut state.pair, &report, at + HOUR);
                    }
                }
            }
        }
        cases += state.pair.cases;
    }
    assert_eq!(cases, 75_106);
}

#[test]
fn a_repeat_changes_nothing_in_any_status_and_another_authorisation_under_its_number_is_quarantined() {
    let mut cases = 0;
    for mut state in states() {
        let oracle = state.pair.oracle.clone();
        let successes = oracle.paid.iter().map(|(number, at)| Step::Success(u32::try_from(*number).unwrap(), *at));
        let failures = oracle.failed.iter().map(|(at, _)| Step::Failure(*at, SOFT));
        for step in successes.chain(failures) {
            let first = state.pair.report(&step);
            let mut changed = first.clone();
            (changed.rtn_msg, changed.rtn_code) = ("paid".to_owned(), "10100248".to_owned());
            let mut bare = first.clone();
            (bare.gwsr, bare.amount) = (None, None);
            for repeat in [&first, &changed, &bare] {
                let verdict = state.pair.verdict(repeat, state.now + DAY);
                assert_eq!(verdict, PaymentDecision::Repeat, "{}: {repeat:?}, {}", state.name, state.pair.case());
                state.pair.cases += 1;
            }
            if matches!(step, Step::Success(..)) {
                let mut other = first.clone();
                other.gwsr = Some(GatewayAuthorization::parse("4711").unwrap());
                state.pair.quarantined(&other, state.now + DAY, &QuarantineReason::Conflict);
            }
        }
        cases += state.pair.cases;
    }
    assert_eq!(cases, 309);
}

#[test]
fn a_failed_or_pending_report_of_the_same_second_never_blocks_a_success() {
    let mut cases = 0;
    for state in states() {
        for at in instants(&state) {
            let before = [Step::Pending(at), Step::FirstPending(at), Step::FirstFailure(at), Step::Failure(at, SOFT)];
            let before = before.into_iter().filter(|step| is_new(&state.pair, step) && !hides(&state.pair, step));
            for first in before.filter(|step| belongs_here(&state.pair, step)) {
                let mut pair = state.pair.clone();
                let [now, _] = report_times(&state, at);
                pair.step(now, &first);
                let number = pair.oracle.paid.iter().map(|(number, _)| *number).max().unwrap_or(0) + 1;
                let number = u32::try_from(number).unwrap();
                if number <= pair.real.value.terms.exec_times {
                    pair.step(now + 60, &Step::Success(number, at));
                }
                cases += pair.cases;
            }
        }
    }
    assert_eq!(cases, 7_682);
}
