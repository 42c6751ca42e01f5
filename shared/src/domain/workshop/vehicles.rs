//! A workshop's customers and their vehicles, and when a vehicle is due for maintenance.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::values::ids::{CustomerId, EmailAddress};
use crate::domain::values::time::{LocalDate, Zone};
use crate::domain::workshop::phone::Phone;
use crate::domain::workshop::plate::Plate;

/// Months from a visit to the next one (the reminder document).
const INTERVAL_MONTHS: u32 = 4;
/// A reminder is sent from so many days before the visit on: today, tomorrow and the day after (`0 <= days < 3`).
pub const WINDOW_DAYS: i64 = 3;
/// The zone whose days the visits are counted in.
pub const ZONE: Zone = Zone::Jakarta;
const LONGEST_NAME: usize = 100;

/// How a customer is called: one line of at most 100 characters, without blanks around it. Never printed.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct PersonName(String);

/// Why a text is not a name.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("a name is one line of 1 to 100 characters, with a letter or digit among them")]
pub struct InvalidName;

/// Who is reminded.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Customer {
    /// Their id, as the workshop gives it.
    pub id: CustomerId,
    /// How the message addresses them.
    pub name: PersonName,
    /// Where it goes.
    pub phone: Phone,
    /// Kept for the workshop; nothing is sent there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub email: Option<EmailAddress>,
    /// Whether they do not want to be reminded.
    #[serde(default)]
    pub opted_out: bool,
    /// The zone that they live in: the hours in which they may be written to are counted there.
    pub zone: Zone,
}

/// What is maintained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Vehicle {
    /// Its number plate.
    pub plate: Plate,
    /// Whose it is.
    pub customer: CustomerId,
    /// The latest visit.
    pub last_visit: LocalDate,
    /// The next visit as staff set it, until the vehicle was here again.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub own_next_visit: Option<LocalDate>,
    /// Whether anybody is to be reminded of it.
    pub status: VehicleStatus,
}

/// Where a vehicle stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VehicleStatus {
    /// Its owner is reminded.
    Active,
    /// The next visit is agreed already.
    Booked,
    /// It belongs to somebody else now.
    Sold,
    /// It is kept for the record only.
    Archived,
}

impl PersonName {
    /// Takes a name without the blanks around it.
    ///
    /// # Errors
    /// [`InvalidName`].
    pub fn parse(text: &str) -> Result<Self, InvalidName> {
        let name = text.trim();
        let is_one_line = !name.chars().any(|c| c.is_control() || turns_the_line(c));
        let has_a_sign = name.contains(char::is_alphanumeric);
        if is_one_line && has_a_sign && name.chars().count() <= LONGEST_NAME {
            Ok(Self(name.to_owned()))
        } else {
            Err(InvalidName)
        }
    }

    /// The name as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Line and paragraph separators, and marks that change the direction of all that follows in the message.
const fn turns_the_line(c: char) -> bool {
    matches!(c, '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
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

impl VehicleStatus {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Active, Self::Booked, Self::Sold, Self::Archived];

    /// The name in the API.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Active => "active",
            Self::Booked => "booked",
            Self::Sold => "sold",
            Self::Archived => "archived",
        }
    }

    /// The status of that name.
    #[must_use]
    pub fn of_name(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.name() == name)
    }
}

impl Vehicle {
    /// The day of the next visit: the one that staff set, else four calendar months after the last.
    #[must_use]
    pub fn next_visit(&self) -> LocalDate {
        self.own_next_visit.unwrap_or_else(|| self.last_visit.plus_months(INTERVAL_MONTHS))
    }

    /// The vehicle after a visit; `None` where that one or a later one is known, so that a visit told twice does not
    /// undo what staff set after it. What they had set or agreed before was for this visit. A vehicle that is sold or
    /// archived stays so.
    #[must_use]
    pub fn visited(&self, day: LocalDate) -> Option<Self> {
        let status = if self.status == VehicleStatus::Booked { VehicleStatus::Active } else { self.status };
        (day > self.last_visit).then(|| Self { last_visit: day, own_next_visit: None, status, ..self.clone() })
    }
}

/// Whether a visit so many days ahead is to be reminded of.
#[must_use]
pub fn is_in_window(days: i64) -> bool {
    (0..WINDOW_DAYS).contains(&days)
}
