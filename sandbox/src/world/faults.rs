//! Faults of the simulated services, set by the controls.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::response::{Html, IntoResponse, Response};
use futures::stream;
use http::StatusCode;
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// Time that a slow service takes.
pub(super) const SLOW: Duration = Duration::from_secs(2);

/// A simulated service that can misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// Server-to-server APIs of ECPay.
    Ecpay,
    /// The business's own app, which takes events.
    Events,
    /// Amazon SES, version 2.
    Mail,
    /// The Member Management System.
    Mms,
    /// AWS Secrets Manager, all secrets.
    SecretsManager,
    /// Slack's incoming webhook and Web API.
    Slack,
    /// WhatsApp by StarSender, an unofficial gateway.
    Starsender,
    /// WhatsApp by Meta's Cloud API.
    WhatsappCloud,
}

/// Kinds of faults of a service.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// The service works.
    #[default]
    None,
    /// Answers 503 and does nothing.
    Down,
    /// Responds after two seconds of the sandbox's clock.
    Slow,
    /// Responds once a fault is set again: for tests of what happens in the meantime.
    Held,
    /// Performs the request and breaks the connection.
    AnswerLost,
    /// Refuses: ECPay with its 403, SES with MessageRejected for the content, Secrets Manager with AccessDenied, a WhatsApp gateway because the number is not on WhatsApp,
    /// MMS with 401, Slack because there is no such webhook or channel, the business's app with 400.
    Refuse,
    /// MMS refuses the key with status 200.
    RefuseWithOk,
    /// MMS gives its last page again for every page after it, and no total.
    RepeatPage,
    /// MMS gives its last page again for every page after it.
    RepeatPageWithTotal,
    /// MMS gives null in place of an empty page.
    NullPage,
    /// MMS gives no total.
    NoTotal,
    /// A WhatsApp gateway whose sender cannot send: StarSender's phone is disconnected, Meta has locked the account.
    DeviceOff,
    /// A WhatsApp gateway, Slack or the business's app takes no more messages for now.
    Limit,
    /// Slack takes no more messages for an hour.
    LongLimit,
    /// A WhatsApp gateway, MMS or Slack answers 200 with an HTML page, as a proxy before it does, and does nothing.
    Html,
    /// Slack's channel is archived.
    Archived,
    /// Slack refuses the blocks, whatever they are.
    InvalidBlocks,
    /// The business's app says with 410 that it takes events no more.
    Gone,
    /// The business's app breaks the connection and takes nothing.
    Closed,
    /// The business's app takes nothing, and answers 302 with another address of its own.
    Redirect,
    /// The business's app takes the event, and answers 200 with 64 MiB.
    Huge,
    /// The business's app takes the event, and answers 200 with a body that has no end.
    Endless,
}

impl Service {
    /// All services.
    pub const ALL: [Self; 8] = [
        Self::Ecpay,
        Self::Events,
        Self::Mail,
        Self::Mms,
        Self::SecretsManager,
        Self::Slack,
        Self::Starsender,
        Self::WhatsappCloud,
    ];
}

impl Fault {
    /// All kinds of faults, `none` first.
    pub const ALL: [Self; 22] = [
        Self::None,
        Self::Down,
        Self::Slow,
        Self::Held,
        Self::AnswerLost,
        Self::Refuse,
        Self::RefuseWithOk,
        Self::RepeatPage,
        Self::RepeatPageWithTotal,
        Self::NullPage,
        Self::NoTotal,
        Self::DeviceOff,
        Self::Limit,
        Self::LongLimit,
        Self::Html,
        Self::Archived,
        Self::InvalidBlocks,
        Self::Gone,
        Self::Closed,
        Self::Redirect,
        Self::Huge,
        Self::Endless,
    ];
}

