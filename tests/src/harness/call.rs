//! One call to the outside, and its answer.

use std::fmt;

/// Services that the functions call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Service {
    /// The table, through DynamoDB's API.
    DynamoDb,
    /// Secrets Manager with all secrets.
    SecretsManager,
    /// Mail through SES, version 2.
    Ses,
    /// Invocation of another function.
    Lambda,
    /// The gateway's server APIs.
    Ecpay,
    /// WhatsApp messages through StarSender.
    StarSender,
    /// The Member Management System.
    Mms,
    /// Slack's webhook and Web API.
    Slack,
    /// The business's app, to which events are posted.
    App,
}

/// A call as it reaches the outside.
pub(crate) struct Call {
    pub(crate) service: Service,
    pub(crate) action: String,
    pub(crate) body: Vec<u8>,
}

/// An answer over HTTP.
pub(crate) struct Reply {
    pub(crate) status: u16,
    /// The invoked function failed: the answer is its error.
    pub(crate) function_error: bool,
    pub(crate) body: String,
}

/// No answer: the connection broke.
#[derive(Debug)]
pub(crate) struct Lost;

impl fmt::Display for Service {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::DynamoDb => "dynamodb",
            Self::SecretsManager => "secretsmanager",
            Self::Ses => "ses",
            Self::Lambda => "lambda",
            Self::Ecpay => "ecpay",
            Self::StarSender => "starsender",
            Self::Mms => "mms",
            Self::Slack => "slack",
            Self::App => "app",
        })
    }
}

impl Call {
    /// Service and action, such as `dynamodb.PutItem`.
    pub(crate) fn name(&self) -> String {
        format!("{}.{}", self.service, self.action)
    }
}

impl Reply {
    pub(crate) fn new(status: u16, body: impl Into<String>) -> Self {
        Self { status, function_error: false, body: body.into() }
    }

    /// An error as AWS writes it.
    pub(crate) fn error(status: u16, kind: &str) -> Self {
        Self::new(status, serde_json::json!({ "__type": kind, "message": "simulated" }).to_string())
    }
}
