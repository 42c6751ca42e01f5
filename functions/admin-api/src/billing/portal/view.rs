//! Customer page of one order: what its customer sees and may do now.

use shared::domain::billing::decide::operation::{OperationDecision, decide_operation};
use shared::domain::billing::decide::retry::{
    CustomerRetryRefusal, RetryRefusal, announced_retry_at, customer_retry_refusal,
};
use shared::domain::billing::decision::{Actor, DecisionContext, Versioned};
use shared::domain::billing::dunning::arrears::Arrears;
use shared::domain::billing::dunning::downgrade::DowngradeReason;
use shared::domain::billing::next_action::announced_charge;
use shared::domain::billing::operations::{Operation, OperationContext};
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome};
use shared::domain::billing::payments::refund_due::RefundDue;
use shared::domain::billing::payments::unused_part::{UnusedPart, unused_parts};
use shared::domain::billing::plan::{BillingCycle, PlanId};
use shared::domain::billing::subscription::{Status, Subscription};
use shared::domain::values::money::Twd;
use shared::domain::values::time::{LocalDate, Timestamp, Zone};
use shared::platform::hash::short_id;

use crate::api::ApiState;
use crate::billing::portal::wording::{Said, Words, consequence, in_progress, retry_note, state};

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
    /// Reason for which the customer cannot pay, where the button is missing for one that they should know.
    pub(super) pay_note: Option<&'static str>,
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

/// New order that the customer can buy in place of the present one.
#[derive(Clone, Copy)]
struct Sale {
    price: Twd,
    /// Unused part of the present order, if the customer pays today.
    unused: UnusedPart,
}

/// Payment as the customer sees it.
pub(super) struct PaymentView {
    /// Day of the charge (Asia/Taipei).
    pub(super) on: LocalDate,
    /// Amount, or a dash where ECPay gave none that can be read.
    pub(super) amount: String,
    pub(super) result: String,
}

/// The part of an order's addresses, of its number and what it owes: a page that was shown before a failed charge or its payment
/// does nothing, so that no customer pays or cancels what they did not see. The number itself is nothing that the page shows.
pub(super) fn reference(order: &Subscription) -> String {
    let owed_since = Arrears::of(order).map(|arrears| arrears.began_at.unix());
    short_id(&format!("{}|{owed_since:?}", order.id))
}

/// True if a new order may take the place of this one.
pub(super) fn may_pay(order: &Subscription, now: Timestamp) -> bool {
    order.superseded_by.is_none() && order.status != Status::Pending && !order.is_result_open(now)
}

impl OrderView {
    pub(super) fn of(
        api: &ApiState,
        words: Words,
        order: &Versioned<Subscription>,
        payments: &[Payment],
        now: Timestamp,
    ) -> Self {
        let (policy, value) = (&api.config.policy, &order.value);
        let (plan, cycle) = (&value.terms.plan, value.terms.cycle);
        let sold = api.config.prices.find(plan.as_str(), cycle).map(|(_, price)| price);
        let unused = unused_parts(value, payments, now.day(Zone::Taipei)).into_iter().map(|(_, part)| part);
        let sale = sold.map(|price| Sale { price, unused: unused.fold(UnusedPart::default(), UnusedPart::plus) });
        let (today, arrears) = (now.day(Zone::Taipei), Arrears::of(value));
        let retries = arrears.as_ref().filter(|_| matches!(value.status, Status::PastDue { .. }));
        let retry_at = retries.and_then(|arrears| announced_retry_at(value, arrears, policy));
        Self {
            reference: reference(value),
            plan: plan.clone(),
            price: by_cycle(words, cycle, value.terms.price),
            state: state(words, value, now),
            next_charge: announced_charge(value, today)
                .map(|(day, amount)| format!("{day}{}{amount}", words.pick("，", ", "))),
            is_owed: arrears.is_some(),
            retry_on: retry_at.map(|at| at.day(Zone::Taipei)).filter(|day| *day >= today),
            card_last4: value.charge_history.card_last4.clone(),
            buttons: Buttons::of(words, order, DecisionContext::new(policy, now), sale),
            payments: payments.iter().map(|payment| PaymentView::of(words, payment)).collect(),
        }
    }
}

