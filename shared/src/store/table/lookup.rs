//! Items by which another item is found: keys alone, written and deleted in the transaction of the item to which they lead.

use std::collections::BTreeSet;

use crate::domain::values::ids::CustomerId;
use crate::domain::values::lookup::Lookup;
use crate::store::error::Error;
use crate::store::table::keys::Key;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::table::{Table, keys, text_in};

/// Items that one value finds; a value that more have is of no use to a search.
pub(in crate::store) const MOST_FOUND: usize = 100;

fn partition(lookup: &Lookup) -> String {
    format!("FIND#{}#{}", lookup.kind(), lookup.hash())
}

/// Keys of the items that lead from values to the items of the partition `target`.
pub(in crate::store) fn links(lookups: &BTreeSet<Lookup>, target: &str) -> impl Iterator<Item = Key> {
    lookups.iter().map(|lookup| Key { pk: partition(lookup), sk: target.to_owned() })
}

/// Key of the item that leads from a word of a customer's name to the customer. The word is not hashed, because a search has
/// only its beginning.
pub(in crate::store) fn name_word(word: &str, id: &CustomerId) -> Key {
    Key { pk: name_partition(word), sk: format!("{word}#{id}") }
}

/// Partition of the words of names that begin like `word`, which has at least two letters.
pub(in crate::store) fn name_partition(word: &str) -> String {
    format!("FIND#name#{}", word.chars().take(2).collect::<String>())
}

impl Transaction {
    /// Writes items that are keys alone.
    pub(in crate::store) fn put_links(&mut self, links: impl IntoIterator<Item = Key>) -> Result<(), Error> {
        for link in links {
            self.put(Record::new(link, ()))?;
        }
        Ok(())
    }

    /// Deletes items that are keys alone.
    pub(in crate::store) fn delete_links(&mut self, links: impl IntoIterator<Item = Key>) {
        for link in links {
            self.delete(link);
        }
    }
}

impl Table {
    /// Returns the partitions to which a value leads, at most [`MOST_FOUND`].
    pub(in crate::store) async fn find(&self, lookup: &Lookup) -> Result<Vec<String>, Error> {
        let query = Query::partition(partition(lookup)).consistent().limit(MOST_FOUND);
        let page = self.query(query, "searching").await?;
        Ok(page.items.iter().filter_map(|item| text_in(item, keys::SK).map(str::to_owned)).collect())
    }
}
