//! The table's stream as the sandbox makes and delivers it, and the switches of what triggers functions.

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::{AttributeValue, ConditionCheck, Delete, Put, TransactWriteItem, Update};
use futures::future::join_all;
use reqwest::Method;
use serde_json::{Value, json};

use sandbox::world::TABLE;
use testing::support::Sandbox;

const NOW: &str = "2025-01-15T10:00:00+08:00";

type Item = std::collections::HashMap<String, AttributeValue>;

fn key(sk: &str) -> Item {
    [("pk", "INVENTED"), ("sk", sk)].map(|(name, text)| (name.to_owned(), AttributeValue::S(text.to_owned()))).into()
}

/// An item that the mappings want while its state is `queued`. Without a due time no schedule finds it.
fn item(sk: &str, state: &str) -> Item {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    let data = AttributeValue::M([("state".to_owned(), text(state))].into());
    let mut item = key(sk);
    item.extend([("queue".to_owned(), text("send-mail")), ("data".to_owned(), data)]);
    item
}

fn client(sandbox: &Sandbox) -> Client {
    Client::new(&sandbox::aws::config(&sandbox.world.aws_url))
}

async fn put(client: &Client, item: Item) {
    client.put_item().table_name(TABLE).set_item(Some(item)).send().await.unwrap();
}

/// Number of records that the functions were given since the start, however they ended, once the clock has answered.
async fn given(sandbox: &Sandbox) -> u64 {
    sandbox.advance(0.0).await;
    shown(sandbox).await
}

/// The same, where no record waits.
async fn shown(sandbox: &Sandbox) -> u64 {
    let stream = sandbox.get("/sandbox/stream").await;
    assert_eq!(stream["waiting"], 0, "{stream}");
    stream["delivered"].as_u64().unwrap() + stream["failed_count"].as_u64().unwrap()
}

async fn switch(sandbox: &Sandbox, path: &str, enabled: bool) {
    let answer = sandbox.put(path, json!({ "enabled": enabled })).await;
    assert_eq!(answer["enabled"], enabled, "{answer}");
}

#[tokio::test]
async fn each_queued_mail_and_event_is_given_to_the_function_once_however_it_was_written() {
    let sandbox = Sandbox::streaming(NOW, &[]).await;
    let client = client(&sandbox);
    put(&client, item("NOTICE#1", "queued")).await;
    assert_eq!(given(&sandbox).await, 1);
    put(&client, item("EVENT#1", "queued")).await;
    assert_eq!(given(&sandbox).await, 2);
    // Neither a mail nor an event, or not to be sent now.
    put(&client, item("STATE", "queued")).await;
    put(&client, item("NOTICE#2", "claimed")).await;
    put(&client, item("EVENT#2", "waiting")).await;
    assert_eq!(given(&sandbox).await, 2);
    // Again to be sent.
    let update = client.update_item().table_name(TABLE).set_key(Some(key("NOTICE#2")));
    let queued = AttributeValue::S("queued".to_owned());
    let update = update.update_expression("SET #d.#s = :queued").expression_attribute_names("#d", "data");
    let update = update.expression_attribute_names("#s", "state").expression_attribute_values(":queued", queued);
    update.send().await.unwrap();
    assert_eq!(given(&sandbox).await, 3);
    client.delete_item().table_name(TABLE).set_key(Some(key("NOTICE#2"))).send().await.unwrap();
    assert_eq!(given(&sandbox).await, 3);
}

#[tokio::test]
async fn a_transaction_has_a_record_for_each_item_that_it_changes() {
    let sandbox = Sandbox::streaming(NOW, &[]).await;
    let client = client(&sandbox);
    put(&client, item("NOTICE#waiting", "waiting")).await;
    put(&client, item("NOTICE#gone", "waiting")).await;
    put(&client, item("NOTICE#same", "queued")).await;
    assert_eq!(given(&sandbox).await, 1);
    let put = |sk: &str| Put::builder().table_name(TABLE).set_item(Some(item(sk, "queued"))).build().unwrap();
    let update = Update::builder().table_name(TABLE).set_key(Some(key("NOTICE#waiting")));
    let update = update.update_expression("SET #d = :data").expression_attribute_names("#d", "data");
    let update = update.expression_attribute_values(":data", item("", "queued")["data"].clone()).build().unwrap();
    let delete = Delete::builder().table_name(TABLE).set_key(Some(key("NOTICE#gone"))).build().unwrap();
    let check = ConditionCheck::builder().table_name(TABLE).set_key(Some(key("NOTICE#absent")));
    let check = check.condition_expression("attribute_not_exists(pk)").build().unwrap();
    let parts = [
        TransactWriteItem::builder().put(put("NOTICE#new")).build(),
        TransactWriteItem::builder().put(put("EVENT#new")).build(),
        TransactWriteItem::builder().put(put("NOTICE#same")).build(),
        TransactWriteItem::builder().update(update).build(),
        TransactWriteItem::builder().delete(delete).build(),
        TransactWriteItem::builder().condition_check(check).build(),
    ];
    let transaction = client.transact_write_items().set_transact_items(Some(parts.to_vec()));
    transaction.send().await.unwrap();
    // The new mail, the new event, and the mail that waited.
    assert_eq!(given(&sandbox).await, 4);
}

