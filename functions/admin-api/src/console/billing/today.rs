//! First page: what needs staff now, what the next days bring, and how the last ones went.

use std::collections::BTreeMap;

use askama::Template;
use axum::response::Response;
use shared::domain::billing::next_action::{NextAction, announced_charge};
use shared::domain::billing::notices::NoticeState;
use shared::domain::billing::payments::payment::Payment;
use shared::domain::billing::task::Task;
use shared::domain::values::time::{LocalDate, Zone};
use shared::domain::values::time_range::TimeRange;
use shared::store::billing::find::subscriptions::{ListedSubscription, SubscriptionFilter};
use shared::store::billing::quarantine::list::Listing;
use shared::store::billing::quarantine::types::QuarantineState;
use shared::store::runs::run_history::RunFilter;

use crate::auth::scope::Scope;
use crate::console::billing::figures::by_day::{figures_of, payment_chart, recovery_chart};
use crate::console::page::chart::Chart;
use crate::console::page::frame::Frame;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::figures::FiguresWords;
use crate::console::words::today::TodayWords;
use crate::http::response::Failure;
use crate::runs::history::has_ended_badly;

/// Most that is counted of a list.
const MOST_COUNTED: usize = 100;
/// Refunds that are shown.
const SHOWN_REFUNDS: usize = 20;
/// Days ahead that are shown, today included.
const DAYS_AHEAD: i64 = 7;
/// Days of the charts.
const CHART_DAYS: u16 = 30;
/// Days after which a failed run is shown no more.
const RUN_DAYS: i64 = 7;

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

/// Charges and retries of a day.
struct ComingDay {
    day: LocalDate,
    charges: usize,
    retries: usize,
}

/// Shows what needs staff today. A visitor who may not read subscriptions gets the menu.
pub(crate) async fn show(visit: Visit) -> Result<Response, Failure> {
    let content = if visit.may(Scope::Read) { Some(Box::pin(today(&visit)).await?) } else { None };
    let (w, f) = (TodayWords::of(visit.language()), FiguresWords::of(visit.language()));
    visit.page(&TodayHtml { frame: visit.frame(), w, f, content })
}

async fn today(visit: &Visit) -> Result<Today, Failure> {
    let (api, now, wall) = (&visit.api, visit.now(), visit.visitor.time.wall);
    let (billing, w) = (&api.store.billing, TodayWords::of(visit.language()));
    let open = [QuarantineState::Open];
    let range = TimeRange { from: now.plus_days(-400), to: now.plus_days(1) };
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
    let (statuses, (failing, _), refunds, (reports, _), dead, unclear) = counts;
    let ((charges, _), (retries, _), (runs, _), blocked) = coming;
    let past_due = statuses.get("past_due").copied().unwrap_or(0);
    let recent = runs.iter().filter(|run| run.scheduled_at >= now.plus_days(-RUN_DAYS)).count();
    let tile = |label, count, page| Tile { label, count, is_more: count >= MOST_COUNTED, page };
    let tiles = vec![
        Tile {
            is_more: false,
            ..tile(w.past_due, usize::try_from(past_due).unwrap_or(0), "/console/subscriptions?status=past_due")
        },
        tile(w.needs_attention, failing.len(), "/console/subscriptions?needs_attention=true"),
        tile(w.refund_due, refunds.len(), "/console#refunds"),
        tile(w.quarantined, reports.len(), "/console/quarantine"),
        tile(w.dead, dead.notices.len(), "/console/messages?state=dead"),
        tile(w.unclear, unclear.notices.len(), "/console/messages?state=unclear"),
        tile(w.failed_runs, recent, "/console/runs?status=failed"),
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
    let amount = payment.refund_due_twd().map_or_else(|| "?".to_owned(), |due| due.to_string());
    let order = payment.id.subscription().ok()?.to_string();
    Some(RefundRow { order, amount, at: visit.taipei(payment.processed_at) })
}

/// Charges and retries by their days, as far as they were read.
fn coming_days(visit: &Visit, charges: &[ListedSubscription], retries: &[ListedSubscription]) -> Vec<ComingDay> {
    let (today, policy) = (visit.now().day(Zone::Taipei), &visit.api.config.policy);
    let mut days: BTreeMap<LocalDate, [usize; 2]> =
        (0..DAYS_AHEAD).map(|ahead| (today.plus_days(ahead), [0; 2])).collect();
    let charged = charges.iter().filter_map(|listed| announced_charge(&listed.subscription, today).map(|(day, _)| day));
    for day in charged {
        if let Some([charges, _]) = days.get_mut(&day) {
            *charges += 1;
        }
    }
    for at in retries.iter().filter_map(|listed| NextAction::of(&listed.subscription, policy)).map(|next| next.at) {
        // A retry that is overdue is made today.
        if let Some([_, retries]) = days.get_mut(&at.day(Zone::Taipei).max(today)) {
            *retries += 1;
        }
    }
    days.into_iter().map(|(day, [charges, retries])| ComingDay { day, charges, retries }).collect()
}
