//! CheckMacValue and form encoding, written from ECPay's documentation for these tests alone.

use sha2::{Digest, Sha256};

use crate::{Field, Keys};

const STAYS: &str = "abcdefghijklmnopqrstuvwxyz0123456789-_.!*()";

/// CheckMacValue of the fields; one among them is left out. Names that differ by case only stay in their order.
pub(crate) fn check_mac_value(fields: &[Field<'_>], keys: Keys<'_>) -> String {
    let mut sorted: Vec<&Field<'_>> = fields.iter().filter(|(name, _)| *name != "CheckMacValue").collect();
    sorted.sort_by_key(|(name, _)| name.to_lowercase());
    let middle: Vec<String> = sorted.iter().map(|(name, value)| format!("{name}={value}&")).collect();
    let text = format!("HashKey={}&{}HashIV={}", keys.key, middle.concat(), keys.iv);
    let encoded: String = text.bytes().map(|byte| escape(byte, STAYS)).collect();
    Sha256::digest(encoded.as_bytes()).iter().map(|byte| format!("{byte:02X}")).collect()
}

/// Encodes one byte of a text that is lower-cased as a whole.
fn escape(byte: u8, stays: &str) -> String {
    let lower = char::from(byte.to_ascii_lowercase());
    match lower {
        ' ' => "+".to_owned(),
        _ if byte.is_ascii() && stays.contains(lower) => lower.to_string(),
        _ => format!("%{byte:02x}"),
    }
}

/// Body of a form: all bytes but letters and digits are escaped, a blank becomes a plus.
pub(crate) fn body(fields: &[Field<'_>]) -> Vec<u8> {
    let text = |text: &str| -> String {
        text.bytes()
            .map(|byte| match byte {
                b' ' => "+".to_owned(),
                _ if byte.is_ascii_alphanumeric() || byte == b'_' => char::from(byte).to_string(),
                _ => format!("%{byte:02X}"),
            })
            .collect()
    };
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{}={}", text(name), text(value))).collect();
    pairs.join("&").into_bytes()
}

/// Body of a form signed with these keys.
pub(crate) fn signed_body(fields: &[Field<'_>], keys: Keys<'_>) -> Vec<u8> {
    let digest = check_mac_value(fields, keys);
    let mut all = fields.to_vec();
    all.push(("CheckMacValue", &digest));
    body(&all)
}

/// Response of a server API signed by ECPay: `k=v` text without escapes.
pub(crate) fn signed_reply(fields: &[Field<'_>], keys: Keys<'_>) -> String {
    let digest = check_mac_value(fields, keys);
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    format!("{}&CheckMacValue={digest}", pairs.join("&"))
}
