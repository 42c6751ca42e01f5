//! Meaning of a body by rules written from ECPay's documents and not from the product: its own decoding, its own list
//! of the fields that decide something.

use std::collections::BTreeSet;

use shared::domain::billing::payments::callback_kind::CallbackKind;

/// Expected treatment of a changed body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The body means the same and is accepted like the original.
    Same,
    /// The digest is wrong, or the body is no form: refused.
    Different,
    /// The digest is right and the body means something else, because it was cut differently or names another order:
    /// quarantined.
    Recut,
    /// Only texts that decide nothing differ, and in a way that the digest does not cover: quarantined, or taken as the
    /// original.
    Blind,
}

/// Fields in either callback that a decision depends on, in lower case.
const FIELDS_USED_IN_DECISIONS: [&str; 7] =
    ["merchantid", "merchanttradeno", "rtncode", "simulatepaid", "gwsr", "card4no", "exectimes"];
const DECISIVE_FIRST: [&str; 4] = ["tradeamt", "paymentdate", "process_date", "tradedate"];
const DECISIVE_PERIOD: [&str; 3] = ["amount", "processdate", "totalsuccesstimes"];
const DIGEST: &str = "checkmacvalue";
/// ECPay posts about 1 KB; nothing over this is a callback.
const LARGEST: usize = 20 * 1024;

/// A body as pairs of name, in lower case, and value; sorted by name.
type Pairs = Vec<(String, String)>;

fn is_decisive(kind: CallbackKind, name: &str) -> bool {
    let own: &[&str] = match kind {
        CallbackKind::First => &DECISIVE_FIRST,
        CallbackKind::Period => &DECISIVE_PERIOD,
    };
    FIELDS_USED_IN_DECISIONS.contains(&name) || own.contains(&name)
}

/// Expected treatment of `changed`, which was made from `original`.
pub(super) fn verdict(kind: CallbackKind, original: &[u8], changed: &[u8]) -> Verdict {
    let was = pairs(original).expect("the original is a form");
    let Some(now) = pairs(changed) else { return Verdict::Different };
    if digest(&was) != digest(&now) || signed_text(&was) != signed_text(&now) {
        return Verdict::Different;
    }
    let part = |pairs: &Pairs, decisive: bool| -> Pairs {
        pairs.iter().filter(|(name, _)| name != DIGEST && is_decisive(kind, name) == decisive).cloned().collect()
    };
    if part(&was, true) != part(&now, true) {
        return Verdict::Recut;
    }
    if part(&was, false) == part(&now, false) { Verdict::Same } else { Verdict::Blind }
}

/// The digest, in whose hexadecimal digits case means nothing, and which may come twice.
fn digest(pairs: &Pairs) -> BTreeSet<String> {
    pairs.iter().filter(|(name, _)| name == DIGEST).map(|(_, value)| value.to_lowercase()).collect()
}

/// Text under the CheckMacValue: sorted, joined, and without letter case.
fn signed_text(pairs: &Pairs) -> String {
    let signed = pairs.iter().filter(|(name, _)| name != DIGEST);
    signed.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&").to_ascii_lowercase()
}

fn pairs(body: &[u8]) -> Option<Pairs> {
    if body.len() > LARGEST {
        return None;
    }
    let mut pairs = Pairs::new();
    for pair in body.split(|byte| *byte == b'&').filter(|pair| !pair.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (text(halves.next()?)?, text(halves.next().unwrap_or_default())?);
        pairs.push((name.to_ascii_lowercase(), value));
    }
    pairs.sort_by(|one, other| one.0.cmp(&other.0));
    Some(pairs)
}

fn text(raw: &[u8]) -> Option<String> {
    let mut bytes = Vec::new();
    let mut at = 0;
    while at < raw.len() {
        let (byte, length) = match raw[at] {
            b'+' => (b' ', 1),
            b'%' => {
                let digits = std::str::from_utf8(raw.get(at + 1..at + 3)?).ok()?;
                if !digits.chars().all(|digit| digit.is_ascii_hexdigit()) {
                    return None;
                }
                (u8::from_str_radix(digits, 16).ok()?, 3)
            }
            plain => (plain, 1),
        };
        bytes.push(byte);
        at += length;
    }
    String::from_utf8(bytes).ok()
}
