//! Routes of maintenance reminders: start, stop and status of their schedule, and a run on demand. Shapes and Indonesian
//! texts are those of the reminder document.

use lambda_http::http::StatusCode;
use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::workshop::vehicles::ZONE;
use shared::platform::clock::InvocationTime;

use crate::api::AdminApi;
use crate::aws::schedule::Daily;
use crate::http::context::RequestContext;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;
use crate::runs::exclusive_job::ExclusiveJob;
use crate::runs::requests::address;

/// Routes below `/scheduler/maintenance-reminder`.
pub(crate) async fn schedule(
    api: &AdminApi,
    method: &str,
    name: &str,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    match (method, name) {
        ("POST", "start") => {
            input.only(&[])?;
            let daily = Daily { hour: number(input, "hour", 23, 7)?, minute: number(input, "minute", 59, 0)? };
            api.schedule.start(daily).await?;
            tracing::info!(hour = daily.hour, minute = daily.minute, "reminders started");
            let at = format!("{:02}:{:02}", daily.hour, daily.minute);
            let mut data = json!({ "message": format!("Scheduler dimulai. Job akan berjalan setiap hari jam {at}") });
            if let (Some(warning), Some(fields)) = (api.schedule.warning(daily), data.as_object_mut()) {
                fields.insert("warning".to_owned(), Value::String(warning));
            }
            Ok(success(&data))
        }
        ("POST", "stop") => {
            api.schedule.stop().await?;
            tracing::info!("reminders stopped");
            Ok(success(&json!({ "message": "Scheduler dihentikan" })))
        }
        ("GET", "status") => status(api, context.time).await,
        ("POST", "run-now") => run_now(api, context).await,
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

/// Query parameter that is a whole number from 0 to `most`.
fn number(input: &Input, name: &str, most: u32, default: u32) -> Result<u32, Failure> {
    let Some(text) = input.query(name) else { return Ok(default) };
    // Digits only: `parse` alone would accept "+7".
    let number = text.parse().ok().filter(|number| *number <= most && text.bytes().all(|byte| byte.is_ascii_digit()));
    number.ok_or_else(|| Failure::invalid(name, format!("must be a whole number from 0 to {most}")))
}

async fn status(api: &AdminApi, time: InvocationTime) -> Result<Response<Body>, Failure> {
    let setting = api.schedule.setting().await?;
    let trigger = match setting.daily {
        Some(Daily { hour, minute }) => format!("cron[hour='{hour}', minute='{minute}']"),
        None => setting.expression,
    };
    let next = setting.daily.map(|daily| daily.next_after(time.wall).to_rfc3339(ZONE));
    let job = json!({
        "id": "maintenance_reminder_job", "name": "Maintenance Reminder WhatsApp", "next_run_time": next,
        "trigger": trigger,
    });
    let jobs = if setting.running { vec![job] } else { Vec::new() };
    Ok(success(&json!({ "running": setting.running, "jobs": jobs })))
}

/// `POST …/run-now` and `POST /customers/send-maintenance-reminder`: returns the result, or 202 and the run's address if
/// the run outlasts the request.
pub(crate) async fn run_now(api: &AdminApi, context: &RequestContext) -> Result<Response<Body>, Failure> {
    let (run, report) = ExclusiveJob::Reminders.invoke(api, context.time.logical, false, context).await?;
    match report {
        Some(report) => Ok(success(&report)),
        None => {
            let data = json!({ "status": "running", "run": run, "address": address(&run) });
            Ok(response::json_reply(StatusCode::ACCEPTED, &json!({ "success": true, "data": data })))
        }
    }
}

fn success(data: &Value) -> Response<Body> {
    response::ok(&json!({ "success": true, "data": data }))
}
