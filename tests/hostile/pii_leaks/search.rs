//! Looks for canaries in whatever spelling they may sing.

use std::sync::OnceLock;

use base64::Engine;
use base64::engine::general_purpose::STANDARD_NO_PAD;
use sandbox::world::credentials::{CLOUD_TOKEN, MMS_KEY, SLACK_BOT_TOKEN, STARSENDER_KEY};

/// Values that must not be found, with what each stands for. Some are mixed with what a log may contain, so each is
/// unlikely.
pub(super) const CANARIES: [(&str, &str); 30] = [
    ("a mail address", "Canary.Mail@kanarienvogel.example"),
    ("a user", "canary-user-7f3c"),
    ("six digits of the card", "594713"),
    ("the last digits of the card", "card4no=7391"),
    ("an authorisation code", "CANAUT"),
    ("ECPay's text", "canary text 金絲雀"),
    ("a card's number", "4311952222227391"),
    ("an unknown field", "canary-unknown-field"),
    ("the hash key", "pwFHCqoQZGmho4w6"),
    ("the hash iv", "EkRm7iFT261dpevs"),
    ("the operator's token", "sandbox-operator-token-invented"),
    ("the reader's token", "sandbox-reader-token-invented"),
    ("a wrong token", "canary-wrong-token"),
    ("a stored value", "canary-stored-value"),
    ("an AWS secret", "invented-secret-access-key"),
    ("ECPay's garbage", "canary-garbage"),
    ("a name", "Kanarienvogel Santoso"),
    ("a phone number", "81377766655"),
    ("a plate", "QX 4242 YY"),
    ("a customer", "canary-customer-9d1"),
    ("the device's key", STARSENDER_KEY),
    ("the Cloud API's token", CLOUD_TOKEN),
    ("the key of JSON Web Tokens", "sandbox-jwt-key-invented-and-long-enough"),
    ("an institution", "Kanarienvogel 補習班"),
    ("its owner", "金絲雀 主人"),
    ("its number", "0900-771-955"),
    ("its address", "金絲雀路 9981 號"),
    ("the key of MMS", MMS_KEY),
    ("Slack's webhook", "sandbox-webhook-invented"),
    ("Slack's bot", SLACK_BOT_TOKEN),
];

/// One way to write a canary.
struct Spelling {
    /// The canary and the way, for the message of an assertion.
    name: String,
    form: String,
    /// True if case counts, as in base64.
    is_exact: bool,
}

/// Every spelling of every canary, made once: the logs that are searched have thousands of lines.
fn spellings() -> &'static [Spelling] {
    static SPELLINGS: OnceLock<Vec<Spelling>> = OnceLock::new();
    SPELLINGS.get_or_init(|| CANARIES.into_iter().flat_map(|(what, canary)| spelled(what, canary)).collect())
}

fn spelled(what: &str, canary: &str) -> Vec<Spelling> {
    let plain = canary.to_lowercase();
    let escaped: String = canary.bytes().map(|byte| format!("%{byte:02x}")).collect();
    let partly = |blank: &str| percent(canary, blank).to_lowercase();
    let quoted = serde_json::Value::from(canary).to_string().trim_matches('"').to_lowercase();
    let bytes = format!("{:?}", canary.as_bytes());
    let forms = [
        ("plain", plain.clone()),
        ("escaped", escaped),
        ("percent-encoded", partly("%20")),
        ("form-encoded", partly("+")),
        ("as JSON", quoted),
        ("as escaped Unicode", unicode(&plain)),
        ("as bytes", bytes.trim_matches(['[', ']']).to_owned()),
    ];
    let spelling = |how: &str, form, is_exact| Spelling { name: format!("{what}, {how}"), form, is_exact };
    let mut all: Vec<Spelling> = forms.into_iter().map(|(how, form)| spelling(how, form, false)).collect();
    all.extend((0..3).map(|offset| spelling("in base64", base64_at(canary, offset), true)));
    all
}

/// Canaries found in a text, each with its encoding.
pub(super) fn found(text: &str) -> Vec<String> {
    let lower = text.to_lowercase();
    let sings = |spelling: &&Spelling| {
        let text = if spelling.is_exact { text } else { lower.as_str() };
        text.contains(&spelling.form)
    };
    spellings().iter().filter(sings).map(|spelling| spelling.name.clone()).collect()
}

/// A text as forms escape it.
fn percent(text: &str, blank: &str) -> String {
    let escape = |byte: u8| match byte {
        b' ' => blank.to_owned(),
        _ if byte.is_ascii_alphanumeric() || b"-_.".contains(&byte) => char::from(byte).to_string(),
        _ => format!("%{byte:02X}"),
    };
    text.bytes().map(escape).collect()
}

fn unicode(text: &str) -> String {
    text.chars().map(|c| if c.is_ascii() { c.to_string() } else { format!("\\u{{{:x}}}", u32::from(c)) }).collect()
}

/// The middle of a text in base64, where it begins `offset` bytes after a boundary: the same whatever is around it.
fn base64_at(text: &str, offset: usize) -> String {
    let padded = format!("{}{text}", "x".repeat(offset));
    let encoded = STANDARD_NO_PAD.encode(&padded);
    let whole = padded.len() / 3 * 4;
    encoded[(offset * 8).div_ceil(6)..whole].to_owned()
}

/// A log without its timestamps, whose digits may be anything.
pub(super) fn without_timestamps(log: &str) -> String {
    let lines = log.lines().map(|line| {
        let mut line: serde_json::Value =
            serde_json::from_str(line).unwrap_or_else(|error| panic!("not JSON ({error}): {line}"));
        line.as_object_mut().unwrap().remove("timestamp");
        without_nanoseconds(&line.to_string())
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// A line without the parts of seconds in the SDK's instants.
fn without_nanoseconds(line: &str) -> String {
    let mut parts = line.split("tv_nsec: ");
    let first = parts.next().unwrap_or_default().to_owned();
    parts.fold(first, |line, part| line + "tv_nsec: " + part.trim_start_matches(|digit: char| digit.is_ascii_digit()))
}

#[test]
fn the_digits_of_an_instant_are_no_canary() {
    let log = r#"{"timestamp":"2026-12-01T05:03:35.594713Z","now":"SystemTime { tv_sec: 1796101415, tv_nsec: 594713034 }","card":"594713"}"#;
    let left = r#"{"card":"594713","now":"SystemTime { tv_sec: 1796101415, tv_nsec:  }"}"#;
    assert_eq!(without_timestamps(log), left);
}

#[test]
fn a_canary_is_found_in_every_spelling() {
    for (what, canary) in CANARIES {
        let around = |form: &str| format!("{{\"a\":\"{form}\"}}");
        for offset in 0..3 {
            let encoded = STANDARD_NO_PAD.encode(format!("{}{canary}&more=1", "y".repeat(7 + offset)));
            assert!(!found(&around(&encoded)).is_empty(), "{what} in base64");
        }
        for form in [
            canary.to_owned(),
            canary.to_uppercase(),
            canary.to_lowercase(),
            percent(canary, "%20"),
            percent(canary, "+").to_lowercase(),
            format!("{:?}", canary.as_bytes()),
        ] {
            assert!(!found(&around(&form)).is_empty(), "{what}: {form}");
        }
    }
    assert_eq!(found("nothing of it, only a sandbox and a canary"), Vec::<String>::new());
}