/// A fault, when it begins, and for how many calls; without a number it stays. In JSON `"limit"` or
/// `{"fault": "limit", "after": 2, "times": 3}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Written")]
pub struct FaultSpec {
    /// Kind of the fault.
    pub fault: Fault,
    /// Number of calls that succeed before the fault begins.
    pub after: u32,
    /// Number of calls that then fail; `None` until another fault is set.
    pub times: Option<NonZeroU32>,
}

#[derive(Serialize)]
#[serde(untagged)]
enum Written {
    Lasting(Fault),
    Counted(Counted),
}

#[derive(Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Counted {
    fault: Fault,
    #[serde(default, skip_serializing_if = "is_zero")]
    after: u32,
    #[serde(skip_serializing_if = "Option::is_none")]
    times: Option<NonZeroU32>,
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde gives a reference")]
fn is_zero(number: &u32) -> bool {
    *number == 0
}

impl Service {
    /// True if the fault is simulated for this service.
    #[must_use]
    pub fn knows(self, fault: Fault) -> bool {
        match fault {
            Fault::None | Fault::Down | Fault::Slow | Fault::Held | Fault::AnswerLost | Fault::Refuse => true,
            Fault::DeviceOff => self.is_whatsapp(),
            Fault::Limit => self.is_whatsapp() || matches!(self, Self::Events | Self::Slack),
            Fault::Html => self.is_whatsapp() || matches!(self, Self::Mms | Self::Slack),
            Fault::RefuseWithOk | Fault::RepeatPage | Fault::RepeatPageWithTotal | Fault::NullPage | Fault::NoTotal => {
                self == Self::Mms
            }
            Fault::LongLimit | Fault::Archived | Fault::InvalidBlocks => self == Self::Slack,
            Fault::Gone | Fault::Closed | Fault::Redirect | Fault::Huge | Fault::Endless => self == Self::Events,
        }
    }

    fn is_whatsapp(self) -> bool {
        matches!(self, Self::Starsender | Self::WhatsappCloud)
    }
}

impl From<FaultSpec> for Written {
    fn from(FaultSpec { fault, after, times }: FaultSpec) -> Self {
        let is_counted = after > 0 || times.is_some();
        if is_counted { Self::Counted(Counted { fault, after, times }) } else { Self::Lasting(fault) }
    }
}

// By hand, as serde's untagged enums do not say what is wrong.
impl<'de> Deserialize<'de> for FaultSpec {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let read = if value.is_object() {
            Counted::deserialize(value).map(|Counted { fault, after, times }| Self { fault, after, times })
        } else {
            Fault::deserialize(value).map(|fault| Self { fault, after: 0, times: None })
        };
        read.map_err(D::Error::custom)
    }
}

/// Takes the fault of the next call, and counts the call.
pub(crate) fn next_fault<K, Q>(faults: &mut BTreeMap<K, FaultSpec>, key: &Q) -> Fault
where
    K: Ord + Borrow<Q>,
    Q: Ord + ?Sized,
{
    let Some(found) = faults.get_mut(key) else { return Fault::None };
    if let Some(left) = found.after.checked_sub(1) {
        found.after = left;
        return Fault::None;
    }
    let fault = found.fault;
    if let Some(times) = found.times {
        match NonZeroU32::new(times.get() - 1) {
            Some(left) => found.times = Some(left),
            None => drop(faults.remove(key)),
        }
    }
    fault
}

/// A call goes through what is the same at every service: `Err` is the answer where it does not get as far as that.
#[expect(clippy::result_large_err, reason = "the error is the answer, made once a request")]
pub(crate) fn pass(fault: Fault) -> Result<Fault, Response> {
    match fault {
        Fault::Down => Err(StatusCode::SERVICE_UNAVAILABLE.into_response()),
        Fault::Html => Err(Html("<!doctype html><title>One moment, please</title>").into_response()),
        _ => Ok(fault),
    }
}

/// A response whose connection breaks: the request was performed, and its caller does not learn that.
#[must_use]
pub fn lost_response() -> Response {
    let lost = stream::iter([Err::<Bytes, _>(std::io::Error::other("the answer is lost"))]);
    Response::new(Body::from_stream(lost))
}
