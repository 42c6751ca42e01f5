//! Secret with which the callbacks of WhatsApp providers prove where they come from.

use std::sync::atomic::{AtomicBool, AtomicI64, Ordering};

use hmac::{Hmac, Mac};
use serde::Deserialize;
use sha2::Sha256;
use shared::domain::values::time::Timestamp;
use shared::platform::secrets::cached::CachedSecret;
use shared::platform::secrets::{Error, Secret};
use subtle::ConstantTimeEq;

/// Stale limit in minutes: a withdrawn key must not verify for longer, and providers send a callback again for hours.
const STALE_MINUTES: i64 = 15;
/// Seconds between two reads that fail.
const PAUSE_SECONDS: i64 = 30;
/// Fewest characters of a value.
const SHORTEST: usize = 16;
const DOCUMENT: &str = "JSON with cloud_api_app_secret and cloud_api_verify_token, or starsender_token, or all, each of at least 16 \
    characters";

/// Reader of the secret.
pub(crate) struct CallbackKeys {
    secret: Secret,
    cached: CachedSecret<Keys>,
    /// True once this instance has had it.
    was_read: AtomicBool,
    /// Time of the last read that failed without a copy, in Unix seconds.
    failed_at: AtomicI64,
}

/// Values of the secret at one time; none for a provider whose callbacks are not taken.
#[derive(Clone, Default, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Keys {
    cloud_api_app_secret: Option<String>,
    cloud_api_verify_token: Option<String>,
    starsender_token: Option<String>,
}

impl CallbackKeys {
    /// The keys stored under `id`.
    pub(crate) fn new(client: aws_sdk_secretsmanager::Client, id: String) -> Self {
        let cached = CachedSecret::new(id.clone(), STALE_MINUTES);
        Self { secret: Secret::new(client, id), cached, was_read: AtomicBool::new(false), failed_at: AtomicI64::new(0) }
    }

    /// Returns the keys at `wall`; none where there is no such secret, so that requests of strangers are refused and raise no alarm
    /// in a deployment without it. They are read at the first callback, as most instances take none. `None` within half a minute
    /// after they could not be read: strangers who send requests must not lead to a call and an error each.
    pub(crate) async fn get(&self, wall: Timestamp) -> Result<Option<Keys>, Error> {
        if wall.unix() < self.failed_at.load(Ordering::Relaxed) + PAUSE_SECONDS {
            return Ok(None);
        }
        let keys = self.cached.get(wall, self.read()).await;
        keys.inspect_err(|_| self.failed_at.store(wall.unix(), Ordering::Relaxed)).map(Some)
    }

    async fn read(&self) -> Result<Keys, Error> {
        let was_read = self.was_read.load(Ordering::Relaxed);
        let Some(keys) = self.secret.json_if_stored::<Keys>(DOCUMENT, was_read).await? else {
            tracing::warn!(
                secret = self.secret.id(),
                "there is no such secret: callbacks of WhatsApp providers are refused"
            );
            return Ok(Keys::default());
        };
        let all = [&keys.cloud_api_app_secret, &keys.cloud_api_verify_token, &keys.starsender_token];
        if all.into_iter().flatten().any(|value| value.len() < SHORTEST) {
            return Err(self.secret.malformed(DOCUMENT));
        }
        self.was_read.store(true, Ordering::Relaxed);
        Ok(keys)
    }
}

impl Keys {
    /// True if Meta signed the body: `X-Hub-Signature-256: sha256=`, and the HMAC-SHA256 of the raw body under the app's secret in
    /// hex.
    pub(crate) fn is_signed_by_meta(&self, body: &[u8], signature: &str) -> bool {
        let sent = signature.strip_prefix("sha256=").and_then(|digits| hex::decode(digits).ok());
        let (Some(secret), Some(sent)) = (&self.cloud_api_app_secret, sent) else { return false };
        let Ok(mac) = Hmac::<Sha256>::new_from_slice(secret.as_bytes()) else { return false };
        mac.chain_update(body).verify_slice(&sent).is_ok()
    }

    /// True if that is the token with which Meta verifies the address.
    pub(crate) fn is_verify_token(&self, token: &str) -> bool {
        is_same(self.cloud_api_verify_token.as_deref(), token)
    }

    /// True if that is the unguessable part of StarSender's address.
    pub(crate) fn is_starsender_token(&self, token: &str) -> bool {
        is_same(self.starsender_token.as_deref(), token)
    }
}

/// Compares in constant time.
fn is_same(expected: Option<&str>, sent: &str) -> bool {
    expected.is_some_and(|expected| expected.as_bytes().ct_eq(sent.as_bytes()).into())
}
