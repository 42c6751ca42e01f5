//! Key figures of the business, computed from the counters of a period. docs/METRICS.md defines each.

use serde_json::{Map, Value, json};
use shared::domain::billing::business_events::RetryNumber;
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::DeclineClass;
use shared::store::billing::counters::{CallbackCount, Counter, Counts, MOST_FAILURES};

const SECONDS_A_DAY: u64 = 86_400;

/// Returns the `kpis` of `webhook-stats`; `null` where there was nothing to measure.
pub(crate) fn kpis(counts: &Counts) -> Value {
    let (charged, declined) = (counts.get(Counter::Charged), counts.get(Counter::Declined));
    let callbacks = CallbackKind::ALL.iter().map(|kind| counts.callbacks(*kind));
    let processed = callbacks.clone().map(|count| count.applied).sum();
    let all = callbacks.map(CallbackCount::total).sum();
    let [recovered, unrecovered] =
        [recovered, unrecovered].map(|count| DeclineClass::ALL.into_iter().map(|class| count(counts, class)).sum());
    json!({
        "payment_success_rate": percent(charged, charged + declined),
        "webhook_success_rate": percent(processed, all),
        "recovery": {
            "episodes_started": counts.get(Counter::EpisodesStarted),
            "recovered": recovered,
            "rate": percent(recovered, recovered + unrecovered),
            "by_retry": by_retry(counts),
            "by_decline_class": by_class(counts),
            "mean_days_to_recover": hundredths(counts.get(Counter::RecoverySeconds), recovered.saturating_mul(SECONDS_A_DAY)),
        },
        "downgrades": { "payment_failure": unrecovered, "not_charged": counts.get(Counter::NotCharged) },
        "plans_restored": counts.get(Counter::Restored),
    })
}

/// Recovered episodes and recovery rate of each retry. The rate counts only the episodes that reached that retry.
fn by_retry(counts: &Counts) -> Map<String, Value> {
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
            (retry.name().to_owned(), json!({ "recovered": recovered(retry), "rate": rate }))
        })
        .collect()
}

fn by_class(counts: &Counts) -> Map<String, Value> {
    let shown = |class: DeclineClass| {
        let (recovered, unrecovered) = (recovered(counts, class), unrecovered(counts, class));
        let rate = percent(recovered, recovered + unrecovered);
        (class.name().to_owned(), json!({ "recovered": recovered, "downgraded": unrecovered, "rate": rate }))
    };
    DeclineClass::ALL.into_iter().map(shown).collect()
}

fn recovered(counts: &Counts, class: DeclineClass) -> u64 {
    RetryNumber::ALL.into_iter().map(|retry| counts.get(Counter::Recovered(retry, class))).sum()
}

fn unrecovered(counts: &Counts, class: DeclineClass) -> u64 {
    (1..=MOST_FAILURES).map(|failures| counts.get(Counter::Unrecovered(failures, class))).sum()
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
