//! Secrets, read from Secrets Manager and kept in memory for a limited time.

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::SdkError;
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use serde::Deserialize;
use tokio::sync::Mutex;

use crate::domain::values::time::Timestamp;
use crate::ecpay::check_mac_value::{HashKeys, VerificationKeys};
use crate::ecpay::order_form::Environment;

/// A secret is read again after this many minutes.
const FRESH_MINUTES: i64 = 5;
/// Where a digest is of no known keys the secret is read again, but not twice within this many seconds: forgeries must
/// not make us call Secrets Manager.
const DOUBT_SECONDS: i64 = 30;
/// While Secrets Manager cannot be reached, what was read serves this many minutes.
const STALE_MINUTES: i64 = 60;
/// Callbacks signed with the previous keys are taken for this many hours after a change: longer than ECPay
/// re-sends one.
pub const PREVIOUS_KEYS_HOURS: i64 = 48;

/// Why a secret cannot be used. The text holds its name, never its value.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Secrets Manager did not give it.
    #[error("reading secret {id}")]
    Unreadable {
        /// Its name.
        id: String,
        /// Why.
        source: Box<SdkError<GetSecretValueError>>,
    },
    /// It does not have the documented shape.
    #[error("secret {id} is not {expected}")]
    Malformed {
        /// Its name.
        id: String,
        /// The documented shape.
        expected: &'static str,
    },
    /// Keys that everybody knows, in production.
    #[error("secret {id} holds ECPay's published test keys, which production refuses")]
    PublishedKeys {
        /// Its name.
        id: String,
    },
}

/// One version of a secret.
pub struct SecretText {
    /// Its value.
    pub text: String,
    /// When this version was made.
    pub created_at: Option<Timestamp>,
}

/// Reads one version of a secret; `None` when it has none with that stage.
///
/// # Errors
/// [`Error::Unreadable`].
pub async fn read(client: &Client, id: &str, stage: &str) -> Result<Option<SecretText>, Error> {
    let answer = client.get_secret_value().secret_id(id).version_stage(stage).send().await;
    match answer {
        Ok(answer) => {
            let created_at = answer.created_date().and_then(|date| Timestamp::from_unix(date.secs()));
            Ok(answer.secret_string.map(|text| SecretText { text, created_at }))
        }
        Err(error)
            if stage != "AWSCURRENT"
                && error.as_service_error().is_some_and(GetSecretValueError::is_resource_not_found_exception) =>
        {
            Ok(None)
        }
        Err(error) => Err(Error::Unreadable { id: id.to_owned(), source: Box::new(error) }),
    }
}

/// ECPay's keys of our merchant: a secret `{"hash_key": …, "hash_iv": …}`. Its AWSPREVIOUS version counts for
/// [`PREVIOUS_KEYS_HOURS`] after the current one was made.
pub struct EcpayKeys {
    client: Client,
    id: String,
    environment: Environment,
    held: Mutex<Held>,
}

#[derive(Default)]
struct Held {
    cached: Option<Cached>,
    /// When it was last read because of a digest.
    doubted_at: Option<Timestamp>,
}

#[derive(Clone)]
struct Cached {
    current: HashKeys,
    previous: Option<(HashKeys, Timestamp)>,
    read_at: Timestamp,
}

#[derive(Deserialize)]
struct KeyDocument {
    hash_key: String,
    hash_iv: String,
}

impl Cached {
    fn at(&self, wall: Timestamp) -> VerificationKeys {
        let previous = self.previous.as_ref().filter(|(_, until)| wall < *until).map(|(keys, _)| keys.clone());
        VerificationKeys { current: self.current.clone(), previous }
    }
}

impl EcpayKeys {
    /// The keys stored under `id`.
    #[must_use]
    pub fn new(client: Client, id: String, environment: Environment) -> Self {
        Self { client, id, environment, held: Mutex::default() }
    }

    /// The keys at `wall`.
    ///
    /// # Errors
    /// [`Error`]; one that is younger than an hour is bridged by what was read before.
    pub async fn get(&self, wall: Timestamp) -> Result<VerificationKeys, Error> {
        let mut held = self.held.lock().await;
        let fresh = |cached: &Cached, minutes| wall < cached.read_at.plus_minutes(minutes);
        if !held.cached.as_ref().is_some_and(|cached| fresh(cached, FRESH_MINUTES)) {
            match self.read(wall).await {
                Ok(read) => held.cached = Some(read),
                Err(error) if held.cached.as_ref().is_some_and(|cached| fresh(cached, STALE_MINUTES)) => {
                    tracing::warn!(
                        error = crate::platform::logging::error_chain(&error),
                        "ECPay's keys could not be read again; the known ones serve on"
                    );
                }
                Err(error) => return Err(error),
            }
        }
        held.cached.as_ref().map(|cached| cached.at(wall)).ok_or_else(|| self.malformed())
    }

    /// Other keys than `tried`, if there are any: the keys may have been changed since they were read, and what ECPay
    /// signs with the new ones is not to be refused meanwhile.
    pub async fn newer(&self, tried: &VerificationKeys, wall: Timestamp) -> Option<VerificationKeys> {
        let mut held = self.held.lock().await;
        let known = held.cached.as_ref()?;
        // Somebody else may have read them while we waited.
        let others = |cached: &Cached| Some(cached.at(wall)).filter(|keys| keys != tried);
        if let Some(keys) = others(known) {
            return Some(keys);
        }
        let doubted = held.doubted_at.is_some_and(|at| wall < at.plus_seconds(DOUBT_SECONDS));
        if doubted || wall <= known.read_at {
            return None;
        }
        held.doubted_at = Some(wall);
        match self.read(wall).await {
            Ok(read) => others(held.cached.insert(read)),
            Err(error) => {
                tracing::warn!(
                    error = crate::platform::logging::error_chain(&error),
                    "ECPay's keys could not be read again"
                );
                None
            }
        }
    }

    async fn read(&self, wall: Timestamp) -> Result<Cached, Error> {
        let current = read(&self.client, &self.id, "AWSCURRENT").await?.ok_or_else(|| self.malformed())?;
        let until = current.created_at.unwrap_or(wall).plus_hours(PREVIOUS_KEYS_HOURS);
        let previous = if wall < until { read(&self.client, &self.id, "AWSPREVIOUS").await? } else { None };
        // A previous version that cannot serve (empty, or the test keys of before production) is none.
        let previous = previous.and_then(|secret| match self.parse(&secret.text) {
            Ok(keys) => Some((keys, until)),
            Err(error) => {
                tracing::warn!(
                    error = crate::platform::logging::error_chain(&error),
                    "the previous version of ECPay's keys is not used"
                );
                None
            }
        });
        Ok(Cached { current: self.parse(&current.text)?, previous, read_at: wall })
    }

    fn parse(&self, text: &str) -> Result<HashKeys, Error> {
        let document: KeyDocument = serde_json::from_str(text).map_err(|_| self.malformed())?;
        if document.hash_key.is_empty() || document.hash_iv.is_empty() {
            return Err(self.malformed());
        }
        let keys = HashKeys::new(document.hash_key, document.hash_iv);
        if self.environment == Environment::Production && keys.are_published() {
            return Err(Error::PublishedKeys { id: self.id.clone() });
        }
        Ok(keys)
    }

    fn malformed(&self) -> Error {
        Error::Malformed { id: self.id.clone(), expected: "JSON with hash_key and hash_iv" }
    }
}
