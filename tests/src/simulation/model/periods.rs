//! Charge days and paid periods of an order, restated from the design: a success on another day moves the charge day,
//! unless it pays a charge that failed.

use std::collections::BTreeMap;

use chrono::{DateTime, Days, Months, NaiveDate, TimeDelta, Utc};

use super::dunning::day;

/// Charges of an order as they are stored.
pub(crate) struct Charges {
    /// Day that stands for the first charge until it succeeds.
    pub(crate) ordered_on: NaiveDate,
    /// Months between two charges.
    pub(crate) months: u32,
    /// Times of the successes.
    pub(crate) successes: Vec<DateTime<Utc>>,
    /// Times of the failures after the first authorisation.
    pub(crate) failures: Vec<DateTime<Utc>>,
    /// Times of the retries requested from ECPay, unless it refused them or did not process them.
    pub(crate) retries: Vec<DateTime<Utc>>,
    /// Due days of the charges that were paid outside ECPay.
    pub(crate) outside: Vec<NaiveDate>,
    /// Latest day that staff announced for the next charge, after the time at which they did.
    pub(crate) announced: Option<(DateTime<Utc>, NaiveDate)>,
    /// Time of the latest query, which lists a failure that was not reported.
    pub(crate) queried_at: Option<DateTime<Utc>>,
}

/// Due days that follow from the charges.
pub(crate) struct Periods {
    /// First day of each series of due days, ascending.
    anchors: Vec<NaiveDate>,
    months: u32,
    /// Due day of the latest charge that was paid.
    pub(crate) paid: Option<NaiveDate>,
    /// Charges that may be the result of a retry, with the failed charge before it.
    repeats: BTreeMap<DateTime<Utc>, DateTime<Utc>>,
}

impl Periods {
    pub(crate) fn of(mut charges: Charges) -> Self {
        charges.successes.sort();
        charges.failures.sort();
        let first = charges.successes.first().map_or(charges.ordered_on, |at| day(*at));
        let repeats = repeats(&charges);
        let mut periods = Self { anchors: vec![first], months: charges.months, paid: None, repeats };
        let outside = charges.outside.iter().max().copied();
        let mut previous = None;
        let mut moved = false;
        for success in charges.successes {
            if moved {
                periods.keep_or_drop_last_series(&charges.failures, previous, Some(success));
            }
            let today = periods.day_of(success);
            // The announcement is about the first charge after it that does not pay what was owed before.
            if let Some((since, on)) = charges.announced.filter(|(since, _)| *since < success) {
                let failed = charges.failures.iter().filter(|at| previous < Some(**at) && **at < success);
                let failed: Vec<_> = failed.map(|at| (*at, periods.day_of(*at))).collect();
                let is_old = |at: &DateTime<Utc>, day| *at < since && periods.due_on(day) == periods.due_on(today);
                let is_unpaid = |day| outside.is_none_or(|paid| periods.due_on(day) > paid);
                let pays_old = failed.iter().any(|(at, day)| is_old(at, *day) && is_unpaid(*day));
                if today >= before(on) || !pays_old {
                    charges.announced = None;
                    let is_kept = (today - on).num_days().abs() <= 1
                        || failed
                            .iter()
                            .rev()
                            .find(|(_, day)| is_unpaid(*day))
                            .is_some_and(|(_, day)| *day >= before(on));
                    periods.announce(is_kept.then_some(on));
                }
            }
            let due = periods.due_on(today);
            let failed = charges.failures.iter().rev().filter(|at| previous < Some(**at) && **at < success);
            let owed =
                failed.map(|at| periods.day_of(*at)).find(|day| outside.is_none_or(|paid| periods.due_on(*day) > paid));
            let own = periods.charge_on(today);
            // A failure of the same charge makes the success its late payment.
            let late = owed.map(|day| periods.charge_on(day)).filter(|failed| *failed == due || *failed == own);
            // A whole period after a charge that failed up to a week early it is the next one, on the day that it showed.
            let since = charges.failures.iter().filter(|at| previous < Some(**at) && **at < success);
            let first = since.map(|at| periods.day_of(*at)).find(|day| [due, own].contains(&periods.charge_on(*day)));
            let ahead = |day: &NaiveDate| (periods.due_after(periods.due_on(*day)) - *day).num_days();
            let next = first
                .filter(|day| (2..=7).contains(&ahead(day)))
                .and_then(|day| day.checked_add_months(Months::new(charges.months)));
            let late = late.filter(|_| next.is_none_or(|next| today < before(next)));
            let is_near = (today - due).num_days().abs() <= 1;
            let moves = late.is_none() && !is_near && charges.queried_at.is_some_and(|queried| queried >= success);
            moved = moves && periods.anchors.iter().all(|anchor| today > *anchor);
            if moved {
                periods.anchors.push(today);
            }
            let paid = late.unwrap_or_else(|| periods.due_on(today));
            periods.paid = periods.paid.max(Some(paid));
            previous = Some(success);
        }
        if moved {
            periods.keep_or_drop_last_series(&charges.failures, previous, None);
        }
        if periods.paid.is_some() {
            periods.paid = periods.paid.max(outside);
        }
        periods.announce(charges.announced.map(|(_, on)| on).filter(|on| periods.paid.is_none_or(|paid| *on > paid)));
        periods
    }

