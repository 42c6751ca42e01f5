//! Failures that several routes of the workshop share.

use crate::http::response::Failure;

/// 404 for a customer id that names no stored customer.
pub(crate) fn unknown_customer() -> Failure {
    Failure::not_found("customer_id", "no such customer")
}
