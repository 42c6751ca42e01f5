//! Stages of WhatsApp messages, by the provider's id of the message. A stage may be reported before the outcome of its reminder is
//! stored, so that it stands in an item of its own.

use std::collections::HashMap;

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;
use crate::domain::workshop::deliveries::Delivery;
use crate::platform::hash::sha256_hex;

use crate::store::error::Error;
use crate::store::table::expression::Condition;
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::record::Record;
use crate::store::workshop::Workshop;

/// Days for which a stage is kept.
const KEPT_DAYS: i64 = 90;

/// Item of a message.
#[derive(Serialize, Deserialize)]
struct StoredDelivery {
    #[serde(flatten)]
    delivery: Delivery,
    /// Place of the stage in the order of stages.
    rank: u8,
}

fn key(message_id: &str) -> Key {
    keys::whatsapp_message(&sha256_hex(message_id))
}

impl Workshop {
    /// Records the stage of a message; `false` where it has reached that stage or a later one already.
    pub async fn record_delivery(&self, message_id: &str, delivery: Delivery, wall: Timestamp) -> Result<bool, Error> {
        let rank = delivery.stage.rank();
        let is_later = Condition::item_absent().or(Condition::number_below(["data", "rank"], rank));
        let record =
            Record::new(key(message_id), StoredDelivery { delivery, rank }).expiring(wall.plus_days(KEPT_DAYS));
        self.table.put_if(record, &is_later, "recording the stage of a message").await
    }

    /// Returns the latest stages of messages, by the provider's ids. Those of which none was reported are missing.
    pub async fn deliveries(&self, message_ids: &[&str]) -> Result<HashMap<String, Delivery>, Error> {
        let keyed: HashMap<Key, &str> = message_ids.iter().map(|id| (key(id), *id)).collect();
        let keys: Vec<Key> = keyed.keys().cloned().collect();
        let found = self.table.get_many(&keys, "reading the stages of messages").await?;
        let mut deliveries = HashMap::new();
        for (key, item) in found {
            let Record { data: StoredDelivery { delivery, .. }, .. } = Record::from_item(item)?;
            if let Some(id) = keyed.get(&key) {
                deliveries.insert((*id).to_owned(), delivery);
            }
        }
        Ok(deliveries)
    }
}
