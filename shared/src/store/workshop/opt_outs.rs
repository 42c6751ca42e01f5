//! Opt-outs of phone numbers. Each is one item under the newest key of the secret, with copies under the earlier keys: an
//! instance that has not read a new key yet finds it, too.

use std::collections::{BTreeSet, HashMap};

use crate::domain::values::time::Timestamp;
use crate::domain::workshop::opt_out::{Confirmation, ConfirmationState, OptOut, StatedWish, Wish};
use crate::domain::workshop::phone::Phone;
use crate::platform::phone_keys::PhoneHasher;

use crate::store::error::Error;
use crate::store::retry::{Attempt, retry_on_conflict};
use crate::store::table::expression::Condition;
use crate::store::table::keys::Key;
use crate::store::table::listing::{ListPosition, Listing, readable};
use crate::store::table::record::Record;
use crate::store::table::transaction::Transaction;
use crate::store::table::{Item, keys, text_in};
use crate::store::workshop::Workshop;

const DOING: &str = "reading an opt-out";
const PREFIX: &str = "OPTOUT#";
/// Numbers of one person whose opt-outs an erasure makes anonymous.
const MOST_NUMBERS: usize = 8;

/// Opt-out of a number as it was read, with what the next write must find.
#[derive(Clone, Debug)]
pub struct NumberOptOut {
    /// Keys of its items, that of the newest key first.
    keys: Vec<Key>,
    /// Version of the first item; none where that is not stored.
    version: Option<u64>,
    /// The opt-out; none where the number never had one.
    pub value: Option<OptOut>,
}

/// An opt-out with its id.
#[derive(Clone, Debug)]
pub struct ListedOptOut {
    /// Id: a keyed hash of the number.
    pub id: String,
    /// The opt-out.
    pub opt_out: OptOut,
}

/// Opt-out of a number after a wish.
#[derive(Clone, Debug)]
pub struct WishResult {
    /// Id of the opt-out.
    pub id: String,
    /// The opt-out; none where staff would end one that the number never had.
    pub opt_out: Option<OptOut>,
    /// True if the number was opted out, or in again, by this wish.
    pub is_new: bool,
}

/// Page of opt-outs, and the position of the next; none: it was the last page.
pub type OptOutPage = (Vec<ListedOptOut>, Option<ListPosition>);

/// A confirmation that is to be sent.
#[derive(Clone, Debug)]
pub struct DueConfirmation {
    key: Key,
    version: u64,
    /// The opt-out, with the confirmation of its latest wish.
    pub opt_out: OptOut,
}

/// Keys of the items of a number's opt-out, that of the newest key first.
pub(in crate::store) fn keys_of(phone: &Phone, hasher: &PhoneHasher) -> Vec<Key> {
    hasher.opt_outs(phone).iter().map(|hash| keys::opt_out(hash)).collect()
}

/// Condition of an item under which its number is not opted out.
pub(in crate::store) fn is_not_open() -> Condition {
    Condition::item_absent().or(Condition::text_is(["data", "latest", "wish"], Wish::Start.name()))
}

impl NumberOptOut {
    /// Reads it from items that were found under its keys.
    pub(in crate::store) fn from_items(keys: Vec<Key>, found: &mut HashMap<Key, Item>) -> Result<Self, Error> {
        let (mut version, mut value) = (None, None);
        for (place, key) in keys.iter().enumerate() {
            let Some(item) = found.remove(key) else { continue };
            let record: Record<OptOut> = Record::from_item(item)?;
            if place == 0 {
                version = record.version;
            }
            // An instance that has not read the newest key yet writes under the earlier ones alone.
            if value.as_ref().is_none_or(|known: &OptOut| known.last_stated_at < record.data.last_stated_at) {
                value = Some(record.data);
            }
        }
        Ok(Self { keys, version, value })
    }

    /// True while the number is opted out.
    #[must_use]
    pub fn is_open(&self) -> bool {
        self.value.as_ref().is_some_and(OptOut::is_open)
    }

    /// The same opt-out for another number of the person, while it holds. One that the other number has or had stays as it is.
    #[must_use]
    pub fn carried_to(&self, phone: &Phone, known: &Self) -> Option<OptOut> {
        let open = self.value.as_ref().filter(|opt_out| opt_out.is_open())?;
        known.value.is_none().then(|| open.carried_to(phone, self.id()))
    }

