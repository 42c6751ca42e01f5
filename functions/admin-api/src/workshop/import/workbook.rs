//! Lists as workbooks (xlsx).

use std::io;
use std::io::{Cursor, Read};

use calamine::{DataRef, Reader, SheetType, SheetVisible, Xlsx};
use zip::ZipArchive;

use crate::workshop::import::table::{ListFault, MOST_COLUMNS, MOST_UNPACKED, Table, too_large, too_wide};

/// First bytes of a zip archive, which an xlsx file is.
const ZIP: &[u8] = b"PK\x03\x04";
/// First bytes of a compound file (MS-CFB): an xls file, or an xlsx file with a password.
const COMPOUND: &[u8] = &[0xd0, 0xcf, 0x11, 0xe0];
/// Most files in the archive.
const MOST_ENTRIES: usize = 1_000;
/// Most characters that are read of a cell; no column takes as many.
const LONGEST_CELL: usize = 1_000;
/// Whole numbers below are shown with all digits; a spreadsheet keeps no more than 15.
const LARGEST_WHOLE: f64 = 1e15;

/// Open workbook.
pub(crate) struct Workbook<'a>(Xlsx<Cursor<&'a [u8]>>);

impl<'a> Workbook<'a> {
    /// True for a workbook that can be read.
    ///
    /// # Errors
    /// For one in the older format or with a password.
    pub(crate) fn is_one(bytes: &[u8]) -> Result<bool, ListFault> {
        if bytes.starts_with(COMPOUND) {
            return Err(ListFault::file(
                "is an old Excel file (.xls) or has a password: save it as .xlsx without one",
                "adalah file Excel lama (.xls) atau berpassword: simpan sebagai .xlsx tanpa password",
            ));
        }
        Ok(bytes.starts_with(ZIP))
    }

    /// Opens a workbook after unpacking it once into nothing: its size when unpacked is known only then.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ListFault> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| unreadable())?;
        if archive.len() > MOST_ENTRIES {
            return Err(unreadable());
        }
        let mut left = MOST_UNPACKED;
        for place in 0..archive.len() {
            let entry = archive.by_index(place).map_err(|_| unreadable())?;
            let unpacked = io::copy(&mut entry.take(left + 1), &mut io::sink()).map_err(|_| unreadable())?;
            left = left.checked_sub(unpacked).ok_or_else(too_large)?;
        }
        Xlsx::new(Cursor::new(bytes)).map(Self).map_err(|_| unreadable())
    }

    /// Names of the visible sheets.
    pub(crate) fn sheets(&self) -> Vec<String> {
        let is_shown =
            |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible;
        self.0.sheets_metadata().iter().filter(is_shown).map(|sheet| sheet.name.clone()).collect()
    }

    /// Reads a sheet cell by cell: a dense range would have as many cells as the sheet claims.
    pub(crate) fn table(&mut self, sheet: &str) -> Result<Table, ListFault> {
        let mut cells = self.0.worksheet_cells_reader(sheet).map_err(|_| unreadable())?;
        let mut table = Table::of_sheet(sheet);
        let (mut row, mut line) = (0, Vec::new());
        while let Some(cell) = cells.next_cell().map_err(|_| unreadable())? {
            let text = text(cell.get_value());
            if text.is_empty() {
                continue;
            }
            let (at, column) = cell.get_position();
            if at != row {
                table.add(u64::from(row) + 1, std::mem::take(&mut line))?;
                row = at;
            }
            let column = usize::try_from(column).ok().filter(|column| *column < MOST_COLUMNS).ok_or_else(too_wide)?;
            if line.len() <= column {
                line.resize(column + 1, String::new());
            }
            if let Some(place) = line.get_mut(column) {
                *place = text;
            }
        }
        table.add(u64::from(row) + 1, line)?;
        Ok(table)
    }
}

fn unreadable() -> ListFault {
    ListFault::file("cannot be read as an Excel file (.xlsx)", "tidak dapat dibaca sebagai file Excel (.xlsx)")
}

/// A cell as a person would write it: dates as `yyyy-MM-dd`, whole numbers without a decimal part.
fn text(value: &DataRef<'_>) -> String {
    let shortened = |text: &str| text.chars().take(LONGEST_CELL).collect::<String>();
    match value {
        DataRef::Empty => String::new(),
        DataRef::Int(number) => number.to_string(),
        DataRef::Float(number) => digits(*number),
        DataRef::String(text) | DataRef::DateTimeIso(text) | DataRef::DurationIso(text) => shortened(text),
        DataRef::SharedString(text) => shortened(text),
        DataRef::Bool(value) => value.to_string(),
        DataRef::DateTime(time) if time.is_datetime() => {
            let (year, month, day, ..) = time.to_ymd_hms_milli();
            format!("{year:04}-{month:02}-{day:02}")
        }
        DataRef::DateTime(time) => digits(time.as_f64()),
        DataRef::Error(error) => error.to_string(),
    }
}

fn digits(number: f64) -> String {
    if number.fract() == 0.0 && number.abs() < LARGEST_WHOLE { format!("{number:.0}") } else { number.to_string() }
}
