//! Rules of EventBridge as the template writes them.

use serde_json::Value as Json;
use yaml_serde::Value;

/// A rule that sends the events of its pattern to a function.
#[derive(Clone, Debug)]
pub struct EventRule {
    /// Name of the event in the template.
    pub name: String,
    /// Function that it calls, by its logical name.
    pub function: String,
    /// Pattern as the template writes it, with references.
    pub pattern: Value,
}

impl EventRule {
    /// True if the event has, at each place that the pattern names, one of its texts, which `text` resolves. Of EventBridge's
    /// patterns this is the only form that the template uses; an array matches by any of its elements.
    #[must_use]
    pub fn matches(&self, event: &Json, text: &dyn Fn(&Value) -> Option<String>) -> bool {
        matches(&self.pattern, event, text)
    }
}

fn matches(pattern: &Value, event: &Json, text: &dyn Fn(&Value) -> Option<String>) -> bool {
    if let Some(wanted) = pattern.as_sequence() {
        let wanted: Vec<_> = wanted.iter().filter_map(text).collect();
        let is_wanted = |value: &Json| value.as_str().is_some_and(|value| wanted.iter().any(|one| one == value));
        return is_wanted(event) || event.as_array().is_some_and(|values| values.iter().any(is_wanted));
    }
    pattern.as_mapping().is_some_and(|places| {
        places.iter().all(|(name, inner)| {
            name.as_str().and_then(|name| event.get(name)).is_some_and(|value| matches(inner, value, text))
        })
    })
}
