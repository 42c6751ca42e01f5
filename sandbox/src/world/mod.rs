//! The world of one sandbox: the table, the simulators, the clock, and the functions in this process.

pub mod boot;
pub mod clock;
pub mod credentials;
pub(crate) mod desk;
pub mod faults;
pub mod mail_feedback;
pub mod mail_refusal;
pub mod received_events;
mod site;
pub mod slack_presses;
pub mod state;
pub mod table_inspect;
pub(crate) mod timer;
pub mod whatsapp_refusal;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, OnceLock, PoisonError};
use std::time::Duration;

use admin_api::AdminApi;
use chrono::{DateTime, Utc};
use dynoxide::Database;
use ecpay_webhook::Webhook;
use maintenance_reminder::Reminders;
use mms_expiry_scan::ExpiryScan;
use serde_json::{Value, json};
use shared::domain::values::time::Timestamp;
use shared::platform::clock::{InvocationTime, Stopwatch};
use subscription_maintenance::Maintenance;
use tokio::sync::Notify;

use crate::aws::iam::{Need, Permission, Roles};
use crate::aws::invocations::Invocations;
use crate::aws::stream::Stream;
use crate::aws::template::Template;
pub use crate::aws::template::{TABLE, TEMPLATE};
use crate::aws::write_limit::WriteLimit;
use crate::ecpay::Merchant;
use crate::world::desk::Desk;
use crate::world::faults::{Fault, FaultSpec, SLOW, Service};
pub use crate::world::site::{BUSINESS, Site};
use crate::world::state::{DataDir, State};
use crate::world::timer::WorldTimer;

/// An answer is waited for no longer: the clock may travel a year in one request.
pub const LONGEST_CALL: Duration = Duration::from_secs(600);

/// Options of a sandbox's start.
#[derive(Clone, Debug)]
pub struct Options {
    /// The port to serve on; 0 for any.
    pub port: u16,
    /// Directory of the stored state; without one it is kept in memory.
    pub data: Option<PathBuf>,
    /// Its first instant, where nothing was kept.
    pub now: DateTime<Utc>,
    /// Variables that are not as in the template.
    pub variables: BTreeMap<String, String>,
    /// True if the table's stream delivers from the start.
    pub stream: bool,
}

/// A running sandbox: table, simulators, clock and functions.
pub struct World {
    /// The deployed template, parsed.
    pub template: &'static Template,
    /// Base URL of the API, of ECPay and of the controls.
    pub base_url: String,
    /// Base URL of AWS, for functions in processes of their own.
    pub aws_url: String,
    pub(crate) database: Database,
    pub(crate) http: reqwest::Client,
    pub(crate) calls: Mutex<BTreeMap<String, Counts>>,
    pub(crate) invocations: Invocations,
    /// Stream of the table.
    pub(crate) stream: Stream,
    pub(crate) items_read: AtomicU64,
    pub(crate) write_limit: WriteLimit,
    roles: Roles,
    needed: Mutex<BTreeMap<String, BTreeSet<Permission>>>,
    /// Timer that invocations and simulated latency go by.
    pub(crate) timer: &'static WorldTimer,
    /// Notified when the controls set a fault: held answers are then given.
    pub(crate) faults_set: Notify,
    /// Held while the clock moves, so that two moves follow each other.
    pub(crate) moving: tokio::sync::Mutex<()>,
    /// Memory of the page for developers.
    pub(crate) desk: Desk,
    state: Mutex<State>,
    data: Option<DataDir>,
    functions: OnceLock<Functions>,
}

/// Numbers of calls by service and operation.
type Counts = BTreeMap<String, BTreeMap<String, u64>>;

pub(crate) struct Functions {
    pub(crate) webhook: Webhook,
    pub(crate) admin: AdminApi,
    pub(crate) maintenance: Maintenance,
    pub(crate) reminders: Reminders,
    pub(crate) expiry_scan: ExpiryScan,
}

