//! Forms as they travel: read as a server reads them, written as PHP writes them.

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode, utf8_percent_encode};

/// The fields of a form in the order in which they were sent.
pub type Fields = Vec<(String, String)>;

/// The field that holds the signature.
pub(super) const MAC_FIELD: &str = "CheckMacValue";

const PHP: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.');

/// Reads a form body; `None` if it is not UTF-8 or repeats a name in any letter case.
pub fn parse_form(body: &[u8]) -> Option<Fields> {
    let mut fields = Fields::new();
    for pair in body.split(|byte| *byte == b'&').filter(|p| !p.is_empty()) {
        let mut halves = pair.splitn(2, |byte| *byte == b'=');
        let name = decoded(halves.next().unwrap_or_default())?;
        let value = decoded(halves.next().unwrap_or_default())?;
        if fields.iter().any(|(seen, _)| seen.eq_ignore_ascii_case(&name)) {
            return None;
        }
        fields.push((name, value));
    }
    Some(fields)
}

/// Writes a form body.
pub fn form_body(fields: &Fields) -> Vec<u8> {
    let pairs: Vec<String> =
        fields.iter().map(|(name, value)| format!("{}={}", encoded(name), encoded(value))).collect();
    pairs.join("&").into_bytes()
}

/// The text of a signed reply, whose values ECPay does not escape.
pub(super) fn reply_text(fields: &Fields) -> String {
    let pairs: Vec<String> = fields.iter().map(|(name, value)| format!("{name}={value}")).collect();
    pairs.join("&")
}

/// The value of a field, empty when the field is absent.
pub(super) fn value<'a>(fields: &'a Fields, name: &str) -> &'a str {
    fields.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.as_str())
}

/// A field from its name and value.
pub(super) fn field(name: &str, value: impl Into<String>) -> (String, String) {
    (name.to_owned(), value.into())
}

fn decoded(raw: &[u8]) -> Option<String> {
    let spaced: Vec<u8> = raw.iter().map(|byte| if *byte == b'+' { b' ' } else { *byte }).collect();
    let text = percent_decode(&spaced).decode_utf8().ok()?;
    Some(text.into_owned())
}

fn encoded(text: &str) -> String {
    utf8_percent_encode(text, PHP).to_string().replace("%20", "+")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_written_form_reads_back_the_same() {
        let fields = vec![field("RtnMsg", "額度 a+b~&=%20"), field("gwsr", "")];
        let body = form_body(&fields);
        assert_eq!(body, b"RtnMsg=%E9%A1%8D%E5%BA%A6+a%2Bb%7E%26%3D%2520&gwsr=".to_vec());
        assert_eq!(parse_form(&body), Some(fields));
    }

    #[test]
    fn a_repeated_name_or_broken_text_is_refused() {
        assert_eq!(parse_form(b"A=1&a=2"), None);
        assert_eq!(parse_form(b"A=%FF"), None);
    }
}
