//! Due dates of an order's charges, and the charge that a date belongs to.

use crate::domain::billing::plan::BillingCycle;
use crate::domain::values::time::LocalDate;

/// Calendar of one order: charge 1 on the anchor date, charge n that many months or years later. Every date is computed
/// from the anchor, so that 31 January is followed by 28 February and 31 March. Staff can move the charge day in ECPay's
/// console; from then on the dates are computed from the day to which it was moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BillingCalendar {
    anchor: LocalDate,
    /// Days to which the charge day was moved, in ascending order.
    moved: Vec<LocalDate>,
    cycle: BillingCycle,
}

impl BillingCalendar {
    /// The calendar of an order first charged on `anchor` (Asia/Taipei).
    #[must_use]
    pub const fn new(anchor: LocalDate, cycle: BillingCycle) -> Self {
        Self { anchor, moved: Vec::new(), cycle }
    }

    /// Computes the due dates from `day` on instead of from the anchor, beginning with the window of `day`. Ignored
    /// unless it is later than the anchor in force.
    pub fn move_to(&mut self, day: LocalDate) {
        if day > self.latest_anchor() {
            self.moved.push(day);
        }
    }

    /// The day from which the latest due dates are computed.
    #[must_use]
    pub fn latest_anchor(&self) -> LocalDate {
        self.moved.last().copied().unwrap_or(self.anchor)
    }

    /// The due date of the charge that a charge made on `day` belongs to: from one day before its due date until two
    /// days before the next one (Asia/Taipei).
    #[must_use]
    pub fn due_on(&self, day: LocalDate) -> LocalDate {
        let anchor = self.anchor_on(day);
        self.due(anchor, self.charge_on(anchor, day))
    }

    /// The first due date after the due date `due`.
    #[must_use]
    pub fn due_after(&self, due: LocalDate) -> LocalDate {
        let anchor = self.anchor_on(due);
        let next = self.due(anchor, self.charge_on(anchor, due).saturating_add(1));
        self.moved.iter().find(|moved| **moved > due).map_or(next, |moved| next.min(*moved))
    }

    fn anchor_on(&self, day: LocalDate) -> LocalDate {
        self.moved.iter().rev().find(|moved| moved.plus_days(-1) <= day).copied().unwrap_or(self.anchor)
    }

    /// The due date of charge `number`, counted from 1 at the anchor.
    fn due(&self, anchor: LocalDate, number: u32) -> LocalDate {
        anchor.plus_months(number.saturating_sub(1).saturating_mul(self.cycle.months()))
    }

    fn charge_on(&self, anchor: LocalDate, day: LocalDate) -> u32 {
        let months = (day.month_number() - anchor.month_number()).max(0);
        let cycles = u32::try_from(months / i64::from(self.cycle.months())).unwrap_or(u32::MAX);
        // The month number may be one short of the charge whose window began the day before its due date.
        let candidates = [cycles.saturating_add(2), cycles.saturating_add(1)];
        candidates.into_iter().find(|number| self.due(anchor, *number).plus_days(-1) <= day).unwrap_or(cycles).max(1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::test_support::day;

    #[test]
    fn a_charge_belongs_to_the_due_day_from_the_day_before() {
        let calendar = BillingCalendar::new(day("2025-01-31"), BillingCycle::Monthly);
        let expected = [
            ("2025-01-31", "2025-01-31"),
            ("2025-02-26", "2025-01-31"),
            ("2025-02-27", "2025-02-28"),
            ("2025-02-28", "2025-02-28"),
            ("2025-03-29", "2025-02-28"),
            ("2025-03-30", "2025-03-31"),
            ("2025-03-31", "2025-03-31"),
            ("2025-04-28", "2025-03-31"),
            ("2025-04-29", "2025-04-30"),
            ("2024-12-01", "2025-01-31"),
        ];
        for (text, due) in expected {
            assert_eq!(calendar.due_on(day(text)), day(due), "{text}");
        }
    }

    #[test]
    fn every_day_of_years_lies_in_the_window_of_its_charge() {
        for (anchor, cycle) in [
            ("2024-02-29", BillingCycle::Annual),
            ("2024-01-31", BillingCycle::Monthly),
            ("2025-05-01", BillingCycle::Monthly),
            ("2023-12-31", BillingCycle::Annual),
        ] {
            let calendar = BillingCalendar::new(day(anchor), cycle);
            for offset in 0..1500 {
                let today = day(anchor).plus_days(offset);
                let due = calendar.due_on(today);
                assert!(due == day(anchor) || due.plus_days(-1) <= today, "{anchor} {today}");
                assert!(today < calendar.due_after(due).plus_days(-1), "{anchor} {today}");
            }
        }
    }

    #[test]
    fn a_charge_day_that_was_moved_ends_the_old_series_at_its_own_window() {
        let mut earlier = BillingCalendar::new(day("2025-01-05"), BillingCycle::Monthly);
        earlier.move_to(day("2025-03-03"));
        let mut later = BillingCalendar::new(day("2025-01-05"), BillingCycle::Monthly);
        later.move_to(day("2025-04-15"));
        for (calendar, text, due, next) in [
            (&earlier, "2025-02-20", "2025-02-05", "2025-03-03"),
            (&earlier, "2025-03-01", "2025-02-05", "2025-03-03"),
            (&earlier, "2025-03-02", "2025-03-03", "2025-04-03"),
            (&earlier, "2025-04-05", "2025-04-03", "2025-05-03"),
            (&later, "2025-03-05", "2025-03-05", "2025-04-05"),
            (&later, "2025-04-13", "2025-04-05", "2025-04-15"),
            (&later, "2025-04-14", "2025-04-15", "2025-05-15"),
        ] {
            let found = calendar.due_on(day(text));
            assert_eq!((found, calendar.due_after(found)), (day(due), day(next)), "{text}");
        }
    }
}
