//! Mail addresses.

use std::fmt;

use serde::{Deserialize, Serialize};

use crate::domain::values::text::visible;

/// Longest address in bytes: a path of SMTP without its brackets (RFC 5321, 4.5.3.1.3).
const LONGEST: usize = 254;
/// Longest part before the `@` in bytes (RFC 5321, 4.5.3.1.1).
const LONGEST_LOCAL: usize = 64;
/// Longest label of a domain in bytes (RFC 1035, 2.3.4).
const LONGEST_LABEL: usize = 63;
/// Address that replaces an erased customer's. Uses the reserved TLD `.invalid` (RFC 2606).
const ERASED_ADDRESS: &str = "erased@erased.invalid";

/// Rejection of a text as a mail address. The texts do not repeat it.
#[derive(Clone, Copy, Debug, thiserror::Error, PartialEq, Eq)]
pub enum InvalidEmail {
    /// Not one `@` with text on both sides.
    #[error("an email is an address like name@example.com")]
    Shape,
    /// Longer than 254 bytes, or than 64 before the `@`.
    #[error("an email has at most {LONGEST} characters, and {LONGEST_LOCAL} before the @")]
    TooLong,
    /// Blanks or control characters.
    #[error("an email has no blanks or control characters")]
    Blank,
    /// Other characters than ASCII before the `@`.
    #[error("an email has only ASCII letters, digits and signs before the @")]
    LocalScript,
    /// Signs before the `@` that need quotes.
    #[error("an email has none of the signs ( ) < > [ ] : ; , \\ and \" before the @")]
    LocalSign,
    /// Dot at the beginning or end of the part before the `@`, or two dots together.
    #[error("an email has a dot before the @ only between other characters")]
    LocalDot,
    /// Domain in another script.
    #[error("the domain of an email is written in ASCII; one of another script begins with xn--")]
    DomainScript,
    /// Domain of one label, or with an empty one.
    #[error("the domain of an email has at least two parts with one dot between, like example.com")]
    DomainParts,
    /// Label with other characters, with a hyphen at an end, longer than 63 characters, or a last one of digits.
    #[error("each part of an email's domain is 1 to 63 letters, digits or inner hyphens, the last not digits")]
    DomainLabel,
}

/// Recipient of a customer's mail. Never logged.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct EmailAddress(String);

impl EmailAddress {
    /// Accepts an address as SES takes it, without invisible characters: a local part of 7-bit ASCII and a domain of
    /// labels, one in another script in Punycode (SES API v2, `Destination`). Existence of the mailbox is not checked.
    ///
    /// # Errors
    /// [`InvalidEmail`] with the reason.
    pub fn parse(text: &str) -> Result<Self, InvalidEmail> {
        let address = visible(text);
        if address.len() > LONGEST {
            return Err(InvalidEmail::TooLong);
        }
        let Some((local, domain)) = address.split_once('@') else { return Err(InvalidEmail::Shape) };
        if local.is_empty() || domain.is_empty() || domain.contains('@') {
            return Err(InvalidEmail::Shape);
        }
        if address.contains(|c: char| c.is_whitespace() || c.is_control()) {
            return Err(InvalidEmail::Blank);
        }
        check_local(local)?;
        check_domain(domain)?;
        Ok(Self(address.into_owned()))
    }

    /// The address that replaces an erased customer's.
    #[must_use]
    pub fn erased() -> Self {
        Self(ERASED_ADDRESS.to_owned())
    }

    /// True for the address that replaces an erased customer's.
    #[must_use]
    pub fn is_erased(&self) -> bool {
        self.0 == ERASED_ADDRESS
    }

    /// The address for the envelope of a mail.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

fn check_local(local: &str) -> Result<(), InvalidEmail> {
    if !local.is_ascii() {
        return Err(InvalidEmail::LocalScript);
    }
    if local.len() > LONGEST_LOCAL {
        return Err(InvalidEmail::TooLong);
    }
    if local.contains(['(', ')', '<', '>', '[', ']', ':', ';', ',', '\\', '"']) {
        return Err(InvalidEmail::LocalSign);
    }
    let has_stray_dot = local.split('.').any(str::is_empty);
    if has_stray_dot { Err(InvalidEmail::LocalDot) } else { Ok(()) }
}

fn check_domain(domain: &str) -> Result<(), InvalidEmail> {
    if !domain.is_ascii() {
        return Err(InvalidEmail::DomainScript);
    }
    let labels: Vec<&str> = domain.split('.').collect();
    if labels.len() < 2 || labels.iter().any(|label| label.is_empty()) {
        return Err(InvalidEmail::DomainParts);
    }
    let is_label = |label: &&str| {
        let is_clean = label.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
        is_clean && label.len() <= LONGEST_LABEL && !label.starts_with('-') && !label.ends_with('-')
    };
    let is_number = labels.last().is_some_and(|last| last.bytes().all(|byte| byte.is_ascii_digit()));
    if labels.iter().all(is_label) && !is_number { Ok(()) } else { Err(InvalidEmail::DomainLabel) }
}

impl fmt::Debug for EmailAddress {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("EmailAddress(***)")
    }
}

impl From<EmailAddress> for String {
    fn from(address: EmailAddress) -> Self {
        address.0
    }
}

impl TryFrom<String> for EmailAddress {
    type Error = InvalidEmail;
    fn try_from(text: String) -> Result<Self, InvalidEmail> {
        Self::parse(&text)
    }
}
