//! Named admin tokens. Several may be active, each with scopes and an optional expiry. Only their SHA-256 is stored.

use aws_sdk_secretsmanager::Client;
use serde::Deserialize;
use shared::domain::values::time::Timestamp;
use shared::platform::hash::sha256_hex;
use shared::platform::secrets::cached::CachedSecret;
use shared::platform::secrets::{Error, Secret};
use subtle::ConstantTimeEq;

use crate::auth::scope::Scope;
use crate::auth::{Token, TokenKind};
use crate::http::response::Failure;

/// Stale limit in minutes: an outage of Secrets Manager does not close the API at once, and a withdrawn token still ends.
const STALE_MINUTES: i64 = 15;
const DOCUMENT: &str = "JSON with tokens: name, sha256, scopes, expires_at";

/// Tokens of the secret `{"tokens": [{"name", "sha256", "scopes": ["read", …], "expires_at"?}]}`.
pub(crate) struct AdminTokens {
    secret: Secret,
    cached: CachedSecret<Vec<Listed>>,
}

/// One admin token of the secret.
#[derive(Clone, Deserialize)]
struct Listed {
    name: String,
    /// SHA-256 of the token, 64 hex digits.
    sha256: String,
    scopes: Vec<Scope>,
    expires_at: Option<Timestamp>,
}

#[derive(Deserialize)]
struct Document {
    tokens: Vec<Listed>,
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

    /// Verifies a token at `wall`. Digests are compared in constant time, so that the time taken says nothing about how much of
    /// a guess was right.
    pub(crate) async fn verify(&self, presented: &str, wall: Timestamp) -> Result<Token, Failure> {
        let found = self.with_digest(&sha256_hex(presented), wall).await?;
        if found.is_empty() {
            return Err(Failure::unauthorized("unknown", "The token is not known here."));
        }
        active(found, wall).ok_or_else(|| Failure::unauthorized("expired", "The token has expired."))
    }

    /// Returns the token of this SHA-256 in hex, while it is listed and has not expired.
    pub(crate) async fn listed(&self, digest: &str, wall: Timestamp) -> Result<Option<Token>, Failure> {
        Ok(active(self.with_digest(digest, wall).await?, wall))
    }

    /// Entries of a token, whose digest is given in lower case. One token may be listed twice, for example to extend it.
    async fn with_digest(&self, digest: &str, wall: Timestamp) -> Result<Vec<Listed>, Failure> {
        let tokens = self.cached.get(wall, self.read()).await.map_err(|error| Failure::upstream(&error))?;
        let is_it = |token: &Listed| bool::from(token.sha256.to_ascii_lowercase().as_bytes().ct_eq(digest.as_bytes()));
        Ok(tokens.into_iter().filter(is_it).collect())
    }

    async fn read(&self) -> Result<Vec<Listed>, Error> {
        let document: Document = self.secret.json(DOCUMENT).await?;
        let is_digest =
            |token: &Listed| token.sha256.len() == 64 && token.sha256.bytes().all(|digit| digit.is_ascii_hexdigit());
        if document.tokens.iter().all(is_digest) { Ok(document.tokens) } else { Err(self.secret.malformed(DOCUMENT)) }
    }
}

/// Token of the first entry that has not expired.
fn active(entries: Vec<Listed>, wall: Timestamp) -> Option<Token> {
    let active = entries.into_iter().find(|token| token.expires_at.is_none_or(|end| wall < end))?;
    let Listed { name, sha256, scopes, expires_at } = active;
    Some(Token { name, key_scope: sha256, kind: TokenKind::AdminToken, scopes, expires_at })
}
