//! HTTP clients of the WhatsApp providers StarSender and Cloud API.

use std::time::Duration;

use aws_sdk_secretsmanager::Client as Secrets;
use reqwest::{Client, RequestBuilder, header};
use serde::Deserialize;
use shared::domain::values::send_outcome::{NotSentCause, SendOutcome, ShortWaits};
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::phone::Phone;
use shared::platform::config::Reader;
use shared::platform::http;
use shared::platform::logging::error_chain;
use shared::platform::secrets;
use shared::platform::secrets::Secret;
use shared::platform::secrets::cached::CachedSecret;
use shared::whatsapp;
use shared::whatsapp::{
    CloudTemplate, GroupReminder, Provider, Reminder, cloud_api_body, cloud_api_group_body, cloud_api_path,
    cloud_api_text_body, judge_cloud_api, judge_starsender, starsender_body,
};

use crate::Error;

/// Timeout of a request: the providers answer within seconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Stale limit of the keys in minutes: an outage of Secrets Manager that is shorter than an hour costs no reminder, and the
/// providers refuse a key that was withdrawn anyway.
const STALE_MINUTES: i64 = 60;
const DOCUMENT: &str = "JSON with the key of each provider that is used: starsender_api_key, cloud_api_token";
/// Longest wait for a provider at its limit, in seconds; for a longer one the run goes on without the provider.
const LONGEST_WAIT: u32 = 10;

/// Providers and their settings.
#[derive(Clone, Debug)]
pub(crate) struct WhatsappProviders {
    first: Provider,
    fallback: Option<Provider>,
    secret_id: String,
    starsender: String,
    cloud_api: String,
    phone_number_id: String,
    templates: CloudTemplates,
}

/// Approved templates of the Cloud API. Only that of the reminder is always used.
#[derive(Clone, Debug)]
pub(crate) struct CloudTemplates {
    reminder: CloudTemplate,
    follow_up: CloudTemplate,
    group: CloudTemplate,
}

/// Templates that the settings make necessary where the Cloud API sends.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NeededTemplates {
    /// For messages after missed visits.
    pub(crate) follow_up: bool,
    /// For messages about several vehicles.
    pub(crate) group: bool,
}