/// Errors of an invocation.
#[derive(Debug, thiserror::Error)]
pub enum NotDone {
    /// No function of that name is called with such an event.
    #[error("no such function")]
    NoSuchFunction,
    /// The run of `subscription-maintenance` failed.
    #[error(transparent)]
    Maintenance(#[from] subscription_maintenance::Error),
    /// The run of `maintenance-reminder` failed.
    #[error(transparent)]
    Reminders(#[from] maintenance_reminder::Error),
    /// The run of `mms-expiry-scan` failed.
    #[error(transparent)]
    ExpiryScan(#[from] mms_expiry_scan::Error),
}

impl World {
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
        // These waits are real ones, which would only make a run slow.
        if matches!(name, "API_RETRY_DELAY" | "SLACK_PACE_SECONDS") {
            return Some("0".to_owned());
        }
        let merchant_id = self.state().ecpay.merchant().merchant_id.clone();
        Site { base_url: &self.base_url, merchant_id: &merchant_id }.variable(self.template, function, name)
    }

    /// A text of the template as it is deployed here.
    pub(crate) fn deployed_text(&self, value: &yaml_serde::Value) -> Option<String> {
        let merchant_id = self.state().ecpay.merchant().merchant_id.clone();
        let site = Site { base_url: &self.base_url, merchant_id: &merchant_id };
        self.template.text(value, &|name| site.parameter(name))
    }

    /// True if SES publishes events of a type about mails that were sent by this configuration set.
    pub(crate) fn publishes_mail_events(&self, set: &str, kind: &str) -> bool {
        let merchant_id = self.state().ecpay.merchant().merchant_id.clone();
        let site = Site { base_url: &self.base_url, merchant_id: &merchant_id };
        self.template.publishes_mail_events(set, kind, &|name| site.parameter(name))
    }

    pub(crate) fn functions(&self) -> Option<&Functions> {
        self.functions.get()
    }

    /// Invokes a function now, as a schedule or `admin-api` does; `function` is its name in the template.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn invoke(&self, function: &str, event: Value) -> Result<Value, NotDone> {
        self.invoke_in_chain(function, event, 0).await
    }

    /// As [`Self::invoke`], as the `chain`th invocation of the function by itself.
    pub(crate) async fn invoke_in_chain(&self, function: &str, event: Value, chain: u32) -> Result<Value, NotDone> {
        let functions = self.functions().ok_or(NotDone::NoSuchFunction)?;
        let _under_way = self.invocations.begin(function, chain);
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

    /// Waits until the table's stream has delivered every record so far, or given it up, without a move of the clock.
    pub async fn stream_handled(&self) {
        self.stream.handled().await;
    }

    /// True if [`Self::invoke`] knows the function.
    pub(crate) fn takes_events(function: &str) -> bool {
        matches!(function, "SubscriptionMaintenance" | "MaintenanceReminder" | "MmsExpiryScan")
    }

    /// Invokes `subscription-maintenance`.
    ///
    /// # Errors
    /// [`NotDone`].
    pub async fn invoke_maintenance(&self, event: Value) -> Result<Value, NotDone> {
        self.invoke("SubscriptionMaintenance", event).await
    }

    /// Present time of the sandbox.
    #[must_use]
    pub fn now(&self) -> DateTime<Utc> {
        self.state().now
    }

    /// Moves the clock without anything happening on the way: as if the schedules had been stopped meanwhile.
    pub fn leap(&self, to: DateTime<Utc>) {
        self.change(|state| {
            state.now = to;
            state.fired = Some(to);
            self.timer.set(to);
        });
    }

    /// Moves the clock to `to`, unless it is there or further already.
    ///
    /// This is not stored at once: the clock moves hundreds of times in a run, and the next change stores it.
    pub(crate) fn move_to(&self, to: DateTime<Utc>) {
        let mut state = self.state();
        state.now = state.now.max(to);
        self.timer.set(state.now);
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

    /// Changes the text of an existing secret: the AWSCURRENT version becomes AWSPREVIOUS.
    pub fn rotate_secret(&self, name: &str, current: String) {
        self.change(|state| state.rotate_secret(name, current));
    }

    /// Takes the fault of a call, and waits as it says.
    pub(crate) async fn meet_fault(&self, take: impl FnOnce(&mut State) -> Fault) -> Fault {
        // Before the fault is taken, so that one that is set in the meantime is not missed.
        let set_again = self.faults_set.notified();
        let fault = self.change(take);
        match fault {
            Fault::Slow => self.timer.sleep(SLOW).await,
            Fault::Held => set_again.await,
            _ => {}
        }
        fault
    }

    /// Sets faults of services; the others stay.
    ///
    /// # Errors
    /// A service does not know its fault. No fault is set then.
    pub(crate) fn set_faults(&self, wanted: BTreeMap<Service, FaultSpec>) -> Result<(), String> {
        if let Some((service, wanted)) = wanted.iter().find(|(service, wanted)| !service.knows(wanted.fault)) {
            return Err(format!("{} has no fault {}", json!(service), json!(wanted.fault)));
        }
        self.change(|state| state.faults.extend(wanted));
        self.faults_set.notify_waiters();
        Ok(())
    }

    /// Ends the faults of all services, those of single recipients, and the refusals of providers.
    pub(crate) fn end_faults(&self) {
        self.change(|state| {
            state.faults.clear();
            state.whatsapp.clear();
            state.whatsapp_refusals.clear();
            state.mail_refusal = None;
        });
        self.faults_set.notify_waiters();
    }

    pub(crate) fn timestamp(&self) -> Timestamp {
        Timestamp::new(self.now())
    }

    /// An invocation that happens now.
    pub(crate) fn moment(&self) -> InvocationTime {
        InvocationTime::beginning(self.now(), Stopwatch::of(self.timer))
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

    /// Stores what is remembered, where the world has a directory.
    pub(crate) fn save(&self) {
        let Some(data) = &self.data else { return };
        if let Err(error) = data.save(&self.state()) {
            tracing::error!(
                error = shared::platform::logging::error_chain(&error),
                "the sandbox's state was not saved"
            );
        }
    }

    /// Counts a call by `caller`: the logical name of a function, or another name.
    pub(crate) fn count(&self, caller: &str, service: &str, operation: &str) {
        let mut calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let calls = calls.entry(caller.to_owned()).or_default();
        *calls.entry(service.to_owned()).or_default().entry(operation.to_owned()).or_default() += 1;
    }

    /// Returns the error of a call that the caller's role does not allow, `None` for an allowed call. Callers that are
    /// not functions may do everything.
    pub(crate) fn refusal(&self, caller: &str, needs: &[Need]) -> Option<String> {
        let role = self.template.role_of(caller)?;
        let mut needed = self.needed.lock().unwrap_or_else(PoisonError::into_inner);
        needed.entry(caller.to_owned()).or_default().extend(needs.iter().map(|need| need.permission.clone()));
        let Need { permission: Permission { action, resource }, .. } =
            needs.iter().find(|need| !self.roles.allow(role, need))?;
        Some(format!("{caller} is not authorized to perform: {action} on resource: {resource}"))
    }

    /// Permissions of the template's roles.
    #[must_use]
    pub fn roles(&self) -> &Roles {
        &self.roles
    }

    /// Permissions that each function has needed so far, including refused ones.
    #[must_use]
    pub fn permissions_needed(&self) -> BTreeMap<String, BTreeSet<Permission>> {
        self.needed.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Calls by service and operation since they were last forgotten: of one caller, or of all.
    #[must_use]
    pub fn counted(&self, caller: Option<&str>) -> Value {
        let calls = self.calls.lock().unwrap_or_else(PoisonError::into_inner);
        let wanted = calls.iter().filter(|(name, _)| caller.is_none_or(|caller| caller == *name));
        let mut counts = Counts::new();
        for (service, operations) in wanted.flat_map(|(_, counts)| counts) {
            let sums = counts.entry(service.clone()).or_default();
            for (operation, count) in operations {
                *sums.entry(operation.clone()).or_default() += count;
            }
        }
        json!(counts)
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