    /// Keys of the items that a write replaces.
    pub(in crate::store) fn keys(&self) -> &[Key] {
        &self.keys
    }

    /// Adds the write of its next state to a transaction, which is refused if another one came first.
    pub(in crate::store) fn write(&self, next: &OptOut, transaction: &mut Transaction) -> Result<(), Error> {
        for (place, key) in self.keys.iter().enumerate() {
            if place == 0 {
                transaction.put_if_version(record(key.clone(), next), self.version)?;
            } else {
                // With a version, since it is the first item for an instance without the newest key.
                let version = self.version.unwrap_or(0).saturating_add(1);
                transaction.put(Record::new(key.clone(), next).at_version(version))?;
            }
        }
        Ok(())
    }

    /// Id of the opt-out.
    #[must_use]
    pub fn id(&self) -> String {
        self.keys.first().map(id_of).unwrap_or_default()
    }
}

/// The first item of an opt-out: in a list, and in the queue of confirmations while one waits.
fn record(key: Key, opt_out: &OptOut) -> Record<&OptOut> {
    let list = if opt_out.is_open() { keys::OPT_OUTS } else { keys::ENDED_OPT_OUTS };
    let record = Record::new(key, opt_out);
    let record = if opt_out.has_been_open() { record.listed(list, opt_out.latest.at) } else { record };
    match &opt_out.confirmation {
        Some(Confirmation { state: ConfirmationState::Waiting, at, .. }) => record.due(keys::CONFIRMATION_QUEUE, *at),
        _ => record,
    }
}

fn id_of(key: &Key) -> String {
    key.pk.strip_prefix(PREFIX).unwrap_or_default().to_owned()
}

impl Workshop {
    /// Returns the opt-out of a number.
    pub async fn opt_out(&self, phone: &Phone, hasher: &PhoneHasher) -> Result<NumberOptOut, Error> {
        let keys = keys_of(phone, hasher);
        let mut found = self.table.get_many(&keys, DOING).await?;
        NumberOptOut::from_items(keys, &mut found)
    }

    /// Returns the opt-out of a number and those of the numbers from which it was carried over, at most eight.
    pub(in crate::store) async fn opt_outs_of_person(
        &self,
        phone: &Phone,
        hasher: &PhoneHasher,
    ) -> Result<Vec<NumberOptOut>, Error> {
        let mut found = vec![self.opt_out(phone, hasher).await?];
        while found.len() < MOST_NUMBERS {
            let former = found.last().and_then(|last| last.value.as_ref()).and_then(|value| value.former.as_ref());
            let Some(id) = former else { break };
            let Some(phone) = self.opt_out_of_id(id).await?.and_then(|former| former.phone) else { break };
            found.push(self.opt_out(&phone, hasher).await?);
        }
        Ok(found)
    }

    /// Returns those of the numbers that are opted out.
    pub async fn opted_out(&self, phones: BTreeSet<Phone>, hasher: &PhoneHasher) -> Result<BTreeSet<Phone>, Error> {
        let keyed: Vec<(Phone, Vec<Key>)> =
            phones.into_iter().map(|phone| (phone.clone(), keys_of(&phone, hasher))).collect();
        let keys: Vec<Key> = keyed.iter().flat_map(|(_, keys)| keys.clone()).collect();
        let mut found = self.table.get_many(&keys, DOING).await?;
        let mut opted_out = BTreeSet::new();
        for (phone, keys) in keyed {
            if NumberOptOut::from_items(keys, &mut found)?.is_open() {
                opted_out.insert(phone);
            }
        }
        Ok(opted_out)
    }

