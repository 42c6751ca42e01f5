//! Sending of what waits in the outbox: mails, and events for the business's app. Neither holds up the other.

pub(crate) mod mail_feedback;
pub(crate) mod stream;

use std::time::Duration;

use shared::domain::billing::notices::NoticeState;
use shared::events::drain::{EventDrain, Patience};
use shared::events::report::EventReport;
use shared::mail::outbox;
use shared::mail::outbox::{DrainReport, DueNotices};
use shared::platform::logging::error_chain;
use shared::store::billing::due::DueMessage;
use shared::store::billing::events::DueEvent;
use shared::store::billing::notices::DueNotice;
use shared::store::table::due_index::Cursor;

use crate::ecpay_session::EcpaySession;
use crate::report::{EventCounts, ReportEntry, TaskReport};
use crate::{Error, Maintenance};

/// Time for which messages are read before the first mail is sent. A mail can stand behind many events that wait for an endpoint.
const READ_LIMIT: Duration = Duration::from_secs(60);

/// Messages that were due at one time.
#[derive(Default)]
struct Due {
    notices: Vec<DueNotice>,
    events: Vec<DueEvent>,
    /// Endpoints that were switched on.
    endpoints: Vec<String>,
    /// True if more events are due than were kept.
    has_more_events: bool,
    /// True if events are due and the endpoints cannot be read.
    is_without_endpoints: bool,
}

/// Sends mails and posts events that are due, for at most `limit` of the invocation. Where nothing is due it costs one query.
pub(crate) async fn send_due(session: &EcpaySession<'_>, limit: Duration) -> Result<TaskReport, Error> {
    let mut drain = None;
    let mut due = read(session, &mut drain).await?;
    let (notices, mut report) = (std::mem::take(&mut due.notices), TaskReport::default());
    if due.is_without_endpoints {
        *report.failed.entry("events were not posted".to_owned()).or_default() += 1;
    }
    if session.store.is_dry_run() {
        report.add_entries(due.events.iter().map(|due| ReportEntry::Event {
            event: due.event.id.to_string(),
            kind: due.event.kind.as_str(),
            outcome: "would_post",
        }));
        report.events = EventCounts::due(due.events.len());
        return Ok(with_mails(session, report, &send(session, notices, limit).await?));
    }
    let (mails, mut posted) = futures::join!(send(session, notices, limit), post(session, &mut drain, due, limit));
    report.events = Some(EventCounts::of(&posted)).filter(|counts| *counts != EventCounts::default());
    // Posts end in any sequence.
    posted.handled.sort_by(|one, other| one.id.cmp(&other.id));
    report.add_entries(posted.handled.into_iter().map(|event| ReportEntry::Event {
        event: event.id,
        kind: event.kind.as_str(),
        outcome: event.outcome.as_str(),
    }));
    Ok(with_mails(session, report, &mails?))
}

/// Reads what is due. Of events so many are kept as can be posted; the endpoints are read with the first one.
async fn read<'a>(session: &'a EcpaySession<'_>, drain: &mut Option<EventDrain<'a>>) -> Result<Due, Error> {
    let (billing, wall) = (&session.store.billing, session.time.wall_now());
    let began = session.time.stopwatch.elapsed();
    let (mut due, mut cursor): (Due, Cursor) = (Due::default(), None);
    loop {
        let page = billing.due_messages(wall, cursor).await?;
        for message in page.items {
            match message {
                // One more than is sent shows that there are more.
                DueMessage::Notice(notice) if due.notices.len() <= outbox::LIMIT => due.notices.push(notice),
                DueMessage::Event(event) if session.store.is_dry_run() => due.events.push(event),
                DueMessage::Endpoint(name) if !session.store.is_dry_run() => due.endpoints.push(name),
                DueMessage::Notice(_) | DueMessage::Endpoint(_) => {}
                DueMessage::Event(_) if due.is_without_endpoints => {}
                DueMessage::Event(event) => match started(session, drain).await {
                    Some(drain) => {
                        if drain.keeps(&event) {
                            due.events.push(event);
                        } else {
                            due.has_more_events = true;
                        }
                    }
                    None => due.is_without_endpoints = true,
                },
            }
        }
        cursor = page.next;
        if cursor.is_none() || session.time.stopwatch.elapsed().saturating_sub(began) >= READ_LIMIT {
            return Ok(due);
        }
    }
}

