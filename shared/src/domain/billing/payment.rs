//! One authorisation as ECPay reports it.

use serde::{Deserialize, Serialize};
use strum::{IntoStaticStr, VariantArray};

use crate::domain::values::ids::{EventId, GatewayAuthorization, MerchantId, PaymentId, SubscriptionId};
use crate::domain::values::money::Twd;
use crate::domain::values::time::Timestamp;

/// How an authorisation ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum PaymentOutcome {
    /// Authorised: success number `number` of the order, the first charge being 1 (`TotalSuccessTimes`).
    Succeeded {
        /// Counted over the order's life.
        number: u32,
    },
    /// Declined, or a code nobody knows: never taken for a success.
    Failed,
    /// ECPay does not know yet (10300066).
    Pending,
    /// Paid by another way; staff recorded it and ECPay knows nothing of it.
    #[serde(rename = "paid_out_of_band")]
    PaidOutOfBand,
}

/// [`PaymentOutcome`] without its data.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, VariantArray, IntoStaticStr)]
#[strum(serialize_all = "snake_case", const_into_str)]
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

/// By which way a report came.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReportSource {
    /// ReturnURL: the first authorisation.
    FirstCallback,
    /// PeriodReturnURL: every later one.
    PeriodCallback,
    /// An answer to a query of ours.
    Query,
    /// Staff.
    Staff,
}

/// One authorisation as reported, whichever way it came: what [`crate::domain::billing::decide::payment::decide_payment`] takes.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PaymentReport {
    /// The order it belongs to.
    pub subscription: SubscriptionId,
    /// The merchant that ECPay names.
    pub merchant: MerchantId,
    /// By which way it came.
    pub source: ReportSource,
    /// Its identity within the order.
    pub event: EventId,
    /// Whether it is about the first authorisation of the order.
    pub first: bool,
    /// How it ended.
    pub outcome: PaymentOutcome,
    /// ECPay's code, word for word.
    pub rtn_code: String,
    /// ECPay's text, word for word.
    pub rtn_msg: String,
    /// The amount; ECPay may leave it out of failures.
    pub amount: Option<Twd>,
    /// When the authorisation was made (ProcessDate, PaymentDate).
    pub processed_at: Timestamp,
    /// ECPay's number of the authorisation; failures may have none.
    pub gwsr: Option<GatewayAuthorization>,
    /// Last four digits of the card, all that is kept of it.
    pub card_last4: Option<String>,
    /// Simulated from ECPay's console: no money moved.
    pub simulated: bool,
}

/// One payment as it is kept.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Payment {
    /// Its identity.
    pub id: PaymentId,
    /// The event it came with.
    pub event: EventId,
    /// How it ended.
    pub outcome: PaymentOutcome,
    /// ECPay's code.
    pub rtn_code: String,
    /// ECPay's text.
    pub rtn_msg: String,
    /// The amount; the order's price where ECPay left it out.
    pub amount: Twd,
    /// When the authorisation was made.
    pub processed_at: Timestamp,
    /// ECPay's number of the authorisation.
    pub gwsr: Option<GatewayAuthorization>,
    /// Money that must go back: taken for an order that was already replaced or cancelled.
    pub refund_due: bool,
    /// When it was recorded.
    pub recorded_at: Timestamp,
}

/// What a decline says about trying again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum DeclineClass {
    /// Expired, lost or stolen card: only a new card helps.
    HardDecline,
    /// May succeed later.
    SoftDecline,
}

impl DeclineClass {
    /// Both.
    pub const ALL: [Self; 2] = [Self::HardDecline, Self::SoftDecline];

    /// The class of an ECPay code (facts: RtnCode values). The set of codes is open.
    #[must_use]
    pub fn of(rtn_code: &str) -> Self {
        match rtn_code {
            "10100251" | "10100255" | "10100256" => Self::HardDecline,
            _ => Self::SoftDecline,
        }
    }

    /// The name in metrics and statistics.
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
    pub const fn as_str(self) -> &'static str {
        self.kind().as_str()
    }
}

impl PaymentOutcomeKind {
    /// All outcomes, in the order of their declaration.
    pub const ALL: &'static [Self] = Self::VARIANTS;

    /// The outcome's name in the API: `paid_out_of_band`.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        self.into_str()
    }
}

impl PaymentReport {
    /// The payment that records this report.
    #[must_use]
    pub fn payment(&self, price: Twd, refund_due: bool, now: Timestamp) -> Payment {
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
            amount: self.amount.unwrap_or(price),
            processed_at: self.processed_at,
            gwsr: self.gwsr.clone(),
            refund_due,
            recorded_at: now,
        }
    }
}
