//! Convergence after faults have stopped and the schedules have run for weeks: nothing is overdue, nothing is lost, no
//! user on FREE pays.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::Value;

use super::Checked;
use super::money::{charges, is_paid, made_at, view};
use super::table_mirror::{Mirror, instant, is_whole_due, tag, text};
use crate::harness::TestDeployment;

/// Queues that every run looks at until ECPay has answered.
const ASKED_QUEUES: [&str; 2] = ["reconcile", "cancel"];
/// Queues that are lists, or wait for a run that is not made to the end.
const LISTS: [&str; 5] = ["quarantine", "webhook-log", "mail-dead", "mail-unclear", "refund-due"];

pub(crate) fn check(deployment: &mut TestDeployment, mirror: &Mirror) -> Checked {
    let now = deployment.now();
    mirror.all("").try_for_each(|item| waits(item, now))?;
    let orders: Vec<&Value> = mirror.subscriptions().map(|item| &item["data"]).collect();
    orders.into_iter().try_for_each(|order| settled(deployment, mirror, order))
}

fn waits(item: &Value, now: DateTime<Utc>) -> Checked {
    let violation = || format!("{} {} still waits at {now}: {item}", item["pk"], item["sk"]);
    let queue = text(&item["queue"]);
    let allowed = if ASKED_QUEUES.contains(&queue) { TimeDelta::hours(33) } else { TimeDelta::hours(7) };
    let due = instant(&item["due_at"]).filter(|_| !LISTS.contains(&queue));
    // The end of an order that the merchant stopped is learned later than what follows from it was due.
    let due = due.max(due.and(instant(&item["data"]["ended"]["at"])));
    // What a query has decided about is asked again by the next run.
    let due = due.max(due.and(instant(&item["data"]["last_query"]["at"])));
    let late = due.is_some_and(|due| due + allowed < now);
    let claimed = text(&item["sk"]).starts_with("NOTICE#") && item["data"]["state"] == "claimed";
    let held = item["pk"] == "RUN" && instant(&item["data"]["lease_until"]).is_some_and(|until| until > now);
    let open = matches!(text(&item["data"]["retry"]["state"]), "unknown" | "accepted")
        && instant(&item["data"]["retry"]["requested_at"]).is_some_and(|at| at + TimeDelta::hours(33) < now);
    if late || claimed || held || open || queue == "unreadable" { Err(violation()) } else { Ok(()) }
}

fn settled(deployment: &mut TestDeployment, mirror: &Mirror, order: &Value) -> Checked {
    let id = text(&order["id"]);
    let view = view(deployment, id);
    let payment = |gwsr: &str| {
        let pk = format!("SUB#{id}");
        let found = mirror.rows(&pk, "PAYMENT#").find(|row| row["data"]["gwsr"] == gwsr).cloned();
        found.map(|row| row["data"].clone())
    };
    // A payment outside ECPay covers its period: a success that is lost then is searched for only when the next charge
    // is late.
    let outside = !order["charge_history"]["paid_out_of_band"].is_null();
    // An order that was never answered about expires, and is not queried any more.
    let is_unknown = tag(&order["status"]) == "failed" && order["last_query"].is_null();
    // One that an odd answer listed is known, and staff have a notice of it, until a query lists it in order.
    let unrecorded = order["charge_history"]["unrecorded_successes"].as_array().cloned().unwrap_or_default();
    let is_listed = |charge: &Value| unrecorded.iter().any(|known| instant(&known["at"]) == Some(made_at(charge)));
    for charge in charges(&view).filter(|charge| is_paid(charge) && !outside && !is_unknown && !is_listed(charge)) {
        let gwsr = charge["gwsr"].to_string();
        if payment(&gwsr).is_none() && !mirror.is_quarantined(id, &gwsr) {
            return Err(format!("the success {gwsr} of {id} is nowhere: {view}\n{order}"));
        }
    }
    let latest = charges(&view).max_by_key(|charge| made_at(charge));
    let paid = latest.filter(|charge| is_paid(charge));
    let applied = paid.and_then(|charge| payment(&charge["gwsr"].to_string()));
    let applied = applied.is_some_and(|payment| !is_whole_due(&payment));
    // Of a charge whose period is over nothing follows: ECPay makes the next one when the merchant wants it.
    let period = TimeDelta::days(if order["terms"]["cycle"] == "annual" { 365 } else { 28 });
    let applied = applied && paid.is_some_and(|charge| made_at(charge) + period > deployment.now());
    let wanted = order["superseded_by"].is_null() && order["cancel_requested"].is_null();
    let on_plan = tag(&order["status"]) == "active" && order["plan"] == order["terms"]["plan"];
    // A success on a day to which the merchant moved the charge may be the late payment of one that failed before; its period
    // ends sooner, and the next charge brings the plan back.
    let downgrade = &order["downgrade"];
    let is_over = downgrade["reason"] == "not_charged" && latest.map(made_at) < instant(&downgrade["at"]);
    if view["state"] == "running" && wanted && applied && !on_plan && !is_over {
        return Err(format!("{id} is paid and runs, and is not on its plan: {view}\n{order}"));
    }
    Ok(())
}

/// Checks that from `since` on, without faults, no order was charged by schedule whose user is on FREE or requested its
/// cancellation. Where the merchant moved the charge, it may come before the cancellation that precedes its old day.
pub(crate) fn free_of_charge(
    deployment: &mut TestDeployment,
    mirror: &Mirror,
    since: DateTime<Utc>,
    moved: &BTreeSet<String>,
) -> Checked {
    let orders: Vec<&Value> = mirror.subscriptions().map(|item| &item["data"]).collect();
    for order in orders.into_iter().filter(|order| !moved.contains(text(&order["id"]))) {
        let id = text(&order["id"]);
        let view = view(deployment, id);
        let scheduled = charges(&view).filter(|charge| charge["kind"] == "scheduled" && is_paid(charge));
        for charge in scheduled.filter(|charge| made_at(charge) > since + TimeDelta::days(1)) {
            let free = free_since(mirror, id, made_at(charge));
            if free.is_some_and(|at| at + TimeDelta::hours(7) < made_at(charge)) {
                return Err(format!("{id} is on FREE since {free:?} and was charged: {charge}\n{order}"));
            }
        }
    }
    Ok(())
}

/// Since when an order grants nothing any more, or is not wished any more, at `at`.
fn free_since(mirror: &Mirror, id: &str, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
    let mut since = None;
    for row in mirror.rows(&format!("SUB#{id}"), "HISTORY#") {
        let line = &row["data"];
        let line_at = instant(&line["at"]).filter(|line_at| *line_at < at);
        match (line_at, text(&line["rule"])) {
            (None, _) | (_, "plan-restored" | "cancel-undone") => since = since.filter(|_| line_at.is_none()),
            // An order that ECPay did not charge is never cancelled for that: the charge may still come.
            (Some(_), "grace-ended" | "superseded" | "cancel-requested" | "paid-period-ended") => {
                since = since.or(line_at);
            }
            _ => {}
        }
    }
    since
}
