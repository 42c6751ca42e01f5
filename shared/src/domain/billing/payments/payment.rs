//! Reports of authorisations, and the payments recorded from them.

use std::collections::BTreeSet;

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::domain::billing::payments::refund_due::RefundDue;
use crate::domain::values::ids::{EventId, GatewayAuthorization, MerchantId, PaymentId, SubscriptionId, TradeNo};
use crate::domain::values::lookup::Lookup;
use crate::domain::values::money::Twd;
use crate::domain::values::time::Timestamp;

/// Result of an authorisation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentOutcome {
    /// Authorised, with the number of the success: 1 for the first charge (`TotalSuccessTimes`).
    Succeeded {
        /// Counted over the order's life.
        number: u32,
    },
    /// Declined, or reported with an unknown code: never taken for a success.
    Failed,
    /// Result not known to ECPay yet (RtnCode 10300066).
    Pending,
    /// Paid outside ECPay and recorded by staff.
    #[serde(rename = "paid_out_of_band")]
    PaidOutOfBand,
}

/// [`PaymentOutcome`] without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case")]
pub enum PaymentOutcomeKind {
    /// See [`PaymentOutcome::Succeeded`].
    Succeeded,
    /// See [`PaymentOutcome::Failed`].
    Failed,
    /// See [`PaymentOutcome::Pending`].
    Pending,
    /// See [`PaymentOutcome::PaidOutOfBand`].
    PaidOutOfBand,
}

/// Source of a report.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportSource {
    /// ReturnURL: first authorisation of the order.
    FirstCallback,
    /// PeriodReturnURL: every later charge.
    PeriodCallback,
    /// Response to a query of ECPay.
    Query,
    /// Operation of staff.
    Staff,
}

/// Report of one authorisation from any source: the input of
/// [`decide_payment`](crate::domain::billing::decide::payment::decide_payment).
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReport {
    /// Order that the authorisation belongs to.
    pub subscription: SubscriptionId,
    /// MerchantID that ECPay names.
    pub merchant: MerchantId,
    /// Callback, query or staff.
    pub source: ReportSource,
    /// Identity within the order, equal for all sources.
    pub event: EventId,
    /// True for the first authorisation of the order.
    pub first: bool,
    /// Result of the authorisation.
    pub outcome: PaymentOutcome,
    /// ECPay's `RtnCode`, verbatim.
    pub rtn_code: String,
    /// ECPay's `RtnMsg`, verbatim, at most 200 characters.
    pub rtn_msg: String,
    /// Class of the decline, as the adapter derives it from the code; `None` unless the charge failed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub decline: Option<DeclineClass>,
    /// Amount in TWD, never zero for a recurring charge. `None` if ECPay gave none or an unreadable one: a success of
    /// unknown amount, or a failure, whose amount means nothing.
    pub amount: Option<Twd>,
    /// Time of the authorisation (ProcessDate or PaymentDate).
    pub processed_at: Timestamp,
    /// ECPay's authorisation number (`gwsr`); failures may have none.
    pub gwsr: Option<GatewayAuthorization>,
    /// ECPay's number of the trade; callbacks name that of the first charge only.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade_no: Option<TradeNo>,
    /// Last four digits of the card, the only ones that are kept.
    pub card_last4: Option<String>,
    /// Number of charges of the order at ECPay (`ExecTimes`), 1 to 999; `None` if the report does not say it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exec_times: Option<u32>,
    /// ECPay test notification (`SimulatePaid=1`): no money moved.
    pub simulated: bool,
}

/// Payment as recorded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Identity: order and authorisation, or order and event.
    pub id: PaymentId,
    /// Event of the report.
    pub event: EventId,
    /// Result of the authorisation.
    pub outcome: PaymentOutcome,
    /// ECPay's `RtnCode`, verbatim.
    pub rtn_code: String,
    /// ECPay's `RtnMsg`, verbatim.
    pub rtn_msg: String,
    /// Amount in TWD; for a failure the order's price if ECPay omitted it, for a success `None` if it cannot be read.
    pub amount: Option<Twd>,
    /// Time of the authorisation.
    pub processed_at: Timestamp,
    /// ECPay's authorisation number (`gwsr`).
    pub gwsr: Option<GatewayAuthorization>,
    /// ECPay's number of the trade (`TradeNo`), if reported.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trade_no: Option<TradeNo>,
    /// Money that must still go back: of a charge whose order was over, replaced or cancelled by the customer the whole, of one
    /// whose order was replaced within its period the unused part.
    #[serde(flatten)]
    pub refund_due: RefundDue,
    /// TWD that went back to the customer so far.
    #[serde(default, skip_serializing_if = "Twd::is_zero")]
    pub refunded: Twd,
    /// Logical time of the record.
    pub recorded_at: Timestamp,
}

