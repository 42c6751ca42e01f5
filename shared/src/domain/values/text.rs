//! Characters in texts that people type or paste.

/// True for a character of no width: direction marks, zero-width blanks, soft hyphens. Contact apps and spreadsheets
/// add them to copied text.
#[must_use]
pub(crate) const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{61c}'
            | '\u{180e}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{feff}'
    )
}
