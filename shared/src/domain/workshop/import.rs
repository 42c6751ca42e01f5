//! Rows of an imported list: what each makes of the customer and the vehicle that are known.

use crate::domain::values::ids::{CustomerId, EmailAddress};
use crate::domain::values::time::LocalDate;
use crate::domain::workshop::phone::Phone;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::vehicles::{Customer, PersonName, Vehicle, VehicleStatus, ZONE};

/// One row that can be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Row {
    /// The customer that it names.
    pub customer: RowCustomer,
    /// The vehicle that it names; none where its columns are empty.
    pub vehicle: Option<RowVehicle>,
}

/// What a row says of a customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowCustomer {
    /// Their id.
    pub id: CustomerId,
    /// Their name.
    pub name: PersonName,
    /// Their number.
    pub phone: Phone,
    /// Their address; none: nothing is said of it.
    pub email: Option<EmailAddress>,
}

/// What a row says of a vehicle.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RowVehicle {
    /// Its plate.
    pub plate: Plate,
    /// Its latest visit.
    pub last_visit: LocalDate,
    /// The day of the next visit; none: nothing is said of it.
    pub next_visit: Option<LocalDate>,
}

/// A row that is not stored.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Refused {
    /// The column that is the matter.
    pub field: &'static str,
    /// Why, without what the column holds.
    pub reason: &'static str,
}

impl Refused {
    /// Whoever was erased does not come back by a list.
    #[must_use]
    pub const fn erased(field: &'static str) -> Self {
        Self { field, reason: "was erased" }
    }
}

impl RowCustomer {
    /// The customer after the row. Their opt-out and their zone stay, as does the address where the row has none.
    #[must_use]
    pub fn applied(&self, known: Option<&Customer>) -> Customer {
        Customer {
            id: self.id.clone(),
            name: self.name.clone(),
            phone: self.phone.clone(),
            email: self.email.clone().or_else(|| known.and_then(|known| known.email.clone())),
            opted_out: known.is_some_and(|known| known.opted_out),
            zone: known.map_or(ZONE, |known| known.zone),
        }
    }
}

impl RowVehicle {
    /// The vehicle after the row. A later visit is a visit, whatever way it is told; else what staff set stays.
    ///
    /// # Errors
    /// [`Refused`]: lists are often older than what is known, and do not move a vehicle to somebody else.
    pub fn applied(&self, customer: &CustomerId, known: Option<&Vehicle>) -> Result<Vehicle, Refused> {
        let Some(known) = known else { return Ok(self.new_vehicle(customer)) };
        if known.customer != *customer {
            let reason = "belongs to another customer; PUT /vehicles/{plate} moves it";
            return Err(Refused { field: "plate", reason });
        }
        if self.last_visit < known.last_visit {
            return Err(Refused { field: "last_visit_date", reason: "is before the latest visit that is known" });
        }
        let later = known.last_visit < self.last_visit;
        let base = if later { known.visited(self.last_visit) } else { None }.unwrap_or_else(|| known.clone());
        Ok(Vehicle { own_next_visit: self.next_visit.or(base.own_next_visit), ..base })
    }

    fn new_vehicle(&self, customer: &CustomerId) -> Vehicle {
        Vehicle {
            plate: self.plate.clone(),
            customer: customer.clone(),
            last_visit: self.last_visit,
            own_next_visit: self.next_visit,
            status: VehicleStatus::Active,
        }
    }
}