/// Content of a message.
pub(crate) enum Content<'a> {
    Reminder(Reminder<'a>),
    FollowUp(Reminder<'a>),
    Group(GroupReminder<'a>),
    /// Answer to the person's own message, for which no template is needed.
    Answer,
}

/// A message to one customer, for either provider.
pub(crate) struct Message<'a> {
    pub(crate) to: &'a Phone,
    /// Text of the message. For a reminder the Cloud API fills an approved template instead.
    pub(crate) text: &'a str,
    pub(crate) content: Content<'a>,
    /// Seconds for which StarSender is to hold the message back, so that not all are sent at once.
    pub(crate) delay: u32,
}

/// Sends messages through the configured providers.
pub(crate) struct Sender {
    http: Client,
    providers: WhatsappProviders,
    secret: Secret,
    keys: CachedSecret<Keys>,
}

#[derive(Clone, Deserialize)]
struct Keys {
    starsender_api_key: Option<String>,
    cloud_api_token: Option<String>,
}

impl WhatsappProviders {
    /// Reads the settings; where the Cloud API sends also the needed templates.
    pub(crate) fn parse(reader: &mut Reader<'_>, templates: NeededTemplates) -> Option<Self> {
        let provider = |value: &str| Provider::of_name(value).ok_or("must be starsender or cloud-api");
        let first = reader.parsed("REMINDER_PROVIDER", provider);
        let fallback = match reader.optional("REMINDER_FALLBACK_PROVIDER") {
            None => None,
            Some(_) => reader.parsed("REMINDER_FALLBACK_PROVIDER", provider),
        };
        if fallback.is_some() && fallback == first {
            reader.fault("REMINDER_FALLBACK_PROVIDER", "is the same as REMINDER_PROVIDER");
        }
        let secret_id = reader.required("REMINDER_SECRET_ID");
        let uses_cloud = [first, fallback].contains(&Some(Provider::CloudApi));
        // Settings of the Cloud API are required only where it is used.
        let mut of_cloud = |name| if uses_cloud { reader.required(name) } else { String::new() };
        let phone_number_id = of_cloud("WHATSAPP_PHONE_NUMBER_ID");
        let (name, language) = (of_cloud("WHATSAPP_TEMPLATE"), of_cloud("WHATSAPP_TEMPLATE_LANGUAGE"));
        let has_salutation = if uses_cloud { reader.flag("WHATSAPP_TEMPLATE_SALUTATION") } else { Some(false) };
        let reminder = CloudTemplate { name, language, has_salutation: has_salutation.unwrap_or_default() };
        let mut needed = |is_needed: bool, name: &str, by: &str| {
            let needed = (uses_cloud && is_needed).then(|| needed_template(reader, name, by));
            CloudTemplate { name: needed.unwrap_or_default(), ..reminder.clone() }
        };
        let follow_up = needed(templates.follow_up, "WHATSAPP_FOLLOW_UP_TEMPLATE", "REMINDER_FOLLOW_UP_DAYS");
        let group = needed(templates.group, "WHATSAPP_GROUP_TEMPLATE", "REMINDER_GROUPING=owner");
        let templates = CloudTemplates { reminder, follow_up, group };
        let mut at = |name, host: &str| reader.endpoint(name).unwrap_or_else(|| host.to_owned());
        let starsender = at("STARSENDER_ENDPOINT_URL", whatsapp::STARSENDER_HOST);
        let cloud_api = at("WHATSAPP_ENDPOINT_URL", whatsapp::CLOUD_API_HOST);
        Some(Self { first: first?, fallback, secret_id, starsender, cloud_api, phone_number_id, templates })
    }

    /// Refuses a template for two kinds of messages: each has its own text.
    pub(crate) fn refuse_equal_templates(&self, reader: &mut Reader<'_>) {
        let CloudTemplates { reminder, follow_up, group } = &self.templates;
        let named = [
            ("WHATSAPP_TEMPLATE", reminder),
            ("WHATSAPP_FOLLOW_UP_TEMPLATE", follow_up),
            ("WHATSAPP_GROUP_TEMPLATE", group),
        ];
        for (place, (name, template)) in named.iter().enumerate() {
            let earlier = named.iter().take(place).find(|(_, earlier)| earlier.name == template.name);
            if let Some((earlier, _)) = earlier.filter(|_| !template.name.is_empty()) {
                reader.fault(name, &format!("is the same as {earlier}, which has another text"));
            }
        }
    }

    /// Returns the providers in the order in which they are tried.
    pub(crate) fn in_order(&self) -> impl Iterator<Item = Provider> {
        [Some(self.first), self.fallback].into_iter().flatten()
    }
}

/// Name of a template that another setting makes necessary.
fn needed_template(reader: &mut Reader<'_>, name: &str, by: &str) -> String {
    reader.optional(name).unwrap_or_else(|| {
        reader.fault(name, &format!("is missing; {by} needs it where the Cloud API sends"));
        String::new()
    })
}

impl Sender {
    pub(crate) async fn start(secrets: Secrets, providers: WhatsappProviders, wall: Timestamp) -> Result<Self, Error> {
        let keys = CachedSecret::new(providers.secret_id.clone(), STALE_MINUTES);
        let secret = Secret::new(secrets, providers.secret_id.clone());
        let sender = Self { http: http::client(TIMEOUT)?, providers, secret, keys };
        sender.keys(wall).await?;
        Ok(sender)
    }

    pub(crate) fn providers(&self) -> Vec<Provider> {
        self.providers.in_order().collect()
    }

    /// Sends one message by one provider. A provider at its limit is tried again after short waits.
    pub(crate) async fn send(&self, provider: Provider, message: &Message<'_>, wall: Timestamp) -> SendOutcome {
        // A provider without a key is disabled like one that refuses it, so that the fallback gets its turn.
        let Ok(keys) = self.keys(wall).await.inspect_err(|error| tracing::error!(error = error_chain(error), "no key"))
        else {
            return SendOutcome::sender_refused("the key of the WhatsApp provider could not be read");
        };
        let mut waits = ShortWaits::of_at_most(LONGEST_WAIT);
        loop {
            let outcome = self.try_once(provider, &keys, message).await;
            let SendOutcome::NotSent { cause: NotSentCause::RateLimit, retry_after, .. } = &outcome else {
                return outcome;
            };
            let Some(wait) = waits.next(*retry_after) else { return outcome };
            tokio::time::sleep(wait).await;
        }
    }

    async fn try_once(&self, provider: Provider, keys: &Keys, message: &Message<'_>) -> SendOutcome {
        match provider {
            Provider::StarSender => {
                let url = format!("{}{}", self.providers.starsender, whatsapp::STARSENDER_SEND_PATH);
                // StarSender expects the device's key without a scheme such as Bearer.
                let key = keys.starsender_api_key.as_deref().unwrap_or_default();
                let body = starsender_body(message.to, message.text, message.delay);
                let request = self.http.post(url).header(header::AUTHORIZATION, key);
                exchange(request, &body, judge_starsender).await
            }
            Provider::CloudApi => {
                let path = cloud_api_path(&self.providers.phone_number_id);
                let token = keys.cloud_api_token.as_deref().unwrap_or_default();
                let templates = &self.providers.templates;
                let body = match &message.content {
                    Content::Reminder(reminder) => cloud_api_body(message.to, &templates.reminder, reminder),
                    Content::FollowUp(reminder) => cloud_api_body(message.to, &templates.follow_up, reminder),
                    Content::Group(group) => cloud_api_group_body(message.to, &templates.group, group),
                    Content::Answer => cloud_api_text_body(message.to, message.text),
                };
                let request = self.http.post(format!("{}{path}", self.providers.cloud_api)).bearer_auth(token);
                exchange(request, &body, judge_cloud_api).await
            }
        }
    }

    async fn keys(&self, wall: Timestamp) -> Result<Keys, secrets::Error> {
        self.keys.get(wall, self.read_keys()).await
    }

    async fn read_keys(&self) -> Result<Keys, secrets::Error> {
        let keys: Keys = self.secret.json(DOCUMENT).await?;
        let is_complete = self.providers.in_order().all(|provider| keys.serve(provider));
        if is_complete { Ok(keys) } else { Err(self.secret.malformed(DOCUMENT)) }
    }
}

impl Content<'_> {
    /// Name and plates, which a provider's response may repeat.
    pub(crate) fn personal(&self) -> Vec<&str> {
        match self {
            Self::Reminder(reminder) | Self::FollowUp(reminder) => {
                vec![reminder.name.as_str(), reminder.plate.as_str()]
            }
            Self::Group(group) => {
                let plates = group.vehicles.iter().map(|vehicle| vehicle.plate.as_str());
                std::iter::once(group.name.as_str()).chain(plates).collect()
            }
            Self::Answer => Vec::new(),
        }
    }
}

impl Keys {
    /// Returns true if the provider's key exists and is valid in a header.
    fn serve(&self, provider: Provider) -> bool {
        let key = match provider {
            Provider::StarSender => &self.starsender_api_key,
            Provider::CloudApi => &self.cloud_api_token,
        };
        key.as_ref().is_some_and(|key| !key.is_empty() && key.bytes().all(|byte| byte.is_ascii_graphic()))
    }
}

/// Posts a body and judges the response. Without a connection the message was not sent; after a lost response the outcome
/// is unknown.
async fn exchange(
    request: RequestBuilder,
    body: &serde_json::Value,
    judge: fn(u16, Option<&str>, &[u8]) -> SendOutcome,
) -> SendOutcome {
    match http::post(request, body).await {
        Ok(answer) => judge(answer.status, answer.retry_after.as_deref(), &answer.body),
        Err(http::Failed::NotReached) => SendOutcome::unavailable("the WhatsApp provider was not reached"),
        Err(http::Failed::NotAnswered) => SendOutcome::unknown("the WhatsApp provider did not answer"),
        Err(http::Failed::AnswerLost) => SendOutcome::unknown("the WhatsApp provider's response was lost"),
    }
}
