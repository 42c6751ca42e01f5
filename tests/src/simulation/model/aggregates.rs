//! Aggregates beside the orders agree with them: counts by status, and each user's plan.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;

use super::Checked;
use super::table_mirror::{Mirror, tag, text};

/// Checks the aggregates after partitions were written to.
pub(crate) fn check<'a>(mirror: &Mirror, written: impl Iterator<Item = &'a String>) -> Checked {
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
        statuses(mirror)?;
    }
    users.into_iter().try_for_each(|name| user(mirror, name))
}

fn statuses(mirror: &Mirror) -> Checked {
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

/// True if the order is live: it can still be charged, and no other order replaced it.
pub(crate) fn is_live(order: &Value) -> bool {
    matches!(tag(&order["status"]), "active" | "past_due") && order["superseded_by"].is_null()
}

/// True if the user's plan may come from the order: a live one, or one that is over while its paid period lasts.
fn counts(order: &Value) -> bool {
    let grants = order["plan"] != "FREE" && order["superseded_by"].is_null() && tag(&order["status"]) != "pending";
    order["erased"].is_null() && (is_live(order) || grants)
}

/// A mail that says FREE is queued only where FREE is the user's plan.
pub(crate) fn notice(mirror: &Mirror, id: &str, notice: &Value) -> Checked {
    let user = &mirror.item(&format!("USER#{}", text(&mirror.order(id)["user"])), "STATE")["plan"];
    let says_free = matches!(text(&notice["kind"]), "downgraded" | "not-charged" | "plan-ended");
    if says_free && user.as_str().is_some_and(|plan| plan != "FREE") {
        return Err(format!("{id} is mailed {}, and its user has {user}", notice["kind"]));
    }
    Ok(())
}

/// Rank of an order's plan: by its price per month; a plan without a price stands just above FREE.
fn rank(plan: &Value, price: &Value) -> i64 {
    if plan == "FREE" { -1 } else { price.as_i64().unwrap_or(0) }
}

/// The user has the best plan of their orders, and the list of these orders.
fn user(mirror: &Mirror, name: &str) -> Checked {
    let orders: Vec<&Value> = mirror
        .subscriptions()
        .map(|item| &item["data"])
        .filter(|order| order["user"] == name && counts(order))
        .collect();
    let stored = mirror.item(&format!("USER#{name}"), "STATE");
    let listed: Vec<Value> =
        serde_json::from_str(stored["live"].as_str().unwrap_or("[]")).map_err(|e| e.to_string())?;
    let entry =
        |id: &Value, plan: &Value, price: &Value| (text(id).to_owned(), text(plan).to_owned(), rank(plan, price));
    let expected: BTreeSet<_> =
        orders.iter().map(|order| entry(&order["id"], &order["plan"], &order["terms"]["monthly_price"])).collect();
    let found: BTreeSet<_> =
        listed.iter().map(|order| entry(&order["id"], &order["plan"], &order["monthly_price"])).collect();
    let best = expected.iter().map(|(_, _, rank)| *rank).max().unwrap_or(-1);
    let plan = stored["plan"].as_str().unwrap_or("FREE");
    let is_best = expected.iter().any(|(_, of_order, rank)| of_order == plan && *rank == best);
    let is_free = expected.is_empty() && plan == "FREE";
    if found == expected && found.len() == listed.len() && (is_best || is_free) {
        Ok(())
    } else {
        Err(format!("user {name} has {stored}, their orders are {expected:?}"))
    }
}