/// The drain of events, begun with the first one; `None` where the endpoints cannot be read, which stops no mail.
async fn started<'a, 'b>(
    session: &'a EcpaySession<'_>,
    drain: &'b mut Option<EventDrain<'a>>,
) -> Option<&'b mut EventDrain<'a>> {
    if drain.is_none() {
        let Maintenance { events, .. } = session.maintenance;
        let begun = EventDrain::start(&session.store.billing, events, session.time, Patience::Full).await;
        *drain = begun.inspect_err(|error| log(error)).ok();
    }
    drain.as_mut()
}

/// Posts the events that are due, pass by pass: of an endpoint that has many only so many are in memory. What fails is logged and due
/// again, so that it stops no mail.
async fn post<'a>(
    session: &'a EcpaySession<'_>,
    drain: &mut Option<EventDrain<'a>>,
    mut due: Due,
    limit: Duration,
) -> EventReport {
    let mut report = EventReport::default();
    loop {
        if !due.endpoints.is_empty() {
            started(session, drain).await;
        }
        let Some(drain_now) = drain else { return report };
        let has_resumed = !due.endpoints.is_empty();
        for name in std::mem::take(&mut due.endpoints) {
            if let Err(error) = drain_now.resume(&name, limit).await {
                log(&error);
            }
        }
        let posted = match drain_now.post(std::mem::take(&mut due.events), limit).await {
            Ok(posted) => posted,
            Err(error) => {
                log(&error);
                return report;
            }
        };
        let goes_on = has_resumed || (due.has_more_events && posted.delivered > 0);
        report.merge(posted);
        if !goes_on || session.time.stopwatch.elapsed() >= limit {
            return report;
        }
        drain_now.begin_pass();
        due = match read(session, drain).await {
            // Mails that fell due since are sent by the stream or the next run.
            Ok(due) => due,
            Err(error) => {
                log(&error);
                return report;
            }
        };
    }
}

fn log(error: &(dyn std::error::Error + 'static)) {
    tracing::error!(error = error_chain(error), "events could not be posted; the next run continues");
}

async fn send(session: &EcpaySession<'_>, notices: Vec<DueNotice>, limit: Duration) -> Result<DrainReport, Error> {
    let Maintenance { mailer, policy, .. } = session.maintenance;
    let due = DueNotices { notices, seconds: limit.as_secs() };
    Ok(outbox::drain(&session.store, mailer, policy, session.time, due).await?)
}

/// The report with what became of mails.
fn with_mails(session: &EcpaySession<'_>, mut report: TaskReport, drained: &DrainReport) -> TaskReport {
    report.due += drained.total();
    report.done += drained.sent;
    report.stopped = drained.stopped;
    // Mail is due by wall time, unlike the other tasks.
    report.record_age(drained.oldest, session.time.wall);
    let is_dry_run = session.store.is_dry_run();
    if !is_dry_run {
        session.measure(|metrics| metrics.mails(drained));
    }
    let skipped = [("later", drained.later), ("undeliverable", drained.undeliverable), ("obsolete", drained.obsolete)];
    let failed = [("unclear", drained.unclear), ("given up", drained.dead), ("not recorded", drained.failed)];
    let counted = |(_, count): &(&str, u64)| *count > 0;
    report.skipped.extend(skipped.into_iter().filter(counted).map(|(reason, count)| (reason.to_owned(), count)));
    report.failed.extend(failed.into_iter().filter(counted).map(|(reason, count)| (reason.to_owned(), count)));
    report.add_entries(drained.handled.iter().map(|mail| ReportEntry::Mail {
        notice: mail.id.clone(),
        kind: mail.kind.name(),
        outcome: if is_dry_run && mail.outcome == NoticeState::Sent { "would_send" } else { mail.outcome.name() },
    }));
    report
}
