//! Lists that were uploaded in the console: kept between the preview and the import, so that staff choose the file once.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;
use crate::store::error::Error;
use crate::store::table::keys;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::workshop::Workshop;

/// Characters in one item, of the 400 KB that an item may have.
const PART: usize = 380_000;
/// Most items of one file: a file has at most 6 MB, and a third more in Base64.
const MOST_PARTS: usize = 32;
/// Minutes for which a file is kept.
const KEPT_MINUTES: i64 = 60;

/// Part of a file.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct UploadPart {
    /// Name of the token of the person who uploaded it.
    by: String,
    /// Part of the file in Base64.
    text: String,
    /// Number of parts.
    of: usize,
}

impl Workshop {
    /// Keeps a file, given in Base64, for an hour. `by` is the name of the token of the person who uploads it.
    pub async fn keep_upload(&self, id: &str, by: &str, base64: &str, now: Timestamp) -> Result<(), Error> {
        // Base64 is ASCII, so that each byte is a character.
        let parts: Vec<&[u8]> = base64.as_bytes().chunks(PART).collect();
        let of = parts.len();
        let records = parts.into_iter().enumerate().map(|(place, part)| {
            let part = UploadPart { by: by.to_owned(), text: String::from_utf8_lossy(part).into_owned(), of };
            Record::new(keys::upload_part(id, place), part).expiring(now.plus_minutes(KEPT_MINUTES))
        });
        let puts = records.map(|record| self.table.put(record, "keeping an uploaded list"));
        futures::future::try_join_all(puts).await.map(|_| ())
    }

    /// Deletes a file that was taken over. It holds names and numbers, which are then kept as customers.
    pub async fn delete_upload(&self, id: &str) -> Result<(), Error> {
        let query = Query::partition(keys::upload_partition(id)).consistent();
        let items = self.table.query_pages(query, MOST_PARTS, "reading an uploaded list").await?;
        let parts = (0..items.len()).map(|place| keys::upload_part(id, place));
        let deletes = parts.map(|key| async move { self.table.delete(&key, "deleting an uploaded list").await });
        futures::future::try_join_all(deletes).await.map(|_| ())
    }

    /// Reads a file that `by` uploaded, in Base64; `None` where there is none any more.
    pub async fn upload(&self, id: &str, by: &str, now: Timestamp) -> Result<Option<String>, Error> {
        let query = Query::partition(keys::upload_partition(id)).consistent();
        let items = self.table.query_pages(query, MOST_PARTS, "reading an uploaded list").await?;
        let mut text = String::new();
        let count = items.len();
        for item in items {
            let Record { data, expires_at, .. } = Record::<UploadPart>::from_item(item)?;
            // DynamoDB deletes an item some time after its end.
            let is_over = expires_at.is_none_or(|end| end <= now.unix());
            if is_over || data.by != by || data.of != count {
                return Ok(None);
            }
            text.push_str(&data.text);
        }
        Ok((count > 0).then_some(text))
    }
}
