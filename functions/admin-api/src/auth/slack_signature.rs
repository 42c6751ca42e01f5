//! Secret with which Slack signs its requests (<https://docs.slack.dev/authentication/verifying-requests-from-slack>).

use hmac::{Hmac, Mac};
use lambda_http::http::HeaderMap;
use serde::Deserialize;
use sha2::Sha256;
use shared::domain::values::time::Timestamp;
use shared::platform::secrets::cached::CachedSecret;
use shared::platform::secrets::{Error, Secret};

/// Stale limit in minutes: a withdrawn secret must not verify for longer.
const STALE_MINUTES: i64 = 15;
/// Most seconds between the signature and now, in either direction, so that a recorded request is not repeated later.
const LONGEST_AGE: i64 = 300;
/// Fewest characters of the secret.
const SHORTEST: usize = 16;
const DOCUMENT: &str = "JSON with signing_secret of at least 16 characters";

/// Reader of the secret.
pub(crate) struct SigningSecret {
    secret: Secret,
    cached: CachedSecret<Key>,
}

/// The secret at one time.
#[derive(Clone, Deserialize)]
struct Key {
    signing_secret: String,
}

/// Signature of a request, with the time at which Slack made it.
pub(crate) struct Signature<'a> {
    /// Unix seconds as they were sent.
    timestamp: &'a str,
    digest: Vec<u8>,
}

impl<'a> Signature<'a> {
    /// Signature of a request's headers; `None` where it is malformed or was not made within five minutes of `wall`.
    pub(crate) fn of(headers: &'a HeaderMap, wall: Timestamp) -> Option<Self> {
        let header = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
        let timestamp = header("x-slack-request-timestamp")?;
        let at = timestamp.parse().ok().and_then(Timestamp::from_unix)?;
        if at.plus_seconds(LONGEST_AGE) < wall || wall.plus_seconds(LONGEST_AGE) < at {
            return None;
        }
        let digest = hex::decode(header("x-slack-signature")?.strip_prefix("v0=")?).ok()?;
        Some(Self { timestamp, digest })
    }
}

impl SigningSecret {
    /// The secret stored under `id`.
    pub(crate) fn new(client: aws_sdk_secretsmanager::Client, id: String) -> Self {
        let cached = CachedSecret::new(id.clone(), STALE_MINUTES);
        Self { secret: Secret::new(client, id), cached }
    }

    /// True if Slack signed the body. The secret is read at the first signature, as most instances see none.
    pub(crate) async fn verifies(&self, sent: &Signature<'_>, body: &[u8], wall: Timestamp) -> Result<bool, Error> {
        let key = self.cached.get(wall, self.read()).await?;
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(key.signing_secret.as_bytes()) else { return Ok(false) };
        let mac = mac.chain_update("v0:").chain_update(sent.timestamp).chain_update(":").chain_update(body);
        Ok(mac.verify_slice(&sent.digest).is_ok())
    }

    async fn read(&self) -> Result<Key, Error> {
        let key: Key = self.secret.json(DOCUMENT).await?;
        if key.signing_secret.len() < SHORTEST { Err(self.secret.malformed(DOCUMENT)) } else { Ok(key) }
    }
}
