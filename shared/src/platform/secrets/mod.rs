//! Secrets in Secrets Manager. Copies in memory: [`cached`].

pub mod cached;

use aws_sdk_secretsmanager::Client;
use aws_sdk_secretsmanager::error::{ProvideErrorMetadata, SdkError};
use aws_sdk_secretsmanager::operation::get_secret_value::GetSecretValueError;
use serde::de::DeserializeOwned;

use crate::domain::values::time::Timestamp;

pub(super) const CURRENT: &str = "AWSCURRENT";
pub(super) const PREVIOUS: &str = "AWSPREVIOUS";

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

/// A version of a secret.
pub(super) struct Version {
    pub(super) text: String,
    pub(super) created_at: Option<Timestamp>,
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

    /// As [`Secret::json`]; `None` where there is no such secret. A role that may read secrets by the beginning of their ARNs is
    /// refused a name that does not exist, so that a refusal counts as that, unless the secret `was_read` before.
    ///
    /// # Errors
    /// As [`Secret::json`] for every other failure.
    pub async fn json_if_stored<T: DeserializeOwned>(
        &self,
        expected: &'static str,
        was_read: bool,
    ) -> Result<Option<T>, Error> {
        let is_missing = |error: &SdkError<GetSecretValueError>| match error.code() {
            Some("ResourceNotFoundException") => true,
            Some("AccessDeniedException") => !was_read,
            _ => false,
        };
        match self.json(expected).await {
            Ok(value) => Ok(Some(value)),
            Err(Error::Unreadable { source, .. }) if is_missing(&source) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The error of a value that is not `expected`.
    #[must_use]
    pub fn malformed(&self, expected: &'static str) -> Error {
        Error::Malformed { id: self.id.clone(), expected }
    }

    pub(super) fn parse<T: DeserializeOwned>(&self, text: &str, expected: &'static str) -> Result<T, Error> {
        serde_json::from_str(text).map_err(|_| self.malformed(expected))
    }

    /// `None` where the secret has no version with that stage.
    pub(super) async fn version(&self, stage: &str) -> Result<Option<Version>, Error> {
        let answer = Box::pin(self.client.get_secret_value().secret_id(&self.id).version_stage(stage).send()).await;
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
