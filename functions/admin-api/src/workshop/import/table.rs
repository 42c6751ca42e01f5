//! Table of a list: the cells of its rows as texts, whatever file they come from.

use crate::workshop::import::reasons::Reason;

/// Most rows of a list, without those that are blank.
pub(crate) const MOST_ROWS: usize = 20_000;
/// Most columns of a list.
pub(crate) const MOST_COLUMNS: usize = 100;
/// Most bytes of a file when it is unpacked, and of all cells of a table: a workbook names a text once for many cells.
pub(crate) const MOST_UNPACKED: u64 = 50 * 1024 * 1024;

/// Rows of a file, or of a sheet of a workbook.
#[derive(Clone, Debug, Default)]
pub(crate) struct Table {
    /// Name of the sheet; none for a text.
    pub(crate) sheet: Option<String>,
    /// Rows that are not blank.
    pub(crate) lines: Vec<Line>,
    bytes: u64,
}

/// Row of a table.
#[derive(Clone, Debug)]
pub(crate) struct Line {
    /// Number of the line at which an editor or spreadsheet shows the row's beginning, from 1.
    pub(crate) number: u64,
    pub(crate) cells: Vec<String>,
}

/// Fault of a whole list: the field at fault and the reason.
#[derive(Debug)]
pub(crate) struct ListFault {
    pub(crate) field: &'static str,
    pub(crate) reason: Reason,
}

impl ListFault {
    /// Fault of the file itself.
    pub(crate) fn file(english: impl Into<String>, indonesian: impl Into<String>) -> Self {
        Self { field: "body", reason: Reason::new(english, indonesian) }
    }
}

impl Table {
    /// The empty table of a sheet.
    pub(crate) fn of_sheet(sheet: &str) -> Self {
        Self { sheet: Some(sheet.to_owned()), ..Self::default() }
    }

    /// Adds a row unless it is blank. A cell beyond the columns or a row beyond the rows refuses the list.
    pub(crate) fn add(&mut self, number: u64, mut cells: Vec<String>) -> Result<(), ListFault> {
        let width = cells.iter().rposition(|cell| !cell.trim().is_empty()).map_or(0, |last| last + 1);
        if width > MOST_COLUMNS {
            return Err(too_wide());
        }
        if width == 0 {
            return Ok(());
        }
        self.bytes += cells.iter().map(|cell| cell.len() as u64).sum::<u64>();
        if self.bytes > MOST_UNPACKED {
            return Err(too_large());
        }
        // The header is a row more.
        if self.lines.len() > MOST_ROWS {
            return Err(ListFault::file(
                format!("has more than {MOST_ROWS} rows: import it in parts"),
                format!("berisi lebih dari {MOST_ROWS} baris: impor dalam beberapa bagian"),
            ));
        }
        cells.truncate(width);
        self.lines.push(Line { number, cells });
        Ok(())
    }
}

pub(crate) fn too_large() -> ListFault {
    ListFault::file(
        "is larger than 50 MB when it is unpacked: import it in parts",
        "lebih besar dari 50 MB setelah dibuka: impor dalam beberapa bagian",
    )
}

pub(crate) fn too_wide() -> ListFault {
    ListFault::file(
        format!("has more than {MOST_COLUMNS} columns: leave out those that are not needed"),
        format!("berisi lebih dari {MOST_COLUMNS} kolom: hapus kolom yang tidak diperlukan"),
    )
}
