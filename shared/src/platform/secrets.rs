//! Secrets in Secrets Manager, and ECPay's keys among them. Copies in memory: [`cached_secret`](super::cached_secret).

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use serde::Deserialize;
use serde::de::DeserializeOwned;

use crate::domain::values::time::Timestamp;
use crate::ecpay::check_mac_value::{HashKeys, VerificationKeys};
use crate::ecpay::order_form::Environment;
use crate::platform::cached_secret::CachedSecret;
use crate::platform::logging::error_chain;

/// Hours for which callbacks signed with the previous keys are accepted after a change: longer than ECPay re-sends one.
pub const PREVIOUS_KEYS_HOURS: i64 = 48;
/// Stale limit of ECPay's keys in minutes. An outage of an hour costs no callback, since keys are changed by hand and
/// a callback under unknown keys leads to an early read anyway.
const STALE_MINUTES: i64 = 60;
const CURRENT: &str = "AWSCURRENT";
const PREVIOUS: &str = "AWSPREVIOUS";
const ECPAY_DOCUMENT: &str = "JSON with hash_key and hash_iv";

/// Reasons why a secret cannot be used. The text holds its name, never its value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Secrets Manager did not return it.
    #[error("reading secret {id}")]
    Unreadable {
        /// Name in Secrets Manager.
        id: String,
        /// Failure of the call.
        source: Box<SdkError<GetSecretValueError>>,
    },
    /// The copy in memory reached its limit while reading failed.
    #[error("secret {id} could not be read again for {minutes} minutes and its copy is no longer used")]
    Expired {
        /// Name in Secrets Manager.
        id: String,
        /// Limit of the copy's age.
        minutes: i64,
        /// Failure of the latest read.
        source: Box<Error>,
    },
    /// It does not have the documented shape.
    #[error("secret {id} is not {expected}")]
    Malformed {
        /// Name in Secrets Manager.
        id: String,
        /// The documented shape.
        expected: &'static str,
    },
    /// Its fields break their rules.
    #[error("{}", .0.join("; "))]
    InvalidFields(
        /// One fault for each field, with the secret's name.
        Vec<String>,
    ),
    /// Keys that ECPay publishes for tests, in production.
    #[error("secret {id} holds ECPay's published test keys, which production refuses")]
    PublishedKeys {
        /// Name in Secrets Manager.
        id: String,
    },
}

/// A secret by its name.
#[derive(Clone, Debug)]
pub struct Secret {
    client: Client,
    id: String,
}

struct Version {
    text: String,
    created_at: Option<Timestamp>,
}

impl Secret {
    /// The secret that Secrets Manager has under `id`.
    #[must_use]
    pub const fn new(client: Client, id: String) -> Self {
        Self { client, id }
    }

    /// Name in Secrets Manager.
    #[must_use]
    pub fn id(&self) -> &str {
        &self.id
    }

    /// Reads the current version as JSON; `expected` describes its shape in an error.
    ///
    /// # Errors
    /// [`Error::Unreadable`], or [`Error::Malformed`] where it is no such JSON.
    pub async fn json<T: DeserializeOwned>(&self, expected: &'static str) -> Result<T, Error> {
        let current = self.version(CURRENT).await?.ok_or_else(|| self.malformed(expected))?;
        self.parse(&current.text, expected)
    }

    /// The error of a value that is not `expected`.
    #[must_use]
    pub fn malformed(&self, expected: &'static str) -> Error {
        Error::Malformed { id: self.id.clone(), expected }
    }

    fn parse<T: DeserializeOwned>(&self, text: &str, expected: &'static str) -> Result<T, Error> {
        serde_json::from_str(text).map_err(|_| self.malformed(expected))
    }

    /// `None` where the secret has no version with that stage.
    async fn version(&self, stage: &str) -> Result<Option<Version>, Error> {
        let answer = self.client.get_secret_value().secret_id(&self.id).version_stage(stage).send().await;
        match answer {
            Ok(answer) => {
                let created_at = answer.created_date().and_then(|date| Timestamp::from_unix(date.secs()));
                Ok(answer.secret_string.map(|text| Version { text, created_at }))
            }
            Err(error)
                if stage != CURRENT
                    && error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
            {
                Ok(None)
            }
            Err(error) => Err(Error::Unreadable { id: self.id.clone(), source: Box::new(error) }),
        }
    }
}

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
            return Err(Error::PublishedKeys { id: self.secret.id.clone() });
        }
        Ok(keys)
    }
}
