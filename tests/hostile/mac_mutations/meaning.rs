//! Meaning of a body by rules written from ECPay's documents and not from the product: its own decoding, its own list
//! of the fields that decide something.

use std::collections::BTreeMap;

use shared::domain::billing::payments::callback_kind::CallbackKind;

/// Expected treatment of a changed body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verdict {
    /// The body means the same and is accepted like the original.
    Same,
    /// The body means something else, or nothing, and is refused.
    Different,
    /// Only texts that decide nothing differ, and in a way that the digest does not cover: refused, or taken as the
    /// original.
    Blind,
}

/// Fields in either callback that a decision depends on.
const FIELDS_USED_IN_DECISIONS: [&str; 6] =
    ["MerchantID", "MerchantTradeNo", "RtnCode", "SimulatePaid", "gwsr", "card4no"];
const DECISIVE_FIRST: [&str; 4] = ["TradeAmt", "PaymentDate", "process_date", "TradeDate"];
const DECISIVE_PERIOD: [&str; 3] = ["Amount", "ProcessDate", "TotalSuccessTimes"];
const DIGEST: &str = "CheckMacValue";
/// ECPay posts about 1 KB; nothing over this is a callback.
const LARGEST: usize = 20 * 1024;

/// A body as pairs of name and value; `None` when it is no form, or an ambiguous one.
type Pairs = BTreeMap<String, String>;

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
    let respelt = |name: &String| {
        let told = was.keys().any(|known| known.eq_ignore_ascii_case(name) && is_decisive(kind, known));
        told && !was.contains_key(name)
    };
    if now.keys().any(respelt) || digest(&was) != digest(&now) {
        return Verdict::Different;
    }
    let part = |pairs: &Pairs, decisive: bool| -> Pairs {
        let of = pairs.iter().filter(|(name, _)| *name != DIGEST && is_decisive(kind, name) == decisive);
        of.map(|(name, value)| (name.clone(), value.clone())).collect()
    };
    if part(&was, true) != part(&now, true) || signed_text(&was) != signed_text(&now) {
        return Verdict::Different;
    }
    if part(&was, false) == part(&now, false) { Verdict::Same } else { Verdict::Blind }
}

/// The digest, in whose hexadecimal digits case means nothing.
fn digest(pairs: &Pairs) -> Option<String> {
    pairs.get(DIGEST).map(|digest| digest.to_lowercase())
}

/// Text under the CheckMacValue: sorted, joined, and without letter case.
fn signed_text(pairs: &Pairs) -> String {
    let mut lines: Vec<(String, &String)> = pairs
        .iter()
        .filter(|(name, _)| *name != DIGEST)
        .map(|(name, value)| (name.to_ascii_lowercase(), value))
        .collect();
    lines.sort();
    let text = lines.iter().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
    text.to_ascii_lowercase()
}

fn pairs(body: &[u8]) -> Option<Pairs> {
    if body.len() > LARGEST {
        return None;
    }
    let mut pairs = Pairs::new();
    for pair in body.split(|byte| *byte == b'&') {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let (name, value) = (text(halves.next()?)?, text(halves.next()?)?);
        // ECPay writes both.
        let name = if name == "Gwsr" { "gwsr".to_owned() } else { name };
        let twice = pairs.keys().any(|known| known.eq_ignore_ascii_case(&name));
        let plain = !name.is_empty() && name.chars().all(|letter| letter.is_ascii_alphanumeric() || letter == '_');
        if twice || !plain {
            return None;
        }
        pairs.insert(name, value);
    }
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
