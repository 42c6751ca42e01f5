//! Imports that outlast their request: the rows that are left, as items with an end, and what became of them.

use serde::{Deserialize, Serialize};

use crate::domain::values::time::Timestamp;
use crate::domain::workshop::import::Refused;
use crate::domain::workshop::latest_visits::ListedRow;
use crate::platform::phone_keys::PhoneHasher;

use crate::store::error::Error;
use crate::store::retry::patiently;
use crate::store::table::keys;
use crate::store::table::keys::prefix;
use crate::store::table::record::Record;
use crate::store::workshop::Workshop;
use crate::store::workshop::import::Imported;

const DOING: &str = "reading an import";
/// Rows in one item: at most 1,200 bytes each, of the 400 KB that an item may have.
const ROWS: usize = 250;
/// Rows that are stored between two looks at the time.
const STEP: usize = 50;
/// Bytes of an answer in one item.
const PART: usize = 300_000;
/// Days for which an import can be shown, and its rows are kept if it does not end.
const KEPT_DAYS: i64 = 7;

/// An import that is to go on in the background.
#[derive(Clone, Copy, Debug)]
pub struct NewImport<'a> {
    /// Its id.
    pub id: &'a str,
    /// Name of the token of the caller who sent the list.
    pub by: &'a str,
    /// Time at which the list was sent (UTC).
    pub started_at: Timestamp,
}

/// An import that goes on in the background.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct BackgroundImport {
    /// Name of the token of the caller who sent the list.
    pub by: String,
    /// Time at which the list was sent (UTC).
    pub started_at: Timestamp,
    /// Number of items with rows.
    pub chunks: usize,
    /// Number of items with parts of the answer.
    parts: usize,
}

/// Rows of an import, and their outcome.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct RowChunk {
    /// Rows that are left; none once the outcome is stored.
    rows: Vec<ListedRow>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    outcome: Option<ChunkOutcome>,
}

/// Outcome of some rows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ChunkOutcome {
    /// Rows of which something was stored.
    pub stored: u32,
    /// Rows that were stored like this already.
    pub unchanged: u32,
    /// Rows that were refused.
    pub refused: Vec<RefusedLine>,
}

/// Refused row of a list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RefusedLine {
    /// Line at which the row begins.
    pub line: u64,
    /// Column and reason.
    pub refused: Refused,
}

/// An import as it stands.
#[derive(Clone, Debug)]
pub struct ImportProgress {
    /// Answer to the request, as it was when the import went on in the background.
    pub answer: String,
    /// Outcome of the rows since then.
    pub outcome: ChunkOutcome,
    /// Rows that are left.
    pub remaining: usize,
}

impl ChunkOutcome {
    /// Adds the outcome of a row.
    pub fn add(&mut self, line: u64, imported: Imported) {
        match imported {
            Imported::Stored => self.stored = self.stored.saturating_add(1),
            Imported::Unchanged => self.unchanged = self.unchanged.saturating_add(1),
            Imported::Refused(refused) => self.refused.push(RefusedLine { line, refused }),
        }
    }

    fn merge(&mut self, other: Self) {
        self.stored = self.stored.saturating_add(other.stored);
        self.unchanged = self.unchanged.saturating_add(other.unchanged);
        self.refused.extend(other.refused);
    }
}

impl Workshop {
    /// Stores the rows that are left and the answer so far, so that the import can go on.
    pub async fn save_import(&self, new: NewImport<'_>, rows: &[ListedRow], answer: &str) -> Result<(), Error> {
        let NewImport { id, by, started_at } = new;
        let end = started_at.plus_days(KEPT_DAYS);
        let parts = parts(answer);
        for (place, part) in parts.iter().enumerate() {
            let record = || Record::new(keys::import_answer(id, place), part).expiring(end);
            patiently(|| self.table.put(record(), "saving an import")).await?;
        }
        let chunks: Vec<&[ListedRow]> = rows.chunks(ROWS).collect();
        for (place, rows) in chunks.iter().enumerate() {
            let chunk = RowChunk { rows: rows.to_vec(), outcome: None };
            let record = || Record::new(keys::import_rows(id, place), &chunk).expiring(end).at_version(1);
            patiently(|| self.table.put(record(), "saving an import")).await?;
        }
        // Last, so that an import that is found is whole.
        let import = BackgroundImport { by: by.to_owned(), started_at, chunks: chunks.len(), parts: parts.len() };
        let record = Record::new(keys::import(id), import).due(keys::IMPORT_QUEUE, started_at).expiring(end);
        self.table.put(record, "saving an import").await
    }

