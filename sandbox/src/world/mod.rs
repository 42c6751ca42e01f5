//! The world of one sandbox: the table, the simulators, the clock, and the functions in this process.

pub mod clock;
pub mod credentials;
pub mod faults;
pub mod state;
pub mod table_inspect;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use admin_api::AdminApi;
use chrono::{DateTime, Utc};
use dynoxide::Database;
use ecpay_webhook::Webhook;
use maintenance_reminder::Reminders;
use mms_expiry_scan::{ExpiryScan, UncheckedConfig};
use serde_json::{Value, json};
use shared::domain::values::time::Timestamp;
use shared::platform::clock::{InvocationTime, Stopwatch};
use subscription_maintenance::Maintenance;
use tokio::net::TcpListener;

use crate::aws::iam::{Need, Permission, Roles};
use crate::aws::template::{STACK, Template};
use crate::ecpay::Merchant;
use crate::http::server;
use crate::world::state::{DataDir, State, stage_merchant};
use crate::{Error, aws};

/// The name of the table here.
pub const TABLE: &str = "duekeeper";
/// The template that the product is deployed from.
pub const TEMPLATE: &str = include_str!("../../../template.yaml");

/// An answer is waited for no longer: the clock may travel a year in one request.
pub const LONGEST_CALL: Duration = Duration::from_secs(600);

/// How a sandbox is started.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port to serve on; 0 for any.
    pub port: u16,
    /// Where everything is kept; nowhere if none.
    pub data: Option<PathBuf>,
    /// Its first instant, where nothing was kept.
    pub now: DateTime<Utc>,
    /// Variables that are not as in the template.
    pub variables: BTreeMap<String, String>,
}

/// A running sandbox.
pub struct World {
    /// What `template.yaml` says.
    pub template: &'static Template,
    /// Where the API, ECPay and the controls are served.
    pub base_url: String,
    /// Where AWS is served: for functions that run in processes of their own.
    pub aws_url: String,
    pub(crate) database: Database,
    pub(crate) http: reqwest::Client,
    pub(crate) calls: Mutex<BTreeMap<String, BTreeMap<String, u64>>>,
    pub(crate) items_read: AtomicU64,
    roles: Roles,
    needed: Mutex<BTreeMap<String, BTreeSet<Permission>>>,
    /// Held while the clock moves, so that two moves follow each other.
    pub(crate) moving: tokio::sync::Mutex<()>,
    state: Mutex<State>,
    data: Option<DataDir>,
    functions: OnceLock<Functions>,
}

pub(crate) struct Functions {
    pub(crate) webhook: Webhook,
    pub(crate) admin: AdminApi,
    pub(crate) maintenance: Maintenance,
    pub(crate) reminders: Reminders,
    pub(crate) expiry_scan: ExpiryScan,
}

