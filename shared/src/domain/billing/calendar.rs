//! Due dates of an order's charges, and the charge that a date belongs to.

use crate::domain::billing::plan::BillingCycle;
use crate::domain::values::time::LocalDate;

/// Calendar of one order: charge 1 on the anchor date, charge n that many months or years later. Every date is computed
/// from the anchor, so that 31 January is followed by 28 February and 31 March.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct BillingCalendar {
    anchor: LocalDate,
    cycle: BillingCycle,
}

impl BillingCalendar {
    /// The calendar of an order first charged on `anchor` (Asia/Taipei).
    #[must_use]
    pub const fn new(anchor: LocalDate, cycle: BillingCycle) -> Self {
        Self { anchor, cycle }
    }

    /// The due date of charge `number`, counted from 1.
    #[must_use]
    pub fn due(&self, number: u32) -> LocalDate {
        self.anchor.plus_months(number.saturating_sub(1).saturating_mul(self.cycle.months()))
    }

    /// The number of the charge that a charge made on `day` belongs to: from one day before its due date until two days
    /// before the next one (Asia/Taipei).
    #[must_use]
    pub fn charge_on(&self, day: LocalDate) -> u32 {
        let months = (day.month_number() - self.anchor.month_number()).max(0);
        let cycles = u32::try_from(months / i64::from(self.cycle.months())).unwrap_or(u32::MAX);
        // The month number may be one short of the charge whose window began the day before its due date.
        let candidates = [cycles.saturating_add(2), cycles.saturating_add(1)];
        candidates.into_iter().find(|number| self.due(*number).plus_days(-1) <= day).unwrap_or(cycles).max(1)
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
            ("2025-01-31", 1),
            ("2025-02-26", 1),
            ("2025-02-27", 2),
            ("2025-02-28", 2),
            ("2025-03-29", 2),
            ("2025-03-30", 3),
            ("2025-03-31", 3),
            ("2025-04-28", 3),
            ("2025-04-29", 4),
            ("2024-12-01", 1),
        ];
        for (text, number) in expected {
            assert_eq!(calendar.charge_on(day(text)), number, "{text}");
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
                let number = calendar.charge_on(today);
                assert!(number == 1 || calendar.due(number).plus_days(-1) <= today, "{anchor} {today}");
                assert!(today < calendar.due(number + 1).plus_days(-1), "{anchor} {today}");
            }
        }
    }
}
