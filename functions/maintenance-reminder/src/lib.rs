//! Reminds a workshop's customers by WhatsApp that a vehicle is due for maintenance.
//!
//! A run reads only the vehicles whose next visit falls in the window. For each it reads the current state, stores a claim,
//! sends, and records the outcome: after a crash at any point no customer is reminded twice.

use aws_types::SdkConfig;
use serde_json::Value;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::reminders::{ReminderFrequency, SendHours};
use shared::exclusive_run;
use shared::exclusive_run::{InvalidJobEvent, Job};
use shared::platform::clock::InvocationTime;
use shared::platform::config::{Invalid, Reader};
use shared::platform::phone_keys::PhoneKeys;
use shared::platform::secrets;
use shared::store;
use shared::store::Store;
use shared::store::runs::Runs;
use shared::store::workshop::Workshop;
use shared::whatsapp::Wording;

mod confirmations;
mod delivery;
mod imports;
mod providers;
mod report;
mod run;
mod vehicles;

use providers::{Sender, WhatsappProviders};

/// Name of the job and of its only task.
pub const NAME: &str = "maintenance-reminder";

/// Settings of the function, from its environment variables.
#[derive(Clone, Debug)]
pub struct Config {
    table: String,
    phone_secret: String,
    providers: WhatsappProviders,
    wording: Wording,
    rules: Rules,
}

/// Rules that the business sets for its reminders.
#[derive(Clone, Copy, Debug)]
struct Rules {
    repeat: ReminderFrequency,
    hours: SendHours,
    /// Seconds between two messages; StarSender delays them.
    pace: u32,
    /// Messages per day, Asia/Jakarta.
    daily_cap: u32,
}

/// Clients and settings of one instance of the function.
pub struct Reminders {
    workshop: Workshop,
    runs: Runs,
    phone_keys: PhoneKeys,
    sender: Sender,
    wording: Wording,
    rules: Rules,
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
    /// An import is not done at the end of the time of one invocation.
    #[error("the import reached its time limit; it goes on when repeated")]
    CutOff,
    /// TLS could not be set up.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
}

impl Config {
    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// [`Invalid`] with all faults at once.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let (table, phone_secret) = (reader.required("TABLE_NAME"), reader.required("PHONE_SECRET_ID"));
        let providers = WhatsappProviders::parse(&mut reader);
        let text = reader.required("REMINDER_TEXT");
        let phone = reader.required("REMINDER_SERVICE_PHONE");
        // A missing setting is already a fault of its own.
        let given = !text.is_empty() && !phone.is_empty();
        let wording = given.then(|| Wording::new(&text, &phone)).transpose().unwrap_or_else(|error| {
            reader.fault("REMINDER_TEXT, REMINDER_SERVICE_PHONE:", &error.to_string());
            None
        });
        let repeat = reader.parsed("REMINDER_REPEAT", |value| match value {
            "once" => Ok(ReminderFrequency::Once),
            "daily" => Ok(ReminderFrequency::Daily),
            _ => Err("must be once or daily"),
        });
        let hours = reader.parsed("REMINDER_SEND_HOURS", SendHours::parse);
        let pace = reader.parsed("REMINDER_PACE_SECONDS", |value| number(value, 0..=60, "must be 0 to 60 seconds"));
        let daily_cap =
            reader.parsed("REMINDER_DAILY_CAP", |value| number(value, 1..=100_000, "must be 1 to 100000 messages"));
        let rules = match (repeat, hours, pace, daily_cap) {
            (Some(repeat), Some(hours), Some(pace), Some(daily_cap)) => Some(Rules { repeat, hours, pace, daily_cap }),
            _ => None,
        };
        let config = match (providers, wording, rules) {
            (Some(providers), Some(wording), Some(rules)) => {
                Some(Self { table, phone_secret, providers, wording, rules })
            }
            _ => None,
        };
        reader.finish(config)
    }
}

fn number(value: &str, range: std::ops::RangeInclusive<u32>, rule: &'static str) -> Result<u32, &'static str> {
    value.parse().ok().filter(|number| range.contains(number)).ok_or(rule)
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
        Ok(Self {
            workshop,
            runs,
            phone_keys,
            sender: Sender::start(secrets, config.providers, wall).await?,
            wording: config.wording,
            rules: config.rules,
        })
    }
}

/// Performs one run, or sends the confirmations of opt-outs for `{"task": "confirm-opt-outs"}`.
///
/// # Errors
/// [`Error`] where repeating the invocation helps. Failures of single reminders are in the report.
pub async fn run(reminders: &Reminders, event: Value, time: InvocationTime) -> Result<Value, Error> {
    if confirmations::are_asked_for(&event) {
        return Box::pin(confirmations::send_due(reminders, time)).await;
    }
    if let Some(id) = imports::requested(&event) {
        return Box::pin(imports::go_on(reminders, &id, time)).await;
    }
    let job = Job::parse(NAME, event, time.logical)?;
    Box::pin(run::run_once(reminders, &job, time)).await
}
