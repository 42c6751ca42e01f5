//! The From header of all mails: display name and address.

use email_encoding::headers::quoted_string;
use email_encoding::headers::writer::EmailWriter;

use crate::domain::values::ids::EmailAddress;

/// The sender as SES takes it: the name quoted, or encoded where it is not ASCII (RFC 5322, 3.4; RFC 2047). One line.
pub(crate) fn from_header(name: &str, address: &EmailAddress) -> String {
    let mut encoded = String::new();
    let written = {
        let mut writer = EmailWriter::new(&mut encoded, 0, 0, false);
        quoted_string::encode(name, &mut writer)
    };
    // Writing into a text cannot fail.
    match written {
        Ok(()) => format!("{} <{}>", encoded.replace("\r\n", ""), address.as_str()),
        Err(_) => address.as_str().to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(name: &str) -> String {
        from_header(name, &EmailAddress::parse("billing@duekeeper.example").unwrap())
    }

    #[test]
    fn a_name_is_quoted_or_encoded_in_one_line() {
        assert_eq!(header("Moonpine"), "Moonpine <billing@duekeeper.example>");
        assert_eq!(header("Moonpine Studio"), "\"Moonpine Studio\" <billing@duekeeper.example>");
        assert_eq!(header("月松"), "=?utf-8?b?5pyI5p2+?= <billing@duekeeper.example>");
    }

    #[test]
    fn no_name_adds_a_header_or_another_address() {
        for name in ["x\r\nBcc: a@b.example", "\" <evil@b.example>, \"", &"很長的名字".repeat(12)] {
            let header = header(name);
            assert!(!header.contains(['\r', '\n']), "{header}");
            let (shown, address) = header.rsplit_once(" <").unwrap();
            assert_eq!(address, "billing@duekeeper.example>");
            let is_quoted = shown.starts_with('"') && shown.ends_with('"');
            assert!(is_quoted || shown.split(' ').all(|word| word.starts_with("=?utf-8?b?")), "{header}");
        }
    }
}
