//! Mobile numbers in Indonesia that WhatsApp can reach.

use std::fmt;

use phonenumber::metadata::DATABASE;
use phonenumber::{PhoneNumber, Type, country};
use serde::{Deserialize, Serialize};

pub use crate::domain::workshop::phone_notation::InvalidPhone;
use crate::domain::workshop::phone_notation::Written;

/// Country calling code of Indonesia.
const COUNTRY: u16 = 62;

/// An Indonesian mobile number in international form without a plus: `628551234567`. Never logged.
///
/// Input is read by [`Phone::parse`]; `TryFrom<String>` and `Deserialize` accept the stored form only and skip the
/// library.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct Phone(String);

impl Phone {
    /// Reads a number as people write it: `0855-1234-567`, `+62 (0)855 1234567`, `00628551234567` (00 for the plus, as
    /// dialled in other countries), in the decimal digits of any script, and `8551234567`, whose 0 a spreadsheet removed.
    /// The last form is rejected if it is a mobile number of the country of its first digits: `886912345678` is one in
    /// Taiwan. Around the number may stand `tel:`, an address of WhatsApp (`wa.me/628551234567?text=…`,
    /// `api.whatsapp.com/send?phone=…`, `…@s.whatsapp.net`, `…@c.us`) and a spreadsheet's marks of a text (`'0855…`,
    /// `="0855…"`).
    ///
    /// Blanks, hyphens, dots, slashes and parentheses may part groups of digits, as dots and commas part the thousands of
    /// a whole number (`628,551,234,567`). They are removed before the library sees the number, because it rejects a
    /// hyphen or dot in the first group after a plus (`+62812-345678`). A group that belongs to no number refuses the
    /// text: the decimal part of `628551234567.0`, and one or two digits at the beginning or end.
    ///
    /// Valid numbers are defined by libphonenumber's metadata. The first call loads it: about 45 ms and 9 MB in a
    /// release build on a whole core (seven times as long at 256 MB of Lambda); every later call takes two
    /// microseconds.
    ///
    /// # Errors
    /// [`InvalidPhone`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidPhone> {
        match Written::read(text)? {
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
