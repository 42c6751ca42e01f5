//! Context that authorization adds to a request.

use shared::domain::billing::operations::OperationContext;
use shared::domain::values::ids::OperationKey;
use shared::platform::clock::InvocationTime;

use crate::http::idempotency::SentKey;
use crate::http::response::Failure;

/// Caller and time of an authorized request.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
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
    /// `Idempotency-Key` as stored; `None` for a request without one.
    pub(crate) fn key(&self) -> Result<Option<OperationKey>, Failure> {
        self.sent_key.stored(&self.key_scope)
    }

    /// Caller, reason and idempotency key of an operation.
    pub(crate) fn cause(&self, why: Option<String>) -> Result<OperationContext, Failure> {
        Ok(OperationContext { by: self.actor.clone(), why, key: self.key()? })
    }
}
