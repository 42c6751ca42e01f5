//! The common shape of all items: a [`Record`] around the data of its kind. A change of any shape that an older version
//! cannot read raises [`SCHEMA`].

use serde::de::DeserializeOwned;
use serde::{Deserialize, Serialize};

use crate::domain::billing::decision::Versioned;
use crate::domain::values::time::Timestamp;

use crate::store::error::Error;
use crate::store::table::Item;
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::text_in;

/// Schema number of the shapes that this version writes.
pub const SCHEMA: u32 = 1;

/// One item of the table.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct Record<T> {
    /// Partition key.
    pub pk: String,
    /// Sort key.
    pub sk: String,
    /// [`SCHEMA`] of the version that wrote the item.
    pub schema: u32,
    /// Number of writes, for items that are written under optimistic locking.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// Queue of the due index that holds the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub queue: Option<String>,
    /// Due time within the queue.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub due_at: Option<Timestamp>,
    /// Partition of the index of lists that holds the item.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub list: Option<String>,
    /// Position within the list.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub listed_at: Option<String>,
    /// Unix time in seconds from which DynamoDB may delete the item (its TTL attribute).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<i64>,
    /// Content of the item.
    pub data: T,
}

impl<T> Record<T> {
    /// An item without a place in an index and without expiry.
    #[must_use]
    pub fn new(key: Key, data: T) -> Self {
        Self {
            pk: key.pk,
            sk: key.sk,
            schema: SCHEMA,
            version: None,
            queue: None,
            due_at: None,
            list: None,
            listed_at: None,
            expires_at: None,
            data,
        }
    }

    /// Puts the item into a queue of the due index.
    #[must_use]
    pub fn due(mut self, queue: &str, at: Timestamp) -> Self {
        self.queue = Some(queue.to_owned());
        self.due_at = Some(at);
        self
    }

    /// Lets DynamoDB delete the item after that time.
    #[must_use]
    pub const fn expiring(mut self, at: Timestamp) -> Self {
        self.expires_at = Some(at.unix());
        self
    }

    /// The content with the version that the next write must name.
    #[must_use]
    pub fn into_versioned(self) -> Versioned<T> {
        Versioned { version: self.version.unwrap_or(0), value: self.data }
    }

    /// The item as write number `version`.
    #[must_use]
    pub const fn at_version(mut self, version: u64) -> Self {
        self.version = Some(version);
        self
    }
}

impl<T: Serialize> Record<T> {
    pub(in crate::store) fn into_item(self) -> Result<Item, Error> {
        let (pk, sk) = (self.pk.clone(), self.sk.clone());
        serde_dynamo::aws_sdk_dynamodb_1::to_item(self).map_err(|error| Error::Unreadable {
            pk,
            sk,
            reason: error.to_string(),
        })
    }
}

impl<T: DeserializeOwned> Record<T> {
    pub(in crate::store) fn from_item(item: Item) -> Result<Self, Error> {
        let key = |name: &str| text_in(&item, name).unwrap_or_default().to_owned();
        let (pk, sk) = (key(keys::PK), key(keys::SK));
        let schema: Option<u32> =
            item.get("schema").and_then(|value| value.as_n().ok()).and_then(|number| number.parse().ok());
        if schema.is_some_and(|schema| schema > SCHEMA) {
            return Err(Error::Newer { pk, sk });
        }
        if schema != Some(SCHEMA) {
            return Err(Error::Unreadable { pk, sk, reason: format!("schema {schema:?} is not {SCHEMA}") });
        }
        // The parser's message may contain personal data of the item, so it is left out.
        serde_dynamo::aws_sdk_dynamodb_1::from_item(item).map_err(|_| Error::Unreadable {
            pk,
            sk,
            reason: "does not have the shape of its schema".to_owned(),
        })
    }
}
