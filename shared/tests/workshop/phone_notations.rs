//! Generated notations of phone numbers. The generator knows the number that it writes, and what it adds that is none of
//! the number's.

use proptest::prelude::*;
use proptest::sample::select;
use shared::domain::workshop::phone::{InvalidPhone, Phone};

/// Digits of a number after its prefix, and how they are grouped.
#[derive(Clone, Debug)]
struct Number {
    /// Without 0 and country code.
    national: String,
    /// What is written before the first group; empty for a number without its 0.
    prefix: &'static str,
    /// Sizes of the groups, each of at least three digits.
    groups: Vec<usize>,
    sign: &'static str,
}

/// Additions that are no part of the number.
#[derive(Clone, Debug)]
enum Artefact {
    None,
    /// Decimal part of a number cell.
    Decimal(String),
    /// Number of a line, footnote or copy: one or two digits behind the number.
    Behind(String),
    /// Number of a line before it.
    Before(String),
    /// Second number in the same cell.
    Second(String),
    /// Number cell too narrow for its digits, or saved as such.
    Scientific {
        digits: usize,
        sign: char,
    },
}

/// Outcome of a notation.
#[derive(Clone, Debug, PartialEq)]
enum Expected {
    /// Read as the number that a person would dial.
    Number,
    /// The same, or refused because the digits may be another country's.
    NumberOrAmbiguous,
    /// The same, or refused for any reason.
    NumberOrRefused,
    /// Refused for this reason.
    Refused(InvalidPhone),
    /// Refused for any reason.
    RefusedAnyhow,
}

const PREFIXES: [&str; 14] =
    ["0", "62", "+62", "+62 ", "+62-", "+62.", "+62 (0)", "(+62) ", "0062", "00 62 ", "0062-", "62 0", "620", ""];
const SIGNS: [&str; 7] = ["", " ", "-", ".", " - ", ". ", "  "];

/// Number of 9 to 12 digits of libphonenumber's pattern for Indonesian mobile numbers, `8[1-35-9]\d{7,10}`.
fn national() -> impl Strategy<Value = String> {
    "8[1-35-9][0-9]{7,10}"
}

fn number() -> impl Strategy<Value = Number> {
    let sizes = proptest::collection::vec(3_usize..=5, 4);
    (national(), select(PREFIXES.to_vec()), sizes, select(SIGNS.to_vec())).prop_map(
        |(national, prefix, sizes, sign)| {
            let mut groups = Vec::new();
            let mut left = national.len();
            for size in sizes {
                let whole = left < size + 3;
                groups.push(if whole { left } else { size });
                left -= if whole { left } else { size };
                if left == 0 {
                    break;
                }
            }
            Number { national, prefix, groups, sign }
        },
    )
}

impl Number {
    fn dialled(&self) -> String {
        format!("62{}", self.national)
    }

    fn body(&self) -> String {
        let mut rest = self.national.as_str();
        let parts = self.groups.iter().map(|size| {
            let (part, after) = rest.split_at(*size);
            rest = after;
            part
        });
        format!("{}{}", self.prefix, parts.collect::<Vec<_>>().join(self.sign))
    }

    /// The number as a spreadsheet shows a whole number.
    fn thousands(&self, sign: char, has_country: bool) -> String {
        let digits = if has_country { self.dialled() } else { self.national.clone() };
        let mut shown = String::new();
        for (place, digit) in digits.chars().enumerate() {
            if place > 0 && (digits.len() - place) % 3 == 0 {
                shown.push(sign);
            }
            shown.push(digit);
        }
        shown
    }
}

fn artefact() -> impl Strategy<Value = Artefact> {
    let blank = || select(vec!["", "", " ", "\u{a0}", "  "]);
    let decimal = (blank(), select(vec![".", ","]), blank(), "0{1,2}")
        .prop_map(|(a, sign, b, zeros)| Artefact::Decimal(format!("{a}{sign}{b}{zeros}")));
    let behind =
        (select(vec![(" ", ""), ("-", ""), (".", ""), (" (", ")"), ("(", ")"), (" - ", ""), ("/", "")]), "[0-9]{1,2}")
            .prop_map(|((open, close), digits)| Artefact::Behind(format!("{open}{digits}{close}")));
    let before = (1_u32..100, select(vec![". ", ") ", " ", "-", " - ", ".", "/ "]))
        .prop_map(|(line, sign)| Artefact::Before(format!("{line}{sign}")));
    let second = (select(vec![" / ", "/", ", ", ",", ";", " ", "\n", " - ", "-", " & ", " atau "]), national())
        .prop_map(|(sign, national)| Artefact::Second(format!("{sign}0{national}")));
    let scientific =
        (1_usize..=12, select(vec!['.', ','])).prop_map(|(digits, sign)| Artefact::Scientific { digits, sign });
    prop_oneof![4 => Just(Artefact::None), 2 => decimal, 2 => behind, 2 => before, 1 => second, 1 => scientific]
}

