//! Characters in texts that people type or paste.

use std::borrow::Cow;

/// Zeros of the decimal digits of other scripts (Unicode, general category Nd): each is followed by the digits 1 to 9.
const ZEROS: [char; 46] = [
    '\u{660}',
    '\u{6f0}',
    '\u{7c0}',
    '\u{966}',
    '\u{9e6}',
    '\u{a66}',
    '\u{ae6}',
    '\u{b66}',
    '\u{be6}',
    '\u{c66}',
    '\u{ce6}',
    '\u{d66}',
    '\u{de6}',
    '\u{e50}',
    '\u{ed0}',
    '\u{f20}',
    '\u{1040}',
    '\u{1090}',
    '\u{17e0}',
    '\u{1810}',
    '\u{1946}',
    '\u{19d0}',
    '\u{1a80}',
    '\u{1a90}',
    '\u{1b50}',
    '\u{1bb0}',
    '\u{1c40}',
    '\u{1c50}',
    '\u{a620}',
    '\u{a8d0}',
    '\u{a900}',
    '\u{a9d0}',
    '\u{a9f0}',
    '\u{aa50}',
    '\u{abf0}',
    '\u{11066}',
    '\u{110f0}',
    '\u{11136}',
    '\u{111d0}',
    '\u{1d7ce}',
    '\u{1d7d8}',
    '\u{1d7e2}',
    '\u{1d7ec}',
    '\u{1d7f6}',
    '\u{1e950}',
    '\u{1fbf0}',
];

/// True for a character that shows nothing: direction marks, zero-width blanks, variation selectors, Hangul fillers
/// (Unicode, `DerivedCoreProperties.txt`, `Default_Ignorable_Code_Point`). Contact apps and spreadsheets add them to copied
/// text.
#[must_use]
pub const fn is_invisible(c: char) -> bool {
    matches!(
        c,
        '\u{ad}'
            | '\u{34f}'
            | '\u{61c}'
            | '\u{115f}'..='\u{1160}'
            | '\u{17b4}'..='\u{17b5}'
            | '\u{180b}'..='\u{180f}'
            | '\u{200b}'..='\u{200f}'
            | '\u{202a}'..='\u{202e}'
            | '\u{2060}'..='\u{206f}'
            | '\u{3164}'
            | '\u{fe00}'..='\u{fe0f}'
            | '\u{feff}'
            | '\u{ffa0}'
            | '\u{fff0}'..='\u{fff8}'
            | '\u{1bca0}'..='\u{1bca3}'
            | '\u{1d173}'..='\u{1d17a}'
            | '\u{e0000}'..='\u{e0fff}'
    )
}

/// Removes invisible characters.
#[must_use]
pub fn visible(text: &str) -> Cow<'_, str> {
    if text.contains(is_invisible) { text.chars().filter(|c| !is_invisible(*c)).collect() } else { Cow::Borrowed(text) }
}

/// Returns a text of one line as it is kept: 1 to `longest` characters, without invisible ones and without blanks around it.
/// `None` for a longer or empty text, and for one with line breaks or control characters.
#[must_use]
pub fn one_line(text: &str, longest: usize) -> Option<String> {
    let visible = visible(text);
    let line = visible.trim();
    (!line.contains(breaks_line) && (1..=longest).contains(&line.chars().count())).then(|| line.to_owned())
}

/// Returns the part of a text that [`one_line`] keeps, cut to `longest` characters: for a name given by another system, which
/// is not refused for its form. `None` where nothing is left.
#[must_use]
pub fn shortened_line(text: &str, longest: usize) -> Option<String> {
    let line: String = visible(text).chars().filter(|c| !breaks_line(*c)).collect();
    let cut: String = line.trim().chars().take(longest).collect();
    one_line(&cut, longest)
}

/// True for a control character or a line break.
fn breaks_line(c: char) -> bool {
    c.is_control() || matches!(c, '\u{2028}' | '\u{2029}')
}

/// Maps typographic dashes and blanks, full-width characters and the decimal digits of all scripts to ASCII.
#[must_use]
pub fn to_ascii(c: char) -> char {
    match c {
        '\u{ff01}'..='\u{ff5e}' => u32::from(c).checked_sub(0xfee0).and_then(char::from_u32).unwrap_or(c),
        '\u{2010}'..='\u{2015}' | '\u{2212}' | '\u{fe58}' | '\u{fe63}' => '-',
        c if c.is_whitespace() => ' ',
        c => decimal_digit(c).unwrap_or(c),
    }
}

fn decimal_digit(c: char) -> Option<char> {
    let distance = |zero: &char| u32::from(c).checked_sub(u32::from(*zero)).filter(|value| *value < 10);
    char::from_digit(ZEROS.iter().find_map(distance)?, 10)
}
