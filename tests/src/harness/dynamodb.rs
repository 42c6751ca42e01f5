//! DynamoDB: the engine called directly, its answers written as they go over the wire.

use std::collections::HashMap;

use dynoxide::actions::query::{QueryRequest, QueryResponse};
use dynoxide::actions::scan::ScanRequest;
use dynoxide::errors::CancellationReason;
use dynoxide::types::AttributeValue;
use dynoxide::{Database, DynoxideError, ImportOptions};
use sandbox::world::TABLE;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};

use super::call::Reply;
use super::subject::Orders;

type Item = HashMap<String, AttributeValue>;

/// Performs a call on the database.
pub(crate) fn perform(database: &Database, action: &str, body: &[u8], orders: &Orders) -> Reply {
    let answer = match action {
        "GetItem" => ask(body, |request| database.get_item(request)),
        "PutItem" => ask(body, |request| database.put_item(request)),
        "UpdateItem" => ask(body, |request| database.update_item(request)),
        "DeleteItem" => ask(body, |request| database.delete_item(request)),
        "Query" => ask(body, |request| query(database, request, orders)),
        "Scan" => ask(body, |request| database.scan(request)),
        "TransactWriteItems" => ask(body, |request| database.transact_write_items(request)),
        "BatchGetItem" => ask(body, |request| database.batch_get_item(request)),
        "BatchWriteItem" => ask(body, |request| database.batch_write_item(request)),
        other => panic!("DynamoDB's {other} is not simulated"),
    };
    answer.map_or_else(|error| refusal(&error), |answer| Reply::new(200, answer))
}

fn ask<Q: DeserializeOwned, A: Serialize>(
    body: &[u8],
    act: impl FnOnce(Q) -> dynoxide::Result<A>,
) -> dynoxide::Result<String> {
    let request = serde_json::from_slice(body).expect("a request of the SDK");
    Ok(serde_json::to_string(&act(request)?).expect("an answer of the engine"))
}

/// DynamoDB promises no order among items of the due index with the same due time. The engine orders them by their keys,
/// which hold random ids; here they come in the order in which their orders were made.
fn query(database: &Database, request: QueryRequest, orders: &Orders) -> dynoxide::Result<QueryResponse> {
    let index = request.index_name.as_deref() == Some("due");
    let mut answer = database.query(request)?;
    if let Some(items) = answer.items.as_mut().filter(|_| index) {
        items.sort_by_cached_key(|item| {
            let key = |name| orders.mask(text(item, name));
            (text(item, "due_at").to_owned(), key("pk"), key("sk"))
        });
    }
    Ok(answer)
}

fn text<'a>(item: &'a Item, name: &str) -> &'a str {
    match item.get(name) {
        Some(AttributeValue::S(text)) => text,
        _ => "",
    }
}

fn refusal(error: &DynoxideError) -> Reply {
    Reply::new(error.status_code(), error.to_json())
}

/// Too many calls: nothing is done.
pub(crate) fn throttled() -> Reply {
    refusal(&DynoxideError::ProvisionedThroughputExceededException("simulated".to_owned()))
}

/// Another transaction is under way on the first of `actions` items; none: the call was no transaction itself.
pub(crate) fn conflict(actions: Option<usize>) -> Reply {
    let Some(actions) = actions else {
        return Reply::error(400, "com.amazonaws.dynamodb.v20120810#TransactionConflictException");
    };
    let reason = |place| CancellationReason {
        code: if place == 0 { "TransactionConflict" } else { "None" }.to_owned(),
        message: (place == 0).then(|| "Transaction is ongoing for the item".to_owned()),
        item: None,
    };
    let reasons: Vec<_> = (0..actions).map(reason).collect();
    let codes = reasons.iter().map(|reason| reason.code.as_str()).collect::<Vec<_>>().join(", ");
    let message = format!("Transaction cancelled, please refer cancellation reasons for specific reasons [{codes}]");
    refusal(&DynoxideError::TransactionCanceledException(message, reasons))
}

