//! Vehicle of the workshop as requests and responses describe it.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use shared::domain::values::ids::CustomerId;
use shared::domain::values::time::{LocalDate, Timestamp};
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::{Vehicle, VehicleStatus};
use shared::domain::workshop::visit_interval::VisitInterval;
use utoipa::ToSchema;

use crate::http::dates::Day;
use crate::http::response::Failure;

/// Note of a visit that is older than the latest one.
const LATER_IS_KNOWN: &str = "a later visit is already recorded; nothing was changed";

/// Vehicle to be stored.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VehicleBody {
    /// Owner, who must be stored. Another one than before needs `move=true`.
    #[schema(value_type = String, min_length = 1, max_length = 64, example = "C-1")]
    pub(crate) customer_id: CustomerId,
    /// Date of the latest visit, Asia/Jakarta.
    #[schema(value_type = String, format = Date, example = "2025-08-18")]
    last_visit_date: Day,
    /// Date of the next visit if staff set it, Asia/Jakarta. Default: `interval_months` after the latest visit.
    #[schema(value_type = Option<String>, format = Date, example = "2025-12-20")]
    next_visit_date: Option<Day>,
    /// Months from a visit to the next one; in a shorter month the last day counts. Default: the stored ones, and 4 for a new
    /// vehicle.
    #[schema(value_type = Option<u32>, minimum = 1, maximum = 60, example = 6)]
    interval_months: Option<VisitInterval>,
    /// Status. Default: the stored one; `active` for a new vehicle, for a new owner, and for a booked vehicle whose visit took
    /// place.
    status: Option<VehicleState>,
}

/// Visit that took place.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct VisitBody {
    /// Date of the visit, Asia/Jakarta.
    #[schema(value_type = String, format = Date, example = "2025-12-16")]
    pub(crate) date: Day,
}

/// Status of a vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum VehicleState {
    /// The owner is reminded of visits.
    Active,
    /// The next visit is agreed; no reminder is sent.
    Booked,
    /// Sold to another owner.
    Sold,
    /// Kept for the record only.
    Archived,
}

/// Vehicle of the workshop, with its reminders.
#[derive(Serialize, ToSchema)]
pub(crate) struct VehicleAnswer {
    /// Number plate in normalised form.
    #[schema(value_type = String, example = "B 1234 ABC")]
    plate: Plate,
    /// Owner.
    #[schema(value_type = String, example = "C-1")]
    customer_id: CustomerId,
    /// Date of the latest visit, Asia/Jakarta.
    #[schema(value_type = String, format = Date, example = "2025-08-18")]
    last_visit_date: LocalDate,
    /// Date of the next visit, Asia/Jakarta.
    #[schema(value_type = String, format = Date, example = "2025-12-18")]
    next_visit_date: LocalDate,
    /// True if staff set the date of the next visit; false if it is `interval_months` after the latest one.
    #[schema(example = false)]
    next_visit_set_by_staff: bool,
    /// Months from a visit to the next one.
    #[schema(value_type = u32, example = 4)]
    interval_months: VisitInterval,
    status: VehicleState,
    /// Reminders as stored, oldest visit first, at most 100. `delivery` is the stage that the message reached, where the provider
    /// gave it an id.
    #[schema(value_type = Vec<Object>)]
    reminders: Vec<Value>,
    /// Remark on a visit that changed nothing.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(crate) note: Option<&'static str>,
}

impl From<VehicleState> for VehicleStatus {
    fn from(state: VehicleState) -> Self {
        match state {
            VehicleState::Active => Self::Active,
            VehicleState::Booked => Self::Booked,
            VehicleState::Sold => Self::Sold,
            VehicleState::Archived => Self::Archived,
        }
    }
}

impl From<VehicleStatus> for VehicleState {
    fn from(status: VehicleStatus) -> Self {
        match status {
            VehicleStatus::Active => Self::Active,
            VehicleStatus::Booked => Self::Booked,
            VehicleStatus::Sold => Self::Sold,
            VehicleStatus::Archived => Self::Archived,
        }
    }
}

impl VehicleBody {
    /// Refuses a visit of the future, and a next visit before the latest one.
    pub(crate) fn check(&self, now: Timestamp) -> Result<(), Failure> {
        self.last_visit_date.past(now).map_err(|why| Failure::invalid("last_visit_date", why))?;
        if self.next_visit_date.is_some_and(|next| next < self.last_visit_date) {
            return Err(Failure::invalid("next_visit_date", "is before last_visit_date"));
        }
        Ok(())
    }

    /// Vehicle to store. A missing status stays, except after a change of customer, or if the vehicle was booked for a visit
    /// that has taken place: then it is `active`.
    pub(crate) fn applied(&self, plate: &Plate, known: Option<&Vehicle>) -> Vehicle {
        let Day(last_visit) = self.last_visit_date;
        // The interval is the vehicle's, and stays when it is sold.
        let interval = self.interval_months.or(known.map(|known| known.interval)).unwrap_or_default();
        // A new customer inherits nothing: a status `sold` or `booked` belonged to the previous one.
        let known = known.filter(|known| known.customer == self.customer_id);
        let kept = known.map(|known| {
            let booking_is_over = known.status == VehicleStatus::Booked && known.last_visit < last_visit;
            if booking_is_over { VehicleStatus::Active } else { known.status }
        });
        Vehicle {
            plate: plate.clone(),
            customer: self.customer_id.clone(),
            last_visit,
            own_next_visit: self.next_visit_date.map(|Day(next)| next),
            interval,
            status: self.status.map(VehicleStatus::from).or(kept).unwrap_or(VehicleStatus::Active),
        }
    }
}

impl VehicleAnswer {
    /// Shows a vehicle with its reminders.
    pub(crate) fn new(vehicle: Vehicle, reminders: Vec<Value>) -> Self {
        Self {
            next_visit_date: vehicle.next_visit(),
            next_visit_set_by_staff: vehicle.own_next_visit.is_some(),
            interval_months: vehicle.interval,
            plate: vehicle.plate,
            customer_id: vehicle.customer,
            last_visit_date: vehicle.last_visit,
            status: vehicle.status.into(),
            reminders,
            note: None,
        }
    }

    /// Adds the note of a visit that is older than the latest one.
    pub(crate) fn unchanged_by_visit(self, day: LocalDate) -> Self {
        let note = (day < self.last_visit_date).then_some(LATER_IS_KNOWN);
        Self { note, ..self }
    }
}
