//! Adoption of orders that already run at ECPay, on request of staff.

use std::collections::BTreeSet;

use futures::{StreamExt, TryStreamExt, stream};
use serde_json::{Value, json};
use shared::domain::billing::decide::adopt::report::{AdoptedOrder, AdoptionOutcome, OrderToAdopt};
use shared::domain::billing::decide::adopt::{AdoptionContext, adopt};
use shared::domain::billing::decision::{Actor, DecisionContext};
use shared::domain::billing::operations::OperationContext;
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::time_range::TimeRange;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::replay::replay;
use shared::store::billing::adoption::AdoptionCommit;
use shared::store::billing::adoption::list::{AdoptionList, ListedOrder, ListedOutcome};
use shared::store::billing::quarantine::list::Listing;
use shared::store::billing::quarantine::types::{QuarantineState, Resolution, ResolvedAs};
use shared::store::billing::webhook_log::WEBHOOK_LOG_DAYS;

use crate::ecpay_session::{EcpaySession, Failure};
use crate::event::Adopt;
use crate::{Error, Maintenance};

/// Page size of the reads of quarantined reports.
const PAGE: usize = 50;
/// Orders of a list that are worked on at a time; ECPay's pace holds for all of them.
const AT_A_TIME: usize = 5;
/// Seconds after which no further rows of a list are begun, so that those under way are recorded before the function's timeout.
const LIST_SECONDS: u64 = 200;

/// How far an invocation came with a list.
enum Progress {
    Done,
    TimeIsOver,
}

/// Adopts one order, or only says what would be held. Answers an [`AdoptionOutcome`].
pub(crate) async fn one(maintenance: &Maintenance, request: &Adopt, time: InvocationTime) -> Result<Value, Error> {
    let session =
        if request.dry_run { EcpaySession::dry_run(maintenance, time) } else { EcpaySession::new(maintenance, time) };
    let cause = OperationContext { by: Actor::Staff(request.by.clone()), why: None, key: None };
    let adopted = adopt_order(&session, &request.order, &cause).await;
    session.emit_metrics().await;
    let outcome = adopted?;
    // Also by a repetition: the adoption may have been cut before its reports were replayed.
    let yesterday = session.now.plus_days(-1);
    let is_new = match &outcome {
        AdoptionOutcome::Adopted(_) => true,
        AdoptionOutcome::AlreadyHeld(order) => order.adopted_at >= Some(yesterday),
        AdoptionOutcome::WouldAdopt(_) | AdoptionOutcome::Refused { .. } | AdoptionOutcome::Unavailable { .. } => false,
    };
    if is_new && !request.dry_run {
        let orders = BTreeSet::from([request.order.merchant_trade_no.clone()]);
        // The order is held all the same, and staff can replay the reports.
        if let Err(error) = replay_reports(&session, &orders, &cause).await {
            tracing::error!(error = error_chain(&error), "the reports of an adopted order were not replayed");
        }
    }
    Ok(json!(outcome))
}

/// Works on the rows of a list that are left, and invokes the function again where the time does not suffice.
pub(crate) async fn list(maintenance: &Maintenance, id: &str, time: InvocationTime) -> Result<Value, Error> {
    let billing = &maintenance.store.billing;
    let Some(list) = billing.adoption_list(id).await? else { return Ok(json!({ "status": "unknown" })) };
    let session =
        if list.dry_run { EcpaySession::dry_run(maintenance, time) } else { EcpaySession::new(maintenance, time) };
    let done = work_on(&session, id, &list).await;
    session.emit_metrics().await;
    match done? {
        // Each invocation does some rows, so that the chain ends.
        Progress::TimeIsOver if maintenance.continuation.go_on(&json!({ "adopt_list": id })).await => {
            Ok(json!({ "status": "continued" }))
        }
        Progress::TimeIsOver => Err(Error::CutOff),
        Progress::Done => Ok(json!({ "status": "done" })),
    }
}

async fn work_on(session: &EcpaySession<'_>, id: &str, list: &AdoptionList) -> Result<Progress, Error> {
    let billing = &session.maintenance.store.billing;
    let cause = OperationContext { by: Actor::Staff(list.by.clone()), why: None, key: None };
    for place in 0..list.chunks {
        let Some(open) = billing.open_adoption_rows(id, place).await? else { continue };
        if session.time.stopwatch.elapsed().as_secs() >= LIST_SECONDS {
            return Ok(Progress::TimeIsOver);
        }
        let rows: Vec<_> = open.rows.iter().map(|row| Box::pin(adopt_row(session, list, row, &cause))).collect();
        let outcomes: Vec<ListedOutcome> = stream::iter(rows).buffered(AT_A_TIME).try_collect().await?;
        billing.record_adoption_rows(open, list, outcomes).await?;
    }
    if !list.dry_run {
        let rows = billing.adoption_progress(id).await?.map(|progress| progress.outcomes).unwrap_or_default();
        let is_adopted = |row: &ListedOutcome| matches!(row.outcome, AdoptionOutcome::Adopted(_));
        let adopted = rows.into_iter().filter(is_adopted).map(|row| row.merchant_trade_no).collect();
        replay_reports(session, &adopted, &cause).await?;
    }
    Ok(Progress::Done)
}

