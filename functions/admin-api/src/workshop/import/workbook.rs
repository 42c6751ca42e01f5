//! Lists as workbooks (xlsx).

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
/// Sheets among which the list is sought.
const MOST_SHEETS: usize = 10;
/// Most bytes of the styles, each of which takes many times its bytes in memory.
const MOST_STYLES: usize = 4 * 1024 * 1024;
/// Most tags of the shared texts; a text has four.
const MOST_TAGS: usize = 4_000_000;
/// Attribute by which the reader reserves memory.
const CLAIM: &[u8] = b"uniqueCount";
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

    /// Opens a workbook after unpacking each of its parts once: its size when unpacked is known only then.
    pub(crate) fn open(bytes: &'a [u8]) -> Result<Self, ListFault> {
        let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(|_| unreadable())?;
        if archive.len() > MOST_ENTRIES {
            return Err(unreadable());
        }
        let mut left = MOST_UNPACKED;
        for place in 0..archive.len() {
            let entry = archive.by_index(place).map_err(|_| unreadable())?;
            let name = entry.name().map_err(|_| unreadable())?.to_ascii_lowercase();
            let mut part = Vec::new();
            let unpacked = entry.take(left + 1).read_to_end(&mut part).map_err(|_| unreadable())?;
            left = left.checked_sub(unpacked as u64).ok_or_else(too_large)?;
            if claims_too_much(&name, &part) {
                return Err(unreadable());
            }
        }
        Xlsx::new(Cursor::new(bytes)).map(Self).map_err(|_| unreadable())
    }

    /// Names of the first visible sheets.
    pub(crate) fn sheets(&self) -> Vec<String> {
        let is_shown =
            |sheet: &&calamine::Sheet| sheet.typ == SheetType::WorkSheet && sheet.visible == SheetVisible::Visible;
        self.0.sheets_metadata().iter().filter(is_shown).take(MOST_SHEETS).map(|sheet| sheet.name.clone()).collect()
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

/// True for a part for which the reader would take much more memory than it has bytes.
fn claims_too_much(name: &str, part: &[u8]) -> bool {
    if name.ends_with("styles.xml") && part.len() > MOST_STYLES {
        return true;
    }
    if name.ends_with("sharedstrings.xml") && part.iter().filter(|byte| **byte == b'<').count() > MOST_TAGS {
        return true;
    }
    let places = part.windows(CLAIM.len()).enumerate().filter(|(_, bytes)| *bytes == CLAIM).map(|(place, _)| place);
    places.filter_map(|place| part.get(place + CLAIM.len()..)).any(|value| {
        let digits = value.iter().skip_while(|byte| byte.is_ascii_whitespace() || b"=\"'".contains(byte));
        let digits: String = digits.take_while(|byte| byte.is_ascii_digit()).map(|byte| char::from(*byte)).collect();
        // Digits may also be written as character references, which nothing but harm needs.
        digits.parse::<usize>().map_or(true, |count| count > part.len())
    })
}

fn unreadable() -> ListFault {
    ListFault::file("cannot be read as an Excel file (.xlsx)", "tidak dapat dibaca sebagai file Excel (.xlsx)")
}

/// The value of a cell: dates as `yyyy-MM-dd`, whole numbers without a decimal part; zeros that only a number format shows are
/// lost.
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
