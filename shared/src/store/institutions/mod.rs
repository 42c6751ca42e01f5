//! Tracked institutions and the messages of each day's digest in the table.

pub mod digests;
pub mod tracked;

use crate::store::table::Table;

/// Tracked institutions of MMS and the digests about them.
#[derive(Clone, Debug)]
pub struct Institutions {
    pub(in crate::store) table: Table,
}
