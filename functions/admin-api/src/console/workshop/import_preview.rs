//! Answer to an import as its pages show it: counts, columns, rows with their faults.

use std::collections::BTreeMap;

use shared::domain::workshop::vehicles::PersonName;

use crate::billing::subscriptions::translations::Language;
use crate::console::words::workshop::FieldNames;
use crate::console::words::workshop_import::ImportWords;
use crate::workshop::customer_fields::SalutationField;
use crate::workshop::import::SHOWN_ROWS;
use crate::workshop::import::answer::{ImportAnswer, ImportNote, ImportRow, ImportStatus};
use crate::workshop::import::columns::Column;
use crate::workshop::import::dates;
use crate::workshop::import::file::ImportedTable;
use crate::workshop::import::table::Line;

/// Most refused rows of a page.
const MOST_REFUSED: usize = 100;
/// Most remarks of a page.
const MOST_NOTES: usize = 30;
/// Most characters that a page shows of a cell.
const LONGEST_CELL: usize = 60;

/// Counts and faulty rows of an import.
pub(crate) struct Outcome {
    pub(crate) rows: usize,
    /// Rows of which something was stored, or would be.
    pub(crate) stored: u32,
    pub(crate) unchanged: u32,
    pub(crate) older: usize,
    pub(crate) refused_count: usize,
    pub(crate) refused: Vec<FaultyRow>,
    pub(crate) more_refused: usize,
    pub(crate) notes: Vec<FaultyRow>,
    pub(crate) more_notes: usize,
    pub(crate) is_running: bool,
    /// Rows that are still to be stored.
    pub(crate) remaining: usize,
    /// Rows that were handled.
    pub(crate) handled: usize,
}

/// Cell that is not stored, or for which its whole row is refused.
pub(crate) struct FaultyRow {
    pub(crate) line: u64,
    pub(crate) field: String,
    /// Content of the cell; empty where it is not known.
    pub(crate) value: String,
    pub(crate) reason: String,
    /// Reason in Indonesian beside one in another language.
    pub(crate) reason_id: Option<String>,
}

/// Preview of an import.
pub(crate) struct Preview {
    pub(crate) outcome: Outcome,
    pub(crate) sheet: Option<String>,
    pub(crate) sheets_not_read: String,
    pub(crate) columns: Vec<ColumnShown>,
    pub(crate) titles: Vec<&'static str>,
    pub(crate) rows: Vec<RowShown>,
    /// True if the list has dates that the order of day and month decides.
    pub(crate) has_open_dates: bool,
}

/// Column of the file.
pub(crate) struct ColumnShown {
    pub(crate) title: String,
    /// Meaning; none for a column that is ignored.
    pub(crate) meaning: Option<&'static str>,
}

/// One of the first rows.
pub(crate) struct RowShown {
    pub(crate) line: u64,
    pub(crate) is_refused: bool,
    pub(crate) cells: Vec<CellShown>,
    /// Reasons that concern the whole row.
    pub(crate) reasons: Vec<String>,
}

/// Cell of one of the first rows.
pub(crate) struct CellShown {
    pub(crate) label: &'static str,
    pub(crate) text: String,
    pub(crate) reasons: Vec<String>,
}

impl Outcome {
    /// Reads an answer; with the list also the content of the faulty cells.
    pub(crate) fn of(language: Language, answer: ImportAnswer, list: Option<&ImportedTable>) -> Self {
        let faulty = |note: &ImportNote| FaultyRow::of(language, note, list);
        let remaining = answer.remaining.unwrap_or(0);
        Self {
            rows: answer.rows,
            stored: answer.stored.or(answer.would_store).unwrap_or(0),
            unchanged: answer.unchanged,
            older: answer.older_visits,
            refused_count: answer.refused_count,
            refused: answer.refused.iter().take(MOST_REFUSED).map(faulty).collect(),
            more_refused: answer.refused.len().saturating_sub(MOST_REFUSED),
            notes: answer.notes.iter().take(MOST_NOTES).map(faulty).collect(),
            more_notes: answer.notes.len().saturating_sub(MOST_NOTES),
            is_running: matches!(answer.status, Some(ImportStatus::Running)),
            remaining,
            handled: answer.rows.saturating_sub(remaining),
        }
    }
}

impl FaultyRow {
    fn of(language: Language, note: &ImportNote, list: Option<&ImportedTable>) -> Self {
        let field = FieldNames::of(language).get(&note.field).map_or_else(|| note.field.to_string(), str::to_owned);
        let value = list.and_then(|list| cell_of(list, note)).map(shortened).unwrap_or_default();
        let Worded { reason, indonesian } = Worded::of(language, note, list);
        Self { line: note.line, field, value, reason, reason_id: indonesian }
    }
}

