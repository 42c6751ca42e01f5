//! A decision as one transaction, and what its refusal means.

use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::{
    CancellationReason, Put, ReturnValuesOnConditionCheckFailure, TransactWriteItem, Update,
};
use serde::Serialize;

use crate::domain::billing::decision::{Decision, SubscriptionWrite};
use crate::domain::billing::next_action::NextAction;
use crate::domain::billing::payment::Payment;
use crate::domain::billing::policy::DunningPolicy;
use crate::domain::billing::subscription::AppliedEvent;
use crate::domain::values::ids::{NotificationId, SubscriptionId};
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::billing::counters;
use crate::store::billing::notices::queued;
use crate::store::billing::users;
use crate::store::table::keys;
use crate::store::table::record::{Record, WebhookLog};
use crate::store::table::table::Table;
use crate::store::{Error, key_of, number};

/// Log rows of callbacks are kept for this many days.
pub const WEBHOOK_LOG_DAYS: i64 = 30;
/// How often a commit is tried again after a guard that only changes what is written beside it.
const ATTEMPTS: usize = 4;
const DOING: &str = "storing a decision";

/// What came of a commit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Commit {
    /// All of it is stored.
    Done,
    /// The event or its authorisation was applied before; what was stored then, where that is known.
    AlreadyApplied(Option<AppliedEvent>),
    /// Somebody else wrote first: load and decide again.
    Stale,
    /// The user has another live order, and this decision creates one.
    UserHeld(SubscriptionId),
}

/// What the refusal of one action of the transaction means.
enum Guard {
    Receipt,
    Subscription,
    Payment,
    User,
    Notice(NotificationId),
    Unconditional,
}

struct Transaction {
    actions: Vec<TransactWriteItem>,
    guards: Vec<Guard>,
}

impl Billing {
    /// Writes a decision whole or not at all. A notice that exists already was told already, and is left out; an
    /// order beside another live one of its user is written as [`Decision::beside`] says.
    ///
    /// # Errors
    /// [`Error`]; then it is unknown whether the decision was stored, and deciding again is safe.
    pub async fn commit(
        &self,
        decision: Decision,
        log: Option<&WebhookLog>,
        policy: &DunningPolicy,
    ) -> Result<Commit, Error> {
        if let Some(overlay) = &self.overlay {
            overlay.keep(&decision);
            return Ok(Commit::Done);
        }
        let mut decision = decision;
        let now = decision.change.history.at;
        for _ in 0..ATTEMPTS {
            let transaction = Transaction::of(&self.table, &decision, log, policy)?;
            let Some(reasons) = self.table.write(transaction.actions, DOING).await? else { return Ok(Commit::Done) };
            match first_refusal(&transaction.guards, &reasons) {
                Some((Guard::Receipt, reason)) => return Ok(Commit::AlreadyApplied(seen(reason))),
                Some((Guard::Payment, reason)) => return Ok(Commit::AlreadyApplied(paid(reason))),
                Some((Guard::User, reason)) => {
                    let Some(other) = reason.item().and_then(users::live) else { return Ok(Commit::Stale) };
                    if decision.change.expected.is_none() {
                        return Ok(Commit::UserHeld(other));
                    }
                    decision = decision.alongside_live_order(&other, now);
                }
                Some((Guard::Notice(id), _)) => decision.notices.retain(|notice| notice.id != *id),
                Some((Guard::Subscription | Guard::Unconditional, _)) | None => return Ok(Commit::Stale),
            }
        }
        Err(Error::Contended { doing: DOING })
    }
}

/// The refusal that matters most: guards stand in the transaction in that order.
fn first_refusal<'a>(
    guards: &'a [Guard],
    reasons: &'a [CancellationReason],
) -> Option<(&'a Guard, &'a CancellationReason)> {
    guards.iter().zip(reasons).find(|(_, reason)| reason.code() == Some("ConditionalCheckFailed"))
}

fn seen(reason: &CancellationReason) -> Option<AppliedEvent> {
    Record::from_item(reason.item()?.clone()).ok().map(|record| record.data)
}

fn paid(reason: &CancellationReason) -> Option<AppliedEvent> {
    let payment: Payment = Record::from_item(reason.item()?.clone()).ok()?.data;
    Some(AppliedEvent { event: payment.event, gwsr: payment.gwsr, amount: Some(payment.amount) })
}

