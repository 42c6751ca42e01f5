//! Timeline of a subscription: history, payments, mails, callbacks and quarantined reports in one list, the latest first.

use std::cmp::Reverse;

use shared::domain::billing::decision::HistoryEntry;
use shared::domain::billing::operations::Actor;
use shared::domain::billing::payments::payment::Payment;
use shared::domain::values::time::Timestamp;
use shared::store::billing::quarantine::types::Quarantined;
use shared::store::billing::reads::OrderFile;
use shared::store::billing::webhook_log::WebhookLog;

use crate::auth::scope::Scope;
use crate::billing::subscriptions::answer::SubscriptionNotice;
use crate::billing::subscriptions::names::SubscriptionStatus;
use crate::console::billing::rows::PaymentRow;
use crate::console::page::address;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::console::words::names::{NoticeNames, NoticeStates, QuarantineReasons, ReportSources, StatusNames};
use crate::console::words::rules;

/// Entry of the timeline.
pub(super) struct TimelineEntry {
    pub(super) at: Moment,
    /// Kind of the entry in the page's language.
    pub(super) kind: &'static str,
    /// Class of the entry for its colour.
    pub(super) tone: &'static str,
    pub(super) title: String,
    pub(super) details: Vec<String>,
    /// Actor.
    pub(super) by: Option<String>,
    /// Reason of staff.
    pub(super) why: Option<String>,
    /// Page with more about it.
    pub(super) page: Option<String>,
}

/// What a timeline is made of.
pub(super) struct Sources<'a> {
    pub(super) file: &'a OrderFile,
    pub(super) reports: &'a [Quarantined],
    pub(super) mails: &'a [SubscriptionNotice],
}

/// All entries, the latest first; of one instant what was decided comes above what led to it.
pub(super) fn entries(visit: &Visit, sources: &Sources<'_>) -> Vec<TimelineEntry> {
    let Sources { file, reports, mails } = sources;
    let order = file.order.value.id.as_str();
    let history = file.history.iter().map(|(version, entry)| (entry.at, 4, *version, of_history(visit, entry)));
    let payments = file.payments.iter().map(|payment| (payment.processed_at, 2, 0, of_payment(visit, payment)));
    let mails = mails.iter().map(|mail| (mail.at, 3, 0, of_mail(visit, mail, order)));
    let callbacks = file.callbacks.iter().map(|log| (log.received_at, 0, 0, of_callback(visit, log)));
    let reports = reports.iter().map(|report| (report.received_at, 1, 0, of_report(visit, report)));
    let mut all: Vec<(Timestamp, u8, u64, TimelineEntry)> =
        history.chain(payments).chain(mails).chain(callbacks).chain(reports).collect();
    all.sort_by_key(|(at, rank, version, _)| Reverse((*at, *rank, *version)));
    all.into_iter().map(|(_, _, _, entry)| entry).collect()
}

fn words(visit: &Visit) -> &'static BillingWords {
    BillingWords::of(visit.language())
}

fn of_history(visit: &Visit, entry: &HistoryEntry) -> TimelineEntry {
    let w = words(visit);
    let status = |status: SubscriptionStatus| {
        let name = status.name();
        StatusNames::of(visit.language()).get(name).unwrap_or(name)
    };
    let to = SubscriptionStatus::from(entry.to);
    let from = entry.from.map(SubscriptionStatus::from).filter(|from| *from != to);
    let by = match &entry.by {
        Actor::Ecpay => w.by_ecpay.to_owned(),
        Actor::Schedule => w.by_schedule.to_owned(),
        Actor::Buyer => w.customer.to_owned(),
        Actor::Staff(name) => name.clone(),
    };
    let credits = entry.credits.iter().map(|credit| format!("{} {} ({})", w.refund_due, credit.amount, credit.payment));
    TimelineEntry {
        at: visit.taipei(entry.at),
        kind: w.of_history,
        tone: "",
        title: rules::sentence(visit.language(), entry.rule).to_owned(),
        details: from.map(|from| format!("{} → {}", status(from), status(to))).into_iter().chain(credits).collect(),
        by: Some(by),
        why: entry.why.clone(),
        page: None,
    }
}

fn of_payment(visit: &Visit, payment: &Payment) -> TimelineEntry {
    let row = PaymentRow::of(visit, payment);
    TimelineEntry {
        at: row.at,
        kind: words(visit).of_payment,
        tone: row.tone,
        title: format!("{} {}", row.amount, row.result),
        details: [row.code, row.authorisation]
            .into_iter()
            .filter(|text| !text.trim().is_empty())
            .chain(row.refund)
            .collect(),
        by: None,
        why: None,
        page: None,
    }
}

fn of_mail(visit: &Visit, mail: &SubscriptionNotice, order: &str) -> TimelineEntry {
    let (language, w) = (visit.language(), words(visit));
    let states = NoticeStates::of(language);
    let feedback = mail.feedback.as_ref().map(|feedback| states.get(feedback.kind).unwrap_or(feedback.kind));
    let state = states.get(mail.state).unwrap_or(mail.state);
    TimelineEntry {
        at: visit.taipei(mail.at),
        kind: w.of_message,
        tone: if feedback.is_some() || ["dead", "undeliverable"].contains(&mail.state) { "bad" } else { "" },
        title: NoticeNames::of(language).get(mail.kind).unwrap_or(mail.kind).to_owned(),
        details: [Some(state), feedback].into_iter().flatten().map(str::to_owned).collect(),
        by: None,
        why: None,
        // Texts and addresses are for those who may operate.
        page: visit
            .may(Scope::Operate)
            .then(|| address::with("/console/messages", [("subscription", Some(order.to_owned()))])),
    }
}

fn of_callback(visit: &Visit, log: &WebhookLog) -> TimelineEntry {
    let kind = log.kind.as_str();
    TimelineEntry {
        at: visit.taipei(log.received_at),
        kind: words(visit).of_callback,
        tone: "",
        title: ReportSources::of(visit.language()).get(kind).unwrap_or(kind).to_owned(),
        details: vec![format!("{}, {:.0} ms", log.event, log.processing_time_ms)],
        by: None,
        why: None,
        page: None,
    }
}

fn of_report(visit: &Visit, report: &Quarantined) -> TimelineEntry {
    let reason = QuarantineReasons::of(visit.language()).get(&report.reason).unwrap_or(&report.detail).to_owned();
    let order = report.subscription.as_ref().map_or("", |order| order.as_str());
    let resolved = report.resolved.as_ref();
    TimelineEntry {
        at: visit.taipei(report.received_at),
        kind: words(visit).of_quarantine,
        tone: if resolved.is_some() { "" } else { "warn" },
        title: reason,
        details: vec![report.detail.clone()],
        by: resolved.map(|resolved| resolved.by.clone()),
        why: resolved.map(|resolved| resolved.why.clone()),
        page: Some(address::with(
            "/console/quarantine",
            [("subscription", Some(order.to_owned())), ("state", Some("all".to_owned()))],
        )),
    }
}
