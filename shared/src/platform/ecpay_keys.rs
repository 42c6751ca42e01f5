//! ECPay's keys in Secrets Manager, with the previous ones for a time after a change.

use aws_sdk_secretsmanager::Client;
use serde::Deserialize;

use crate::domain::values::time::Timestamp;
use crate::ecpay::check_mac_value::{HashKeys, VerificationKeys};
use crate::ecpay::order_form::Environment;
use crate::platform::logging::error_chain;
use crate::platform::secrets::cached::CachedSecret;
use crate::platform::secrets::{CURRENT, Error, PREVIOUS, Secret};

/// Hours for which callbacks signed with the previous keys are accepted after a change: longer than ECPay re-sends one.
pub const PREVIOUS_KEYS_HOURS: i64 = 48;
/// Stale limit of ECPay's keys in minutes. An outage of an hour costs no callback, since keys are changed by hand and
/// a callback under unknown keys leads to an early read anyway.
const STALE_MINUTES: i64 = 60;
const ECPAY_DOCUMENT: &str = "JSON with hash_key and hash_iv";

/// ECPay's keys of the configured merchant: a secret `{"hash_key": …, "hash_iv": …}`. Its AWSPREVIOUS version is
/// accepted for [`PREVIOUS_KEYS_HOURS`] after the current one was made.
pub struct EcpayKeys {
    secret: Secret,
    environment: Environment,
    cached: CachedSecret<KeyVersions>,
}

#[derive(Clone)]
struct KeyVersions {
    current: HashKeys,
    /// With the time up to which they are accepted.
    previous: Option<(HashKeys, Timestamp)>,
}

#[derive(Deserialize)]
struct KeyDocument {
    hash_key: String,
    hash_iv: String,
}

impl KeyVersions {
    fn at(&self, wall: Timestamp) -> VerificationKeys {
        let previous = self.previous.as_ref().filter(|(_, until)| wall < *until).map(|(keys, _)| keys.clone());
        VerificationKeys { current: self.current.clone(), previous }
    }
}

impl EcpayKeys {
    /// The keys stored under `id`. Production refuses those that ECPay publishes.
    #[must_use]
    pub fn new(client: Client, id: String, environment: Environment) -> Self {
        let cached = CachedSecret::new(id.clone(), STALE_MINUTES);
        Self { secret: Secret::new(client, id), environment, cached }
    }

    /// Returns the keys at `wall`.
    ///
    /// # Errors
    /// [`Error`] where they cannot be read and no copy is younger than an hour.
    pub async fn get(&self, wall: Timestamp) -> Result<VerificationKeys, Error> {
        Ok(self.cached.get(wall, self.read(wall)).await?.at(wall))
    }

    /// Returns other keys than `tried`, if there are any: the keys may have been changed since they were read, and a
    /// callback that ECPay signed with the new ones must not be refused.
    pub async fn newer(&self, tried: &VerificationKeys, wall: Timestamp) -> Option<VerificationKeys> {
        let is_other = |versions: &KeyVersions| versions.at(wall) != *tried;
        Some(self.cached.find(wall, is_other, self.read(wall)).await?.at(wall))
    }

    async fn read(&self, wall: Timestamp) -> Result<KeyVersions, Error> {
        let current = self.secret.version(CURRENT).await?.ok_or_else(|| self.secret.malformed(ECPAY_DOCUMENT))?;
        let until = current.created_at.unwrap_or(wall).plus_hours(PREVIOUS_KEYS_HOURS);
        let previous = if wall < until { self.secret.version(PREVIOUS).await? } else { None };
        // A previous version that cannot be used (empty, or the test keys of before production) counts as absent.
        let previous = previous.and_then(|version| match self.parse(&version.text) {
            Ok(keys) => Some((keys, until)),
            Err(error) => {
                tracing::warn!(error = error_chain(&error), "the previous version of ECPay's keys is not used");
                None
            }
        });
        Ok(KeyVersions { current: self.parse(&current.text)?, previous })
    }

    fn parse(&self, text: &str) -> Result<HashKeys, Error> {
        let document: KeyDocument = self.secret.parse(text, ECPAY_DOCUMENT)?;
        if document.hash_key.is_empty() || document.hash_iv.is_empty() {
            return Err(self.secret.malformed(ECPAY_DOCUMENT));
        }
        let keys = HashKeys::new(document.hash_key, document.hash_iv);
        if self.environment == Environment::Production && keys.are_published() {
            return Err(Error::PublishedKeys { id: self.secret.id().to_owned() });
        }
        Ok(keys)
    }
}
