//! State of one Lambda instance: clients, secrets and settings, which every route uses.

use aws_types::SdkConfig;
use shared::domain::values::time::Timestamp;
use shared::platform::ecpay_keys::EcpayKeys;
use shared::platform::phone_keys::{PhoneHasher, PhoneKeys};
use shared::platform::secrets;
use shared::store::Store;

use crate::auth::callback_keys::CallbackKeys;
use crate::auth::slack_signature::SigningSecret;
use crate::auth::{jwt, tokens};
use crate::aws::{lambda, schedule};
use crate::billing::callbacks::health_report::HealthCache;
use crate::config::Config;
use crate::console::access::attempts::Attempts;
use crate::http::context::RequestContext;
use crate::http::response::Failure;

/// State of one Lambda instance, shared by its requests.
pub(crate) struct ApiState {
    pub(crate) store: Store,
    pub(crate) keys: EcpayKeys,
    pub(crate) phone_keys: PhoneKeys,
    pub(crate) callback_keys: CallbackKeys,
    /// None where digests have no buttons.
    pub(crate) slack: Option<SigningSecret>,
    pub(crate) tokens: tokens::AdminTokens,
    pub(crate) jwt: jwt::JwtKey,
    pub(crate) maintenance: lambda::Function,
    pub(crate) reminders: lambda::Function,
    pub(crate) expiry_scan: lambda::Function,
    pub(crate) schedule: schedule::Schedule,
    pub(crate) health: HealthCache,
    /// Refused attempts to sign in to the console.
    pub(crate) attempts: Attempts,
    pub(crate) config: Config,
}

impl ApiState {
    /// Builds the clients and reads the secrets, so that an instance without usable secrets does not start.
    ///
    /// # Errors
    /// [`secrets::Error`] if a secret cannot be read or is malformed.
    pub(crate) async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, secrets::Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let keys = EcpayKeys::new(secrets.clone(), config.ecpay.secret_id.clone(), config.ecpay.environment);
        let tokens = tokens::AdminTokens::new(secrets.clone(), config.admin_secret.clone());
        let jwt = jwt::JwtKey::new(secrets.clone(), config.admin_secret.clone());
        let phone_keys = PhoneKeys::new(secrets.clone(), config.phone_secret.clone());
        let callback_keys = CallbackKeys::new(secrets.clone(), config.whatsapp_callback_secret.clone());
        let slack = config.slack_callback_secret.clone().map(|id| SigningSecret::new(secrets, id));
        let read_keys = async { keys.get(wall).await.map(drop) };
        let read_phone_keys = async { phone_keys.get(wall).await.map(drop) };
        // At the same time, since a cold start waits for all of them.
        tokio::try_join!(read_keys, read_phone_keys, tokens.warm(wall), jwt.warm(wall))?;
        let store = Store::new(aws_sdk_dynamodb::Client::new(aws), config.table.clone());
        let client = lambda::client(aws, config.patience);
        let maintenance = lambda::Function::new(client.clone(), config.maintenance_function.clone());
        let reminders = lambda::Function::new(client.clone(), config.reminders.function.clone());
        let expiry_scan = lambda::Function::new(client, config.expiry_function.clone());
        let schedule = {
            let reminders = &config.reminders;
            schedule::Schedule::new(aws, reminders.group.clone(), reminders.schedule.clone(), reminders.hours)
        };
        let health = HealthCache::default();
        Ok(Self {
            store,
            keys,
            phone_keys,
            callback_keys,
            slack,
            tokens,
            jwt,
            maintenance,
            reminders,
            expiry_scan,
            schedule,
            health,
            attempts: Attempts::default(),
            config,
        })
    }

    /// Keys under which phone numbers are hashed.
    pub(crate) async fn phone_hasher(&self, context: &RequestContext) -> Result<PhoneHasher, Failure> {
        self.phone_keys.get(context.time.wall).await.map_err(|error| Failure::upstream(&error))
    }
}
