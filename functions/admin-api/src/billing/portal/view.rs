//! Customer page of one order: what its customer sees and may do now.

use shared::domain::billing::decide::operation::{OperationDecision, decide_operation};
use shared::domain::billing::decide::retry::{RetryRefusal, announced_retry_at, customer_retry_refusal};
use shared::domain::billing::decision::{Actor, DecisionContext, Versioned};
use shared::domain::billing::dunning::arrears::Arrears;
use shared::domain::billing::dunning::downgrade::DowngradeReason;
use shared::domain::billing::next_action::charge_to_come;
use shared::domain::billing::operations::{Operation, OperationContext};
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::plan::{BillingCycle, PlanId};
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::SubscriptionId;
use shared::domain::values::money::Twd;
use shared::domain::values::time::{LocalDate, Timestamp, Zone};
use shared::platform::hash::short_id;

use crate::api::ApiState;
use crate::billing::portal::opened::OpenedOrder;
use crate::billing::portal::wording::{Words, retry_note, state};

/// Order as its customer sees it.
pub(super) struct OrderView {
    /// Part of the addresses of the order's buttons.
    pub(super) reference: String,
    pub(super) plan: PlanId,
    pub(super) price: String,
    pub(super) state: String,
    /// Day and amount of the next charge.
    pub(super) next_charge: Option<String>,
    /// True while a charge is owed.
    pub(super) is_owed: bool,
    /// Day on which a failed charge is tried again.
    pub(super) retry_on: Option<LocalDate>,
    pub(super) card_last4: Option<String>,
    pub(super) buttons: Buttons,
    pub(super) payments: Vec<PaymentView>,
}

/// Buttons that do something in the order's state.
pub(super) struct Buttons {
    pub(super) pay: Option<PayButton>,
    /// True if the same card may be charged again.
    pub(super) retry: bool,
    /// Reason for which it may not, where the customer should know.
    pub(super) retry_note: Option<&'static str>,
    /// Sentence about the consequence of a cancellation.
    pub(super) cancel: Option<String>,
    pub(super) undo_cancel: bool,
}

/// Button that leads to the checkout page of a new order.
pub(super) struct PayButton {
    pub(super) label: &'static str,
    /// Sentence about the price.
    pub(super) note: String,
    /// True where paying is what the customer should do.
    pub(super) is_first: bool,
}

/// Payment as the customer sees it.
pub(super) struct PaymentView {
    /// Day of the charge (Asia/Taipei).
    pub(super) on: LocalDate,
    /// Amount, or a dash where ECPay gave none that can be read.
    pub(super) amount: String,
    pub(super) result: String,
}

/// The part of an order's addresses. Not the order's number, which is nothing that the page shows.
pub(super) fn reference(order: &SubscriptionId) -> String {
    short_id(order.as_str())
}

impl OrderView {
    pub(super) fn of(api: &ApiState, words: Words, opened: &OpenedOrder, now: Timestamp) -> Self {
        let order = &opened.order.value;
        let policy = &api.config.policy;
        let (plan, cycle) = (&order.terms.plan, order.terms.cycle);
        let sold = api.config.prices.find(plan.as_str(), cycle).map(|(_, price)| price);
        let retry_at = Arrears::of(order).and_then(|arrears| announced_retry_at(order, &arrears, policy));
        Self {
            reference: reference(&order.id),
            plan: plan.clone(),
            price: by_cycle(words, cycle, order.terms.price),
            state: state(words, order),
            next_charge: next_charge(order, now.day(Zone::Taipei))
                .map(|(day, amount)| format!("{day}{}{amount}", words.pick("，", ", "))),
            is_owed: Arrears::of(order).is_some(),
            retry_on: retry_at.map(|at| at.day(Zone::Taipei)),
            card_last4: order.charge_history.card_last4.clone(),
            buttons: Buttons::of(words, &opened.order, DecisionContext::new(policy, now), sold),
            payments: opened.payments.iter().map(|payment| PaymentView::of(words, payment)).collect(),
        }
    }
}