/// The partitions that a call writes to.
pub(crate) fn partitions(action: &str, body: &[u8]) -> Vec<String> {
    let request: Value = serde_json::from_slice(body).expect("a request of the SDK");
    let of = |part: &Value| {
        let key = if part["Key"].is_object() { &part["Key"] } else { &part["Item"] };
        key["pk"]["S"].as_str().expect("a key").to_owned()
    };
    match action {
        "PutItem" | "UpdateItem" | "DeleteItem" => vec![of(&request)],
        "TransactWriteItems" => {
            let actions = request["TransactItems"].as_array().expect("actions");
            actions
                .iter()
                .map(|action| of(action.as_object().and_then(|one| one.values().next()).expect("one")))
                .collect()
        }
        _ => Vec::new(),
    }
}

/// One partition as plain JSON, sorted by key.
pub(crate) fn partition(database: &Database, pk: &str) -> Vec<Value> {
    let request = serde_json::json!({
        "TableName": TABLE, "KeyConditionExpression": "pk = :pk", "ExpressionAttributeValues": { ":pk": { "S": pk } },
    });
    let request: QueryRequest = serde_json::from_value(request).expect("a query");
    let page = database.query(request).expect("a partition");
    assert!(page.last_evaluated_key.is_none(), "{pk} is larger than a page");
    page.items.unwrap_or_default().into_iter().map(object).collect()
}

/// Sets an attribute of an item, or removes it. `value` is in DynamoDB's own form, such as `{"S": "text"}`.
pub(crate) fn damage(database: &Database, pk: &str, sk: &str, attribute: &str, value: Option<Value>) {
    let key = serde_json::json!({ "pk": { "S": pk }, "sk": { "S": sk } });
    let mut request = serde_json::json!({
        "TableName": TABLE, "Key": key, "UpdateExpression": "REMOVE #a", "ExpressionAttributeNames": { "#a": attribute },
    });
    if let Some(value) = value {
        request["UpdateExpression"] = "SET #a = :value".into();
        request["ExpressionAttributeValues"] = serde_json::json!({ ":value": value });
    }
    database.update_item(serde_json::from_value(request).expect("a request")).expect("an update");
}

/// The whole table as plain JSON, sorted by key.
pub(crate) fn items(database: &Database) -> Vec<Value> {
    let mut items = scan(database);
    items.sort_by(|a, b| (text(a, "pk"), text(a, "sk")).cmp(&(text(b, "pk"), text(b, "sk"))));
    items.into_iter().map(object).collect()
}

/// Puts the items of one table into another.
pub(crate) fn copy(from: &Database, to: &Database) {
    to.import_items(TABLE, scan(from), ImportOptions::default()).expect("a copy");
}

fn scan(database: &Database) -> Vec<Item> {
    let mut items: Vec<Item> = Vec::new();
    let mut from = None;
    loop {
        let request = ScanRequest { table_name: TABLE.to_owned(), exclusive_start_key: from, ..ScanRequest::default() };
        let page = database.scan(request).expect("a scan");
        items.extend(page.items.unwrap_or_default());
        from = page.last_evaluated_key;
        if from.is_none() {
            return items;
        }
    }
}

fn object(item: Item) -> Value {
    Value::Object(item.into_iter().map(|(name, value)| (name, plain(value))).collect::<Map<_, _>>())
}

#[expect(clippy::wildcard_enum_match_arm, reason = "the table holds no other types")]
fn plain(value: AttributeValue) -> Value {
    match value {
        AttributeValue::S(text) => Value::String(text),
        AttributeValue::N(number) => serde_json::from_str(&number).expect("a number"),
        AttributeValue::BOOL(truth) => Value::Bool(truth),
        AttributeValue::NULL(_) => Value::Null,
        AttributeValue::L(list) => list.into_iter().map(plain).collect(),
        AttributeValue::M(map) => object(map.into_iter().collect()),
        other => panic!("the table holds {other:?}"),
    }
}
