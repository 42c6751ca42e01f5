//! A reminder as a WhatsApp message: its wording, the requests of both providers, and the judging of their responses.

mod cloud_api;
mod redact;
mod starsender;
mod wording;

pub use cloud_api::{
    CLOUD_API_HOST, CloudTemplate, body as cloud_api_body, group_body as cloud_api_group_body,
    judge as judge_cloud_api, path as cloud_api_path, text_body as cloud_api_text_body,
};
pub use redact::shown;
pub use starsender::{
    STARSENDER_HOST, STARSENDER_LONGEST_DELAY, STARSENDER_SEND_PATH, body as starsender_body, judge as judge_starsender,
};
pub use wording::{GroupReminder, GroupWording, InvalidWording, Reminder, VehicleVisit, Wording};

use crate::domain::values::retry_after;
use crate::domain::values::send_outcome::SendOutcome;

/// A service that delivers WhatsApp messages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Provider {
    /// StarSender V3, which sends through a device of the workshop.
    StarSender,
    /// Meta's WhatsApp Cloud API, which sends approved templates only.
    CloudApi,
}

impl Provider {
    /// Every provider, in the order of the documentation.
    pub const ALL: [Self; 2] = [Self::StarSender, Self::CloudApi];

    /// Name in configuration and stored reminders: `starsender`, `cloud-api`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::StarSender => "starsender",
            Self::CloudApi => "cloud-api",
        }
    }

    /// Returns the provider of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|provider| provider.name() == name)
    }
}

/// Judges a response by its status alone, where the body says no more.
///
/// - 401 and 403 concern the key, 402 the account, and 404, 405 and a permanent redirect the endpoint, since no part of
///   the path depends on the recipient: every further message would be refused too.
/// - Any other 4xx does not say whether it is about the recipient.
/// - 408 and 503 come from a server that did not handle the request (RFC 9110); any other 5xx may come after the message
///   was sent.
/// - A 2xx that cannot be read, and a redirect after the work, may have sent it.
fn by_status(status: u16, retry_after: Option<&str>, said: &str) -> SendOutcome {
    let reason = shown(&format!("HTTP {status}: {said}"));
    match status {
        301 | 307 | 308 | 401..=405 => SendOutcome::sender_refused(reason),
        408 | 503 => SendOutcome::unavailable(reason),
        429 => SendOutcome::rate_limited(reason, retry_after::seconds(retry_after)),
        400..500 => SendOutcome::unrecognised(reason),
        _ => SendOutcome::unknown(reason),
    }
}

/// Returns a provider's message id as it is stored: visible ASCII of at most 200 characters, without `@`, which would
/// make it a person's address.
fn message_id(text: &str) -> Option<String> {
    let fits = (1..=200).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'@');
    fits.then(|| text.to_owned())
}
