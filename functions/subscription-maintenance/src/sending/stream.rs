//! Records of the table's stream: mails and events that were just stored are sent at once, instead of by the next run.

use std::time::Duration;

use serde::Deserialize;
use serde_json::{Value, json};
use shared::events::drain::{EventDrain, Patience, StartError};
use shared::mail::outbox;
use shared::mail::outbox::DueNotices;
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::store::Error as StoreError;
use shared::store::billing::due::DueMessage;
use shared::store::billing::events::DueEvent;
use shared::store::billing::notices::DueNotice;
use shared::store::table::keys::Key;

use crate::metrics::RunMetrics;
use crate::{Error, Maintenance};

/// Time after which nothing further of a batch is begun; the next run goes on. The records after it wait meanwhile.
const BATCH_LIMIT: Duration = Duration::from_secs(60);

/// Lease that keeps further runs for slow endpoints away, and its length: about as long as such a run takes. Of many batches each would
/// otherwise request its own, and together they would leave no instance for mail.
const RUN_REQUEST: &str = "events";
const RUN_REQUEST_SECONDS: i64 = 240;

/// Event of a DynamoDB stream (AWS Lambda Developer Guide, "Using Lambda with Amazon DynamoDB"). Only the keys are used: the item is
/// read, because it may have changed since.
#[derive(Deserialize)]
struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<StreamRecord>,
}

#[derive(Deserialize)]
struct StreamRecord {
    dynamodb: Change,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Change {
    keys: ItemKey,
    sequence_number: String,
}

#[derive(Deserialize)]
struct ItemKey {
    pk: Text,
    sk: Text,
}

#[derive(Deserialize)]
struct Text {
    #[serde(rename = "S")]
    text: String,
}

/// Messages of a batch.
#[derive(Default)]
struct Stored {
    notices: Vec<DueNotice>,
    events: Vec<DueEvent>,
    /// True if an endpoint was switched on, which is work for a run.
    needs_run: bool,
    /// Sequence number of the first record whose item could not be read.
    failed: Option<String>,
}

/// True for an event of a DynamoDB stream.
pub(crate) fn is_event(event: &Value) -> bool {
    let source = event.pointer("/Records/0/eventSource").and_then(Value::as_str);
    source == Some("aws:dynamodb")
}

/// Sends the messages of the records. Answers `{"batchItemFailures": [{"itemIdentifier": …}]}` with the first record that is to be
/// delivered again, since the table failed. What a provider or endpoint does not take is retried by runs.
pub(crate) async fn send_stored(maintenance: &Maintenance, event: Value, time: InvocationTime) -> Result<Value, Error> {
    let event: StreamEvent = serde_json::from_value(event).map_err(|_| Error::InvalidStreamRecords)?;
    let stored = read(maintenance, &event.records, time).await;
    let mails = send(maintenance, stored.notices, time);
    let events = post(maintenance, stored.events, time);
    let (mails, events) = futures::join!(mails, events);
    let events = events.map_err(|error| {
        tracing::error!(error = error_chain(&error), "events could not be posted; the next run continues");
    });
    if stored.needs_run || events.unwrap_or(false) {
        request_run(maintenance, time).await;
    }
    let first = event.records.into_iter().next().map(|record| record.dynamodb.sequence_number);
    let failed = match mails {
        Ok(()) => stored.failed,
        Err(error) => {
            tracing::error!(error = error_chain(&error), "mails of a batch could not be sent; it is delivered again");
            first
        }
    };
    let failures: Vec<Value> = failed.iter().map(|number| json!({ "itemIdentifier": number })).collect();
    Ok(json!({ "batchItemFailures": failures }))
}

/// Invokes the function for what the stream left, unless such a run was requested shortly before. Where that fails the schedule does it.
async fn request_run(maintenance: &Maintenance, time: InvocationTime) {
    let (wall, until) = (time.wall_now(), time.wall_now().plus_seconds(RUN_REQUEST_SECONDS));
    let taken = maintenance.store.runs.take_lease(RUN_REQUEST, &until.to_string(), wall, until).await;
    match taken {
        Ok(true) => drop(maintenance.continuation.go_on(&json!({ "task": "send-mail" })).await),
        Ok(false) => {}
        Err(error) => tracing::warn!(error = error_chain(&error), "a run for slow endpoints was not requested"),
    }
}

/// Reads the items of the records up to the first one for which the table fails. One that is not due any more was handled, and one
/// that cannot be read is left to a run, which moves it out of its queue.
async fn read(maintenance: &Maintenance, records: &[StreamRecord], time: InvocationTime) -> Stored {
    let mut stored = Stored::default();
    for StreamRecord { dynamodb: Change { keys, sequence_number } } in records {
        let key = Key { pk: keys.pk.text.clone(), sk: keys.sk.text.clone() };
        match maintenance.store.billing.due_message(&key, time.wall_now()).await {
            Ok(Some(DueMessage::Notice(notice))) => stored.notices.push(notice),
            Ok(Some(DueMessage::Event(event))) => stored.events.push(event),
            Ok(Some(DueMessage::Endpoint(_))) => stored.needs_run = true,
            Ok(None) => {}
            Err(error) if error.is_about_one_item() => {
                tracing::error!(
                    error = error_chain(&error),
                    "a stored message cannot be read; the next run handles it"
                );
            }
            Err(error) => {
                tracing::error!(error = error_chain(&error), "a stored message was not read; it is delivered again");
                stored.failed = Some(sequence_number.clone());
                break;
            }
        }
    }
    stored
}

async fn send(maintenance: &Maintenance, notices: Vec<DueNotice>, time: InvocationTime) -> Result<(), StoreError> {
    if notices.is_empty() {
        return Ok(());
    }
    let Maintenance { store, mailer, policy, .. } = maintenance;
    let due = DueNotices { notices, seconds: BATCH_LIMIT.as_secs() };
    let drained = outbox::drain(store, mailer, policy, time, due).await?;
    let mut metrics = RunMetrics::default();
    metrics.mails(&drained);
    metrics.emit(store, time).await;
    Ok(())
}

/// Posts events. Returns `true` if a run is to go on with what is left.
async fn post(maintenance: &Maintenance, events: Vec<DueEvent>, time: InvocationTime) -> Result<bool, StartError> {
    if events.is_empty() {
        return Ok(false);
    }
    let drain = EventDrain::start(&maintenance.store.billing, &maintenance.events, time, Patience::Brief).await?;
    let posted = drain.post(events, BATCH_LIMIT).await?;
    Ok(posted.is_left)
}
