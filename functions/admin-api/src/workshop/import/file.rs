//! File of a list: a workbook or a text, whatever its content type says.

use crate::workshop::import::columns::Column;
use crate::workshop::import::header::{Header, NoHeader};
use crate::workshop::import::reasons::Reason;
use crate::workshop::import::table::{Line, ListFault, Table};
use crate::workshop::import::text;
use crate::workshop::import::workbook::Workbook;

/// Table that is imported, with its header.
#[derive(Debug)]
pub(crate) struct ImportedTable {
    pub(crate) table: Table,
    pub(crate) header: Header,
    /// Names of the other visible sheets.
    pub(crate) other_sheets: Vec<String>,
}

impl ImportedTable {
    /// Rows below the header.
    pub(crate) fn rows(&self) -> impl Iterator<Item = &Line> {
        self.table.lines.iter().skip(self.header.place + 1)
    }

    /// Cell of a row in a column; none where the row has none.
    pub(crate) fn cell<'a>(&self, line: &'a Line, column: Column) -> Option<&'a str> {
        line.cells.get(self.header.place_of(column)?).map(String::as_str)
    }

    /// Row at a line.
    pub(crate) fn row(&self, line: u64) -> Option<&Line> {
        let place = self.table.lines.binary_search_by_key(&line, |known| known.number).ok()?;
        self.table.lines.get(place)
    }
}

/// Reads a file. Of a workbook the first visible sheet that has a header is taken.
pub(crate) fn read(bytes: &[u8]) -> Result<ImportedTable, ListFault> {
    let fault = if Workbook::is_one(bytes)? {
        let mut workbook = Workbook::open(bytes)?;
        let mut best: Option<NoHeader> = None;
        let sheets = workbook.sheets();
        for sheet in &sheets {
            let table = workbook.table(sheet)?;
            match Header::find(&table) {
                Ok(header) => {
                    let other_sheets = sheets.iter().filter(|other| *other != sheet).cloned().collect();
                    return Ok(ImportedTable { table, header, other_sheets });
                }
                Err(fault) if best.as_ref().is_none_or(|best| best.recognised < fault.recognised) => best = Some(fault),
                Err(_) => {}
            }
        }
        best
    } else {
        let table = text::table(bytes)?;
        match Header::find(&table) {
            Ok(header) => return Ok(ImportedTable { table, header, other_sheets: Vec::new() }),
            Err(fault) => Some(fault),
        }
    };
    let reason = fault.map_or_else(|| Reason::new("the list is empty", "daftar ini kosong"), |fault| fault.reason);
    Err(ListFault { field: "header", reason })
}