    fn announce(&mut self, on: Option<NaiveDate>) {
        self.anchors.extend(on.filter(|on| self.anchors.iter().all(|anchor| on > anchor)));
    }

    /// A charge that failed on a due day of the series before shows that the last series was a single charge out of turn.
    fn keep_or_drop_last_series(
        &mut self,
        failures: &[DateTime<Utc>],
        from: Option<DateTime<Utc>>,
        until: Option<DateTime<Utc>>,
    ) {
        let next = failures.iter().find(|at| from < Some(**at) && until.is_none_or(|until| **at < until));
        let Some(failed) = next.map(|at| day(*at)) else { return };
        let is_due = |periods: &Self| (failed - periods.due_on(failed)).num_days().abs() <= 1;
        let anchors = self.anchors[..self.anchors.len() - 1].to_vec();
        let before = Self { anchors, months: self.months, paid: None, repeats: BTreeMap::new() };
        if is_due(&before) && !is_due(self) {
            self.anchors.pop();
        }
    }

    /// Day of a charge. The result of a retry is one more attempt of the charge that failed before it was requested, unless
    /// the day is already that of the next charge.
    pub(crate) fn day_of(&self, mut at: DateTime<Utc>) -> NaiveDate {
        while let Some(failed) = self.repeats.get(&at).filter(|_| day(at) == before(self.due_on(day(at)))) {
            at = *failed;
        }
        day(at)
    }

    /// Due days, without end: each series ends where the next begins.
    fn dues(&self) -> impl Iterator<Item = NaiveDate> + '_ {
        self.anchors.iter().enumerate().flat_map(move |(place, anchor)| {
            let next = self.anchors.get(place + 1).copied();
            let series = (0..).map(move |number| {
                anchor.checked_add_months(Months::new(number * self.months)).expect("a day of the calendar")
            });
            // The window of a due day begins a day before it, so a due day there is that of the next series.
            series.take_while(move |due| next.is_none_or(|next| *due < before(next)))
        })
    }

    /// The due day in whose window a day lies: from the day before the due day on.
    pub(crate) fn due_on(&self, today: NaiveDate) -> NaiveDate {
        let mut latest = self.anchors[0];
        for due in self.dues() {
            if before(due) > today {
                break;
            }
            latest = due;
        }
        latest
    }

    /// The first due day after another.
    pub(crate) fn due_after(&self, due: NaiveDate) -> NaiveDate {
        self.dues().find(|next| *next > due).expect("a due day")
    }

    /// The due day of a charge that was attempted on a day. If the charge of that window is paid, ECPay made the next one
    /// early, where that is nearer.
    pub(crate) fn charge_on(&self, today: NaiveDate) -> NaiveDate {
        let due = self.due_on(today);
        let Some(paid) = self.paid.filter(|paid| due <= *paid) else { return due };
        let next = self.due_after(paid);
        if next - today < today - paid { next } else { due }
    }

    /// Day at which the paid period ends.
    pub(crate) fn paid_until(&self) -> Option<NaiveDate> {
        self.paid.map(|paid| self.due_after(paid))
    }
}

/// A charge is the result of a retry that was requested since the charge before failed, at most a day ago.
fn repeats(charges: &Charges) -> BTreeMap<DateTime<Utc>, DateTime<Utc>> {
    let failed = charges.failures.iter().map(|at| (*at, true));
    let all: BTreeMap<_, _> = failed.chain(charges.successes.iter().map(|at| (*at, false))).collect();
    let mut repeats = BTreeMap::new();
    for ((before, failed), at) in all.iter().zip(all.keys().skip(1)) {
        let asked = |asked: &DateTime<Utc>| before < asked && asked <= at && *at - *asked <= TimeDelta::hours(24);
        if *failed && charges.retries.iter().any(asked) {
            repeats.insert(*at, *before);
        }
    }
    repeats
}

fn before(day: NaiveDate) -> NaiveDate {
    day.checked_sub_days(Days::new(1)).expect("a day of the calendar")
}