impl Buttons {
    fn of(words: Words, order: &Versioned<Subscription>, context: DecisionContext<'_>, sold: Option<Twd>) -> Self {
        let cause = OperationContext { by: Actor::Buyer, why: None, key: None };
        let applies = |operation: &Operation| {
            matches!(decide_operation(order, operation, &cause, context), OperationDecision::Apply(_))
        };
        let undo_cancel = applies(&Operation::UndoCancel);
        let refusal = customer_retry_refusal(&order.value, context.now);
        let retry_note = refusal.and_then(|refusal| retry_note(words, refusal));
        Self {
            pay: PayButton::of(words, &order.value, sold).filter(|_| !undo_cancel),
            // A query before the retry tells whether the last failure may follow.
            retry: matches!(refusal, None | Some(RetryRefusal::LastFailureAllowed)),
            retry_note,
            cancel: applies(&Operation::Cancel).then(|| consequence(words, &order.value)),
            undo_cancel,
        }
    }
}

impl PayButton {
    /// The button; `None` for an order that was replaced, or whose plan is not sold.
    fn of(words: Words, order: &Subscription, sold: Option<Twd>) -> Option<Self> {
        let price = sold.filter(|_| order.superseded_by.is_none())?;
        let goes_on = order.counts_for_user() && order.ended.is_none() && order.cancel_requested.is_none();
        let label = if goes_on {
            words.pick("改用其他卡片付款", "Pay with another card")
        } else {
            words.pick("重新訂閱", "Subscribe again")
        };
        let note = words.pick(
            format!("付款時，綠界會立即收取整期 {price}，並以新的訂閱取代目前的訂閱。"),
            format!("ECPay charges {price} for the whole period at once, and a new subscription takes the place of this one."),
        );
        let is_first = Arrears::of(order).is_some() || order.plan.is_free();
        Some(Self { label, note, is_first })
    }
}

impl PaymentView {
    fn of(words: Words, payment: &Payment) -> Self {
        let result = match payment.outcome {
            PaymentOutcome::Succeeded { .. } => words.pick("已付款", "Paid"),
            PaymentOutcome::PaidOutOfBand => words.pick("已付款（其他方式）", "Paid otherwise"),
            PaymentOutcome::Failed => words.pick("未成功", "Failed"),
            PaymentOutcome::Pending => words.pick("處理中", "In progress"),
        };
        let refund = if payment.refund_due {
            Some(words.pick("將退款", "to be refunded").to_owned())
        } else if payment.refunded.is_zero() {
            None
        } else {
            let amount = payment.refunded;
            Some(words.pick(format!("已退款 {amount}"), format!("{amount} refunded")))
        };
        Self {
            on: payment.processed_at.day(Zone::Taipei),
            amount: payment.amount.map_or_else(|| "–".to_owned(), |amount| amount.to_string()),
            result: refund
                .map_or_else(|| result.to_owned(), |refund| format!("{result}{}{refund}", words.pick("，", ", "))),
        }
    }
}

/// Price with its cycle.
fn by_cycle(words: Words, cycle: BillingCycle, price: Twd) -> String {
    match cycle {
        BillingCycle::Monthly => words.pick(format!("每月 {price}"), format!("{price} a month")),
        BillingCycle::Annual => words.pick(format!("每年 {price}"), format!("{price} a year")),
    }
}

/// The next charge; `None` where ECPay is to make none.
fn next_charge(order: &Subscription, today: LocalDate) -> Option<(LocalDate, Twd)> {
    let is_waiting = |reason| reason == DowngradeReason::NotCharged;
    let is_charged = order.is_live()
        && order.ended.is_none()
        && order.cancel.is_none()
        && order.cancel_requested.is_none()
        && order.downgrade.is_none_or(|downgrade| is_waiting(downgrade.reason))
        && order.charge_history.successes < order.terms.exec_times;
    is_charged.then(|| (charge_to_come(order, today), order.terms.price))
}

fn consequence(words: Words, order: &Subscription) -> String {
    let stays = order.paid_period().filter(|_| order.downgrade.is_none() && Arrears::of(order).is_none());
    match stays.map(|period| period.to) {
        Some(until) => words.pick(
            format!("取消後不再扣款，方案可使用至 {until}。"),
            format!("There are no further charges, and the plan stays until {until}."),
        ),
        None => words.pick("取消後不再扣款。", "There are no further charges.").to_owned(),
    }
}
