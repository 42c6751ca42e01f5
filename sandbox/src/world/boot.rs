//! Start of a sandbox: state and table, ports, the functions with the template's variables, servers.

use std::collections::BTreeMap;
use std::sync::atomic::AtomicU64;
use std::sync::{Arc, Mutex, OnceLock};

use admin_api::AdminApi;
use dynoxide::Database;
use ecpay_webhook::Webhook;
use maintenance_reminder::Reminders;
use mms_expiry_scan::{ExpiryScan, UncheckedConfig};
use serde_json::json;
use subscription_maintenance::Maintenance;
use tokio::net::TcpListener;
use tokio::sync::Notify;

use crate::aws::iam::Roles;
use crate::aws::invocations::Invocations;
use crate::aws::stream::{Opened, Stream, delivery};
use crate::aws::template::Template;
use crate::aws::write_limit::WriteLimit;
use crate::ecpay::Merchant;
use crate::http::server;
use crate::world::desk::Desk;
use crate::world::state::{DataDir, State, test_merchant};
use crate::world::timer::WorldTimer;
use crate::world::{Functions, LONGEST_CALL, Options, Site, TABLE, World, clock, credentials};
use crate::{Error, aws};

impl World {
    /// Starts everything; the servers run until the process ends.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn start(options: Options) -> Result<Arc<Self>, Error> {
        Self::start_as(options, test_merchant()).await
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
        let Opened { stream, inboxes } = Stream::open(&template.mappings, options.stream);
        let world = Arc::new(Self {
            template,
            base_url,
            aws_url,
            database,
            http: shared::platform::http::client(LONGEST_CALL)?,
            calls: Mutex::default(),
            invocations: Invocations::default(),
            stream,
            items_read: AtomicU64::default(),
            write_limit: WriteLimit::default(),
            roles,
            needed: Mutex::default(),
            timer: WorldTimer::leaked(state.now),
            faults_set: Notify::new(),
            moving: tokio::sync::Mutex::default(),
            desk: Desk::default(),
            state: Mutex::new(state),
            data,
            functions: OnceLock::new(),
        });
        tokio::spawn(clock::pass_time(Arc::clone(&world)));
        aws::serve(Arc::clone(&world), aws).await?;
        let functions = world.start_functions(&options.variables).await?;
        // The world is not shared yet, so this is the first time it is set.
        let _first = world.functions.set(functions);
        delivery::serve(&world, inboxes);
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
