//! Downgrades: allowed times computed independently from what ECPay charged and reported.

use std::collections::BTreeMap;

use chrono::{DateTime, FixedOffset, NaiveDate, NaiveDateTime, NaiveTime, TimeDelta, Utc};
use serde_json::Value;

use super::Checked;
use super::ecpay_calls::retry_is_open;
use super::money::{charges, is_paid, made_at, view};
use super::periods::{Charges, Periods};
use super::table_mirror::{Mirror, instant, is_whole_due, tag, text};
use crate::harness::TestDeployment;

const RULES_OF_FREE: [&str; 2] = ["grace-ended", "not-charged"];

/// State outside the order's partition and ECPay that a check refers to.
pub(crate) struct Seen<'a> {
    pub(crate) mirror: &'a Mirror,
    /// Times at which ECPay last answered a query, by order.
    pub(crate) answered: &'a BTreeMap<String, DateTime<Utc>>,
    /// True if the order granted no plan before the line.
    pub(crate) was_free: bool,
}

/// A line of history that was just written.
pub(crate) fn line(deployment: &mut TestDeployment, seen: &Seen<'_>, id: &str, line: &Value) -> Checked {
    let rule = text(&line["rule"]);
    let (mirror, facts) = (seen.mirror, Facts::of(seen, id, line)?);
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
pub(super) struct Facts<'a> {
    now: DateTime<Utc>,
    lines: Vec<&'a Value>,
    pub(super) payments: Vec<&'a Value>,
    pub(super) notices: Vec<&'a Value>,
    pub(super) periods: Periods,
    /// The order before the line, as far as the line does not change it.
    pub(super) order: &'a Value,
    /// True if it granted no plan before.
    pub(super) was_free: bool,
    /// Time at which ECPay last answered a query about the order.
    answered_at: Option<DateTime<Utc>>,
}

impl<'a> Facts<'a> {
    pub(super) fn of(seen: &Seen<'a>, id: &str, line: &Value) -> Result<Self, String> {
        let pk = format!("SUB#{id}");
        let rows = |prefix| seen.mirror.rows(&pk, prefix).map(|row| &row["data"]).collect::<Vec<_>>();
        let payments = rows("PAYMENT#");
        let order = seen.mirror.order(id);
        let lines = rows("HISTORY#");
        let periods = periods(order, &lines, &payments).ok_or("an order without a time")?;
        Ok(Self {
            now: instant(&line["at"]).ok_or("a line without a time")?,
            lines,
            notices: rows("NOTICE#"),
            periods,
            payments,
            order,
            was_free: seen.was_free,
            answered_at: seen.answered.get(id).copied(),
        })
    }

    /// The same before a payment.
    pub(super) fn before(&self, payment: &Value) -> Option<Self> {
        let payments: Vec<&Value> =
            self.payments.iter().copied().filter(|known| known["id"] != payment["id"]).collect();
        let periods = periods(self.order, &self.lines, &payments)?;
        Some(Self { payments, periods, lines: self.lines.clone(), notices: self.notices.clone(), ..*self })
    }

    /// True if the charge to which a failure belongs was paid outside ECPay, or a later one, so that nothing is owed.
    fn is_paid_out_of_band(&self, failure: DateTime<Utc>) -> bool {
        let due = self.periods.due_on(self.periods.day_of(failure));
        outside(&self.payments).any(|(paid, _)| due <= paid)
    }

    /// The begin of the day of the first charge that is not paid.
    fn paid_until(&self) -> Option<DateTime<Utc>> {
        self.periods.paid_until().map(midnight)
    }

    /// The failures that are owed, in their order.
    fn open(&self) -> Vec<DateTime<Utc>> {
        let paid = charged(&self.payments, "succeeded").max();
        let is_open = |at: &DateTime<Utc>| paid.is_none_or(|paid| *at > paid) && !self.is_paid_out_of_band(*at);
        let mut open: Vec<_> = charged(&self.payments, "failed").filter(is_open).collect();
        open.sort();
        open
    }
}

