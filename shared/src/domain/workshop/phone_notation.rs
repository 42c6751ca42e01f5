//! Notations of a phone number: the text around it, and its groups of digits.

use percent_encoding::percent_decode_str;

use crate::domain::values::text::{is_invisible, to_ascii};

/// Longest text in characters: a link with a prepared message.
const LONGEST_TEXT: usize = 500;
/// Longest number in characters, without the link around it.
const LONGEST_NUMBER: usize = 40;
/// Digits from which a part of a text counts as a number of its own.
const DIGITS_OF_A_NUMBER: usize = 8;
/// Longest group that no number begins or ends with. Spreadsheets and lists add such ones.
const STRAY_DIGITS: usize = 2;
/// Digits before the national number.
const PREFIXES: [&str; 6] = ["00620", "0062", "620", "62", "00", "0"];

/// Rejection of a text as a number. The error texts follow the name of a field and do not repeat the number.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidPhone {
    /// No digits, or characters that no number has.
    #[error("is not a phone number")]
    NotANumber,
    /// Longer than 40 characters.
    #[error("is longer than {LONGEST_NUMBER} characters")]
    TooLong,
    /// Name or remark beside the number, or letters instead of digits.
    #[error("has letters in it; give the number alone")]
    Letters,
    /// Scientific notation such as `8.55E+10`: the last digits are lost.
    #[error(
        "was destroyed by a spreadsheet (it is in scientific notation); format the column as text and enter it again"
    )]
    ScientificNotation,
    /// Decimal part such as `.0` or `,00`, whose zeros are not of the number.
    #[error("has a decimal part, which a spreadsheet added; format the column as text and enter the number without it")]
    DecimalPart,
    /// Last group that no number has: one or two digits, or any after a whole number.
    #[error("ends with digits that stand apart and belong to no number; give the number alone")]
    StrayEnd,
    /// First group that no number has: one or two digits other than 0 and 62, or any before a whole number.
    #[error("begins with digits that stand apart and belong to no number; give the number alone")]
    StrayBeginning,
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

/// Digits of a number by their prefix.
pub(super) enum Written {
    /// Digits after a plus, 00 or in a link, or starting with 62.
    International(String),
    /// Digits with the trunk prefix 0.
    National(String),
    /// Digits without either prefix.
    Bare(String),
}

impl Written {
    /// Reads a number in any of the notations that `Phone::parse` describes. No digit is taken that does not belong to
    /// the number.
    pub(super) fn read(text: &str) -> Result<Self, InvalidPhone> {
        if text.chars().nth(LONGEST_TEXT).is_some() {
            return Err(InvalidPhone::TooLong);
        }
        let clean: String = text.chars().filter(|&c| !is_invisible(c)).map(to_ascii).map(decimal_sign).collect();
        let (number, is_link) = unwrapped(&clean)?;
        if number.chars().nth(LONGEST_NUMBER).is_some() {
            return Err(InvalidPhone::TooLong);
        }
        refuse_by_look(&number)?;
        Groups::of(&number).refuse_strays(number.contains('+'))?;
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

/// Maps the decimal and thousands separators of Arabic script to ASCII.
const fn decimal_sign(c: char) -> char {
    match c {
        '\u{66b}' => '.',
        '\u{66c}' => ',',
        c => c,
    }
}

/// The number without what applications put around it; true for an address of WhatsApp, whose numbers have no plus.
fn unwrapped(text: &str) -> Result<(String, bool), InvalidPhone> {
    let text = unquoted(text);
    if let Some(number) = ["@s.whatsapp.net", "@c.us"].iter().find_map(|host| without_suffix(text, host)) {
        return Ok((number.to_owned(), true));
    }
    let address = ["https://", "http://", "whatsapp://"].iter().find_map(|scheme| without_prefix(text, scheme));
    let address = address.unwrap_or(text);
    let address = without_prefix(address, "www.").unwrap_or(address);
    if let Some(path) = without_prefix(address, "wa.me/") {
        return Ok((decoded(path.split(['?', '#']).next().unwrap_or_default())?, true));
    }
    let send = ["api.whatsapp.com/send", "web.whatsapp.com/send", "send"];
    let Some(rest) = send.iter().find_map(|send| without_prefix(address, send)) else {
        let number = ["tel:", "whatsapp:"].iter().find_map(|scheme| without_prefix(text, scheme));
        return Ok((number.unwrap_or(text).trim().to_owned(), false));
    };
    let query = rest.trim_start_matches('/').strip_prefix('?').unwrap_or_default();
    let mut phones = query.split(['&', '#']).filter_map(|pair| without_prefix(pair, "phone="));
    match (phones.next(), phones.next()) {
        (Some(phone), None) => Ok((decoded(phone)?, true)),
        (Some(_), Some(_)) => Err(InvalidPhone::Several),
        (None, _) => Err(InvalidPhone::NotANumber),
    }
}

/// The text without the marks by which a spreadsheet keeps it a text: `'0855…` and `="0855…"`.
fn unquoted(text: &str) -> &str {
    let text = text.trim().trim_start_matches(['\'', '’', '`']).trim();
    let value = text.strip_prefix('=').unwrap_or(text).trim();
    value.strip_prefix('"').and_then(|value| value.strip_suffix('"')).map_or(text, str::trim)
}

fn without_prefix<'a>(text: &'a str, prefix: &str) -> Option<&'a str> {
    let (start, rest) = text.split_at_checked(prefix.len())?;
    start.eq_ignore_ascii_case(prefix).then_some(rest)
}

