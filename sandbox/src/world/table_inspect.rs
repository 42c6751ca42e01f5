//! A look at the table beside the counted calls, and a hand in it.

use std::collections::HashMap;

use dynoxide::types::AttributeValue;
use serde_json::{Value, json};
use shared::domain::billing::subscription::Subscription;

use crate::Error;
use crate::world::{TABLE, World};

/// The keys of every item, `pk sk`, sorted.
#[must_use]
pub fn keys(world: &World) -> Vec<String> {
    let mut keys: Vec<String> =
        items(world).iter().map(|item| format!("{} {}", text(item, "pk"), text(item, "sk"))).collect();
    keys.sort();
    keys
}

/// The stored subscription of that id; `None` where there is none that this version can read.
pub(crate) fn subscription(world: &World, id: &str) -> Option<Subscription> {
    let key = json!({ "pk": { "S": format!("SUB#{id}") }, "sk": { "S": "STATE" } });
    let request = serde_json::from_value(json!({ "TableName": TABLE, "Key": key })).ok()?;
    let mut item = world.database.get_item(request).ok()?.item?;
    serde_json::from_value(plain(item.remove("data")?)?).ok()
}

/// All stored subscriptions that this version can read, in no order.
pub(crate) fn subscriptions(world: &World) -> Vec<Subscription> {
    let states =
        items(world).into_iter().filter(|item| text(item, "pk").starts_with("SUB#") && text(item, "sk") == "STATE");
    states.filter_map(|mut item| serde_json::from_value(plain(item.remove("data")?)?).ok()).collect()
}

/// The version of the first item under that partition key; `None` where there is none with a version.
#[must_use]
pub fn version(world: &World, pk: &str) -> Option<u64> {
    let item = items(world).into_iter().find(|item| text(item, "pk") == pk)?;
    let Some(AttributeValue::N(version)) = item.get("version") else { return None };
    version.parse().ok()
}

/// A value as plain JSON; `None` for the types that the table does not hold.
fn plain(value: AttributeValue) -> Option<Value> {
    Some(match value {
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::N(number) => serde_json::from_str(&number).ok()?,
        AttributeValue::BOOL(truth) => Value::Bool(truth),
        AttributeValue::NULL(_) => Value::Null,
        AttributeValue::L(list) => Value::Array(list.into_iter().map(plain).collect::<Option<_>>()?),
        AttributeValue::M(map) => {
            let fields = map.into_iter().map(|(name, value)| Some((name, plain(value)?)));
            Value::Object(fields.collect::<Option<_>>()?)
        }
        _ => return None,
    })
}

/// Stores `copies` more subscriptions like that one, under other ids; gives whether all of them are stored.
#[must_use]
pub fn multiply(world: &World, subscription: &str, copies: usize) -> bool {
    let of = |number: usize| format!("DKCOPY{number:014}");
    let key = format!("SUB#{subscription}");
    let found = items(world).into_iter().find(|item| text(item, "pk") == key && text(item, "sk") == "STATE");
    let Some(original) = found else { return false };
    let copy = |number: usize| {
        let mut item = original.clone();
        item.insert("pk".to_owned(), AttributeValue::S(format!("SUB#{}", of(number))));
        if let Some(AttributeValue::M(data)) = item.get_mut("data") {
            data.insert("id".to_owned(), AttributeValue::S(of(number)));
        }
        if let Some(AttributeValue::S(list)) = item.get_mut("list") {
            let name = list.rsplit_once('#').map_or("", |(name, _)| name);
            *list = format!("{name}#{}", number % 4);
        }
        if let Some(AttributeValue::S(position)) = item.get_mut("listed_at") {
            let at = position.split('#').next().unwrap_or_default();
            *position = format!("{at}#{number:032}");
        }
        item
    };
    let copied = (0..copies).map(copy).collect();
    world.database.import_items(TABLE, copied, dynoxide::ImportOptions::default()).is_ok()
}

/// Stores `copies` more items like the one that is alone in its partition, under other partition keys; gives whether all
/// of them are stored.
#[must_use]
pub fn multiply_item(world: &World, partition: &str, copies: usize) -> bool {
    let Some(original) = items(world).into_iter().find(|item| text(item, "pk") == partition) else { return false };
    let copy = |number: usize| {
        let mut item = original.clone();
        item.insert("pk".to_owned(), AttributeValue::S(format!("{partition} COPY{number:08}")));
        item
    };
    let copied = (0..copies).map(copy).collect();
    world.database.import_items(TABLE, copied, dynoxide::ImportOptions::default()).is_ok()
}

/// Every item as DynamoDB's own JSON, in no order.
pub fn contents(world: &World) -> Vec<Value> {
    items(world).iter().map(|item| json!(item)).collect()
}

/// Puts an item, given in DynamoDB's own JSON, whatever was there: what no version of ours would have written.
///
/// # Errors
/// [`Error::Table`] when DynamoDB would not take it.
pub fn put(world: &World, item: &Value) -> Result<(), Error> {
    let request = serde_json::from_value(json!({ "TableName": TABLE, "Item": item }));
    let request = request.map_err(|error| Error::Table(error.to_string()))?;
    world.database.put_item(request).map(|_| ()).map_err(|error| Error::Table(error.to_string()))
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
