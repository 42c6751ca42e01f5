//! How simulated services misbehave when they are told to.

use std::borrow::Borrow;
use std::collections::BTreeMap;
use std::num::NonZeroU32;

use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use serde_json::Value;

/// A simulated service that can misbehave.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Service {
    /// ECPay's server APIs.
    Ecpay,
    /// Amazon SES.
    Mail,
    /// The Member Management System.
    Mms,
    /// Slack.
    Slack,
    /// WhatsApp by StarSender.
    Starsender,
    /// WhatsApp by Meta's Cloud API.
    WhatsappCloud,
}

/// How a service misbehaves.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Fault {
    /// Not at all.
    #[default]
    None,
    /// Answers 503 and does nothing.
    Down,
    /// Takes two seconds.
    Slow,
    /// Does what is asked and breaks the connection.
    AnswerLost,
    /// Refuses: ECPay with its 403, SES with MessageRejected, a WhatsApp gateway because the number is not on WhatsApp.
    Refuse,
    /// A WhatsApp gateway whose sender cannot send: StarSender's phone is disconnected, Meta has locked the account.
    DeviceOff,
    /// A WhatsApp gateway that takes no more messages for now.
    Limit,
    /// A WhatsApp gateway that answers 200 with an HTML page, as a proxy before it does, and delivers nothing.
    Html,
}

/// A fault, and for how many calls; without a number it stays. In JSON `"limit"` or `{"fault": "limit", "times": 3}`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(into = "Written")]
pub struct Misconduct {
    /// What is wrong.
    pub fault: Fault,
    /// With how many calls from now on.
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
    times: Option<NonZeroU32>,
}

impl Service {
    /// Whether such a fault is simulated for the service.
    #[must_use]
    pub fn knows(self, fault: Fault) -> bool {
        match fault {
            Fault::None | Fault::Down | Fault::Slow | Fault::AnswerLost | Fault::Refuse => true,
            Fault::DeviceOff | Fault::Limit | Fault::Html => matches!(self, Self::Starsender | Self::WhatsappCloud),
        }
    }
}

impl From<Misconduct> for Written {
    fn from(Misconduct { fault, times }: Misconduct) -> Self {
        if times.is_some() { Self::Counted(Counted { fault, times }) } else { Self::Lasting(fault) }
    }
}

// By hand, as serde's untagged enums do not say what is wrong.
impl<'de> Deserialize<'de> for Misconduct {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let value = Value::deserialize(deserializer)?;
        let read = if value.is_object() {
            Counted::deserialize(value).map(|Counted { fault, times }| Self { fault, times })
        } else {
            Fault::deserialize(value).map(|fault| Self { fault, times: None })
        };
        read.map_err(D::Error::custom)
    }
}

/// What a call meets; a fault for a number of calls has one less afterwards.
pub(crate) fn meet<K, Q>(faults: &mut BTreeMap<K, Misconduct>, key: &Q) -> Fault
where
    K: Ord + Borrow<Q>,
    Q: Ord + ?Sized,
{
    let Some(found) = faults.get_mut(key) else { return Fault::None };
    let fault = found.fault;
    if let Some(times) = found.times {
        match NonZeroU32::new(times.get() - 1) {
            Some(left) => found.times = Some(left),
            None => drop(faults.remove(key)),
        }
    }
    fault
}
