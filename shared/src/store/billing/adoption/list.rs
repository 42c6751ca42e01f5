//! Lists of orders to be adopted: rows as items with an end, and what became of them.

use serde::{Deserialize, Serialize};

use crate::domain::billing::decide::adopt::report::{AdoptionOutcome, OrderToAdopt};
use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;

use crate::store::billing::Billing;
use crate::store::error::Error;
use crate::store::retry::patiently;
use crate::store::table::keys;
use crate::store::table::keys::Key;
use crate::store::table::record::Record;

const DOING: &str = "reading a list of orders";
/// Rows in one item: so many are queried again where an invocation is cut.
const ROWS: usize = 20;
/// Days for which a list can be shown, and its rows are kept if it does not end.
const KEPT_DAYS: i64 = 7;

/// List as it was sent.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct AdoptionList {
    /// Name of the token of the caller who sent it.
    pub by: String,
    /// True if it only says what would be held.
    pub dry_run: bool,
    /// Time at which it was sent (UTC).
    pub started_at: Timestamp,
    /// Number of items with rows.
    pub chunks: usize,
}

/// Row of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedOrder {
    /// Line at which the row begins.
    pub line: u64,
    /// The order.
    pub order: OrderToAdopt,
}

/// Outcome of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedOutcome {
    /// Line at which the row begins.
    pub line: u64,
    /// Its order.
    pub merchant_trade_no: SubscriptionId,
    /// Outcome.
    #[serde(flatten)]
    pub outcome: AdoptionOutcome,
}

/// Rows of a list, or their outcomes.
#[derive(Clone, Debug, Serialize, Deserialize)]
struct Chunk {
    /// Rows that are left; none once the outcomes are stored.
    rows: Vec<ListedOrder>,
    outcomes: Vec<ListedOutcome>,
}

/// Rows that are left in one item, to be replaced by their outcomes.
#[derive(Debug)]
pub struct OpenRows {
    /// The rows.
    pub rows: Vec<ListedOrder>,
    key: Key,
    version: u64,
}

/// A list as it stands.
#[derive(Clone, Debug)]
pub struct AdoptionProgress {
    /// The list.
    pub list: AdoptionList,
    /// Outcomes so far, in the order of the lines.
    pub outcomes: Vec<ListedOutcome>,
    /// Rows that are left.
    pub remaining: usize,
}

impl Billing {
    /// Stores a list, so that `subscription-maintenance` can work on it.
    pub async fn save_adoption_list(
        &self,
        id: &str,
        list: AdoptionList,
        rows: &[ListedOrder],
    ) -> Result<AdoptionList, Error> {
        let end = list.started_at.plus_days(KEPT_DAYS);
        let chunks: Vec<&[ListedOrder]> = rows.chunks(ROWS).collect();
        for (place, rows) in chunks.iter().enumerate() {
            let chunk = Chunk { rows: rows.to_vec(), outcomes: Vec::new() };
            let record = || Record::new(keys::adoption_rows(id, place), &chunk).expiring(end).at_version(1);
            patiently(|| self.table.put(record(), "saving a list of orders")).await?;
        }
        // Last, so that a list that is found is whole.
        let list = AdoptionList { chunks: chunks.len(), ..list };
        let record = Record::new(keys::adoption(id), &list).expiring(end);
        self.table.put(record, "saving a list of orders").await?;
        Ok(list)
    }

    /// Returns a list; `None` for an unknown id.
    pub async fn adoption_list(&self, id: &str) -> Result<Option<AdoptionList>, Error> {
        Ok(self.table.get::<AdoptionList>(&keys::adoption(id), DOING).await?.map(|record| record.data))
    }

    /// Returns the rows of one item that are left; `None` where their outcomes are stored.
    pub async fn open_adoption_rows(&self, id: &str, place: usize) -> Result<Option<OpenRows>, Error> {
        let key = keys::adoption_rows(id, place);
        let record = self.table.get::<Chunk>(&key, DOING).await?;
        let open = record.filter(|record| !record.data.rows.is_empty());
        Ok(open.map(|record| OpenRows { key, version: record.version.unwrap_or(0), rows: record.data.rows }))
    }

    /// Replaces rows by their outcomes; where another invocation did so before, its outcomes stay.
    pub async fn record_adoption_rows(
        &self,
        open: OpenRows,
        list: &AdoptionList,
        outcomes: Vec<ListedOutcome>,
    ) -> Result<(), Error> {
        let chunk = Chunk { rows: Vec::new(), outcomes };
        let record = Record::new(open.key, chunk);
        let record = record.expiring(list.started_at.plus_days(KEPT_DAYS));
        let _is_first = self.table.put_if_version(record, open.version, "recording a list of orders").await?;
        Ok(())
    }

    /// Returns how far a list is; `None` for an unknown id.
    pub async fn adoption_progress(&self, id: &str) -> Result<Option<AdoptionProgress>, Error> {
        let Some(list) = self.adoption_list(id).await? else { return Ok(None) };
        let mut progress = AdoptionProgress { outcomes: Vec::new(), remaining: 0, list };
        for place in 0..progress.list.chunks {
            let chunk = self.table.get::<Chunk>(&keys::adoption_rows(id, place), DOING).await?;
            let Some(chunk) = chunk.map(|chunk| chunk.data) else { continue };
            progress.remaining += chunk.rows.len();
            progress.outcomes.extend(chunk.outcomes);
        }
        Ok(Some(progress))
    }
}
