//! Customers of a workshop and their vehicles, with the due date of the next visit.

use std::collections::BTreeSet;
use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::values::ids::{CustomerId, EmailAddress};
use crate::domain::values::lookup::Lookup;
use crate::domain::values::text::one_line;
use crate::domain::values::time::{LocalDate, Zone};
use crate::domain::workshop::phone::Phone;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::salutation::Salutation;
use crate::domain::workshop::visit_interval::VisitInterval;

/// Days before a visit on which a reminder is sent: `0 <= days < 3` (reminder document).
pub const WINDOW_DAYS: i64 = 3;
/// Time zone in which visits are counted.
pub const ZONE: Zone = Zone::Jakarta;
const LONGEST_NAME: usize = 100;
/// Words of a name by which it is found.
const MOST_WORDS: usize = 8;

/// A customer's name: one line of at most 100 characters, without invisible ones and surrounding blanks. Never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(String);

/// Rejection of a text as a name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a name is one line of 1 to 100 characters, with a letter or digit among them")]
pub struct InvalidName;

/// Customer who is reminded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Id given by the workshop.
    pub id: CustomerId,
    /// Name used in messages.
    pub name: PersonName,
    /// Word before the name in messages.
    #[serde(default, skip_serializing_if = "Salutation::is_default")]
    pub salutation: Salutation,
    /// WhatsApp number of the customer.
    pub phone: Phone,
    /// Mail address, stored for the workshop; no mail is sent to it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// Time zone of the customer, which decides about the sending hours.
    pub zone: Zone,
}

/// Vehicle that is maintained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vehicle {
    /// Number plate in normalised form.
    pub plate: Plate,
    /// Owner of the vehicle.
    pub customer: CustomerId,
    /// Date of the latest visit (Asia/Jakarta).
    pub last_visit: LocalDate,
    /// Date of the next visit as set by staff, until the visit took place.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_next_visit: Option<LocalDate>,
    /// Months from a visit to the next one.
    #[serde(default, skip_serializing_if = "VisitInterval::is_default")]
    pub interval: VisitInterval,
    /// Active vehicles lead to reminders.
    pub status: VehicleStatus,
}

/// Status of a vehicle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VehicleStatus {
    /// Owner is reminded of visits.
    Active,
    /// Next visit already agreed.
    Booked,
    /// Sold to another owner.
    Sold,
    /// Kept for the record only.
    Archived,
}

impl PersonName {
    /// Accepts a name and removes invisible characters and surrounding blanks.
    ///
    /// # Errors
    /// [`InvalidName`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = one_line(text, LONGEST_NAME).filter(|name| name.contains(char::is_alphanumeric));
        name.map(Self).ok_or(InvalidName)
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// Words by which the name is found: its first eight of at least two letters or digits, in lower case.
    #[must_use]
    pub fn words(&self) -> BTreeSet<String> {
        words(&self.0)
    }
}

/// Words of a name, or of a text that is searched for among names. Each has at least two letters or digits.
#[must_use]
pub fn words(text: &str) -> BTreeSet<String> {
    let lower = text.to_lowercase();
    let words = lower.split(|sign: char| !sign.is_alphanumeric()).filter(|word| word.chars().nth(1).is_some());
    words.take(MOST_WORDS).map(str::to_owned).collect()
}

impl fmt::Debug for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("PersonName(***)")
    }
}

impl fmt::Display for PersonName {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<PersonName> for String {
    fn from(name: PersonName) -> Self {
        name.0
    }
}

impl TryFrom<String> for PersonName {
    type Error = InvalidName;
    fn try_from(text: String) -> Result<Self, InvalidName> {
        Self::parse(&text)
    }
}

impl Customer {
    /// Values by which the customer is found, apart from their id and the words of their name.
    #[must_use]
    pub fn lookups(&self) -> BTreeSet<Lookup> {
        let email = self.email.as_ref().map(Lookup::customer_email);
        std::iter::once(Lookup::phone(&self.phone)).chain(email).collect()
    }
}

impl VehicleStatus {
    /// All statuses, in the order of their declaration.
    pub const ALL: [Self; 4] = [Self::Active, Self::Booked, Self::Sold, Self::Archived];

    /// The status's name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Booked => "booked",
            Self::Sold => "sold",
            Self::Archived => "archived",
        }
    }

    /// The status with that name; `None` for an unknown name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl Vehicle {
    /// The date of the next visit: as set by staff, otherwise the interval's calendar months after the latest visit.
    #[must_use]
    pub fn next_visit(&self) -> LocalDate {
        self.own_next_visit.unwrap_or_else(|| self.last_visit.plus_months(self.interval.months()))
    }

    /// The vehicle after a visit; `None` if that visit or a later one is stored, so that a repeated report does not
    /// undo later changes of staff. The visit consumes the dates that staff set or agreed. A sold or archived vehicle
    /// keeps its status.
    #[must_use]
    pub fn visited(&self, day: LocalDate) -> Option<Self> {
        // The booking was for the visit that took place.
        let status = if self.status == VehicleStatus::Booked { VehicleStatus::Active } else { self.status };
        (day > self.last_visit).then(|| Self { last_visit: day, own_next_visit: None, status, ..self.clone() })
    }
}
