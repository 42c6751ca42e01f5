//! Header of a list: the row that says which column is which.

use std::collections::BTreeMap;

use crate::workshop::import::columns::{Certainty, Column};
use crate::workshop::import::reasons::Reason;
use crate::workshop::import::table::{Line, Table};

/// Rows at the top of a table among which the header is sought: titles may stand above it.
pub(crate) const TOP_ROWS: usize = 20;
/// Most characters that an answer repeats of a title.
const LONGEST_TITLE: usize = 40;

/// Header of a table.
#[derive(Debug)]
pub(crate) struct Header {
    /// Position of the header among the rows.
    pub(crate) place: usize,
    /// Cells of a row that has a value in each column.
    pub(crate) width: usize,
    pub(crate) titles: Vec<Title>,
    places: BTreeMap<Column, usize>,
    /// Place of another column of phone numbers, for rows whose first one has none: a list may have `No HP` and `No WA`.
    second_phone: Option<usize>,
}

/// Title of a column.
#[derive(Debug)]
pub(crate) struct Title {
    pub(crate) text: String,
    /// Column for which it is read; none if it is ignored.
    pub(crate) column: Option<Column>,
}

/// Reason for which a table has no header.
#[derive(Debug)]
pub(crate) struct NoHeader {
    /// Number of columns that the best row has.
    pub(crate) recognised: usize,
    pub(crate) reason: Reason,
}

impl Header {
    /// Finds the header: the first row near the top that has columns for names and phone numbers.
    pub(crate) fn find(table: &Table) -> Result<Self, NoHeader> {
        let candidates = table.lines.iter().take(TOP_ROWS).enumerate().map(|(place, line)| Self::read(place, line));
        let mut best: Option<NoHeader> = None;
        for candidate in candidates {
            match candidate {
                Ok(header) => return Ok(header),
                Err(fault) if best.as_ref().is_none_or(|best| best.recognised < fault.recognised) => best = Some(fault),
                Err(_) => {}
            }
        }
        Err(best.unwrap_or_else(|| NoHeader {
            recognised: 0,
            reason: Reason::new("the list is empty", "daftar ini kosong"),
        }))
    }

    /// Place of a column in a row.
    pub(crate) fn place_of(&self, column: Column) -> Option<usize> {
        self.places.get(&column).copied()
    }

    /// Place of another column of phone numbers.
    pub(crate) const fn second_phone(&self) -> Option<usize> {
        self.second_phone
    }

    /// Number of columns that are read.
    pub(crate) fn recognised(&self) -> usize {
        self.places.len()
    }

    fn read(place: usize, line: &Line) -> Result<Self, NoHeader> {
        let mut best: BTreeMap<Column, (Certainty, Vec<usize>)> = BTreeMap::new();
        let mut phones = Vec::new();
        for (at, cell) in line.cells.iter().enumerate() {
            let Some((column, certainty)) = Column::of_title(cell) else { continue };
            if column == Column::Phone {
                phones.push(at);
            }
            let (known, places) = best.entry(column).or_insert((certainty, Vec::new()));
            if *known < certainty {
                places.clear();
                *known = certainty;
            }
            if *known == certainty {
                places.push(at);
            }
        }
        let recognised = best.len();
        let missing: Vec<Column> =
            [Column::Name, Column::Phone].into_iter().filter(|column| !best.contains_key(column)).collect();
        if !missing.is_empty() {
            return Err(NoHeader { recognised, reason: missing_columns(&missing, best.keys().copied()) });
        }
        let mut places = BTreeMap::new();
        for (column, (_, found)) in best {
            match found.as_slice() {
                [one] => places.insert(column, *one),
                several => return Err(NoHeader { recognised, reason: similar_titles(column, several, line) }),
            };
        }
        phones.retain(|place| places.get(&Column::Phone) != Some(place));
        // Of three or more it is open which one is meant.
        let second_phone = phones.first().copied().filter(|_| phones.len() == 1);
        let read_as = |at: usize| {
            let column = places.iter().find(|(_, place)| **place == at).map(|(column, _)| *column);
            column.or_else(|| second_phone.filter(|place| *place == at).map(|_| Column::Phone))
        };
        let width = line.cells.iter().rposition(|cell| !cell.is_empty()).map_or(0, |last| last + 1);
        let cells = line.cells.iter().take(width).enumerate();
        let titles = cells
            .map(|(at, cell)| Title { text: cell.chars().take(LONGEST_TITLE).collect(), column: read_as(at) })
            .collect();
        Ok(Self { place, width, titles, places, second_phone })
    }
}

/// Says what is missing, and names only columns that were recognised: other cells may belong to a list without a header.
fn missing_columns(missing: &[Column], found: impl Iterator<Item = Column>) -> Reason {
    let (mut english, mut indonesian) = (Vec::new(), Vec::new());
    for column in missing {
        if *column == Column::Name {
            english.push("customers' names (name)");
            indonesian.push("nama pelanggan (nama)");
        } else {
            english.push("phone numbers (phone)");
            indonesian.push("nomor HP (no hp)");
        }
    }
    let found: Vec<&str> = found.map(Column::name).collect();
    let found = if found.is_empty() { String::new() } else { format!(" ({})", found.join(", ")) };
    Reason::new(
        format!("none of the first {TOP_ROWS} rows has titles of columns for {}{found}", english.join(" and ")),
        format!("tidak ada judul kolom untuk {} di {TOP_ROWS} baris pertama{found}", indonesian.join(" dan ")),
    )
}

fn similar_titles(column: Column, places: &[usize], line: &Line) -> Reason {
    let titles =
        places.iter().filter_map(|place| line.cells.get(*place)).map(|title| format!("\"{}\"", shortened(title)));
    let titles = titles.collect::<Vec<_>>().join(", ");
    let name = column.name();
    Reason::new(
        format!("several columns may be {name}: {titles}; name the right one {name}"),
        format!("beberapa kolom mungkin {name}: {titles}; beri judul {name} pada kolom yang benar"),
    )
}

/// The beginning of a title, without what stands in parentheses, which may be about a person.
fn shortened(title: &str) -> String {
    title.split('(').next().unwrap_or_default().trim().chars().take(LONGEST_TITLE).collect()
}
