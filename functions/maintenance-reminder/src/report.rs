//! Report of a run: the answer to its caller with names, and its row in the run history without them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};
use shared::domain::billing::notices::{Notice, NoticeKind};
use shared::domain::values::time::LocalDate;
use shared::domain::workshop::message_kind::ReminderKind;
use shared::domain::workshop::reminders::SkipReason;
use shared::domain::workshop::vehicles::{Customer, Vehicle, ZONE};
use shared::exclusive_run::Job;
use shared::platform::metrics::ReminderOutcome;

use crate::NAME;
use crate::continuation::Continuation;

/// Rows of one answer: Lambda's limit is 6 MB, and a row has less than 2 KB.
const ROWS: usize = 2_500;
/// Reason for a vehicle that cannot be read.
const UNREADABLE: &str = "unreadable";
/// Distinct reasons kept in the run history: a provider may word each refusal differently.
const REASONS: usize = 50;

/// Outcome of one vehicle's reminder.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Outcome {
    /// The provider accepted the message.
    Sent,
    /// Only in a dry run: the message would be sent.
    WouldSend,
    /// The message was certainly not accepted.
    Failed,
    /// Not sent, for a reason of the business's rules.
    Skipped,
    /// Sent by an earlier run.
    AlreadySent,
    /// Outcome unknown.
    Unclear,
}

/// One vehicle in the answer, with the field names of the reminder document.
#[derive(Clone, Debug, Serialize)]
pub(crate) struct Row {
    /// Absent for a reminder.
    #[serde(skip_serializing_if = "ReminderKind::is_default")]
    kind: ReminderKind,
    no_pol: String,
    customer_nama: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    customer_hp: Option<String>,
    next_visit_date: LocalDate,
    days_until_visit: i64,
    status: Outcome,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    api_response: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    reason: Option<String>,
}

/// Report of a run.
#[derive(Clone, Debug, Default)]
pub(crate) struct Report {
    counts: BTreeMap<Outcome, u64>,
    reasons: BTreeMap<(Outcome, String), u64>,
    rows: Vec<Row>,
    /// Vehicles whose message the provider would have to send later than it takes messages for.
    pub(crate) waiting: u64,
    /// None where no vehicle waits.
    pub(crate) continuation: Option<Continuation>,
    /// Follow-ups among the messages that were sent, or would be.
    follow_ups_sent: u64,
    /// Reason why no provider was left, if the run stopped sending.
    pub(crate) stopped: Option<String>,
    /// Providers that were disabled during the run, each with its reason.
    pub(crate) disabled: Vec<String>,
    /// Messages of this run that a provider accepted, or may have.
    pub(crate) handed_out: u32,
    /// Refusals of this run that concern one recipient.
    pub(crate) personal_refusals: u64,
}

impl Outcome {
    /// Outcome as a metric; `None` for one of a dry run, which changes nothing.
    pub(crate) const fn metric(self) -> Option<ReminderOutcome> {
        match self {
            Self::Sent => Some(ReminderOutcome::Sent),
            Self::WouldSend => None,
            Self::Failed => Some(ReminderOutcome::Failed),
            Self::Skipped => Some(ReminderOutcome::Skipped),
            Self::AlreadySent => Some(ReminderOutcome::AlreadySent),
            Self::Unclear => Some(ReminderOutcome::Unclear),
        }
    }
}

impl Row {
    /// Builds the row of a vehicle and of its customer, if there is one.
    pub(crate) fn new(vehicle: &Vehicle, customer: Option<&Customer>, today: LocalDate, status: Outcome) -> Self {
        let visit = vehicle.next_visit();
        Self {
            kind: ReminderKind::Reminder,
            no_pol: vehicle.plate.to_string(),
            customer_nama: customer.map(|customer| customer.name.to_string()),
            customer_hp: customer.map(|customer| customer.phone.national()),
            next_visit_date: visit,
            days_until_visit: today.days_until(visit),
            status,
            message: None,
            api_response: None,
            reason: None,
        }
    }

    /// Says that the row is about a message of that kind.
    pub(crate) fn of_kind(self, kind: ReminderKind) -> Self {
        Self { kind, ..self }
    }

