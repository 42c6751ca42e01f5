//! Moving the clock: everything that is due in between happens in its order, and is finished when the call returns.
//!
//! A run takes time where it waits: for a slow answer, or between two calls. The clock moves on meanwhile, also beyond the
//! moment that the mover wants, and never goes back: a schedule that fell due during the run runs after it.

use std::sync::Arc;

use chrono::{DateTime, SecondsFormat, TimeDelta, Utc};
use dynoxide::types::AttributeValue;
use serde::Serialize;
use serde_json::Value;
use shared::domain::billing::task::Task;
use shared::domain::workshop::vehicles::WINDOW_DAYS;
use shared::platform::logging::error_chain;
use shared::store::table::keys::VISIT_QUEUE;

use crate::aws::invocations::Queued;
use crate::aws::schedule_expression::Schedule;
use crate::world::{NotDone, TABLE, World};

/// Hours before the end of a move in which runs without work are made too: the run history then shows a whole day.
const SHOWN_HOURS: i64 = 24;
/// Farthest move to the next thing that is due, in days: beyond the next charge of an annual order.
const FARTHEST_DAYS: i64 = 400;
/// Most moves on the way there: a run each day that may find something, and the scans of a workday.
const MOST_STEPS: usize = 4000;

/// An event that happened while the clock moved.
#[derive(Clone, Debug, Serialize)]
pub struct TimelineEvent {
    /// Time of the event (RFC 3339, UTC).
    pub at: String,
    /// Summary of the event in one line.
    pub what: String,
    /// True for a run that changed no order, vehicle or institution and sent nothing.
    #[serde(skip)]
    pub is_idle: bool,
}

/// Outcome of a run, in a few words.
struct Outcome {
    text: String,
    is_idle: bool,
}

/// Moves the time on whenever everything waits. Runs as long as the process.
pub(crate) async fn pass_time(world: Arc<World>) {
    loop {
        let next = world.timer.next_moment().await;
        world.move_to(next);
        // A query in the middle of a run sees the charges that fell due during it.
        charge_due(&world);
    }
}

/// ECPay does what is due; the lines wait for the mover's answer.
fn charge_due(world: &World) {
    let mut state = world.state();
    let now = state.now;
    let happened = state.ecpay.advance(now);
    state.happened.extend(happened);
}

/// Moves the clock to `target`, or further where the last run ends later.
///
/// # Errors
/// The present, when `target` is before it.
pub async fn advance(world: &Arc<World>, target: DateTime<Utc>) -> Result<Vec<TimelineEvent>, DateTime<Utc>> {
    advance_showing(world, target, target.checked_sub_signed(TimeDelta::hours(SHOWN_HOURS))).await
}

/// Moves the clock to the next moment at which an order, vehicle or institution changes or a message is sent. The list is empty
/// where nothing is due within 400 days.
pub async fn advance_to_next(world: &Arc<World>) -> Vec<TimelineEvent> {
    let farthest = world.now() + TimeDelta::days(FARTHEST_DAYS);
    for _ in 0..MOST_STEPS {
        let Some(next) = next_work(world).filter(|at| *at <= farthest) else { break };
        let target = next.max(world.now());
        // Where another request has moved the clock on, the next step is made from there.
        let mut ran = advance_showing(world, target, None).await.unwrap_or_default();
        ran.retain(|event| !event.is_idle);
        if !ran.is_empty() {
            return ran;
        }
    }
    Vec::new()
}

/// As [`advance`], with the runs without work from `shown_from` on, or with none of them.
async fn advance_showing(
    world: &Arc<World>,
    target: DateTime<Utc>,
    shown_from: Option<DateTime<Utc>>,
) -> Result<Vec<TimelineEvent>, DateTime<Utc>> {
    let _one_at_a_time = world.moving.lock().await;
    let begin = world.now();
    if target < begin {
        return Err(begin);
    }
    let mut ran = Vec::new();
    let mut fired = world.state().fired.unwrap_or(begin);
    run_due_until_quiet(world, &mut ran).await;
    loop {
        let next = next_event(world, fired, shown_from).filter(|at| *at <= target.max(world.now()));
        let requested = world.invocations.first_requested_at();
        if requested.is_some_and(|requested| next.is_none_or(|next| requested <= next)) {
            ran.extend(run_queued(world).await);
            run_due_until_quiet(world, &mut ran).await;
            continue;
        }
        let Some(next) = next else { break };
        let at = next.max(fired);
        world.move_to(at);
        // Before the schedules of this second, which may have work because of it.
        run_due_until_quiet(world, &mut ran).await;
        let due = due_schedules(world, fired, shown_from, at);
        fired = at;
        world.change(|state| state.fired = Some(at));
        for schedule in due {
            ran.push(run(world, &schedule, at).await);
            run_due_until_quiet(world, &mut ran).await;
        }
    }
    world.move_to(target);
    world.change(|state| state.fired = Some(state.now));
    run_due_until_quiet(world, &mut ran).await;
    // Mail that was queued on the way is sent before the answer, not five minutes later.
    let frequent: Vec<Schedule> = world.schedules().into_iter().filter(|schedule| schedule.is_frequent()).collect();
    for schedule in frequent {
        let now = world.now();
        let queued = queues(&schedule).and_then(|queues| queued_until(world, &queues));
        if queued.is_some_and(|at| at <= now) {
            ran.push(run(world, &schedule, now).await);
        }
    }
    run_until_handled(world, &mut ran).await;
    world.save();
    Ok(ran)
}

