//! The state of Duekeeper in one DynamoDB table. Every write is conditional or idempotent, every list is bounded.

use aws_sdk_dynamodb::Client;

use self::billing::Billing;
pub use self::error::Error;
use self::institutions::Institutions;
use self::runs::Runs;
use self::sessions::Sessions;
use self::table::Table;
use self::table::dry_run::DryRunOverlay;
use self::workshop::Workshop;

pub mod billing;
pub mod erasure;
mod error;
pub mod institutions;
pub mod retry;
pub mod runs;
pub mod sessions;
pub mod table;
pub mod table_failures;
pub mod workshop;

/// The parts of the table. Cheap to clone: clones share the connection pool.
#[derive(Clone, Debug)]
pub struct Store {
    /// Subscriptions, users, notices, quarantined reports and counters.
    pub billing: Billing,
    /// Customers, vehicles and reminders of a workshop.
    pub workshop: Workshop,
    /// Tracked institutions of MMS and the digests about them.
    pub institutions: Institutions,
    /// Run history, leases and ECPay's circuit breaker.
    pub runs: Runs,
    /// Sessions of staff in the console.
    pub sessions: Sessions,
}

impl Store {
    /// Opens the table of that name behind `client`; sends no request.
    #[must_use]
    pub fn new(client: Client, name: String) -> Self {
        Self::over(Table::new(client, name), None)
    }

    /// Returns a store that writes nothing: decisions are kept in memory and seen by later reads of the same
    /// subscriptions. Only [`Runs::block_ecpay`] writes, because a 403 counts for every function.
    #[must_use]
    pub fn dry_run(&self) -> Self {
        Self::over(self.runs.table.dry_run(), Some(DryRunOverlay::default()))
    }

    /// True for a store that writes nothing.
    #[must_use]
    pub const fn is_dry_run(&self) -> bool {
        self.runs.table.is_dry_run
    }

    fn over(table: Table, overlay: Option<DryRunOverlay>) -> Self {
        Self {
            billing: Billing { table: table.clone(), overlay },
            workshop: Workshop { table: table.clone() },
            institutions: Institutions { table: table.clone() },
            sessions: Sessions { table: table.clone() },
            runs: Runs { table },
        }
    }
}
