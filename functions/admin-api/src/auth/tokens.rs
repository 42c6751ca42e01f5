//! Named admin tokens. Several may be active, each with scopes and an optional expiry. Only their SHA-256 is stored.

use aws_sdk_secretsmanager::Client;
use serde::Deserialize;
use shared::domain::values::time::Timestamp;
use shared::platform::cached_secret::CachedSecret;
use shared::platform::hash::sha256_hex;
use shared::platform::secrets::{Error, Secret};
use subtle::ConstantTimeEq;

/// Stale limit in minutes: an outage of Secrets Manager does not close the API at once, and a withdrawn token still ends.
const STALE_MINUTES: i64 = 15;
const DOCUMENT: &str = "JSON with tokens: name, sha256, scopes, expires_at";

/// Permission of an admin token.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Scope {
    /// Read state, history and statistics.
    Read,
    /// Change state or request something from ECPay.
    Operate,
}

/// Tokens of the secret `{"tokens": [{"name", "sha256", "scopes": ["read", "operate"], "expires_at"?}]}`.
pub(crate) struct AdminTokens {
    secret: Secret,
    cached: CachedSecret<Vec<Token>>,
}

/// One admin token of the secret.
#[derive(Clone, Deserialize)]
pub(crate) struct Token {
    pub(crate) name: String,
    /// SHA-256 of the token, 64 hex digits.
    pub(crate) sha256: String,
    scopes: Vec<Scope>,
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Document {
    tokens: Vec<Token>,
}

impl Token {
    fn is_active(&self, wall: Timestamp) -> bool {
        self.expires_at.is_none_or(|end| wall < end)
    }

    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.scopes.contains(&scope)
    }
}

impl AdminTokens {
    pub(crate) fn new(client: Client, id: String) -> Self {
        let cached = CachedSecret::new(id.clone(), STALE_MINUTES);
        Self { secret: Secret::new(client, id), cached }
    }

    /// Reads the tokens, so that an instance without usable tokens does not start.
    pub(crate) async fn warm(&self, wall: Timestamp) -> Result<(), Error> {
        self.cached.get(wall, self.read()).await.map(|_| ())
    }

    /// Returns the active token equal to `presented`. Digests are compared in constant time, so that the time taken says
    /// nothing about how much of a guess was right.
    pub(crate) async fn find(&self, presented: &str, wall: Timestamp) -> Result<Option<Token>, Error> {
        let digest = sha256_hex(presented);
        let tokens = self.cached.get(wall, self.read()).await?;
        let is_it = |token: &Token| bool::from(token.sha256.to_ascii_lowercase().as_bytes().ct_eq(digest.as_bytes()));
        Ok(tokens.into_iter().find(|token| is_it(token) && token.is_active(wall)))
    }

    async fn read(&self) -> Result<Vec<Token>, Error> {
        let document: Document = self.secret.json(DOCUMENT).await?;
        let is_digest =
            |token: &Token| token.sha256.len() == 64 && token.sha256.bytes().all(|digit| digit.is_ascii_hexdigit());
        if document.tokens.iter().all(is_digest) { Ok(document.tokens) } else { Err(self.secret.malformed(DOCUMENT)) }
    }
}
