//! Table of the rules: for each one the shortest story that leads to it, and the sentence that the history shows.

use shared::domain::billing::decide::adopt::report::OrderToAdopt;
use shared::domain::billing::decide::adopt::{AdoptionContext, EcpayOrder, PeriodUnit, adopt};
use shared::domain::billing::decide::announce::announce_charge;
use shared::domain::billing::decide::cancel::{cancel_overtaken, cancel_unreached, claim_cancel};
use shared::domain::billing::decide::downgrade::{FirstNotice, postpone_downgrade};
use shared::domain::billing::decide::erasure::erase;
use shared::domain::billing::decide::order::{
    charge_missing, create_order, end_grace, expire, still_pending, success_missing,
};
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decide::retry::{claim_retry, close_retry_without_result, record_retry_outcome};
use shared::domain::billing::decide::task_failure::record_task_failure;
use shared::domain::billing::decision::{
    Actor, Decision, DecisionContext, HistoryEntry, PaymentDecision, Snapshot, SubscriptionWrite,
};
use shared::domain::billing::notices::NoticeState;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::{EcpayState, QueryAnswer};
use shared::domain::billing::payments::payment::PaymentOutcome;
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::{Locale, NewOrder, OrderEnd, RetryState};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{EmailAddress, EventId, UserId};
use shared::domain::values::money::Twd;

use crate::operations::fixtures::{
    FAILURES, Life, annual, answer, cause, failing, fallen, given_up, new_order, over, pending, policy, report,
    running, t, to_replace,
};

