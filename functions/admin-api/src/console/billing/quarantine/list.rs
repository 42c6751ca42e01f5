//! List of quarantined reports, each beside what its order would have.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::State;
use axum::response::Response;
use shared::domain::billing::payments::quarantine_reason::QuarantineReasonKind;
use shared::domain::billing::subscription::Subscription;
use shared::domain::values::ids::SubscriptionId;

use crate::auth::scope::Scope;
use crate::billing::quarantine;
use crate::billing::quarantine::{QuarantineList, QuarantineQuery, QuarantinedReport};
use crate::console::billing::quarantine::shown::ShownReport;
use crate::console::billing::quarantine::{FILTER, PATH};
use crate::console::page::address;
use crate::console::page::faults::Faults;
use crate::console::page::field::{Choice, Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::words::common::CommonWords;
use crate::console::words::names::QuarantineReasons;
use crate::console::words::quarantine::QuarantineWords;
use crate::http::cursor::is_report_id;
use crate::http::given::{Given, Nothing};
use crate::http::response::Failure;

/// Reports of one page: each shows all of its fields.
pub(super) const PAGE: usize = 15;
/// Parameter with the ids of the reports that were replayed just now, with a dot between them.
pub(super) const REPLAYED: &str = "replayed";
/// Parameter with the number of reports for which time did not suffice.
pub(super) const LEFT_OUT: &str = "left_out";

/// Page of the list.
#[derive(Template)]
#[template(path = "console/quarantine/list.html")]
struct ListHtml {
    frame: Frame,
    w: &'static QuarantineWords,
    filter: [Field; 5],
    /// Sentences about a refused form.
    fault: Vec<String>,
    /// Reports that were replayed just now.
    replayed: Vec<ShownReport>,
    left_out: Option<u32>,
    reports: Vec<ShownReport>,
    next: Option<String>,
    form: Option<ReplayForm>,
}

/// Form that replays reports of the page.
struct ReplayForm {
    /// Address of this page, with the filter.
    back: String,
    key: String,
    why: Field,
}

/// Shows the list.
pub(super) async fn show(visit: Visit) -> Result<Response, Failure> {
    page(&visit, Faults::none()).await
}

/// The list with sentences about a refused form, in which what was typed and marked is kept.
pub(super) async fn page(visit: &Visit, mut faults: Faults) -> Result<Response, Failure> {
    let query = visit.query().map(|given: Given<QuarantineQuery>| given.query);
    let mut query = faults.or_default(visit.language(), query)?;
    query.limit = Some(PAGE);
    let caller = visit.caller_with()?;
    let list = quarantine::list(State(Arc::clone(&visit.api)), caller, Given { query, body: Nothing {} });
    let replayed = visit.parameter(REPLAYED).unwrap_or_default();
    let replayed = replayed.split('.').filter(|id| is_report_id(id)).take(PAGE).map(str::to_owned).collect();
    let (list, replayed) = futures::join!(list, replayed_reports(visit, &replayed));
    let list = faults.or_default(visit.language(), list.map(|Json(list)| list))?;
    let (QuarantineList { quarantine: reports, next }, replayed) = (list, replayed?);
    let orders = orders(visit, reports.iter().chain(&replayed)).await?;
    let shown = |report: QuarantinedReport| {
        let order = report.merchant_trade_no.as_ref().and_then(|order| orders.get(order));
        ShownReport::new(visit, report, order)
    };
    let reports: Vec<ShownReport> = reports.into_iter().map(shown).collect();
    let kept = visit.kept(&FILTER);
    let has_open = reports.iter().any(|report| report.is_open);
    let html = ListHtml {
        frame: visit.frame(),
        w: QuarantineWords::of(visit.language()),
        filter: filter(visit),
        fault: faults.sentences,
        replayed: replayed.into_iter().map(shown).collect(),
        left_out: visit.parameter(LEFT_OUT).and_then(|count| count.parse().ok()),
        reports,
        next: next.map(|next| address::with(PATH, kept.iter().cloned().chain([("after", Some(next))]))),
        form: form(visit, has_open)?,
    };
    html::page(faults.status, &html)
}

/// Address of the list with the filter and the page of the visit.
pub(super) fn page_of(visit: &Visit) -> String {
    let kept = visit.kept(&FILTER).into_iter().chain(visit.kept(&["after"]));
    address::with(PATH, kept)
}

fn form(visit: &Visit, has_open: bool) -> Result<Option<ReplayForm>, Failure> {
    if !has_open || !visit.may(Scope::Operate) {
        return Ok(None);
    }
    Ok(Some(ReplayForm {
        back: page_of(visit),
        key: Visit::new_key()?,
        why: Field::why(visit.language()).typed(visit),
    }))
}

async fn replayed_reports(visit: &Visit, ids: &BTreeSet<String>) -> Result<Vec<QuarantinedReport>, Failure> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let found = visit.api.store.billing.quarantined_many(ids).await?;
    Ok(found.into_iter().map(quarantine::shown).collect())
}

/// Orders of reports, in one batch.
async fn orders<'a>(
    visit: &Visit,
    reports: impl Iterator<Item = &'a QuarantinedReport>,
) -> Result<BTreeMap<SubscriptionId, Subscription>, Failure> {
    let ids: BTreeSet<SubscriptionId> = reports.filter_map(|report| report.merchant_trade_no.clone()).collect();
    if ids.is_empty() {
        return Ok(BTreeMap::new());
    }
    Ok(visit.api.store.billing.subscriptions_by_id(&ids).await?)
}

/// Fields by which the list is filtered.
fn filter(visit: &Visit) -> [Field; 5] {
    let language = visit.language();
    let (c, w, names) = (CommonWords::of(language), QuarantineWords::of(language), QuarantineReasons::of(language));
    let states = [("open", w.open), ("resolved", w.resolved), ("all", c.all)];
    let states = states.map(|(value, label)| Choice::new(value, label));
    let reasons = QuarantineReasonKind::ALL.iter().map(|reason| reason.as_str());
    let reasons = reasons.map(|reason| Choice::new(reason, names.get(reason).unwrap_or(reason)));
    [
        Field::choice("state", c.state, states.into()),
        Field::choice("reason", c.reason, Choice::none(c.all, reasons)),
        Field::day("from", w.from),
        Field::day("to", w.to),
        Field::text("subscription", c.order, 20),
    ]
    .map(|field| field.asked(visit))
}
