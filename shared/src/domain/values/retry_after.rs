//! The header by which a server asks for patience.

/// The longest wait that is believed, in seconds: an hour.
pub const LONGEST_SECONDS: u32 = 3_600;

/// `Retry-After` in whole seconds, capped at an hour; its other form, a date, is not read.
#[must_use]
pub fn seconds(retry_after: Option<&str>) -> Option<u32> {
    let text = retry_after?.trim();
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    digits.then(|| text.parse().unwrap_or(LONGEST_SECONDS).min(LONGEST_SECONDS))
}
