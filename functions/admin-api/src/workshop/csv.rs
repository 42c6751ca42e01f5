//! Lists of customers and vehicles as spreadsheets write them: comma-separated, UTF-8.

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

/// The header of a list.
pub(crate) const COLUMNS: [&str; 7] =
    ["customer_id", "name", "phone", "email", "plate", "last_visit_date", "next_visit_date"];
/// Rows that one list may have.
const MOST_ROWS: usize = 5_000;
/// Names of unknown columns that a refusal repeats, and characters of each.
const MOST_NAMES: usize = 10;
const LONGEST_NAME: usize = 40;
/// What makes a spreadsheet take a cell for a formula.
const FORMULA: [char; 6] = ['=', '+', '-', '@', '\t', '\r'];

/// A list that was read: rows and the lines they begin at, and those that are refused whatever is known.
#[derive(Default)]
pub(crate) struct List {
    pub(crate) rows: Vec<(u64, Row)>,
    pub(crate) refused: Vec<Refusal>,
}

/// A row that is not stored.
pub(crate) struct Refusal {
    /// The line that it begins at; the header's is 1.
    pub(crate) line: u64,
    /// The column that is the matter; `row` where it is the number of columns.
    pub(crate) field: &'static str,
    /// Why, without what the column holds.
    pub(crate) reason: String,
}

type Fault = (&'static str, String);

/// Lines counted as an editor does, on and on through the text.
struct Lines<'a> {
    rest: &'a str,
    passed: usize,
    line: u64,
}

/// What the rows so far said, by the line that said it.
#[derive(Default)]
struct Said {
    customers: BTreeMap<CustomerId, (u64, RowCustomer)>,
    plates: BTreeMap<Plate, u64>,
}

/// Reads a list; refused as a whole where it is none of ours.
pub(crate) fn read(bytes: &[u8], now: Timestamp) -> Result<List, Failure> {
    let text = std::str::from_utf8(bytes).map_err(|error| {
        let before = bytes.get(..error.valid_up_to()).unwrap_or_default();
        let line = before.iter().filter(|byte| **byte == b'\n').count() + 1;
        Failure::invalid("body", format!("is not UTF-8 in line {line}: save it as CSV UTF-8"))
    })?;
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut reader = csv::ReaderBuilder::new().has_headers(false).flexible(true).from_reader(text.as_bytes());
    let unreadable = |_| Failure::invalid("body", "cannot be read as CSV");
    let mut record = StringRecord::new();
    if !reader.read_record(&mut record).map_err(unreadable)? {
        return Err(Failure::invalid("body", format!("is empty: its first line is {}", COLUMNS.join(","))));
    }
    let places = places(&record)?;
    let (mut list, mut said, mut lines) = (List::default(), Said::default(), Lines { rest: text, passed: 0, line: 1 });
    while reader.read_record(&mut record).map_err(unreadable)? {
        let line = lines.at(record.position().map_or(0, Position::byte));
        if list.rows.len() + list.refused.len() == MOST_ROWS {
            return Err(Failure::invalid("body", "has more than 5000 rows: import it in parts"));
        }
        match row(&record, &places, now).and_then(|row| said.first(row, line)) {
            Ok(row) => list.rows.push((line, row)),
            Err((field, reason)) => list.refused.push(Refusal { line, field, reason }),
        }
    }
    Ok(list)
}

/// A cell as a spreadsheet shows it, and not as a formula. Apostrophes are added before those that look added, so that
/// [`plain`] takes away no other.
pub(crate) fn neutral(cell: &str) -> String {
    if cell.trim_start_matches('\'').starts_with(FORMULA) { format!("'{cell}") } else { cell.to_owned() }
}

/// A cell as it was before [`neutral`].
fn plain(cell: &str) -> &str {
    let cell = cell.trim();
    cell.strip_prefix('\'').filter(|rest| rest.trim_start_matches('\'').starts_with(FORMULA)).unwrap_or(cell)
}

