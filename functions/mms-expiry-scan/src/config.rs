//! Settings of the function, named as in the MMS document.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;
use std::time::Duration;

use reqwest::Url;
use shared::domain::institutions::expiry_tier::TierThresholds;
use shared::domain::values::time::LocalDate;
use shared::exclusive_run::RunRules;
use shared::platform::config::{Invalid, Reader};
use shared::platform::logging::LEVELS;
use shared::slack::{ANSWERS_HOST, API_HOST};

/// Settings before the secret is read, so that the faults of both are reported at once.
pub struct UncheckedConfig {
    pub(crate) config: Result<Config, Invalid>,
    pub(crate) secret_id: Option<String>,
}

/// Longest wait before a retry, in seconds. A longer Retry-After ends this attempt of the run.
pub(crate) const LONGEST_WAIT: u32 = 60;

/// Settings of the function, without its keys.
#[derive(Clone, Debug)]
pub struct Config {
    pub(crate) table: String,
    pub(crate) mms: Mms,
    pub(crate) slack: Slack,
    pub(crate) tiers: TierThresholds,
    /// `NOTIFICATION_DAYS_THRESHOLD`: days before expiry from which an institution is shown in full.
    pub(crate) full_within: u32,
    /// `EXPIRY_HOLIDAYS`: days in Taipei on which the schedule posts nothing.
    pub(crate) holidays: BTreeSet<LocalDate>,
    /// `EXPIRY_POST_NOTHING_DUE`: true if a day without content has a digest that says so.
    pub(crate) posts_nothing_due: bool,
    /// `SLACK_ACKNOWLEDGE_BUTTONS`: true if institutions of a digest have a button that acknowledges them.
    pub(crate) has_buttons: bool,
}

/// Settings of the MMS client.
#[derive(Clone, Debug)]
pub(crate) struct Mms {
    pub(crate) base: Url,
    pub(crate) timeout: Duration,
    /// Retries per page.
    pub(crate) retries: u32,
    /// Seconds before the first retry; doubles with each further one.
    pub(crate) delay: u32,
    pub(crate) page_size: u32,
}

/// Settings of the Slack client.
#[derive(Clone, Debug)]
pub(crate) struct Slack {
    /// Channel of a bot's messages. A webhook has a channel of its own.
    pub(crate) channel: String,
    pub(crate) timeout: Duration,
    /// Pause between two messages.
    pub(crate) pace: Duration,
    pub(crate) endpoint: String,
    /// Address below which interactions are answered.
    pub(crate) answers: Url,
}

impl UncheckedConfig {
    /// Reads the settings through `lookup`.
    #[must_use]
    pub fn read(lookup: &dyn Fn(&str) -> Option<String>) -> Self {
        Self { config: Config::parse(lookup), secret_id: Reader::new(lookup).optional("EXPIRY_SECRET_ID") }
    }
}

impl Config {
    /// Reads the settings through `lookup`.
    ///
    /// # Errors
    /// [`Invalid`] with all faults at once.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let table = reader.required("TABLE_NAME");
        // Read by UncheckedConfig too; here only for the fault where it is missing.
        reader.required("EXPIRY_SECRET_ID");
        // MMS's path has no version; v1 names the protocol of this client.
        reader.parsed("MMS_API_VERSION", |value| if value == "v1" { Ok(()) } else { Err("must be v1") });
        if reader.optional("LOG_LEVEL").is_some_and(|level| !LEVELS.contains(&level.to_ascii_lowercase().as_str())) {
            reader.fault("LOG_LEVEL", "must be error, warning, info or debug");
        }
        let mms = Mms::parse(&mut reader);
        let slack = Slack::parse(&mut reader);
        let tiers = reader.tiers();
        let full_within = number(&mut reader, "NOTIFICATION_DAYS_THRESHOLD", 0..=3_650, "must be 0 to 3650 days");
        let holidays = holidays(&mut reader);
        let (posts_nothing_due, has_buttons) =
            (reader.optional_flag("EXPIRY_POST_NOTHING_DUE"), reader.optional_flag("SLACK_ACKNOWLEDGE_BUTTONS"));
        let config = match (mms, slack, tiers, full_within, holidays) {
            (Some(mms), Some(slack), Some(tiers), Some(full_within), Some(holidays)) => {
                Some(Self { table, mms, slack, tiers, full_within, holidays, posts_nothing_due, has_buttons })
            }
            _ => None,
        };
        reader.finish(config)
    }
}