impl Buttons {
    fn of(words: Words, order: &Versioned<Subscription>, context: DecisionContext<'_>, sale: Option<Sale>) -> Self {
        let cause = OperationContext { by: Actor::Buyer, why: None, key: None };
        let applies = |operation: &Operation| {
            matches!(decide_operation(order, operation, &cause, context), OperationDecision::Apply(_))
        };
        let (value, now) = (&order.value, context.now);
        let undo_cancel = applies(&Operation::UndoCancel);
        let pays = may_pay(value, now) && !undo_cancel;
        let refusal = customer_retry_refusal(value, now);
        // A query before the retry tells whether the last failure may follow.
        let last_failure = CustomerRetryRefusal::Retry(RetryRefusal::LastFailureAllowed);
        let retry_note = refusal.and_then(|refusal| retry_note(words, value, refusal));
        let pay_note = if pays && sale.is_none() {
            Some(Said::NotSold.text(words))
        } else {
            // The other note says so already.
            (value.is_result_open(now) && retry_note.is_none()).then(|| in_progress(words))
        };
        Self {
            pay: sale.filter(|_| pays).map(|sale| PayButton::of(words, value, sale)),
            pay_note,
            retry: refusal.is_none_or(|refusal| refusal == last_failure),
            retry_note,
            cancel: applies(&Operation::Cancel).then(|| consequence(words, value, now)),
            undo_cancel,
        }
    }
}

impl PayButton {
    fn of(words: Words, order: &Subscription, Sale { price, unused }: Sale) -> Self {
        let goes_on = order.counts_for_user() && order.ended.is_none() && order.cancel_requested.is_none();
        let label = if goes_on {
            words.pick("改用其他卡片付款", "Pay with another card")
        } else {
            words.pick("重新訂閱", "Subscribe again")
        };
        let mut note = words.pick(
            format!("付款時，綠界會立即收取整期 {price}"),
            format!("ECPay charges {price} for the whole period at once"),
        );
        note += if order.counts_for_user() {
            words.pick("，並以新的訂閱取代目前的訂閱。", ", and a new subscription takes the place of this one.")
        } else {
            words.pick("。", ".")
        };
        let UnusedPart { amount, days, .. } = unused;
        if order.counts_for_user() && !amount.is_zero() {
            note += &words.pick(
                format!("目前訂閱今天尚未使用的 {amount}（{days} 天）將另外退還給您。"),
                format!(
                    " {amount} ({days} days) of your present subscription is unused today and will be refunded separately."
                ),
            );
        }
        let owes_nothing = order.downgrade.is_some_and(|downgrade| downgrade.reason == DowngradeReason::NotCharged);
        let is_first = Arrears::of(order).is_some() || (order.plan.is_free() && !owes_nothing);
        Self { label, note, is_first }
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
        let due = match (payment.refund_due, payment.refund_due_twd()) {
            (RefundDue::Nothing, _) => None,
            (RefundDue::Whole | RefundDue::Part(_), Some(due)) => {
                Some(words.pick(format!("將退款 {due}"), format!("{due} to be refunded")))
            }
            (RefundDue::Whole | RefundDue::Part(_), None) => Some(words.pick("將退款", "to be refunded").to_owned()),
        };
        let refunded = Some(payment.refunded).filter(|refunded| !refunded.is_zero());
        let refunded = refunded.map(|back| words.pick(format!("已退款 {back}"), format!("{back} refunded")));
        let parts = [Some(result.to_owned()), due, refunded].into_iter().flatten().collect::<Vec<_>>();
        Self {
            on: payment.processed_at.day(Zone::Taipei),
            amount: payment.amount.map_or_else(|| "–".to_owned(), |amount| amount.to_string()),
            result: parts.join(words.pick("，", ", ")),
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
