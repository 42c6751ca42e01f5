//! What texts that people type or paste have in common.

/// Whether a character takes no room on screen: direction marks, zero-width blanks, soft hyphens. Contact apps and
/// spreadsheets leave them in what is copied.
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
