//! Customers and vehicles as staff find them: by a value, and vehicles by the day of their next visit.

use std::collections::{BTreeMap, BTreeSet};

use futures::future::{ready, try_join_all};
use futures::{StreamExt, TryStreamExt, stream};

use crate::domain::values::ids::CustomerId;
use crate::domain::values::lookup::Lookup;
use crate::domain::values::time::LocalDate;
use crate::domain::workshop::phone::Phone;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::{Customer, Vehicle, VehicleStatus};

use crate::store::error::Error;
use crate::store::table::keys::{Key, prefix};
use crate::store::table::listing::{ListPosition, Listing, readable};
use crate::store::table::lookup::{links, name_partition, name_word};
use crate::store::table::query::Query;
use crate::store::table::transaction::Transaction;
use crate::store::table::{Item, keys, text_in};
use crate::store::workshop::{Workshop, vehicles};

const DOING: &str = "searching the workshop";
/// Names that are read for one word of a search, each about a hundred bytes.
const MOST_NAMES: usize = 10_000;
/// Phone numbers that are looked up concurrently.
const CONCURRENT_LOOKUPS: usize = 32;
/// Plates that are shown with a customer.
const MOST_PLATES: usize = 20;

/// Readings of a text that is searched for.
#[derive(Clone, Debug, Default)]
pub struct CustomerSearch {
    /// Id of the customer.
    pub id: Option<CustomerId>,
    /// Phone number or mail address.
    pub lookups: Vec<Lookup>,
    /// Plate of one of the vehicles.
    pub plate: Option<Plate>,
    /// Beginnings of words of the name, all of which must occur; at least two letters each.
    pub words: BTreeSet<String>,
}

/// A customer with the first plates of their vehicles.
#[derive(Clone, Debug)]
pub struct FoundCustomer {
    /// Customer as it is stored.
    pub customer: Customer,
    /// Plates in alphabetical order, at most twenty.
    pub plates: Vec<Plate>,
}

/// A vehicle with its owner.
#[derive(Clone, Debug)]
pub struct ListedVehicle {
    /// Vehicle as it is stored.
    pub vehicle: Vehicle,
    /// Its owner; none if that cannot be read.
    pub owner: Option<Customer>,
}

/// Selection of vehicles.
#[derive(Clone, Debug, Default)]
pub struct VehicleFilter {
    /// First day of the next visit.
    pub due_from: Option<LocalDate>,
    /// Last day of the next visit.
    pub due_to: Option<LocalDate>,
    /// Status of the vehicles; any where it is absent.
    pub status: Option<VehicleStatus>,
}

/// Vehicles of one page, and the position of the next; none: it was the last page.
pub type VehiclePage = (Vec<ListedVehicle>, Option<ListPosition>);

/// Changes of the items that lead to a customer.
#[derive(Clone, Debug, Default)]
pub(in crate::store) struct LinkChange {
    added: Vec<Key>,
    removed: Vec<Key>,
}

impl LinkChange {
    pub(in crate::store) fn between(before: Option<&Customer>, after: Option<&Customer>) -> Self {
        let (before, after) = (before.map(links_to).unwrap_or_default(), after.map(links_to).unwrap_or_default());
        Self {
            added: after.difference(&before).cloned().collect(),
            removed: before.difference(&after).cloned().collect(),
        }
    }

    pub(in crate::store) fn action_count(&self) -> usize {
        self.added.len() + self.removed.len()
    }

    pub(in crate::store) fn add_to(self, transaction: &mut Transaction) -> Result<(), Error> {
        transaction.delete_links(self.removed);
        transaction.put_links(self.added)
    }
}

fn links_to(customer: &Customer) -> BTreeSet<Key> {
    let words = customer.name.words();
    let names = words.iter().map(|word| name_word(word, &customer.id));
    links(&customer.lookups(), &keys::customer_partition(&customer.id)).chain(names).collect()
}

/// The customer whose partition it is.
fn customer_of(pk: &str) -> Option<CustomerId> {
    CustomerId::parse(pk.strip_prefix(prefix::CUSTOMER)?).ok()
}

impl Workshop {
    /// Returns the ids of the stored customers that have these phone numbers.
    ///
    /// # Errors
    /// Where DynamoDB fails.
    pub async fn customers_with_phones(
        &self,
        phones: BTreeSet<Phone>,
    ) -> Result<BTreeMap<Phone, Vec<CustomerId>>, Error> {
        let found = stream::iter(phones).map(|phone| async move {
            let partitions = self.table.find(&Lookup::phone(&phone)).await?;
            Ok::<_, Error>((phone, partitions.iter().filter_map(|pk| customer_of(pk)).collect::<Vec<_>>()))
        });
        let found = found.buffer_unordered(CONCURRENT_LOOKUPS);
        found.try_filter(|(_, ids)| ready(!ids.is_empty())).try_collect().await
    }