fn without_suffix<'a>(text: &'a str, suffix: &str) -> Option<&'a str> {
    let (rest, end) = text.split_at_checked(text.len().checked_sub(suffix.len())?)?;
    end.eq_ignore_ascii_case(suffix).then_some(rest)
}

fn decoded(part: &str) -> Result<String, InvalidPhone> {
    let text = percent_decode_str(part).decode_utf8().map_err(|_| InvalidPhone::NotANumber)?;
    Ok(text.trim().to_owned())
}

/// Rejects texts that are visibly no number.
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
    let groups = Groups::of(text);
    if groups.has_decimal_part() {
        return Err(InvalidPhone::DecimalPart);
    }
    let has_thousands = groups.are_thousands();
    if !has_thousands && is_several(text) || groups.digits.iter().filter(|digits| is_whole(digits)).count() > 1 {
        return Err(InvalidPhone::Several);
    }
    let plus_inside = text.trim_start_matches(['(', ' ']).chars().skip(1).any(|c| c == '+');
    let known = text.chars().all(|c| c.is_ascii_digit() || " +-.()/".contains(c) || c == ',' && has_thousands);
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

/// True for the digits of a mobile number with or without its prefix, by their count and beginning.
fn is_whole(digits: &str) -> bool {
    let national = PREFIXES.iter().find_map(|prefix| digits.strip_prefix(prefix)).unwrap_or(digits);
    let Some(rest) = national.strip_prefix('8') else { return false };
    (8..=11).contains(&rest.len()) && !rest.starts_with(['0', '4'])
}

/// Groups of digits, and the signs between them.
struct Groups<'a> {
    digits: Vec<&'a str>,
    between: Vec<&'a str>,
}

impl<'a> Groups<'a> {
    fn of(text: &'a str) -> Self {
        let is_digit = |c: char| c.is_ascii_digit();
        let core = text.trim_matches(|c| !is_digit(c));
        let digits = core.split(|c| !is_digit(c)).filter(|part| !part.is_empty()).collect();
        Self { digits, between: core.split(is_digit).filter(|part| !part.is_empty()).collect() }
    }

    /// True for zeros after a dot or comma at the end. Three and more are a group of the number where the same sign parts
    /// others, too.
    fn has_decimal_part(&self) -> bool {
        let (Some(last), Some((sign, earlier))) = (self.digits.last(), self.between.split_last()) else { return false };
        let is_sign = matches!(sign.trim(), "." | ",");
        let is_only = earlier.iter().all(|other| other.trim() != sign.trim());
        is_sign && last.bytes().all(|byte| byte == b'0') && (last.len() <= STRAY_DIGITS || is_only)
    }

    /// True for a whole number of a spreadsheet, such as `628,551,234,567`.
    fn are_thousands(&self) -> bool {
        let Some((first, others)) = self.digits.split_first() else { return false };
        let sign = self.between.first().copied().filter(|sign| matches!(*sign, "." | ","));
        let is_alike = self.between.iter().all(|other| Some(*other) == sign);
        let is_begun = first.len() <= 3 && !first.starts_with('0');
        is_begun && is_alike && others.len() > 1 && others.iter().all(|group| group.len() == 3)
    }

    /// Rejects a first or last group that belongs to no number.
    fn refuse_strays(&self, has_plus: bool) -> Result<(), InvalidPhone> {
        let ([first, others @ ..], Some(last)) = (self.digits.as_slice(), self.digits.last()) else { return Ok(()) };
        if others.is_empty() {
            return Ok(());
        }
        let is_prefix = PREFIXES.contains(first);
        if self.are_thousands() {
            let is_numbered = first.len() <= STRAY_DIGITS && !is_prefix && is_whole(&others.concat());
            return if is_numbered { Err(InvalidPhone::StrayBeginning) } else { Ok(()) };
        }
        if first.len() <= STRAY_DIGITS && !is_prefix {
            return Err(InvalidPhone::StrayBeginning);
        }
        if last.len() <= STRAY_DIGITS {
            return Err(InvalidPhone::StrayEnd);
        }
        let mut before = String::new();
        for (place, group) in self.digits.iter().enumerate() {
            let is_last = place + 1 == self.digits.len();
            // `0812 812345678` may be one number of thirteen digits; `7 0812345678` is not.
            let may_go_on = group.starts_with('8') && (has_plus || before.starts_with('0'));
            let is_begun = before.is_empty() || PREFIXES.contains(&before.as_str());
            match (is_whole(group), is_begun) {
                (true, true) if !is_last => return Err(InvalidPhone::StrayEnd),
                (true, false) if !may_go_on => return Err(InvalidPhone::StrayBeginning),
                _ => before.push_str(group),
            }
        }
        Ok(())
    }
}
