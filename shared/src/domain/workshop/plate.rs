//! Number plates in normalised form, the identity of a vehicle.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::values::text::{to_ascii, visible};

/// Longest text in characters, with all its signs.
const LONGEST_TEXT: usize = 40;
/// Longest stored plate in characters.
const LONGEST: usize = 16;
/// Letters of diplomatic plates: corps diplomatique and consulaire.
const DIPLOMATIC: [&str; 2] = ["CD", "CC"];

/// An Indonesian number plate in capitals: civil `B 1234 ABC`, diplomatic `CD 12 345`, of army or police `8102-00`. Never
/// logged.
///
/// Input is read by [`Plate::parse`]; `TryFrom<String>` and `Deserialize` accept the stored form only.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Plate(String);

/// Rejection of a text as a plate.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPlate {
    /// Text of no known form.
    #[error("a plate is like AB 123 CD, CD 12 345 or 8102-00")]
    Form,
    /// Plate with further words or digits beside it.
    #[error("a plate stands alone; remove the words or digits beside it")]
    Remark,
    /// Diplomatic plate with one group of digits: `CD 12345` may be `CD 12 345` or `CD 123 45`.
    #[error("a CD or CC plate has two groups of digits; write a blank between them, as in CD 12 345")]
    OneGroup,
    /// Text other than the stored form.
    #[error("a stored plate is 2 to 16 capitals, digits, blanks and hyphens")]
    NotStored,
}

/// Letters or digits of a plate, and the sign before them.
#[derive(Clone, Copy)]
struct Group<'a> {
    text: &'a str,
    /// True for a group that a sign parts from the one before, which is no dot: a spreadsheet's decimal part follows one.
    is_parted: bool,
}

impl Plate {
    /// Reads a plate by its form. Letter case and separators do not matter: `b-1234-abc`, `B1234ABC` and `B_1234/ABC` are
    /// `B 1234 ABC`. Full-width characters, typographic dashes and blanks are read, too.
    ///
    /// # Errors
    /// [`InvalidPlate`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidPlate> {
        let plain: String = visible(text).chars().map(to_ascii).take(LONGEST_TEXT + 1).collect();
        let is_known = plain.chars().all(|c| c.is_ascii_alphanumeric() || " .-_/".contains(c));
        if !is_known || plain.chars().count() > LONGEST_TEXT {
            return Err(InvalidPlate::Form);
        }
        let capitals = plain.to_ascii_uppercase();
        let groups = groups(&capitals);
        if let Some(plate) = of_form(&groups) {
            return Ok(Self(plate));
        }
        if let [letters, digits] = groups.as_slice()
            && DIPLOMATIC.contains(&letters.text)
            && is_number(digits.text, 7)
        {
            return Err(InvalidPlate::OneGroup);
        }
        Err(if has_plate(&groups) { InvalidPlate::Remark } else { InvalidPlate::Form })
    }

    /// The plate in normalised form.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// Runs of letters and runs of digits.
fn groups(text: &str) -> Vec<Group<'_>> {
    let mut groups = Vec::new();
    let mut rest = text;
    while let Some(start) = rest.find(|c: char| c.is_ascii_alphanumeric()) {
        let (sign, from) = rest.split_at(start);
        let is_digit = from.starts_with(|c: char| c.is_ascii_digit());
        let ends = |c: char| !c.is_ascii_alphanumeric() || c.is_ascii_digit() != is_digit;
        let (text, after) = from.split_at(from.find(ends).unwrap_or(from.len()));
        groups.push(Group { text, is_parted: !sign.is_empty() && !sign.contains('.') });
        rest = after;
    }
    groups
}

/// The plate in normalised form, if the groups are one of a known form.
fn of_form(groups: &[Group<'_>]) -> Option<String> {
    match groups {
        [letters, embassy, number] if DIPLOMATIC.contains(&letters.text) => {
            let is_one = is_number(embassy.text, 3) && is_number(number.text, 4);
            is_one.then(|| format!("{} {} {}", letters.text, embassy.text, number.text))
        }
        [area, number] if is_letters(area.text, 2) => {
            let is_civil = is_number(number.text, 4) && !DIPLOMATIC.contains(&area.text);
            is_civil.then(|| format!("{} {}", area.text, number.text))
        }
        [area, number, series] => {
            let is_civil = is_letters(area.text, 2) && is_number(number.text, 4) && is_letters(series.text, 3);
            is_civil.then(|| format!("{} {} {}", area.text, number.text, series.text))
        }
        [number, unit] if is_number(number.text, 5) => {
            let is_unit = is_roman(unit.text) || unit.is_parted && unit.text.len() == 2 && is_number(unit.text, 2);
            is_unit.then(|| format!("{}-{}", number.text, unit.text))
        }
        _ => None,
    }
}

/// True for a plate at the beginning or end of the groups.
fn has_plate(groups: &[Group<'_>]) -> bool {
    let parts = (1..groups.len()).filter_map(|at| groups.split_at_checked(at));
    parts.into_iter().any(|(before, after)| of_form(before).is_some() || of_form(after).is_some())
}

fn is_letters(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_uppercase())
}

fn is_number(text: &str, most: usize) -> bool {
    (1..=most).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// Roman numeral of a command, as in `12345-III`.
fn is_roman(text: &str) -> bool {
    (1..=5).contains(&text.len()) && text.bytes().all(|byte| b"IVX".contains(&byte))
}

/// Capitals, digits, blanks and hyphens, with a capital or digit at both ends. Wider than the forms, so that no stored plate
/// is lost when they change.
fn is_stored(text: &str) -> bool {
    let is_sign = |byte: u8| byte.is_ascii_uppercase() || byte.is_ascii_digit();
    (2..=LONGEST).contains(&text.len())
        && text.bytes().all(|byte| is_sign(byte) || b" -".contains(&byte))
        && !text.starts_with([' ', '-'])
        && !text.ends_with([' ', '-'])
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
        if is_stored(&text) { Ok(Self(text)) } else { Err(InvalidPlate::NotStored) }
    }
}
