//! Samples of the reminder. `maintenance-reminder` fills and sends them, because its settings have the texts.

use serde::Deserialize;
use serde_json::json;
use shared::domain::workshop::phone::Phone;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::http::context::RequestContext;
use crate::http::response::Failure;
use crate::workshop::customer_fields::PhoneAsWritten;

const NOT_IN_TIME: &str = "The reminders did not answer in time; try again.";

/// Texts of the messages that runs send.
#[derive(Deserialize)]
pub(crate) struct Samples {
    pub(crate) texts: Vec<SampleText>,
    /// Names of the providers in the order in which they are tried.
    pub(crate) providers: Vec<String>,
}

/// Text of a message, filled with an invented customer.
#[derive(Deserialize)]
pub(crate) struct SampleText {
    /// `reminder`, `follow_up` or `group`.
    pub(crate) kind: String,
    pub(crate) text: String,
}

/// Outcome of a sample.
#[derive(Deserialize)]
pub(crate) struct SampleOutcome {
    /// `sent`, `unclear`, `failed` or `refused`.
    pub(crate) state: String,
    /// `opted_out` or `too_often` of one that was refused.
    #[serde(default)]
    pub(crate) reason: String,
    /// Words of the provider.
    #[serde(default)]
    pub(crate) detail: String,
}

/// Number to which a sample is sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct SampleBody {
    /// Indonesian mobile number in any usual notation.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "0855-1234-567")]
    pub(crate) phone: PhoneAsWritten,
}

/// Reads the texts of the messages.
pub(crate) async fn texts(api: &ApiState) -> Result<Samples, Failure> {
    let answer = api.reminders.invoke(&json!({ "task": "show-sample" })).await?;
    let answer = answer.ok_or_else(|| Failure::unavailable(NOT_IN_TIME))?;
    serde_json::from_value(answer).map_err(|error| Failure::upstream(&error))
}

/// Sends one sample to a number.
pub(crate) async fn send(api: &ApiState, context: &RequestContext, phone: &Phone) -> Result<SampleOutcome, Failure> {
    let answer = api.reminders.invoke(&json!({ "task": "send-sample", "phone": phone })).await?;
    let answer = answer.ok_or_else(|| Failure::unavailable(NOT_IN_TIME))?;
    let outcome: SampleOutcome = serde_json::from_value(answer).map_err(|error| Failure::upstream(&error))?;
    tracing::info!(by = context.actor(), state = outcome.state, "sample of the reminder requested");
    Ok(outcome)
}