/// Class of a decline by the chance of a retry.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum DeclineClass {
    /// Expired, lost or stolen card: only a new card helps.
    HardDecline,
    /// Temporary reason: a retry may succeed.
    SoftDecline,
}

impl DeclineClass {
    /// Both classes.
    pub const ALL: [Self; 2] = [Self::HardDecline, Self::SoftDecline];

    /// The class's name in metrics and statistics.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::HardDecline => "hard_decline",
            Self::SoftDecline => "soft_decline",
        }
    }
}

impl PaymentOutcome {
    /// The outcome without its data.
    #[must_use]
    pub const fn kind(self) -> PaymentOutcomeKind {
        match self {
            Self::Succeeded { .. } => PaymentOutcomeKind::Succeeded,
            Self::Failed => PaymentOutcomeKind::Failed,
            Self::Pending => PaymentOutcomeKind::Pending,
            Self::PaidOutOfBand => PaymentOutcomeKind::PaidOutOfBand,
        }
    }

    /// The outcome's name in the API: `paid_out_of_band`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.kind().as_str()
    }
}

impl PaymentOutcomeKind {
    /// All outcomes, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The outcome's name in the API: `paid_out_of_band`.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        self.into()
    }
}

impl Payment {
    /// Values by which the order of the payment is found.
    #[must_use]
    pub fn lookups(&self) -> BTreeSet<Lookup> {
        let numbers = self.gwsr.iter().map(Lookup::gwsr);
        numbers.chain(self.trade_no.iter().map(Lookup::trade_no)).collect()
    }

    /// True if money moved: a charge that succeeded, or a payment outside ECPay.
    #[must_use]
    pub const fn moved_money(&self) -> bool {
        match self.outcome {
            PaymentOutcome::Succeeded { .. } | PaymentOutcome::PaidOutOfBand => true,
            PaymentOutcome::Failed | PaymentOutcome::Pending => false,
        }
    }

    /// TWD that must still go back; `None` for a whole payment of unknown amount.
    #[must_use]
    pub fn refund_due_twd(&self) -> Option<Twd> {
        match self.refund_due {
            RefundDue::Nothing => Some(Twd::ZERO),
            RefundDue::Whole => self.amount.map(|amount| amount.minus(self.refunded)),
            RefundDue::Part(left) => Some(left),
        }
    }

    /// TWD that staff can still return: what was paid less what went back. Of a success of unknown amount only what is due.
    /// `None` where no money moved, or how much is unknown.
    #[must_use]
    pub fn refundable(&self) -> Option<Twd> {
        if !self.moved_money() {
            return None;
        }
        match (self.amount, self.refund_due) {
            (Some(amount), _) => Some(amount.minus(self.refunded)),
            (None, RefundDue::Part(left)) => Some(left),
            (None, RefundDue::Nothing | RefundDue::Whole) => None,
        }
    }

    /// The payment after that amount went back.
    #[must_use]
    pub fn after_refund(&self, amount: Twd) -> Self {
        let mut next = self.clone();
        next.refunded = next.refunded.plus(amount);
        next.refund_due = match self.refund_due {
            RefundDue::Nothing => RefundDue::Nothing,
            RefundDue::Whole if next.amount.is_some_and(|paid| next.refunded >= paid) => RefundDue::Nothing,
            RefundDue::Whole => RefundDue::Whole,
            RefundDue::Part(left) => RefundDue::part(left.minus(amount)),
        };
        next
    }
}

impl PaymentReport {
    /// The payment record of this report; `price` stands in for the omitted amount of a failure.
    #[must_use]
    pub fn payment(&self, price: Twd, refund_due: RefundDue, now: Timestamp) -> Payment {
        let id = match (self.outcome, &self.gwsr) {
            (PaymentOutcome::Succeeded { .. }, Some(gwsr)) => PaymentId::success(&self.subscription, gwsr),
            (PaymentOutcome::Failed, Some(gwsr)) => PaymentId::failure(&self.subscription, gwsr),
            // A pending authorisation keeps its number when it succeeds or fails later.
            (PaymentOutcome::Pending | PaymentOutcome::PaidOutOfBand, Some(_)) | (_, None) => {
                PaymentId::of_event(&self.subscription, &self.event)
            }
        };
        Payment {
            id,
            event: self.event.clone(),
            outcome: self.outcome,
            rtn_code: self.rtn_code.clone(),
            rtn_msg: self.rtn_msg.clone(),
            amount: self.amount.or((!matches!(self.outcome, PaymentOutcome::Succeeded { .. })).then_some(price)),
            processed_at: self.processed_at,
            gwsr: self.gwsr.clone(),
            trade_no: self.trade_no.clone(),
            refund_due,
            refunded: Twd::ZERO,
            recorded_at: now,
        }
    }
}
