//! Order that a business asks to take over, and the answer.

use serde::{Deserialize, Serialize};

use crate::domain::billing::decision::DecisionContext;
use crate::domain::billing::next_action::{NextAction, charge_to_come};
use crate::domain::billing::plan::{BillingCycle, PlanId};
use crate::domain::billing::subscription::{Locale, NewOrder, Subscription, Terms};
use crate::domain::billing::task::Task;
use crate::domain::values::ids::{EmailAddress, MerchantId, SubscriptionId, UserId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Order at ECPay, and the customer and plan that it is for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct OrderToAdopt {
    /// MerchantTradeNo, in the letter case in which it was issued.
    pub merchant_trade_no: SubscriptionId,
    /// Customer, named by the business's app.
    pub user_id: UserId,
    /// Recipient of the order's mails.
    pub email: EmailAddress,
    /// Plan of the price table.
    pub plan: PlanId,
    /// TWD per month of that plan in the price table.
    pub monthly_price: Option<Twd>,
    /// Interval between two charges, as the business knows it.
    pub cycle: BillingCycle,
    /// Language of the customer.
    pub locale: Locale,
}

/// Result of a request to adopt an order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case", tag = "outcome")]
pub enum AdoptionOutcome {
    /// Held from now on.
    Adopted(AdoptedOrder),
    /// Of a dry run: it would be held.
    WouldAdopt(AdoptedOrder),
    /// Held before; nothing was changed.
    AlreadyHeld(AdoptedOrder),
    /// Not held, and a repetition would not help.
    Refused {
        /// Field of the request.
        field: String,
        /// Reason, which completes the sentence that begins with the field's name.
        reason: String,
    },
    /// Not held, because ECPay gave no usable answer or is not called at the moment; to be repeated.
    Unavailable {
        /// Reason in one sentence.
        reason: String,
    },
}

/// Reason for which an order is not adopted: it completes the sentence that begins with the name of the field.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum AdoptionRefusal {
    /// Unknown number, another kind of order, or a first charge that was never made.
    #[error("names no recurring order at ECPay of which a charge succeeded")]
    NeverPaid,
    /// ECPay's answer lacks the interval.
    #[error("cannot be checked: ECPay does not say how often this order is charged")]
    UnknownPeriod,
    /// Interval of some days.
    #[error("does not fit: ECPay charges this order every {0} days")]
    ByDay(u32),
    /// Interval of several months or years.
    #[error("does not fit: ECPay charges this order every {0} months or years")]
    Frequency(u32),
    /// Another interval than the request says.
    #[error("does not fit: ECPay charges this order {0}")]
    AnotherCycle(&'static str),
    /// ECPay's answer lacks the amount.
    #[error("names an order of which ECPay does not say the amount")]
    UnknownPrice,
    /// Successes without authorisation numbers, so that none of them can be recorded.
    #[error("names an order whose charges ECPay lists without what identifies them")]
    Unidentified,
    /// The log and the count disagree, so that a later charge could be taken for an earlier one.
    #[error("names an order of which ECPay lists {listed} successful charges and counts {counted}")]
    Miscounted {
        /// Successes in the log.
        listed: u32,
        /// Successes by the count.
        counted: u32,
    },
}

impl AdoptionRefusal {
    /// Field of the request that is refused.
    #[must_use]
    pub const fn field(&self) -> &'static str {
        match self {
            Self::NeverPaid | Self::UnknownPrice | Self::Unidentified | Self::Miscounted { .. } => "merchant_trade_no",
            Self::UnknownPeriod | Self::ByDay(_) | Self::Frequency(_) | Self::AnotherCycle(_) => "billing_cycle",
        }
    }
}

/// Order as it is, or would be, held.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct AdoptedOrder {
    /// State; the name of a [`StatusKind`](crate::domain::billing::subscription::StatusKind).
    pub status: String,
    /// Plan that the customer has by this order: the ordered one, or FREE.
    pub plan: PlanId,
    /// Amount of the charges to come in TWD.
    pub amount_twd: Twd,
    /// Number of charges ordered.
    pub exec_times: u32,
    /// Charges that succeeded.
    pub succeeded: u32,
    /// Charges that failed, as far as they are kept: the latest 24.
    pub failed: usize,
    /// Time of the first charge.
    pub first_charge_at: Timestamp,
    /// Time of the adoption; `None` for an order made here.
    pub adopted_at: Option<Timestamp>,
    /// Time of the latest charge that succeeded.
    pub last_charge_at: Option<Timestamp>,
    /// Day of the next charge (Asia/Taipei), which may be overdue; `None` where ECPay makes no more.
    pub next_charge_on: Option<LocalDate>,
    /// Next action of the schedule; `None` where it waits for ECPay only, or the order is over.
    pub next_action: Option<PlannedAction>,
}

/// Next action of the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PlannedAction {
    /// Its task.
    pub task: Task,
    /// Due time.
    pub at: Timestamp,
}

impl OrderToAdopt {
    /// The order as it is created; price and number of charges come from ECPay.
    pub(super) fn as_new(&self, merchant: &MerchantId, price: Twd, exec_times: u32) -> NewOrder {
        let (plan, cycle, monthly_price) = (self.plan.clone(), self.cycle, self.monthly_price);
        NewOrder {
            id: self.merchant_trade_no.clone(),
            user: self.user_id.clone(),
            email: self.email.clone(),
            locale: self.locale,
            merchant: merchant.clone(),
            terms: Terms { plan, cycle, price, exec_times, monthly_price },
            replaces: None,
            purchase: None,
            offered_until: None,
        }
    }

    /// Result for an order that is held under this number.
    #[must_use]
    pub fn held_as(&self, held: &Subscription, context: DecisionContext<'_>) -> AdoptionOutcome {
        if held.user == self.user_id {
            return AdoptionOutcome::AlreadyHeld(AdoptedOrder::of(held, context));
        }
        AdoptionOutcome::refused("user_id", "is not the customer for whom this order is held")
    }
}

impl AdoptionOutcome {
    /// Refusal of a field.
    #[must_use]
    pub fn refused(field: &str, reason: impl std::fmt::Display) -> Self {
        Self::Refused { field: field.to_owned(), reason: reason.to_string() }
    }
}

impl From<AdoptionRefusal> for AdoptionOutcome {
    fn from(refusal: AdoptionRefusal) -> Self {
        Self::refused(refusal.field(), &refusal)
    }
}

impl AdoptedOrder {
    /// The order as it is at the time of the context.
    #[must_use]
    pub fn of(order: &Subscription, context: DecisionContext<'_>) -> Self {
        let history = &order.charge_history;
        Self {
            status: order.status.name().to_owned(),
            plan: order.plan.clone(),
            amount_twd: order.terms.price,
            exec_times: order.terms.exec_times,
            succeeded: history.successes,
            failed: history.failures.len(),
            first_charge_at: order.created_at,
            adopted_at: order.adopted_at,
            last_charge_at: history.last_paid_at(),
            next_charge_on: order.ended.is_none().then(|| charge_to_come(order, context.now.day(Zone::Taipei))),
            next_action: NextAction::of(order, context.policy)
                .map(|next| PlannedAction { task: next.kind, at: next.at }),
        }
    }
}
