//! First page: what needs staff now, what the next days bring, and how the last ones went.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use shared::domain::billing::next_action::{NextAction, announced_charge};
use shared::domain::billing::notices::NoticeState;
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::domain::values::time::{LocalDate, Zone};
use shared::domain::values::time_range::TimeRange;
use shared::store::billing::find::subscriptions::{SubscriptionFilter, SubscriptionPage};
use shared::store::billing::quarantine::list::Listing;
use shared::store::billing::quarantine::types::QuarantineState;
use shared::store::runs::run_history::RunFilter;

use crate::auth::scope::Scope;
use crate::console::billing::figures::by_day::{figures_of, payment_chart, recovery_chart};
use crate::console::billing::rows::refund_due;
use crate::console::page::chart::Chart;
use crate::console::page::frame::Frame;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::figures::FiguresWords;
use crate::console::words::names::{NoticeStates, StatusNames};
use crate::console::words::today::TodayWords;
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::runs::history::{has_ended_badly, has_failed};

/// Most that is counted of a list.
const MOST_COUNTED: usize = 100;
/// Refunds that are shown.
const SHOWN_REFUNDS: usize = MOST_COUNTED;
/// Days of the list of quarantined reports, to which the count leads.
const QUARANTINE_DAYS: i64 = 30;
/// Days ahead that are shown, today included.
const DAYS_AHEAD: i64 = 7;
/// Days of the charts.
const CHART_DAYS: u16 = 30;
/// Days after which a failed run is shown no more.
const RUN_DAYS: i64 = 7;

/// First pages of those who may not read subscriptions.
const HOMES: [(Scope, &str); 3] = [
    (Scope::Customers, "/console/vehicles"),
    (Scope::Institutions, "/console/institutions"),
    (Scope::Reminders, "/console/schedule"),
];

/// First page of a visitor who may read.
#[derive(Template)]
#[template(path = "console/today.html")]
struct TodayHtml {
    frame: Frame,
    w: &'static TodayWords,
    f: &'static FiguresWords,
    content: Option<Today>,
}

/// What the page shows.
struct Today {
    tiles: Vec<Tile>,
    /// End of the time in which ECPay is not called.
    blocked_until: Option<Moment>,
    refunds: Vec<RefundRow>,
    days: Vec<ComingDay>,
    payments: Chart,
    recovery: Chart,
}

/// Count that leads to a list.
struct Tile {
    label: &'static str,
    count: usize,
    /// True where there may be more than were counted.
    is_more: bool,
    page: &'static str,
}

/// Money that must go back.
struct RefundRow {
    order: String,
    amount: String,
    at: Moment,
}

/// Charges and retries of a day; none where they were not counted, because there are more than are read.
struct ComingDay {
    day: LocalDate,
    charges: Option<usize>,
    retries: Option<usize>,
}

/// Shows what needs staff today. Visitors who may not read subscriptions are led to the first page of their own.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    if !visit.may(Scope::Read)
        && let Some((_, page)) = HOMES.iter().find(|(scope, _)| visit.may(*scope))
    {
        return Ok(see_other(page));
    }
    let content = if visit.may(Scope::Read) { Some(Box::pin(today(&visit)).await?) } else { None };
    let (w, f) = (TodayWords::of(visit.language()), FiguresWords::of(visit.language()));
    visit.page(&TodayHtml { frame: visit.frame(), w, f, content })
}

