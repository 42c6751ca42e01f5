//! Rows of a list, read from the cells of its table.

use shared::domain::values::ids::{CustomerId, EmailAddress};
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::import::RowVehicle;
use shared::domain::workshop::phone::Phone;
use shared::domain::workshop::plate::Plate;
use shared::domain::workshop::salutation::Salutation;
use shared::domain::workshop::vehicles::PersonName;
use shared::domain::workshop::visit_interval::VisitInterval;

use crate::http::dates::Day;
use crate::workshop::import::cells::{is_nothing, plain};
use crate::workshop::import::columns::{Column, says_date};
use crate::workshop::import::dates;
use crate::workshop::import::dates::{CellRules, DateOrder};
use crate::workshop::import::file::ImportedTable;
use crate::workshop::import::header::Header;
use crate::workshop::import::reasons;
use crate::workshop::import::reasons::Reason;
use crate::workshop::import::table::Line;

/// Rows of a list that can be stored, and what cannot.
#[derive(Default)]
pub(crate) struct ParsedList {
    pub(crate) rows: Vec<ParsedRow>,
    pub(crate) refused: Vec<Note>,
    /// Cells that are not stored, while their rows are.
    pub(crate) lost: Vec<Note>,
}

/// Readable row of a list.
pub(crate) struct ParsedRow {
    pub(crate) line: u64,
    /// None where the list has no id for the customer.
    pub(crate) id: Option<CustomerId>,
    pub(crate) name: PersonName,
    pub(crate) phone: Phone,
    pub(crate) email: Option<EmailAddress>,
    pub(crate) salutation: Option<Salutation>,
    pub(crate) vehicle: Option<RowVehicle>,
}

/// Remark on a row.
#[derive(Clone, Debug)]
pub(crate) struct Note {
    /// Line at which the row begins.
    pub(crate) line: u64,
    /// Column, or `row`.
    pub(crate) field: &'static str,
    pub(crate) reason: Reason,
}

/// How dates are read.
#[derive(Clone, Copy)]
pub(crate) struct DateRules {
    pub(crate) now: Timestamp,
    pub(crate) order: Option<DateOrder>,
}

/// Column at fault and the reason.
struct Fault {
    field: &'static str,
    reason: Reason,
}

/// Cells of a row by their columns.
struct Cells<'a> {
    header: &'a Header,
    line: &'a Line,
    /// True for a row of a text, in which a quote may be unclosed.
    is_text: bool,
}

/// Reads the rows below the header.
pub(crate) fn parse(list: &ImportedTable, rules: DateRules) -> ParsedList {
    let mut parsed = ParsedList::default();
    for line in list.rows() {
        let cells = Cells { header: &list.header, line, is_text: list.table.sheet.is_none() };
        match cells.row(rules, &mut parsed.lost) {
            Ok(row) => parsed.rows.push(row),
            Err(Fault { field, reason }) => parsed.refused.push(Note { line: line.number, field, reason }),
        }
    }
    // Nothing of a refused row is stored.
    let refused: Vec<u64> = parsed.refused.iter().map(|note| note.line).collect();
    parsed.lost.retain(|note| refused.binary_search(&note.line).is_err());
    parsed
}

