//! Bodies of the operations on a subscription.

use serde::Deserialize;
use shared::domain::values::ids::{EmailAddress, PaymentId};
use shared::domain::values::money::Twd;
use shared::domain::values::text::one_line;
use utoipa::{IntoParams, ToSchema};

use crate::http::dates::Day;
use crate::http::reason::Reason;

/// Longest note in characters.
const LONGEST_NOTE: usize = 500;
/// Longest reference in characters.
const LONGEST_REFERENCE: usize = 100;

/// Query of every operation.
#[derive(Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct OperationQuery {
    /// Answers with the effect of the operation. Nothing is stored, also no Idempotency-Key, and nothing is requested from
    /// ECPay.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Request to extend the grace period.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExtendGraceBody {
    /// Days of 24 hours that are added.
    #[schema(minimum = 1, maximum = 60, example = 7)]
    pub(crate) days: u32,
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer is on holiday.")]
    pub(crate) why: Reason,
}

/// Request to pause dunning.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct PauseBody {
    /// Days of 24 hours from now on; 30 if absent.
    #[schema(minimum = 1, maximum = 60, default = 30, example = 14)]
    pub(crate) days: Option<u32>,
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer asked for time.")]
    pub(crate) why: Reason,
}

/// Request to resume dunning.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResumeBody {
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer is back.")]
    pub(crate) why: Reason,
}

/// Request of the customer to end the order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct CancelBody {
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer moves abroad.")]
    pub(crate) why: Reason,
}

/// Withdrawal of a request to end the order.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct UndoCancelBody {
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer stays.")]
    pub(crate) why: Reason,
}

/// New recipient of the order's mails.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmailBody {
    /// Address at which the customer reads mail from now on.
    #[schema(value_type = String, min_length = 1, max_length = 254, example = "mei.new@customer.example")]
    pub(crate) email: EmailAddress,
    /// Reason, one line, kept in the history; without an address, because those who may only read see it.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer asked for it by phone.")]
    pub(crate) why: Reason,
}

/// Remark of staff.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct NoteBody {
    /// Text, one line, shown as the reason of its history entry. It is erased with the customer's data.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The customer calls again on Monday.")]
    pub(crate) note: Note,
}

/// Payment that the customer made outside ECPay.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct MarkPaidBody {
    /// Amount in whole TWD, at most ECPay's limit for one charge (order form, `TotalAmount`); the price of the order if
    /// absent.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 200000, example = 899)]
    pub(crate) amount_twd: Option<Twd>,
    /// Reference of the bank or the business, one line.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, example = "Transfer 0042")]
    pub(crate) reference: Option<PaymentReference>,
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The transfer has arrived.")]
    pub(crate) why: Reason,
}

/// Terms that staff changed in ECPay's console: at least one of the two.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct TermsBody {
    /// Price of each charge from now on, in whole TWD.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 200000, example = 999)]
    pub(crate) amount_twd: Option<Twd>,
    /// Day of the next charge (Asia/Taipei), after today and at most 396 days ahead.
    #[schema(value_type = Option<String>, format = Date, example = "2025-04-15")]
    pub(crate) next_charge_on: Option<Day>,
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The price was agreed by mail.")]
    pub(crate) why: Reason,
}

/// Money that went back to the customer, by refund or chargeback.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct RefundBody {
    /// Id of a payment of this subscription.
    #[schema(value_type = String, min_length = 1, max_length = 100, example = "DK8M2XQ7RT4B9KWZ5N3P.G13401072")]
    pub(crate) payment_id: PaymentId,
    /// Amount in whole TWD, at most what is left of the payment.
    #[schema(value_type = u32, minimum = 1, maximum = 200000, example = 899)]
    pub(crate) amount_twd: Twd,
    /// Reference of ECPay or the business, one line.
    #[schema(value_type = Option<String>, min_length = 1, max_length = 100, example = "Refund 0042")]
    pub(crate) reference: Option<PaymentReference>,
    /// True if the plan ends now and the order is to be cancelled; false if absent.
    #[schema(default = false)]
    pub(crate) end_access: Option<bool>,
    /// Reason, one line, kept in the history.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "The bank charged the payment back.")]
    pub(crate) why: Reason,
}

/// Remark of staff: one line of 1 to 500 characters, as every text of a history entry.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Note(pub(crate) String);

/// Refusal of a text as a [`Note`].
#[derive(Debug, thiserror::Error)]
#[error("a note is one line of 1 to 500 characters")]
pub(crate) struct NotANote;

impl TryFrom<String> for Note {
    type Error = NotANote;

    fn try_from(text: String) -> Result<Self, NotANote> {
        one_line(&text, LONGEST_NOTE).map(Self).ok_or(NotANote)
    }
}

/// Reference of a payment or refund: one line of 1 to 100 characters.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct PaymentReference(pub(crate) String);

/// Refusal of a text as a [`PaymentReference`].
#[derive(Debug, thiserror::Error)]
#[error("a reference is one line of 1 to 100 characters")]
pub(crate) struct NotAReference;

impl TryFrom<String> for PaymentReference {
    type Error = NotAReference;

    fn try_from(text: String) -> Result<Self, NotAReference> {
        one_line(&text, LONGEST_REFERENCE).map(Self).ok_or(NotAReference)
    }
}