    /// Adds the message, and the provider's response if it was sent.
    pub(crate) fn with_message(self, message: String, api_response: Option<String>) -> Self {
        Self { message: Some(message), api_response, ..self }
    }

    /// Adds the reason for the outcome.
    pub(crate) fn because(self, reason: impl Into<String>) -> Self {
        Self { reason: Some(reason.into()), ..self }
    }
}

impl Report {
    pub(crate) fn add(&mut self, row: Row) {
        *self.counts.entry(row.status).or_default() += 1;
        let is_sent = matches!(row.status, Outcome::Sent | Outcome::WouldSend);
        self.follow_ups_sent += u64::from(is_sent && row.kind == ReminderKind::FollowUp);
        self.waiting += u64::from(row.reason.as_deref() == Some(SkipReason::Waiting.text()));
        if let Some(reason) = &row.reason {
            let known = self.reasons.contains_key(&(row.status, reason.clone()));
            let reason = if known || self.reasons.len() < REASONS { reason.as_str() } else { "other reasons" };
            *self.reasons.entry((row.status, reason.to_owned())).or_default() += 1;
        }
        if self.rows.len() < ROWS {
            self.rows.push(row);
        }
    }

    /// Counts a vehicle that cannot be read, and so has no row.
    pub(crate) fn add_unreadable(&mut self) {
        *self.counts.entry(Outcome::Failed).or_default() += 1;
        *self.reasons.entry((Outcome::Failed, UNREADABLE.to_owned())).or_default() += 1;
    }

    /// Number of vehicles that could not be read.
    pub(crate) fn unreadable(&self) -> u64 {
        self.reasons.get(&(Outcome::Failed, UNREADABLE.to_owned())).copied().unwrap_or(0)
    }

    pub(crate) fn count(&self, outcome: Outcome) -> u64 {
        self.counts.get(&outcome).copied().unwrap_or(0)
    }

    pub(crate) fn counts(&self) -> impl Iterator<Item = (Outcome, u64)> {
        self.counts.iter().map(|(outcome, count)| (*outcome, *count))
    }

    /// Number of vehicles due in the window.
    pub(crate) fn total(&self) -> u64 {
        self.counts.values().sum()
    }

    /// True for a run that achieved nothing: no provider was left, or every reminder failed. One person who cannot be
    /// reached after others were reminded by earlier runs is no such failure.
    pub(crate) fn has_failed(&self) -> bool {
        let failed = self.count(Outcome::Failed);
        let all_failed = failed > 0 && self.handed_out == 0 && self.count(Outcome::Sent) == 0;
        let is_personal = self.count(Outcome::AlreadySent) > 0 && failed <= self.personal_refusals;
        self.stopped.is_some() || (all_failed && !is_personal)
    }

    /// Returns the notice to staff, one for each day: a provider was disabled, or the run failed.
    pub(crate) fn notice(&self, job: &Job) -> Option<Notice> {
        if job.dry_run || (self.disabled.is_empty() && !self.has_failed()) {
            return None;
        }
        let day = job.scheduled_at.day(ZONE);
        let notice = Notice::to_staff(NoticeKind::RemindersFailed, &day.to_string(), job.scheduled_at);
        let counted = |notice: Notice, name: &str, outcome| notice.with(name, self.count(outcome));
        let notice = notice.with_day("day", day).with("due", self.total()).with("reason", self.trouble());
        let notice = counted(notice, "sent", Outcome::Sent);
        let notice = counted(notice, "failed", Outcome::Failed);
        Some(counted(notice, "skipped", Outcome::Skipped))
    }

    /// Words of the disabled providers, else the commonest reason of a failure.
    fn trouble(&self) -> String {
        if !self.disabled.is_empty() {
            return self.disabled.join("; ");
        }
        let failures = self.reasons.iter().filter(|((outcome, _), _)| *outcome == Outcome::Failed);
        let commonest = failures.max_by_key(|(_, count)| **count).map(|((_, reason), _)| reason.as_str());
        commonest.filter(|reason| !reason.trim().is_empty()).unwrap_or("no reason given").to_owned()
    }

