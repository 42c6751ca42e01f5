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

/// A vehicle and its visit in a message about several.
#[derive(Clone, Copy, Debug)]
pub struct VehicleVisit<'a> {
    /// Licence plate of the vehicle.
    pub plate: &'a Plate,
    /// Day of the visit, Asia/Jakarta.
    pub visit: LocalDate,
}

/// Content of one message about several vehicles of one owner.
#[derive(Clone, Debug)]
pub struct GroupReminder<'a> {
    /// Name of the owner.
    pub name: &'a PersonName,
    /// Salutation of the owner, which gives way to one in the name.
    pub salutation: Salutation,
    /// The vehicles, by the day of their visits.
    pub vehicles: Vec<VehicleVisit<'a>>,
}

/// Template with `{sapaan}`, `{nama_pelanggan}`, `{kendaraan}` (a line for each vehicle) and `{nomor_pelayanan}` in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GroupWording(Wording);

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
    #[error("the text has {{{name}}}; known are {known}")]
    UnknownPlaceholder {
        /// Its name, shortened.
        name: String,
        /// The placeholders of such a text.
        known: &'static str,
    },
    /// Without the vehicle's plate or the day of the visit, or without the vehicles.
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
    Vehicles,
}

/// Values of the placeholders of one message.
struct Values<'a> {
    salutation: &'a str,
    name: &'a str,
    plate: &'a str,
    visit: String,
    vehicles: String,
}

const PLATE: &str = "no_pol";
const VISIT: &str = "next_visit_date";
const VEHICLES: &str = "kendaraan";
/// Placeholders of a text about one vehicle.
const OF_ONE: &str = "{sapaan}, {nama_pelanggan}, {no_pol}, {next_visit_date} and {nomor_pelayanan}";
/// Placeholders of a text about several vehicles.
const OF_GROUP: &str = "{sapaan}, {nama_pelanggan}, {kendaraan} and {nomor_pelayanan}";

/// Kind of a text, which decides about its placeholders.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Scope {
    One,
    Group,
}

impl Wording {
    /// Parses a template. The service phone is inserted as it is written.
    ///
    /// # Errors
    /// [`InvalidWording`] for the first rule that is broken.
    pub fn new(text: &str, service_phone: &str) -> Result<Self, InvalidWording> {
        let parts = checked_parts(text, service_phone, Scope::One)?;
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
        let name = reminder.name.as_str();
        self.filled(&Values {
            salutation: reminder.salutation.before(name).unwrap_or_default(),
            name,
            plate: reminder.plate.as_str(),
            visit: reminder.visit.to_day_month_year(),
            vehicles: String::new(),
        })
    }

    fn filled(&self, values: &Values<'_>) -> String {
        let mut message = String::new();
        let mut is_left_out = false;
        for part in &self.parts {
            let value = match part {
                Part::Text(text) => text.as_str(),
                Part::Salutation => values.salutation,
                Part::Name => values.name,
                Part::Plate => values.plate,
                Part::Visit => values.visit.as_str(),
                Part::Vehicles => values.vehicles.as_str(),
            };
            let shown = if is_left_out { after_gap(&mut message, value) } else { value };
            message.push_str(shown);
            is_left_out = *part == Part::Salutation && value.is_empty();
        }
        message
    }
}

impl GroupWording {
    /// Parses a template. The service phone is inserted as it is written.
    ///
    /// # Errors
    /// [`InvalidWording`] for the first rule that is broken.
    pub fn new(text: &str, service_phone: &str) -> Result<Self, InvalidWording> {
        let parts = checked_parts(text, service_phone, Scope::Group)?;
        if !parts.contains(&Part::Vehicles) {
            return Err(InvalidWording::Missing(VEHICLES));
        }
        Ok(Self(Wording { parts }))
    }

    /// Returns the message about several vehicles, each in a line of its own: `- B 1234 ABC: 18-12-2025`.
    #[must_use]
    pub fn text(&self, group: &GroupReminder<'_>) -> String {
        let name = group.name.as_str();
        let lines = group.vehicles.iter().map(|vehicle| format!("- {}", vehicle.shown()));
        self.0.filled(&Values {
            salutation: group.salutation.before(name).unwrap_or_default(),
            name,
            plate: "",
            visit: String::new(),
            vehicles: lines.collect::<Vec<_>>().join("\n"),
        })
    }
}

impl VehicleVisit<'_> {
    /// Plate and day: `B 1234 ABC: 18-12-2025`.
    #[must_use]
    pub fn shown(&self) -> String {
        format!("{}: {}", self.plate, self.visit.to_day_month_year())
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

fn checked_parts(text: &str, service_phone: &str, scope: Scope) -> Result<Vec<Part>, InvalidWording> {
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
    parts(text, service_phone, scope)
}

fn parts(text: &str, service_phone: &str, scope: Scope) -> Result<Vec<Part>, InvalidWording> {
    let plain = |text: &str| {
        if text.contains('}') { Err(InvalidWording::UnbalancedBraces) } else { Ok(Part::Text(text.to_owned())) }
    };
    let mut pieces = text.split('{');
    let mut parts = vec![plain(pieces.next().unwrap_or_default())?];
    for piece in pieces {
        let (name, rest) = piece.split_once('}').ok_or(InvalidWording::UnbalancedBraces)?;
        parts.push(match (name, scope) {
            ("sapaan", _) => Part::Salutation,
            ("nama_pelanggan", _) => Part::Name,
            ("nomor_pelayanan", _) => Part::Text(service_phone.to_owned()),
            (PLATE, Scope::One) => Part::Plate,
            (VISIT, Scope::One) => Part::Visit,
            (VEHICLES, Scope::Group) => Part::Vehicles,
            (unknown, scope) => {
                let known = if scope == Scope::One { OF_ONE } else { OF_GROUP };
                return Err(InvalidWording::UnknownPlaceholder { name: unknown.chars().take(40).collect(), known });
            }
        });
        parts.push(plain(rest)?);
    }
    Ok(parts)
}