impl Preview {
    /// Reads the answer of a dry run of a list.
    pub(crate) fn of(language: Language, answer: ImportAnswer, list: &ImportedTable) -> Self {
        let words = FieldNames::of(language);
        let word = |column: Column| words.get(column.name()).unwrap_or(column.name());
        let columns = answer.columns.iter().map(|column| ColumnShown {
            title: column.title.clone(),
            meaning: column.read_as.as_deref().and_then(|name| words.get(name)),
        });
        let shown: Vec<Column> =
            Column::ALL.into_iter().filter(|column| list.header.place_of(*column).is_some()).collect();
        let mut notes: BTreeMap<u64, Vec<&ImportNote>> = BTreeMap::new();
        for note in answer.refused.iter().chain(&answer.notes) {
            notes.entry(note.line).or_default().push(note);
        }
        let read: BTreeMap<u64, &ImportRow> = answer.first_rows.iter().flatten().map(|row| (row.line, row)).collect();
        let rows = list.rows().take(SHOWN_ROWS).map(|line| {
            let notes = notes.get(&line.number).map(Vec::as_slice).unwrap_or_default();
            let reasons = |field: &str| {
                let of_field = notes.iter().filter(|note| note.field == field);
                of_field.map(|note| Worded::of(language, note, Some(list)).in_one()).collect::<Vec<_>>()
            };
            let cells = shown.iter().map(|column| {
                let reasons = reasons(column.name());
                let as_read = read.get(&line.number).filter(|_| reasons.is_empty());
                let text = as_read.and_then(|row| value(row, *column));
                let text = text.or_else(|| list.cell(line, *column).map(shortened));
                CellShown { label: word(*column), text: text.unwrap_or_default(), reasons }
            });
            let elsewhere = notes.iter().filter(|note| !shown.iter().any(|column| column.name() == note.field));
            RowShown {
                line: line.number,
                is_refused: answer.refused.iter().any(|note| note.line == line.number),
                cells: cells.collect(),
                reasons: elsewhere.map(|note| Worded::of(language, note, Some(list)).in_one()).collect(),
            }
        });
        let rows = rows.collect();
        Self {
            sheet: answer.sheet.clone(),
            sheets_not_read: answer.sheets_not_read.join(", "),
            columns: columns.collect(),
            titles: shown.iter().map(|column| word(*column)).collect(),
            rows,
            has_open_dates: has_open_dates(&answer, list),
            outcome: Outcome::of(language, answer, Some(list)),
        }
    }
}

/// Reason in the language of the page, and in Indonesian where reasons have no words in that language.
struct Worded {
    reason: String,
    indonesian: Option<String>,
}

impl Worded {
    fn of(language: Language, note: &ImportNote, list: Option<&ImportedTable>) -> Self {
        // The API names a parameter here, in the place of which a page has buttons.
        if list.is_some_and(|list| is_open_date(list, note)) {
            return Self { reason: ImportWords::of(language).open_date.to_owned(), indonesian: None };
        }
        match language {
            Language::Id => Self { reason: note.reason_id.clone(), indonesian: None },
            Language::En | Language::ZhTw => {
                Self { reason: note.reason.clone(), indonesian: Some(note.reason_id.clone()) }
            }
        }
    }

    fn in_one(self) -> String {
        match self.indonesian {
            Some(indonesian) => format!("{} — {indonesian}", self.reason),
            None => self.reason,
        }
    }
}

/// True if the list has cells that were refused because their dates can be read in two ways.
fn has_open_dates(answer: &ImportAnswer, list: &ImportedTable) -> bool {
    answer.refused.iter().chain(&answer.notes).any(|note| is_open_date(list, note))
}

fn is_open_date(list: &ImportedTable, note: &ImportNote) -> bool {
    note.field.ends_with("_date") && cell_of(list, note).is_some_and(dates::has_two_readings)
}

/// Cell that a remark is about.
fn cell_of<'a>(list: &'a ImportedTable, note: &ImportNote) -> Option<&'a str> {
    let line: &Line = list.row(note.line)?;
    list.cell(line, Column::of_name(&note.field)?)
}

/// Value of a row as it was read.
fn value(row: &ImportRow, column: Column) -> Option<String> {
    match column {
        Column::CustomerId => Some(row.customer_id.to_string()),
        Column::Name => Some(PersonName::to_string(&row.name)),
        Column::Phone => Some(row.phone.national()),
        Column::Email => row.email.as_ref().map(|email| email.as_str().to_owned()),
        Column::Salutation => row.salutation.map(|salutation| {
            let name = match salutation {
                SalutationField::Bapak => "Bapak",
                SalutationField::Ibu => "Ibu",
                SalutationField::None => "–",
            };
            name.to_owned()
        }),
        Column::Plate => row.plate.as_ref().map(ToString::to_string),
        Column::LastVisitDate => row.last_visit_date.as_ref().map(ToString::to_string),
        Column::NextVisitDate => row.next_visit_date.as_ref().map(ToString::to_string),
        Column::IntervalMonths => row.interval_months.as_ref().map(ToString::to_string),
    }
}

/// Beginning of a cell: a cell of a workbook may have thousands of characters.
fn shortened(cell: &str) -> String {
    let cell = cell.trim();
    if cell.chars().count() <= LONGEST_CELL {
        return cell.to_owned();
    }
    cell.chars().take(LONGEST_CELL).chain(['…']).collect()
}
