//! Payment success and recovery by day, and their charts.

use shared::domain::billing::business_events::RetryNumber;
use shared::domain::billing::payments::payment::DeclineClass;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::store::billing::counters::by_day::DayCounts;
use shared::store::billing::counters::{Counter, Counts, MOST_FAILURES};

use crate::api::ApiState;
use crate::billing::callbacks::kpis::percent;
use crate::console::page::chart::{Bar, Chart};
use crate::console::words::figures::FiguresWords;
use crate::http::response::Failure;

/// Payments and dunning episodes of a day (Asia/Taipei).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct DayFigures {
    pub(crate) day: LocalDate,
    pub(crate) payments: Outcomes,
    pub(crate) episodes: Outcomes,
}

/// Numbers of what ended well and badly.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Outcomes {
    /// Charges that succeeded; episodes that were paid before the downgrade.
    pub(crate) good: u64,
    /// Charges that failed; episodes that ended with a downgrade.
    pub(crate) bad: u64,
}

/// Returns the figures of the latest days, the earliest first, today as the last.
pub(crate) async fn figures_of(api: &ApiState, days: u16, now: Timestamp) -> Result<Vec<DayFigures>, Failure> {
    let counted = api.store.billing.counts_by_day(days, now).await?;
    Ok(counted.iter().map(DayFigures::of).collect())
}

/// Chart of the charges by day: succeeded and failed.
pub(crate) fn payment_chart(days: &[DayFigures], words: &FiguresWords) -> Chart {
    let names = Names { title: words.payment_success, good: words.paid, bad: words.declined };
    names.chart(days, |day| day.payments)
}

/// Chart of the dunning episodes by the day of their end: recovered and downgraded.
pub(crate) fn recovery_chart(days: &[DayFigures], words: &FiguresWords) -> Chart {
    let names = Names { title: words.recovery, good: words.recovered, bad: words.downgraded };
    names.chart(days, |day| day.episodes)
}

impl DayFigures {
    pub(super) fn of(counted: &DayCounts) -> Self {
        let counts = &counted.counts;
        let payments = Outcomes { good: counts.get(Counter::Charged), bad: counts.get(Counter::Declined) };
        Self { day: counted.day, payments, episodes: episodes(counts) }
    }
}

fn episodes(counts: &Counts) -> Outcomes {
    let of_class = |class: DeclineClass| {
        let recovered = RetryNumber::ALL.into_iter().map(|retry| counts.get(Counter::Recovered(retry, class)));
        let unrecovered = (1..=MOST_FAILURES).map(|failures| counts.get(Counter::Unrecovered(failures, class)));
        Outcomes { good: recovered.sum(), bad: unrecovered.sum() }
    };
    DeclineClass::ALL.into_iter().map(of_class).fold(Outcomes::default(), Outcomes::plus)
}

impl Outcomes {
    const fn plus(self, other: Self) -> Self {
        Self { good: self.good.saturating_add(other.good), bad: self.bad.saturating_add(other.bad) }
    }

    const fn all(self) -> u64 {
        self.good.saturating_add(self.bad)
    }
}

/// Title and terms of a chart.
struct Names {
    title: &'static str,
    good: &'static str,
    bad: &'static str,
}

impl Names {
    fn chart(&self, days: &[DayFigures], of: impl Fn(&DayFigures) -> Outcomes) -> Chart {
        let bar = |day: &DayFigures| {
            let outcomes = of(day);
            let name: String = day.day.to_string().chars().skip(5).collect();
            let about = format!("{}: {}", day.day, self.text(outcomes));
            Bar { name, value: Some(outcomes.all()), bad: outcomes.bad, about }
        };
        let sum = days.iter().map(&of).fold(Outcomes::default(), Outcomes::plus);
        let rate = percent(sum.good, sum.all()).map_or_else(String::new, |rate| format!(" {rate} %"));
        let about = format!("{}{rate} ({})", self.title, self.text(sum));
        Chart::new(about, days.iter().map(bar).collect(), None, |most| most.to_string())
    }

    fn text(&self, outcomes: Outcomes) -> String {
        format!("{} {}, {} {}", self.good, outcomes.good, self.bad, outcomes.bad)
    }
}