    /// Records a wish of the person with this number. A wish that came as a reply is confirmed by `provider`.
    pub async fn record_wish(
        &self,
        phone: &Phone,
        wish: &StatedWish,
        provider: Option<&str>,
        hasher: &PhoneHasher,
    ) -> Result<WishResult, Error> {
        retry_on_conflict("recording a wish", (), |()| async move {
            let known = self.opt_out(phone, hasher).await?;
            let Some(mut next) = wish.applied(phone, known.value.as_ref()) else {
                return Ok(Attempt::Done(WishResult { id: known.id(), opt_out: known.value, is_new: false }));
            };
            let is_new = next.is_open() != known.is_open();
            let waiting = |provider: &str| Confirmation {
                state: ConfirmationState::Waiting,
                provider: provider.to_owned(),
                at: wish.at,
                claimed_at: None,
            };
            if is_new {
                next.confirmation = provider.map(waiting);
            }
            let mut transaction = Transaction::default();
            known.write(&next, &mut transaction)?;
            Ok(match self.table.transact(transaction, "recording a wish").await? {
                None => Attempt::Done(WishResult { id: known.id(), opt_out: Some(next), is_new }),
                Some(_) => Attempt::Conflict(()),
            })
        })
        .await
    }

    /// Returns an opt-out by its id.
    pub async fn opt_out_of_id(&self, id: &str) -> Result<Option<OptOut>, Error> {
        Ok(self.table.get::<OptOut>(&keys::opt_out(id), DOING).await?.map(|record| record.data))
    }

    /// Returns one page of the opt-outs that hold, or of those that were ended, the latest first.
    ///
    /// Eventually consistent: a change of the last moments may be missing.
    pub async fn opt_outs(
        &self,
        is_open: bool,
        after: Option<&ListPosition>,
        limit: usize,
    ) -> Result<OptOutPage, Error> {
        let list = if is_open { keys::OPT_OUTS } else { keys::ENDED_OPT_OUTS };
        let listing = Listing { lists: vec![list.to_owned()], from: None, to: None, is_descending: true, after, limit };
        let select = |item: Item| {
            let id = text_in(&item, keys::PK)?.strip_prefix(PREFIX)?.to_owned();
            Some(ListedOptOut { id, opt_out: readable(item)? })
        };
        self.table.list_items(listing, limit, "listing opt-outs", select).await
    }

    /// Returns the confirmations that wait at `wall`, or are claimed.
    pub async fn due_confirmations(&self, wall: Timestamp) -> Result<Vec<DueConfirmation>, Error> {
        let (mut due, mut cursor) = (Vec::new(), None);
        loop {
            let page = self.table.due_records::<OptOut>(keys::CONFIRMATION_QUEUE, wall, cursor).await?;
            due.extend(page.items.into_iter().map(|record| DueConfirmation {
                key: Key { pk: record.pk, sk: record.sk },
                version: record.version.unwrap_or(0),
                opt_out: record.data,
            }));
            cursor = page.next;
            if cursor.is_none() {
                return Ok(due);
            }
        }
    }

    /// Stores the next state of a confirmation; `None` where the opt-out was changed in between.
    pub async fn record_confirmation(
        &self,
        due: DueConfirmation,
        confirmation: Confirmation,
    ) -> Result<Option<DueConfirmation>, Error> {
        let mut next = due;
        next.opt_out.confirmation = Some(confirmation);
        let written = record(next.key.clone(), &next.opt_out);
        let is_stored = self.table.put_if_version(written, next.version, "recording a confirmation").await?;
        next.version = next.version.saturating_add(1);
        Ok(is_stored.then_some(next))
    }

    /// Stores the outcome of a claimed confirmation; nothing where another wish has replaced it. A wish that the person only
    /// repeated in between keeps it.
    pub async fn record_confirmation_outcome(
        &self,
        claimed: DueConfirmation,
        state: ConfirmationState,
    ) -> Result<(), Error> {
        let Some(confirmation) = claimed.opt_out.confirmation.clone() else { return Ok(()) };
        let (key, claim) = (&claimed.key.clone(), &confirmation);
        retry_on_conflict("recording a confirmation", claimed, |due: DueConfirmation| async move {
            if due.opt_out.confirmation.as_ref() != Some(claim) {
                return Ok(Attempt::Done(()));
            }
            let outcome = Confirmation { state, claimed_at: None, ..claim.clone() };
            if self.record_confirmation(due, outcome).await?.is_some() {
                return Ok(Attempt::Done(()));
            }
            let current = self.table.get::<OptOut>(key, DOING).await?;
            Ok(match current {
                Some(record) => Attempt::Conflict(DueConfirmation {
                    key: key.clone(),
                    version: record.version.unwrap_or(0),
                    opt_out: record.data,
                }),
                None => Attempt::Done(()),
            })
        })
        .await
    }
}
