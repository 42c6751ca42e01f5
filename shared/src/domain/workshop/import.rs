//! Rows of an imported list, and their effect on the stored customers and vehicles.

use serde::{Deserialize, Serialize};

use crate::domain::values::ids::{CustomerId, EmailAddress};
use crate::domain::values::time::LocalDate;
use crate::domain::workshop::phone::Phone;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::salutation::Salutation;
use crate::domain::workshop::vehicles::{Customer, PersonName, Vehicle, VehicleStatus, ZONE};
use crate::domain::workshop::visit_interval::VisitInterval;

/// Beginning of an id that follows from a customer's phone number.
pub const DERIVED_ID: &str = "P-";

/// Row of the list in readable form.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Row {
    /// Customer in the row.
    pub customer: RowCustomer,
    /// Vehicle in the row; `None` if its columns are empty.
    pub vehicle: Option<RowVehicle>,
}

/// Customer columns of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowCustomer {
    /// Id given by the workshop.
    pub id: CustomerId,
    /// Name used in messages.
    pub name: PersonName,
    /// WhatsApp number of the customer.
    pub phone: Phone,
    /// Mail address; `None` leaves the stored one unchanged.
    pub email: Option<EmailAddress>,
    /// Word before the name; `None` leaves the stored one unchanged.
    pub salutation: Option<Salutation>,
}

/// Vehicle columns of a row.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RowVehicle {
    /// Number plate in normalised form.
    pub plate: Plate,
    /// Date of the latest visit (Asia/Jakarta).
    pub last_visit: LocalDate,
    /// Date of the next visit; `None` leaves the stored one unchanged.
    pub next_visit: Option<LocalDate>,
    /// Months to the next visit; `None` leaves the stored ones unchanged.
    pub interval: Option<VisitInterval>,
}

/// Column for which the rules reject a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum RowField {
    /// Id of the customer.
    CustomerId,
    /// Phone number.
    Phone,
    /// Plate of the vehicle.
    Plate,
    /// Day of the latest visit.
    LastVisitDate,
}

/// Rejection of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Refused {
    /// Column that caused the rejection.
    pub field: RowField,
    /// Reason, without the column's content.
    pub reason: RefusedReason,
}

/// Reason for the rejection of a row. The texts follow the name of the column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum RefusedReason {
    /// The customer was erased.
    #[error("was erased")]
    Erased,
    /// The id follows from the row's number, and its customer has another number since.
    #[error("belongs to a customer whose number has changed; change them by PUT /customers/{{id}}")]
    NumberChanged,
    /// The vehicle is stored with another owner.
    #[error("belongs to another customer; PUT /vehicles/{{plate}}?move=true moves it")]
    OtherOwner,
    /// A later visit of the vehicle is stored.
    #[error("is before the latest visit that is known")]
    Older,
    /// Other requests keep changing the customer.
    #[error("conflicts with other changes; import it again")]
    Conflict,
    /// Stored data of the customer, the vehicle or an opt-out cannot be read.
    #[error("is stored in a form that cannot be read; the operator finds it in the log")]
    Unreadable,
    /// An earlier row has the customer with another phone number.
    #[error("differs from line {line} of the same customer")]
    DiffersFrom {
        /// Line of that row.
        line: u64,
    },
    /// An earlier row has the vehicle with another customer.
    #[error("is in line {line} with another customer")]
    OtherOwnerIn {
        /// Line of that row.
        line: u64,
    },
    /// The row has no id, and several stored customers have its phone number.
    #[error("is missing, and several customers have this phone number")]
    SeveralCustomers,
}

/// Stored data that a row refers to.
#[derive(Clone, Copy, Debug, Default)]
pub struct KnownForRow<'a> {
    /// The customer with the row's id.
    pub customer: Option<&'a Customer>,
    /// The vehicle with the row's plate.
    pub vehicle: Option<&'a Vehicle>,
    /// True if the customer with the row's id was erased.
    pub is_customer_erased: bool,
    /// True if the customer with the row's phone number was erased.
    pub is_phone_erased: bool,
}

/// Items that a row changes; `None` for one that is stored like that already, or that the row does not contain.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportChange {
    /// The customer to be stored.
    pub customer: Option<Customer>,
    /// The vehicle to be stored.
    pub vehicle: Option<Vehicle>,
}

impl Row {
    /// Date of the visit (Asia/Jakarta); `None` if the row has no vehicle.
    #[must_use]
    pub fn visit(&self) -> Option<LocalDate> {
        self.vehicle.as_ref().map(|vehicle| vehicle.last_visit)
    }

    /// The items that the row changes.
    ///
    /// # Errors
    /// [`Refused`] if the customer was erased, or the vehicle belongs to another customer or has a later visit.
    pub fn decide(&self, known: KnownForRow<'_>) -> Result<ImportChange, Refused> {
        if known.is_customer_erased {
            return Err(Refused::erased(RowField::CustomerId));
        }
        // A customer may keep the number that was stored before its former owner was erased.
        let has_same_phone = known.customer.is_some_and(|customer| customer.phone == self.customer.phone);
        if known.is_phone_erased && !has_same_phone {
            return Err(Refused::erased(RowField::Phone));
        }
        // A number is given to another person after a time, who must not become the customer whose number it was.
        if known.customer.is_some() && !has_same_phone && self.customer.id.as_str().starts_with(DERIVED_ID) {
            return Err(Refused { field: RowField::CustomerId, reason: RefusedReason::NumberChanged });
        }
        let vehicle =
            self.vehicle.as_ref().map(|vehicle| vehicle.applied(&self.customer.id, known.vehicle)).transpose()?;
        let customer = self.customer.applied(known.customer);
        Ok(ImportChange {
            customer: if known.customer == Some(&customer) { None } else { Some(customer) },
            vehicle: vehicle.filter(|vehicle| known.vehicle != Some(vehicle)),
        })
    }
}

