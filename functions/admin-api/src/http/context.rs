//! Context that authorization adds to a request.

use shared::domain::billing::decision::Actor;
use shared::domain::billing::operations::{KeyedRequest, OperationContext};
use shared::platform::clock::InvocationTime;

use crate::http::idempotency::SentKey;
use crate::http::response::Failure;

/// Caller and time of an authorized request.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// Author of what the request changes: staff by the name of the admin token or `sub` of the JSON Web Token, or the customer
    /// on the customer page.
    pub(crate) by: Actor,
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

    /// Author, reason and key of an operation.
    pub(crate) fn cause(&self, why: Option<String>, key: Option<KeyedRequest>) -> OperationContext {
        OperationContext { by: self.by.clone(), why, key }
    }

    /// Name of the author.
    pub(crate) fn actor(&self) -> &str {
        self.by.name()
    }
}
