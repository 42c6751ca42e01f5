//! Many items read in few calls.

use std::collections::HashMap;

use aws_sdk_dynamodb::types::KeysAndAttributes;

use crate::store::table::keys::{self, Key};
use crate::store::table::table::Table;
use crate::store::{Error, Item, key_of};

/// Keys that BatchGetItem takes at once.
pub(in crate::store) const MOST_KEYS: usize = 100;
/// How often keys are asked for that DynamoDB did not get to.
const ATTEMPTS: usize = 8;

impl Table {
    /// The items of those keys that are there, by key; consistent reads of each.
    pub(in crate::store) async fn get_many(
        &self,
        keys: &[Key],
        doing: &'static str,
    ) -> Result<HashMap<Key, Item>, Error> {
        let mut found = HashMap::with_capacity(keys.len());
        for keys in keys.chunks(MOST_KEYS) {
            let mut left: Vec<Item> = keys.iter().map(key_of).collect();
            for _ in 0..ATTEMPTS {
                if left.is_empty() {
                    break;
                }
                left = self.get_some(left, &mut found, doing).await?;
            }
            if !left.is_empty() {
                return Err(Error::unavailable(doing, "DynamoDB did not get to all of the keys"));
            }
        }
        Ok(found)
    }

    /// One call; gives the keys that it did not get to.
    async fn get_some(
        &self,
        wanted: Vec<Item>,
        found: &mut HashMap<Key, Item>,
        doing: &'static str,
    ) -> Result<Vec<Item>, Error> {
        let request = KeysAndAttributes::builder().set_keys(Some(wanted)).consistent_read(true).build();
        let request = request.map_err(|error| Error::unavailable(doing, error))?;
        let answer = self.client.batch_get_item().request_items(&self.name, request).send().await;
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
    let part = |name: &str| item.get(name).and_then(|value| value.as_s().ok()).cloned();
    Some(Key { pk: part(keys::PK)?, sk: part(keys::SK)? })
}