/// ECPay does what is due, its callbacks are posted and answered, and the stream has delivered what they stored.
async fn run_due_until_quiet(world: &Arc<World>, ran: &mut Vec<TimelineEvent>) {
    charge_due(world);
    let happened = world.change(|state| std::mem::take(&mut state.happened));
    let event = |at, what| TimelineEvent { at: text(at), what, is_idle: false };
    ran.extend(happened.into_iter().map(|(at, what)| event(at, format!("ecpay: {what}"))));
    let now = world.now();
    ran.extend(deliver(world).await.into_iter().map(|what| event(now, what)));
    world.stream.handled().await;
}

/// Posts the callbacks that are due; a line for each.
pub(crate) async fn deliver(world: &Arc<World>) -> Vec<String> {
    let mut lines = Vec::new();
    loop {
        let callbacks = world.change(|state| {
            let now = state.now;
            state.ecpay.take_due_callbacks(now)
        });
        if callbacks.is_empty() {
            return lines;
        }
        for callback in callbacks {
            let request = world.http.post(&callback.url).header("content-type", "application/x-www-form-urlencoded");
            let answer = request.header("accept", "text/html").body(callback.body).send().await;
            let (status, body) = match answer {
                Ok(answer) => (answer.status().as_u16(), answer.bytes().await.unwrap_or_default()),
                Err(_) => (0, axum::body::Bytes::new()),
            };
            let acknowledged = status == 200 && body.as_ref() == b"1|OK";
            world.change(|state| {
                let now = state.now;
                state.ecpay.callback_answered(callback.id, acknowledged, now);
            });
            let shown = String::from_utf8_lossy(&body).chars().take(40).collect::<String>();
            lines.push(format!("callback: {} -> {status} {shown}", callback.what));
        }
    }
}

fn next_event(world: &Arc<World>, fired: DateTime<Utc>, shown_from: Option<DateTime<Utc>>) -> Option<DateTime<Utc>> {
    let ecpay = world.state().ecpay.next_due();
    let schedules = world.schedules();
    schedules.iter().filter_map(|schedule| next_fire(world, schedule, fired, shown_from)).chain(ecpay).min()
}

/// Returns the first time after `fired` at which a schedule fires. A run that reads queues and would find them empty is left
/// out, which makes a move over months short: a frequent one at any time, others before `shown_from`.
fn next_fire(
    world: &World,
    schedule: &Schedule,
    fired: DateTime<Utc>,
    shown_from: Option<DateTime<Utc>>,
) -> Option<DateTime<Utc>> {
    let Some(queues) = queues(schedule) else { return schedule.next_after(fired) };
    // The first tick that is after the last one and not before `at`.
    let from = |at: DateTime<Utc>| schedule.next_after(fired.max(at - TimeDelta::seconds(1)));
    let shown = if schedule.is_frequent() { None } else { shown_from.and_then(from) };
    let working = queued_until(world, &queues).and_then(from);
    shown.into_iter().chain(working).min()
}

/// The first moment at which ECPay does something by itself, or a schedule fires that may find something to do.
fn next_work(world: &Arc<World>) -> Option<DateTime<Utc>> {
    let (fired, ecpay, has_institutions) = {
        let state = world.state();
        (state.fired.unwrap_or(state.now), state.ecpay.next_due(), !state.institutions.is_empty())
    };
    let fires = |schedule: &Schedule| match schedule.function.as_str() {
        "SubscriptionMaintenance" => queues(schedule).and_then(|_| next_fire(world, schedule, fired, None)),
        // No reminder is due before the window of the earliest visit.
        "MaintenanceReminder" => {
            let visit = earliest(world, VISIT_QUEUE)?;
            schedule.next_after(fired.max(visit - TimeDelta::days(WINDOW_DAYS)))
        }
        _ if has_institutions => schedule.next_after(fired),
        _ => None,
    };
    world.schedules().iter().filter_map(fires).chain(ecpay).min()
}

fn due_schedules(
    world: &World,
    fired: DateTime<Utc>,
    shown_from: Option<DateTime<Utc>>,
    at: DateTime<Utc>,
) -> Vec<Schedule> {
    let fires = |schedule: &Schedule| next_fire(world, schedule, fired, shown_from) == Some(at);
    world.schedules().into_iter().filter(fires).collect()
}

