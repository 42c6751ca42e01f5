//! Salutation of a customer in messages: `Bapak`, `Ibu` or none.

use serde::{Deserialize, Serialize};

/// Word before a customer's name.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Salutation {
    /// `Bapak`, as in the reminder document.
    #[default]
    Bapak,
    /// `Ibu`.
    Ibu,
    /// The name alone.
    None,
}

/// First words of names that are a salutation already, or a title that only a woman has (`Hj.`).
const OWN: [&str; 34] = [
    "bapak", "bpk", "bp", "pak", "ibu", "bu", "tuan", "tn", "nyonya", "ny", "nona", "nn", "saudara", "sdr", "saudari",
    "sdri", "mas", "mbak", "mba", "kak", "kakak", "bang", "abang", "om", "tante", "koh", "cik", "hj", "hajjah", "mr",
    "mrs", "ms", "miss", "mister",
];
/// Legal forms and kinds of companies and institutions, as the first or the last word of their names.
const COMPANY: [&str; 22] = [
    "pt",
    "cv",
    "ud",
    "pd",
    "tbk",
    "persero",
    "perum",
    "firma",
    "toko",
    "koperasi",
    "kud",
    "yayasan",
    "perusahaan",
    "bengkel",
    "dinas",
    "kantor",
    "hotel",
    "ltd",
    "inc",
    "llc",
    "corp",
    "rsud",
];
/// Words for a salutation in lists, without dots.
const BAPAK: [&str; 10] = ["bapak", "bpk", "bp", "pak", "tuan", "tn", "mr", "sdr", "saudara", "mister"];
const IBU: [&str; 13] =
    ["ibu", "bu", "nyonya", "ny", "nona", "nn", "mrs", "ms", "miss", "sdri", "saudari", "mbak", "hj"];
/// Word for no salutation in lists, where an empty cell leaves the stored one.
const WITHOUT: &str = "tanpa";

impl Salutation {
    /// All salutations, in the order of their declaration.
    pub const ALL: [Self; 3] = [Self::Bapak, Self::Ibu, Self::None];

    /// The word before a name. A salutation that the name brings takes its place, and a company gets none.
    #[must_use]
    pub fn before(self, name: &str) -> Option<&'static str> {
        if brings_its_own(name) || is_company(name) {
            return None;
        }
        match self {
            Self::Bapak => Some("Bapak"),
            Self::Ibu => Some("Ibu"),
            Self::None => None,
        }
    }

    /// The name with the word before it.
    #[must_use]
    pub fn with_name(self, name: &str) -> String {
        self.before(name).map_or_else(|| name.to_owned(), |word| format!("{word} {name}"))
    }

    /// True for the salutation of the reminder document, with which a customer is stored without one of their own.
    #[must_use]
    pub fn is_default(&self) -> bool {
        *self == Self::default()
    }

    /// The salutation as lists have it: `Bapak`, `Ibu` or `tanpa`.
    #[must_use]
    pub const fn in_lists(self) -> &'static str {
        match self {
            Self::Bapak => "Bapak",
            Self::Ibu => "Ibu",
            Self::None => WITHOUT,
        }
    }

    /// Reads a cell of a list; `None` for any other word.
    #[must_use]
    pub fn of_list(cell: &str) -> Option<Self> {
        let word = plain(cell);
        let word = word.as_str();
        if BAPAK.contains(&word) {
            return Some(Self::Bapak);
        }
        if IBU.contains(&word) {
            return Some(Self::Ibu);
        }
        (word == WITHOUT).then_some(Self::None)
    }
}

/// Letters of a word in lower case.
fn plain(word: &str) -> String {
    word.chars().filter(|letter| letter.is_alphabetic()).flat_map(char::to_lowercase).collect()
}

/// The word as it is written and its part before a dot: `P.T.` is one word, `Bpk.Budi` two.
fn readings(word: &str) -> [String; 2] {
    [plain(word), plain(word.split(['.', '/']).next().unwrap_or_default())]
}

fn brings_its_own(name: &str) -> bool {
    let first = name.split_whitespace().next().unwrap_or_default();
    readings(first).iter().any(|word| OWN.contains(&word.as_str()))
}

fn is_company(name: &str) -> bool {
    let mut words = name.split_whitespace();
    let (first, last) = (words.next().unwrap_or_default(), words.next_back().unwrap_or_default());
    let is_form = |word: &String| COMPANY.contains(&word.as_str());
    readings(first).iter().any(is_form) || is_form(&plain(last))
}
