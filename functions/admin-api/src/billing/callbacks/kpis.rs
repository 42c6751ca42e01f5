//! Key figures of the business, computed from the counters of a period. docs/METRICS.md defines each.

use std::collections::BTreeMap;

use serde::Serialize;
use shared::domain::billing::business_events::RetryNumber;
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::DeclineClass;
use shared::store::billing::counters::{CallbackCount, Counter, Counts, MOST_FAILURES};
use utoipa::ToSchema;

const SECONDS_A_DAY: u64 = 86_400;

/// Key figures of a period. Rates are percentages with two decimals, and null where there was nothing to measure.
#[derive(Serialize, ToSchema)]
pub(crate) struct KeyFigures {
    /// Successful ones among the charges that succeeded or failed, in percent.
    #[schema(example = 96.3)]
    pub(crate) payment_success_rate: Option<f64>,
    /// Applied ones among the callbacks that ECPay signed, in percent.
    #[schema(example = 99.12)]
    pub(crate) webhook_success_rate: Option<f64>,
    pub(crate) recovery: RecoveryFigures,
    pub(crate) downgrades: DowngradeFigures,
    /// Plans that a payment restored after the downgrade.
    #[schema(example = 1)]
    pub(crate) plans_restored: u64,
}

/// Dunning episodes that ended in a period.
#[derive(Serialize, ToSchema)]
pub(crate) struct RecoveryFigures {
    /// Episodes that started in the period.
    #[schema(example = 12)]
    pub(crate) episodes_started: u64,
    /// Episodes that were paid before the downgrade.
    #[schema(example = 7)]
    pub(crate) recovered: u64,
    /// Recovered ones among those that ended with a payment or a downgrade, in percent.
    #[schema(example = 70.0)]
    pub(crate) rate: Option<f64>,
    /// By the number of the retry: `1`, `2`, `3` and `4+`.
    pub(crate) by_retry: BTreeMap<&'static str, RetryFigures>,
    /// By the class of the latest decline: `hard_decline` and `soft_decline`.
    pub(crate) by_decline_class: BTreeMap<&'static str, DeclineFigures>,
    /// Mean days from the first failure to the charge that succeeded, with two decimals.
    #[schema(example = 2.5)]
    pub(crate) mean_days_to_recover: Option<f64>,
}

/// Episodes that reached a retry.
#[derive(Serialize, ToSchema)]
pub(crate) struct RetryFigures {
    /// Episodes that this retry ended.
    #[schema(example = 4)]
    pub(crate) recovered: u64,
    /// These among the episodes that reached it, in percent.
    #[schema(example = 40.0)]
    pub(crate) rate: Option<f64>,
}

/// Episodes of a class of declines.
#[derive(Serialize, ToSchema)]
pub(crate) struct DeclineFigures {
    /// Episodes that were paid before the downgrade.
    #[schema(example = 6)]
    pub(crate) recovered: u64,
    /// Episodes that ended with the downgrade.
    #[schema(example = 2)]
    pub(crate) downgraded: u64,
    /// Recovered ones among both, in percent.
    #[schema(example = 75.0)]
    pub(crate) rate: Option<f64>,
}

/// Plans that were downgraded to FREE, by reason.
#[derive(Serialize, ToSchema)]
pub(crate) struct DowngradeFigures {
    /// The grace period ended unpaid.
    #[schema(example = 3)]
    pub(crate) payment_failure: u64,
    /// ECPay made no charge for a week.
    #[schema(example = 0)]
    pub(crate) not_charged: u64,
}

