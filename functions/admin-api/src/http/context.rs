//! Context that authorization adds to a request.

use shared::domain::billing::operations::{Actor, KeyedRequest, OperationContext};
use shared::platform::clock::InvocationTime;

use crate::http::idempotency::SentKey;
use crate::http::response::Failure;

/// Caller and time of an authorized request.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// True for a customer on the customer page, whose token names no caller.
    pub(crate) is_customer: bool,
    /// Name of the admin token, or `sub` of the JSON Web Token; stored with what the request changes.
    pub(crate) actor: String,
    /// Scope of `Idempotency-Key`: two callers may send the same key. For an admin token its SHA-256 in hex.
    pub(crate) key_scope: String,
    /// `Idempotency-Key` as it was sent.
    pub(crate) sent_key: SentKey,
    /// Start of the invocation.
    pub(crate) time: InvocationTime,
}

impl RequestContext {
    /// The request under its `Idempotency-Key`; `None` for one without. The fingerprint differs for every other request.
    pub(crate) fn keyed(&self, fingerprint: &str) -> Result<Option<KeyedRequest>, Failure> {
        self.sent_key.of_request(&self.key_scope, fingerprint)
    }

    /// Caller, reason and key of an operation.
    pub(crate) fn cause(&self, why: Option<String>, key: Option<KeyedRequest>) -> OperationContext {
        let by = if self.is_customer { Actor::Buyer } else { Actor::Staff(self.actor.clone()) };
        OperationContext { by, why, key }
    }

    /// Name of the caller; `None` for a customer.
    pub(crate) fn staff(&self) -> Option<&str> {
        (!self.is_customer).then_some(self.actor.as_str())
    }
}
