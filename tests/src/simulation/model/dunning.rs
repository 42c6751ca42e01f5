//! Downgrades: allowed times computed independently from what ECPay charged and reported.

use chrono::{DateTime, Days, FixedOffset, Months, NaiveDate, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

use super::Checked;
use super::ecpay_calls::retry_is_open;
use super::money::{charges, is_paid, made_at, view};
use super::table_mirror::{Mirror, instant, tag, text};
use crate::harness::TestDeployment;

const RULES_OF_FREE: [&str; 2] = ["grace-ended", "not-charged"];

/// A line of history that was just written.
pub(crate) fn line(deployment: &mut TestDeployment, mirror: &Mirror, id: &str, line: &Value) -> Checked {
    let rule = text(&line["rule"]);
    let facts = Facts::of(mirror, id, line)?;
    match rule {
        "grace-ended" => {
            once(mirror, id)?;
            grace_ended(deployment, &facts, id)
        }
        "not-charged" => {
            once(mirror, id)?;
            not_charged(deployment, &facts, id)
        }
        "paid-period-ended" | "order-over" => {
            let view = view(deployment, id);
            let over = matches!(text(&view["state"]), "cancelled" | "finished");
            let early = rule == "paid-period-ended" && facts.paid_until().is_some_and(|end| facts.now < end);
            if over && !early { Ok(()) } else { Err(format!("{rule} at {}: {view}", facts.now)) }
        }
        _ => Ok(()),
    }
}

/// A plan that was taken away comes back before it is taken away again.
fn once(mirror: &Mirror, id: &str) -> Checked {
    let mut free = false;
    for row in mirror.rows(&format!("SUB#{id}"), "HISTORY#") {
        let rule = text(&row["data"]["rule"]);
        if RULES_OF_FREE.contains(&rule) {
            if free {
                return Err(format!("{id} was put on FREE twice"));
            }
            free = true;
        }
        free &= rule != "plan-restored";
    }
    Ok(())
}

/// Facts of an order at a line of its history.
struct Facts<'a> {
    now: DateTime<Utc>,
    lines: Vec<&'a Value>,
    payments: Vec<&'a Value>,
    notices: Vec<&'a Value>,
    months: u32,
    anchor: NaiveDate,
    /// The order before the line, as far as the line does not change it.
    order: &'a Value,
}

impl<'a> Facts<'a> {
    fn of(mirror: &'a Mirror, id: &str, line: &Value) -> Result<Self, String> {
        let pk = format!("SUB#{id}");
        let rows = |prefix| mirror.rows(&pk, prefix).map(|row| &row["data"]).collect::<Vec<_>>();
        let payments = rows("PAYMENT#");
        let order = mirror.order(id);
        let first = payments.iter().find(|payment| payment["outcome"]["succeeded"]["number"] == 1);
        let anchor = first.map_or(&order["created_at"], |payment| &payment["processed_at"]);
        Ok(Self {
            now: instant(&line["at"]).ok_or("a line without a time")?,
            lines: rows("HISTORY#"),
            notices: rows("NOTICE#"),
            months: if order["terms"]["cycle"] == "annual" { 12 } else { 1 },
            anchor: day(instant(anchor).ok_or("an order without a time")?),
            payments,
            order,
        })
    }

    fn at<'b>(&'b self, outcomes: &'b [&'b str]) -> impl Iterator<Item = DateTime<Utc>> + 'b {
        let these = self.payments.iter().filter(|payment| {
            outcomes.contains(&tag(&payment["outcome"]))
                && payment["refund_due"] == false
                && !text(&payment["event"]).starts_with("F1:")
        });
        these.filter_map(|payment| instant(&payment["processed_at"]))
    }

    /// The due day of charge `number`, from 1.
    fn due(&self, number: u32) -> NaiveDate {
        self.anchor.checked_add_months(Months::new((number - 1) * self.months)).expect("a day")
    }

    /// The charge to which one made at that time belongs.
    fn charge_of(&self, at: DateTime<Utc>) -> u32 {
        let mut number = 1;
        while self.due(number + 1).checked_sub_days(Days::new(1)).expect("a day") <= day(at) {
            number += 1;
        }
        number
    }

    /// True if the charge to which a failure belongs was paid outside ECPay, so that nothing of it is owed.
    fn is_paid_out_of_band(&self, failure: DateTime<Utc>) -> bool {
        let due = self.due(self.charge_of(failure)).to_string();
        self.payments.iter().any(|payment| text(&payment["event"]).strip_prefix("O:") == Some(&due))
    }

    /// The latest time up to which failures are settled. A payment outside ECPay settles none of the charge after its
    /// own, however late it is recorded.
    fn paid_at(&self) -> Option<DateTime<Utc>> {
        let outside = self.payments.iter().filter_map(|payment| {
            let due = text(&payment["event"]).strip_prefix("O:")?.parse().ok()?;
            let next = midnight(self.due(self.charge_of(midnight(due)) + 1)) - TimeDelta::days(1);
            Some(instant(&payment["processed_at"])?.min(next - TimeDelta::seconds(1)))
        });
        self.at(&["succeeded"]).chain(outside).max()
    }

    /// The begin of the day of the first charge that is not paid.
    fn paid_until(&self) -> Option<DateTime<Utc>> {
        let paid = self.paid_at()?;
        Some(midnight(self.due(self.charge_of(paid) + 1)))
    }
}

