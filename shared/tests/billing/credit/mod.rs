//! Credit for what is unused of a replaced order's paid period.

mod days;
mod stories;

use shared::domain::billing::decide::order::create_order;
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decision::{
    Actor, Decision, DecisionContext, PaymentDecision, Replaced, Snapshot, Versioned,
};
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::payments::unused_part::Credit;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::EventId;

use crate::operations::fixtures::{new_order, policy, report, t};

/// Refunds due for unused parts in the history that a decision writes.
fn credits(decision: &Decision) -> impl Iterator<Item = &Credit> {
    decision.replaced.iter().chain([&decision.change]).flat_map(|write| &write.history.credits)
}

/// First success of ORDER2, which replaces ORDER1.
fn replace(old: &Versioned<Subscription>, payments: &[&Payment], at: &str) -> Decision {
    let new = create_order(new_order("ORDER2", Some("ORDER1")), Actor::Schedule, t(at)).after();
    let first = report(&new.value, EventId::success(1), PaymentOutcome::Succeeded { number: 1 }, at);
    let replaced = Some(Replaced { order: old.clone(), payments: payments.iter().copied().cloned().collect() });
    let snapshot = Snapshot { subscription: new, replaced, paid_order: None };
    match decide_payment(&snapshot, &first, DecisionContext::new(&policy(), t(at))) {
        PaymentDecision::Apply(decision) => *decision,
        other => panic!("{other:?}"),
    }
}
