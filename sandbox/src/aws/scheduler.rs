//! EventBridge Scheduler as far as the product calls it: GetSchedule and UpdateSchedule of the template's named
//! schedules.
//!
//! A schedule stays as the template deploys it until it is updated. An update replaces every field: one that the caller
//! leaves out gets its default, or is lost. Start and end dates, the deletion of a schedule that has fired for the last time, and
//! a flexible window that is on are not simulated; all but the deletion are refused.

use axum::response::{IntoResponse, Response};
use chrono::{DateTime, Utc};
use http::{Method, StatusCode};
use serde::Deserialize;
use serde_json::{Value, json};

use crate::aws::schedule_definition::{Definition, Target, function_arn, schedule_arn, seconds};
use crate::aws::schedule_expression::Schedule;
use crate::aws::template::{NamedSchedule, SCHEDULE_GROUP};
use crate::world::World;

/// The body of UpdateSchedule.
#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Update {
    group_name: Option<String>,
    schedule_expression: Option<String>,
    schedule_expression_timezone: Option<String>,
    state: Option<String>,
    flexible_time_window: Option<Value>,
    target: Option<Value>,
    description: Option<String>,
    action_after_completion: Option<String>,
    start_date: Option<Value>,
    end_date: Option<Value>,
}

enum Refusal {
    NotFound(String),
    Invalid(String),
}

impl World {
    /// The schedules that fire, as they are now: those of the template, and what became of them by UpdateSchedule; none while
    /// the controls hold them up.
    #[must_use]
    pub fn schedules(&self) -> Vec<Schedule> {
        let state = self.state();
        if state.schedules_are_off {
            return Vec::new();
        }
        let effective = |schedule: &Schedule| {
            let named = self.template.named_schedules.iter().find(|named| named.is_of(schedule));
            match named.and_then(|named| Some((named, state.schedules.get(&named.name)?))) {
                Some((named, definition)) => definition.schedule(named),
                None => named.is_none_or(|named| named.state == "ENABLED").then(|| schedule.clone()),
            }
        };
        self.template.schedules.iter().filter_map(effective).collect()
    }
}

/// Answers a request for `/schedules/{name}`; `None` when it is neither of the two operations.
pub(crate) fn answer(world: &World, method: &Method, name: &str, query: &str, body: &[u8]) -> Option<Response> {
    let group = || form_urlencoded::parse(query.as_bytes()).find(|(key, _)| key == "groupName");
    let answered = if method == Method::GET {
        get(world, name, group().map(|(_, group)| group.into_owned()).as_deref())
    } else if method == Method::PUT {
        update(world, name, body)
    } else {
        return None;
    };
    Some(answered.unwrap_or_else(|refusal| refusal.answer()))
}

fn get(world: &World, name: &str, group: Option<&str>) -> Result<Response, Refusal> {
    let definition = current(world, find(world, name, group)?)?;
    let mut shown = json!(definition);
    if let Some(fields) = shown.as_object_mut() {
        fields.insert("Arn".to_owned(), json!(schedule_arn(name)));
        fields.insert("GroupName".to_owned(), json!(SCHEDULE_GROUP));
        fields.insert("Name".to_owned(), json!(name));
    }
    Ok(rest_json(StatusCode::OK, &shown))
}

fn update(world: &World, name: &str, body: &[u8]) -> Result<Response, Refusal> {
    let update: Update = serde_json::from_slice(body).map_err(|error| invalid(&error.to_string()))?;
    let named = find(world, name, update.group_name.as_deref())?;
    let created = current(world, named)?.creation_date;
    let definition = update.definition(named, created, world.now())?;
    world.change(|state| state.schedules.insert(name.to_owned(), definition));
    Ok(rest_json(StatusCode::OK, &json!({ "ScheduleArn": schedule_arn(name) })))
}

fn find<'a>(world: &'a World, name: &str, group: Option<&str>) -> Result<&'a NamedSchedule, Refusal> {
    // Without a group the service looks in the one that is called so.
    if group.unwrap_or("default") != SCHEDULE_GROUP {
        return Err(Refusal::NotFound("Schedule group does not exist.".to_owned()));
    }
    let found = world.template.named_schedules.iter().find(|named| named.name == name);
    found.ok_or_else(|| Refusal::NotFound(format!("Schedule {name} does not exist.")))
}