impl Cells<'_> {
    fn row(&self, rules: DateRules, lost: &mut Vec<Note>) -> Result<ParsedRow, Fault> {
        self.refuse_by_look()?;
        let name = PersonName::parse(&self.needed(Column::Name)?).map_err(|why| {
            fault(
                Column::Name,
                Reason::new(why.to_string(), "harus satu baris, 1 sampai 100 karakter, dengan huruf atau angka"),
            )
        })?;
        let phone = self.phone(lost)?;
        let id = self.given(Column::CustomerId).map(|id| CustomerId::parse(&id)).transpose().map_err(|why| {
            fault(
                Column::CustomerId,
                Reason::new(why.to_string(), "harus 1 sampai 64 huruf, angka, titik, garis bawah atau tanda hubung"),
            )
        })?;
        let email = self.given(Column::Email).map(|address| EmailAddress::parse(&address)).transpose();
        let email = email.unwrap_or_else(|why| {
            lost.push(self.note(Column::Email, Reason::new(why.to_string(), "bukan alamat email")));
            None
        });
        let salutation = self.salutation(lost);
        let vehicle = self.vehicle(rules, lost)?;
        Ok(ParsedRow { line: self.line.number, id, name, phone, email, salutation, vehicle })
    }

    /// The number of the row: that of the first column of numbers, or of the second one where the first has none.
    fn phone(&self, lost: &mut Vec<Note>) -> Result<Phone, Fault> {
        let second = self.header.second_phone().and_then(|place| self.at(place));
        let first = match (self.given(Column::Phone), &second) {
            (None, Some(second)) => second.clone(),
            (first, _) => first.ok_or_else(|| fault(Column::Phone, Reason::missing()))?,
        };
        Phone::parse(&first).or_else(|why| match second.and_then(|second| Phone::parse(&second).ok()) {
            Some(phone) => {
                let Reason { english, indonesian } = reasons::phone(why);
                let reason = Reason::new(
                    format!("{english}; the number of the other column is used"),
                    format!("{indonesian}; nomor di kolom lain yang dipakai"),
                );
                lost.push(self.note(Column::Phone, reason));
                Ok(phone)
            }
            None => Err(fault(Column::Phone, reasons::phone(why))),
        })
    }

    fn salutation(&self, lost: &mut Vec<Note>) -> Option<Salutation> {
        let cell = self.given(Column::Salutation)?;
        let salutation = Salutation::of_list(&cell);
        if salutation.is_none() {
            let reason = Reason::new("must be Bapak, Ibu or tanpa (none)", "harus Bapak, Ibu atau tanpa");
            lost.push(self.note(Column::Salutation, reason));
        }
        salutation
    }

    /// The vehicle of the row; a row without plate and dates has none.
    fn vehicle(&self, rules: DateRules, lost: &mut Vec<Note>) -> Result<Option<RowVehicle>, Fault> {
        let columns = [Column::Plate, Column::LastVisitDate, Column::NextVisitDate];
        if columns.into_iter().all(|column| self.given(column).is_none()) {
            return Ok(None);
        }
        let plate =
            Plate::parse(&self.needed(Column::Plate)?).map_err(|why| fault(Column::Plate, reasons::plate(&why)))?;
        let last_visit = dates::read(&self.needed(Column::LastVisitDate)?, self.dates(Column::LastVisitDate, rules))
            .map_err(|reason| fault(Column::LastVisitDate, reason))?;
        let last_visit = Day(last_visit)
            .past(rules.now)
            .map_err(|why| fault(Column::LastVisitDate, Reason::new(why, "tidak boleh di masa depan")))?;
        let next_visit = self
            .given(Column::NextVisitDate)
            .map(|date| dates::read(&date, self.dates(Column::NextVisitDate, rules)))
            .transpose();
        let next_visit = next_visit.and_then(|next| match next {
            Some(next) if next < last_visit => {
                Err(Reason::new("is before last_visit_date", "lebih awal dari kunjungan terakhir"))
            }
            other => Ok(other),
        });
        let next_visit = next_visit.unwrap_or_else(|reason| {
            lost.push(self.note(Column::NextVisitDate, reason));
            None
        });
        let interval = self.given(Column::IntervalMonths).map(|cell| months(&cell)).transpose();
        let interval = interval.unwrap_or_else(|reason| {
            lost.push(self.note(Column::IntervalMonths, reason));
            None
        });
        Ok(Some(RowVehicle { plate, last_visit, next_visit, interval }))
    }

    /// Refuses a row whose cells do not stand in their columns.
    fn refuse_by_look(&self) -> Result<(), Fault> {
        let (count, width) = (self.line.cells.len(), self.header.width);
        let row =
            |english: String, indonesian: String| Err(Fault { field: "row", reason: Reason::new(english, indonesian) });
        if self.is_text && self.line.cells.iter().any(|cell| has_swallowed_rows(cell)) {
            return row(
                "has other rows in a cell; a quote may be unclosed".to_owned(),
                "memuat baris lain di dalam satu sel; mungkin ada tanda kutip yang tidak ditutup".to_owned(),
            );
        }
        // The cells of a workbook stand in their columns anyway.
        if self.is_text && count > width {
            return row(
                format!("has {count} columns, expected {width}"),
                format!("berisi {count} kolom, seharusnya {width}"),
            );
        }
        Ok(())
    }

    fn dates(&self, column: Column, rules: DateRules) -> CellRules {
        let title = self.header.place_of(column).and_then(|place| self.header.titles.get(place));
        CellRules { order: rules.order, takes_serials: title.is_some_and(|title| says_date(&title.text)) }
    }

    fn given(&self, column: Column) -> Option<String> {
        self.at(self.header.place_of(column)?)
    }

    /// Content of a cell; none where it has nothing to say.
    fn at(&self, place: usize) -> Option<String> {
        let cell = self.line.cells.get(place)?;
        Some(plain(cell)).filter(|cell| !cell.is_empty() && !is_nothing(cell))
    }

    fn needed(&self, column: Column) -> Result<String, Fault> {
        self.given(column).ok_or_else(|| fault(column, Reason::missing()))
    }

    fn note(&self, column: Column, reason: Reason) -> Note {
        Note { line: self.line.number, field: column.name(), reason }
    }
}

fn fault(column: Column, reason: Reason) -> Fault {
    Fault { field: column.name(), reason }
}

/// Reads a number of months, with or without the word, also with the decimal part of a spreadsheet: `6`, `6.0`, `6 bulan`.
fn months(cell: &str) -> Result<VisitInterval, Reason> {
    let lower = cell.to_lowercase();
    let number = ["bulan", "bln.", "bln", "months", "month"].iter().find_map(|unit| lower.strip_suffix(unit));
    let number = number.unwrap_or(&lower).trim();
    let whole = number.split_once(['.', ',']).filter(|(_, decimals)| decimals.bytes().all(|digit| digit == b'0'));
    let whole = whole.map_or(number, |(whole, _)| whole);
    let is_number = whole.bytes().all(|digit| digit.is_ascii_digit());
    let months = whole.parse().ok().filter(|_| is_number).and_then(|months| VisitInterval::new(months).ok());
    months.ok_or_else(|| Reason::new("is not a number of 1 to 60 months", "bukan jumlah bulan dari 1 sampai 60"))
}

/// True for a cell in which rows follow a line break: something there is a phone number.
fn has_swallowed_rows(cell: &str) -> bool {
    let mut pieces = cell.lines().skip(1).flat_map(|line| line.split([',', ';', '\t']));
    pieces.any(|piece| Phone::parse(&plain(piece)).is_ok())
}
