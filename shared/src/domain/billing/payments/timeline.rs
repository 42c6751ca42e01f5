//! Timeline of an order's successful charges: the due date that each one paid, and the charge day that follows from them.
//! Derived from the charge history on each use, so that it does not depend on the order in which reports arrive.

use std::ops::Range;

use crate::domain::billing::calendar::BillingCalendar;
use crate::domain::billing::payments::charge_history::{AnnouncedCharge, ChargeHistory, FailedCharge};
use crate::domain::billing::payments::retry_results::RetryResults;
use crate::domain::billing::plan::BillingCycle;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Days by which a charge may lie off its due date without moving the charge day.
const TOLERANCE_DAYS: i64 = 1;
/// Days before its due date at which a failed charge shows that the charge day was moved.
const EARLY_DAYS: i64 = 7;

/// Due dates of an order as its charges show them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Timeline {
    /// Due dates, with the days to which the charge day was moved.
    pub calendar: BillingCalendar,
    /// Due date of the latest charge that was paid; `None` before the first.
    pub paid_due: Option<LocalDate>,
    /// Charge day announced by staff for the next charge, until a charge succeeds.
    pub announced: Option<LocalDate>,
    /// Due date that had come when staff announced a later charge day: its charge may have been made before they did.
    pub passed_over: Option<LocalDate>,
    /// Success off its due date of which no query has shown yet whether it is a late payment or a new charge day.
    pub unexplained: Option<Timestamp>,
    /// Charges that repeat a failed one.
    retry_results: RetryResults,
}

/// Knowledge about an order besides its charges.
#[derive(Clone, Copy, Debug)]
pub struct TimelineInput {
    /// Day that stands in for the first charge until it is reported (Asia/Taipei).
    pub ordered_on: LocalDate,
    /// Interval between charges.
    pub cycle: BillingCycle,
    /// Time of the latest query whose charge log was read.
    pub log_read_at: Option<Timestamp>,
}

impl Timeline {
    /// The timeline of a charge history.
    #[must_use]
    pub fn of(history: &ChargeHistory, input: TimelineInput) -> Self {
        let TimelineInput { ordered_on, cycle, log_read_at } = input;
        let calendar = BillingCalendar::new(history.anchor.unwrap_or(ordered_on), cycle);
        let retry_results = RetryResults::of(history);
        let mut timeline =
            Self { calendar, paid_due: None, announced: None, passed_over: None, unexplained: None, retry_results };
        let mut announced = history.next_charge;
        let mut previous = None;
        let mut before_move = None;
        for success in history.paid_at() {
            timeline.undo_single_charge(before_move.take(), history, previous..Some(success));
            let day = timeline.charged_on(success);
            let own = |failure: &&FailedCharge| {
                previous.is_none_or(|previous| failure.at > previous)
                    && failure.at < success
                    && !timeline.is_paid_out_of_band(history, failure)
            };
            let failed: Vec<LocalDate> =
                history.failures.iter().filter(own).map(|failure| timeline.charged_on(failure.at)).collect();
            let failed_on = failed.last().copied();
            // The announcement is about the first charge after it, whichever day that is, but not about what was owed then.
            let owed = |since: Timestamp| {
                history.failures.iter().filter(own).any(|failure| {
                    failure.at < since
                        && timeline.calendar.due_on(timeline.charged_on(failure.at)) == timeline.calendar.due_on(day)
                })
            };
            let begins = |agreed: &LocalDate| agreed.plus_days(-TOLERANCE_DAYS);
            let is_due = |announced: &mut AnnouncedCharge| {
                success > announced.since && (day >= begins(&announced.on) || !owed(announced.since))
            };
            let agreed = announced.take_if(is_due).map(|announced| announced.on);
            let is_kept =
                |agreed: &LocalDate| is_near(*agreed, day) || failed_on.is_some_and(|failed| failed >= begins(agreed));
            if let Some(agreed) = agreed.filter(is_kept) {
                timeline.calendar.move_to(agreed);
            }
            let due = timeline.calendar.due_on(day);
            // A late payment pays the charge of its period that failed.
            let of_period = |failed: &LocalDate| {
                timeline.calendar.due_on(*failed) == due || timeline.charge_due(*failed) == timeline.charge_due(day)
            };
            // A whole period after a charge that failed early ECPay makes the next one, on the day that the failure showed.
            let first_failed_on = failed.iter().find(|failed| of_period(failed));
            let early = first_failed_on.filter(|first| timeline.is_early(**first));
            let is_next = early.is_some_and(|first| day >= begins(&first.plus_months(cycle.months())));
            let paid = if let Some(failed_on) = failed_on.filter(of_period).filter(|_| !is_next) {
                if is_near(due, day) { timeline.charge_due(day) } else { timeline.charge_due(failed_on) }
            } else if is_near(due, day) {
                due
            } else if log_read_at.is_some_and(|read| read >= success) {
                before_move = Some(timeline.calendar.clone());
                timeline.calendar.move_to(day);
                timeline.calendar.due_on(day)
            } else {
                timeline.unexplained = Some(success);
                due
            };
            timeline.paid_due = timeline.paid_due.max(Some(paid));
            previous = Some(success);
        }
        timeline.undo_single_charge(before_move, history, previous..None);
        timeline.paid_due = timeline.paid_due.max(history.paid_out_of_band.filter(|_| timeline.paid_due.is_some()));
        timeline.announce(announced);
        timeline
    }

