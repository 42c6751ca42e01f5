//! A reminder as a WhatsApp message: its wording, the requests of both providers, and what their answers say.

mod cloud_api;
mod redact;
mod starsender;
mod wording;

pub use cloud_api::{
    CLOUD_API_HOST, CloudTemplate, body as cloud_api_body, judge as judge_cloud_api, path as cloud_api_path,
};
pub use redact::shown;
pub use starsender::{STARSENDER_HOST, STARSENDER_SEND_PATH, body as starsender_body, judge as judge_starsender};
pub use wording::{InvalidWording, Reminder, Wording};

use crate::domain::values::retry_after;

/// Who carries the messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// StarSender V3, a gateway over a device of the workshop's own.
    StarSender,
    /// Meta's WhatsApp Cloud API, which sends approved templates only.
    CloudApi,
}

/// What came of handing a message over. Every text in it may be stored and shown: see [`shown`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Delivery {
    /// The provider took it.
    Sent {
        /// The provider's id of the message, where it gave one.
        id: Option<String>,
        /// What it said.
        said: String,
    },
    /// Not taken, and never will be for this number or this message.
    Refused(String),
    /// Not taken because of the device, key, account or template: the whole batch would be in vain.
    Stop(String),
    /// Not taken: too many messages.
    Limited {
        /// What it said.
        reason: String,
        /// How long it asks to wait, in seconds, at most an hour.
        wait_seconds: Option<u32>,
    },
    /// Certainly not taken; later it may be.
    NotTaken(String),
    /// Nobody knows whether it was taken, so it must not be sent again.
    Unclear(String),
}

impl Provider {
    /// All of them.
    pub const ALL: [Self; 2] = [Self::StarSender, Self::CloudApi];

    /// The name in configuration and records.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StarSender => "starsender",
            Self::CloudApi => "cloud-api",
        }
    }

    /// The provider of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }
}

/// What the status alone says, where the body does not say more.
///
/// - 401 and 403 are about the key, 402 about the account, and 404, 405 and a permanent redirect about the endpoint,
///   for nothing of the person is in the path: the next message would fare the same.
/// - 408 and 503 are answered by what did not handle the request (RFC 9110); every other 5xx may come after the
///   message went out.
/// - A 2xx that says nothing readable, and a redirect after the work, may have sent it.
fn by_status(status: u16, retry_after: Option<&str>, said: &str) -> Delivery {
    let reason = shown(&format!("HTTP {status}: {said}"));
    match status {
        301 | 307 | 308 | 401..=405 => Delivery::Stop(reason),
        408 | 503 => Delivery::NotTaken(reason),
        429 => Delivery::Limited { reason, wait_seconds: retry_after::seconds(retry_after) },
        400..500 => Delivery::Refused(reason),
        _ => Delivery::Unclear(reason),
    }
}

/// An id of a provider as it is stored: visible ASCII without `@`, which would make it an address of a person.
fn message_id(text: &str) -> Option<String> {
    let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
    fits.then(|| text.to_owned())
}