impl ImportChange {
    /// True if everything in the row is stored already.
    #[must_use]
    pub const fn is_nothing(&self) -> bool {
        self.customer.is_none() && self.vehicle.is_none()
    }
}

impl RowField {
    /// Name of the column in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::CustomerId => "customer_id",
            Self::Phone => "phone",
            Self::Plate => "plate",
            Self::LastVisitDate => "last_visit_date",
        }
    }
}

impl Refused {
    /// An erased customer is not created again by an import.
    #[must_use]
    pub const fn erased(field: RowField) -> Self {
        Self { field, reason: RefusedReason::Erased }
    }
}

impl RowCustomer {
    /// The customer after the row. The zone stays; address and salutation stay if the row has none.
    #[must_use]
    pub fn applied(&self, known: Option<&Customer>) -> Customer {
        Customer {
            id: self.id.clone(),
            name: self.name.clone(),
            phone: self.phone.clone(),
            email: self.email.clone().or_else(|| known.and_then(|known| known.email.clone())),
            salutation: self.salutation.or(known.map(|known| known.salutation)).unwrap_or_default(),
            zone: known.map_or(ZONE, |known| known.zone),
        }
    }
}

impl RowVehicle {
    /// The vehicle after the row. A later visit replaces the dates that staff set; otherwise they stay.
    ///
    /// # Errors
    /// [`Refused`] if the row is older than the stored visit, or the vehicle belongs to another customer.
    pub fn applied(&self, customer: &CustomerId, known: Option<&Vehicle>) -> Result<Vehicle, Refused> {
        let Some(known) = known else { return Ok(self.new_vehicle(customer)) };
        if known.customer != *customer {
            return Err(Refused { field: RowField::Plate, reason: RefusedReason::OtherOwner });
        }
        if self.last_visit < known.last_visit {
            return Err(Refused { field: RowField::LastVisitDate, reason: RefusedReason::Older });
        }
        // Only a later visit consumes the dates that staff set.
        let later = known.last_visit < self.last_visit;
        let base = if later { known.visited(self.last_visit) } else { None }.unwrap_or_else(|| known.clone());
        Ok(Vehicle {
            own_next_visit: self.next_visit.or(base.own_next_visit),
            interval: self.interval.unwrap_or(base.interval),
            ..base
        })
    }

    fn new_vehicle(&self, customer: &CustomerId) -> Vehicle {
        Vehicle {
            plate: self.plate.clone(),
            customer: customer.clone(),
            last_visit: self.last_visit,
            own_next_visit: self.next_visit,
            interval: self.interval.unwrap_or_default(),
            status: VehicleStatus::Active,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn row(phone: &str, visit: Option<&str>) -> Row {
        let last_visit = visit.map(|day| LocalDate::parse(day).unwrap());
        let vehicle = last_visit.map(|last_visit| RowVehicle {
            plate: Plate::parse("B 1234 ABC").unwrap(),
            last_visit,
            next_visit: None,
            interval: None,
        });
        let customer = RowCustomer {
            id: CustomerId::parse("C-1").unwrap(),
            name: PersonName::parse("Budi").unwrap(),
            phone: Phone::try_from(phone.to_owned()).unwrap(),
            email: None,
            salutation: None,
        };
        Row { customer, vehicle }
    }

    #[test]
    fn a_row_changes_only_the_items_that_differ() {
        let first = row("628551234567", Some("2026-01-10"));
        let new = first.decide(KnownForRow::default()).unwrap();
        let (customer, vehicle) = (new.customer.as_ref(), new.vehicle.as_ref());
        assert!(customer.is_some() && vehicle.is_some());
        let known = KnownForRow { customer, vehicle, ..KnownForRow::default() };
        assert!(first.decide(known).unwrap().is_nothing());
        let visited = row("628551234567", Some("2026-05-10")).decide(known).unwrap();
        assert_eq!((visited.customer, visited.vehicle.is_some()), (None, true));
        let moved = row("628551234568", None).decide(known).unwrap();
        assert_eq!((moved.customer.is_some(), moved.vehicle), (true, None));
    }

    #[test]
    fn an_erased_customer_is_refused_by_id_and_by_a_number_that_is_new_to_the_customer() {
        let row = row("628551234567", None);
        let erased = KnownForRow { is_customer_erased: true, ..KnownForRow::default() };
        assert_eq!(row.decide(erased), Err(Refused::erased(RowField::CustomerId)));
        let phone = KnownForRow { is_phone_erased: true, ..KnownForRow::default() };
        assert_eq!(row.decide(phone), Err(Refused::erased(RowField::Phone)));
        let customer = row.decide(KnownForRow::default()).unwrap().customer;
        let kept = KnownForRow { customer: customer.as_ref(), ..phone };
        assert!(row.decide(kept).unwrap().is_nothing());
    }
}
