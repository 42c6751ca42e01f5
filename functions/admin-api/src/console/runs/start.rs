//! Start of a job: first what it would do, then done.

use askama::Template;
use axum::extract::Path;
use axum::response::Response;
use serde_json::Value;

use crate::auth::scope::Scope;
use crate::console::page::address;
use crate::console::page::faults::Faults;
use crate::console::page::frame::Frame;
use crate::console::page::visit::Visit;
use crate::console::runs::report::ShownReport;
use crate::console::runs::summary::{has_no_work, job_name};
use crate::console::runs::{PATH, list};
use crate::console::words::runs::RunWords;
use crate::console::words::workshop::FieldNames;
use crate::http::given::{Given, Nothing};
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::runs::history::TaskCounts;
use crate::runs::requests::{StartQuery, start_job};

/// Page with the report of a dry run.
#[derive(Template)]
#[template(path = "console/runs/dry_run.html")]
struct DryRunHtml {
    frame: Frame,
    w: &'static RunWords,
    n: &'static FieldNames,
    job: String,
    report: ShownReport,
    action: String,
    back: String,
    key: String,
    /// Fields of the first form.
    fields: Vec<(String, String)>,
}

/// Shows what a job would do now, and after that starts it.
pub(super) async fn start(visit: Visit, Path(job): Path<String>) -> Result<Response, Failure> {
    let is_dry_run = !visit.is_confirmed();
    let given = visit.posted().map(|mut given: Given<StartQuery, Nothing>| {
        given.query.dry_run = is_dry_run;
        given
    });
    match start_job(&visit.api, &job, &visit.caller(), given).await {
        Ok((_, Some(report))) if is_dry_run => dry_run(&visit, &job, &report),
        Ok((_, None)) if is_dry_run => {
            let sentence = RunWords::of(visit.language()).dry_run_late.to_owned();
            let late = Failure::unavailable(sentence.clone());
            refused(&visit, &job, &late, Faults { status: late.status(), sentences: vec![sentence] }).await
        }
        // An idle run of a frequent job is not stored.
        Ok((_, Some(report))) if is_idle(&report) && visit.may(Scope::Read) => {
            Ok(see_other(&address::saying(PATH, "run_idle")))
        }
        Ok((run, _)) => Ok(see_other(&address::saying(&address::below(PATH, &run), "run_started"))),
        Err(failure) => {
            let faults = Faults::of(visit.language(), &failure);
            refused(&visit, &job, &failure, faults).await
        }
    }
}

/// True for a report in which no task had anything to do.
fn is_idle(report: &Value) -> bool {
    let mut tasks = report.get("tasks").and_then(Value::as_object).into_iter().flatten();
    tasks.all(|(_, task)| serde_json::from_value(task.clone()).is_ok_and(|counts: TaskCounts| has_no_work(&counts)))
}

/// The run history with the sentences; without its scope, or where the job is not for the visitor, a page of the failure.
async fn refused(visit: &Visit, job: &str, failure: &Failure, faults: Faults) -> Result<Response, Failure> {
    let is_of_form = faults.status.as_u16() != 403 && faults.status.as_u16() != 404;
    if is_of_form && visit.may(Scope::Read) {
        return list::page(visit, faults, Some(job)).await;
    }
    Err(failure.clone())
}

fn dry_run(visit: &Visit, job: &str, report: &Value) -> Result<Response, Failure> {
    visit.page(&DryRunHtml {
        frame: visit.frame(),
        w: RunWords::of(visit.language()),
        n: FieldNames::of(visit.language()),
        job: job_name(visit.language(), job),
        report: ShownReport::new(visit, &[job.to_owned()], report),
        action: address::below(PATH, job),
        back: visit.back(PATH),
        key: Visit::new_key()?,
        fields: visit.fields(),
    })
}
