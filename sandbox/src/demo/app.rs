//! The business's app in the demo: the events that reached it, and what it knows by them.

use serde_json::Value;

use crate::Error;
use crate::demo::{Customer, DemoRunner, unexpected};

/// Prints the events that arrived since the last time, those of one moment in one line.
pub(super) fn print_events(runner: &mut DemoRunner<'_>) {
    let new: Vec<_> = runner.world.state().events.since(runner.printed_events).cloned().collect();
    runner.printed_events += new.len();
    for moment in new.chunk_by(|one, next| one.at == next.at) {
        let Some(first) = moment.first() else { continue };
        let mut types: Vec<_> = moment.iter().filter_map(|event| event.body.get("type")?.as_str()).collect();
        types.sort_unstable();
        runner.line_at(&first.at.to_rfc3339(), &format!("events to the business's app: {}", types.join(", ")));
    }
}

/// Fails where the latest change of plan that the app got is another one.
pub(super) fn expect_plan(runner: &DemoRunner<'_>, customer: &Customer, plan: &str) -> Result<(), Error> {
    let state = runner.world.state();
    let changes = state.events.since(0).map(|event| &event.body);
    let changes = changes.filter(|event| event.pointer("/data/user_version").is_some());
    let of_customer = changes.filter(|event| event.pointer("/data/user_id") == Some(&customer.user.into()));
    let latest = of_customer.max_by_key(|event| event.pointer("/data/user_version").and_then(Value::as_u64));
    let known = latest.and_then(|event| event.pointer("/data/plan_id")?.as_str());
    if known == Some(plan) { Ok(()) } else { Err(unexpected("the app knows another plan by its events")) }
}
