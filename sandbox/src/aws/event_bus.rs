//! EventBridge's default bus: each rule of the template has a function as its target.

use std::sync::Arc;

use serde_json::Value as Json;
use yaml_serde::Value;

use crate::aws::invoke_later;
use crate::world::World;

/// Publishes an event: every rule that it matches invokes its function asynchronously.
pub(crate) fn publish(world: &Arc<World>, event: &Json) {
    let text = |value: &Value| world.deployed_text(value);
    for rule in world.template.event_rules.iter().filter(|rule| rule.matches(event, &text)) {
        invoke_later(world, &rule.function, event.clone(), "");
    }
}