    /// The due date of the next charge after the latest one that was paid; `None` before the first.
    #[must_use]
    pub fn next_due(&self) -> Option<LocalDate> {
        let paid = self.paid_due?;
        Some(self.announced.unwrap_or_else(|| self.calendar.due_after(paid)))
    }

    /// The due date of a charge that failed.
    #[must_use]
    pub fn failed_due(&self, failure: &FailedCharge) -> LocalDate {
        self.charge_due(self.charged_on(failure.at))
    }

    /// The day as of which a charge counts (Asia/Taipei): its own. Before the due day of its window the result of a retry
    /// belongs to the charge that it repeats, and counts as of the day of that one. From the due day on ECPay may have made the
    /// charge of that day instead.
    #[must_use]
    pub fn charged_on(&self, at: Timestamp) -> LocalDate {
        let day = at.day(Zone::Taipei);
        let repeated = self.retry_results.repeats(at).filter(|_| day < self.calendar.due_on(day));
        repeated.map_or(day, |failed_at| self.charged_on(failed_at))
    }

    /// True if a charge may be the result of a retry of a charge that was due earlier, so that the one due on its day is
    /// perhaps still to come.
    #[must_use]
    pub fn may_repeat_earlier(&self, at: Timestamp) -> bool {
        let due = self.calendar.due_on(at.day(Zone::Taipei));
        self.retry_results.repeats(at).is_some_and(|failed_at| self.calendar.due_on(self.charged_on(failed_at)) < due)
    }

    /// True if the charge that failed was paid outside ECPay, or an earlier one.
    #[must_use]
    pub fn is_paid_out_of_band(&self, history: &ChargeHistory, failure: &FailedCharge) -> bool {
        let due = self.calendar.due_on(self.charged_on(failure.at));
        history.paid_out_of_band.is_some_and(|paid| due <= paid)
    }

    /// The due date of the charge that was attempted on `day`: that of its window. If that one is paid already and the next
    /// due date is nearer, ECPay made the next charge before its day.
    #[must_use]
    pub fn charge_due(&self, day: LocalDate) -> LocalDate {
        let due = self.calendar.due_on(day);
        let Some(paid) = self.paid_due.filter(|paid| due <= *paid) else { return due };
        let next = self.calendar.due_after(paid);
        if day.days_until(next) < paid.days_until(day) { next } else { due }
    }

    /// True if a charge on `day` came up to a week before its due date. Earlier in the period it is rather a late attempt of
    /// the charge before.
    #[must_use]
    pub fn is_early(&self, day: LocalDate) -> bool {
        let due = self.calendar.due_on(day);
        let ahead = day.days_until(self.calendar.due_after(due));
        ahead > TOLERANCE_DAYS && ahead <= EARLY_DAYS && ahead < due.days_until(day)
    }

    /// Returns to the due dates before a success moved them, where the next charge failed on one of those: the success was a
    /// single charge out of turn, e.g. made by staff in ECPay's console. A next charge that succeeds there moves them back by
    /// itself.
    fn undo_single_charge(
        &mut self,
        before_move: Option<BillingCalendar>,
        history: &ChargeHistory,
        between: Range<Option<Timestamp>>,
    ) {
        let is_between = |failure: &&FailedCharge| {
            Some(failure.at) > between.start && between.end.is_none_or(|end| failure.at < end)
        };
        let Some(before_move) = before_move else { return };
        let Some(failed) = history.failures.iter().find(is_between) else { return };
        let day = failed.at.day(Zone::Taipei);
        if is_near(before_move.due_on(day), day) && !is_near(self.calendar.due_on(day), day) {
            self.calendar = before_move;
        }
    }

    fn announce(&mut self, announced: Option<AnnouncedCharge>) {
        let is_later = |announced: &AnnouncedCharge| self.paid_due.is_none_or(|paid| announced.on > paid);
        let Some(AnnouncedCharge { on, since }) = announced.filter(is_later) else { return };
        let due = self.paid_due.map(|paid| self.calendar.due_after(paid));
        self.passed_over = due.filter(|due| *due <= since.day(Zone::Taipei) && *due < on);
        self.calendar.move_to(on);
        self.announced = Some(on);
    }
}

fn is_near(due: LocalDate, day: LocalDate) -> bool {
    due.days_until(day).abs() <= TOLERANCE_DAYS
}