/// Where each column is.
fn places(header: &StringRecord) -> Result<Vec<usize>, Failure> {
    let count = |name: &str| header.iter().filter(|column| *column == name).count();
    let missing: Vec<&str> = COLUMNS.into_iter().filter(|name| count(name) == 0).collect();
    let twice: Vec<&str> = COLUMNS.into_iter().filter(|name| count(name) > 1).collect();
    let unknown = header.iter().filter(|column| !COLUMNS.contains(column)).take(MOST_NAMES);
    let unknown: Vec<String> = unknown.map(|name| name.chars().take(LONGEST_NAME).collect()).collect();
    let faults = [("lacks", missing.join(", ")), ("has twice", twice.join(", ")), ("has unknown", unknown.join(", "))];
    let faults: Vec<String> = faults
        .into_iter()
        .zip([!missing.is_empty(), !twice.is_empty(), !unknown.is_empty()])
        .filter_map(|((what, names), is_so)| is_so.then(|| format!("{what}: {names}")))
        .collect();
    if !faults.is_empty() {
        let message = format!("{}; its columns are {}", faults.join("; "), COLUMNS.join(","));
        return Err(Failure::invalid("header", message));
    }
    Ok(COLUMNS.into_iter().filter_map(|name| header.iter().position(|column| column == name)).collect())
}

fn row(record: &StringRecord, places: &[usize], now: Timestamp) -> Result<Row, Fault> {
    if record.len() != COLUMNS.len() {
        let open = record.iter().any(|cell| cell.contains('\n'));
        let hint = if open { "; a quote may be left open" } else { "" };
        return Err(("row", format!("has {} columns, not {}{hint}", record.len(), COLUMNS.len())));
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

impl Said {
    /// The row, if no earlier one says something else of its customer, or anything of its vehicle.
    fn first(&mut self, row: Row, line: u64) -> Result<Row, Fault> {
        let customer = &row.customer;
        if let Some((earlier, known)) = self.customers.get(&customer.id) {
            let differs = [
                ("name", known.name != customer.name),
                ("phone", known.phone != customer.phone),
                ("email", known.email != customer.email),
            ];
            if let Some((field, _)) = differs.into_iter().find(|(_, differs)| *differs) {
                return Err((field, format!("is not the one of the same customer in line {earlier}")));
            }
        }
        let plate = row.vehicle.as_ref().map(|vehicle| &vehicle.plate);
        if let Some(earlier) = plate.and_then(|plate| self.plates.get(plate)) {
            return Err(("plate", format!("is in line {earlier} already")));
        }
        self.plates.extend(plate.map(|plate| (plate.clone(), line)));
        self.customers.entry(customer.id.clone()).or_insert_with(|| (line, customer.clone()));
        Ok(row)
    }
}

impl Lines<'_> {
    /// The line of the row that is found from `byte` on, past the ends of lines before it.
    fn at(&mut self, byte: u64) -> u64 {
        let until = usize::try_from(byte).unwrap_or(usize::MAX).saturating_sub(self.passed);
        let before = self.rest.split_at_checked(until).map_or("", |(before, _)| before).len();
        let after = self.rest.get(before..).unwrap_or_default();
        let to = before + (after.len() - after.trim_start_matches(['\r', '\n']).len());
        let (passed, rest) = self.rest.split_at_checked(to).unwrap_or((self.rest, ""));
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
    fn a_row_is_told_at_the_line_where_an_editor_shows_its_beginning() {
        for end in ["\n", "\r\n", "\r"] {
            assert_eq!(lines(end), [2, 4, 8], "{end:?}");
        }
    }

    #[test]
    fn no_cell_is_a_formula_and_every_cell_comes_back() {
        for cell in ["=1", "+62", "-1", "@x", "'=1", "''-x", "'s", "Budi", "a=b", ""] {
            let shown = neutral(cell);
            assert!(!shown.starts_with(FORMULA), "{cell}");
            assert_eq!(plain(&shown), cell);
        }
        assert_eq!((neutral("=1"), neutral("Budi"), neutral("\tx")), ("'=1".into(), "Budi".into(), "'\tx".into()));
    }
}
