//! Failures that several routes of the workshop share.

use shared::domain::values::ids::CustomerId;

use crate::http::response::Failure;

/// 404 for a customer id that names no stored customer.
pub(crate) fn unknown_customer() -> Failure {
    Failure::not_found("customer_id", "There is no such customer.")
}

/// Id of a customer who is stored. A malformed id names none, hence 404.
pub(crate) fn stored_id(id: &str) -> Result<CustomerId, Failure> {
    CustomerId::parse(id).map_err(|_| unknown_customer())
}
