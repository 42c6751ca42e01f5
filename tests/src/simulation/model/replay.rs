//! Subscriptions rebuilt from their history and nothing else.

use std::collections::{BTreeMap, VecDeque};

use shared::domain::billing::decide::announce::announce_charge;
use shared::domain::billing::decide::cancel::{cancel_overtaken, cancel_unreached, claim_cancel};
use shared::domain::billing::decide::contact::{change_email, note};
use shared::domain::billing::decide::downgrade::{FirstNotice, postpone_downgrade};
use shared::domain::billing::decide::erasure::erase;
use shared::domain::billing::decide::operation::{OperationDecision, decide_operation, resume};
use shared::domain::billing::decide::order::{
    charge_missing, create_order, end_grace, end_grace_unreached, expire, still_pending, success_missing,
};
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decide::proof::proven;
use shared::domain::billing::decide::query::{decide_query, note_query, nothing_new};
use shared::domain::billing::decide::retry::{claim_retry, record_retry_outcome};
use shared::domain::billing::decide::task_failure::record_task_failure;
use shared::domain::billing::decision::{
    Decision, DecisionContext, HistoryEntry, HistoryEvent, PaymentDecision, Replaced, Snapshot, SubscriptionWrite,
    Versioned,
};
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::notices::NoticeState;
use shared::domain::billing::operations::{Operation, OperationContext};
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::failure::Backoff;
use shared::domain::values::time::Timestamp;

/// The lines of each order that are not folded in yet, oldest first.
pub(crate) type Lines = BTreeMap<String, VecDeque<HistoryEntry>>;

/// Every subscription as its history gives it.
pub(crate) struct Replay {
    policy: DunningPolicy,
    /// Subscriptions by order.
    pub(crate) states: BTreeMap<String, Versioned<Subscription>>,
    /// State that an order takes when the first charge of another replaces it.
    superseded: BTreeMap<String, SubscriptionWrite>,
    /// Payments of each order.
    payments: BTreeMap<String, Vec<Payment>>,
}

impl Replay {
    pub(crate) fn new(policy: DunningPolicy) -> Self {
        Self { policy, states: BTreeMap::new(), superseded: BTreeMap::new(), payments: BTreeMap::new() }
    }

    /// Folds lines in, those of one order in their sequence. Two orders depend on each other where one replaces the
    /// other.
    pub(crate) fn fold(&mut self, mut lines: Lines) -> Result<(), String> {
        while !lines.values().all(VecDeque::is_empty) {
            let ready = lines.iter().find(|(id, waiting)| self.is_ready(id, waiting, &lines));
            let Some(id) = ready.map(|(id, _)| id.clone()) else {
                return Err("the histories of two orders wait for each other".to_owned());
            };
            let line = lines.get_mut(&id).and_then(VecDeque::pop_front).expect("a line");
            let replaces = self.replaced_by(&id, &line, &lines);
            self.line(&id, &line, replaces)?;
        }
        Ok(())
    }

    fn is_ready(&self, id: &str, waiting: &VecDeque<HistoryEntry>, lines: &Lines) -> bool {
        let Some(line) = waiting.front() else { return false };
        if matches!(line.event, HistoryEvent::SupersededBy(_)) {
            return self.superseded.contains_key(id);
        }
        // Who takes another's place waits until that order is where it was then.
        let Some(old) = self.replaces(id).filter(|_| line.rule == Rule::FirstChargePaid) else { return true };
        let Some(ahead) = lines.get(&old) else { return true };
        let taken = ahead.iter().position(|line| is_taken_by(line, id));
        taken.is_none_or(|place| place == 0)
    }

    fn replaces(&self, id: &str) -> Option<String> {
        self.states.get(id)?.value.replaces.as_ref().map(ToString::to_string)
    }

    fn replaced_by(&self, id: &str, line: &HistoryEntry, lines: &Lines) -> Option<Replaced> {
        let old = self.replaces(id).filter(|_| line.rule == Rule::FirstChargePaid)?;
        lines.get(&old)?.front().filter(|line| is_taken_by(line, id))?;
        let payments = self.payments.get(&old).map_or(&[][..], Vec::as_slice);
        let order = self.states.get(&old)?.clone();
        Some(Replaced { order, payments: payments.to_vec() })
    }

    fn line(&mut self, id: &str, line: &HistoryEntry, replaced: Option<Replaced>) -> Result<(), String> {
        let next = if matches!(line.event, HistoryEvent::SupersededBy(_)) {
            let write = self.superseded.remove(id).ok_or("no order replaced it")?;
            if write.history.credits != line.credits {
                return Err(format!("the same replacement now gives {:?} and gave {line:?}", write.history.credits));
            }
            write.next
        } else {
            let decision = self.decide(id, line, replaced);
            let decision = decision.ok_or_else(|| format!("this line follows from nothing: {line:?}"))?;
            if let Some(other) = &decision.replaced {
                self.superseded.insert(other.next.id.to_string(), other.clone());
            }
            let decided = &decision.change.history;
            let same_credit = decided.credits == line.credits;
            if (decided.rule, decided.from, decided.to, decided.at, same_credit)
                != (line.rule, line.from, line.to, line.at, true)
            {
                return Err(format!("the same decision now gives\n{decided:?}\nand gave\n{line:?}"));
            }
            self.payments.entry(id.to_owned()).or_default().extend(decision.payment);
            decision.change.next
        };
        let version = self.states.get(id).map_or(0, |state| state.version) + 1;
        self.states.insert(id.to_owned(), Versioned { value: next, version });
        Ok(())
    }

