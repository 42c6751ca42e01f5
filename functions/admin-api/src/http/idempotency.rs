//! `Idempotency-Key`: requests under one key are one request.

use std::fmt;

use lambda_http::http::HeaderValue;
use shared::domain::values::ids::OperationKey;
use shared::platform::hash::short_id;
use utoipa::IntoParams;

use crate::http::response::Failure;

/// Longest key in bytes.
const LONGEST: usize = 255;

/// Header of a request that may be repeated.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described: `SentKey` is read")]
pub(crate) struct IdempotencyHeader {
    /// Key of the caller's choice in visible ASCII characters. A repetition under the same key has no second effect and is
    /// answered with the current state; another request under it is refused with 409 and the code `key_reused`.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        example = "refund-2025-03-31-0042"
    )]
    key: Option<String>,
}

/// Key as it was sent; callers may put personal data into it.
#[derive(Clone, Default)]
pub(crate) struct SentKey(Option<String>);

impl SentKey {
    /// Reads the header. It is checked by [`SentKey::stored`], after authorization.
    pub(crate) fn of(header: Option<&HeaderValue>) -> Self {
        // A header that is not text becomes a control character, which `stored` refuses.
        Self(header.map(|value| value.to_str().unwrap_or("\u{7f}").to_owned()))
    }

    /// Key as stored: hashed together with the caller's scope, since two callers may send the same key.
    pub(crate) fn stored(&self, scope: &str) -> Result<Option<OperationKey>, Failure> {
        let Some(key) = &self.0 else { return Ok(None) };
        if key.is_empty() || key.len() > LONGEST || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters"));
        }
        let stored = short_id(&format!("{scope}|{key}"));
        OperationKey::parse(&stored).map(Some).map_err(|error| Failure::upstream(&error))
    }
}

impl fmt::Debug for SentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "SentKey(***)" } else { "SentKey(none)" })
    }
}
