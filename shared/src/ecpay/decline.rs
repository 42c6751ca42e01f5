//! Classification of ECPay's decline codes.

use crate::domain::billing::payments::payment::{DeclineClass, PaymentOutcome};

/// The class of a decline by its `RtnCode` (facts: RtnCode values). Unknown codes are soft declines.
#[must_use]
pub fn classify(rtn_code: &str) -> DeclineClass {
    match rtn_code {
        // Expired, lost and stolen card.
        "10100251" | "10100255" | "10100256" => DeclineClass::HardDecline,
        _ => DeclineClass::SoftDecline,
    }
}

/// The class of a report's decline; `None` unless the charge failed.
pub(crate) fn class_of(outcome: PaymentOutcome, rtn_code: &str) -> Option<DeclineClass> {
    (outcome == PaymentOutcome::Failed).then(|| classify(rtn_code))
}
