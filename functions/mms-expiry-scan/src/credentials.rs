//! The keys of MMS and Slack.

use aws_sdk_secretsmanager::Client;
use reqwest::Url;
use serde::Deserialize;
use shared::domain::values::time::Timestamp;
use shared::platform::config::Invalid;
use shared::platform::logging::error_chain;
use shared::platform::secrets;
use tokio::sync::Mutex;

use crate::config::address;
use crate::{Config, Error, UncheckedConfig};

/// Keys are read again after this many minutes, so that a changed one serves.
const FRESH_MINUTES: i64 = 5;

/// What the function proves itself with.
#[derive(Clone)]
pub(crate) struct Keys {
    /// Goes into `Authorization` as it is.
    pub(crate) mms: String,
    pub(crate) slack: SlackKey,
}

/// How messages get into the channel.
#[derive(Clone)]
pub(crate) enum SlackKey {
    /// By an incoming webhook, whose address is the secret.
    Webhook(Url),
    /// By `chat.postMessage` with a bot's token.
    Bot(String),
}

/// The keys as they were last read.
pub(crate) struct KeyRing {
    client: Client,
    secret_id: String,
    held: Mutex<(Timestamp, Keys)>,
}

#[derive(Deserialize, Default)]
struct Secret {
    #[serde(default)]
    mms_api_key: String,
    #[serde(default)]
    slack_webhook_url: String,
    #[serde(default)]
    slack_bot_token: String,
}

impl KeyRing {
    /// Checks the settings and the secret together.
    pub(crate) async fn start(
        client: Client,
        draft: UncheckedConfig,
        wall: Timestamp,
    ) -> Result<(Config, Self), Error> {
        let mut faults = draft.config.as_ref().err().map(|invalid| invalid.0.clone()).unwrap_or_default();
        let keys = match &draft.secret_id {
            Some(id) => match read(&client, id).await {
                Err(Error::Config(invalid)) => {
                    faults.extend(invalid.0);
                    None
                }
                Err(error) if faults.is_empty() => return Err(error),
                // The settings are wrong too, and all of it is named at once.
                Err(Error::Secrets(malformed @ secrets::Error::Malformed { .. })) => {
                    faults.push(malformed.to_string());
                    None
                }
                Err(_) => {
                    faults.push(format!("secret {id} could not be read"));
                    None
                }
                Ok(keys) => Some(keys),
            },
            None => None,
        };
        match (draft.config, keys) {
            (Ok(config), Some(keys)) => {
                let secret_id = config.secret_id.clone();
                Ok((config, Self { client, secret_id, held: Mutex::new((wall, keys)) }))
            }
            _ => Err(Invalid(faults).into()),
        }
    }

    /// The keys, read again from time to time; while that is not possible the known ones serve.
    pub(crate) async fn get(&self, wall: Timestamp) -> Keys {
        let mut held = self.held.lock().await;
        if wall >= held.0.plus_minutes(FRESH_MINUTES) {
            match read(&self.client, &self.secret_id).await {
                Ok(keys) => *held = (wall, keys),
                Err(error) => {
                    tracing::error!(
                        error = error_chain(&error),
                        "the keys could not be read again; the known ones serve on"
                    );
                }
            }
        }
        held.1.clone()
    }
}

async fn read(client: &Client, id: &str) -> Result<Keys, Error> {
    let expected = "JSON with mms_api_key and slack_webhook_url or slack_bot_token";
    let malformed = || secrets::Error::Malformed { id: id.to_owned(), expected };
    let secret = secrets::read(client, id, "AWSCURRENT").await?.ok_or_else(malformed)?;
    let secret: Secret = serde_json::from_str(&secret.text).map_err(|_| malformed())?;
    Ok(secret.check(id)?)
}

impl Secret {
    /// The keys, or every fault of them. A fault names the field, never its value.
    fn check(self, id: &str) -> Result<Keys, Invalid> {
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
            _ => Err(Invalid(faults)),
        }
    }
}

fn is_graphic(text: &str) -> bool {
    text.bytes().all(|byte| byte.is_ascii_graphic())
}
