//! The page of figures, and the file of a month.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use shared::store::billing::counters::by_day::DayCounts;

use crate::auth::caller::Read;
use crate::billing::payments::{PaymentFormat, PaymentListQuery, month_file};
use crate::console::billing::figures::by_day::{DayFigures, payment_chart, recovery_chart};
use crate::console::billing::figures::months::{ShownMonth, chart, months};
use crate::console::billing::figures::periods::{FigureRow, LONGEST, PERIODS, rows};
use crate::console::page::chart::Chart;
use crate::console::page::faults::Faults;
use crate::console::page::field::{Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::words::figures::FiguresWords;
use crate::console::words::names::StatusNames;
use crate::http::dates::Month;
use crate::http::given::Given;
use crate::http::response::Failure;

/// Days of the charts.
const CHART_DAYS: usize = 30;

/// Page of figures.
#[derive(Template)]
#[template(path = "console/figures.html")]
struct FiguresHtml {
    frame: Frame,
    w: &'static FiguresWords,
    fault: Vec<String>,
    periods: [u16; 3],
    rows: Vec<FigureRow>,
    payments: Chart,
    recovery: Chart,
    statuses: Vec<StatusCount>,
    months: Vec<ShownMonth>,
    by_month: Chart,
    /// Month that was typed.
    month: Field,
}

/// Subscriptions of a status.
struct StatusCount {
    name: String,
    count: i64,
}

/// Shows the figures, or the payments of a month as a file.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    visit.caller_with::<Read>()?;
    if visit.parameter("month").is_none() {
        return page(&visit, Faults::none()).await;
    }
    let query = visit.query().map(|given: Given<PaymentListQuery>| given.query);
    let file = match query {
        Ok(PaymentListQuery { month: Month(month), format: PaymentFormat::Csv, .. }) => {
            month_file(&visit.api, month).await
        }
        Ok(_) => return page(&visit, Faults::none()).await,
        Err(failure) => Err(failure),
    };
    match file {
        Err(failure) if failure.is_refusal() => page(&visit, Faults::of(visit.language(), &failure)).await,
        file => file,
    }
}

async fn page(visit: &Visit, faults: Faults) -> Result<Response, Failure> {
    let (api, now) = (&visit.api, visit.now());
    let days = async { Ok(api.store.billing.counts_by_day(LONGEST, now).await?) };
    let statuses = async { Ok(api.store.billing.status_counts().await?) };
    let (days, statuses, months): (Vec<DayCounts>, _, _) = futures::try_join!(days, statuses, months(api, now))?;
    let w = FiguresWords::of(visit.language());
    let latest: Vec<DayFigures> = days.iter().rev().take(CHART_DAYS).rev().map(DayFigures::of).collect();
    let html = FiguresHtml {
        frame: visit.frame(),
        w,
        fault: faults.sentences,
        periods: PERIODS,
        rows: rows(&days, visit.language()),
        payments: payment_chart(&latest, w),
        recovery: recovery_chart(&latest, w),
        statuses: status_counts(visit, statuses),
        by_month: chart(&months, w),
        months,
        month: Field::new("month", w.other_month, FieldKind::Month).required().asked(visit),
    };
    html::page(faults.status, &html)
}

fn status_counts(visit: &Visit, counts: BTreeMap<String, i64>) -> Vec<StatusCount> {
    let words = StatusNames::of(visit.language());
    let known = counts.into_iter().filter_map(|(name, count)| {
        let name = words.get(&name)?.to_owned();
        // Shards are added up one after the other; a sum below zero lasts a moment.
        Some(StatusCount { name, count: count.max(0) })
    });
    known.collect()
}
