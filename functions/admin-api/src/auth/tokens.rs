//! Named admin tokens. Several may be active, each with scopes and an optional expiry. Only their SHA-256 is stored.

use aws_sdk_secretsmanager::Client;
use serde::Deserialize;
use sha2::{Digest, Sha256};
use shared::domain::values::time::Timestamp;
use shared::platform::secrets::{self, Error};
use subtle::ConstantTimeEq;
use tokio::sync::Mutex;

/// Tokens are read again after this many minutes, so that a withdrawn one ends.
const FRESH_MINUTES: i64 = 5;

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
    client: Client,
    id: String,
    cached: Mutex<Option<(Timestamp, Vec<Token>)>>,
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
        Self { client, id, cached: Mutex::new(None) }
    }

    /// Reads the tokens, so that an instance without usable tokens does not start.
    pub(crate) async fn warm(&self, wall: Timestamp) -> Result<(), Error> {
        self.tokens(wall).await.map(|_| ())
    }

    /// Returns the active token equal to `presented`. Digests are compared in constant time, so that the time taken says
    /// nothing about how much of a guess was right.
    pub(crate) async fn find(&self, presented: &str, wall: Timestamp) -> Result<Option<Token>, Error> {
        let digest = hex_digest(presented);
        let tokens = self.tokens(wall).await?;
        let is_it = |token: &Token| bool::from(token.sha256.to_ascii_lowercase().as_bytes().ct_eq(digest.as_bytes()));
        Ok(tokens.into_iter().find(|token| is_it(token) && token.is_active(wall)))
    }

    async fn tokens(&self, wall: Timestamp) -> Result<Vec<Token>, Error> {
        let mut cached = self.cached.lock().await;
        if let Some((read_at, tokens)) = cached.as_ref()
            && wall < read_at.plus_minutes(FRESH_MINUTES)
        {
            return Ok(tokens.clone());
        }
        let malformed =
            || Error::Malformed { id: self.id.clone(), expected: "JSON with tokens: name, sha256, scopes, expires_at" };
        let secret = secrets::read(&self.client, &self.id, "AWSCURRENT").await?.ok_or_else(malformed)?;
        let document: Document = serde_json::from_str(&secret.text).map_err(|_| malformed())?;
        let validated =
            |token: &Token| token.sha256.len() == 64 && token.sha256.bytes().all(|digit| digit.is_ascii_hexdigit());
        if !document.tokens.iter().all(validated) {
            return Err(malformed());
        }
        *cached = Some((wall, document.tokens.clone()));
        Ok(document.tokens)
    }
}

/// SHA-256 of a token in lower-case hex, as the secret holds it.
pub(crate) fn hex_digest(text: &str) -> String {
    Sha256::digest(text).iter().map(|byte| format!("{byte:02x}")).collect()
}