/// A rule, the history entry of its story, and its sentence.
type Story = (Rule, HistoryEntry, &'static str);

fn story(rule: Rule, decision: Decision, sentence: &'static str) -> Story {
    (rule, decision.change.history, sentence)
}

/// Entry of an order that ECPay had charged once before it was taken over.
fn adopted() -> HistoryEntry {
    let at = "2025/01/15 10:05:00";
    let first = report(pending().value(), EventId::success(1), PaymentOutcome::Succeeded { number: 1 }, at);
    let order = OrderToAdopt {
        merchant_trade_no: first.subscription.clone(),
        user_id: UserId::parse("user-1").unwrap(),
        email: address("mei@customer.example"),
        plan: pending().value().terms.plan.clone(),
        monthly_price: None,
        cycle: BillingCycle::Monthly,
        locale: Locale::ZhTw,
    };
    let merchant = first.merchant.clone();
    let running = QueryAnswer {
        at: t("2025/01/20 10:00:00"),
        state: EcpayState::Running,
        exec_times: Some(12),
        unrecorded: Vec::new(),
        higher_count: None,
    };
    let known = EcpayOrder {
        period: Some((PeriodUnit::Month, 1)),
        price: Some(Twd::new(899)),
        card_last4: None,
        reports: vec![first],
        answer: running,
        successes: (1, Some(1)),
    };
    let policy = policy();
    let decisions = DecisionContext::new(&policy, t("2025/01/20 10:00:00"));
    adopt(&order, &known, AdoptionContext { merchant: &merchant, cause: &cause(None), decisions })
        .unwrap()
        .order
        .history
}

fn due(life: &Life, now: &str) -> Decision {
    end_grace(&life.order, DecisionContext::new(&policy(), t(now))).unwrap()
}

/// Stories of charges that ECPay reports.
fn charges() -> Vec<Story> {
    let order = create_order(new_order("ORDER1", None), Actor::Schedule, t("2025/01/15 10:00:00"));
    let at = "2025/01/15 10:05:00";
    let failed = report(pending().value(), EventId::first_failure(t(at)), PaymentOutcome::Failed, at);
    let mut first_failure = failed.clone();
    first_failure.first = true;
    let open = report(pending().value(), EventId::first_pending(t(at)), PaymentOutcome::Pending, at);
    let mut late = running();
    late.success(3, "2025/03/15 03:00:00");
    let ended = over(OrderEnd::Cancelled);
    vec![
        story(Rule::OrderCreated, order, "order created; waiting for the first charge"),
        story(
            Rule::FirstChargePaid,
            pending().success(1, at),
            "payment processed: the first charge succeeded; the plan is active",
        ),
        story(
            Rule::FirstChargeFailed,
            pending().reported(&first_failure, at),
            "payment failed: the first authorisation failed; the plan was not activated",
        ),
        story(Rule::ResultPending, pending().reported(&open, at), "ECPay does not know the result of this charge yet"),
        story(
            Rule::Renewed,
            running().success(2, "2025/02/15 03:00:00"),
            "payment processed: the recurring charge succeeded",
        ),
        story(
            Rule::LateSuccess,
            late.success_seen(2, "2025/02/15 03:00:00", "2025/03/15 04:00:00"),
            "payment processed: late report, already superseded by a newer state",
        ),
        story(
            Rule::ArrearsPaid,
            failing(1).success(2, "2025/02/15 12:00:00"),
            "payment processed: overdue amount paid",
        ),
        story(
            Rule::PlanRestored,
            fallen().success(2, "2025/02/26 12:00:00"),
            "payment processed: the plan was restored from FREE",
        ),
        story(
            Rule::RefundDue,
            ended.clone().success(2, "2025/02/16 12:00:00"),
            "payment processed for an order that is over or was cancelled: a refund is due",
        ),
    ]
}

/// Stories of failed charges and of the end of grace.
fn failures() -> Vec<Story> {
    let nth = |number: usize| failing(number - 1).failure(FAILURES[number - 1]);
    vec![
        story(Rule::GraceBegan, nth(1), "payment failed for the first time: the grace period began"),
        story(
            Rule::GraceExtendedOnce,
            nth(2),
            "payment failed for the second time: the grace period was extended once",
        ),
        story(Rule::LastWarning, nth(3), "payment failed for the third time: the customer was warned of the downgrade"),
        story(Rule::FailureRecorded, nth(4), "payment failed: recorded; neither the grace period nor the plan changes"),
        story(
            Rule::SixthFailure,
            nth(6),
            "payment failed for the sixth time: ECPay may terminate the order; will be checked by query",
        ),
        story(Rule::GraceEnded, grace_ended(), "downgraded to FREE: the grace period ended unpaid"),
        story(
            Rule::ChargeLate,
            charge_missing(&running().order, t("2025/02/18 00:00:00")).unwrap(),
            "no charge reported for three days after the due date; staff notified",
        ),
        story(
            Rule::ChargeAnnounced,
            announce_charge(&annual().order, t("2026/01/01 00:00:00")).unwrap(),
            "annual charge ahead; customer notified",
        ),
        story(
            Rule::NotCharged,
            charge_missing(&running().order, t("2025/02/22 00:00:00")).unwrap(),
            "downgraded to FREE: ECPay did not charge within a week of the due date",
        ),
    ]
}

fn grace_ended() -> Decision {
    let mut life = failing(1);
    // The retry of day 7 falls due at the end of the grace period and precedes the downgrade.
    life.queried(EcpayState::Running, "2025/02/21 15:05:06");
    life.asked("2025/02/22 03:05:06", RetryState::Refused);
    due(&life, "2025/02/22 03:05:06")
}

/// The grace period is over, but the first notice is still queued.
fn postponed() -> Decision {
    let mut life = failing(1);
    life.queried(EcpayState::Running, "2025/02/21 15:05:06");
    life.asked("2025/02/22 03:05:06", RetryState::Refused);
    let notice = FirstNotice { state: NoticeState::Queued, ended_at: None };
    let policy = policy();
    let context = DecisionContext::new(&policy, t("2025/02/22 03:05:06"));
    postpone_downgrade(&life.order, Some(notice), context).unwrap()
}

/// Stories of retries.
fn retries() -> Vec<Story> {
    let now = t("2025/02/16 12:00:00");
    let mut life = failing(1);
    let claimed = claim_retry(&life.order, Actor::Schedule, now).unwrap();
    life.take(&claimed);
    let outcome = |state| record_retry_outcome(&life.order, state, now).unwrap();
    vec![
        story(
            Rule::DowngradePostponed,
            postponed(),
            "downgrade postponed: waiting for a query of ECPay or for the first notice to be sent",
        ),
        story(Rule::RetryRequested, claimed.clone(), "retry requested from ECPay"),
        story(
            Rule::RetryAccepted,
            outcome(RetryState::Accepted),
            "ECPay accepted the retry; the result is reported later",
        ),
        story(Rule::RetryRefused, outcome(RetryState::Refused), "ECPay refused the retry"),
        story(Rule::RetryPostponed, outcome(RetryState::NotSent), "ECPay is unavailable; the retry remains scheduled"),
        story(
            Rule::RetryOutcomeUnknown,
            outcome(RetryState::Unknown),
            "outcome of the retry request unknown; will be checked by query",
        ),
        story(
            Rule::RetryWithoutResult,
            close_retry_without_result(&life.order, t("2025/02/17 12:00:00")).unwrap(),
            "no result of the retry within a day",
        ),
    ]
}

/// Stories of queries and of the end of an order.
fn ends() -> Vec<Story> {
    let mut missing = running();
    missing.success(3, "2025/03/15 03:00:00");
    let mut cancelled = fallen();
    let claim = claim_cancel(&cancelled.order, DecisionContext::new(&policy(), t("2025/03/13 00:00:00"))).unwrap();
    cancelled.take(&claim);
    let mut overtaken = cancelled.clone();
    overtaken.success(2, "2025/03/13 01:00:00");
    let mut ended = running();
    let confirmed = ended.ended(OrderEnd::Cancelled, "2025/02/01 12:00:00");
    let mut wished = running();
    wished.staff(&Operation::Cancel, "2025/02/01 12:00:00");
    let unrecorded = vec![t("2025/02/16 12:00:00")];
    let listed = QueryAnswer { unrecorded, ..answer(EcpayState::Running, "2025/02/16 13:00:00") };
    vec![
        story(
            Rule::SuccessMissing,
            success_missing(&missing.order, t("2025/03/15 04:00:00")).unwrap(),
            "ECPay reports a successful charge that is missing from its charge log",
        ),
        story(Rule::CancelRequestedAtEcpay, claim, "cancellation requested from ECPay"),
        story(
            Rule::CancelUnconfirmed,
            cancel_unreached(&wished.order, DecisionContext::new(&policy(), t("2025/02/13 12:00:00"))).unwrap(),
            "the cancellation is not confirmed shortly before the next charge; staff notified",
        ),
        story(
            Rule::CancelOvertaken,
            cancel_overtaken(&overtaken.order, t("2025/03/13 02:00:00")).unwrap(),
            "paid after cancellation was requested; the order is still active at ECPay and continues",
        ),
        story(Rule::OrderOver, confirmed, "ECPay confirmed that the order is terminated"),
        story(Rule::PaidPeriodEnded, due(&ended, "2025/02/15 00:00:00"), "the paid period ended, and the plan with it"),
        story(
            Rule::SuccessProven,
            failing(1).answered(Task::Reconcile, &listed),
            "payment processed: ECPay reports a success that cannot be recorded; the period counts as paid",
        ),
        story(
            Rule::NothingNew,
            running().queried(EcpayState::Running, "2025/02/16 00:00:00"),
            "queried ECPay: nothing new",
        ),
        story(
            Rule::StillPending,
            still_pending(&pending().order, t("2025/01/15 10:10:00")).unwrap(),
            "queried ECPay: still unpaid",
        ),
        story(
            Rule::OrderExpired,
            still_pending(&pending().order, t("2025/01/16 10:00:00")).unwrap(),
            "not paid within a day: order expired",
        ),
        story(Rule::LinkEnded, link_ended(), "the payment link ended: the offered order expired"),
        (Rule::Superseded, superseded().history, "replaced by a new order"),
    ]
}

fn link_ended() -> Decision {
    let offer = NewOrder { offered_until: Some(t("2025/02/14 10:00:00")), ..new_order("ORDER1", None) };
    let offered = create_order(offer, Actor::Schedule, t("2025/01/15 10:00:00")).after();
    expire(&offered, t("2025/02/14 10:00:00")).unwrap()
}

fn superseded() -> SubscriptionWrite {
    let new = create_order(new_order("ORDER2", Some("ORDER1")), Actor::Schedule, t("2025/02/01 11:00:00")).after();
    let first = PaymentOutcome::Succeeded { number: 1 };
    let first = report(&new.value, EventId::success(1), first, "2025/02/01 12:00:00");
    let snapshot = Snapshot { subscription: new, replaced: to_replace(&running().order), paid_order: None };
    match decide_payment(&snapshot, &first, DecisionContext::new(&policy(), t("2025/02/01 12:00:00"))) {
        PaymentDecision::Apply(decision) => decision.replaced.unwrap(),
        other => panic!("{other:?}"),
    }
}

/// Refund of the first charge.
fn refunded(end_access: bool) -> Decision {
    let mut life = pending();
    let payment = Box::new(life.success(1, "2025/01/15 10:05:00").payment.unwrap());
    let refund = Operation::Refund { payment, amount: Twd::new(899), reference: None, end_access };
    life.staff(&refund, "2025/02/01 12:00:00")
}

/// Stories of operations and of failing tasks.
fn staff() -> Vec<Story> {
    let now = "2025/02/16 12:00:00";
    let mut paused = failing(1);
    let pause = paused.staff(&Operation::Pause { days: 10 }, now);
    let mut troubled = failing(1);
    let mut fails = || {
        let failure = record_task_failure(&troubled.order, Task::Retry, "an invented reason", t(now));
        troubled.take(&failure);
        failure
    };
    let mut wished = running();
    let [first, _, _, fourth] = [fails(), fails(), fails(), fails()];
    vec![
        story(
            Rule::GraceExtendedByStaff,
            failing(1).staff(&Operation::ExtendGrace { days: 5 }, now),
            "staff extended the grace period",
        ),
        story(Rule::DunningPaused, pause, "dunning paused by staff: no automatic retries, no downgrade"),
        story(
            Rule::DunningResumed,
            paused.staff(&Operation::Resume, now),
            "dunning resumed; the paused days were added to the grace period",
        ),
        story(
            Rule::CancelRequested,
            wished.staff(&Operation::Cancel, "2025/02/01 12:00:00"),
            "cancellation requested by the customer",
        ),
        story(
            Rule::CancelUndone,
            wished.staff(&Operation::UndoCancel, "2025/02/02 12:00:00"),
            "cancellation undone by the customer; the order continues",
        ),
        story(Rule::TaskFailed, first, "a task failed for this order; will be retried"),
        story(Rule::NeedsAttention, fourth, "a task keeps failing for this order; staff notified"),
        story(Rule::TaskRecovered, troubled.queried(EcpayState::Running, now), "the failing task succeeded again"),
        story(
            Rule::TermsChanged,
            running().staff(&Operation::Terms { amount: Some(Twd::new(999)), next_charge_on: None }, now),
            "staff recorded new terms of the order",
        ),
        story(Rule::Refunded, refunded(false), "staff recorded a refund"),
        story(Rule::RefundedAndEnded, refunded(true), "downgraded to FREE: staff recorded a refund and ended the plan"),
        story(
            Rule::EmailChanged,
            running().staff(&Operation::ChangeEmail { email: address("new@customer.example") }, now),
            "staff changed the address of the order's mails",
        ),
        (Rule::OrderAdopted, adopted(), "staff took over an order that ECPay already charged"),
        story(Rule::NoteAdded, running().staff(&Operation::Note, now), "staff added a note"),
        story(
            Rule::UserErased,
            erase(&given_up().order, &cause(None), t("2025/02/15 10:00:00")).unwrap(),
            "personal data erased; payment records kept for accounting",
        ),
    ]
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

fn stories() -> Vec<Story> {
    [charges(), failures(), retries(), ends(), staff()].concat()
}

#[test]
fn each_story_leads_to_its_rule_and_shows_its_sentence() {
    for (rule, entry, sentence) in stories() {
        assert_eq!(entry.rule, rule, "{entry:?}");
        assert_eq!(rule.sentence(), sentence, "{rule:?}");
    }
}

#[test]
fn every_rule_has_a_story_in_this_file_so_add_one_for_a_new_rule() {
    let mut missing = Rule::ALL.to_vec();
    missing.retain(|rule| stories().iter().all(|(known, ..)| known != rule));
    assert_eq!(missing, []);
}
