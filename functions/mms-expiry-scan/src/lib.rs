//! Finds the institutions of MMS that are about to expire and tells sales staff in Slack.
//!
//! A run reads all of MMS's list, composes the digest of its day once and posts it message by message; whatever cuts it
//! off, the next attempt goes on where it was. That MMS cannot be read is told too, and never looks like nothing expiring.

use aws_types::SdkConfig;
use reqwest::Client;
use serde_json::Value;
use shared::domain::values::time::Timestamp;
use shared::exclusive_run::{self, InvalidJobEvent, Job};
use shared::platform::clock::InvocationTime;
use shared::platform::config::Invalid;
use shared::platform::http;
use shared::platform::secrets;
use shared::store::{self, Store};

mod config;
mod credentials;
mod digest;
mod mms;
mod report;
mod run;
mod slack_client;

pub use config::{Config, UncheckedConfig};
use credentials::KeyRing;

/// The name of the job.
pub const NAME: &str = "mms-expiry-scan";

/// One instance of the function.
pub struct ExpiryScan {
    store: Store,
    config: Config,
    keys: KeyRing,
    mms: Client,
    slack: Client,
}

/// Why an invocation failed: repeating it helps, or its input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event cannot be read.
    #[error(transparent)]
    InvalidJobEvent(#[from] InvalidJobEvent),
    /// The run cannot go on.
    #[error(transparent)]
    Run(#[from] exclusive_run::Error),
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The settings are wrong, or what the secret holds.
    #[error(transparent)]
    Config(#[from] Invalid),
    /// The secret could not be read.
    #[error("the keys could not be read")]
    Secrets(#[from] secrets::Error),
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
    /// MMS did not answer; later it may.
    #[error("MMS could not be read: {0}")]
    Mms(String),
    /// Slack did not take a message; later it may.
    #[error("Slack did not take a message: {0}; repeating the run posts what is left")]
    Slack(String),
}

impl ExpiryScan {
    /// Builds the clients and reads the keys once.
    ///
    /// # Errors
    /// [`Error`]; of settings and keys every fault at once.
    pub async fn start(aws: &SdkConfig, draft: UncheckedConfig, wall: Timestamp) -> Result<Self, Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let (config, keys) = KeyRing::start(secrets, draft, wall).await?;
        Ok(Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(aws), config.table.clone()),
            mms: http::client(config.mms.timeout)?,
            slack: http::client(config.slack.timeout)?,
            config,
            keys,
        })
    }
}

/// Does one run.
///
/// # Errors
/// [`Error`] where repeating the invocation helps. What repeating cannot help, a key that is refused say, is in the report,
/// whose `status` is then `failed`.
pub async fn run(scan: &ExpiryScan, event: Value, moment: InvocationTime) -> Result<Value, Error> {
    let job = Job::parse(NAME, event, moment.logical)?;
    Box::pin(run::once(scan, &job, moment)).await
}