/// Queues that the runs of a schedule read, where they do nothing else. The clean-up also reports on what waits for staff.
fn queues(schedule: &Schedule) -> Option<Vec<Task>> {
    let event: Value = serde_json::from_str(&schedule.input).ok()?;
    let tasks = match event.get("task")? {
        Value::Array(tasks) => tasks.clone(),
        task => vec![task.clone()],
    };
    let tasks: Vec<Task> = serde_json::from_value(Value::Array(tasks)).ok()?;
    (!tasks.contains(&Task::CleanUp)).then_some(tasks)
}

/// The earliest time in the queues, read from the table beside the counted calls.
fn queued_until(world: &World, queues: &[Task]) -> Option<DateTime<Utc>> {
    queues.iter().filter_map(|task| earliest(world, task.as_str())).min()
}

fn earliest(world: &World, queue: &str) -> Option<DateTime<Utc>> {
    let request = dynoxide::actions::query::QueryRequest {
        table_name: TABLE.to_owned(),
        index_name: Some("due".to_owned()),
        key_condition_expression: Some("#queue = :queue".to_owned()),
        expression_attribute_names: Some([("#queue".to_owned(), "queue".to_owned())].into()),
        expression_attribute_values: Some([(":queue".to_owned(), AttributeValue::S(queue.to_owned()))].into()),
        scan_index_forward: true,
        limit: Some(1),
        ..Default::default()
    };
    let items = world.database.query(request).ok()?.items?;
    match items.first()?.get("due_at")? {
        AttributeValue::S(at) => DateTime::parse_from_rfc3339(at).ok().map(|at| at.to_utc()),
        _ => None,
    }
}

async fn run(world: &Arc<World>, schedule: &Schedule, at: DateTime<Utc>) -> TimelineEvent {
    let event = serde_json::from_str(&schedule.event(at)).unwrap_or_default();
    let Outcome { text: outcome, is_idle } = outcome(&world.invoke(&schedule.function, event).await);
    TimelineEvent { at: text(at), what: format!("{} {}: {outcome}", schedule.function, schedule.name), is_idle }
}

/// Runs the first queued asynchronous invocation.
async fn run_queued(world: &Arc<World>) -> Option<TimelineEvent> {
    let Queued { function, event, chain, .. } = world.invocations.take().await?;
    let at = text(world.now());
    let Outcome { text: outcome, is_idle } = outcome(&world.invoke_in_chain(&function, event, chain).await);
    Some(TimelineEvent { at, what: format!("{function} invoked asynchronously: {outcome}"), is_idle })
}

/// Runs the queued invocations, unless a move of the clock does, and waits until the stream has delivered what they stored.
pub(crate) async fn run_queue(world: Arc<World>) {
    let _one_at_a_time = world.moving.lock().await;
    run_until_handled(&world, &mut Vec::new()).await;
}

/// Runs the queued invocations, those that the stream's deliveries request included.
async fn run_until_handled(world: &Arc<World>, ran: &mut Vec<TimelineEvent>) {
    loop {
        world.stream.handled().await;
        let Some(continued) = run_queued(world).await else { return };
        ran.push(continued);
    }
}

fn outcome(done: &Result<Value, NotDone>) -> Outcome {
    match done {
        Ok(report) => summary(report),
        Err(error) => Outcome { text: format!("failed: {}", error_chain(error)), is_idle: false },
    }
}

/// A report in a few words: the tasks that had something due, how many reminders went out, or messages of the
/// digest.
fn summary(report: &Value) -> Outcome {
    let count = |task: &Value, name: &str| task.get(name).and_then(Value::as_u64).unwrap_or(0);
    let due = count(report, "total_customers");
    if due > 0 {
        let is_idle = ["reminder_sent", "failed", "unclear"].iter().all(|name| count(report, name) == 0);
        return Outcome { text: format!("{} sent of {due}", count(report, "reminder_sent")), is_idle };
    }
    if let Some(posting) = report.get("posting") {
        let (posted, failed) = (count(posting, "posted"), report.pointer("/error/reason").and_then(Value::as_str));
        let text = match failed {
            Some(reason) => format!("failed: {reason}"),
            None if posted > 0 => format!("{posted} of {} messages posted", count(posting, "messages")),
            None => return nothing_due(),
        };
        return Outcome { text, is_idle: false };
    }
    let tasks = report.get("tasks").and_then(Value::as_object);
    let busy: Vec<_> = tasks.into_iter().flatten().filter(|(_, task)| count(task, "due") > 0).collect();
    let mut words: Vec<_> =
        busy.iter().map(|(name, task)| format!("{name} {} of {}", count(task, "done"), count(task, "due"))).collect();
    let mut is_idle = busy.iter().all(|(name, _)| *name == Task::CleanUp.as_str());
    if let Some(events) = report.pointer("/tasks/send-mail/events") {
        words.push(format!("events {} of {}", count(events, "delivered"), count(events, "due")));
        is_idle = false;
    }
    if words.is_empty() { nothing_due() } else { Outcome { text: words.join(", "), is_idle } }
}

fn nothing_due() -> Outcome {
    Outcome { text: "nothing due".to_owned(), is_idle: true }
}

fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::Secs, true)
}
