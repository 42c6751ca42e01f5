//! CSV lists of customers and vehicles as spreadsheets write them: comma-separated, UTF-8.

use std::collections::BTreeMap;

use csv::{Position, StringRecord};
use shared::domain::values::ids::{CustomerId, EmailAddress};
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::import::{Row, RowCustomer, RowVehicle};
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::vehicles::PersonName;

use crate::http::dates;
use crate::http::response::Failure;

/// Columns of a list; an import may have them in any order.
pub(crate) const COLUMNS: [&str; 7] =
    ["customer_id", "name", "phone", "email", "plate", "last_visit_date", "next_visit_date"];
/// Most rows of one list.
const MOST_ROWS: usize = 5_000;
/// Most names of unknown columns that an error repeats.
const MOST_NAMES: usize = 10;
/// Most characters that an error repeats of each.
const LONGEST_NAME: usize = 40;
/// First characters by which a spreadsheet takes a cell for a formula (OWASP, CSV Injection).
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// Parsed list: valid rows with their line numbers, and rows refused without reading the table.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) rows: Vec<(u64, Row)>,
    pub(crate) refused: Vec<Refusal>,
}

/// Row that is not stored.
pub(crate) struct Refusal {
    /// First line of the row; the header is line 1.
    pub(crate) line: u64,
    /// Column at fault; `row` for a wrong number of columns.
    pub(crate) field: &'static str,
    /// Reason, without the cell's content: a report of an import must not repeat personal data.
    pub(crate) reason: String,
}

type Fault = (&'static str, String);

/// Line counter that advances through the text. The csv crate counts only the lines of records, not blank ones.
struct Lines<'a> {
    rest: &'a str,
    passed: usize,
    line: u64,
}

/// Customers and plates of the rows so far, with their lines.
#[derive(Default)]
struct Earlier {
    customers: BTreeMap<CustomerId, (u64, RowCustomer)>,
    plates: BTreeMap<Plate, u64>,
}

/// Parses a list. A wrong encoding, header or size refuses the whole list; other errors refuse single rows.
pub(crate) fn read(bytes: &[u8], now: Timestamp) -> Result<List, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::invalid("body", format!("is not UTF-8 in line {line}: save the file as CSV UTF-8"))
    })?;
    // Excel begins a CSV UTF-8 file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    // `flexible`: a row of another length is refused alone and does not end the reading.
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let unreadable = |_| Failure::invalid("body", "cannot be read as CSV");
    let mut record = StringRecord::new();
    if !reader.read_record(&mut record).map_err(unreadable)? {
        return Err(Failure::invalid("body", format!("is empty: the first line must be {}", COLUMNS.join(","))));
    }
    let places = places(&record)?;
    let (mut list, mut earlier, mut lines) =
        (List::default(), Earlier::default(), Lines { rest: text, passed: 0, line: 1 });
    while reader.read_record(&mut record).map_err(unreadable)? {
        let line = lines.at(record.position().map_or(0, Position::byte));
        // Rows are counted while reading: the list is refused before anything is stored.
        if list.rows.len() + list.refused.len() == MOST_ROWS {
            return Err(Failure::invalid("body", "has more than 5000 rows: import it in parts"));
        }
        match row(&record, &places, now).and_then(|row| earlier.check(row, line)) {
            Ok(row) => list.rows.push((line, row)),
            Err((field, reason)) => list.refused.push(Refusal { line, field, reason }),
        }
    }
    Ok(list)
}

/// Escapes a cell that a spreadsheet would take for a formula, with a leading apostrophe. A cell that already looks escaped
/// gets another one, so that [`plain`] restores every cell.
pub(crate) fn neutral(cell: &str) -> String {
    if cell.trim_start_matches('\'').starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

/// Removes blanks around a cell and the apostrophe that [`neutral`] added.
fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('\'').filter(|rest| rest.trim_start_matches('\'').starts_with(FORMULA)).unwrap_or(cell)
}

/// Position of each of [`COLUMNS`] in the header.
fn places(header: &StringRecord) -> Result<Vec<usize>, Failure> {
    let count = |name: &str| header.iter().filter(|column| *column == name).count();
    let missing: Vec<&str> = COLUMNS.into_iter().filter(|name| count(name) == 0).collect();
    let twice: Vec<&str> = COLUMNS.into_iter().filter(|name| count(name) > 1).collect();
    let unknown = header.iter().filter(|column| !COLUMNS.contains(column)).take(MOST_NAMES);
    let unknown: Vec<String> = unknown.map(|name| name.chars().take(LONGEST_NAME).collect()).collect();
    let faults = [
        ("missing columns", missing.join(", ")),
        ("duplicate columns", twice.join(", ")),
        ("unknown columns", unknown.join(", ")),
    ];
    let faults: Vec<String> = faults
        .into_iter()
        .zip([!missing.is_empty(), !twice.is_empty(), !unknown.is_empty()])
        .filter_map(|((fault, names), occurs)| occurs.then(|| format!("{fault}: {names}")))
        .collect();
    if !faults.is_empty() {
        let message = format!("{}; expected columns: {}", faults.join("; "), COLUMNS.join(","));
        return Err(Failure::invalid("header", message));
    }
    Ok(COLUMNS.into_iter().filter_map(|name| header.iter().position(|column| column == name)).collect())
}

