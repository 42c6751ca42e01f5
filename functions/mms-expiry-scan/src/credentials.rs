//! The keys of MMS and Slack.

use aws_sdk_secretsmanager::Client;
use reqwest::Url;
use serde::Deserialize;
use shared::domain::values::time::Timestamp;
use shared::platform::config::Invalid;
use shared::platform::secrets;
use shared::platform::secrets::Secret;
use shared::platform::secrets::cached::CachedSecret;

use crate::config::address;
use crate::{Config, Error, UncheckedConfig};

/// Stale limit in minutes: an outage of Secrets Manager that is shorter than an hour costs no digest, and MMS and Slack
/// refuse a key that was withdrawn anyway.
const STALE_MINUTES: i64 = 60;
const DOCUMENT: &str = "JSON with mms_api_key and slack_webhook_url or slack_bot_token";

/// Credentials for both services.
#[derive(Clone)]
pub(crate) struct Keys {
    /// Value of MMS's header `Authorization`, without a scheme.
    pub(crate) mms: String,
    pub(crate) slack: SlackKey,
}

/// Credential of the channel.
#[derive(Clone)]
pub(crate) enum SlackKey {
    /// Address of an incoming webhook, which is a secret itself.
    Webhook(Url),
    /// Token of a bot, for `chat.postMessage`.
    Bot(String),
}

/// The secret with the keys, and its copy in memory.
pub(crate) struct MmsCredentials {
    secret: Secret,
    cached: CachedSecret<Keys>,
}

#[derive(Deserialize, Default)]
struct Document {
    #[serde(default)]
    mms_api_key: String,
    #[serde(default)]
    slack_webhook_url: String,
    #[serde(default)]
    slack_bot_token: String,
}

impl MmsCredentials {
    /// Checks the settings and the secret together, so that all faults are reported at once.
    pub(crate) async fn start(
        client: Client,
        draft: UncheckedConfig,
        wall: Timestamp,
    ) -> Result<(Config, Self), Error> {
        let mut faults = draft.config.as_ref().err().map(|invalid| invalid.0.clone()).unwrap_or_default();
        let credentials = draft
            .secret_id
            .map(|id| Self { cached: CachedSecret::new(id.clone(), STALE_MINUTES), secret: Secret::new(client, id) });
        if let Some(credentials) = &credentials {
            match credentials.get(wall).await {
                Ok(_) => {}
                Err(secrets::Error::InvalidFields(invalid)) => faults.extend(invalid),
                Err(error) if faults.is_empty() => return Err(error.into()),
                Err(malformed @ secrets::Error::Malformed { .. }) => faults.push(malformed.to_string()),
                Err(_) => faults.push(format!("secret {} could not be read", credentials.secret.id())),
            }
        }
        match (draft.config, credentials) {
            (Ok(config), Some(credentials)) if faults.is_empty() => Ok((config, credentials)),
            _ => Err(Invalid(faults).into()),
        }
    }

    /// Returns the keys at `wall`.
    pub(crate) async fn get(&self, wall: Timestamp) -> Result<Keys, secrets::Error> {
        self.cached.get(wall, self.read()).await
    }

    async fn read(&self) -> Result<Keys, secrets::Error> {
        let document: Document = self.secret.json(DOCUMENT).await?;
        document.check(self.secret.id()).map_err(secrets::Error::InvalidFields)
    }
}

impl Document {
    /// Returns the keys, or all faults. A fault names the field, never its value.
    fn check(self, id: &str) -> Result<Keys, Vec<String>> {
        let mut faults = Vec::new();
        let mut fault = |name: &str, what: &str| faults.push(format!("{name} in secret {id} {what}"));
        if self.mms_api_key.is_empty() {
            fault("MMS_API_KEY", "is missing");
        } else if !is_graphic(&self.mms_api_key) {
            fault("MMS_API_KEY", "must be visible ASCII characters without blanks");
        }
        let webhook = match self.slack_webhook_url.as_str() {
            "" => None,
            text => match address(text) {
                Ok(url) if url.path().len() > 1 => Some(url),
                Ok(_) | Err(_) => {
                    fault("SLACK_WEBHOOK_URL", "must be an https address as Slack gives it");
                    None
                }
            },
        };
        let bot = Some(self.slack_bot_token.as_str()).filter(|token| !token.is_empty());
        if bot.is_some_and(|token| !is_graphic(token)) {
            fault("SLACK_BOT_TOKEN", "must be visible ASCII characters without blanks");
        }
        if self.slack_webhook_url.is_empty() && bot.is_none() {
            fault("SLACK_WEBHOOK_URL", "is missing, and so is SLACK_BOT_TOKEN");
        }
        let slack = bot.map(|token| SlackKey::Bot(token.to_owned())).or_else(|| webhook.map(SlackKey::Webhook));
        match slack {
            Some(slack) if faults.is_empty() => Ok(Keys { mms: self.mms_api_key, slack }),
            _ => Err(faults),
        }
    }
}

fn is_graphic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
