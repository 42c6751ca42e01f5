//! The `Retry-After` header (RFC 9110, section 10.2.3).

/// Longest wait that is accepted from a server, in seconds.
pub const LONGEST_SECONDS: u32 = 3_600;

/// `Retry-After` in whole seconds, capped at an hour; the date form of the header is ignored.
#[must_use]
pub fn seconds(retry_after: Option<&str>) -> Option<u32> {
    let text = retry_after?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(LONGEST_SECONDS).min(LONGEST_SECONDS))
}