fn grace_ended(deployment: &mut TestDeployment, facts: &Facts<'_>, id: &str) -> Checked {
    let paid = facts.paid_at();
    let is_open = |at: &DateTime<Utc>| paid.is_none_or(|paid| *at > paid) && !facts.is_paid_out_of_band(*at);
    let mut open: Vec<_> = facts.at(&["failed"]).filter(is_open).collect();
    open.sort();
    let began = *open.first().ok_or_else(|| format!("{id} was put on FREE and owes nothing"))?;
    let charge = facts.charge_of(began);
    let times = open.iter().filter(|at| facts.charge_of(**at) == charge).count();
    let days = TimeDelta::days(if times >= 2 { 10 } else { 7 });
    let mut end = began + days + given(facts, began);
    if !facts.order["ended"].is_null() {
        end = facts.paid_until().map_or(end, |paid| paid.min(end));
    }
    if facts.now < end {
        return Err(format!("{id} was put on FREE at {}, before its grace ended at {end}", facts.now));
    }
    let due = facts.due(charge).to_string();
    let about = |notice: &&&Value| {
        let id = text(&notice["id"]);
        id.contains("-payment-failure/") && id.ends_with(&due)
    };
    let notified = facts.notices.iter().filter(about).filter_map(|notice| instant(&notice["created_at"])).min();
    let notified =
        notified.ok_or_else(|| format!("{id} was put on FREE and never notified that the charge of {due} failed"))?;
    if facts.now < notified + TimeDelta::days(3) {
        return Err(format!("{id} was put on FREE at {}, notified at {notified}", facts.now));
    }
    if matches!(text(&facts.order["retry"]["state"]), "unknown" | "accepted") || !facts.order["paused"].is_null() {
        return Err(format!("{id} was put on FREE with a retry open or dunning held: {}", facts.order));
    }
    let view = view(deployment, id);
    let asked = view["retries_asked"].as_array().map_or(0, Vec::len);
    if retry_is_open(deployment, &view, asked) {
        return Err(format!("{id} was put on FREE while ECPay has a retry to make: {view}"));
    }
    Ok(())
}

/// Time that staff added since the present arrears began: extra days, and the time in which dunning was paused.
fn given(facts: &Facts<'_>, began: DateTime<Utc>) -> TimeDelta {
    let mut sum = TimeDelta::zero();
    let mut held: Option<(DateTime<Utc>, DateTime<Utc>)> = None;
    for line in &facts.lines {
        let at = instant(&line["at"]).expect("a time");
        let fact = &line["event"];
        if let Some(days) = fact["grace_extended"]["days"].as_i64() {
            sum += TimeDelta::days(days);
        } else if let Some(days) = fact["paused"]["days"].as_i64() {
            held = Some((held.map_or(at, |(since, _)| since), at + TimeDelta::days(days)));
        } else if fact == "resumed"
            && let Some((since, until)) = held.take()
        {
            let seconds = (at.min(until) - since.max(began)).max(TimeDelta::zero());
            sum += if tag(&line["to"]) == "past_due" { seconds } else { TimeDelta::zero() };
        }
        // A payment may have ended the episode to which the days were given.
        let paid = !fact["reported"].is_null() && tag(&fact["reported"]["outcome"]) != "failed";
        if tag(&line["to"]) != "past_due" && line["rule"] != "grace-ended" || paid {
            sum = TimeDelta::zero();
        }
    }
    sum
}

fn not_charged(deployment: &mut TestDeployment, facts: &Facts<'_>, id: &str) -> Checked {
    let due = facts.paid_until().ok_or("an order that was never paid")?;
    if facts.now < due + TimeDelta::days(7) || !facts.order["paused"].is_null() {
        return Err(format!("{id} is said not to be charged at {}, due at {due}", facts.now));
    }
    let view = view(deployment, id);
    let late = |charge: &&Value| {
        let at = made_at(charge);
        at >= due && deployment.now() - at > TimeDelta::minutes(10) && charge["amount"] == view["amount"]
    };
    match charges(&view).filter(|charge| is_paid(charge)).find(late) {
        Some(charge) => Err(format!("{id} is said not to be charged, and was: {charge}")),
        None => Ok(()),
    }
}

/// The day in Taiwan, which has no daylight saving.
pub(crate) fn day(at: DateTime<Utc>) -> NaiveDate {
    at.with_timezone(&taipei()).date_naive()
}

fn midnight(day: NaiveDate) -> DateTime<Utc> {
    let local = day.and_time(NaiveTime::MIN).and_local_timezone(taipei());
    local.single().expect("one midnight").to_utc()
}

fn taipei() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).expect("an offset")
}
