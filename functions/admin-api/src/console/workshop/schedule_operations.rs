//! Operations on the schedule of reminders.

use std::sync::Arc;

use axum::extract::{Path, State};
use axum::response::Response;
use lambda_http::http::StatusCode;

use crate::api::ApiState;
use crate::auth::caller::Reminders;
use crate::console::page::address;
use crate::console::page::visit::Visit;
use crate::console::words::workshop_schedule::ScheduleWords;
use crate::console::workshop::{forms, reminder_run, schedule};
use crate::http::given::{Given, Nothing};
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::runs::exclusive_job::ExclusiveJob;
use crate::workshop::reminders::{self, ScheduleStartQuery};
use crate::workshop::samples::{self, SampleBody};

/// Starts or stops the schedule, runs the reminders or sends a sample.
pub(crate) async fn post(visit: Visit, Path(operation): Path<String>) -> Result<Response, Failure> {
    let done = match operation.as_str() {
        "start" => start(&visit).await,
        "stop" => stop(&visit).await,
        "run" => run(&visit).await,
        "sample" => sample(&visit).await,
        _ => Err(Failure::no_route()),
    };
    match done {
        Err(failure) if forms::is_about_form(&failure) => {
            schedule::page(&visit, failure.status(), forms::sentences(&visit, &failure)).await
        }
        done => done,
    }
}

fn state(visit: &Visit) -> State<Arc<ApiState>> {
    State(Arc::clone(&visit.api))
}

fn saying(said: &str) -> Response {
    see_other(&address::saying("/console/schedule", said))
}

async fn start(visit: &Visit) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Reminders>()?;
    let given = visit.posted::<ScheduleStartQuery, Nothing>()?;
    reminders::start(state(visit), caller, given).await.map(drop)?;
    Ok(saying("schedule_started"))
}

async fn stop(visit: &Visit) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Reminders>()?;
    reminders::stop(state(visit), caller, Given { query: Nothing {}, body: Nothing {} }).await.map(drop)?;
    Ok(saying("schedule_stopped"))
}

/// The list of a dry run, or the run itself once that was shown.
async fn run(visit: &Visit) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Reminders>()?;
    let (api, context, dry_run) = (&visit.api, &caller.context, !visit.is_confirmed());
    match ExclusiveJob::Reminders.invoke(api, context.time.logical, dry_run, context).await? {
        (_, Some(report)) if dry_run => reminder_run::list(visit, &report),
        // A dry run is not stored, so there is no address at which its list could be read later.
        (_, None) if dry_run => Err(Failure::unavailable("The dry run did not finish in time.")),
        (run, _) => Ok(see_other(&reminder_run::page_of(&run))),
    }
}

async fn sample(visit: &Visit) -> Result<Response, Failure> {
    let caller = visit.caller_with::<Reminders>()?;
    let phone = visit.posted::<Nothing, SampleBody>()?.body.phone.0;
    let outcome = samples::send(&visit.api, &caller.context, &phone).await?;
    let w = ScheduleWords::of(visit.language());
    let fault = match (outcome.state.as_str(), outcome.reason.as_str()) {
        ("sent", _) => return Ok(saying("sample_sent")),
        ("refused", "opted_out") => w.sample_opted_out.to_owned(),
        ("refused", _) => w.sample_too_often.to_owned(),
        ("unclear", _) => format!("{} {}", w.sample_unclear, outcome.detail),
        _ => format!("{} {}", w.sample_failed, outcome.detail),
    };
    schedule::page(visit, StatusCode::CONFLICT, vec![fault]).await
}
