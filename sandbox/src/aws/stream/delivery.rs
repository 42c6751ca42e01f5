//! Deliveries of the stream to a function, as Lambda makes them for one shard: one batch after the other, a failed one again
//! until it is handled or given up (AWS Lambda Developer Guide, "Using AWS Lambda with Amazon DynamoDB" and "Configuring partial
//! batch response with DynamoDB and Lambda").
//!
//! Lambda does not document two things, which are assumed: splitting a batch, be it by halves or behind its handled records,
//! counts as no retry; and a batch without a handled record is halved only where the invocation itself failed.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use serde_json::{Value, json};
use shared::platform::logging::error_chain;
use tokio::sync::mpsc::UnboundedReceiver;

use super::mapping::Mapping;
use super::record::Record;
use super::{Condition, Inbox, Stream};
use crate::world::World;
use crate::world::timer::WorldTimer;

/// Time of the sandbox's clock between a failed batch and its retry.
const RETRY_WAIT: Duration = Duration::from_secs(1);

/// Deliveries for one mapping. `invoke` gives the function's answer to an event, or the reason for which it failed.
struct Delivery<'a, I> {
    stream: &'a Stream,
    mapping: &'a Mapping,
    timer: &'a WorldTimer,
    invoke: I,
}

/// Records that are delivered together.
struct Batch {
    records: Vec<Arc<Record>>,
    retries: u64,
}

/// Result of an invocation for the batch that it was given.
#[derive(Debug, PartialEq, Eq)]
enum Outcome {
    /// The function handled this many records from the batch's begin on; all is the whole batch.
    Handled(usize),
    /// The invocation failed, or its answer cannot be read.
    Failed,
}

/// Delivers records as long as the process runs.
pub(crate) fn serve(world: &Arc<World>, inboxes: Vec<Inbox>) {
    for Inbox { mapping, records } in inboxes {
        let world = Arc::clone(world);
        tokio::spawn(async move {
            let invoke = |event| {
                let (world, mapping) = (Arc::clone(&world), Arc::clone(&mapping));
                async move { world.invoke(&mapping.function, event).await.map_err(|error| error_chain(&error)) }
            };
            let delivery = Delivery { stream: &world.stream, mapping: &mapping, timer: world.timer, invoke };
            delivery.run(records).await;
        });
    }
}

impl<I, F> Delivery<'_, I>
where
    I: Fn(Value) -> F,
    F: Future<Output = Result<Value, String>>,
{
    /// Delivers until no record can come any more.
    async fn run(&self, mut records: UnboundedReceiver<Arc<Record>>) {
        let mut next = Vec::new();
        while records.recv_many(&mut next, self.mapping.batch_size).await > 0 {
            self.deliver(std::mem::take(&mut next)).await;
        }
    }

    /// Delivers a batch, and what is left of it, until each record is handled or given up.
    async fn deliver(&self, records: Vec<Arc<Record>>) {
        let mut waiting = VecDeque::from([Batch { records, retries: 0 }]);
        while let Some(mut batch) = waiting.pop_front() {
            self.give_up_old(&mut batch);
            if batch.records.is_empty() {
                continue;
            }
            match self.attempt(&batch.records).await {
                Outcome::Handled(count) if count > 0 => {
                    let rest = batch.records.split_off(count);
                    self.stream.delivered(&batch.records);
                    waiting.push_front(Batch { records: rest, retries: 0 });
                }
                Outcome::Failed if self.mapping.is_bisected && batch.records.len() > 1 => {
                    let second = batch.records.split_off(batch.records.len() / 2);
                    waiting.push_front(Batch { records: second, retries: batch.retries });
                    waiting.push_front(batch);
                }
                Outcome::Handled(_) | Outcome::Failed => {
                    if self.mapping.retries.is_some_and(|most| batch.retries >= most) {
                        self.stream.failed(&self.mapping.name, &batch.records, Condition::RetryAttemptsExhausted);
                        continue;
                    }
                    self.timer.sleep(RETRY_WAIT).await;
                    waiting.push_front(Batch { retries: batch.retries + 1, ..batch });
                }
            }
        }
    }

    /// Takes the records that are too old out of the batch.
    fn give_up_old(&self, batch: &mut Batch) {
        let Some(longest) = self.mapping.longest_age.and_then(TimeDelta::try_seconds) else { return };
        let now = self.timer.now();
        let is_young = |record: &Arc<Record>| now - record.made_at <= longest;
        let (young, old) = std::mem::take(&mut batch.records).into_iter().partition(is_young);
        batch.records = young;
        self.stream.failed(&self.mapping.name, &old, Condition::RecordAgeExceeded);
    }

    async fn attempt(&self, records: &[Arc<Record>]) -> Outcome {
        let events: Vec<&Value> = records.iter().map(|record| &record.event).collect();
        match (self.invoke)(json!({ "Records": events })).await {
            Ok(answer) if self.mapping.has_partial_answers => outcome(&answer, records),
            Ok(_) => Outcome::Handled(records.len()),
            Err(error) => {
                tracing::warn!(mapping = self.mapping.name, records = records.len(), error, "a delivery failed");
                Outcome::Failed
            }
        }
    }
}

