//! Invented values of mails, for previews and for the check of templates at start.

use std::collections::BTreeMap;

use crate::domain::billing::subscription::Locale;

/// A value for each variable of any kind of mail.
const VALUES: [(&str, &str); 32] = [
    ("subscription", "DK20250131SAMPLE0001"),
    ("other", "DK20250131SAMPLE0002"),
    ("plan", "PRO"),
    ("amount", "NT$899"),
    ("amount_known", "true"),
    ("charged", "NT$999"),
    ("charge_due", "2025-02-28"),
    ("charged_on", "2025-02-28"),
    ("charged_at", "2025-02-28 10:05"),
    ("grace_ends_at", "2025-03-07 10:05"),
    ("downgraded_at", "2025-03-10 12:00"),
    ("paid_until", "2025-03-31"),
    ("access_until", "2025-03-31"),
    ("hard_decline", "false"),
    ("retries", "true"),
    ("gwsr", "13400042"),
    ("payment", "DK20250131SAMPLE0001.G13400042"),
    ("outside_ecpay", "false"),
    ("event", "S:2"),
    ("reason", "the amount is another"),
    ("reasons", "unknown order: 2\nanother merchant: 1"),
    ("task", "retry"),
    ("day", "2025-02-28"),
    ("count", "3"),
    ("due", "7"),
    ("sent", "4"),
    ("failed", "2"),
    ("skipped", "1"),
    ("feedback", "permanent bounce (NoEmail, 5.1.1)"),
    ("since", "2025-02-28 10:05"),
    ("endpoint", "sample-endpoint"),
    ("detail", "it answered with HTTP status 500"),
];

/// Values of every kind of mail in a language, all invented.
#[must_use]
pub fn sample_fields(locale: Locale) -> BTreeMap<String, String> {
    let values = VALUES.into_iter().chain([("locale", locale.name())]);
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
