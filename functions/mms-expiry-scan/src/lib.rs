//! Finds the institutions of MMS that are about to expire and notifies sales staff in Slack.
//!
//! A run reads MMS's whole list, composes the digest of its day once and posts it message by message; after a crash the
//! next attempt continues there. If MMS cannot be read, staff are notified of that: an outage must not look like a day on
//! which nothing expires.

use aws_types::SdkConfig;
use reqwest::Client;
use serde_json::Value;
use shared::domain::values::time::Timestamp;
use shared::exclusive_run;
use shared::exclusive_run::{InvalidJobEvent, Job};
use shared::platform::clock::InvocationTime;
use shared::platform::config::Invalid;
use shared::platform::http;
use shared::platform::secrets;
use shared::store;
use shared::store::Store;
use shared::store::billing::Billing;
use shared::store::institutions::Institutions;
use shared::store::runs::Runs;

mod config;
mod credentials;
mod digest;
mod error;
mod mms;
mod presses;
mod publish;
mod report;
mod run;
mod slack_client;

pub use config::{Config, UncheckedConfig};
use credentials::MmsCredentials;
use error::ScanError;

/// Name of the job and of its only task.
pub const NAME: &str = "mms-expiry-scan";

/// Clients and settings of one instance of the function.
pub struct ExpiryScan {
    institutions: Institutions,
    runs: Runs,
    /// Outbox of the mails to staff.
    billing: Billing,
    config: Config,
    credentials: MmsCredentials,
    mms: Client,
    slack: Client,
}

/// Reason why an invocation failed. Returned only where repeating it helps, or where the event is malformed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is not a job of this function.
    #[error(transparent)]
    InvalidJobEvent(#[from] InvalidJobEvent),
    /// The event asks for an answer to a press, and a part of it is malformed.
    #[error("the event is not a press of a button: {0}")]
    InvalidPress(&'static str),
    /// The run could not be started, continued or recorded.
    #[error(transparent)]
    Run(#[from] exclusive_run::Error),
    /// The table could not be read or written.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The settings or the contents of the secret are invalid.
    #[error(transparent)]
    Config(#[from] Invalid),
    /// Secrets Manager did not return the secret.
    #[error("the keys could not be read")]
    Secrets(#[from] secrets::Error),
    /// TLS could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
    /// MMS is unavailable.
    #[error("MMS could not be read: {0}")]
    Mms(String),
    /// Slack is unavailable, or a message's outcome is unknown.
    #[error("Slack did not accept a message: {0}; repeating the event posts the remaining ones")]
    Slack(String),
}

impl From<ScanError> for Error {
    fn from(error: ScanError) -> Self {
        match error {
            ScanError::Run(error) => error.into(),
            ScanError::Store(error) => error.into(),
            ScanError::Mms(error) => Self::Mms(error.to_string()),
            ScanError::Slack { reason, .. } => Self::Slack(reason),
        }
    }
}

impl ExpiryScan {
    /// Checks the settings, reads the keys and builds the clients.
    ///
    /// # Errors
    /// [`Error::Config`] with all faults of settings and keys at once, [`Error::Secrets`] and [`Error::Client`].
    pub async fn start(aws: &SdkConfig, draft: UncheckedConfig, wall: Timestamp) -> Result<Self, Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let (config, credentials) = MmsCredentials::start(secrets, draft, wall).await?;
        let Store { institutions, runs, billing, .. } =
            Store::new(aws_sdk_dynamodb::Client::new(aws), config.table.clone());
        Ok(Self {
            institutions,
            runs,
            billing,
            mms: http::client(config.mms.timeout)?,
            slack: http::client(config.slack.timeout)?,
            config,
            credentials,
        })
    }
}

/// Performs one run, or answers a press of a digest's button for `{"task": "answer-press"}`.
///
/// # Errors
/// [`Error`] where repeating the invocation helps. Other failures, e.g. a rejected key, are in the report, whose `status`
/// is then `failed`.
pub async fn run(scan: &ExpiryScan, event: Value, time: InvocationTime) -> Result<Value, Error> {
    if presses::is_to_be_answered(&event) {
        return Box::pin(presses::answer(scan, event, time)).await;
    }
    let job = Job::parse(NAME, event, time.logical)?;
    Box::pin(run::run_once(scan, &job, time)).await
}