/// Why an invocation has no answer.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// No function of that name is called with such an event.
    #[error("no such function")]
    NoSuchFunction,
    /// `subscription-maintenance` failed.
    #[error(transparent)]
    Maintenance(#[from] subscription_maintenance::Error),
    /// `maintenance-reminder` failed.
    #[error(transparent)]
    Reminders(#[from] maintenance_reminder::Error),
    /// `mms-expiry-scan` failed.
    #[error(transparent)]
    ExpiryScan(#[from] mms_expiry_scan::Error),
}

impl World {
    /// Starts everything; the servers run until the process ends.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start(options: Options) -> Result<Arc<Self>, Error> {
        Self::start_as(options, stage_merchant()).await
    }

    /// Starts everything with another merchant at ECPay, where nothing was kept: production refuses the published one.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start_as(options: Options, merchant: Merchant) -> Result<Arc<Self>, Error> {
        let template = Template::of_the_stack()?;
        let data = options.data.as_deref().map(DataDir::open).transpose()?;
        let kept = data.as_ref().map(DataDir::load).transpose()?.flatten();
        let mut state = kept.unwrap_or_else(|| {
            let mut state = State::new(options.now, credentials::secrets(options.now, &merchant));
            state.ecpay.set_merchant(merchant);
            state
        });
        // What was kept may be older than a secret.
        for (name, secret) in credentials::secrets(state.now, state.ecpay.merchant()) {
            state.secrets.entry(name).or_insert(secret);
        }
        let database = match &data {
            Some(data) => Database::new(&data.table().to_string_lossy()),
            None => Database::memory(),
        };
        let database = database.map_err(|error| Error::Table(error.to_string()))?;
        create_table(&database, template)?;
        let public = TcpListener::bind(("127.0.0.1", options.port)).await?;
        let base_url = format!("http://{}", public.local_addr()?);
        let aws = TcpListener::bind(("127.0.0.1", 0)).await?;
        let aws_url = format!("http://{}", aws.local_addr()?);
        let site = Site { base_url: &base_url, merchant_id: &state.ecpay.merchant().merchant_id };
        let roles = Roles::read(template, &|name| site.parameter(name))?;
        let world = Arc::new(Self {
            template,
            base_url,
            aws_url,
            database,
            http: shared::platform::http::client(LONGEST_CALL)?,
            calls: Mutex::default(),
            items_read: AtomicU64::default(),
            roles,
            needed: Mutex::default(),
            moving: tokio::sync::Mutex::default(),
            state: Mutex::new(state),
            data,
            functions: OnceLock::new(),
        });
        aws::serve(Arc::clone(&world), aws).await?;
        let functions = world.start_functions(&options.variables).await?;
        // Set once, here; nobody else has the world yet.
        let _first = world.functions.set(functions);
        server::serve(Arc::clone(&world), public);
        world.save();
        Ok(world)
    }

    async fn start_functions(&self, overrides: &BTreeMap<String, String>) -> Result<Functions, Error> {
        let aws = |function: &str| aws::config_of(function, &self.aws_url);
        let wall = self.timestamp();
        let variables = |function: &'static str| {
            move |name: &str| overrides.get(name).cloned().or_else(|| self.variable(function, name))
        };
        let webhook = ecpay_webhook::Config::parse(&variables("EcpayWebhook"))?;
        let admin = admin_api::Config::parse(&variables("AdminApi"))?;
        let maintenance = subscription_maintenance::Config::parse(&variables("SubscriptionMaintenance"))?;
        let reminders = maintenance_reminder::Config::parse(&variables("MaintenanceReminder"))?;
        let expiry_scan = UncheckedConfig::read(&variables("MmsExpiryScan"));
        Ok(Functions {
            webhook: Webhook::start(&aws("EcpayWebhook"), webhook, wall).await?,
            admin: AdminApi::start(&aws("AdminApi"), admin, wall).await?,
            maintenance: Maintenance::start(&aws("SubscriptionMaintenance"), maintenance, wall).await?,
            reminders: Reminders::start(&aws("MaintenanceReminder"), reminders, wall).await?,
            expiry_scan: ExpiryScan::start(&aws("MmsExpiryScan"), expiry_scan, wall).await?,
        })
    }

    /// A function's variable as the template gives it, with the parameters of this sandbox.
    #[must_use]
    pub fn variable(&self, function: &str, name: &str) -> Option<String> {
        let simulator = match name {
            "ECPAY_ENDPOINT_URL" => Some("/ecpay"),
            "MMS_BASE_URL" => Some("/mms/proxy/link-plus"),
            "SLACK_ENDPOINT_URL" => Some(""),
            "STARSENDER_ENDPOINT_URL" => Some("/starsender"),
            "WHATSAPP_ENDPOINT_URL" => Some("/whatsapp-cloud"),
            _ => None,
        };
        if let Some(simulator) = simulator {
            return Some(format!("{}{simulator}", self.base_url));
        }
        // Its clock stands still, so nothing is won by waiting.
        if matches!(name, "API_RETRY_DELAY" | "SLACK_PACE_SECONDS") {
            return Some("0".to_owned());
        }
        let merchant_id = self.state().ecpay.merchant().merchant_id.clone();
        Site { base_url: &self.base_url, merchant_id: &merchant_id }.variable(self.template, function, name)
    }

    pub(crate) fn functions(&self) -> Option<&Functions> {
        self.functions.get()
    }

    /// Invokes a function now, as a schedule or `admin-api` does; `function` is its name in the template.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, NotDone> {
        let functions = self.functions().ok_or(NotDone::NoSuchFunction)?;
        let moment = self.moment();
        // A function's future may be larger than the stack of a thread that holds several.
        match function {
            "SubscriptionMaintenance" => {
                Ok(Box::pin(subscription_maintenance::run(&functions.maintenance, event, moment)).await?)
            }
            "MaintenanceReminder" => {
                Ok(Box::pin(maintenance_reminder::run(&functions.reminders, event, moment)).await?)
            }
            "MmsExpiryScan" => Ok(Box::pin(mms_expiry_scan::run(&functions.expiry_scan, event, moment)).await?),
            _ => Err(NotDone::NoSuchFunction),
        }
    }

    /// Invokes `subscription-maintenance`.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn invoke_maintenance(&self, event: Value) -> Result<Value, NotDone> {
        self.invoke("SubscriptionMaintenance", event).await
    }

    /// The sandbox's time.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.state().now
    }

    /// Moves the clock without anything happening on the way: as if the schedules had been stopped meanwhile.
    pub fn leap(&self, to: DateTime<Utc>) {
        self.change(|state| state.now = to);
    }

    /// ECPay gives us another key pair: it signs with that from now on, and in Secrets Manager what was AWSCURRENT becomes
    /// AWSPREVIOUS.
    pub fn rotate_ecpay_keys(&self, hash_key: &str, hash_iv: &str) {
        let merchant = Merchant {
            hash_key: hash_key.to_owned(),
            hash_iv: hash_iv.to_owned(),
            ..self.state().ecpay.merchant().clone()
        };
        self.change(|state| {
            state.rotate_secret(credentials::ECPAY_SECRET, credentials::ecpay_document(&merchant));
            state.ecpay.set_merchant(merchant);
        });
    }

    /// Somebody puts another text into a secret that is there: what was AWSCURRENT becomes AWSPREVIOUS.
    pub fn rotate_secret(&self, name: &str, current: String) {
        self.change(|state| state.rotate_secret(name, current));
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp::new(self.now())
    }

    /// An invocation that happens now.
    pub(crate) fn moment(&self) -> InvocationTime {
        let now = self.timestamp();
        InvocationTime { logical: now, wall: now, stopwatch: Stopwatch::start() }
    }

    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Changes what is remembered, and keeps it.
    pub(crate) fn change<T>(&self, change: impl FnOnce(&mut State) -> T) -> T {
        let changed = change(&mut self.state());
        self.save();
        changed
    }

    fn save(&self) {
        let Some(data) = &self.data else { return };
        if let Err(error) = data.save(&self.state()) {
            tracing::error!(
                error = shared::platform::logging::error_chain(&error),
                "the sandbox's state was not saved"
            );
        }
    }

    pub(crate) fn count(&self, service: &str, operation: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        *calls.entry(service.to_owned()).or_default().entry(operation.to_owned()).or_default() += 1;
    }

    /// Why a call is not allowed; `None` if it is. Whoever is no function may do everything.
    pub(crate) fn refusal(&self, caller: &str, needs: &[Need]) -> Option<String> {
        let role = self.template.role_of(caller)?;
        let mut needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed.entry(caller.to_owned()).or_default().extend(needs.iter().map(|need| need.permission.clone()));
        let Need { permission: Permission { action, resource }, .. } =
            needs.iter().find(|need| !self.roles.allow(role, need))?;
        Some(format!("{caller} is not authorized to perform: {action} on resource: {resource}"))
    }

    /// What the template's roles allow.
    #[must_use]
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Which permissions each function has needed so far, whether it had them or not.
    #[must_use]
    pub fn permissions_needed(&self) -> BTreeMap<String, BTreeSet<Permission>> {
        self.needed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls by service and operation since they were last forgotten.
    #[must_use]
    pub fn counted(&self) -> Value {
        json!(*self.calls.lock().unwrap_or_else(PoisonError::into_inner))
    }

    /// Items that DynamoDB has read for the functions since the calls were last forgotten.
    #[must_use]
    pub fn items_read(&self) -> u64 {
        self.items_read.load(Ordering::Relaxed)
    }

    /// Forgets the counted calls.
    pub fn forget_calls(&self) {
        self.items_read.store(0, Ordering::Relaxed);
        self.calls.lock().unwrap_or_else(PoisonError::into_inner).clear();
    }
}

