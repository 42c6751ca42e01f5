//! Replay of marked reports: first what it would do, then done.

use std::collections::BTreeSet;

use askama::Template;
use axum::response::Response;

use crate::auth::caller::Operate;
use crate::auth::scope::Scope;
use crate::billing::replay::{Chosen, ReplayQuery, ReplayReportBody, chosen};
use crate::console::billing::quarantine::shown::{ShownOutcome, mark};
use crate::console::billing::quarantine::{FILTER, PATH, list};
use crate::console::page::address;
use crate::console::page::address::SAID;
use crate::console::page::faults::Faults;
use crate::console::page::frame::Frame;
use crate::console::page::visit::Visit;
use crate::console::words::quarantine::QuarantineWords;
use crate::http::cursor::is_report_id;
use crate::http::given::Given;
use crate::http::page::see_other;
use crate::http::reason::Reason;
use crate::http::response::Failure;

/// Field of the button that replays one report alone.
const ONLY: &str = "only";

/// Page that shows what a replay would do.
#[derive(Template)]
#[template(path = "console/quarantine/replay.html")]
struct ReplayHtml {
    frame: Frame,
    w: &'static QuarantineWords,
    outcomes: Vec<ShownOutcome>,
    left_out: usize,
    back: String,
    key: String,
    why: String,
    /// Names of the marked reports' fields.
    marks: Vec<String>,
}

/// Shows what a replay of the marked reports would do, and after that does it.
pub(super) async fn replay(visit: Visit) -> Result<Response, Failure> {
    let visit = visit.of_page(PATH);
    let caller = visit.caller_with::<Operate>()?;
    let w = QuarantineWords::of(visit.language());
    let ids = marked(&visit);
    let why = visit.field("why").and_then(|why| Reason::try_from(why).ok());
    let missing = [(ids.is_empty(), w.nothing_marked), (why.is_none(), w.why_missing)];
    let missing: Vec<String> =
        missing.iter().filter(|(is_missing, _)| *is_missing).map(|(_, sentence)| (*sentence).to_owned()).collect();
    let Some(why) = why.filter(|_| missing.is_empty()) else {
        return refused(&visit, Faults::invalid(missing)).await;
    };
    let is_dry_run = !visit.is_confirmed();
    let given = Given { query: ReplayQuery { dry_run: is_dry_run }, body: ReplayReportBody { why: why.clone() } };
    let replayed = match chosen(&visit.api, caller, &ids, given).await {
        Ok(replayed) => replayed,
        Err(failure) => return refused(&visit, Faults::of(visit.language(), &failure)).await,
    };
    if is_dry_run { preview(&visit, &ids, replayed, why) } else { Ok(done(&visit, &ids, &replayed)) }
}

/// The list again with sentences about the form; without the scope of the list a page of the failure.
async fn refused(visit: &Visit, faults: Faults) -> Result<Response, Failure> {
    if !visit.may(Scope::Read) {
        return Err(Failure::invalid("mark", "must name a report, with a reason"));
    }
    list::page(visit, faults).await
}

/// Ids of the marked reports, or that of the report whose own button was pressed.
fn marked(visit: &Visit) -> BTreeSet<String> {
    if let Some(only) = visit.field(ONLY) {
        return Some(only).filter(|id| is_report_id(id)).into_iter().collect();
    }
    let fields = visit.fields();
    let ids = fields.iter().filter_map(|(name, _)| name.strip_prefix("mark."));
    ids.filter(|id| is_report_id(id)).take(list::PAGE).map(str::to_owned).collect()
}

fn preview(
    visit: &Visit,
    ids: &BTreeSet<String>,
    replayed: Vec<Chosen>,
    Reason(why): Reason,
) -> Result<Response, Failure> {
    visit.page(&ReplayHtml {
        frame: visit.frame(),
        w: QuarantineWords::of(visit.language()),
        left_out: ids.len().saturating_sub(replayed.len()),
        outcomes: replayed.into_iter().map(|chosen| ShownOutcome::new(visit, chosen)).collect(),
        back: list::page_of(visit),
        key: Visit::new_key()?,
        why,
        marks: ids.iter().map(|id| mark(id)).collect(),
    })
}

/// Leads to the list, which shows what became of each report.
fn done(visit: &Visit, ids: &BTreeSet<String>, replayed: &[Chosen]) -> Response {
    let done: Vec<&str> = replayed.iter().map(|chosen| chosen.report.id.as_str()).collect();
    let left = ids.len().saturating_sub(done.len());
    let own = [
        (SAID, Some("done".to_owned())),
        (list::REPLAYED, Some(done.join("."))),
        (list::LEFT_OUT, (left > 0).then(|| left.to_string())),
    ];
    see_other(&address::with(PATH, visit.kept(&FILTER).into_iter().chain(own)))
}
