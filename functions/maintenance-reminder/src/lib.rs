//! Reminds a workshop's customers by WhatsApp that a vehicle is due for maintenance.
//!
//! A run reads the vehicles whose next visit falls in the window and nothing else. Before each message it looks once more,
//! stores a claim, sends, and stores what came of it: whatever cuts it off, nobody is told twice.

use aws_types::SdkConfig;
use serde_json::Value;
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::reminders::{ReminderFrequency, SendHours};
use shared::exclusive_run::{self, InvalidJobEvent, Job};
use shared::platform::clock::InvocationTime;
use shared::platform::config::{Invalid, Reader};
use shared::platform::secrets;
use shared::store::{self, Store};
use shared::whatsapp::Wording;

mod providers;
mod report;
mod run;
mod vehicles;

use providers::{Sender, WhatsappProviders};

/// The name of the job.
pub const NAME: &str = "maintenance-reminder";

/// What the function is told at start.
#[derive(Clone, Debug)]
pub struct Config {
    table: String,
    gateways: WhatsappProviders,
    wording: Wording,
    rules: Rules,
}

/// What a business decides about its reminders.
#[derive(Clone, Copy, Debug)]
struct Rules {
    repeat: ReminderFrequency,
    hours: SendHours,
    /// Seconds between two messages.
    pace: u32,
    /// Messages on one day, in Jakarta.
    daily_cap: u32,
}

/// One instance of the function.
pub struct Reminders {
    store: Store,
    sender: Sender,
    wording: Wording,
    rules: Rules,
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
    /// The keys could not be read.
    #[error("the keys could not be read")]
    Secrets(#[from] secrets::Error),
    /// The HTTP client could not be built.
    #[error("the HTTP client could not be set up")]
    Client(#[from] reqwest::Error),
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`Invalid`] with every fault.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let table = reader.required("TABLE_NAME");
        let gateways = WhatsappProviders::parse(&mut reader);
        let text = reader.required("REMINDER_TEXT");
        let phone = reader.required("REMINDER_SERVICE_PHONE");
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
        let config = match (gateways, wording, rules) {
            (Some(gateways), Some(wording), Some(rules)) => Some(Self { table, gateways, wording, rules }),
            _ => None,
        };
        reader.finish(config)
    }
}

fn number(value: &str, range: std::ops::RangeInclusive<u32>, rule: &'static str) -> Result<u32, &'static str> {
    value.parse().ok().filter(|number| range.contains(number)).ok_or(rule)
}

impl Reminders {
    /// Builds the clients and reads the keys once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        Ok(Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(aws), config.table),
            sender: Sender::start(secrets, config.gateways, wall).await?,
            wording: config.wording,
            rules: config.rules,
        })
    }
}

/// Does one run.
///
/// # Errors
/// [`Error`] where repeating the invocation helps; whom it could not tell is in the report.
pub async fn run(reminders: &Reminders, event: Value, moment: InvocationTime) -> Result<Value, Error> {
    let job = Job::parse(NAME, event, moment.logical)?;
    Box::pin(run::once(reminders, &job, moment)).await
}