/// What a number is copied from.
const WRAPPINGS: [(&str, &str); 13] = [
    ("", ""),
    ("", ""),
    ("", ""),
    (" ", "\t"),
    ("'", ""),
    ("=\"", "\""),
    ("tel:", ""),
    ("wa.me/", ""),
    ("https://wa.me/", "?text=Halo%2C%20servis%20123"),
    ("https://api.whatsapp.com/send?phone=", "&text=Halo&app_absent=0"),
    ("whatsapp://send?text=1&phone=", ""),
    ("", "@s.whatsapp.net"),
    ("", "@c.us"),
];

/// Signs of one script or width in the place of ASCII's.
#[derive(Clone, Copy, Debug)]
enum Typing {
    Ascii,
    FullWidth,
    Digits(char),
    Typographic,
}

fn typed(text: &str, typing: Typing, marks: &[(usize, char)]) -> String {
    let mut typed: Vec<char> = text
        .chars()
        .map(|c| match (typing, c) {
            (Typing::FullWidth, '!'..='~') => char::from_u32(u32::from(c) + 0xfee0).unwrap(),
            (Typing::Digits(zero), '0'..='9') => char::from_u32(u32::from(zero) + c.to_digit(10).unwrap()).unwrap(),
            (Typing::Typographic, '-') => '\u{2011}',
            (Typing::Typographic, ' ') => '\u{202f}',
            _ => c,
        })
        .collect();
    for (place, mark) in marks {
        typed.insert(place % (typed.len() + 1), *mark);
    }
    typed.into_iter().collect()
}

fn written(number: &Number, thousands: Option<(char, bool)>, artefact: &Artefact) -> (String, Expected) {
    use InvalidPhone::{DecimalPart, ScientificNotation};
    let body = thousands.map_or_else(|| number.body(), |(sign, has_country)| number.thousands(sign, has_country));
    let is_bare = thousands.map_or(number.prefix.is_empty(), |(_, has_country)| !has_country);
    let clean = if is_bare { Expected::NumberOrAmbiguous } else { Expected::Number };
    match artefact {
        Artefact::None => (body, clean),
        Artefact::Decimal(part) => (format!("{body}{part}"), Expected::Refused(DecimalPart)),
        Artefact::Behind(part) => (format!("{body}{part}"), Expected::RefusedAnyhow),
        // `62. 08551234567` is that number whether 62 is the number of a line or the country's.
        Artefact::Before(line) if line.starts_with("62") => (format!("{line}{body}"), Expected::NumberOrRefused),
        Artefact::Before(line) => (format!("{line}{body}"), Expected::RefusedAnyhow),
        Artefact::Second(other) => (format!("{body}{other}"), Expected::RefusedAnyhow),
        Artefact::Scientific { digits, sign } => {
            let whole = number.dialled();
            let (first, others) = whole.split_at(1);
            let others: String = others.chars().take(*digits).collect();
            (format!("{first}{sign}{others}E+{}", whole.len() - 1), Expected::Refused(ScientificNotation))
        }
    }
}

proptest! {
    #![proptest_config(crate::cases(100_000))]

    #[test]
    fn every_accepted_notation_is_the_number_that_a_person_would_dial(
        number in number(),
        thousands in proptest::option::weighted(0.2, (select(vec!['.', ',']), any::<bool>())),
        artefact in artefact(),
        wrapping in select(WRAPPINGS.to_vec()),
        typing in select(vec![
            Typing::Ascii, Typing::Ascii, Typing::Typographic, Typing::FullWidth, Typing::Digits('٠'), Typing::Digits('۰'),
            Typing::Digits('०'), Typing::Digits('𝟎'),
        ]),
        marks in proptest::collection::vec((0_usize..60, select(vec!['\u{200b}', '\u{202d}', '\u{fe0f}', '\u{3164}', '\u{ad}'])), 0..3),
    ) {
        let (body, expected) = written(&number, thousands, &artefact);
        let (open, close) = wrapping;
        // A link has no plus of its own: its blanks and signs are encoded, and a number in it is international.
        let is_link = open.contains("phone=") || open.contains("wa.me") || close.starts_with('@');
        let body = if open.contains("phone=") || open.contains("wa.me") { body.replace(' ', "%20").replace('&', "%26") } else { body };
        let text = typed(&format!("{open}{body}{close}"), typing, &marks);
        let read = Phone::parse(&text).map(String::from);
        if let Ok(read) = &read {
            prop_assert_eq!(read, &number.dialled(), "{:?}", text);
        }
        match expected {
            Expected::Number => prop_assert_eq!(read, Ok(number.dialled()), "{:?}", text),
            Expected::NumberOrAmbiguous => {
                use InvalidPhone::{Ambiguous, NotValid, OtherCountry, StrayBeginning};
                let refused = matches!(read, Err(Ambiguous | StrayBeginning))
                    || is_link && matches!(read, Err(OtherCountry | NotValid | InvalidPhone::NotMobile));
                prop_assert!(read.is_ok() || refused, "{:?} {:?}", text, read);
            }
            // An accepted one was compared above.
            Expected::NumberOrRefused => {}
            Expected::Refused(reason) => prop_assert_eq!(read, Err(reason), "{:?}", text),
            Expected::RefusedAnyhow => prop_assert!(read.is_err(), "{:?} {:?}", text, read),
        }
    }
}
