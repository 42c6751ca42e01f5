//! Mail addresses that SES takes, and those that it refuses.

use proptest::prelude::*;
use shared::domain::values::email::{EmailAddress, InvalidEmail};

fn read(text: &str) -> Result<String, InvalidEmail> {
    EmailAddress::parse(text).map(String::from)
}

#[test]
fn an_address_that_ses_takes_is_accepted() {
    let longest_local = format!("{}@example.com", "x".repeat(64));
    let longest = format!("a@{}{}.com", format!("{}.", "x".repeat(59)).repeat(4), "x".repeat(8));
    assert_eq!(longest.len(), 254);
    for good in [
        "a@b.cc",
        "a@b.c",
        "first.last+tag@example.com",
        "o'brien=x/y@example.co.id",
        "!#$%&*-_?^`{|}~@example.com",
        "a@xn--mller-kva.example",
        "a@1and1.example",
        "A@EXAMPLE.COM",
        &longest_local,
        &longest,
    ] {
        assert_eq!(read(good).as_deref(), Ok(good));
    }
    assert_eq!(read("a\u{200b}@c.dd\u{feff}").as_deref(), Ok("a@c.dd"));
    assert_eq!(read("\u{202a}me\u{fe0f}i@customer.exam\u{ad}ple\u{202c}").as_deref(), Ok("mei@customer.example"));
}

#[test]
fn an_address_that_ses_refuses_is_refused_with_the_reason() {
    use InvalidEmail::{
        Blank, DomainLabel, DomainParts, DomainScript, LocalDot, LocalScript, LocalSign, Shape, TooLong,
    };
    let long_local = format!("{}@example.com", "x".repeat(65));
    let long = format!("a@{}{}.com", format!("{}.", "x".repeat(59)).repeat(4), "x".repeat(9));
    let long_label = format!("a@{}.com", "x".repeat(64));
    for (bad, reason) in [
        ("", Shape),
        ("\u{3164}@\u{200b}", Shape),
        ("a", Shape),
        ("@b.cc", Shape),
        ("a@", Shape),
        ("a@b@c.dd", Shape),
        ("a b@c.dd", Blank),
        (" a@c.dd", Blank),
        ("a@c.dd\u{3000}", Blank),
        ("a\u{7}@c.dd", Blank),
        ("a\r\n@c.dd", Blank),
        ("é@b.cc", LocalScript),
        ("信@b.cc", LocalScript),
        ("<a@c.dd>", LocalSign),
        ("a,b@c.dd", LocalSign),
        ("a;b@c.dd", LocalSign),
        ("\"a\"@c.dd", LocalSign),
        ("a\\b@c.dd", LocalSign),
        ("mailto:a@c.dd", LocalSign),
        (".a@c.dd", LocalDot),
        ("a.@c.dd", LocalDot),
        ("a..b@c.dd", LocalDot),
        ("a@müller.example", DomainScript),
        ("a@例え.example", DomainScript),
        ("a@.", DomainParts),
        ("a@b", DomainParts),
        ("a@b..cc", DomainParts),
        ("a@.b.cc", DomainParts),
        ("a@b.cc.", DomainParts),
        ("a@-b.cc", DomainLabel),
        ("a@b-.cc", DomainLabel),
        ("a@b_c.dd", DomainLabel),
        ("a@b.cc>", DomainLabel),
        ("a@127.0.0.1", DomainLabel),
        ("a@[127.0.0.1]", DomainLabel),
        (&long_label, DomainLabel),
        (&long_local, TooLong),
        (&long, TooLong),
    ] {
        assert_eq!(read(bad), Err(reason), "{bad:?}");
        assert!(bad.len() < 4 || !reason.to_string().contains(bad));
    }
}

#[test]
fn an_address_is_stored_as_it_is_and_never_printed() {
    let address = EmailAddress::parse("buyer@example.com").unwrap();
    assert_eq!(format!("{address:?}"), "EmailAddress(***)");
    assert_eq!(serde_json::to_string(&address).unwrap(), "\"buyer@example.com\"");
    assert_eq!(serde_json::from_str::<EmailAddress>("\"buyer@example.com\"").unwrap(), address);
    assert!(serde_json::from_str::<EmailAddress>("\"buyer\"").is_err());
}

/// True for an address by the characters that SES lists, written as a table of each part.
fn is_taken(address: &str) -> bool {
    let parts: Vec<&str> = address.split('@').collect();
    let [local, domain] = parts.as_slice() else { return false };
    let atom = |part: &str| {
        !part.is_empty()
            && part.chars().all(|c| matches!(c, 'a'..='z' | 'A'..='Z' | '0'..='9') || "!#$%&'*+-/=?^_`{|}~".contains(c))
    };
    let label = |part: &str| {
        (1..=63).contains(&part.len())
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
            && !part.starts_with('-')
            && !part.ends_with('-')
    };
    let labels: Vec<&str> = domain.split('.').collect();
    local.len() <= 64
        && address.len() <= 254
        && local.split('.').all(atom)
        && labels.len() >= 2
        && labels.iter().all(|part| label(part))
        && labels.last().unwrap().contains(|c: char| !c.is_ascii_digit())
}

proptest! {
    #![proptest_config(crate::cases(20_000))]

    #[test]
    fn exactly_the_addresses_of_the_rule_are_taken(
        text in "[a-z0-9.é+_-]{0,6}[@ ,]{0,1}@?[a-z0-9.ü-]{0,8}(\\.[a-z0-9-]{0,4}){0,2}[>.]?"
    ) {
        prop_assert_eq!(read(&text).is_ok(), is_taken(&text), "{:?}", text);
    }
}
