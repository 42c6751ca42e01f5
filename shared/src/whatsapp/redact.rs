//! Redaction of a provider's words, so that they can be stored and shown to staff.

use crate::domain::values::text::is_invisible;

/// Longest redacted text, in characters.
const LONGEST: usize = 200;
/// Characters that are read of a longer text.
const READ: usize = 4_000;
/// Digits from which a number may be a phone number.
const DIGITS_OF_A_NUMBER: usize = 5;
/// Most signs between two digits of one number, as in `+62 (0) 855`.
const BETWEEN_DIGITS: usize = 3;
/// Longest word that counts as a word of a sentence, in characters; keys and tokens are longer.
const LONGEST_WORD: usize = 24;
/// Longest of the words that a name joins, in letters.
const LONGEST_PART: usize = 14;
const MASK: &str = "***";

/// Redacts a text: one line of at most 200 characters, without control and invisible characters; numbers of five or
/// more digits, with any signs between them, and keys are replaced by `***`.
#[must_use]
pub fn shown(text: &str) -> String {
    let visible: String = text.chars().take(READ).filter_map(visible).collect();
    let words = visible.split_whitespace().scan(false, |after_key, word| {
        let is_secret = *after_key || has_key(word);
        *after_key = announces_key(word);
        Some(if is_secret { MASK } else { word })
    });
    mask_numbers(&words.collect::<Vec<_>>().join(" ")).chars().take(LONGEST).collect()
}

/// Returns a blank for a line break or tab, `None` for a control or invisible character.
fn visible(c: char) -> Option<char> {
    if c.is_whitespace() { Some(' ') } else { (!c.is_control() && !is_invisible(c)).then_some(c) }
}

fn mask_numbers(text: &str) -> String {
    let mut masked = String::with_capacity(text.len());
    let mut number = Run::default();
    for c in text.chars() {
        if !number.takes(c) {
            number.end(&mut masked);
            if !number.takes(c) {
                masked.push(c);
            }
        }
    }
    number.end(&mut masked);
    masked
}

/// Digits of one number and the signs between them.
#[derive(Default)]
struct Run {
    text: String,
    between: String,
    digits: usize,
}

impl Run {
    fn takes(&mut self, c: char) -> bool {
        if c.is_numeric() {
            self.text.push_str(&self.between);
            self.between.clear();
            self.text.push(c);
            self.digits += 1;
            return true;
        }
        let goes_on = self.digits > 0 && !c.is_alphabetic() && self.between.chars().count() < BETWEEN_DIGITS;
        if goes_on {
            self.between.push(c);
        }
        goes_on
    }

    fn end(&mut self, masked: &mut String) {
        masked.push_str(if self.digits >= DIGITS_OF_A_NUMBER { MASK } else { &self.text });
        masked.push_str(&self.between);
        *self = Self::default();
    }
}

/// True if the word after this one is a key: `Authorization: x`, `Bearer x`, `api_key: x`.
fn announces_key(word: &str) -> bool {
    let word = word.to_ascii_lowercase();
    let name = word.trim_matches(|c: char| !c.is_ascii_alphanumeric());
    let is_named = ["key", "apikey", "token"].iter().any(|secret| name.ends_with(secret));
    matches!(name, "bearer" | "authorization") || is_named && word.ends_with([':', '='])
}

/// True if a word contains a key: by its length, or as `token=x`.
fn has_key(word: &str) -> bool {
    let is_long = word
        .split(|c: char| !(c.is_alphanumeric() || "-_".contains(c)))
        .any(|part| part.chars().count() > LONGEST_WORD && !is_name(part));
    let given = word
        .split_once([':', '='])
        .is_some_and(|(name, value)| !value.is_empty() && announces_key(&format!("{name}:")));
    is_long || given
}

/// True for words joined by underscores, such as Meta's `paused_for_quality_assessment`. A key has other characters, or no
/// part as short as a word.
fn is_name(text: &str) -> bool {
    let is_word = |part: &str| (1..=LONGEST_PART).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_lowercase());
    text.contains('_') && text.split('_').all(is_word)
}
