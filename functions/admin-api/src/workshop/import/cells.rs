//! Cells of a list as a spreadsheet changes them: escaped in an export, restored in an import.

use shared::domain::values::text::visible;

/// First characters by which a spreadsheet takes a cell for a formula (OWASP, CSV Injection), also in full width.
const FORMULA: [char; 10] = ['=', '+', '-', '@', '\t', '\r', '＝', '＋', '－', '＠'];
/// Characters at which a spreadsheet may divide a line: which one it takes is a setting of the computer.
const SEPARATORS: [char; 5] = [',', ';', '\t', '|', '\n'];
/// Words for an empty cell.
const NOTHING: [&str; 16] = [
    "-",
    "--",
    ".",
    "n/a",
    "na",
    "#n/a",
    "null",
    "none",
    "nil",
    "tidak ada",
    "tdk ada",
    "belum ada",
    "blm ada",
    "kosong",
    "tidak punya",
    "(kosong)",
];

/// Escapes a cell with apostrophes where a spreadsheet would take it, or what follows a separator in it, for a formula, and where
/// it would show a number or a date in a form of its own. An apostrophe that looks like an escape gets another one, so that
/// [`plain`] restores every cell.
pub(crate) fn neutral(cell: &str) -> String {
    let mut escaped = String::new();
    for part in parts(cell) {
        let rest = part.trim_start_matches(is_passed_over);
        if rest.starts_with(FORMULA) || escaped.is_empty() && would_be_changed(rest) {
            escaped.push('\'');
        }
        escaped.push_str(part);
    }
    escaped
}

/// Removes what [`neutral`] added, invisible characters, blanks around the cell, and the `="…"` that keeps a number as a text.
pub(crate) fn plain(cell: &str) -> String {
    let cell = visible(cell);
    let cell = cell.trim();
    let cell = cell.strip_prefix("=\"").and_then(|rest| rest.strip_suffix('"')).unwrap_or(cell);
    let mut restored = String::new();
    for (place, part) in parts(cell).into_iter().enumerate() {
        let rest = part.trim_start_matches(is_passed_over);
        let is_escaped = rest.starts_with(FORMULA) || place == 0 && would_be_changed(rest);
        restored.push_str(part.strip_prefix('\'').filter(|_| is_escaped).unwrap_or(part));
    }
    restored.trim().to_owned()
}

/// True for a cell in which people write that there is nothing.
pub(crate) fn is_nothing(cell: &str) -> bool {
    NOTHING.contains(&cell.to_lowercase().as_str())
}

/// The cell, divided after each separator.
fn parts(cell: &str) -> Vec<&str> {
    cell.split_inclusive(SEPARATORS).collect()
}

/// True for characters before a formula that do not keep a spreadsheet from taking it for one, and for earlier escapes.
fn is_passed_over(c: char) -> bool {
    matches!(c, '\'' | '"' | ' ')
}

/// True for a text that a spreadsheet takes for a number, a date or a truth value, and shows in a form of its own: an id like
/// `0012`, `1-2` or `MAR-1`.
fn would_be_changed(text: &str) -> bool {
    const WORDS: [&str; 4] = ["true", "false", "benar", "salah"];
    const MONTHS: [&str; 17] = [
        "jan", "feb", "mar", "apr", "may", "mei", "jun", "jul", "aug", "agu", "sep", "oct", "okt", "nov", "dec", "des",
        "e",
    ];
    let lower = text.to_lowercase();
    let letters: String = lower.chars().filter(|c| c.is_alphabetic()).collect();
    let is_month = MONTHS.iter().any(|month| letters.starts_with(month));
    let has_digit = lower.contains(|c: char| c.is_ascii_digit());
    let is_phone = lower.starts_with("08") && lower.contains('-');
    WORDS.contains(&lower.as_str()) || has_digit && (letters.is_empty() || is_month) && !is_phone
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_part_of_a_cell_is_a_formula_in_any_separator_and_every_cell_is_restored() {
        let cells = [
            "=1",
            "+62",
            "-1",
            "@x",
            "'=1",
            "''-x",
            "'s",
            "Budi",
            "a=b",
            "",
            "a;=cmd",
            "a;'=cmd",
            "＝1",
            "a|＋1",
            "a,\"=1",
            "0012",
            "1-2",
            "MAR-1",
            "true",
            "12E5",
            "'0012",
            "B 1234 ABC",
            "8102-00",
            "Santoso, Budi",
            "C-1",
        ];
        for cell in cells {
            let shown = neutral(cell);
            for part in shown.split(SEPARATORS) {
                assert!(!part.trim_start_matches([' ', '"']).starts_with(FORMULA), "{cell}: {shown}");
            }
            assert_eq!(plain(&shown), cell);
        }
        assert_eq!(neutral("=1"), "'=1");
        assert_eq!(neutral("a;=cmd|'/C calc'!A0"), "a;'=cmd|'/C calc'!A0");
        assert_eq!(
            (neutral("0012"), neutral("C-1"), neutral("0855-1234-567")),
            ("'0012".into(), "C-1".into(), "0855-1234-567".into())
        );
        assert_eq!(plain("=\"08551234567\""), "08551234567");
    }
}