/// Computes the key figures of a period.
pub(crate) fn kpis(counts: &Counts) -> KeyFigures {
    let (charged, declined) = (counts.get(Counter::Charged), counts.get(Counter::Declined));
    let callbacks = CallbackKind::ALL.iter().map(|kind| counts.callbacks(*kind));
    let processed = callbacks.clone().map(|count| count.applied).sum();
    let all = callbacks.map(CallbackCount::total).sum();
    let [recovered, unrecovered] =
        [recovered, unrecovered].map(|count| DeclineClass::ALL.into_iter().map(|class| count(counts, class)).sum());
    let seconds = counts.get(Counter::RecoverySeconds);
    KeyFigures {
        payment_success_rate: percent(charged, charged + declined),
        webhook_success_rate: percent(processed, all),
        recovery: RecoveryFigures {
            episodes_started: counts.get(Counter::EpisodesStarted),
            recovered,
            rate: percent(recovered, recovered + unrecovered),
            by_retry: by_retry(counts),
            by_decline_class: by_class(counts),
            mean_days_to_recover: hundredths(seconds, recovered.saturating_mul(SECONDS_A_DAY)),
        },
        downgrades: DowngradeFigures { payment_failure: unrecovered, not_charged: counts.get(Counter::NotCharged) },
        plans_restored: counts.get(Counter::Restored),
    }
}

/// Recovered episodes and recovery rate of each retry. The rate counts only the episodes that reached that retry.
fn by_retry(counts: &Counts) -> BTreeMap<&'static str, RetryFigures> {
    let recovered =
        |retry| -> u64 { DeclineClass::ALL.map(|class| counts.get(Counter::Recovered(retry, class))).iter().sum() };
    let unrecovered = |failures| -> u64 {
        DeclineClass::ALL.map(|class| counts.get(Counter::Unrecovered(failures, class))).iter().sum()
    };
    // A charge that failed n times had n - 1 retries without success, hence retry 1 begins at 2 failures.
    RetryNumber::ALL
        .into_iter()
        .zip(2..)
        .map(|(retry, failures)| {
            // An episode that a later retry recovered reached this retry without success, too.
            let later: u64 = RetryNumber::ALL.into_iter().filter(|other| *other > retry).map(recovered).sum();
            let unsuccessful: u64 = (failures..=MOST_FAILURES).map(unrecovered).sum();
            let rate = percent(recovered(retry), recovered(retry) + later + unsuccessful);
            (retry.name(), RetryFigures { recovered: recovered(retry), rate })
        })
        .collect()
}

fn by_class(counts: &Counts) -> BTreeMap<&'static str, DeclineFigures> {
    let shown = |class: DeclineClass| {
        let (recovered, downgraded) = (recovered(counts, class), unrecovered(counts, class));
        let rate = percent(recovered, recovered + downgraded);
        (class.name(), DeclineFigures { recovered, downgraded, rate })
    };
    DeclineClass::ALL.into_iter().map(shown).collect()
}

fn recovered(counts: &Counts, class: DeclineClass) -> u64 {
    RetryNumber::ALL.into_iter().map(|retry| counts.get(Counter::Recovered(retry, class))).sum()
}

fn unrecovered(counts: &Counts, class: DeclineClass) -> u64 {
    (1..=MOST_FAILURES).map(|failures| counts.get(Counter::Unrecovered(failures, class))).sum()
}

/// Applied ones among the callbacks that ECPay signed, in percent; 100 where there was none.
pub(crate) fn success_rate(count: CallbackCount) -> f64 {
    percent(count.applied, count.total()).unwrap_or(100.0)
}

/// Share in percent, rounded to two decimals.
pub(crate) fn percent(part: u64, whole: u64) -> Option<f64> {
    hundredths(part.saturating_mul(100), whole)
}

/// Quotient rounded to two decimals; `None` for a divisor of 0.
fn hundredths(dividend: u64, divisor: u64) -> Option<f64> {
    let rounded = dividend.saturating_mul(200).saturating_add(divisor).checked_div(divisor.saturating_mul(2))?;
    // A u32 is exact in an f64; larger quotients do not occur in practice and are capped.
    Some(f64::from(u32::try_from(rounded).unwrap_or(u32::MAX)) / 100.0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_percent_to_two_decimals_and_leave_out_what_ecpay_did_not_sign() {
        let rate = |applied, quarantined| {
            success_rate(CallbackCount { applied, quarantined, not_kept: 1_000, refused: 1_000 })
        };
        assert_eq!(rate(0, 0), 100.0);
        assert_eq!(rate(19, 1), 95.0);
        assert_eq!(rate(2, 1), 66.67);
        assert_eq!(rate(0, 3), 0.0);
        assert_eq!(rate(1, 5), 16.67);
    }
}