/// Reads an answer to a batch: the lowest of the records that failed is the one from which on the batch is retried. An answer
/// without such a list is that of a function that handled everything.
fn outcome(answer: &Value, records: &[Arc<Record>]) -> Outcome {
    let failures = match answer.get("batchItemFailures") {
        None | Some(Value::Null) => return Outcome::Handled(records.len()),
        Some(failures) => failures.as_array(),
    };
    let place = |failure: &Value| {
        let number = failure.get("itemIdentifier")?.as_str()?;
        records.iter().position(|record| record.sequence_number() == number)
    };
    // One that cannot be found is a failure of the whole batch.
    let places: Option<Vec<usize>> = failures.and_then(|failures| failures.iter().map(place).collect());
    match places {
        Some(places) => Outcome::Handled(places.into_iter().min().unwrap_or(records.len())),
        None => Outcome::Failed,
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Mutex;

    use chrono::{DateTime, Utc};
    use dynoxide::types::AttributeValue;

    use super::*;
    use crate::aws::stream::Opened;
    use crate::aws::stream::filter::Filter;
    use crate::aws::stream::record::{Change, Item};

    const NOW: &str = "2026-03-02T01:30:00Z";

    fn mapping() -> Mapping {
        Mapping {
            name: "Stored".to_owned(),
            function: "Sender".to_owned(),
            filter: Filter::default(),
            batch_size: 5,
            retries: Some(2),
            longest_age: Some(60),
            is_bisected: true,
            has_partial_answers: true,
        }
    }

    fn change(number: usize) -> Change {
        let attribute = AttributeValue::S(number.to_string());
        let item: Item = [("pk".to_owned(), attribute.clone()), ("sk".to_owned(), attribute)].into();
        Change { key: json!(item), before: None, after: Some(item) }
    }

    /// Number of a record of `change`.
    fn number(record: &Value) -> usize {
        record["dynamodb"]["Keys"]["pk"]["S"].as_str().unwrap().parse().unwrap()
    }

    fn failures<'a>(failed: impl IntoIterator<Item = &'a Value>) -> Value {
        let failed = failed.into_iter();
        let failed = failed.map(|record| json!({ "itemIdentifier": record["dynamodb"]["SequenceNumber"] }));
        json!({ "batchItemFailures": failed.collect::<Vec<_>>() })
    }

    /// Result of deliveries: the numbers of the records of each invocation, and the stream afterwards.
    struct Delivered {
        batches: Vec<Vec<usize>>,
        stream: Value,
    }

    /// Delivers records 1 to `count`, with the answer that is given for an invocation's records.
    async fn delivered(
        mapping: Mapping,
        count: usize,
        answer: impl Fn(&[Value]) -> Result<Value, String>,
    ) -> Delivered {
        let now: DateTime<Utc> = NOW.parse().unwrap();
        let timer = WorldTimer::leaked(now);
        let passing = tokio::spawn(async {
            loop {
                timer.set(timer.next_moment().await);
            }
        });
        let Opened { stream, mut inboxes } = Stream::open(&[mapping], true);
        stream.add(&(1..=count).map(change).collect::<Vec<_>>(), now);
        let Inbox { mapping, records } = inboxes.pop().unwrap();
        let batches = Mutex::new(Vec::new());
        let invoke = |event: Value| {
            let records = event["Records"].as_array().unwrap().clone();
            batches.lock().unwrap().push(records.iter().map(number).collect::<Vec<_>>());
            std::future::ready(answer(&records))
        };
        let delivery = Delivery { stream: &stream, mapping: &mapping, timer, invoke };
        tokio::select! {
            () = delivery.run(records) => panic!("the stream ended"),
            () = stream.handled() => {}
        }
        passing.abort();
        let stream = json!(stream.shown());
        Delivered { batches: batches.into_inner().unwrap(), stream }
    }

    fn given_up(stream: &Value) -> Vec<(usize, &str)> {
        let failed = stream["failed"].as_array().unwrap().iter();
        let pair = |failed: &'_ Value| failed["key"]["pk"]["S"].as_str().unwrap().parse().unwrap();
        failed.map(|failed| (pair(failed), failed["condition"].as_str().unwrap())).collect()
    }

    #[tokio::test]
    async fn records_come_in_their_order_and_in_batches() {
        let Delivered { batches, stream } = delivered(mapping(), 7, |_| Ok(failures([]))).await;
        assert_eq!(batches, [vec![1, 2, 3, 4, 5], vec![6, 7]]);
        let expected = json!({ "enabled": true, "delivered": 7, "waiting": 0, "failed_count": 0, "failed": [] });
        assert_eq!(stream, expected);
    }

    #[tokio::test]
    async fn a_batch_that_fails_is_halved_until_the_record_that_fails_is_alone_and_given_up() {
        let third_fails = |records: &[Value]| {
            if records.iter().any(|record| number(record) == 3) { Err("no".to_owned()) } else { Ok(Value::Null) }
        };
        let Delivered { batches, stream } = delivered(mapping(), 6, third_fails).await;
        let first: [&[usize]; 8] = [&[1, 2, 3, 4, 5], &[1, 2], &[3, 4, 5], &[3], &[3], &[3], &[4, 5], &[6]];
        assert_eq!(batches, first);
        assert_eq!(given_up(&stream), [(3, "RetryAttemptsExhausted")]);
        assert_eq!((&stream["delivered"], &stream["failed_count"]), (&json!(5), &json!(1)));
    }

    #[tokio::test]
    async fn without_halving_a_batch_that_fails_is_retried_and_given_up_whole() {
        let whole = Mapping { is_bisected: false, ..mapping() };
        let Delivered { batches, stream } = delivered(whole, 2, |_| Err("no".to_owned())).await;
        assert_eq!(batches, [[1, 2], [1, 2], [1, 2]]);
        assert_eq!(given_up(&stream), [(1, "RetryAttemptsExhausted"), (2, "RetryAttemptsExhausted")]);
    }

    #[tokio::test]
    async fn a_partial_answer_retries_from_the_lowest_record_that_failed() {
        let seen = Mutex::new(0);
        let first_time = |records: &[Value]| {
            let mut seen = seen.lock().unwrap();
            *seen += 1;
            // The fourth, then the second.
            let failed = records.iter().rev().filter(|record| [2, 4].contains(&number(record)));
            Ok(if *seen == 1 { failures(failed) } else { failures([]) })
        };
        let Delivered { batches, stream } = delivered(mapping(), 5, first_time).await;
        assert_eq!(batches, [vec![1, 2, 3, 4, 5], vec![2, 3, 4, 5]]);
        assert_eq!((&stream["delivered"], &stream["failed_count"]), (&json!(5), &json!(0)));
    }

    #[tokio::test]
    async fn what_is_behind_a_record_that_fails_again_and_again_is_given_up_with_it() {
        let second_fails = |records: &[Value]| Ok(failures(records.iter().filter(|record| number(record) == 2)));
        let Delivered { batches, stream } = delivered(mapping(), 3, second_fails).await;
        assert_eq!(batches, [vec![1, 2, 3], vec![2, 3], vec![2, 3], vec![2, 3]]);
        assert_eq!(given_up(&stream), [(2, "RetryAttemptsExhausted"), (3, "RetryAttemptsExhausted")]);
    }

    #[tokio::test]
    async fn a_record_is_given_up_at_its_age_where_retries_have_no_limit() {
        let young = Mapping { retries: None, longest_age: Some(3), ..mapping() };
        let Delivered { batches, stream } = delivered(young, 1, |_| Err("no".to_owned())).await;
        // At once, and after one, two and three seconds.
        assert_eq!(batches, [[1], [1], [1], [1]]);
        assert_eq!(given_up(&stream), [(1, "RecordAgeExceeded")]);
    }

    #[tokio::test]
    async fn an_answer_counts_only_where_the_template_asks_for_it() {
        let whole = Mapping { has_partial_answers: false, ..mapping() };
        let Delivered { batches, .. } = delivered(whole, 2, |records| Ok(failures(records))).await;
        assert_eq!(batches, [[1, 2]]);
    }

    #[test]
    fn an_answer_that_names_no_record_of_the_batch_is_a_failure() {
        let record = |number| Arc::new(change(1).record(number, NOW.parse().unwrap()).unwrap());
        let records = [record(1), record(2)];
        for (answer, expected) in [
            (Value::Null, Outcome::Handled(2)),
            (json!({}), Outcome::Handled(2)),
            (json!({ "batchItemFailures": null }), Outcome::Handled(2)),
            (json!({ "batchItemFailures": [] }), Outcome::Handled(2)),
            (failures([&records[1].event]), Outcome::Handled(1)),
            (json!({ "batchItemFailures": [{ "itemIdentifier": "" }] }), Outcome::Failed),
            (json!({ "batchItemFailures": [{ "itemIdentifier": null }] }), Outcome::Failed),
            (json!({ "batchItemFailures": [{ "item": "1" }] }), Outcome::Failed),
            (json!({ "batchItemFailures": "1" }), Outcome::Failed),
        ] {
            assert_eq!(outcome(&answer, &records), expected, "{answer}");
        }
    }

    #[tokio::test]
    async fn records_of_writes_while_the_stream_is_off_are_lost() {
        let Opened { stream, mut inboxes } = Stream::open(&[mapping()], true);
        let now = NOW.parse().unwrap();
        stream.add(&[change(1)], now);
        stream.enable(false);
        assert!(!stream.may_want(&change(2).key));
        stream.add(&[change(2)], now);
        stream.enable(true);
        assert!(stream.may_want(&change(3).key));
        stream.add(&[change(3)], now);
        let records = &mut inboxes[0].records;
        let numbers = [records.recv().await.unwrap(), records.recv().await.unwrap()];
        assert_eq!(numbers.map(|record| number(&record.event)), [1, 3]);
        assert!(records.is_empty());
    }
}
