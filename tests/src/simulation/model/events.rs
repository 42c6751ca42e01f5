//! Events for the business's app: they alone give each user's plan and the state of each order, at every instant.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::{Value, json};

use super::Checked;
use super::table_mirror::{Diff, Mirror, tag, text};
use crate::harness::TestDeployment;

/// Minutes from one run that posts events to the next.
const RUNS_MINUTES: i64 = 5;

/// Checks the events of partitions that were written to.
pub(crate) fn check<'a>(mirror: &Mirror, written: impl Iterator<Item = &'a String>) -> Checked {
    let mut users = BTreeSet::new();
    for pk in written {
        if let Some(id) = pk.strip_prefix("SUB#") {
            order(mirror, id)?;
            users.insert(text(&mirror.order(id)["user"]));
        }
        users.extend(pk.strip_prefix("USER#"));
    }
    users.into_iter().try_for_each(|name| user(mirror, name))
}

/// An event stays as it was stored, whatever becomes of its deliveries.
pub(crate) fn unchanged(differs: &[Diff]) -> Checked {
    for diff in
        differs.iter().filter(|diff| diff.sk.starts_with("EVENT#") && !diff.old.is_null() && !diff.new.is_null())
    {
        for field in ["id", "type", "timestamp", "data", "stored_at"] {
            if diff.old["data"][field] != diff.new["data"][field] {
                return Err(format!("{}: {field} changed", diff.sk));
            }
        }
    }
    Ok(())
}

/// An event arrived: it is stored, and says what is stored.
pub(crate) fn posted(deployment: &TestDeployment, mirror: &Mirror) -> Checked {
    let event = deployment.posted().pop().ok_or("an event without a body")?;
    let pk = format!("SUB#{}", text(&event["data"]["subscription_id"]));
    let stored = events(mirror, &pk).find(|stored| stored["id"] == event["id"]);
    let stored = stored.ok_or_else(|| format!("{event} is posted and not stored"))?;
    let differs = ["type", "timestamp", "data"].into_iter().find(|field| stored[field] != event[field]);
    differs.map_or(Ok(()), |field| Err(format!("{event}: {field} is not that of {stored}")))
}

/// Every event arrived that was stored before the last run which posts them.
pub(crate) fn at_rest(deployment: &TestDeployment, mirror: &Mirror) -> Checked {
    let before = deployment.now() - TimeDelta::minutes(RUNS_MINUTES);
    let is_recent = |event: &&Value| text(&event["stored_at"]).parse::<DateTime<Utc>>().is_ok_and(|at| at >= before);
    let posted: BTreeSet<String> = deployment.posted().iter().map(|event| text(&event["id"]).to_owned()).collect();
    let stored = mirror.all("SUB#").filter(|item| text(&item["sk"]).starts_with("EVENT#"));
    let stored = stored.map(|item| &item["data"]).filter(|event| !is_recent(event));
    let mut missing = stored.filter(|event| !posted.contains(text(&event["id"])));
    missing.next().map_or(Ok(()), |event| Err(format!("{event} never arrived")))
}

fn events<'a>(mirror: &'a Mirror, pk: &'a str) -> impl Iterator<Item = &'a Value> {
    mirror.rows(pk, "EVENT#").map(|item| &item["data"])
}

/// The plan of the latest event about the user is the plan of the user.
fn user(mirror: &Mirror, name: &str) -> Checked {
    let all = mirror.all("SUB#").filter(|item| text(&item["sk"]).starts_with("EVENT#")).map(|item| &item["data"]);
    let changes = all.filter(|event| event["type"] == "user.plan_changed" && event["data"]["user_id"] == name);
    let mut changes: Vec<_> = changes.map(|event| &event["data"]).collect();
    changes.sort_by_key(|data| data["user_version"].as_u64());
    let mut known = "FREE";
    for pair in changes.windows(2) {
        if pair[0]["user_version"] == pair[1]["user_version"] {
            return Err(format!("user {name}: two changes of plan have one version"));
        }
    }
    for change in &changes {
        if change["previous_plan_id"] != known {
            return Err(format!("user {name}: {change} follows {known}"));
        }
        known = text(&change["plan_id"]);
    }
    let stored = mirror.item(&format!("USER#{name}"), "STATE")["plan"].as_str().unwrap_or("FREE");
    if known == stored { Ok(()) } else { Err(format!("user {name} has {stored}, the events say {known}")) }
}

/// The latest event about the order shows its plan, status and grace period, unless another order replaced it. Versions of events are
/// versions that the order had.
fn order(mirror: &Mirror, id: &str) -> Checked {
    let (pk, order) = (format!("SUB#{id}"), mirror.order(id));
    let version = mirror.item(&pk, "STATE")["version"].as_u64();
    let mut latest: Option<&Value> = None;
    for event in events(mirror, &pk) {
        let data = &event["data"];
        if data["version"].as_u64() > version {
            return Err(format!("{id} has version {version:?}, and the event {event}"));
        }
        let is_state = text(&event["type"]).starts_with("subscription.") && event["type"] != "subscription.refund_due";
        if is_state && latest.is_none_or(|latest| latest["version"].as_u64() <= data["version"].as_u64()) {
            latest = Some(data);
        }
    }
    if !order["superseded_by"].is_null() || !order["erased"].is_null() {
        return Ok(());
    }
    let stored = json!({
        "status": tag(&order["status"]), "plan": order["plan"],
        "grace": order["status"].pointer("/past_due/grace_ends_at").cloned().unwrap_or_default(),
    });
    let known = match latest {
        Some(data) => {
            json!({ "status": data["status"], "plan": data["plan_id"], "grace": data["grace_period_ends_at"] })
        }
        // None was due before the first charge.
        None if matches!(tag(&order["status"]), "pending" | "failed") => return Ok(()),
        // A charge of an order that was over all the same: it grants nothing.
        None if order["plan"] == "FREE" => return Ok(()),
        None => return Err(format!("{id} is {stored}, and no event says so")),
    };
    if known == stored { Ok(()) } else { Err(format!("{id} is {stored}, and the latest event says {known}")) }
}
