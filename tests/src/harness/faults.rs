//! Verdicts: the faults that a test gives to a call.

use super::call::{Call, Reply, Service};
use super::{dynamodb, subject};

/// Fate of a held call and of the task that made it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Verdict {
    /// The call is performed and answered.
    Proceed,
    /// AWS refuses it, for there were too many; nothing is done. The SDK tries again.
    Throttle,
    /// DynamoDB refuses a write, for another transaction is under way on the item; nothing is done.
    Conflict,
    /// The connection breaks before it is done.
    LoseRequest,
    /// The call is performed, then the connection breaks.
    LoseAnswer,
    /// The instance is gone before it is done.
    CrashBefore,
    /// The call is performed, then the instance is gone.
    CrashAfter,
    /// A service outside AWS, or SES, answers 503; the call is not performed.
    Down,
    /// SES rejects the message, ECPay answers its 403, StarSender does not take the number, MMS not the key, and Slack has
    /// no such channel; nothing is done.
    Refuse,
    /// AWS denies the call to the function's role; nothing is done.
    Deny,
    /// A service outside AWS performs the call and answers with a page that is not of its API.
    Garble,
}

/// Course of a certain call under a verdict.
pub(crate) enum Course {
    /// The call is refused with this response.
    Refuse(Reply),
    /// The call is performed or not, and ends in this way.
    Act { done: bool, then: Then },
}

/// Response to the caller.
#[derive(Clone, Copy)]
pub(crate) enum Then {
    Answer,
    Lose,
    Crash,
    Garble,
}

impl Verdict {
    /// All verdicts, for drawing one at random.
    pub const ALL: [Self; 11] = [
        Self::Proceed,
        Self::Throttle,
        Self::Conflict,
        Self::LoseRequest,
        Self::LoseAnswer,
        Self::CrashBefore,
        Self::CrashAfter,
        Self::Down,
        Self::Refuse,
        Self::Deny,
        Self::Garble,
    ];

    /// True if the verdict applies to calls of `service` for `action`.
    #[must_use]
    pub fn befalls(self, service: Service, action: &str) -> bool {
        match self {
            Self::Proceed | Self::LoseRequest | Self::LoseAnswer | Self::CrashBefore | Self::CrashAfter => true,
            Self::Throttle | Self::Deny => !is_outside(service),
            Self::Garble => is_outside(service),
            Self::Conflict => matches!(action, "TransactWriteItems" | "PutItem" | "UpdateItem" | "DeleteItem"),
            Self::Down | Self::Refuse => service == Service::Ses || is_outside(service),
        }
    }

    pub(crate) fn course(self, call: &Call) -> Course {
        assert!(self.befalls(call.service, &call.action), "{self:?} does not befall {}", call.name());
        match self {
            Self::Proceed => Course::Act { done: true, then: Then::Answer },
            Self::LoseRequest => Course::Act { done: false, then: Then::Lose },
            Self::LoseAnswer => Course::Act { done: true, then: Then::Lose },
            Self::CrashBefore => Course::Act { done: false, then: Then::Crash },
            Self::CrashAfter => Course::Act { done: true, then: Then::Crash },
            Self::Garble => Course::Act { done: true, then: Then::Garble },
            Self::Deny => Course::Refuse(denied(call.service)),
            Self::Throttle => Course::Refuse(throttled(call.service)),
            Self::Conflict => Course::Refuse(dynamodb::conflict(subject::actions(call))),
            Self::Down if call.service == Service::Ses => Course::Refuse(Reply::error(503, "ServiceUnavailable")),
            Self::Refuse if call.service == Service::Ses => Course::Refuse(Reply::error(400, "MessageRejected")),
            Self::Refuse if call.service == Service::StarSender => {
                Course::Refuse(Reply::new(200, r#"{"success":false,"message":"number is not registered"}"#))
            }
            Self::Refuse if call.service == Service::Slack => {
                Course::Refuse(Reply::new(200, r#"{"ok":false,"error":"channel_not_found"}"#))
            }
            Self::Refuse if call.service == Service::Mms => Course::Refuse(Reply::new(401, "")),
            Self::Down => Course::Refuse(Reply::new(503, "")),
            Self::Refuse => Course::Refuse(Reply::new(403, "")),
        }
    }
}

const fn is_outside(service: Service) -> bool {
    matches!(service, Service::Ecpay | Service::StarSender | Service::Mms | Service::Slack | Service::App)
}

fn denied(service: Service) -> Reply {
    match service {
        Service::DynamoDb | Service::SecretsManager => Reply::error(400, "AccessDeniedException"),
        Service::Ses
        | Service::Lambda
        | Service::Ecpay
        | Service::StarSender
        | Service::Mms
        | Service::Slack
        | Service::App => Reply::error(403, "AccessDeniedException"),
    }
}

fn throttled(service: Service) -> Reply {
    match service {
        Service::DynamoDb => dynamodb::throttled(),
        Service::SecretsManager => Reply::error(400, "ThrottlingException"),
        Service::Ses
        | Service::Lambda
        | Service::Ecpay
        | Service::StarSender
        | Service::Mms
        | Service::Slack
        | Service::App => Reply::error(429, "TooManyRequestsException"),
    }
}
