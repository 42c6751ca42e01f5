//! Lists as texts: CSV as spreadsheets write it, in their encodings and with their separators.

use std::borrow::Cow;

use csv::{Position, Reader, ReaderBuilder, StringRecord};
use encoding_rs::{Encoding, UTF_16BE, UTF_16LE, WINDOWS_1252};

use crate::workshop::import::columns::Column;
use crate::workshop::import::header::{Header, NoHeader, TOP_ROWS};
use crate::workshop::import::table::{ListFault, Table};

/// Separators of columns, the commonest first.
const SEPARATORS: [u8; 3] = [b',', b';', b'\t'];
/// Bytes at the beginning by which UTF-16 without a byte order mark is recognised.
const SAMPLE: usize = 1_000;

/// Line counter that advances through the text. The csv crate counts only the lines of records, not blank ones.
struct Lines<'a> {
    rest: &'a str,
    passed: usize,
    line: u64,
}

/// Text of a list with what is needed to divide it.
#[derive(Clone, Copy)]
struct Source<'a> {
    text: &'a str,
    /// Number of its first line.
    first_line: u64,
    separator: u8,
    /// True where a spreadsheet of another separator took each line for one cell.
    is_nested: bool,
}

/// Reads a text. The separator is that of a first line `sep=;`, or the one with which the header has most columns.
pub(crate) fn table(bytes: &[u8]) -> Result<Table, ListFault> {
    let text = decoded(bytes)?;
    if text.trim_start().starts_with('<') {
        return Err(not_a_list());
    }
    let (declared, text, first_line) = declared_separator(&text);
    if let Some(separator) = declared {
        return Source { text, first_line, separator, is_nested: false }.table(usize::MAX);
    }
    let mut best = None;
    for is_nested in [false, true] {
        for separator in SEPARATORS {
            let source = Source { text, first_line, separator, is_nested };
            let found = columns(&source.table(TOP_ROWS)?);
            if best.is_none_or(|(most, _)| most < found) {
                best = Some((found, source));
            }
        }
    }
    best.map_or_else(|| Ok(Table::default()), |(_, source)| source.table(usize::MAX))
}

/// Number of columns that are recognised; a table with a header has more than one without.
fn columns(table: &Table) -> usize {
    let without = |fault: NoHeader| fault.recognised;
    Header::find(table).map_or_else(without, |header| Column::ALL.len() + header.recognised())
}

fn not_a_list() -> ListFault {
    ListFault::file("is no list: send an Excel file (.xlsx) or CSV", "bukan daftar: kirim file Excel (.xlsx) atau CSV")
}

/// Decodes UTF-8 and UTF-16, with or without a byte order mark, and otherwise Windows-1252.
pub(crate) fn decoded(bytes: &[u8]) -> Result<Cow<'_, str>, ListFault> {
    let encoding = Encoding::for_bom(bytes).map(|(encoding, _)| encoding).or_else(|| utf_16(bytes));
    let (text, is_wrong) = match encoding {
        Some(encoding) => encoding.decode_with_bom_removal(bytes),
        None => match std::str::from_utf8(bytes) {
            Ok(text) => (Cow::Borrowed(text), false),
            Err(_) => WINDOWS_1252.decode_without_bom_handling(bytes),
        },
    };
    let is_binary = |c: char| c.is_control() && c < ' ' && !matches!(c, '\t' | '\n' | '\r' | '\u{b}' | '\u{c}');
    if is_wrong || text.contains(is_binary) { Err(not_a_list()) } else { Ok(text) }
}

/// UTF-16 by the zeros of its ASCII characters.
fn utf_16(bytes: &[u8]) -> Option<&'static Encoding> {
    let sample = bytes.get(..SAMPLE.min(bytes.len()))?;
    let zeros = |from: usize| sample.iter().skip(from).step_by(2).filter(|byte| **byte == 0).count();
    match (zeros(0), zeros(1)) {
        (0, odd) if odd * 4 > sample.len() => Some(UTF_16LE),
        (even, 0) if even * 4 > sample.len() => Some(UTF_16BE),
        _ => None,
    }
}

/// The separator of a first line `sep=;`, the text after it, and the number of its first line.
fn declared_separator(text: &str) -> (Option<u8>, &str, u64) {
    let (first, rest) = text.split_once('\n').unwrap_or((text, ""));
    let declared = first.trim_end_matches('\r').trim_matches('"');
    let separator =
        declared.get(..4).filter(|begin| begin.eq_ignore_ascii_case("sep=")).and_then(|_| declared.get(4..));
    match separator.map(str::as_bytes) {
        Some([separator]) => (Some(*separator), rest, 2),
        Some([] | [_, ..]) | None => (None, text, 1),
    }
}

impl Source<'_> {
    /// Reads at most so many rows.
    fn table(self, most: usize) -> Result<Table, ListFault> {
        let outer = match (self.is_nested, self.separator) {
            (false, separator) => separator,
            (true, b';') => b',',
            (true, _) => b';',
        };
        let mut reader = reader(self.text, outer);
        let (mut table, mut record) = (Table::default(), StringRecord::new());
        let mut lines = Lines { rest: self.text, passed: 0, line: self.first_line };
        while table.lines.len() < most && reader.read_record(&mut record).map_err(|_| not_a_list())? {
            let number = lines.at(record.position().map_or(0, Position::byte));
            if self.is_nested {
                // A cell may have had the other separator in it.
                let cell = record.iter().collect::<Vec<_>>().join(char::from(outer).encode_utf8(&mut [0; 4]));
                self::reader(&cell, self.separator).read_record(&mut record).map_err(|_| not_a_list())?;
            }
            table.add(number, record.iter().map(str::to_owned).collect())?;
        }
        Ok(table)
    }
}

/// `flexible`: a row of another length is refused alone and does not end the reading.
fn reader(text: &str, separator: u8) -> Reader<&[u8]> {
    ReaderBuilder::new().has_headers(false).flexible(true).delimiter(separator).from_reader(text.as_bytes())
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
