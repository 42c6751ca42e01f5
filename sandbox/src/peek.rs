//! A look at the table beside the counted calls.

use std::collections::HashMap;

use dynoxide::types::AttributeValue;

use crate::world::{TABLE, World};

/// The keys of every item, `pk sk`, sorted.
#[must_use]
pub fn keys(world: &World) -> Vec<String> {
    let mut keys: Vec<String> =
        items(world).iter().map(|item| format!("{} {}", text(item, "pk"), text(item, "sk"))).collect();
    keys.sort();
    keys
}

fn items(world: &World) -> Vec<HashMap<String, AttributeValue>> {
    let mut items = Vec::new();
    let mut from = None;
    loop {
        let request = dynoxide::actions::scan::ScanRequest {
            table_name: TABLE.to_owned(),
            exclusive_start_key: from,
            ..Default::default()
        };
        let Ok(page) = world.database.scan(request) else { return items };
        items.extend(page.items.unwrap_or_default().into_iter().map(|item| item.into_iter().collect()));
        from = page.last_evaluated_key;
        if from.is_none() {
            return items;
        }
    }
}

fn text(item: &HashMap<String, AttributeValue>, name: &str) -> String {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text.clone(),
        _ => String::new(),
    }
}
