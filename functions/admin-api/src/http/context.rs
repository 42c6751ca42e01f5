//! Context that authorization adds to a request.

use shared::platform::clock::InvocationTime;

/// Caller and time of an authorized request.
#[derive(Clone, Debug)]
pub(crate) struct RequestContext {
    /// Name of the admin token, or `sub` of the JSON Web Token; stored with what the request changes.
    pub(crate) actor: String,
    /// Scope of `Idempotency-Key`: two callers may send the same key. For an admin token its SHA-256 in hex.
    pub(crate) key_scope: String,
    /// Start of the invocation.
    pub(crate) time: InvocationTime,
}
