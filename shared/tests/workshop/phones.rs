//! Phone numbers as people write them: hand-written cases, and the published pattern of mobile numbers.

use proptest::prelude::*;
use shared::domain::workshop::phone::{InvalidPhone, Phone};

fn read(text: &str) -> Result<String, InvalidPhone> {
    Phone::parse(text).map(String::from)
}

#[test]
fn every_way_to_write_a_number_gives_the_same() {
    for text in [
        "08551234567",
        "628551234567",
        "+628551234567",
        "+62 855-1234-567",
        "+62855-1234567",
        "+62855-1234-567",
        "+62855.1234.567",
        "+62855/1234567",
        "+62-855-1234-567",
        "+62.855.1234.567",
        "62-855-1234-567",
        "62.855.1234.567",
        "8551234567",
        "0855 1234 567",
        "0855-1234-567",
        "(0855) 1234567",
        "0855.1234.567",
        "0855/1234567",
        "6208551234567",
        "+6208551234567",
        "+62(0)8551234567",
        "+62 (0) 855 1234567",
        "(+62) 855 1234567",
        "00628551234567",
        "0062 855 1234 567",
        "wa.me/628551234567",
        "https://wa.me/628551234567",
        "https://wa.me/628551234567?text=Halo%20Budi,%20ini%20nomor%20saya%2008551234568%20dan%20masih%20panjang",
        "wa.me/+62855-1234-567/",
        "wa.me/%2B628551234567?text=a",
        "WA.ME/628551234567#x",
        "https://api.whatsapp.com/send?phone=628551234567",
        "https://api.whatsapp.com/send/?text=Halo&phone=%2B62%20855%201234567&type=phone_number",
        "web.whatsapp.com/send?phone=08551234567&text=1",
        "whatsapp://send?phone=628551234567",
        "whatsapp:+628551234567",
        "628551234567@s.whatsapp.net",
        "628551234567@c.us",
        "tel:+62-855-1234-567",
        "=\"08551234567\"",
        "＝＂０８５５１２３４５６７＂",
        "\"0855-1234-567\"",
        "628,551,234,567",
        "628.551.234.567",
        "8.551.234.567",
        "08551234567.",
        "٠٨٥٥١٢٣٤٥٦٧",
        "+٦٢ ٨٥٥ ١٢٣٤ ٥٦٧",
        "۰۸۵۵۱۲۳۴۵۶۷",
        "꧐꧘꧕꧕꧑꧒꧓꧔꧕꧖꧗",
        "+62\u{fe0e}855\u{3164}1234567",
        "'08551234567",
        "\u{202a}+62\u{a0}855\u{2011}1234\u{2011}567\u{202c}",
        "\u{feff}0855\u{200b}1234567",
        "０８５５１２３４５６７",
        "＋６２　８５５－１２３４－５６７",
        "  08551234567\t",
    ] {
        assert_eq!(read(text).as_deref(), Ok("628551234567"), "{text:?}");
    }
}

#[test]
fn what_is_no_mobile_number_of_the_country_is_refused_with_its_own_reason() {
    use InvalidPhone::*;
    for (text, reason) in [
        ("", NotANumber),
        ("   ", NotANumber),
        ("-", NotANumber),
        ("null", NotANumber),
        ("0", NotValid),
        ("+08551234567", NotValid),
        ("+00628551234567", NotValid),
        ("+008628551234567", NotValid),
        ("00008628551234567", NotValid),
        ("+62008551234567", NotValid),
        ("12345", NotValid),
        ("081234567", NotValid),
        ("08123456789012", NotValid),
        ("08012345678", NotValid),
        ("08412345678", NotValid),
        ("021-5551234", NotMobile),
        ("08091234567", NotMobile),
        ("08071123456", NotMobile),
        ("+886912345678", OtherCountry),
        ("00886912345678", OtherCountry),
        ("wa.me/886912345678", OtherCountry),
        ("+60123456789", OtherCountry),
        ("60123456789", OtherCountry),
        ("+12015550123", OtherCountry),
        ("886912345678", Ambiguous),
        ("85291234567", Ambiguous),
        ("819012345678", Ambiguous),
        ("08551234567 / 08561234567", Several),
        ("08551234567, 08561234567", Several),
        ("0855-1234-567 0856-1234-567", Several),
        ("0855123456/78", Several),
        ("08551234567 Budi", Letters),
        ("08551234567 (istri)", Letters),
        ("0855-CALL-NOW", Letters),
        ("8.55E+10", ScientificNotation),
        ("8.55123E+10", ScientificNotation),
        ("8,55123e10", ScientificNotation),
        ("0855_1234567", NotANumber),
        ("62+628551234567", NotANumber),
        ("08551234567#1", NotANumber),
        (&"0".repeat(41), TooLong),
        (&"0".repeat(1_000_000), TooLong),
    ] {
        assert_eq!(read(text), Err(reason), "{text:?}");
    }
}

