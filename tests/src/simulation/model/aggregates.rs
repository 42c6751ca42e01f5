//! Aggregates beside the orders agree with them: counts by status, and each user's plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Checked;
use super::table_mirror::{Mirror, tag, text};

/// Checks the aggregates after partitions were written to. `twice` holds the users who ever had two live orders at a
/// time: staff were notified of them, and their plan is that of one order until it ends.
pub(crate) fn check<'a>(
    mirror: &Mirror,
    written: impl Iterator<Item = &'a String>,
    twice: &mut BTreeSet<String>,
) -> Checked {
    let mut orders = false;
    let mut users = BTreeSet::new();
    for pk in written {
        orders |= pk.starts_with("SUB#") || pk == "COUNT#status";
        if let Some(id) = pk.strip_prefix("SUB#") {
            users.insert(text(&mirror.order(id)["user"]));
        }
        users.extend(pk.strip_prefix("USER#"));
    }
    if orders {
        counts(mirror)?;
    }
    users.into_iter().try_for_each(|name| user(mirror, name, twice))
}

fn counts(mirror: &Mirror) -> Checked {
    let mut counted: BTreeMap<&str, i64> = BTreeMap::new();
    for item in mirror.all("COUNT#status") {
        let fields = item.as_object().into_iter().flatten().filter(|(name, _)| *name != "pk" && *name != "sk");
        for (name, count) in fields {
            *counted.entry(name).or_default() += count.as_i64().unwrap_or(i64::MIN);
        }
    }
    let mut truth: BTreeMap<&str, i64> = BTreeMap::new();
    for item in mirror.subscriptions() {
        *truth.entry(tag(&item["data"]["status"])).or_default() += 1;
    }
    counted.retain(|_, count| *count != 0);
    if counted == truth { Ok(()) } else { Err(format!("counted {counted:?}, there are {truth:?}")) }
}

/// True if the user's plan comes from this order.
pub(crate) fn is_live(order: &Value) -> bool {
    matches!(tag(&order["status"]), "active" | "past_due") && order["superseded_by"].is_null()
}

fn user(mirror: &Mirror, name: &str, twice: &mut BTreeSet<String>) -> Checked {
    let orders: Vec<&Value> =
        mirror.subscriptions().map(|item| &item["data"]).filter(|order| order["user"] == name).collect();
    let live: Vec<&Value> = orders.iter().copied().filter(|order| is_live(order)).collect();
    let stored = mirror.item(&format!("USER#{name}"), "STATE");
    let violation =
        format!("user {name} has {stored}, live are {:?}", live.iter().map(|o| &o["id"]).collect::<Vec<_>>());
    match live.as_slice() {
        _ if twice.contains(name) => Ok(()),
        [] => {
            let paid = orders.iter().any(|order| order["plan"] == stored["plan"] && order["plan"] != "FREE");
            let free = stored["plan"].is_null() || stored["plan"] == "FREE";
            if stored["live"].is_null() && (free || paid) { Ok(()) } else { Err(violation) }
        }
        [order] if stored["live"] == order["id"] && stored["plan"] == order["plan"] => Ok(()),
        [_] => Err(violation),
        [..] => {
            twice.insert(name.to_owned());
            Ok(())
        }
    }
}
