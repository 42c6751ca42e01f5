//! The paid charges of the oracle's order: the due date that each success paid, and the charge day that it shows.

use crate::dunning::calendar::{DueDays, Dues, day_of};

/// Due dates and paid charges of an order, as its charges show them.
#[derive(Clone, Debug)]
pub(crate) struct PaidDays {
    pub(crate) due_days: DueDays,
    /// Due date of the latest paid charge.
    pub(crate) paid: Option<i64>,
    /// Success off its due date that no query has explained yet.
    pub(crate) unexplained: Option<i64>,
}

impl PaidDays {
    /// "A success that follows a failure of the same period is a late payment and moves nothing; a success without one,
    /// more than a day off the due day, moves the anchor to its day, after the log was queried for a failure that was
    /// missed." `read_at` is the time of the latest query.
    pub(crate) fn of(first: Dues, successes: &[i64], failures: &[i64], read_at: Option<i64>) -> Self {
        let mut days = Self { due_days: DueDays { first, moved: Vec::new() }, paid: None, unexplained: None };
        let mut sorted = successes.to_vec();
        sorted.sort_unstable();
        sorted.dedup();
        let mut earlier = i64::MIN;
        let mut was_moved = false;
        for made in sorted {
            if was_moved {
                days.drop_single_charge(failures, earlier, made);
            }
            let day = day_of(made);
            let due = days.due_days.of(day);
            let own = days.due_of_charge(day);
            let failed = failures.iter().filter(|failed| earlier < **failed && **failed < made).max_by_key(|failed| {
                let due_of_failure = days.due_of_charge(day_of(**failed));
                (due_of_failure == due || due_of_failure == own, **failed)
            });
            let failed = failed.map(|failed| days.due_of_charge(day_of(*failed)));
            // A period after a charge that failed early it is the next one that was paid.
            let same = |on: &i64| [due, own].contains(&days.due_of_charge(*on));
            let between = failures.iter().filter(|failed| earlier < **failed && **failed < made).map(|at| day_of(*at));
            let next = between.filter(same).min().and_then(|on| days.due_days.shown_by(on));
            let is_next = next.is_some_and(|next| day >= next - 1);
            was_moved = false;
            let paid = if let Some(failed) = failed.filter(|failed| !is_next && (*failed == due || *failed == own)) {
                failed
            } else if (day - due).abs() <= 1 {
                due
            } else if read_at.is_some_and(|read| read >= made) {
                was_moved = days.move_to(day);
                days.due_days.of(day)
            } else {
                days.unexplained = Some(made);
                due
            };
            days.paid = days.paid.max(Some(paid));
            earlier = made;
        }
        if was_moved {
            days.drop_single_charge(failures, earlier, i64::MAX);
        }
        days
    }

    /// The charge after a success off the due day failed on a due day of before: ECPay charges as it did, and that success
    /// was a single charge out of turn.
    fn drop_single_charge(&mut self, failures: &[i64], after: i64, until: i64) {
        let next = failures.iter().filter(|failed| after < **failed && **failed < until).min();
        let Some(day) = next.map(|failed| day_of(*failed)) else { return };
        let mut before = self.due_days.clone();
        before.moved.pop();
        let is_due = |due_days: &DueDays| (day - due_days.of(day)).abs() <= 1;
        if is_due(&before) && !is_due(&self.due_days) {
            self.due_days = before;
        }
    }

    /// Due date of a charge that was attempted on a day: "a failure belongs to the earlier of the old and the new due
    /// day's window". Where the charge of that window is paid, the next one was made early, if that is nearer.
    pub(crate) fn due_of_charge(&self, day: i64) -> i64 {
        let due = self.due_days.of(day);
        match self.paid {
            Some(paid) if due <= paid => {
                let next = self.due_days.after(paid);
                if next - day < day - paid { next } else { due }
            }
            _ => due,
        }
    }

    /// A charge day moves forward in time only. Returns true if it moved.
    fn move_to(&mut self, day: i64) -> bool {
        let latest = self.due_days.moved.last().copied().unwrap_or(self.due_days.first.anchor);
        if day > latest {
            self.due_days.moved.push(day);
        }
        day > latest
    }
}