    /// Answer to the caller: the fields of the reminder document, and counts that the older system did not have.
    pub(crate) fn answer(self, job: &Job) -> Value {
        let mut answer = self.for_history(job);
        if let Some(fields) = answer.as_object_mut() {
            let left_out = self.total().saturating_sub(u64::try_from(self.rows.len()).unwrap_or(u64::MAX));
            fields.insert("details".to_owned(), serde_json::to_value(self.rows).unwrap_or_default());
            fields.insert("details_left_out".to_owned(), json!(left_out));
        }
        answer
    }

    /// Row in the run history: without names, numbers and plates.
    pub(crate) fn for_history(&self, job: &Job) -> Value {
        let by_reason = |wanted: Outcome| -> BTreeMap<&str, u64> {
            let these = self.reasons.iter().filter(|((outcome, _), _)| *outcome == wanted);
            these.map(|((_, reason), count)| (reason.as_str(), *count)).collect()
        };
        let task = json!({
            "due": self.total(), "done": self.count(Outcome::Sent), "skipped": by_reason(Outcome::Skipped),
            "failed": by_reason(Outcome::Failed), "unclear": by_reason(Outcome::Unclear), "stopped": self.stopped,
        });
        let mut row = json!({
            "run": job.id, "status": if self.has_failed() { "failed" } else { "done" }, "scheduled_at": job.scheduled_at, "dry_run": job.dry_run,
            "requested_by": job.requested_by, "total_customers": self.total(),
            "reminder_sent": self.count(Outcome::Sent), "failed": self.count(Outcome::Failed),
            "skipped": self.count(Outcome::Skipped), "already_sent": self.count(Outcome::AlreadySent),
            "unclear": self.count(Outcome::Unclear), "waiting": self.waiting, "follow_ups_sent": self.follow_ups_sent, "stopped": self.stopped, "tasks": { NAME: task },
        });
        if let (true, Some(fields)) = (job.dry_run, row.as_object_mut()) {
            fields.insert("would_send".to_owned(), json!(self.count(Outcome::WouldSend)));
        }
        if let (Some(continuation), Some(fields)) = (self.continuation, row.as_object_mut()) {
            fields.insert("continuation".to_owned(), json!(continuation));
        }
        row
    }
}

#[cfg(test)]
mod tests {
    use shared::domain::values::ids::CustomerId;
    use shared::domain::values::time::Timestamp;
    use shared::domain::workshop::plate::Plate;
    use shared::domain::workshop::vehicles::VehicleStatus;
    use shared::domain::workshop::visit_interval::VisitInterval;

    use super::*;

    fn answer(outcome: Outcome, dry_run: bool) -> Value {
        let today = LocalDate::parse("2025-12-16").unwrap();
        let vehicle = Vehicle {
            plate: Plate::parse("B 1234 ABC").unwrap(),
            customer: CustomerId::parse("C-1").unwrap(),
            last_visit: LocalDate::parse("2025-08-18").unwrap(),
            own_next_visit: None,
            interval: VisitInterval::default(),
            status: VehicleStatus::Active,
        };
        let job = Job {
            tasks: vec![NAME],
            scheduled_at: Timestamp::parse("2025-12-16T02:00:00Z").unwrap(),
            id: "run".to_owned(),
            requested_by: None,
            dry_run,
        };
        let mut report = Report::default();
        report.add(Row::new(&vehicle, None, today, outcome).with_message("text".to_owned(), None));
        report.answer(&job)
    }

    #[test]
    fn a_dry_run_counts_what_it_would_send_and_nothing_as_sent() {
        let answer = answer(Outcome::WouldSend, true);
        let counts = ["total_customers", "reminder_sent", "would_send"].map(|name| answer[name].as_u64());
        assert_eq!(counts, [Some(1), Some(0), Some(1)]);
        assert_eq!(answer["details"][0]["status"], "would_send");
        assert_eq!((&answer["tasks"][NAME]["due"], &answer["tasks"][NAME]["done"]), (&json!(1), &json!(0)));
    }

    #[test]
    fn a_run_that_sends_has_no_count_of_what_it_would_send() {
        let answer = answer(Outcome::Sent, false);
        assert_eq!((&answer["reminder_sent"], answer.get("would_send")), (&json!(1), None));
        assert_eq!(answer["details"][0]["status"], "sent");
    }
}
