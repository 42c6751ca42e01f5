//! Characters that show nothing, and those that stand for an ASCII one.

use shared::domain::values::ids::CustomerId;
use shared::domain::values::text::{is_invisible, one_line, shortened_line, to_ascii, visible};

/// Ends of the ranges of `Default_Ignorable_Code_Point` in Unicode's `DerivedCoreProperties.txt`.
const IGNORABLE: [(u32, u32); 17] = [
    (0xad, 0xad),
    (0x34f, 0x34f),
    (0x61c, 0x61c),
    (0x115f, 0x1160),
    (0x17b4, 0x17b5),
    (0x180b, 0x180f),
    (0x200b, 0x200f),
    (0x202a, 0x202e),
    (0x2060, 0x206f),
    (0x3164, 0x3164),
    (0xfe00, 0xfe0f),
    (0xfeff, 0xfeff),
    (0xffa0, 0xffa0),
    (0xfff0, 0xfff8),
    (0x1bca0, 0x1bca3),
    (0x1d173, 0x1d17a),
    (0xe0000, 0xe0fff),
];

#[test]
fn the_invisible_characters_are_those_that_unicode_lets_a_font_ignore() {
    let ignorable = |c: char| IGNORABLE.iter().any(|(first, last)| (*first..=*last).contains(&u32::from(c)));
    let mut count = 0;
    for c in '\0'..=char::MAX {
        assert_eq!(is_invisible(c), ignorable(c), "{:x}", u32::from(c));
        count += usize::from(is_invisible(c));
    }
    // The total that the file gives.
    assert_eq!(count, 4_174);
    assert!(!"a \u{a0}\u{2028}\u{2029}\u{3000}é漢".contains(is_invisible));
}

#[test]
fn a_line_is_kept_without_what_shows_nothing() {
    assert_eq!(visible("B\u{200b}u\u{fe0f}d\u{3164}i"), "Budi");
    for (text, kept) in [
        (" \u{feff} lunas \u{200e}", Some("lunas")),
        ("12345", Some("12345")),
        ("\u{3164}\u{115f}", None),
        ("", None),
        ("123456", None),
        ("123\u{ad}45", Some("12345")),
        ("a\nb", None),
        ("a\u{2028}b", None),
        ("a\u{85}b", None),
        ("a\u{7f}b", None),
    ] {
        assert_eq!(one_line(text, 5).as_deref(), kept, "{text:?}");
    }
}

#[test]
fn a_name_of_another_system_is_shortened_to_a_line() {
    for (text, kept) in [
        ("lin", Some("lin")),
        (" \u{200b}l\ni\u{2028}n\u{7f} ", Some("lin")),
        ("lin wei", Some("lin w")),
        // The cut leaves no blank at the end.
        ("liao wei", Some("liao")),
        ("\u{2029}\t\u{3000}", None),
        ("", None),
    ] {
        assert_eq!(shortened_line(text, 5).as_deref(), kept, "{text:?}");
    }
}

#[test]
fn an_id_of_a_list_loses_what_shows_nothing() {
    assert_eq!(CustomerId::parse("C\u{200b}-1\u{feff}").unwrap().as_str(), "C-1");
    assert!(CustomerId::parse("\u{3164}").is_err() && CustomerId::parse("C 1").is_err());
}

#[test]
fn digits_dashes_and_full_width_characters_of_every_script_are_read() {
    for digits in [
        "٠١٢٣٤٥٦٧٨٩",
        "۰۱۲۳۴۵۶۷۸۹",
        "०१२३४५६७८९",
        "০১২৩৪৫৬৭৮৯",
        "๐๑๒๓๔๕๖๗๘๙",
        "០១២៣៤៥៦៧៨៩",
        "᭐᭑᭒᭓᭔᭕᭖᭗᭘᭙",
        "᮰᮱᮲᮳᮴᮵᮶᮷᮸᮹",
        "꧐꧑꧒꧓꧔꧕꧖꧗꧘꧙",
        "０１２３４５６７８９",
        "𝟎𝟏𝟐𝟑𝟒𝟓𝟔𝟕𝟖𝟗",
        "𝟶𝟷𝟸𝟹𝟺𝟻𝟼𝟽𝟾𝟿",
        "🯰🯱🯲🯳🯴🯵🯶🯷🯸🯹",
    ] {
        assert_eq!(digits.chars().map(to_ascii).collect::<String>(), "0123456789", "{digits}");
    }
    assert_eq!("（＋Ａｂ‑–—−\u{3000}\u{202f}\t²½Ⅷ".chars().map(to_ascii).collect::<String>(), "(+Ab----   ²½Ⅷ");
}
