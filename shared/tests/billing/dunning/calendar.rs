//! Calendar of the oracle: Gregorian dates and Taipei's midnights as plain integers, without a library.

/// Seconds in a minute.
pub(crate) const MINUTE: i64 = 60;
/// Seconds in an hour.
pub(crate) const HOUR: i64 = 60 * MINUTE;
/// Seconds in a day.
pub(crate) const DAY: i64 = 24 * HOUR;
/// Offset of Taipei: UTC+8 all year.
const TAIPEI: i64 = 8 * HOUR;

/// Days of a common year before each month. A table, because the long tables of cases ask for millions of days.
const BEFORE_MONTH: [i64; 12] = [0, 31, 59, 90, 120, 151, 181, 212, 243, 273, 304, 334];

fn is_leap(year: i64) -> bool {
    year % 4 == 0 && (year % 100 != 0 || year % 400 == 0)
}

/// Number of days in a month.
pub(crate) fn month_length(year: i64, month: i64) -> i64 {
    match month {
        2 if is_leap(year) => 29,
        2 => 28,
        4 | 6 | 9 | 11 => 30,
        _ => 31,
    }
}

/// Number of a date; 1970-01-01 is 0.
pub(crate) fn day_number(year: i64, month: i64, day: i64) -> i64 {
    let past = year - 1;
    let years = past * 365 + past / 4 - past / 100 + past / 400;
    let months = BEFORE_MONTH[usize::try_from(month - 1).unwrap()] + i64::from(month > 2 && is_leap(year));
    years + months + day - 1 - 719_162
}

/// Year, month and day of a date's number.
pub(crate) fn civil(number: i64) -> (i64, i64, i64) {
    let mut year = 1970 + number / 366;
    while day_number(year + 1, 1, 1) <= number {
        year += 1;
    }
    let mut month = 1;
    while month < 12 && day_number(year, month + 1, 1) <= number {
        month += 1;
    }
    (year, month, number - day_number(year, month, 1) + 1)
}

/// Date as `yyyy-MM-dd`.
pub(crate) fn iso(number: i64) -> String {
    let (year, month, day) = civil(number);
    format!("{year:04}-{month:02}-{day:02}")
}

/// First second of a date in Taipei.
pub(crate) fn midnight(number: i64) -> i64 {
    number * DAY - TAIPEI
}

/// Date of an instant in Taipei.
pub(crate) fn day_of(instant: i64) -> i64 {
    (instant + TAIPEI).div_euclid(DAY)
}

/// Instant given as Taipei time.
pub(crate) fn at(year: i64, month: i64, day: i64, seconds: i64) -> i64 {
    midnight(day_number(year, month, day)) + seconds
}

/// Instant in the message of a failed case.
pub(crate) fn show(instant: i64) -> String {
    let second = (instant + TAIPEI).rem_euclid(DAY);
    format!("{} {:02}:{:02}:{:02}", iso(day_of(instant)), second / HOUR, second % HOUR / MINUTE, second % MINUTE)
}

/// Due dates of an order, from its anchor and the months between two charges.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Dues {
    /// Number of the date of charge 1.
    pub(crate) anchor: i64,
    /// Months between two charges: 1 or 12.
    pub(crate) months: i64,
}

impl Dues {
    /// Due date of charge `k`, counted from 1: the anchor's day of the month, or the month's last.
    pub(crate) fn due(self, k: i64) -> i64 {
        let (year, month, day) = civil(self.anchor);
        let months = year * 12 + (month - 1) + (k - 1) * self.months;
        let (year, month) = (months / 12, months % 12 + 1);
        day_number(year, month, day.min(month_length(year, month)))
    }

    /// First second of charge `k`'s window, which ends where the next begins.
    pub(crate) fn window(self, k: i64) -> i64 {
        midnight(self.due(k) - 1)
    }

    /// Charge in whose window an instant lies; earlier instants belong to the first charge.
    pub(crate) fn charge_of(self, instant: i64) -> i64 {
        let mut k = 1;
        while self.window(k + 1) <= instant {
            k += 1;
        }
        k
    }
}

/// Due dates of an order whose charge day may have been moved: a series for each day to which it was moved.
#[derive(Clone, Debug)]
pub(crate) struct DueDays {
    pub(crate) first: Dues,
    /// Days to which the charge day was moved, in ascending order.
    pub(crate) moved: Vec<i64>,
}

impl DueDays {
    /// All due dates: each series ends where the next begins.
    fn all(&self) -> impl Iterator<Item = i64> + '_ {
        (0..=self.moved.len()).flat_map(|place| {
            let anchor = if place == 0 { self.first.anchor } else { self.moved[place - 1] };
            let end = self.moved.get(place).copied().unwrap_or(i64::MAX);
            let series = Dues { anchor, months: self.first.months };
            (1..).map(move |k| series.due(k)).take_while(move |due| *due < end)
        })
    }

    /// Due date in whose window a day lies: a window begins a day before its due date and ends where the next begins.
    pub(crate) fn of(&self, day: i64) -> i64 {
        self.all().take_while(|due| due - 1 <= day).last().unwrap_or(self.first.anchor)
    }

    /// "Terms are read, not assumed": a failure two to seven days ahead of its due date is on the day to which the charge day
    /// was moved. The charge day after that one.
    pub(crate) fn shown_by(&self, day: i64) -> Option<i64> {
        let (before, ahead) = (day - self.of(day), self.after(self.of(day)) - day);
        ((2..=7).contains(&ahead) && ahead < before).then(|| Dues { anchor: day, ..self.first }.due(2))
    }

    /// Due date after that one.
    pub(crate) fn after(&self, due: i64) -> i64 {
        self.all().find(|next| *next > due).unwrap_or(i64::MAX)
    }
}
