//! Text of a reminder from the workshop's template.

use crate::domain::values::time::LocalDate;
use crate::domain::workshop::plate::Plate;
use crate::domain::workshop::salutation::Salutation;
use crate::domain::workshop::vehicles::PersonName;

/// Longest template, in characters.
const LONGEST: usize = 1_000;

/// Content of one reminder.
#[derive(Clone, Copy, Debug)]
pub struct Reminder<'a> {
    /// Name of the vehicle's owner.
    pub name: &'a PersonName,
    /// Salutation of the owner, which gives way to one in the name.
    pub salutation: Salutation,
    /// Licence plate of the vehicle.
    pub plate: &'a Plate,
    /// Day of the visit, Asia/Jakarta.
    pub visit: LocalDate,
}

/// Template with `{sapaan}`, `{nama_pelanggan}`, `{no_pol}`, `{next_visit_date}` (as `18-12-2025`) and `{nomor_pelayanan}` in
/// it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wording {
    parts: Vec<Part>,
}

/// Reasons why a template or a service phone is refused.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidWording {
    /// Empty, or blanks only.
    #[error("the text is empty")]
    Empty,
    /// Longer than 1000 characters.
    #[error("the text is longer than {LONGEST} characters")]
    TooLong,
    /// Control characters other than line breaks.
    #[error("the text has a control character other than a line break")]
    ControlCharacter,
    /// An opening or closing brace without its partner.
    #[error("the text has a brace without its partner")]
    UnbalancedBraces,
    /// A placeholder that does not exist.
    #[error(
        "the text has {{{0}}}; known are {{sapaan}}, {{nama_pelanggan}}, {{no_pol}}, {{next_visit_date}} and {{nomor_pelayanan}}"
    )]
    UnknownPlaceholder(String),
    /// Without the vehicle's plate or the day of the visit.
    #[error("the text lacks {{{0}}}")]
    Missing(&'static str),
    /// No phone number that can be dialled.
    #[error("the service phone is 8 to 15 digits, with or without a plus before them")]
    ServicePhone,
}

#[derive(Clone, Debug, PartialEq, Eq)]
enum Part {
    Text(String),
    Salutation,
    Name,
    Plate,
    Visit,
}

const PLATE: &str = "no_pol";
const VISIT: &str = "next_visit_date";

impl Wording {
    /// Parses a template. The service phone is inserted as it is written.
    ///
    /// # Errors
    /// [`InvalidWording`] for the first rule that is broken.
    pub fn new(text: &str, service_phone: &str) -> Result<Self, InvalidWording> {
        if text.trim().is_empty() {
            return Err(InvalidWording::Empty);
        }
        if text.chars().count() > LONGEST {
            return Err(InvalidWording::TooLong);
        }
        if text.chars().any(|c| c.is_control() && c != '\n') {
            return Err(InvalidWording::ControlCharacter);
        }
        let digits = service_phone.strip_prefix('+').unwrap_or(service_phone);
        if !(8..=15).contains(&digits.len()) || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(InvalidWording::ServicePhone);
        }
        let parts = parts(text, service_phone)?;
        for (part, name) in [(Part::Plate, PLATE), (Part::Visit, VISIT)] {
            if !parts.contains(&part) {
                return Err(InvalidWording::Missing(name));
            }
        }
        Ok(Self { parts })
    }

    /// Returns the message of a reminder. Values are inserted once: braces in a name stay braces.
    #[must_use]
    pub fn text(&self, reminder: &Reminder<'_>) -> String {
        let visit = reminder.visit.to_day_month_year();
        let mut message = String::new();
        let mut is_left_out = false;
        for part in &self.parts {
            let value = match part {
                Part::Text(text) => text.as_str(),
                Part::Salutation => reminder.salutation.before(reminder.name.as_str()).unwrap_or_default(),
                Part::Name => reminder.name.as_str(),
                Part::Plate => reminder.plate.as_str(),
                Part::Visit => visit.as_str(),
            };
            let shown = if is_left_out { after_gap(&mut message, value) } else { value };
            message.push_str(shown);
            is_left_out = *part == Part::Salutation && value.is_empty();
        }
        message
    }
}

/// Closes the gap that a left out salutation leaves before `rest`: one blank stays of two, and none before a sign or line end.
fn after_gap<'a>(message: &mut String, rest: &'a str) -> &'a str {
    let is_open = message.is_empty() || message.ends_with([' ', '\n', '(', '"']);
    let rest = if is_open { rest.trim_start_matches(' ') } else { rest };
    if rest.starts_with(['\n', ',', '.', ';', ':', '!', '?']) {
        message.truncate(message.trim_end_matches(' ').len());
    }
    rest
}

fn parts(text: &str, service_phone: &str) -> Result<Vec<Part>, InvalidWording> {
    let plain = |text: &str| {
        if text.contains('}') { Err(InvalidWording::UnbalancedBraces) } else { Ok(Part::Text(text.to_owned())) }
    };
    let mut pieces = text.split('{');
    let mut parts = vec![plain(pieces.next().unwrap_or_default())?];
    for piece in pieces {
        let (name, rest) = piece.split_once('}').ok_or(InvalidWording::UnbalancedBraces)?;
        parts.push(match name {
            "sapaan" => Part::Salutation,
            "nama_pelanggan" => Part::Name,
            PLATE => Part::Plate,
            VISIT => Part::Visit,
            "nomor_pelayanan" => Part::Text(service_phone.to_owned()),
            unknown => return Err(InvalidWording::UnknownPlaceholder(unknown.chars().take(40).collect())),
        });
        parts.push(plain(rest)?);
    }
    Ok(parts)
}
