//! The DynamoDB table: keys, items, conditional writes, queries and the due index. The only module that builds DynamoDB
//! expressions: the parts of the store describe what they read and write.

use std::collections::HashMap;

use aws_sdk_dynamodb::Client;
use aws_sdk_dynamodb::types::AttributeValue;

use crate::store::table::keys::Key;

pub(in crate::store) mod batch_get;
pub(in crate::store) mod dry_run;
pub mod due_index;
pub(in crate::store) mod expression;
pub mod keys;
pub mod listing;
pub(in crate::store) mod lookup;
pub(in crate::store) mod query;
pub mod record;
pub(in crate::store) mod single_item;
pub(in crate::store) mod transaction;

/// Attributes of an item, by name.
pub(in crate::store) type Item = HashMap<String, AttributeValue>;

/// Handle to the DynamoDB table. Cheap to clone: clones share the connection pool. The SDK's futures, of kilobytes each, are on the
/// heap: otherwise those of all callers would contain them, down to the stack of a run.
#[derive(Clone, Debug)]
pub(in crate::store) struct Table {
    client: Client,
    name: String,
    /// True where writes are reported as done and not sent.
    pub(in crate::store) is_dry_run: bool,
}

impl Table {
    pub(in crate::store) const fn new(client: Client, name: String) -> Self {
        Self { client, name, is_dry_run: false }
    }

    /// The same table without writes.
    pub(in crate::store) fn dry_run(&self) -> Self {
        Self { is_dry_run: true, ..self.clone() }
    }

    /// The same table with writes, for what counts in a dry run too.
    pub(in crate::store) fn in_dry_run_too(&self) -> Self {
        Self { is_dry_run: false, ..self.clone() }
    }
}

pub(in crate::store) fn text(value: impl Into<String>) -> AttributeValue {
    AttributeValue::S(value.into())
}

pub(in crate::store) fn number(value: impl ToString) -> AttributeValue {
    AttributeValue::N(value.to_string())
}

/// The text attribute of that name; `None` where it is missing or not a text.
pub(in crate::store) fn text_in<'a>(item: &'a Item, name: &str) -> Option<&'a str> {
    item.get(name)?.as_s().ok().map(String::as_str)
}

fn key_item(key: &Key) -> Item {
    Item::from([(keys::PK.to_owned(), text(&key.pk)), (keys::SK.to_owned(), text(&key.sk))])
}
