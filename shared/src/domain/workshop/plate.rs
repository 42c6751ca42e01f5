//! Number plates in normalised form, the identity of a vehicle.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::values::text::is_invisible;

const LONGEST: usize = 12;

/// A number plate in capitals, with one blank between letters and digits: `B 1234 ABC`. Never logged.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Plate(String);

/// Rejection of a text as a plate.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error(
    "a plate is 2 to 12 letters and digits, with both among them, and nothing but blanks, dots and hyphens between"
)]
pub struct InvalidPlate;

impl Plate {
    /// Reads a plate. Letter case and separators do not matter: `b-1234-abc` and `B1234ABC` are `B 1234 ABC`. Two
    /// groups of digits become one, as on diplomatic plates (`CD 12 34` is `CD 1234`).
    ///
    /// # Errors
    /// [`InvalidPlate`] for any other text.
    pub fn parse(text: &str) -> Result<Self, InvalidPlate> {
        let is_between = |c: char| matches!(c, ' ' | '\u{a0}' | '.' | '-');
        if !text.chars().all(|c| c.is_ascii_alphanumeric() || is_between(c) || is_invisible(c)) {
            return Err(InvalidPlate);
        }
        let signs: String = text.chars().filter(char::is_ascii_alphanumeric).collect::<String>().to_ascii_uppercase();
        let both = signs.contains(|c: char| c.is_ascii_digit()) && signs.contains(|c: char| c.is_ascii_alphabetic());
        if both && signs.len() <= LONGEST { Ok(Self(parted(&signs))) } else { Err(InvalidPlate) }
    }

    /// The plate in normalised form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Inserts a blank between letters and digits.
fn parted(signs: &str) -> String {
    let mut plate = String::new();
    for sign in signs.chars() {
        if plate.ends_with(|last: char| last.is_ascii_digit() != sign.is_ascii_digit()) {
            plate.push(' ');
        }
        plate.push(sign);
    }
    plate
}

impl fmt::Debug for Plate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Plate(***)")
    }
}

impl fmt::Display for Plate {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Plate> for String {
    fn from(plate: Plate) -> Self {
        plate.0
    }
}

impl TryFrom<String> for Plate {
    type Error = InvalidPlate;
    fn try_from(text: String) -> Result<Self, InvalidPlate> {
        Self::parse(&text)
    }
}