#[test]
fn digits_that_belong_to_no_number_refuse_it_and_so_does_an_address_without_one() {
    use InvalidPhone::*;
    for (text, reason) in [
        ("628551234567.0", DecimalPart),
        ("08551234567.0", DecimalPart),
        ("628551234567.00", DecimalPart),
        ("81234567890.0", DecimalPart),
        ("8551234567.0", DecimalPart),
        ("6281234567890.0", DecimalPart),
        ("08551234567,0", DecimalPart),
        ("628551234567,00", DecimalPart),
        ("628551234567 . 0", DecimalPart),
        ("６２８５５１２３４５６７．０", DecimalPart),
        ("٦٢٨٥٥١٢٣٤٥٦٧٫٠", DecimalPart),
        ("628551234567.000000", DecimalPart),
        ("628,551,234,567.00", DecimalPart),
        ("628.551.234.567,00", DecimalPart),
        ("=\"628551234567.0\"", DecimalPart),
        ("wa.me/628551234567.0?text=a", DecimalPart),
        ("628551234567.0@c.us", DecimalPart),
        ("tel:+62-855-1234-567.0", DecimalPart),
        ("0812345678 (2)", StrayEnd),
        ("0812-345678-9", StrayEnd),
        ("0812 345678 90", StrayEnd),
        ("08551234567.5", StrayEnd),
        ("08551234567 (021)", StrayEnd),
        ("+628-5-5-1-2-3-4-5-6-7", StrayEnd),
        ("1. 08551234567", StrayBeginning),
        ("2) 0855-1234-567", StrayBeginning),
        ("8 1234567890", StrayBeginning),
        ("6 28551234567", StrayBeginning),
        ("08. 81234567890", StrayBeginning),
        ("8.812.345.678", StrayBeginning),
        ("812) 812345678", StrayBeginning),
        ("628,55,1234567", NotANumber),
        ("6.28551234567E+11", ScientificNotation),
        ("wa.me/?text=08551234567", NotANumber),
        ("wa.me/message/ABC123", Letters),
        ("https://api.whatsapp.com/send?text=08551234567", NotANumber),
        ("api.whatsapp.com/send?phone=628551234567&phone=628561234567", Several),
        ("wa.me/886912345678?text=a", OtherCountry),
        ("whatsapp:+886912345678", OtherCountry),
        ("6285512345-1234567@g.us", Letters),
        ("08551234567-08561234567", Several),
        ("08551234567¹", NotANumber),
    ] {
        assert_eq!(read(text), Err(reason), "{text:?}");
    }
}

#[test]
fn ten_to_thirteen_digits_are_taken() {
    for digits in 1..=20 {
        let number: String = "0812345678901234567890".chars().take(digits).collect();
        assert_eq!(read(&number).is_ok(), (10..=13).contains(&digits), "{number}");
    }
}

#[test]
fn a_reason_does_not_repeat_the_number() {
    for text in ["021-5551234", "+886912345678", "886912345678", "08551234567 Budi", "081234567"] {
        let reason = Phone::parse(text).unwrap_err().to_string();
        assert!(!reason.contains("Budi") && !reason.contains("5551234") && !reason.contains("12345"), "{reason}");
    }
    assert_eq!(format!("{:?}", Phone::parse("08551234567").unwrap()), "Phone(***)");
}

#[test]
fn a_stored_number_is_taken_in_one_form_only() {
    let taken = |text: &str| serde_json::from_value::<Phone>(text.into()).is_ok();
    for good in ["628551234567", "62812345678", "6281234567890", "62899999999999"] {
        assert!(taken(good), "{good}");
    }
    for bad in [
        "",
        "08551234567",
        "+628551234567",
        "62855 1234567",
        "628012345678",
        "628412345678",
        "6281234567",
        "628123456789012",
        "6285512345٦7",
        "628551234567\n",
        "886912345678",
    ] {
        assert!(!taken(bad), "{bad:?}");
    }
    let phone = Phone::parse("0855-1234-567").unwrap();
    assert_eq!(serde_json::to_value(&phone).unwrap(), "628551234567");
    assert_eq!((phone.national().as_str(), phone.as_str()), ("08551234567", "628551234567"));
}

