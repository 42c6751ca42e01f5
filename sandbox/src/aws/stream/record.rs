//! Records of the stream in the form in which Lambda hands them to a function (AWS Lambda Developer Guide, "Using AWS Lambda
//! with Amazon DynamoDB", and the fixtures of `aws_lambda_events`).

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use dynoxide::types::AttributeValue;
use serde_json::{Value, json};

use crate::aws::template::{REGION, STREAM_ARN};

/// An item as the engine stores it.
pub(crate) type Item = HashMap<String, AttributeValue>;

/// Position before the first record. DynamoDB's numbers have at least 21 digits.
const BEGIN: u128 = 100_000_000_000_000_000_000_000;

/// One item of a write, before and after it.
#[derive(Clone, Debug)]
pub(crate) struct Change {
    /// Key of the item in DynamoDB's JSON.
    pub(crate) key: Value,
    /// `None` where the item did not exist.
    pub(crate) before: Option<Item>,
    /// `None` where the item was deleted, or not made.
    pub(crate) after: Option<Item>,
}

/// A record of the stream.
#[derive(Clone, Debug)]
pub(crate) struct Record {
    /// Entry of `Records` in Lambda's event.
    pub(crate) event: Value,
    /// The sandbox's time of the write.
    pub(crate) made_at: DateTime<Utc>,
}

impl Change {
    /// DynamoDB's word for the change; `None` where the write left the item as it was.
    pub(crate) fn name(&self) -> Option<&'static str> {
        match (&self.before, &self.after) {
            (None, None) => None,
            (None, Some(_)) => Some("INSERT"),
            (Some(_), None) => Some("REMOVE"),
            (Some(before), Some(after)) => (before != after).then_some("MODIFY"),
        }
    }

    /// The `number`th record of the stream; `None` where the write left the item as it was.
    pub(crate) fn record(&self, number: u64, made_at: DateTime<Utc>) -> Option<Record> {
        let mut change = json!({
            "ApproximateCreationDateTime": made_at.timestamp(), "Keys": self.key,
            "SequenceNumber": (BEGIN + u128::from(number)).to_string(),
            "SizeBytes": size(self.after.as_ref()), "StreamViewType": "NEW_IMAGE",
        });
        if let (Some(after), Some(fields)) = (&self.after, change.as_object_mut()) {
            fields.insert("NewImage".to_owned(), json!(after));
        }
        let event = json!({
            "eventID": format!("{number:032x}"), "eventName": self.name()?, "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": REGION, "dynamodb": change, "eventSourceARN": STREAM_ARN,
        });
        Some(Record { event, made_at })
    }
}

impl Record {
    /// Position of the record in the stream.
    pub(crate) fn sequence_number(&self) -> &str {
        self.event.pointer("/dynamodb/SequenceNumber").and_then(Value::as_str).unwrap_or_default()
    }

    /// Key of the item that was written.
    pub(crate) fn key(&self) -> Value {
        self.event.pointer("/dynamodb/Keys").cloned().unwrap_or_default()
    }
}

/// Bytes of an image, as DynamoDB counts an item's.
fn size(image: Option<&Item>) -> usize {
    image.into_iter().flatten().map(|(name, value)| name.len() + value.size()).sum::<usize>().max(1)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn item(state: &str) -> Item {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        [("pk", "SUB#1"), ("sk", "NOTICE#1"), ("state", state)].map(|(name, it)| (name.to_owned(), text(it))).into()
    }

    fn change(before: Option<&str>, after: Option<&str>) -> Change {
        let key = json!({ "pk": { "S": "SUB#1" }, "sk": { "S": "NOTICE#1" } });
        Change { key, before: before.map(item), after: after.map(item) }
    }

    #[test]
    fn a_record_is_an_event_as_its_public_type_reads_it() {
        let made_at: DateTime<Utc> = "2026-03-02T01:30:00.25Z".parse().unwrap();
        let record = change(None, Some("queued")).record(1, made_at).unwrap();
        let event = json!({ "Records": [record.event] });
        let read: aws_lambda_events::event::dynamodb::Event = serde_json::from_value(event).unwrap();
        let record = &read.records[0];
        assert_eq!((record.event_name.as_str(), record.event_source.as_deref()), ("INSERT", Some("aws:dynamodb")));
        assert_eq!(record.change.approximate_creation_date_time.timestamp(), made_at.timestamp());
        assert_eq!(record.change.sequence_number.as_deref(), Some("100000000000000000000001"));
        assert_eq!(json!(record.change.stream_view_type), "NEW_IMAGE");
        // The names and texts: 2 + 5, 2 + 8, 5 + 6.
        assert_eq!(record.change.size_bytes, 28);
        assert_eq!(json!(record.change.keys), json!({ "pk": { "S": "SUB#1" }, "sk": { "S": "NOTICE#1" } }));
        assert_eq!(json!(record.change.new_image)["state"], json!({ "S": "queued" }));
        assert!(record.event_source_arn.as_deref().is_some_and(|arn| arn.contains(":table/duekeeper/stream/20")));
    }

    #[test]
    fn a_write_that_changes_nothing_makes_no_record() {
        let names = |before, after| change(before, after).name();
        assert_eq!(names(None, None), None);
        assert_eq!(names(Some("queued"), Some("queued")), None);
        assert_eq!(names(Some("queued"), Some("sent")), Some("MODIFY"));
        assert_eq!(names(Some("queued"), None), Some("REMOVE"));
        assert!(change(Some("queued"), Some("queued")).record(1, "2026-03-02T01:30:00Z".parse().unwrap()).is_none());
    }
}
