//! The expiry scan as sales staff see it: what is in Slack, and what they say to it over HTTP.

mod console;
mod cuts;
mod digest;
mod items;
mod list;
mod memory;
mod presses;
mod scale;
mod settings;
mod trouble;

use std::collections::BTreeMap;

use serde_json::{Value, json};
use shared::domain::values::time::LocalDate;

/// Day of the tests, a Friday.
const TODAY: &str = "2026-11-20";
const BEGIN: &str = "2026-11-20T08:00:00+08:00";
const RUN: &str = "/runs/mms-expiry-scan";

/// An institution in MMS's fields that expires so many days after [`TODAY`], at noon in Taipei.
fn institution(uid: &str, days: i64) -> Value {
    let day = LocalDate::parse(TODAY).unwrap().plus_days(days);
    json!({
        "uid": uid, "name": format!("Institution {uid}"), "expirationTime": format!("{day}T04:00:00.000Z"),
        "ownerLastName": "Lin", "ownerFirstName": uid, "contactNumbers": [{ "type": 1, "number": "02-5550-0100" }],
        "address": "1 Invented Road", "purchasePlan": { "name": "Plan A" },
    })
}

/// The texts of a payload's blocks, in order.
fn texts(payload: &Value) -> Vec<String> {
    let text = |value: &Value| value["text"].as_str().unwrap_or_default().to_owned();
    let of_block = |block: &Value| match block["type"].as_str().unwrap() {
        "context" => block["elements"].as_array().unwrap().iter().map(text).collect(),
        "divider" => Vec::new(),
        _ => vec![text(&block["text"])],
    };
    payload["blocks"].as_array().unwrap().iter().flat_map(of_block).collect()
}

/// Institutions below each heading, by the heading's word for the tier, over all messages.
fn tiers(payloads: &[Value]) -> BTreeMap<String, Vec<String>> {
    let mut found: BTreeMap<String, Vec<String>> = BTreeMap::new();
    let mut heading = None;
    for text in payloads.iter().flat_map(texts) {
        let begins = ["🔴 *", "🟡 *", "🟢 *", "⚫ *"].iter().find_map(|colour| text.strip_prefix(colour));
        if let Some(word) = begins {
            heading = Some(word.split('（').next().unwrap().to_owned());
            continue;
        }
        for line in text.lines().filter(|line| line.contains("/organizations/")) {
            let uid = line.split("/organizations/").nth(1).unwrap().split('|').next().unwrap();
            found.entry(heading.clone().unwrap()).or_default().push(uid.to_owned());
        }
    }
    found
}

/// Institutions of [`tiers`], in the order of the messages.
fn uids(payloads: &[Value]) -> Vec<String> {
    let lines = payloads.iter().flat_map(texts).flat_map(|text| text.lines().map(str::to_owned).collect::<Vec<_>>());
    let uid = |line: String| Some(line.split("/organizations/").nth(1)?.split('|').next()?.to_owned());
    lines.filter_map(uid).collect()
}
