//! Lists with a row for each visit: of a vehicle the latest visit counts, of a customer the row of the latest visit.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::domain::values::ids::CustomerId;
use crate::domain::values::time::LocalDate;
use crate::domain::workshop::import::{Refused, RefusedReason, Row, RowCustomer, RowField};
use crate::domain::workshop::plate::Plate;

/// Row of a list with the line at which it begins.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ListedRow {
    /// Line, from 1.
    pub line: u64,
    /// The row.
    pub row: Row,
}

/// Row that is not stored, since another row of the list has a visit of its vehicle that is as late or later.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OlderVisit {
    /// Line of the row.
    pub line: u64,
    /// Line of the row that counts.
    pub counts: u64,
}

/// Row of a list that contradicts another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RefusedRow {
    /// Line of the row.
    pub line: u64,
    /// Column and reason.
    pub refused: Refused,
}

/// Row whose name is not stored, since a later visit of the customer has another one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct OtherName {
    /// Line of the row.
    pub line: u64,
    /// Line of the row whose name counts.
    pub counts: u64,
}

/// Rows of a list without contradictions.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LatestVisits {
    /// Rows to store in the order of the list, at most one for each vehicle; those of a customer have the same name and address.
    pub rows: Vec<ListedRow>,
    /// Rows of earlier visits.
    pub older: Vec<OlderVisit>,
    /// Rows with a name that is not stored.
    pub other_names: Vec<OtherName>,
    /// Rows that are refused.
    pub refused: Vec<RefusedRow>,
}

/// The customer of the row that counts so far.
struct KnownCustomer {
    line: u64,
    visit: Option<LocalDate>,
    customer: RowCustomer,
}

impl LatestVisits {
    /// Finds the rows that count. Of two rows of one vehicle the one with the later visit counts, of equal ones the later row;
    /// of two customers with one vehicle the one with the later visit has it.
    #[must_use]
    pub fn of(list: Vec<ListedRow>) -> Self {
        let mut found = Self::default();
        let mut customers: BTreeMap<CustomerId, KnownCustomer> = BTreeMap::new();
        let mut vehicles: BTreeMap<Plate, usize> = BTreeMap::new();
        for listed in list {
            if let Err(refused) = found.add(listed.clone(), &mut customers, &mut vehicles) {
                found.refused.push(RefusedRow { line: listed.line, refused });
            }
        }
        for listed in &mut found.rows {
            let Some(known) = customers.get(&listed.row.customer.id) else { continue };
            if listed.row.customer.name != known.customer.name {
                found.other_names.push(OtherName { line: listed.line, counts: known.line });
            }
            listed.row.customer = known.customer.clone();
        }
        found
    }

    fn add(
        &mut self,
        listed: ListedRow,
        customers: &mut BTreeMap<CustomerId, KnownCustomer>,
        vehicles: &mut BTreeMap<Plate, usize>,
    ) -> Result<(), Refused> {
        let ListedRow { line, row } = &listed;
        if let Some(known) = customers.get(&row.customer.id)
            && known.customer.phone != row.customer.phone
        {
            return Err(Refused { field: RowField::Phone, reason: RefusedReason::DiffersFrom { line: known.line } });
        }
        let earlier = row.vehicle.as_ref().and_then(|vehicle| vehicles.get(&vehicle.plate)).copied();
        let visit = row.visit();
        let other =
            earlier.and_then(|place| self.rows.get(place)).filter(|kept| kept.row.customer.id != row.customer.id);
        if let Some(kept) = other {
            let refused = |line| Refused { field: RowField::Plate, reason: RefusedReason::OtherOwnerIn { line } };
            if visit <= kept.row.visit() {
                return Err(refused(kept.line));
            }
            self.refused.push(RefusedRow { line: kept.line, refused: refused(*line) });
        }
        let has_new_owner = other.is_some();
        let known = customers.entry(row.customer.id.clone()).or_insert_with(|| KnownCustomer {
            line: *line,
            visit,
            customer: row.customer.clone(),
        });
        let (email, salutation) = (known.customer.email.clone(), known.customer.salutation);
        if visit >= known.visit {
            *known = KnownCustomer { line: *line, visit, customer: row.customer.clone() };
        }
        known.customer.email = known.customer.email.take().or(email).or_else(|| row.customer.email.clone());
        known.customer.salutation = known.customer.salutation.or(salutation).or(row.customer.salutation);
        let place = earlier.unwrap_or(self.rows.len());
        if let Some(kept) = self.rows.get_mut(place).filter(|_| has_new_owner) {
            *kept = listed;
        } else if let Some(kept) = self.rows.get_mut(place) {
            let (older, latest) = if kept.row.visit() > visit { (*line, kept.line) } else { (kept.line, *line) };
            self.older.push(OlderVisit { line: older, counts: latest });
            if latest == *line {
                *kept = listed;
            }
        } else {
            vehicles.extend(row.vehicle.as_ref().map(|vehicle| (vehicle.plate.clone(), place)));
            self.rows.push(listed);
        }
        Ok(())
    }
}
