//! Mobile numbers in Indonesia that WhatsApp can reach.

use std::fmt;

use phonenumber::metadata::DATABASE;
use phonenumber::{PhoneNumber, Type, country};
use serde::{Deserialize, Serialize};

use crate::domain::values::text::is_invisible;

const LONGEST_INPUT: usize = 40;
/// Country calling code of Indonesia.
const COUNTRY: u16 = 62;
/// Digits from which a part of a text counts as a number of its own.
const DIGITS_OF_A_NUMBER: usize = 8;

/// An Indonesian mobile number in international form without a plus: `628551234567`. Never logged.
///
/// Input is read by [`Phone::parse`]; `TryFrom<String>` and `Deserialize` accept the stored form only and skip the
/// library.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

/// Rejection of a text as a number. The error texts follow the name of a field and do not repeat the number.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPhone {
    /// No digits, or characters that no number has.
    #[error("is not a phone number")]
    NotANumber,
    /// Longer than 40 characters.
    #[error("is longer than {LONGEST_INPUT} characters")]
    TooLong,
    /// Name or remark beside the number, or letters instead of digits.
    #[error("has letters in it; give the number alone")]
    Letters,
    /// Scientific notation such as `8.55E+10`: the last digits are lost.
    #[error(
        "was destroyed by a spreadsheet (it is in scientific notation); format the column as text and enter it again"
    )]
    ScientificNotation,
    /// Two numbers in one field.
    #[error("is more than one number; give one")]
    Several,
    /// Prefix of another country after a plus, 00 or `wa.me/`.
    #[error("is another country's number; only Indonesian ones (+62) are reminded")]
    OtherCountry,
    /// Number without 0 and plus that is a mobile number both in Indonesia and in the country of its first digits.
    #[error("may be another country's number; write it with 0 or +62 before it if it is Indonesian")]
    Ambiguous,
    /// Length or prefix not in use.
    #[error("is not a valid Indonesian number; a mobile number is 08 and 8 to 11 more digits")]
    NotValid,
    /// Fixed line, premium, toll-free or company number.
    #[error("is not a mobile number")]
    NotMobile,
    /// Text other than the stored form.
    #[error("is not stored as 628 and 8 to 11 more digits")]
    NotStored,
}

impl Phone {
    /// Reads a number as people write it: `0855-1234-567`, `+62 (0)855 1234567`, `00628551234567` (00 for the plus, as
    /// dialled in other countries), with `tel:` or `wa.me/` before it, in full-width digits, and `8551234567`, whose 0
    /// a spreadsheet removed. The last form is rejected if it is a mobile number of the country of its first digits:
    /// `886912345678` is one in Taiwan.
    ///
    /// Blanks, hyphens, dots, slashes and parentheses may occur anywhere between the digits and are removed before the
    /// library sees them: it rejects a hyphen or dot in the first group after a plus (`+62812-345678`).
    ///
    /// Valid numbers are defined by libphonenumber's metadata. The first call loads it: about 45 ms and 9 MB in a
    /// release build on a whole core (seven times as long at 256 MB of Lambda); every later call takes two
    /// microseconds.
    ///
    /// # Errors
    /// [`InvalidPhone`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidPhone> {
        if text.chars().nth(LONGEST_INPUT).is_some() {
            return Err(InvalidPhone::TooLong);
        }
        let clean: String = text.chars().filter(|&c| !is_invisible(c)).map(narrow).collect();
        let number = clean.trim().trim_start_matches(['\'', '’', '`']).trim();
        match Written::read(number)? {
            Written::International(digits) => international(&digits),
            Written::National(digits) => mobile(&look_up(&digits)?),
            Written::Bare(digits) => bare(&digits),
        }
    }

    /// International form without a plus, as WhatsApp's providers expect it.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// National form for dialling: `08551234567`.
    #[must_use]
    pub fn national(&self) -> String {
        format!("0{}", self.0.strip_prefix("62").unwrap_or(&self.0))
    }
}

/// Digits of a number by their prefix.
enum Written {
    /// Digits after a plus, 00 or `wa.me/`, or starting with 62.
    International(String),
    /// Digits with the trunk prefix 0.
    National(String),
    /// Digits without either prefix.
    Bare(String),
}

impl Written {
    fn read(text: &str) -> Result<Self, InvalidPhone> {
        let (number, is_link) = without_scheme(text);
        refuse_by_look(number)?;
        let digits: String = number.chars().filter(char::is_ascii_digit).collect();
        if number.contains('+') {
            return Ok(Self::International(digits));
        }
        if let Some(rest) = digits.strip_prefix("00") {
            return Ok(Self::International(rest.to_owned()));
        }
        if digits.starts_with('0') {
            return Ok(Self::National(digits));
        }
        let is_international = is_link || digits.starts_with("62");
        Ok(if is_international { Self::International(digits) } else { Self::Bare(digits) })
    }
}

/// Maps full-width characters and typographic dashes and blanks to ASCII.
fn narrow(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' => '-',
        c if c.is_whitespace() => ' ',
        c => c,
    }
}