async fn adopt_row(
    session: &EcpaySession<'_>,
    list: &AdoptionList,
    row: &ListedOrder,
    cause: &OperationContext,
) -> Result<ListedOutcome, Error> {
    let outcome = match adopt_order(session, &row.order, cause).await {
        // By an invocation that was cut before it recorded this.
        Ok(AdoptionOutcome::AlreadyHeld(order)) if !list.dry_run && order.adopted_at > Some(list.started_at) => {
            AdoptionOutcome::Adopted(order)
        }
        Ok(outcome) => outcome,
        // One order's fault does not stop the others.
        Err(error) if error.is_about_one_order() => {
            tracing::error!(subscription = %row.order.merchant_trade_no, error = error_chain(&error), "order not adopted");
            AdoptionOutcome::Unavailable { reason: "the order cannot be read or written at the moment".to_owned() }
        }
        Err(error) => return Err(error),
    };
    Ok(ListedOutcome { line: row.line, merchant_trade_no: row.order.merchant_trade_no.clone(), outcome })
}

/// Adopts an order. Where ECPay gives no usable answer that is the outcome.
async fn adopt_order(
    session: &EcpaySession<'_>,
    order: &OrderToAdopt,
    cause: &OperationContext,
) -> Result<AdoptionOutcome, Error> {
    match attempt(session, order, cause).await {
        Ok(outcome) => Ok(outcome),
        Err(Failure::Blocked) => Ok(AdoptionOutcome::Unavailable {
            reason: "ECPay is not called for up to 30 minutes after an HTTP 403".to_owned(),
        }),
        Err(Failure::Query(error) | Failure::Action(error)) => {
            Ok(AdoptionOutcome::Unavailable { reason: error.to_string() })
        }
        Err(Failure::Changed | Failure::Unconfirmed) => {
            Ok(AdoptionOutcome::Unavailable { reason: "the order is being changed by another request".to_owned() })
        }
        Err(Failure::Fatal(error)) => Err(error),
    }
}

async fn attempt(
    session: &EcpaySession<'_>,
    order: &OrderToAdopt,
    cause: &OperationContext,
) -> Result<AdoptionOutcome, Failure> {
    let (id, policy) = (&order.merchant_trade_no, &session.maintenance.policy);
    // An order that is held needs no call to ECPay.
    if let Some(held) = held(session, order).await? {
        return Ok(held);
    }
    let keys = session.check_circuit_breaker().await?;
    let log = match session.maintenance.ecpay.period_info(id, session.wall(), &keys).await {
        Ok(log) => log,
        Err(error) => return Err(session.failure(error, Failure::Query).await),
    };
    let context = AdoptionContext {
        merchant: &session.maintenance.merchant,
        cause,
        decisions: DecisionContext::new(policy, session.now).at_wall(session.wall()),
    };
    let adoption = match adopt(order, &log.adoptable(session.now), context) {
        Ok(adoption) => adoption,
        Err(refusal) => return Ok(refusal.into()),
    };
    let shown = AdoptedOrder::of(&adoption.order.next, context.decisions);
    if session.store.is_dry_run() {
        return Ok(AdoptionOutcome::WouldAdopt(shown));
    }
    match session.store.billing.adopt(&adoption, context.decisions).await? {
        AdoptionCommit::Done => {
            tracing::info!(subscription = %id, by = cause.by.name(), charges = adoption.steps.len(), "order adopted");
            Ok(AdoptionOutcome::Adopted(shown))
        }
        // By another request in between.
        AdoptionCommit::Held | AdoptionCommit::HeldInAnotherCase(_) => {
            held(session, order).await?.ok_or(Failure::Changed)
        }
    }
}

/// Outcome for an order that is held under the number of the request, in whatever letter case.
async fn held(session: &EcpaySession<'_>, order: &OrderToAdopt) -> Result<Option<AdoptionOutcome>, Failure> {
    let id = &order.merchant_trade_no;
    let Some(held) = session.store.billing.held_number(id).await? else { return Ok(None) };
    if held != *id {
        let reason = format!("differs only by letter case from {held}, which is held: ECPay's signature ignores it");
        return Ok(Some(AdoptionOutcome::refused("merchant_trade_no", reason)));
    }
    let stored = session.store.billing.subscription(id).await?;
    Ok(stored
        .map(|stored| order.held_as(&stored.value, DecisionContext::new(&session.maintenance.policy, session.now))))
}

/// Replays the quarantined reports of orders that are known now. One that fails stays quarantined and is logged.
async fn replay_reports(
    session: &EcpaySession<'_>,
    orders: &BTreeSet<SubscriptionId>,
    cause: &OperationContext,
) -> Result<(), Error> {
    let billing = &session.store.billing;
    let range = TimeRange { from: session.now.plus_days(-WEBHOOK_LOG_DAYS), to: session.wall().plus_days(1) };
    let listing = Listing { states: &[QuarantineState::Open], range, oldest_first: true };
    let why = "the order was adopted".to_owned();
    let resolution = Resolution { at: session.now, by: cause.by.name().to_owned(), why, outcome: ResolvedAs::Applied };
    let mut after = None;
    loop {
        let (page, next) = billing.quarantine_page(&listing, after.as_ref(), PAGE).await?;
        for report in page.into_iter().filter_map(|listed| listed.readable()) {
            if !report.subscription.as_ref().is_some_and(|order| orders.contains(order)) {
                continue;
            }
            let context = DecisionContext::new(&session.maintenance.policy, session.now).at_wall(session.wall());
            match replay(billing, &report, &resolution, context).await {
                Ok(_) => {}
                Err(error) => {
                    tracing::error!(quarantine = report.id, error = error_chain(&error), "report not replayed");
                }
            }
        }
        after = next;
        if after.is_none() {
            return Ok(());
        }
    }
}
