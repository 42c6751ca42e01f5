//! Member of staff who looks at pages.

use shared::platform::clock::InvocationTime;

use crate::auth::Token;
use crate::auth::scope::Scope;
use crate::billing::subscriptions::translations::Language;

/// Member of staff with a session.
#[derive(Clone)]
pub(crate) struct Visitor {
    /// Token with which the session began, with the scopes that are left.
    pub(crate) token: Token,
    pub(crate) time: InvocationTime,
    pub(crate) language: Language,
}

impl Visitor {
    /// True if the visitor may do what the scope allows.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.token.require(scope).is_ok()
    }
}
