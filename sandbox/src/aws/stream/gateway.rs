//! Records of the writes to DynamoDB: the images before and after a write are read beside the counted calls.

use std::sync::Arc;

use axum::response::Response;
use serde_json::{Map, Value, json};

use super::record::{Change, Item};
use crate::world::{TABLE, World};

/// Attributes of the table's key.
const KEY: [&str; 2] = ["pk", "sk"];

/// Keys of the items that a request writes and whose records a mapping may want; none while the stream is off.
pub(crate) fn wanted_keys(world: &World, operation: &str, body: &[u8]) -> Vec<Value> {
    if !matches!(operation, "PutItem" | "UpdateItem" | "DeleteItem" | "TransactWriteItems") {
        return Vec::new();
    }
    let request: Value = serde_json::from_slice(body).unwrap_or_default();
    let keys = written_keys(operation, &request);
    keys.into_iter().filter(|key| world.stream.may_want(key)).collect()
}

fn written_keys(operation: &str, request: &Value) -> Vec<Value> {
    if operation != "TransactWriteItems" {
        return key(request).into_iter().collect();
    }
    let parts = request.get("TransactItems").and_then(Value::as_array).into_iter().flatten();
    let parts = parts.filter_map(Value::as_object).flatten().filter(|(kind, _)| *kind != "ConditionCheck");
    parts.filter_map(|(_, part)| key(part)).collect()
}

fn key(request: &Value) -> Option<Value> {
    let item = request.get("Key").or_else(|| request.get("Item"))?;
    let attribute = |name: &&str| Some(((*name).to_owned(), item.get(*name)?.clone()));
    KEY.iter().map(attribute).collect::<Option<Map<_, _>>>().map(Value::Object)
}

/// Does a write, and makes the records of these items: one write after the other, so that the records are in their order.
pub(crate) async fn recorded(world: Arc<World>, keys: Vec<Value>, write: impl Future<Output = Response>) -> Response {
    let _in_order = world.stream.writing().await;
    let before: Vec<_> = keys.iter().map(|key| image(&world, key)).collect();
    let response = write.await;
    let changes = keys.into_iter().zip(before).map(|(key, before)| {
        let after = image(&world, &key);
        Change { key, before, after }
    });
    let changes: Vec<_> = changes.collect();
    world.stream.add(&changes, world.now());
    response
}

fn image(world: &World, key: &Value) -> Option<Item> {
    let request = json!({ "TableName": TABLE, "Key": key, "ConsistentRead": true });
    world.database.get_item(serde_json::from_value(request).ok()?).ok()?.item
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(sk: &str) -> Value {
        json!({ "pk": { "S": "a" }, "sk": { "S": sk } })
    }

    #[test]
    fn each_item_of_a_transaction_counts_but_for_those_that_are_only_checked() {
        let put = json!({ "pk": { "S": "a" }, "sk": { "S": "1" }, "more": { "N": "5" } });
        let request = json!({ "TransactItems": [
            { "Put": { "Item": put } }, { "ConditionCheck": { "Key": item("2") } }, { "Update": { "Key": item("3") } },
            { "Delete": { "Key": item("4") } },
        ] });
        assert_eq!(written_keys("TransactWriteItems", &request), [item("1"), item("3"), item("4")]);
        assert_eq!(written_keys("PutItem", &json!({ "Item": put })), [item("1")]);
        assert_eq!(written_keys("DeleteItem", &json!({ "Key": item("4") })), [item("4")]);
        assert_eq!(written_keys("PutItem", &json!({ "Item": { "pk": { "S": "a" } } })), Vec::<Value>::new());
    }
}