    fn decide(&self, id: &str, line: &HistoryEntry, replaced: Option<Replaced>) -> Option<Decision> {
        let (at, policy) = (line.at, &self.policy);
        if let HistoryEvent::Ordered(order) = &line.event {
            return Some(create_order(order.clone(), line.by.clone(), at));
        }
        let stored = self.states.get(id)?;
        let context = DecisionContext::new(policy, at);
        let noted =
            line.query.as_ref().map_or_else(|| stored.value.clone(), |answer| note_query(&stored.value, answer));
        let before = &Versioned { value: noted, version: stored.version };
        let staff = |operation| {
            let cause = OperationContext { by: line.by.clone(), why: None, key: None };
            match decide_operation(before, &operation, &cause, DecisionContext::new(policy, at)) {
                OperationDecision::Apply(decision) => Some(*decision),
                OperationDecision::Unchanged | OperationDecision::Refused(_) => None,
            }
        };
        match &line.event {
            HistoryEvent::Ordered(_) | HistoryEvent::SupersededBy(_) => None,
            HistoryEvent::Reported(report) | HistoryEvent::ReportedAfter { report, .. } => {
                let paid_order = if let HistoryEvent::ReportedAfter { paid_order, .. } = &line.event {
                    Some(paid_order.clone())
                } else {
                    None
                };
                // It was plausible when it was received, which may be later than the logical time of a late run.
                let context = context.at_wall(report.processed_at);
                let snapshot = Snapshot { subscription: before.clone(), replaced, paid_order };
                match decide_payment(&snapshot, report, context) {
                    PaymentDecision::Apply(decision) => Some(*decision),
                    PaymentDecision::Repeat | PaymentDecision::Quarantine(_) => None,
                }
            }
            HistoryEvent::ActionDue => end_grace(before, DecisionContext::new(policy, at)),
            HistoryEvent::DowngradePostponed { until } => postponed(before, *until, context),
            HistoryEvent::EcpayUnreached => {
                end_grace_unreached(before, None, context).or_else(|| cancel_unreached(before, context))
            }
            HistoryEvent::RetryRequested => claim_retry(before, line.by.clone(), at).ok(),
            HistoryEvent::RetryOutcomeRecorded(answer) => record_retry_outcome(before, *answer, at),
            HistoryEvent::CancelRequestedAtEcpay => claim_cancel(before, DecisionContext::new(policy, at)),
            HistoryEvent::OrderEnded(_) => decide_query(stored, line.query.as_ref()?, context),
            HistoryEvent::SuccessProven { charged_at } => match &line.query {
                Some(answer) => decide_query(stored, answer, context),
                None => {
                    let mut proof = before.clone();
                    proof.value.charge_history.add_unrecorded(*charged_at);
                    proven(&proof, *charged_at, context)
                }
            },
            HistoryEvent::Checked => checked(before, line),
            HistoryEvent::NothingNew { task } => Some(nothing_new(before, *task, context)),
            HistoryEvent::TermsChanged { amount, next_charge_on } => {
                staff(Operation::Terms { amount: *amount, next_charge_on: *next_charge_on })
            }
            // No actor records one; the payment would have to be read with it. Nor does one adopt an order.
            HistoryEvent::Refunded { .. } | HistoryEvent::Adopted => None,
            HistoryEvent::MissingChargeObserved => charge_missing(before, at),
            HistoryEvent::ChargeAnnounced { .. } => announce_charge(before, at),
            HistoryEvent::GraceExtended { days } => staff(Operation::ExtendGrace { days: *days }),
            HistoryEvent::Paused { days } => staff(Operation::Pause { days: *days }),
            HistoryEvent::Resumed => resume(before, DecisionContext::new(policy, at)),
            HistoryEvent::CancelRequested => staff(Operation::Cancel),
            HistoryEvent::CancelUndone => staff(Operation::UndoCancel),
            HistoryEvent::EmailChanged { email } => Some(change_email(before, email, line.by.clone(), at)),
            HistoryEvent::Noted => Some(note(before, line.by.clone(), at)),
            HistoryEvent::TaskFailed { task, reason } => Some(record_task_failure(before, *task, reason, at)),
            HistoryEvent::Erased => {
                let cause = OperationContext { by: line.by.clone(), why: line.why.clone(), key: None };
                erase(before, &cause, at)
            }
        }
    }
}

fn is_taken_by(line: &HistoryEntry, id: &str) -> bool {
    matches!(&line.event, HistoryEvent::SupersededBy(by) if by.as_str() == id)
}

/// The state of the notice is not in the history.
fn postponed(before: &Versioned<Subscription>, until: Timestamp, context: DecisionContext<'_>) -> Option<Decision> {
    let notice = FirstNotice { state: NoticeState::Queued, ended_at: None };
    let mut decision = postpone_downgrade(before, Some(notice), context)?;
    let next = &mut decision.change.next;
    next.backoff = next.backoff.map(|backoff| Backoff { again_at: until, ..backoff });
    Some(decision)
}

#[expect(clippy::wildcard_enum_match_arm, reason = "no other rule follows from a look")]
fn checked(before: &Versioned<Subscription>, line: &HistoryEntry) -> Option<Decision> {
    match line.rule {
        Rule::StillPending => still_pending(before, line.at),
        Rule::OrderExpired | Rule::LinkEnded | Rule::FirstChargeFailed => expire(before, line.at),
        Rule::CancelOvertaken => cancel_overtaken(before, line.at),
        Rule::SuccessMissing => success_missing(before, line.at),
        _ => None,
    }
}