    /// Returns how far an import is; `None` for an unknown id.
    pub async fn import_progress(&self, id: &str) -> Result<Option<ImportProgress>, Error> {
        let Some(import) = self.table.get::<BackgroundImport>(&keys::import(id), DOING).await? else {
            return Ok(None);
        };
        let mut answer = String::new();
        for place in 0..import.data.parts {
            let part = self.table.get::<String>(&keys::import_answer(id, place), DOING).await?;
            answer.push_str(&part.map(|part| part.data).unwrap_or_default());
        }
        let mut progress = ImportProgress { answer, outcome: ChunkOutcome::default(), remaining: 0 };
        for place in 0..import.data.chunks {
            let chunk = self.table.get::<RowChunk>(&keys::import_rows(id, place), DOING).await?;
            let Some(chunk) = chunk.map(|chunk| chunk.data) else { continue };
            progress.remaining += chunk.rows.len();
            progress.outcome.merge(chunk.outcome.unwrap_or_default());
        }
        Ok(Some(progress))
    }

    /// Returns the ids of imports that have not ended, the oldest first, at most a page.
    pub async fn open_imports(&self, wall: Timestamp) -> Result<Vec<String>, Error> {
        let page = self.table.due_records::<BackgroundImport>(keys::IMPORT_QUEUE, wall, None).await?;
        let id = |record: Record<_>| record.pk.strip_prefix(prefix::IMPORT).map(str::to_owned);
        Ok(page.items.into_iter().filter_map(id).collect())
    }

    /// Stores the rows of one item of an import; `false` where there is none, or its outcome is stored already.
    ///
    /// # Errors
    /// Where DynamoDB fails. Rows that were stored stay, and a repetition stores the rest.
    pub async fn import_chunk(&self, id: &str, place: usize, hasher: &PhoneHasher) -> Result<bool, Error> {
        let key = keys::import_rows(id, place);
        let Some(record) = self.table.get::<RowChunk>(&key, DOING).await? else { return Ok(false) };
        let (version, expires_at) = (record.version.unwrap_or(0), record.expires_at);
        let rows = record.data.rows;
        if rows.is_empty() {
            return Ok(false);
        }
        let mut outcome = ChunkOutcome::default();
        for step in rows.chunks(STEP) {
            let (lines, rows): (Vec<u64>, Vec<_>) = step.iter().map(|listed| (listed.line, listed.row.clone())).unzip();
            for (line, imported) in lines.into_iter().zip(self.import(&rows, hasher).await?) {
                outcome.add(line, imported);
            }
        }
        let done = RowChunk { rows: Vec::new(), outcome: Some(outcome) };
        let record = Record { expires_at, ..Record::new(key, done) };
        // Where another invocation stored them as well, its outcome counts: it came first.
        self.table.put_if_version(record, version, "recording an import").await
    }

    /// Returns an import that was saved.
    pub async fn background_import(&self, id: &str) -> Result<Option<BackgroundImport>, Error> {
        Ok(self.table.get::<BackgroundImport>(&keys::import(id), DOING).await?.map(|record| record.data))
    }

    /// Records that no row of an import is left.
    pub async fn end_import(&self, id: &str, import: BackgroundImport) -> Result<(), Error> {
        let end = import.started_at.plus_days(KEPT_DAYS);
        self.table.put(Record::new(keys::import(id), import).expiring(end), "ending an import").await
    }
}

/// Divides a text into parts that fit into items.
fn parts(text: &str) -> Vec<String> {
    let mut parts = vec![String::new()];
    for sign in text.chars() {
        if parts.last().is_some_and(|part| part.len() + sign.len_utf8() > PART) {
            parts.push(String::new());
        }
        if let Some(part) = parts.last_mut() {
            part.push(sign);
        }
    }
    parts
}
