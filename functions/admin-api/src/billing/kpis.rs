//! The business's key figures, from what was counted over a period. Each is defined in docs/METRICS.md.

use serde_json::{Map, Value, json};
use shared::domain::billing::business_events::RetryNumber;
use shared::domain::billing::payment::DeclineClass;
use shared::store::billing::counters::{Counter, Counts, MOST_FAILURES};
use shared::store::table::record::WebhookType;

const SECONDS_A_DAY: u64 = 86_400;

/// What `webhook-stats` shows of a period; `null` where there was nothing to measure.
pub(crate) fn kpis(counts: &Counts) -> Value {
    let (charged, declined) = (counts.get(Counter::Charged), counts.get(Counter::Declined));
    let callbacks = WebhookType::ALL.map(|kind| counts.callbacks(kind));
    let processed = callbacks.iter().map(|count| count.success).sum();
    let all = callbacks.iter().map(|count| count.total()).sum();
    let [won, lost] = [won, lost].map(|count| DeclineClass::ALL.into_iter().map(|class| count(counts, class)).sum());
    json!({
        "payment_success_rate": percent(charged, charged + declined),
        "webhook_success_rate": percent(processed, all),
        "recovery": {
            "episodes_begun": counts.get(Counter::EpisodesStarted),
            "recovered": won,
            "rate": percent(won, won + lost),
            "by_retry": by_retry(counts),
            "by_decline_class": by_class(counts),
            "mean_days_to_recover": hundredths(counts.get(Counter::WonSeconds), won.saturating_mul(SECONDS_A_DAY)),
        },
        "downgrades": { "payment_failure": lost, "not_charged": counts.get(Counter::NotCharged) },
        "plans_restored": counts.get(Counter::Restored),
    })
}

/// Of the episodes that came to a retry: how many it ended.
fn by_retry(counts: &Counts) -> Map<String, Value> {
    let won =
        |retry| -> u64 { DeclineClass::ALL.map(|class| counts.get(Counter::Recovered(retry, class))).iter().sum() };
    let lost = |failures| -> u64 {
        DeclineClass::ALL.map(|class| counts.get(Counter::Unrecovered(failures, class))).iter().sum()
    };
    // A charge that failed n times was tried again n - 1 times in vain.
    RetryNumber::ALL
        .into_iter()
        .zip(2..)
        .map(|(retry, failures)| {
            let later: u64 = RetryNumber::ALL.into_iter().filter(|other| *other > retry).map(won).sum();
            let in_vain: u64 = (failures..=MOST_FAILURES).map(lost).sum();
            let rate = percent(won(retry), won(retry) + later + in_vain);
            (retry.name().to_owned(), json!({ "recovered": won(retry), "rate": rate }))
        })
        .collect()
}

fn by_class(counts: &Counts) -> Map<String, Value> {
    let shown = |class: DeclineClass| {
        let (won, lost) = (won(counts, class), lost(counts, class));
        (class.name().to_owned(), json!({ "recovered": won, "downgraded": lost, "rate": percent(won, won + lost) }))
    };
    DeclineClass::ALL.into_iter().map(shown).collect()
}

fn won(counts: &Counts, class: DeclineClass) -> u64 {
    RetryNumber::ALL.into_iter().map(|retry| counts.get(Counter::Recovered(retry, class))).sum()
}

fn lost(counts: &Counts, class: DeclineClass) -> u64 {
    (1..=MOST_FAILURES).map(|failures| counts.get(Counter::Unrecovered(failures, class))).sum()
}

/// A share in percent, to two decimals.
pub(crate) fn percent(part: u64, whole: u64) -> Option<f64> {
    hundredths(part.saturating_mul(100), whole)
}

/// A quotient to two decimals; none where there is nothing to divide by.
fn hundredths(dividend: u64, divisor: u64) -> Option<f64> {
    let rounded = dividend.saturating_mul(200).saturating_add(divisor).checked_div(divisor.saturating_mul(2))?;
    Some(f64::from(u32::try_from(rounded).unwrap_or(u32::MAX)) / 100.0)
}
