//! Endpoints of events: since when they fail, and which of them are switched off. Addresses and keys are in the events secret alone.

use crate::domain::billing::app_events::delivery::EndpointHealth;
use crate::domain::billing::notices::Notice;
use crate::domain::values::time::Timestamp;

use crate::store::billing::{Billing, notices};
use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::keys;
use crate::store::table::keys::prefix;
use crate::store::table::query::Query;
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;

const DOING: &str = "recording the state of an endpoint";

/// Endpoint that once failed.
#[derive(Clone, Debug)]
pub struct StoredEndpoint {
    /// Name in the events secret.
    pub name: String,
    /// State of the endpoint.
    pub health: EndpointHealth,
}

impl StoredEndpoint {
    fn of(record: Record<EndpointHealth>) -> Self {
        let name = record.sk.strip_prefix(prefix::ENDPOINT).unwrap_or_default().to_owned();
        Self { name, health: record.data }
    }
}

impl Billing {
    /// Reads the state of an endpoint consistently; that of a healthy one where it never failed.
    pub async fn endpoint(&self, name: &str) -> Result<EndpointHealth, Error> {
        Ok(self.endpoint_item(name).await?.map(|record| record.data).unwrap_or_default())
    }

    /// Returns all endpoints that once failed, by name.
    pub async fn endpoints(&self) -> Result<Vec<StoredEndpoint>, Error> {
        let query = Query::partition(keys::ENDPOINTS).prefix(prefix::ENDPOINT).consistent();
        let items = self.table.query_pages(query, usize::MAX, "reading the endpoints").await?;
        items.into_iter().map(|item| Record::from_item(item).map(StoredEndpoint::of)).collect()
    }

    /// Changes the state of an endpoint, and returns the new one. `notice` makes a notice of the states before and after,
    /// which is stored in the transaction of the change.
    pub async fn change_endpoint(
        &self,
        name: &str,
        change: impl Fn(&EndpointHealth) -> EndpointHealth + Sync,
        notice: impl Fn(&EndpointHealth, &EndpointHealth) -> Option<Notice> + Sync,
    ) -> Result<EndpointHealth, Error> {
        let (change, notice) = (&change, &notice);
        retry_on_conflict(DOING, (), |()| async move {
            let found = self.endpoint_item(name).await?;
            let (version, queue, due_at) = found
                .as_ref()
                .map_or((None, None, None), |record| (record.version, record.queue.clone(), record.due_at));
            let before = found.map(|record| record.data).unwrap_or_default();
            let after = change(&before);
            if before == after {
                return Ok(Attempt::Done(after));
            }
            let mut transaction = Transaction::default();
            let record = Record { queue, due_at, ..Record::new(keys::endpoint(name), after.clone()) };
            transaction.put_if_version(record, version)?;
            if let Some(notice) = notice(&before, &after) {
                transaction.put(notices::queued(&notice))?;
            }
            Ok(match self.table.transact(transaction, DOING).await? {
                None => Attempt::Done(after),
                Some(_) => Attempt::Conflict(()),
            })
        })
        .await
    }

    /// Switches an endpoint on. The next run makes the events due that waited for it. Returns `None` for one that
    /// never failed, otherwise `true` if it was off.
    pub async fn enable_endpoint(&self, name: &str, wall: Timestamp) -> Result<Option<bool>, Error> {
        retry_on_conflict(DOING, (), |()| async move {
            let Some(found) = self.endpoint_item(name).await? else { return Ok(Attempt::Done(None)) };
            if found.data.off_since.is_none() {
                return Ok(Attempt::Done(Some(false)));
            }
            let record = Record::new(keys::endpoint(name), found.data.enabled()).due(keys::MAIL_QUEUE, wall);
            let written = self.table.put_if_version(record, found.version.unwrap_or(0), DOING).await?;
            Ok(if written { Attempt::Done(Some(true)) } else { Attempt::Conflict(()) })
        })
        .await
    }

    /// Records that the events are due again that waited for an endpoint which was switched on.
    pub async fn checked_endpoint(&self, name: &str, wall: Timestamp) -> Result<(), Error> {
        retry_on_conflict(DOING, (), |()| async move {
            let Some(found) = self.endpoint_item(name).await? else { return Ok(Attempt::Done(())) };
            let (health, next) = found.data.checked(wall);
            let record = Record::new(keys::endpoint(name), health);
            let record = match next {
                Some(at) => record.due(keys::MAIL_QUEUE, at),
                None => record,
            };
            let written = self.table.put_if_version(record, found.version.unwrap_or(0), DOING).await?;
            Ok(if written { Attempt::Done(()) } else { Attempt::Conflict(()) })
        })
        .await
    }

    async fn endpoint_item(&self, name: &str) -> Result<Option<Record<EndpointHealth>>, Error> {
        self.table.get::<EndpointHealth>(&keys::endpoint(name), "reading an endpoint").await
    }
}