fn current(world: &World, named: &NamedSchedule) -> Result<Definition, Refusal> {
    let state = world.state();
    if let Some(updated) = state.schedules.get(&named.name) {
        return Ok(updated.clone());
    }
    let deployed = world.template.schedules.iter().find(|schedule| named.is_of(schedule));
    let deployed = deployed.map(|schedule| Definition::deployed(named, schedule, state.now));
    deployed.ok_or_else(|| Refusal::NotFound(format!("Schedule {} does not exist.", named.name)))
}

impl Update {
    fn definition(self, named: &NamedSchedule, created: f64, now: DateTime<Utc>) -> Result<Definition, Refusal> {
        if self.start_date.is_some() || self.end_date.is_some() {
            return Err(invalid("StartDate and EndDate are not simulated here"));
        }
        let schedule_expression = self.schedule_expression.ok_or_else(|| missing("scheduleExpression"))?;
        let zone = self.schedule_expression_timezone.unwrap_or_else(|| "UTC".to_owned());
        Schedule::parse(&schedule_expression, &zone, "").map_err(|error| invalid(&error.to_string()))?;
        let window = self.flexible_time_window.ok_or_else(|| missing("flexibleTimeWindow"))?;
        if window.get("Mode").and_then(Value::as_str) != Some("OFF") {
            return Err(invalid("flexibleTimeWindow.mode: only OFF is simulated here"));
        }
        Ok(Definition {
            schedule_expression,
            schedule_expression_timezone: zone,
            state: one_of("state", self.state, ["ENABLED", "DISABLED"])?,
            flexible_time_window: window,
            target: target(self.target.ok_or_else(|| missing("target"))?, named)?,
            description: self.description,
            action_after_completion: one_of("actionAfterCompletion", self.action_after_completion, ["NONE", "DELETE"])?,
            creation_date: created,
            last_modification_date: seconds(now),
        })
    }
}

/// A value of an enum, the first if none is given.
fn one_of(field: &str, given: Option<String>, known: [&str; 2]) -> Result<String, Refusal> {
    let value = given.unwrap_or_else(|| known[0].to_owned());
    if known.contains(&value.as_str()) { Ok(value) } else { Err(invalid(&format!("{field} is none of {known:?}"))) }
}

fn target(given: Value, named: &NamedSchedule) -> Result<Target, Refusal> {
    for (field, name) in [("Arn", "target.arn"), ("RoleArn", "target.roleArn")] {
        if given.get(field).and_then(Value::as_str).is_none() {
            return Err(missing(name));
        }
    }
    let target: Target = serde_json::from_value(given).map_err(|error| invalid(&error.to_string()))?;
    if !target.arn.starts_with(&function_arn("")) {
        return Err(invalid("the target's Arn is no function's"));
    }
    if target.role_arn != named.role {
        return Err(invalid("The execution role you provide must allow AWS EventBridge Scheduler to assume the role."));
    }
    Ok(target)
}

fn missing(field: &str) -> Refusal {
    let why = format!(
        "1 validation error detected: Value at '{field}' failed to satisfy constraint: Member must not be null"
    );
    Refusal::Invalid(why)
}

fn invalid(why: &str) -> Refusal {
    Refusal::Invalid(why.to_owned())
}

impl Refusal {
    fn answer(&self) -> Response {
        let (status, kind, message) = match self {
            Self::NotFound(message) => (StatusCode::NOT_FOUND, "ResourceNotFoundException", message),
            Self::Invalid(message) => (StatusCode::BAD_REQUEST, "ValidationException", message),
        };
        let mut response = rest_json(status, &json!({ "Message": message }));
        response.headers_mut().insert("x-amzn-errortype", http::HeaderValue::from_static(kind));
        response
    }
}

fn rest_json(status: StatusCode, body: &Value) -> Response {
    (status, [(http::header::CONTENT_TYPE, "application/json")], body.to_string()).into_response()
}