fn periods(order: &Value, lines: &[&Value], payments: &[&Value]) -> Option<Periods> {
    Some(Periods::of(Charges {
        ordered_on: day(instant(&order["created_at"])?),
        months: if order["terms"]["cycle"] == "annual" { 12 } else { 1 },
        successes: charged(payments, "succeeded").collect(),
        failures: charged(payments, "failed").collect(),
        retries: retries(lines),
        outside: outside(payments).map(|(due, _)| due).collect(),
        announced: lines.iter().rev().find_map(|line| announced(line)),
        queried_at: instant(&order["last_query"]["at"]),
    }))
}

/// Times of an order's recurring charges with an outcome, and of the success of its first one.
fn charged<'b>(payments: &'b [&Value], outcome: &'b str) -> impl Iterator<Item = DateTime<Utc>> + 'b {
    let these = payments.iter().filter(move |payment| {
        tag(&payment["outcome"]) == outcome && !is_whole_due(payment) && !text(&payment["event"]).starts_with("F1:")
    });
    these.filter_map(|payment| instant(&payment["processed_at"]))
}

/// Times of the retries that ECPay may have made.
fn retries(lines: &[&Value]) -> Vec<DateTime<Utc>> {
    let mut asked = Vec::new();
    for line in lines {
        let fact = &line["event"];
        if fact == "retry_requested" {
            asked.extend(instant(&line["at"]));
        } else if matches!(text(&fact["retry_outcome_recorded"]), "refused" | "not_sent") {
            asked.pop();
        }
    }
    asked
}

/// Day that staff announced for the next charge, with the time at which they did.
fn announced(line: &Value) -> Option<(DateTime<Utc>, NaiveDate)> {
    let on = text(&line["event"]["terms_changed"]["next_charge_on"]).parse().ok()?;
    Some((instant(&line["at"])?, on))
}

/// Due days that were paid outside ECPay, with the time at which that was recorded.
pub(super) fn outside<'b>(payments: &'b [&Value]) -> impl Iterator<Item = (NaiveDate, DateTime<Utc>)> + 'b {
    payments.iter().filter_map(|payment| {
        let due = text(&payment["event"]).strip_prefix("O:")?.parse().ok()?;
        Some((due, instant(&payment["processed_at"])?))
    })
}

fn grace_ended(deployment: &mut TestDeployment, facts: &Facts<'_>, id: &str) -> Checked {
    let open = facts.open();
    let began = *open.first().ok_or_else(|| format!("{id} was put on FREE and owes nothing"))?;
    let charge = |at| facts.periods.charge_on(facts.periods.day_of(at));
    let due = charge(began);
    let times = open.iter().filter(|at| charge(**at) == due).count();
    let days = TimeDelta::days(if times >= 2 { 10 } else { 7 });
    // A grace end that was mailed is kept, also when the order is over at ECPay.
    let end = (began + days + given(facts, began)).max(promised(facts)?.unwrap_or(began));
    if facts.now < end {
        return Err(format!("{id} was put on FREE at {}, before its grace ended at {end}", facts.now));
    }
    notified(facts, id, due, end)?;
    queried(facts, id)?;
    if matches!(text(&facts.order["retry"]["state"]), "unknown" | "accepted") || !facts.order["paused"].is_null() {
        return Err(format!("{id} was put on FREE with a retry open or dunning held: {}", facts.order));
    }
    let view = view(deployment, id);
    let asked = view["retries_asked"].as_array().map_or(0, Vec::len);
    if retry_is_open(deployment, &view, asked) {
        return Err(format!("{id} was put on FREE while ECPay has a retry to make: {view}"));
    }
    let seen = instant(&facts.order["last_query"]["at"]);
    // A charge that must be refunded pays nothing.
    let refunds: Vec<_> = facts.payments.iter().filter(|payment| is_whole_due(payment)).collect();
    let is_refunded = |at| refunds.iter().any(|payment| instant(&payment["processed_at"]) == Some(at));
    match charges(&view).filter(|charge| is_paid(charge)).find(|charge| {
        let at = made_at(charge);
        at > began && Some(at) <= seen && !is_refunded(at)
    }) {
        Some(charge) => Err(format!("{id} was put on FREE although ECPay listed a success: {charge}")),
        None => Ok(()),
    }
}

