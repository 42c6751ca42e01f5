//! `Idempotency-Key`: requests under one key are one request.

use std::fmt;

use lambda_http::http::HeaderValue;
use shared::domain::billing::operations::KeyedRequest;
use shared::domain::values::ids::{OperationKey, RequestHash};
use shared::platform::hash::{sha256_hex, short_id};
use utoipa::IntoParams;

use crate::http::response::Failure;

/// Longest key in bytes.
const LONGEST: usize = 255;

/// Header of a request that may be repeated.
#[derive(IntoParams)]
#[into_params(parameter_in = Header)]
#[expect(dead_code, reason = "only described: `SentKey` is read")]
pub(crate) struct IdempotencyHeader {
    /// Key of the caller's choice in visible ASCII characters, kept for at least 30 days. A repetition under the same key has no
    /// second effect and is answered with the current state; any other request under it is refused with 409 and the code
    /// `key_reused`: of another route or order, or with another value.
    #[param(
        rename = "Idempotency-Key",
        nullable = false,
        min_length = 1,
        max_length = 255,
        pattern = "^[!-~]+$",
        example = "5b0c1d9e-7a34-4f6b-9c2e-8d1f0a3b6e57"
    )]
    key: Option<String>,
}

/// Key as it was sent; callers may put personal data into it.
#[derive(Clone, Default)]
pub(crate) struct SentKey(Option<String>);

impl SentKey {
    /// Reads the header. It is checked by [`SentKey::of_request`], after authorization.
    pub(crate) fn of(header: Option<&HeaderValue>) -> Self {
        // A header that is not text becomes a control character, which `of_request` refuses.
        Self(header.map(|value| value.to_str().unwrap_or("\u{7f}").to_owned()))
    }

    /// Key that this function chose, of visible ASCII characters.
    pub(crate) const fn own(key: String) -> Self {
        Self(Some(key))
    }

    /// Request under the key, both hashed: the key together with the caller's scope, since two callers may send the same one, and
    /// the request together with the key, so that its values cannot be guessed from the table.
    pub(crate) fn of_request(&self, scope: &str, fingerprint: &str) -> Result<Option<KeyedRequest>, Failure> {
        let Some(key) = &self.0 else { return Ok(None) };
        if key.is_empty() || key.len() > LONGEST || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters"));
        }
        let stored = OperationKey::parse(&short_id(&format!("{scope}|{key}")));
        let request = RequestHash::parse(&sha256_hex(&format!("{scope}|{key}|{fingerprint}")));
        match (stored, request) {
            (Ok(key), Ok(request)) => Ok(Some(KeyedRequest { key, request })),
            (Err(error), _) | (_, Err(error)) => Err(Failure::upstream(&error)),
        }
    }
}

impl fmt::Debug for SentKey {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(if self.0.is_some() { "SentKey(***)" } else { "SentKey(none)" })
    }
}
