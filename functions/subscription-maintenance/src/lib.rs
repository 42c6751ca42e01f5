//! Keeps subscriptions in step with ECPay: queries, retries, downgrades, cancels, cleans up and sends mail.
//!
//! A run reads only what is due: a late run catches up, and a repeated one finds nothing to do.

use std::num::NonZeroU32;

use aws_types::SdkConfig;
use serde_json::Value;
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::values::ids::MerchantId;
use shared::domain::values::time::Timestamp;
use shared::ecpay::client;
use shared::ecpay::client::EcpayClient;
use shared::events::drain::EventSender;
use shared::exclusive_run;
use shared::mail::mailer::{MailSettings, Mailer};
use shared::mail::ses_event::{InvalidSesEvent, SesEvent};
use shared::platform::clock::InvocationTime;
use shared::platform::config;
use shared::platform::config::{Invalid, Reader};
use shared::platform::ecpay_keys::EcpayKeys;
use shared::platform::secrets;
use shared::store;
use shared::store::Store;

mod charge_log;
mod cleanup;
mod continuation;
mod due_orders;
mod ecpay_pace;
mod ecpay_session;
mod event;
mod metrics;
mod next_step;
mod on_demand;
mod report;
mod run;
mod sending;
mod tasks;

use crate::continuation::Continuation;
pub use crate::event::Job;

/// Settings of the function, from its environment variables.
#[derive(Clone, Debug)]
pub struct Config {
    table: String,
    ecpay: config::Ecpay,
    policy: DunningPolicy,
    calls_per_second: NonZeroU32,
    function: Option<String>,
    mail: MailSettings,
    /// None where events are only listed.
    events_secret: Option<String>,
}

/// Clients and settings of one instance of the function.
pub struct Maintenance {
    store: Store,
    merchant: MerchantId,
    keys: EcpayKeys,
    ecpay: EcpayClient,
    mailer: Mailer,
    events: EventSender,
    continuation: Continuation,
    calls_per_second: NonZeroU32,
    policy: DunningPolicy,
    environment: shared::ecpay::order_form::Environment,
}

/// Reason why an invocation failed. Returned only where repeating it helps, or where the event is malformed.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is not a job. The message does not repeat it, since it may contain anything.
    #[error(
        "the event is not a job: it may contain task, scheduled_at, run_id, dry_run, retry, cancel, adopt and adopt_list"
    )]
    InvalidJobEvent,
    /// The records of the table's stream do not have their documented form. The message does not repeat them, since they name
    /// people.
    #[error("the records of the table's stream cannot be read")]
    InvalidStreamRecords,
    /// The event of EventBridge is not one that SES documents. The message does not repeat it, since it names people.
    #[error("the event of EventBridge cannot be used: {0}")]
    InvalidSesEvent(#[from] InvalidSesEvent),
    /// The run could not be started or recorded.
    #[error(transparent)]
    Run(#[from] exclusive_run::Error),
    /// The table could not be read or written.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// Rows of a list are left at the end of the time of one invocation, and the function could not be invoked again.
    #[error("the list of orders reached the time limit; it goes on when repeated")]
    CutOff,
    /// ECPay's keys could not be read.
    #[error("the keys could not be read")]
    Secrets(#[from] secrets::Error),
    /// The client of ECPay could not be built.
    #[error("the HTTP client for ECPay could not be set up")]
    EcpayClient(#[from] client::Error),
    /// The client for the endpoints of events could not be built.
    #[error("the HTTP client for events could not be set up")]
    EventClient(#[source] Box<dyn std::error::Error + Send + Sync>),
}

impl Error {
    /// True if the fault lies with one order, so that a run can go on with the others.
    const fn is_about_one_order(&self) -> bool {
        matches!(self, Self::Store(error) if error.is_about_one_item())
    }

    /// The table's error, if it is one. The table may be down, or only the items of one order may be at fault.
    const fn of_table(&self) -> Option<&store::Error> {
        if let Self::Store(error) = self { Some(error) } else { None }
    }
}

impl Config {
    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// [`Invalid`] with all faults at once.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let table = reader.required("TABLE_NAME");
        let (ecpay, policy) = (reader.ecpay(), reader.policy());
        let calls_per_second = reader.parsed("ECPAY_CALLS_PER_SECOND", |value| {
            value.parse().ok().filter(|calls: &NonZeroU32| calls.get() <= 100).ok_or("must be 1 to 100")
        });
        // Set by Lambda; the function invokes itself where a run reaches its limit.
        let function = reader.optional("AWS_LAMBDA_FUNCTION_NAME");
        let events_secret = reader.optional("EVENTS_SECRET_ID");
        let config = match (ecpay, policy, calls_per_second, MailSettings::read(&mut reader)) {
            (Some(ecpay), Some(policy), Some(calls_per_second), Some(mail)) => {
                Some(Self { table, ecpay, policy, calls_per_second, function, mail, events_secret })
            }
            _ => None,
        };
        reader.finish(config)
    }
}

impl Maintenance {
    /// Builds the clients and reads ECPay's keys, so that a wrong secret fails the start and not the first run.
    ///
    /// # Errors
    /// [`Error::Secrets`] and [`Error::EcpayClient`].
    pub async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let environment = config.ecpay.environment;
        let events = EventSender::new(secrets.clone(), config.events_secret, environment);
        let events = events.map_err(|error| Error::EventClient(error.into()))?;
        let keys = EcpayKeys::new(secrets, config.ecpay.secret_id.clone(), environment);
        keys.get(wall).await?;
        Ok(Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(aws), config.table),
            merchant: config.ecpay.merchant.clone(),
            keys,
            ecpay: EcpayClient::new(config.ecpay)?,
            mailer: Mailer::new(aws, config.mail),
            events,
            continuation: Continuation::new(aws, config.function),
            calls_per_second: config.calls_per_second,
            policy: config.policy,
            environment,
        })
    }
}

/// Performs the event's job: scheduled tasks, an operation requested by staff, messages that were just stored, or a bounce or
/// complaint to be recorded.
///
/// # Errors
/// [`Error`] where repeating the invocation helps. Errors of single subscriptions are in the report.
pub async fn run(maintenance: &Maintenance, event: Value, time: InvocationTime) -> Result<Value, Error> {
    if SesEvent::is_event(&event) {
        return Box::pin(sending::mail_feedback::record(maintenance, &event, time)).await;
    }
    if sending::stream::is_event(&event) {
        return Box::pin(sending::stream::send_stored(maintenance, event, time)).await;
    }
    match Job::parse(event, time.logical).map_err(|_| Error::InvalidJobEvent)? {
        Job::Tasks(tasks) => Box::pin(run::run_tasks(maintenance, &tasks, time)).await,
        Job::Retry(retry) => Box::pin(on_demand::retry(maintenance, &retry, time)).await,
        Job::Adopt(adopt) => Box::pin(on_demand::adoption::one(maintenance, &adopt, time)).await,
        Job::AdoptList(id) => Box::pin(on_demand::adoption::list(maintenance, &id, time)).await,
        Job::Cancel(cancel) => Box::pin(on_demand::cancel(maintenance, &cancel, time)).await,
    }
}