fn row(record: &StringRecord, places: &[usize], now: Timestamp) -> Result<Row, Fault> {
    if record.len() != COLUMNS.len() {
        // A cell with a line break has swallowed the following lines: typical of an unclosed quote.
        let open = record.iter().any(|cell| cell.contains('\n'));
        let hint = if open { "; a quote may be unclosed" } else { "" };
        return Err(("row", format!("has {} columns, expected {}{hint}", record.len(), COLUMNS.len())));
    }
    let cell = |name: &'static str| {
        let column = COLUMNS.into_iter().position(|column| column == name);
        let place = column.and_then(|column| places.get(column)).copied();
        plain(place.and_then(|place| record.get(place)).unwrap_or_default())
    };
    let given = |name: &'static str| Some(cell(name)).filter(|cell| !cell.is_empty());
    let needed = |name: &'static str| given(name).ok_or_else(|| (name, "is missing".to_owned()));
    let customer = RowCustomer {
        id: CustomerId::parse(needed("customer_id")?).map_err(|why| ("customer_id", why.to_string()))?,
        name: PersonName::parse(needed("name")?).map_err(|why| ("name", why.to_string()))?,
        phone: Phone::parse(needed("phone")?).map_err(|why| ("phone", why.to_string()))?,
        email: given("email").map(EmailAddress::parse).transpose().map_err(|why| ("email", why.to_string()))?,
    };
    // A row without plate and dates stores only the customer.
    let about_a_vehicle = ["plate", "last_visit_date", "next_visit_date"].into_iter().any(|name| given(name).is_some());
    if !about_a_vehicle {
        return Ok(Row { customer, vehicle: None });
    }
    let plate = Plate::parse(needed("plate")?).map_err(|why| ("plate", why.to_string()))?;
    let last_visit = dates::parse_past(needed("last_visit_date")?, now);
    let last_visit = last_visit.map_err(|why| ("last_visit_date", why.to_owned()))?;
    let next_visit = given("next_visit_date").map(dates::parse).transpose();
    let next_visit = next_visit.map_err(|why| ("next_visit_date", why.to_owned()))?;
    if next_visit.is_some_and(|next| next < last_visit) {
        return Err(("next_visit_date", "is before last_visit_date".to_owned()));
    }
    Ok(Row { customer, vehicle: Some(RowVehicle { plate, last_visit, next_visit }) })
}

impl Earlier {
    /// Refuses a row whose customer differs from an earlier row, or whose plate is in one.
    fn check(&mut self, row: Row, line: u64) -> Result<Row, Fault> {
        let customer = &row.customer;
        if let Some((earlier, known)) = self.customers.get(&customer.id) {
            let differs = [
                ("name", known.name != customer.name),
                ("phone", known.phone != customer.phone),
                ("email", known.email != customer.email),
            ];
            if let Some((field, _)) = differs.into_iter().find(|(_, differs)| *differs) {
                return Err((field, format!("differs from line {earlier} of the same customer")));
            }
        }
        let plate = row.vehicle.as_ref().map(|vehicle| &vehicle.plate);
        if let Some(earlier) = plate.and_then(|plate| self.plates.get(plate)) {
            return Err(("plate", format!("is already in line {earlier}")));
        }
        self.plates.extend(plate.map(|plate| (plate.clone(), line)));
        self.customers.entry(customer.id.clone()).or_insert_with(|| (line, customer.clone()));
        Ok(row)
    }
}

impl Lines<'_> {
    /// Line number of the row that begins at `byte` or after the blank lines there.
    fn at(&mut self, byte: u64) -> u64 {
        let until = usize::try_from(byte).unwrap_or(usize::MAX).saturating_sub(self.passed);
        let before = self.rest.split_at_checked(until).map_or("", |(before, _)| before).len();
        let after = self.rest.get(before..).unwrap_or_default();
        let to = before + (after.len() - after.trim_start_matches(['\r', '\n']).len());
        let (passed, rest) = self.rest.split_at_checked(to).unwrap_or((self.rest, ""));
        // `\r\n` counts once, and so does a `\r` alone, which old spreadsheets write.
        let ends = passed.matches('\n').count() + passed.replace("\r\n", "\n").matches('\r').count();
        self.line += u64::try_from(ends).unwrap_or(0);
        self.passed += to;
        self.rest = rest;
        self.line
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn lines(end: &str) -> Vec<u64> {
        let rows = [&COLUMNS.join(","), "C-1,,,,,,", "", "C-2,\"a", "b\",,,,,", "", "", "C-3,,,,,,"];
        let list = read(rows.join(end).as_bytes(), Timestamp::parse("2025-12-16T00:00:00Z").unwrap()).unwrap();
        list.refused.iter().map(|refusal| refusal.line).collect()
    }

    #[test]
    fn a_row_is_reported_at_the_line_where_an_editor_shows_its_beginning() {
        for end in ["\n", "\r\n", "\r"] {
            assert_eq!(lines(end), [2, 4, 8], "{end:?}");
        }
    }

    #[test]
    fn no_cell_is_a_formula_and_every_cell_is_restored() {
        for cell in ["=1", "+62", "-1", "@x", "'=1", "''-x", "'s", "Budi", "a=b", ""] {
            let shown = neutral(cell);
            assert!(!shown.starts_with(FORMULA), "{cell}");
            assert_eq!(plain(&shown), cell);
        }
        assert_eq!((neutral("=1"), neutral("Budi"), neutral("\tx")), ("'=1".into(), "Budi".into(), "'\tx".into()));
    }
}