/// The parameters with which a world stands in for a deployment.
#[derive(Clone, Copy, Debug)]
pub struct Site<'a> {
    /// Where the API is served.
    pub base_url: &'a str,
    /// The merchant at ECPay.
    pub merchant_id: &'a str,
}

impl Site<'_> {
    /// A function's variable as the template gives it, deployed with these parameters.
    #[must_use]
    pub fn variable(&self, template: &Template, function: &str, name: &str) -> Option<String> {
        template.variable(function, name, &|reference| self.parameter(reference))
    }

    /// What a reference stands for: a parameter without a default, or a resource's name.
    #[must_use]
    pub fn parameter(&self, reference: &str) -> Option<String> {
        Some(match reference {
            "Table" => TABLE.to_owned(),
            "EcpayMerchantId" => self.merchant_id.to_owned(),
            "ApiBaseUrl" => self.base_url.to_owned(),
            "FrontendUrl" => format!("{}/shop", self.base_url),
            "MailSender" => "billing@duekeeper.example".to_owned(),
            "MailIdentity" => "duekeeper.example".to_owned(),
            "StaffEmail" => "staff@duekeeper.example".to_owned(),
            "WhatsappPhoneNumberId" => credentials::PHONE_NUMBER_ID.to_owned(),
            "AWS::StackName" => STACK.to_owned(),
            "AWS::Partition" => "aws".to_owned(),
            "AWS::Region" => "ap-northeast-1".to_owned(),
            "AWS::AccountId" => "000000000000".to_owned(),
            "SubscriptionMaintenance" | "MaintenanceReminder" | "MmsExpiryScan" => reference.to_owned(),
            _ => return None,
        })
    }
}

/// Makes the template's table where it is missing.
///
/// # Errors
/// [`Error::Table`].
pub fn create_table(database: &Database, template: &Template) -> Result<(), Error> {
    let mut table = template.table.clone();
    if let Some(fields) = table.as_object_mut() {
        fields.insert("TableName".to_owned(), json!(TABLE));
    }
    let request = serde_json::from_value(table).map_err(|error| Error::Table(error.to_string()))?;
    match database.create_table(request) {
        Ok(_) | Err(dynoxide::DynoxideError::ResourceInUseException(_)) => Ok(()),
        Err(error) => Err(Error::Table(error.to_string())),
    }
}
