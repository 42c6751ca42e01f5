//! Redaction of a provider's text.

use proptest::prelude::*;
use shared::whatsapp::shown;

#[test]
fn numbers_of_five_digits_or_more_are_masked_however_they_are_parted() {
    for (text, kept) in [
        ("Number 628551234567 invalid", "Number *** invalid"),
        ("+62 (0)855-1234.567 gone", "+*** gone"),
        ("(0855) 1234567", "(***"),
        ("no 12345", "no ***"),
        ("wait 1234 s", "wait 1234 s"),
        ("0855\n1234567", "***"),
        ("0855\u{200b}1234567", "***"),
        ("０８５５１２３４５６７", "***"),
        ("٠٨٥٥١٢٣٤", "***"),
        ("a1b2c3d4e5f6", "a1b2c3d4e5f6"),
        ("id628551234567x", "id***x"),
        ("12 34", "12 34"),
        ("12 34 5", "***"),
    ] {
        assert_eq!(shown(text), kept, "{text:?}");
    }
}

#[test]
fn what_is_kept_is_one_line_of_200_characters() {
    assert_eq!(shown("a\r\nb\tc\0d\u{202e}e"), "a b cd".to_owned() + "e");
    assert_eq!(shown(&"é ".repeat(5_000)).chars().count(), 200);
    assert_eq!(shown("  "), "");
}

#[test]
fn keys_are_masked() {
    let key = "f47ac10b-58cc-4372-a567-0e02b2c3d479";
    for text in [
        format!("Authorization: Bearer {key}"),
        format!("bad {key}."),
        format!("token={key}"),
        "Authorization: short-key".to_owned(),
        "api_key: short-key given".to_owned(),
        "access_token=short-key".to_owned(),
        "Bearer short-key".to_owned(),
    ] {
        let kept = shown(&text);
        assert!(!kept.contains("short-key") && !kept.contains("f47ac10b") && !kept.contains("0e02b2c3d479"), "{kept}");
    }
    assert_eq!(shown("Invalid token or api key"), "Invalid token or api key");
}

#[test]
fn a_status_of_several_words_is_kept_and_a_key_of_letters_is_not() {
    for status in ["accepted", "paused_for_quality_assessment", "held_for_quality_assessment"] {
        assert_eq!(shown(status), status);
    }
    for key in [
        "abcdefghijklmnopqrstuvwxyzabcd",
        "sk_live_abcdefghijklmnopqrstuvwx",
        "EAAGm0PX4ZCpsBAKwCbZAZBlZCZBf",
        "paused_for_quality_assessment_7",
        "_____________________________",
    ] {
        assert_eq!(shown(key), "***", "{key}");
    }
}

proptest! {
    #![proptest_config(crate::cases(3_000))]

    #[test]
    fn no_text_leaves_more_than_four_digits_of_a_number(
        text in "([0-9٠-٩][ +().\\-/\u{200b}]{0,3}|[a-z]){0,100}"
    ) {
        let kept = shown(&text);
        prop_assert!(kept.chars().count() <= 200 && !kept.contains(char::is_control));
        let mut digits = 0;
        for c in kept.chars() {
            digits = if c.is_numeric() { digits + 1 } else if " +().-/".contains(c) { digits } else { 0 };
            prop_assert!(digits <= 4, "{:?}", kept);
        }
    }

    #[test]
    fn any_text_can_be_shown(text in any::<String>()) {
        prop_assert!(shown(&text).chars().count() <= 200);
    }
}