#[tokio::test]
async fn a_write_that_is_refused_or_changes_nothing_has_no_record() {
    let sandbox = Sandbox::streaming(NOW, &[]).await;
    let client = client(&sandbox);
    put(&client, item("NOTICE#1", "queued")).await;
    put(&client, item("NOTICE#1", "queued")).await;
    let refused = client.put_item().table_name(TABLE).set_item(Some(item("NOTICE#2", "queued")));
    assert!(refused.condition_expression("attribute_exists(pk)").send().await.is_err());
    let absent = Put::builder().table_name(TABLE).condition_expression("attribute_not_exists(pk)");
    let parts = ["NOTICE#1", "NOTICE#3"].map(|sk| {
        let put = absent.clone().set_item(Some(item(sk, "queued"))).build().unwrap();
        TransactWriteItem::builder().put(put).build()
    });
    assert!(client.transact_write_items().set_transact_items(Some(parts.to_vec())).send().await.is_err());
    assert_eq!(given(&sandbox).await, 1);
}

#[tokio::test]
async fn writes_at_the_same_time_are_all_delivered_without_a_move_of_the_clock() {
    let sandbox = Sandbox::streaming(NOW, &[]).await;
    let client = client(&sandbox);
    join_all((0..60).map(|number| put(&client, item(&format!("NOTICE#{number}"), "queued")))).await;
    sandbox.world.stream_handled().await;
    assert_eq!(shown(&sandbox).await, 60);
}

#[tokio::test]
async fn what_is_written_while_the_stream_is_cut_off_is_lost_to_it_for_good() {
    let sandbox = Sandbox::streaming(NOW, &[]).await;
    let client = client(&sandbox);
    switch(&sandbox, "/sandbox/stream", false).await;
    put(&client, item("NOTICE#1", "queued")).await;
    switch(&sandbox, "/sandbox/stream", true).await;
    put(&client, item("NOTICE#2", "queued")).await;
    assert_eq!(given(&sandbox).await, 1);
}

#[tokio::test]
async fn a_test_starts_with_the_stream_off() {
    let sandbox = Sandbox::at(NOW).await;
    put(&client(&sandbox), item("NOTICE#1", "queued")).await;
    let expected = json!({ "enabled": false, "delivered": 0, "waiting": 0, "failed_count": 0, "failed": [] });
    sandbox.advance(0.0).await;
    assert_eq!(sandbox.get("/sandbox/stream").await, expected);
}

#[tokio::test]
async fn the_images_of_the_stream_are_read_beside_the_counted_calls() {
    let sandbox = Sandbox::streaming(NOW, &[]).await;
    sandbox.forget_calls().await;
    put(&client(&sandbox), item("NOTICE#1", "queued")).await;
    // Those of this test: the function that is given the record makes its own.
    assert_eq!(sandbox.world.counted(Some("sandbox")), json!({ "dynamodb": { "PutItem": 1 } }));
}

#[tokio::test]
async fn no_schedule_fires_while_the_schedules_are_off() {
    let sandbox = Sandbox::at(NOW).await;
    switch(&sandbox, "/sandbox/schedules", false).await;
    assert_eq!(sandbox.travel("2025-01-17T10:00:00+08:00").await, Vec::<String>::new());
    assert_eq!(sandbox.get("/sandbox/schedules").await, json!({ "enabled": false }));
    switch(&sandbox, "/sandbox/schedules", true).await;
    let ran = sandbox.travel("2025-01-17T11:00:00+08:00").await;
    let expected = "2025-01-17T02:30:00Z SubscriptionMaintenance EveryTwoHours: nothing due";
    assert_eq!(ran, [expected], "what was due meanwhile is not made up for");
}

#[tokio::test]
async fn a_switch_takes_one_field_that_is_true_or_false() {
    let sandbox = Sandbox::at(NOW).await;
    for path in ["/sandbox/stream", "/sandbox/schedules"] {
        for wrong in [json!({}), json!({ "enabled": 1 }), json!({ "enabled": true, "more": 1 }), Value::Null] {
            let (status, _) = sandbox.call(Method::PUT, path, Some(wrong.clone())).await;
            assert_eq!(status, 400, "{path} {wrong}");
        }
    }
}