    /// Returns at most `limit` customers that any of the readings finds, in the order of their ids, and whether there are more.
    pub async fn search(&self, search: &CustomerSearch, limit: usize) -> Result<(Vec<FoundCustomer>, bool), Error> {
        let values = try_join_all(search.lookups.iter().map(|lookup| self.table.find(lookup)));
        let names = try_join_all(search.words.iter().map(|word| self.named(word)));
        let (values, names, owner) = futures::try_join!(values, names, self.owner_of(search.plate.as_ref()))?;
        let partitions = values.iter().flatten();
        let ids = partitions.filter_map(|pk| customer_of(pk));
        let named = names.into_iter().reduce(|some, others| &some & &others).unwrap_or_default();
        let ids: BTreeSet<CustomerId> = ids.chain(named).chain(owner).chain(search.id.clone()).collect();
        let has_more = ids.len() > limit;
        let wanted: Vec<CustomerId> = ids.into_iter().take(limit).collect();
        let keys: Vec<Key> = wanted.iter().map(keys::customer).collect();
        let plates = try_join_all(wanted.iter().map(|id| self.plates_of(id, MOST_PLATES)));
        let (mut found, plates) = futures::try_join!(self.table.get_many(&keys, DOING), plates)?;
        let with_plates = keys
            .iter()
            .zip(plates)
            .filter_map(|(key, plates)| Some(FoundCustomer { customer: readable(found.remove(key)?)?, plates }));
        Ok((with_plates.collect(), has_more))
    }

    /// Returns at most `limit` vehicles after a position with their owners, by the day of their next visit, the earliest first.
    ///
    /// Eventually consistent: a change of the last moments may be missing.
    pub async fn vehicles(
        &self,
        filter: &VehicleFilter,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<VehiclePage, Error> {
        let (vehicles, next) = self.listed_vehicles(filter, after, limit).await?;
        let owners = self.owners_of(&vehicles).await?;
        let with_owner = |vehicle: Vehicle| ListedVehicle { owner: owners.get(&vehicle.customer).cloned(), vehicle };
        Ok((vehicles.into_iter().map(with_owner).collect(), next))
    }

    /// Returns at most `limit` vehicles after a position, by the day of their next visit, and the position of the next page.
    ///
    /// Eventually consistent: a change of the last moments may be missing.
    pub async fn listed_vehicles(
        &self,
        filter: &VehicleFilter,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<(Vec<Vehicle>, Option<ListPosition>), Error> {
        let statuses = filter.status.as_ref().map_or(VehicleStatus::ALL.as_slice(), std::slice::from_ref);
        let listing = Listing {
            lists: statuses.iter().map(|status| vehicles::list(*status)).collect(),
            from: filter.due_from.map(|day| day.to_string()),
            to: filter.due_to.map(|day| day.to_string()),
            is_descending: false,
            after,
            limit,
        };
        let is_wanted = |vehicle: &Vehicle| filter.status.is_none_or(|status| status == vehicle.status);
        let select = |item| readable::<Vehicle>(item).filter(is_wanted);
        self.table.list_items(listing, limit, "listing vehicles", select).await
    }

    /// Returns the owners of vehicles by their ids. An owner who cannot be read is missing.
    pub async fn owners_of(&self, vehicles: &[Vehicle]) -> Result<BTreeMap<CustomerId, Customer>, Error> {
        let keys: BTreeSet<Key> = vehicles.iter().map(|vehicle| keys::customer(&vehicle.customer)).collect();
        let found = self.table.get_many(&Vec::from_iter(keys), "listing vehicles").await?;
        let owners = found.into_values().filter_map(readable::<Customer>);
        Ok(owners.map(|owner| (owner.id.clone(), owner)).collect())
    }

    /// Returns the customers in whose name a word begins like this.
    async fn named(&self, word: &str) -> Result<BTreeSet<CustomerId>, Error> {
        let query = Query::partition(name_partition(word)).prefix(word).consistent();
        let items = self.table.query_pages(query, MOST_NAMES, DOING).await?;
        let id = |item: &Item| CustomerId::parse(text_in(item, keys::SK)?.split_once('#')?.1).ok();
        Ok(items.iter().filter_map(id).collect())
    }

    async fn owner_of(&self, plate: Option<&Plate>) -> Result<Option<CustomerId>, Error> {
        let Some(plate) = plate else { return Ok(None) };
        let item = self.table.get_item(&keys::vehicle(plate), DOING).await?;
        Ok(item.and_then(readable::<Vehicle>).map(|vehicle| vehicle.customer))
    }
}