async fn today(visit: &Visit) -> Result<Today, Failure> {
    let (api, now, wall) = (&visit.api, visit.now(), visit.visitor.time.wall);
    let (billing, w) = (&api.store.billing, TodayWords::of(visit.language()));
    let open = [QuarantineState::Open];
    let range = TimeRange { from: now.plus_days(-QUARANTINE_DAYS), to: now.plus_days(1) };
    let reports = Listing { states: &open, range, oldest_first: false };
    let failing = SubscriptionFilter { needs_attention: true, ..SubscriptionFilter::default() };
    let of_task = |task| SubscriptionFilter { next_action: Some(task), ..SubscriptionFilter::default() };
    let (charges, retries) = (of_task(Task::Reconcile), of_task(Task::Retry));
    let unfinished = RunFilter { is_done: Some(false), ..RunFilter::default() };
    let figures = figures_of(api, CHART_DAYS, now);
    // All at once: the page waits for the slowest one alone.
    let counts = async {
        futures::try_join!(
            billing.status_counts(),
            billing.subscriptions(&failing, None, MOST_COUNTED),
            billing.refunds_due(MOST_COUNTED),
            billing.quarantine_page(&reports, None, MOST_COUNTED),
            billing.notices_in(NoticeState::Dead, None, MOST_COUNTED),
            billing.notices_in(NoticeState::Unclear, None, MOST_COUNTED),
            billing.notices_in(NoticeState::Undeliverable, None, MOST_COUNTED),
        )
        .map_err(Failure::from)
    };
    let coming = async {
        futures::try_join!(
            billing.subscriptions(&charges, None, MOST_COUNTED),
            billing.subscriptions(&retries, None, MOST_COUNTED),
            api.store.runs.runs(unfinished, None, MOST_COUNTED, |run| has_ended_badly(run, wall)),
            api.store.runs.ecpay_blocked_until(wall),
        )
        .map_err(Failure::from)
    };
    let (counts, coming, figures) = futures::try_join!(counts, coming, figures)?;
    let (statuses, (failing, _), refunds, (reports, _), dead, unclear, undeliverable) = counts;
    let (charges, retries, (runs, _), blocked) = coming;
    let past_due = statuses.get("past_due").copied().unwrap_or(0);
    let recent = runs.iter().filter(|run| run.scheduled_at >= now.plus_days(-RUN_DAYS));
    let (failed, cut_off): (Vec<_>, Vec<_>) = recent.partition(|run| has_failed(run, wall));
    let tile = |label, count, page| Tile { label, count, is_more: count >= MOST_COUNTED, page };
    let (names, mails) = (StatusNames::of(visit.language()), NoticeStates::of(visit.language()));
    let tiles = vec![
        Tile {
            is_more: false,
            ..tile(names.past_due, usize::try_from(past_due).unwrap_or(0), "/console/subscriptions?status=past_due")
        },
        tile(w.needs_attention, failing.len(), "/console/subscriptions?needs_attention=true"),
        tile(w.refund_due, refunds.len(), "/console#refunds"),
        tile(w.quarantined, reports.len(), "/console/quarantine"),
        tile(w.dead, dead.notices.len(), "/console/messages?state=dead"),
        tile(w.unclear, unclear.notices.len(), "/console/messages?state=unclear"),
        tile(mails.undeliverable, undeliverable.notices.len(), "/console/messages?state=undeliverable"),
        tile(w.failed_runs, failed.len(), "/console/runs?status=failed"),
        tile(w.cut_off_runs, cut_off.len(), "/console/runs?status=cut_off"),
    ];
    let words = FiguresWords::of(visit.language());
    Ok(Today {
        tiles,
        blocked_until: blocked.map(|until| visit.taipei(until)),
        refunds: refunds.iter().take(SHOWN_REFUNDS).filter_map(|payment| refund(visit, payment)).collect(),
        days: coming_days(visit, &charges, &retries),
        payments: payment_chart(&figures, words),
        recovery: recovery_chart(&figures, words),
    })
}

fn refund(visit: &Visit, payment: &Payment) -> Option<RefundRow> {
    let order = payment.id.subscription().ok()?.to_string();
    Some(RefundRow { order, amount: refund_due(visit, payment), at: visit.taipei(payment.processed_at) })
}

/// Charges and retries by their days. Where a list has more than was read, its last day and those after it are not counted.
fn coming_days(visit: &Visit, charges: &SubscriptionPage, retries: &SubscriptionPage) -> Vec<ComingDay> {
    let (today, policy) = (visit.now().day(Zone::Taipei), &visit.api.config.policy);
    let charge = |order: &Subscription| announced_charge(order, today).map(|(day, _)| day);
    // A retry that is overdue is made today.
    let retry = |order: &Subscription| Some(NextAction::of(order, policy)?.at.day(Zone::Taipei).max(today));
    let (charges, retries) = (by_day(charges, charge), by_day(retries, retry));
    let of = |(counts, end): &(BTreeMap<LocalDate, usize>, Option<LocalDate>), day| {
        end.is_none_or(|end| day < end).then(|| counts.get(&day).copied().unwrap_or(0))
    };
    let days = (0..DAYS_AHEAD).map(|ahead| today.plus_days(ahead));
    days.map(|day| ComingDay { day, charges: of(&charges, day), retries: of(&retries, day) }).collect()
}

/// Numbers of orders by day, and the first day of which not all were read.
fn by_day(
    (page, next): &SubscriptionPage,
    day_of: impl Fn(&Subscription) -> Option<LocalDate>,
) -> (BTreeMap<LocalDate, usize>, Option<LocalDate>) {
    let days: Vec<LocalDate> = page.iter().filter_map(|listed| day_of(&listed.subscription)).collect();
    let end = next.as_ref().and_then(|_| days.iter().max().copied());
    let mut counts = BTreeMap::new();
    for day in days {
        *counts.entry(day).or_default() += 1;
    }
    (counts, end)
}
