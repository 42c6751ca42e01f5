//! Payments of the latest twelve months.

use futures::future::try_join_all;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::store::billing::find::payments::{MonthTotals, ZONE};

use crate::api::ApiState;
use crate::console::billing::figures::PATH;
use crate::console::page::address;
use crate::console::page::chart::{Bar, Chart};
use crate::console::words::figures::FiguresWords;
use crate::http::response::Failure;

const MONTHS: usize = 12;
/// Most payments of a month that the sums are made of: each is read.
const MOST: usize = 1_000;

/// Month of the table.
pub(super) struct ShownMonth {
    pub(super) name: String,
    pub(super) totals: MonthTotals,
    pub(super) received: String,
    pub(super) refunded: String,
    pub(super) net: String,
    /// Address of the file for accounting.
    pub(super) file: String,
}

/// Reads the payments of the latest months, the latest first.
pub(super) async fn months(api: &ApiState, now: Timestamp) -> Result<Vec<ShownMonth>, Failure> {
    let mut firsts = Vec::with_capacity(MONTHS);
    let mut day = now.day(ZONE);
    for _ in 0..MONTHS {
        let first = first_of(day);
        firsts.push(first);
        day = first.plus_days(-1);
    }
    let totals = try_join_all(firsts.iter().map(|first| api.store.billing.month_totals(*first, MOST))).await?;
    Ok(firsts.into_iter().zip(totals).map(|(first, totals)| ShownMonth::new(first, totals)).collect())
}

/// Chart of what came in by month, with what went back of it.
pub(super) fn chart(months: &[ShownMonth], words: &FiguresWords) -> Chart {
    let bar = |month: &ShownMonth| Bar {
        name: month.name.clone(),
        value: Some(month.totals.received_twd),
        bad: month.totals.refunded_twd,
        about: format!("{}: {} {}, {} {}", month.name, words.received, month.received, words.refunded, month.refunded),
    };
    let about: Vec<String> = months.iter().rev().map(|month| format!("{} {}", month.name, month.received)).collect();
    let about = format!("{}: {}", words.by_month, about.join(", "));
    Chart::new(about, months.iter().rev().map(bar).collect(), None, amount)
}

impl ShownMonth {
    fn new(first: LocalDate, totals: MonthTotals) -> Self {
        let name: String = first.to_string().chars().take(7).collect();
        let parameters = [("month", Some(name.clone())), ("format", Some("csv".to_owned()))];
        Self {
            received: amount(totals.received_twd),
            refunded: amount(totals.refunded_twd),
            net: amount(totals.received_twd.saturating_sub(totals.refunded_twd)),
            file: address::with(PATH, parameters),
            name,
            totals,
        }
    }
}

/// First day of the month of a day.
fn first_of(day: LocalDate) -> LocalDate {
    let of_month = day.to_string().rsplit_once('-').and_then(|(_, number)| number.parse::<i64>().ok());
    day.plus_days(1 - of_month.unwrap_or(1))
}

/// Amount with signs between the thousands: `NT$12,345`.
fn amount(dollars: u64) -> String {
    let digits = dollars.to_string();
    let mut text = String::from("NT$");
    for (place, digit) in digits.chars().enumerate() {
        if place > 0 && (digits.len() - place).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_signs_between_the_thousands() {
        let shown = [0, 899, 1_000, 12_345, 1_234_567].map(amount);
        assert_eq!(shown, ["NT$0", "NT$899", "NT$1,000", "NT$12,345", "NT$1,234,567"]);
    }

    #[test]
    fn the_first_of_a_month_is_that_of_each_of_its_days() {
        for (day, first) in [("2025-03-31", "2025-03-01"), ("2025-03-01", "2025-03-01"), ("2024-02-29", "2024-02-01")] {
            assert_eq!(first_of(LocalDate::parse(day).unwrap()), LocalDate::parse(first).unwrap());
        }
    }
}