/// The latest end of grace that the mails of the present episode named.
fn promised(facts: &Facts<'_>) -> Result<Option<DateTime<Utc>>, String> {
    let mut latest = None;
    for notice in about_failures(facts) {
        let named = local(text(&notice["fields"]["grace_ends_at"])).ok_or_else(|| format!("no end in {notice}"))?;
        latest = latest.max(Some(named));
    }
    Ok(latest)
}

/// The notices about failed charges of the present episode. It may begin at the instant at which the one before ended.
fn about_failures<'a>(facts: &Facts<'a>) -> Vec<&'a Value> {
    let earlier = facts.lines.iter().filter(|line| tag(&line["to"]) != "past_due" && line["rule"] != "grace-ended");
    let since = earlier.filter_map(|line| instant(&line["at"])).max();
    let notices = facts.notices.iter().copied().filter(|notice| text(&notice["id"]).contains("-payment-failure/"));
    notices.filter(|notice| instant(&notice["created_at"]) >= since).collect()
}

/// The first notice about the charge was sent three days ago. One that is unsent through our fault is waited for, at most
/// 14 days.
fn notified(facts: &Facts<'_>, id: &str, due: NaiveDate, end: DateTime<Utc>) -> Checked {
    let oldest =
        |notices: Vec<&'_ Value>| notices.into_iter().min_by_key(|notice| instant(&notice["created_at"])).cloned();
    let named = |notice: &&Value| {
        let id = text(&notice["id"]);
        id.contains("-payment-failure/") && id.ends_with(&due.to_string())
    };
    // A notice queued before ECPay showed a new charge day names the day that was due by the old one.
    let first = oldest(facts.notices.iter().copied().filter(named).chain(about_failures(facts)).collect());
    let first =
        first.ok_or_else(|| format!("{id} was put on FREE and never notified that the charge of {due} failed"))?;
    let created = instant(&first["created_at"]).ok_or("a notice without a time")?;
    let sent = instant(&first["ended_at"]).map(|ended| ended + TimeDelta::days(3));
    let waited = end.max(created + TimeDelta::days(3)) + TimeDelta::days(14);
    if facts.now >= created + TimeDelta::days(3) && (sent.is_some_and(|sent| facts.now >= sent) || facts.now >= waited)
    {
        Ok(())
    } else {
        Err(format!("{id} was put on FREE at {}, notified by {first}", facts.now))
    }
}

/// ECPay was queried within a day, unless it could not be reached for a day.
fn queried(facts: &Facts<'_>, id: &str) -> Checked {
    let oldest = facts.now - TimeDelta::hours(24);
    let is_known = instant(&facts.order["last_query"]["at"]).is_some_and(|at| at >= oldest);
    if is_known && facts.answered_at.is_some_and(|at| at >= oldest) {
        return Ok(());
    }
    let before = facts.lines.iter().rev().skip(1);
    let failures = before.take_while(|line| matches!(text(&line["rule"]), "task-failed" | "needs-attention"));
    let failing = failures.last().and_then(|line| instant(&line["at"])).is_some_and(|since| since <= oldest);
    let unreached = facts.lines.last().is_some_and(|line| line["event"] == "ecpay_unreached");
    if failing || unreached {
        Ok(())
    } else {
        Err(format!("{id} was put on FREE at {}, ECPay last answered at {:?}", facts.now, facts.answered_at))
    }
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
        // The result of a retry on the day before belongs to the charge that it repeats.
        let repeats = facts.periods.day_of(at) < day(at);
        !repeats && at >= due - TimeDelta::days(1) && deployment.now() - at > TimeDelta::minutes(10)
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

/// Reads the local time of a mail, which names the minute.
fn local(text: &str) -> Option<DateTime<Utc>> {
    let local = NaiveDateTime::parse_from_str(text, "%Y-%m-%d %H:%M").ok()?;
    Some(local.and_local_timezone(taipei()).single()?.to_utc())
}

fn taipei() -> FixedOffset {
    FixedOffset::east_opt(8 * 3600).expect("an offset")
}