impl Mms {
    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let base = reader.parsed("MMS_BASE_URL", address);
        let timeout = seconds(reader, "API_TIMEOUT", 1..=100, "must be 1 to 100 seconds");
        let retries = number(reader, "API_MAX_RETRIES", 0..=10, "must be 0 to 10");
        let delay = number(reader, "API_RETRY_DELAY", 0..=60, "must be 0 to 60 seconds");
        let page_size = number(reader, "API_PAGE_SIZE", 1..=100, "must be 1 to 100");
        let mms = Self { base: base?, timeout: timeout?, retries: retries?, delay: delay?, page_size: page_size? };
        let longest = mms.longest_page();
        let limit = RunRules::SENDING.run_seconds;
        if longest > limit {
            let names = "API_TIMEOUT, API_MAX_RETRIES, API_RETRY_DELAY:";
            reader.fault(names, &format!("one page may take {longest} seconds, and a run has {limit}"));
        }
        Some(mms)
    }
}

impl Mms {
    /// Seconds that one page takes if MMS never answers: each attempt its timeout, before each retry twice the wait of the one
    /// before.
    fn longest_page(&self) -> u64 {
        let waits = (0..self.retries).map(|retry| self.wait(retry)).sum::<u64>();
        self.timeout.as_secs() * (u64::from(self.retries) + 1) + waits
    }

    fn wait(&self, retry: u32) -> u64 {
        u64::from(self.delay).saturating_mul(2_u64.saturating_pow(retry)).min(LONGEST_WAIT.into())
    }
}

impl Slack {
    fn parse(reader: &mut Reader<'_>) -> Option<Self> {
        let channel = reader.parsed("SLACK_CHANNEL", |value| {
            let fits = (2..=80).contains(&value.chars().count()) && !value.chars().any(char::is_whitespace);
            if fits { Ok(value.to_owned()) } else { Err("must be a channel's name or id without blanks") }
        });
        let timeout = seconds(reader, "SLACK_TIMEOUT", 1..=60, "must be 1 to 60 seconds");
        let pace = seconds(reader, "SLACK_PACE_SECONDS", 0..=10, "must be 0 to 10 seconds");
        let simulated = reader.endpoint("SLACK_ENDPOINT_URL");
        let answers = Url::parse(simulated.as_deref().unwrap_or(ANSWERS_HOST)).ok();
        let endpoint = simulated.unwrap_or_else(|| API_HOST.to_owned());
        Some(Self { channel: channel?, timeout: timeout?, pace: pace?, endpoint, answers: answers? })
    }
}

/// Reads days separated by commas; none where the setting is empty.
fn holidays(reader: &mut Reader<'_>) -> Option<BTreeSet<LocalDate>> {
    let Some(days) = reader.optional("EXPIRY_HOLIDAYS") else { return Some(BTreeSet::new()) };
    let days = days.split(',').map(|day| LocalDate::parse(day.trim())).collect::<Result<_, _>>().ok();
    if days.is_none() {
        reader.fault("EXPIRY_HOLIDAYS", "must be days like 2027-01-01, separated by commas");
    }
    days
}

fn number(reader: &mut Reader<'_>, name: &str, range: RangeInclusive<u32>, rule: &'static str) -> Option<u32> {
    reader.parsed(name, |value| value.parse().ok().filter(|number| range.contains(number)).ok_or(rule))
}

fn seconds(reader: &mut Reader<'_>, name: &str, range: RangeInclusive<u32>, rule: &'static str) -> Option<Duration> {
    number(reader, name, range, rule).map(|seconds| Duration::from_secs(seconds.into()))
}

/// Parses an address to which a key may be sent: over TLS, or on the loopback interface.
pub(crate) fn address(value: &str) -> Result<Url, &'static str> {
    let rule = "must be an https address";
    let url = Url::parse(value).map_err(|_| rule)?;
    // Plain HTTP for the sandbox only, which listens on this address.
    let is_safe = url.scheme() == "https" || (url.scheme() == "http" && url.host_str() == Some("127.0.0.1"));
    let is_plain = url.username().is_empty() && url.password().is_none() && url.fragment().is_none();
    if is_safe && is_plain && url.query().is_none() { Ok(url) } else { Err(rule) }
}
