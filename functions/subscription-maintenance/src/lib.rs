//! Keeps subscriptions in step with ECPay: asks, retries, ends grace, cancels, cleans up and sends mail.
//!
//! A run reads what is due and nothing else, so a late run catches up by itself and a repeated one finds nothing.

use aws_types::SdkConfig;
use serde_json::Value;
use shared::domain::billing::policy::DunningPolicy;
use shared::domain::values::ids::EmailAddress;
use shared::domain::values::time::Timestamp;
use shared::ecpay::client::{self, EcpayClient};
use shared::mail::mailer::Mailer;
use shared::platform::clock::InvocationTime;
use shared::platform::config::{self, Invalid, Reader};
use shared::platform::secrets::{self, EcpayKeys};
use shared::store::{self, Store};

mod ecpay_session;
mod event;
mod metrics;
mod on_demand;
mod report;
mod run;
mod tasks;

pub use event::Job;

/// What the function is told at start.
#[derive(Clone, Debug)]
pub struct Config {
    table: String,
    ecpay: config::Ecpay,
    policy: DunningPolicy,
    sender: EmailAddress,
    staff: EmailAddress,
}

/// One instance of the function.
pub struct Maintenance {
    store: Store,
    keys: EcpayKeys,
    gateway: EcpayClient,
    messenger: Mailer,
    policy: DunningPolicy,
    environment: shared::ecpay::order_form::Environment,
}

/// Why an invocation failed. Returned only where repeating helps, or where the input cannot be read.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The event is not a job. What is wrong with it is not repeated: it may be anything.
    #[error("the event is not a job: it may hold task, scheduled_at, run_id and retry")]
    InvalidJobEvent,
    /// The store failed.
    #[error("the store failed")]
    Store(#[from] store::Error),
    /// The keys could not be read.
    #[error("the keys could not be read")]
    Secrets(#[from] secrets::Error),
    /// The run could not be given a name of its own.
    #[error("claiming the run")]
    Entropy(#[from] shared::platform::random::NoEntropy),
    /// The HTTP client could not be built.
    #[error("the gateway could not be set up")]
    EcpayClient(#[from] client::Error),
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`Invalid`] with every fault.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let table = reader.required("TABLE_NAME");
        let (ecpay, policy) = (reader.ecpay(), reader.policy());
        let (sender, staff) = (reader.email("MAIL_SENDER"), reader.email("STAFF_EMAIL"));
        let parts = ecpay.zip(policy).zip(sender.zip(staff));
        reader.finish(parts.map(|((ecpay, policy), (sender, staff))| Self { table, ecpay, policy, sender, staff }))
    }
}

impl Maintenance {
    /// Builds the clients and reads the keys once.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let environment = config.ecpay.environment;
        let keys = EcpayKeys::new(secrets, config.ecpay.secret_id.clone(), environment);
        keys.get(wall).await?;
        Ok(Self {
            store: Store::new(aws_sdk_dynamodb::Client::new(aws), config.table),
            keys,
            gateway: EcpayClient::new(config.ecpay)?,
            messenger: Mailer::new(aws, config.sender, config.staff),
            policy: config.policy,
            environment,
        })
    }
}

/// Does one job: scheduled tasks, or what staff asked for.
///
/// # Errors
/// [`Error`] where repeating the invocation helps; what one subscription could not be helped with is in the report.
pub async fn run(maintenance: &Maintenance, event: Value, moment: InvocationTime) -> Result<Value, Error> {
    match Job::parse(event, moment.logical).map_err(|_| Error::InvalidJobEvent)? {
        Job::Tasks(tasks) => Box::pin(run::tasks(maintenance, &tasks, moment)).await,
        Job::Retry(retry) => Box::pin(on_demand::retry(maintenance, &retry, moment)).await,
        Job::Cancel(cancel) => Box::pin(on_demand::cancel(maintenance, &cancel, moment)).await,
    }
}
