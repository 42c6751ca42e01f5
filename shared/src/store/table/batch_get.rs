//! Reads of many items by key in few calls (BatchGetItem).

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;
use futures::future::try_join_all;

use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::{Item, Table, key_item, text_in};

/// Keys that DynamoDB takes in one BatchGetItem.
pub(in crate::store) const MAX_KEYS: usize = 100;
/// Maximum calls for one batch. DynamoDB may leave keys unprocessed, for example where the answer would exceed 16 MB;
/// each call returns at least one item of the batch.
const MAX_CALLS: usize = 8;

impl Table {
    /// Reads items by key, each consistently; keys without an item are left out. The batches are read beside one another.
    pub(in crate::store) async fn get_many(
        &self,
        keys: &[Key],
        doing: &'static str,
    ) -> Result<HashMap<Key, Item>, Error> {
        let batches = try_join_all(keys.chunks(MAX_KEYS).map(|keys| self.get_whole_batch(keys, doing))).await?;
        Ok(batches.into_iter().flatten().collect())
    }

    async fn get_whole_batch(&self, keys: &[Key], doing: &'static str) -> Result<HashMap<Key, Item>, Error> {
        let mut found = HashMap::with_capacity(keys.len());
        let mut left: Vec<Item> = keys.iter().map(key_item).collect();
        for _ in 0..MAX_CALLS {
            if left.is_empty() {
                return Ok(found);
            }
            left = self.get_batch(left, &mut found, doing).await?;
        }
        if left.is_empty() {
            Ok(found)
        } else {
            Err(Error::unavailable(doing, "DynamoDB left keys of a batch unprocessed"))
        }
    }

    /// Sends one call and returns the keys that DynamoDB left unprocessed.
    async fn get_batch(
        &self,
        wanted: Vec<Item>,
        found: &mut HashMap<Key, Item>,
        doing: &'static str,
    ) -> Result<Vec<Item>, Error> {
        let request = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
        let request = request.map_err(|error| Error::unavailable(doing, error))?;
        let answer = Box::pin(self.client.batch_get_item().request_items(&self.name, request).send()).await;
        let answer = answer.map_err(|error| Error::unavailable(doing, error))?;
        for item in answer.responses.unwrap_or_default().into_values().flatten() {
            if let Some(key) = key_in(&item) {
                found.insert(key, item);
            }
        }
        let left = answer.unprocessed_keys.unwrap_or_default().remove(&self.name);
        Ok(left.map(|left| left.keys).unwrap_or_default())
    }
}

fn key_in(item: &Item) -> Option<Key> {
    let part = |name: &str| text_in(item, name).map(str::to_owned);
    Some(Key { pk: part(keys::PK)?, sk: part(keys::SK)? })
}
