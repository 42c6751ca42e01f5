//! Reminds a workshop's customers by WhatsApp that a vehicle is due for maintenance.
//!
//! A run reads only the vehicles whose next visit falls in the window. For each it reads the current state, stores a claim,
//! sends, and records the outcome: after a crash at any point no customer is reminded twice.

use aws_types::SdkConfig;
use serde_json::{Value, json};
use shared::domain::values::time::Timestamp;
use shared::exclusive_run;
use shared::exclusive_run::InvalidJobEvent;
use shared::platform::clock::InvocationTime;
use shared::platform::phone_keys::PhoneKeys;
use shared::platform::secrets;
use shared::store;
use shared::store::Store;
use shared::store::runs::Runs;
use shared::store::workshop::Workshop;

mod config;
mod confirmations;
mod continuation;
mod delivery;
mod due;
mod event;
mod imports;
mod owners;
mod providers;
mod report;
mod run;
mod samples;
mod sending;
mod vehicles;

pub use config::Config;
pub use event::Request;

use config::Rules;
use continuation::Continuations;
use providers::Sender;
use samples::SentSamples;

/// Seconds of an invocation after which neither a confirmation is sent nor rows of an import are stored, below the function's
/// timeout.
const LATEST_SECONDS: u64 = 840;

/// Name of the job and of its only task.
pub const NAME: &str = "maintenance-reminder";

/// Clients and settings of one instance of the function.
pub struct Reminders {
    workshop: Workshop,
    runs: Runs,
    phone_keys: PhoneKeys,
    sender: Sender,
    continuations: Continuations,
    rules: Rules,
    samples: SentSamples,
}

/// Reason why an invocation failed. Returned only where repeating it helps, or where the event is malformed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is not a job of this function.
    #[error(transparent)]
    InvalidJobEvent(#[from] InvalidJobEvent),
    /// The run could not be started, continued or recorded.
    #[error(transparent)]
    Run(#[from] exclusive_run::Error),
    /// The table could not be read or written.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// Secrets Manager did not return the providers' keys.
    #[error("the keys could not be read")]
    Secrets(#[from] secrets::Error),
    /// EventBridge Scheduler did not say whether staff stopped the reminders.
    #[error("the daily schedule could not be read")]
    Schedule(#[from] Box<aws_sdk_scheduler::Error>),
    /// An import is not done at the end of the time of one invocation.
    #[error("the import reached its time limit; it goes on when repeated")]
    CutOff,
    /// TLS could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
}

impl Reminders {
    /// Builds the clients and reads the keys, so that a wrong secret fails the start and not the first run.
    ///
    /// # Errors
    /// [`Error::Secrets`] and [`Error::Client`].
    pub async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let Store { workshop, runs, .. } = Store::new(aws_sdk_dynamodb::Client::new(aws), config.table);
        let phone_keys = PhoneKeys::new(secrets.clone(), config.phone_secret);
        phone_keys.get(wall).await?;
        let sender = Sender::start(secrets, config.providers, wall).await?;
        let continuations = Continuations::new(aws, config.schedules);
        Ok(Self {
            workshop,
            runs,
            phone_keys,
            sender,
            continuations,
            rules: config.rules,
            samples: SentSamples::default(),
        })
    }
}

/// Does what an event asks for.
///
/// # Errors
/// [`Error`] where repeating the invocation helps. Failures of single reminders are in the report.
pub async fn run(reminders: &Reminders, event: Value, time: InvocationTime) -> Result<Value, Error> {
    match Request::parse(event, time.logical)? {
        Request::Run(job) => Box::pin(run::run_once(reminders, &job, time)).await,
        // Staff's stop holds for the rest of a run that had begun.
        Request::Continue(job) if reminders.continuations.are_stopped().await? => {
            tracing::info!(run = job.id, "not continued: the daily schedule is stopped");
            Ok(json!({ "run": job.id, "status": "stopped" }))
        }
        Request::Continue(job) => Box::pin(run::run_once(reminders, &job, time)).await,
        Request::ConfirmOptOuts => Box::pin(confirmations::send_due(reminders, time)).await,
        Request::ShowSample => Ok(samples::show(reminders, time)),
        Request::SendSample(phone) => Box::pin(samples::send(reminders, &phone, time)).await,
        Request::Import(id) => Box::pin(imports::go_on(reminders, &id, time)).await,
    }
}
