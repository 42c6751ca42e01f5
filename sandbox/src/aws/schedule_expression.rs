//! Schedules in the words of EventBridge Scheduler: `cron(…)` with six fields in a zone, `rate(n minutes)`, `at(time)`.

use std::str::FromStr;

use chrono::{DateTime, NaiveDateTime, TimeDelta, Utc};
use chrono_tz::Tz;
use croner::Cron;

/// A schedule of a function: its expression, time zone and event.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// Its name in the template.
    pub name: String,
    /// The function that it calls, by its logical name.
    pub function: String,
    /// Event of the function, with `<aws.scheduler.scheduled-time>` still in it.
    pub input: String,
    /// Expression in EventBridge Scheduler's form, `cron(…)`, `rate(…)` or `at(…)`.
    pub expression: String,
    /// The zone in which a cron or a single time is meant.
    pub zone: String,
    rhythm: Rhythm,
}

#[derive(Clone, Debug)]
enum Rhythm {
    Cron(Box<Cron>, Tz),
    Every(TimeDelta),
    Once(DateTime<Utc>),
}

/// Errors of a schedule's expression or time zone.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// Neither a cron nor a rate nor a time.
    #[error("{0} is neither cron(six fields) nor rate(n minutes) nor at(yyyy-mm-ddThh:mm:ss)")]
    Expression(String),
    /// The name is not in the IANA database.
    #[error("{0} is not a time zone")]
    Zone(String),
}

impl Schedule {
    /// Reads an expression in a zone; name and function are filled in by the caller.
    ///
    /// # Errors
    /// [`Error`].
    pub fn parse(expression: &str, zone: &str, input: &str) -> Result<Self, Error> {
        let tz = zone.parse::<Tz>().map_err(|_| Error::Zone(zone.to_owned()))?;
        let malformed = || Error::Expression(expression.to_owned());
        let inside =
            |name: &str| expression.strip_prefix(name).and_then(|rest| rest.strip_prefix('(')?.strip_suffix(')'));
        let rhythm = if let Some(fields) = inside("cron") {
            if fields.split_whitespace().count() != 6 || fields.matches('?').count() != 1 {
                return Err(malformed());
            }
            let cron = Cron::from_str(&format!("0 {fields}")).map_err(|_| malformed())?;
            Rhythm::Cron(Box::new(cron), tz)
        } else if let Some(rate) = inside("rate") {
            let (count, unit) = rate.split_once(' ').ok_or_else(malformed)?;
            let count: i64 = count.parse().ok().filter(|count| *count > 0).ok_or_else(malformed)?;
            match unit {
                "minute" | "minutes" => Rhythm::Every(TimeDelta::minutes(count)),
                "hour" | "hours" => Rhythm::Every(TimeDelta::hours(count)),
                "day" | "days" => Rhythm::Every(TimeDelta::days(count)),
                _ => return Err(malformed()),
            }
        } else if let Some(time) = inside("at") {
            let local = NaiveDateTime::parse_from_str(time, "%Y-%m-%dT%H:%M:%S").map_err(|_| malformed())?;
            Rhythm::Once(local.and_local_timezone(tz).earliest().ok_or_else(malformed)?.to_utc())
        } else {
            return Err(malformed());
        };
        Ok(Self {
            name: String::new(),
            function: String::new(),
            input: input.to_owned(),
            expression: expression.to_owned(),
            zone: zone.to_owned(),
            rhythm,
        })
    }

    /// The schedule under its name, for a function.
    #[must_use]
    pub fn named(self, name: &str, function: &str) -> Self {
        Self { name: name.to_owned(), function: function.to_owned(), ..self }
    }

    /// The first instant after `now` at which it fires. A rate counts from the full hour of 1970.
    #[must_use]
    pub fn next_after(&self, now: DateTime<Utc>) -> Option<DateTime<Utc>> {
        match &self.rhythm {
            Rhythm::Cron(cron, zone) => {
                cron.find_next_occurrence(&now.with_timezone(zone), false).ok().map(|next| next.with_timezone(&Utc))
            }
            Rhythm::Once(at) => (*at > now).then_some(*at),
            Rhythm::Every(step) => {
                let seconds = step.num_seconds();
                DateTime::from_timestamp((now.timestamp().div_euclid(seconds) + 1) * seconds, 0)
            }
        }
    }

    /// True if it fires so often that a moving clock always skips its runs while nothing is due.
    #[must_use]
    pub fn is_frequent(&self) -> bool {
        matches!(&self.rhythm, Rhythm::Every(step) if *step < TimeDelta::minutes(30))
    }

    /// True if it fires a single time.
    #[must_use]
    pub const fn is_once(&self) -> bool {
        matches!(self.rhythm, Rhythm::Once(_))
    }

    /// Event of the run scheduled at `at`.
    #[must_use]
    pub fn event(&self, at: DateTime<Utc>) -> String {
        self.input.replace("<aws.scheduler.scheduled-time>", &at.to_rfc3339_opts(chrono::SecondsFormat::Secs, true))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_cron_fires_in_its_zone_and_a_rate_on_its_grid() {
        let at = |text: &str| DateTime::parse_from_rfc3339(text).unwrap().to_utc();
        let cron = Schedule::parse("cron(30 */2 * * ? *)", "Asia/Taipei", "{}").unwrap();
        assert_eq!(cron.next_after(at("2025-01-01T00:30:00+08:00")), Some(at("2025-01-01T02:30:00+08:00")));
        let daily = Schedule::parse("cron(0 2 * * ? *)", "Asia/Taipei", "{}").unwrap();
        assert_eq!(daily.next_after(at("2025-01-01T02:00:00+08:00")), Some(at("2025-01-02T02:00:00+08:00")));
        let rate = Schedule::parse("rate(5 minutes)", "UTC", "{}").unwrap();
        assert_eq!(rate.next_after(at("2025-01-01T00:05:00Z")), Some(at("2025-01-01T00:10:00Z")));
        let once = Schedule::parse("at(2025-01-01T08:01:00)", "Asia/Jakarta", "{}").unwrap();
        assert_eq!(once.next_after(at("2025-01-01T01:00:59Z")), Some(at("2025-01-01T01:01:00Z")));
        assert_eq!((once.next_after(at("2025-01-01T01:01:00Z")), once.is_once()), (None, true));
    }

    #[test]
    fn what_aws_would_refuse_is_refused() {
        for bad in [
            "cron(0 9 * * * *)",
            "cron(0 9 * * ?)",
            "rate(0 minutes)",
            "rate(5)",
            "at(2025-01-01)",
            "cron(99 9 * * ? *)",
        ] {
            assert!(Schedule::parse(bad, "Asia/Taipei", "{}").is_err(), "{bad}");
        }
        assert!(Schedule::parse("cron(0 9 * * ? *)", "Asia/Nowhere", "{}").is_err());
    }
}