impl Transaction {
    fn of(table: &Table, decision: &Decision, log: Option<&WebhookLog>, policy: &DunningPolicy) -> Result<Self, Error> {
        let mut all = Self { actions: Vec::new(), guards: Vec::new() };
        let id = &decision.change.next.id;
        if let Some(receipt) = &decision.receipt {
            let report = &receipt.report;
            let seen = AppliedEvent { event: receipt.event.clone(), gwsr: report.gwsr.clone(), amount: report.amount };
            all.put_new(table, Guard::Receipt, Record::new(keys::receipt(id, &receipt.event), seen))?;
        }
        all.change(table, &decision.change, policy)?;
        if let Some(replaced) = &decision.replaced {
            all.change(table, replaced, policy)?;
        }
        if let Some(payment) = &decision.payment {
            all.put_new(table, Guard::Payment, Record::new(keys::payment(id, &payment.id), payment))?;
        }
        if let Some(user) = &decision.user {
            all.push(Guard::User, users::update(&table.name, user)?);
        }
        if decision.change.expected.is_none() {
            // Made once and never changed, so nobody is in its way.
            let link = Record::new(keys::user_order(&decision.change.next.user, id), ());
            all.put(table, Guard::Unconditional, link)?;
        }
        for notice in &decision.notices {
            all.put_new(table, Guard::Notice(notice.id.clone()), queued(notice))?;
        }
        if let Some(log) = log {
            let expiry = log.received_at.plus_days(WEBHOOK_LOG_DAYS);
            let record = Record::new(keys::webhook_log(id, log.received_at, &log.event), log);
            all.put(table, Guard::Unconditional, record.due(keys::WEBHOOK_LOG_QUEUE, expiry).expiring(expiry))?;
        }
        all.count_statuses(table, decision)?;
        Ok(all)
    }

    /// A subscription with its place in the due index, and its line of history.
    fn change(&mut self, table: &Table, change: &SubscriptionWrite, policy: &DunningPolicy) -> Result<(), Error> {
        let version = change.version();
        let history = Record::new(keys::history(&change.next.id, version), &change.history);
        let mut record = Record::new(keys::subscription(&change.next.id), &change.next).at_version(version);
        if let Some(action) = NextAction::of(&change.next, policy) {
            record = record.due(action.kind.as_str(), action.at);
        }
        let mut put = Put::builder().table_name(&table.name).set_item(Some(record.into_item()?));
        put = match change.expected {
            Some(expected) => put
                .condition_expression("#version = :expected")
                .expression_attribute_names("#version", "version")
                .expression_attribute_values(":expected", number(expected)),
            None => put.condition_expression("attribute_not_exists(pk)"),
        };
        self.push(Guard::Subscription, put_action(put.build())?);
        self.put(table, Guard::Unconditional, history)
    }

    fn put_new<T: Serialize>(&mut self, table: &Table, guard: Guard, record: Record<T>) -> Result<(), Error> {
        let put = Put::builder()
            .table_name(&table.name)
            .set_item(Some(record.into_item()?))
            .condition_expression("attribute_not_exists(pk)")
            .return_values_on_condition_check_failure(ReturnValuesOnConditionCheckFailure::AllOld);
        self.push(guard, put_action(put.build())?);
        Ok(())
    }

    fn put<T: Serialize>(&mut self, table: &Table, guard: Guard, record: Record<T>) -> Result<(), Error> {
        let put = Put::builder().table_name(&table.name).set_item(Some(record.into_item()?));
        self.push(guard, put_action(put.build())?);
        Ok(())
    }

    /// How many subscriptions have which status, kept exactly: both orders of a decision count into one shard.
    fn count_statuses(&mut self, table: &Table, decision: &Decision) -> Result<(), Error> {
        let mut deltas: BTreeMap<&'static str, i64> = BTreeMap::new();
        for change in std::iter::once(&decision.change).chain(&decision.replaced) {
            if let Some(from) = change.history.from {
                *deltas.entry(from.name()).or_default() -= 1;
            }
            *deltas.entry(change.history.to.name()).or_default() += 1;
        }
        deltas.retain(|_, delta| *delta != 0);
        if deltas.is_empty() {
            return Ok(());
        }
        let shard = keys::shard(decision.change.next.id.as_str(), counters::SHARDS);
        let mut update = Update::builder().table_name(&table.name).set_key(Some(key_of(&keys::status_count(shard))));
        let mut terms = Vec::new();
        for (place, (status, delta)) in deltas.into_iter().enumerate() {
            terms.push(format!("#s{place} :d{place}"));
            update = update
                .expression_attribute_names(format!("#s{place}"), status)
                .expression_attribute_values(format!(":d{place}"), number(delta));
        }
        let update = update.update_expression(format!("ADD {}", terms.join(", "))).build();
        let update = update.map_err(|error| Error::unavailable("counting subscriptions", error))?;
        self.push(Guard::Unconditional, TransactWriteItem::builder().update(update).build());
        Ok(())
    }

    fn push(&mut self, guard: Guard, action: TransactWriteItem) {
        self.guards.push(guard);
        self.actions.push(action);
    }
}

fn put_action(put: Result<Put, aws_sdk_dynamodb::error::BuildError>) -> Result<TransactWriteItem, Error> {
    let put = put.map_err(|error| Error::unavailable(DOING, error))?;
    Ok(TransactWriteItem::builder().put(put).build())
}

impl Billing {
    /// Stores the page of an order: the digest of its token leads to the order until it expires.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn put_checkout(
        &self,
        token_digest: &str,
        checkout: &crate::store::table::record::Checkout,
    ) -> Result<(), Error> {
        let expires_at: Timestamp = checkout.expires_at;
        let record = Record::new(keys::checkout(token_digest), checkout).expiring(expires_at);
        let put = self.table.client.put_item().table_name(&self.table.name).set_item(Some(record.into_item()?));
        put.send().await.map(|_| ()).map_err(|error| Error::unavailable("storing a checkout page", error))
    }
}