/// Notations of a number with digits A, B and C, without 0 and country code.
const NOTATIONS: [&str; 26] = [
    "0ABC",
    "62ABC",
    "+62ABC",
    "+62 A-B-C",
    "+62A-BC",
    "+62A.BC",
    "+62-A-B-C",
    "0A B C",
    "0A-B-C",
    "(0A) BC",
    "0A.B.C",
    "0A/BC",
    "620ABC",
    "+620ABC",
    "+62(0)ABC",
    "+62 (0) A BC",
    "(+62) A BC",
    "0062ABC",
    "0062 A B C",
    "wa.me/62ABC",
    "https://wa.me/62ABC",
    "tel:+62-A-B-C",
    "'0ABC",
    "\u{202a}+62\u{a0}A\u{2011}B\u{2011}C\u{202c}",
    "\u{feff}0A\u{200b}BC",
    "  0ABC\t",
];

fn full_width(text: &str) -> String {
    text.chars()
        .map(|c| if c.is_ascii_graphic() { char::from_u32(u32::from(c) + 0xfee0).unwrap() } else { c })
        .collect()
}

/// Pattern of libphonenumber 9.0.33 for Indonesian mobile numbers: `8[1-35-9]\d{7,10}`.
fn is_published(national: &str) -> bool {
    let [b'8', b'1'..=b'3' | b'5'..=b'9', rest @ ..] = national.as_bytes() else { return false };
    (7..=10).contains(&rest.len())
}

/// Digits after an optional prefix, if they match the pattern.
fn published(text: &str) -> Option<String> {
    let digits: String = text.chars().filter(char::is_ascii_digit).collect();
    let leads: &[&str] = if text.contains('+') { &["62", "620"] } else { &["", "0", "62", "620", "0062", "00620"] };
    let national = leads.iter().filter_map(|lead| digits.strip_prefix(lead)).find(|rest| is_published(rest))?;
    Some(format!("62{national}"))
}

/// Numbers with a prefix of their own and separators anywhere.
fn written() -> impl Strategy<Value = String> {
    let prefix = proptest::sample::select(vec![
        "0", "62", "+62", "+62 ", "62 0", "+62 (0)", "(0", "8", "08", "+628", "628", "021", "+", "00", "0062", "+6200",
    ]);
    let sign = prop_oneof![12 => proptest::char::range('0', '9'), 1 => proptest::sample::select(vec![' ', '-', '.'])];
    (prefix, proptest::collection::vec(sign, 5..16)).prop_map(|(prefix, signs)| {
        let close = if prefix == "(0" { ")" } else { "" };
        let (area, rest) = signs.split_at(signs.len().min(3));
        format!("{prefix}{}{close}{}", area.iter().collect::<String>(), rest.iter().collect::<String>())
    })
}

proptest! {
    #![proptest_config(crate::cases(3_000))]

    #[test]
    fn every_number_of_the_pattern_is_read_alike_in_every_notation(
        a in "8[1-35-9][0-9]", b in "[0-9]{3,4}", c in "[0-9]{3,5}"
    ) {
        let national = format!("{a}{b}{c}");
        let international = format!("62{national}");
        for notation in NOTATIONS {
            let text = notation.replace('A', &a).replace('B', &b).replace('C', &c);
            prop_assert_eq!(read(&text), Ok(international.clone()), "{:?}", text);
            prop_assert_eq!(read(&full_width(&text)), Ok(international.clone()), "{:?}", full_width(&text));
        }
        // Without a prefix the number may be another country's.
        let bare = read(&national);
        prop_assert!(bare == Ok(international) || bare == Err(InvalidPhone::Ambiguous), "{:?}", bare);
    }

    #[test]
    fn what_is_taken_is_of_the_pattern_and_in_the_stored_form(text in written()) {
        match read(&text) {
            Ok(ours) => {
                prop_assert_eq!(published(&text), Some(ours.clone()));
                prop_assert_eq!(read(&ours), Ok(ours.clone()));
                prop_assert_eq!(read(&format!("+{ours}")), Ok(ours.clone()));
                prop_assert_eq!(Phone::try_from(ours.clone()).map(String::from), Ok(ours));
            }
            // Rejected although the pattern matches: two numbers, another country's, or digits that stand apart.
            Err(
                InvalidPhone::Several | InvalidPhone::Ambiguous | InvalidPhone::StrayEnd | InvalidPhone::StrayBeginning
                | InvalidPhone::DecimalPart,
            ) => {}
            Err(_) => prop_assert_eq!(published(&text), None),
        }
    }

    #[test]
    fn any_text_is_read_or_refused(text in any::<String>()) {
        if let Ok(ours) = read(&text) {
            prop_assert!(Phone::try_from(ours).is_ok());
        }
    }
}