/// The number without `tel:` or `wa.me/`; true for the latter, whose numbers have no plus.
fn without_scheme(text: &str) -> (&str, bool) {
    let lower = text.to_ascii_lowercase();
    for (scheme, is_link) in [("tel:", false), ("https://wa.me/", true), ("http://wa.me/", true), ("wa.me/", true)] {
        if lower.starts_with(scheme) {
            return (text.get(scheme.len()..).unwrap_or_default().trim(), is_link);
        }
    }
    (text, false)
}

/// Rejects texts that are visibly no number, without the library.
fn refuse_by_look(text: &str) -> Result<(), InvalidPhone> {
    if !text.contains(|c: char| c.is_ascii_digit()) {
        return Err(InvalidPhone::NotANumber);
    }
    if is_scientific(text) {
        return Err(InvalidPhone::ScientificNotation);
    }
    if text.contains(char::is_alphabetic) {
        return Err(InvalidPhone::Letters);
    }
    if is_several(text) {
        return Err(InvalidPhone::Several);
    }
    let plus_inside = text.trim_start_matches(['(', ' ']).chars().skip(1).any(|c| c == '+');
    let known = text.chars().all(|c| c.is_ascii_digit() || " +-.()/".contains(c));
    if plus_inside || !known { Err(InvalidPhone::NotANumber) } else { Ok(()) }
}

fn is_scientific(text: &str) -> bool {
    let Some((number, exponent)) = text.split_once(['e', 'E']) else { return false };
    let exponent = exponent.strip_prefix(['+', '-']).unwrap_or(exponent);
    let is_exponent = !exponent.is_empty() && exponent.bytes().all(|byte| byte.is_ascii_digit());
    is_exponent
        && number.starts_with(|c: char| c.is_ascii_digit())
        && number.bytes().all(|byte| b"0123456789.,".contains(&byte))
}

/// True for two numbers, or one and the last digits of another (`0812345678/79`). `0855/1234567` is one.
fn is_several(text: &str) -> bool {
    let lengths = |separators: &[char]| -> Vec<usize> {
        let parts = text.split(separators).map(|part| part.chars().filter(char::is_ascii_digit).count());
        parts.filter(|digits| *digits > 0).collect()
    };
    let whole = |digits: &usize| *digits >= DIGITS_OF_A_NUMBER;
    let listed = lengths(&['/', ',', ';', '&', '|']);
    listed.len() > 1 && listed.first().is_some_and(whole)
        || listed.into_iter().filter(whole).count() > 1
        || lengths(&[' ']).into_iter().filter(whole).count() > 1
}

/// Digits, after a plus or not, as libphonenumber reads them; Indonesia is the default country.
fn look_up(number: &str) -> Result<PhoneNumber, InvalidPhone> {
    phonenumber::parse(Some(country::ID), number).map_err(|_| InvalidPhone::NotValid)
}

fn kind(number: &PhoneNumber) -> Result<Type, InvalidPhone> {
    let kind = number.number_type(&DATABASE);
    if kind == Type::Unknown { Err(InvalidPhone::NotValid) } else { Ok(kind) }
}

fn mobile(number: &PhoneNumber) -> Result<Phone, InvalidPhone> {
    if number.code().value() != COUNTRY {
        return Err(InvalidPhone::OtherCountry);
    }
    if kind(number)? != Type::Mobile {
        return Err(InvalidPhone::NotMobile);
    }
    Phone::try_from(format!("{COUNTRY}{}", number.national())).map_err(|_| InvalidPhone::NotValid)
}

/// Digits that start with a country code.
fn international(digits: &str) -> Result<Phone, InvalidPhone> {
    // The library takes 008 after a plus for a dialled prefix, and drops two zeros after the country code.
    if digits.starts_with('0') || digits.starts_with("6200") {
        return Err(InvalidPhone::NotValid);
    }
    mobile(&look_up(&format!("+{digits}"))?)
}

/// Digits that start with neither 0 nor 62: Indonesian without 0, or another country's without a plus.
fn bare(digits: &str) -> Result<Phone, InvalidPhone> {
    let foreign = look_up(&format!("+{digits}")).and_then(|number| kind(&number));
    let is_mobile_abroad = matches!(foreign, Ok(Type::Mobile | Type::FixedLineOrMobile));
    match (look_up(digits).and_then(|number| mobile(&number)), is_mobile_abroad) {
        (Ok(_), true) => Err(InvalidPhone::Ambiguous),
        (Err(_), true) => Err(InvalidPhone::OtherCountry),
        (here, false) => here,
    }
}

/// `62`, `8`, one of 1 to 3 and 5 to 9, and 7 to 10 digits: the mobile numbers of libphonenumber's metadata.
fn is_stored(text: &str) -> bool {
    let Some(rest) = text.strip_prefix("628") else { return false };
    (8..=11).contains(&rest.len()) && rest.bytes().all(|byte| byte.is_ascii_digit()) && !rest.starts_with(['0', '4'])
}

impl fmt::Debug for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("Phone(***)")
    }
}

impl fmt::Display for Phone {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(&self.0)
    }
}

impl From<Phone> for String {
    fn from(phone: Phone) -> Self {
        phone.0
    }
}

impl TryFrom<String> for Phone {
    type Error = InvalidPhone;
    fn try_from(text: String) -> Result<Self, InvalidPhone> {
        if is_stored(&text) { Ok(Self(text)) } else { Err(InvalidPhone::NotStored) }
    }
}
