//! Key figures over 7, 30 and 90 days, side by side.

use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::store::billing::counters::by_day::DayCounts;
use shared::store::billing::counters::{CallbackCount, Counter, Counts};

use crate::billing::callbacks::kpis::{KeyFigures, kpis};
use crate::billing::subscriptions::translations::Language;
use crate::console::words::figures::{DeclineWords, FiguresWords};

/// Periods in days, which end today.
pub(super) const PERIODS: [u16; 3] = [7, 30, 90];
/// The longest period.
pub(super) const LONGEST: u16 = 90;

/// Row of the table: a figure in each period.
pub(super) struct FigureRow {
    pub(super) name: String,
    pub(super) values: Vec<String>,
}

/// Counts and figures of a period.
struct Period {
    counts: Counts,
    figures: KeyFigures,
}

/// Makes the table from the counts of the latest days, the earliest first.
pub(super) fn rows(days: &[DayCounts], language: Language) -> Vec<FigureRow> {
    let periods: Vec<Period> = PERIODS.into_iter().map(|length| Period::of(days, length)).collect();
    let table = Table { periods, w: FiguresWords::of(language) };
    let mut rows = table.charges();
    rows.extend(table.recovery(DeclineWords::of(language)));
    rows.extend(table.downgrades());
    rows
}

impl Period {
    fn of(days: &[DayCounts], length: u16) -> Self {
        let mut counts = Counts::default();
        for day in days.iter().rev().take(length.into()) {
            counts.merge(day.counts.clone());
        }
        Self { figures: kpis(&counts), counts }
    }
}

struct Table {
    periods: Vec<Period>,
    w: &'static FiguresWords,
}

impl Table {
    fn row(&self, name: impl Into<String>, value: impl Fn(&Period) -> String) -> FigureRow {
        FigureRow { name: name.into(), values: self.periods.iter().map(value).collect() }
    }

    fn rate(&self, rate: Option<f64>) -> String {
        rate.map_or_else(|| self.w.none_measured.to_owned(), |rate| format!("{rate} %"))
    }

    fn charges(&self) -> Vec<FigureRow> {
        let callbacks = |period: &Period| {
            let kinds = CallbackKind::ALL.iter().map(|kind| period.counts.callbacks(*kind));
            let all = kinds.fold(CallbackCount::default(), CallbackCount::plus);
            format!("{}, {}, {}", all.applied, all.quarantined, all.refused)
        };
        let charges = |period: &Period| {
            format!("{}, {}", period.counts.get(Counter::Charged), period.counts.get(Counter::Declined))
        };
        vec![
            self.row(self.w.payment_success, |period| self.rate(period.figures.payment_success_rate)),
            self.row(self.w.charges, charges),
            self.row(self.w.callback_success, |period| self.rate(period.figures.webhook_success_rate)),
            self.row(self.w.callbacks, callbacks),
        ]
    }

    fn recovery(&self, classes: &DeclineWords) -> Vec<FigureRow> {
        let mut rows = vec![
            self.row(self.w.recovery, |period| self.rate(period.figures.recovery.rate)),
            self.row(self.w.episodes_started, |period| period.figures.recovery.episodes_started.to_string()),
            self.row(self.w.episodes, |period| {
                let KeyFigures { recovery, downgrades, .. } = &period.figures;
                format!("{}, {}", recovery.recovered, downgrades.payment_failure)
            }),
        ];
        // Every period has the same retries and classes.
        let first = self.periods.first().map(|period| &period.figures.recovery);
        for retry in first.into_iter().flat_map(|recovery| recovery.by_retry.keys()) {
            rows.push(self.row(format!("{} {retry}", self.w.by_retry), |period| {
                let figures = period.figures.recovery.by_retry.get(retry);
                figures.map_or_else(String::new, |it| format!("{} ({})", it.recovered, self.rate(it.rate)))
            }));
        }
        for class in first.into_iter().flat_map(|recovery| recovery.by_decline_class.keys()) {
            let name = classes.get(class).unwrap_or(class);
            rows.push(self.row(format!("{}: {name}", self.w.by_class), |period| {
                let figures = period.figures.recovery.by_decline_class.get(class);
                figures.map_or_else(String::new, |it| format!("{} ({})", it.recovered, self.rate(it.rate)))
            }));
        }
        rows.push(self.row(self.w.mean_days, |period| {
            let days = period.figures.recovery.mean_days_to_recover;
            days.map_or_else(|| self.w.none_measured.to_owned(), |days| days.to_string())
        }));
        rows
    }

    fn downgrades(&self) -> Vec<FigureRow> {
        vec![
            self.row(self.w.downgrades, |period| period.figures.downgrades.payment_failure.to_string()),
            self.row(self.w.not_charged, |period| period.figures.downgrades.not_charged.to_string()),
            self.row(self.w.restored, |period| period.figures.plans_restored.to_string()),
        ]
    }
}
