//! SHA-256 of texts as hex, for ids and for secrets that are stored as hashes only.

use sha2::{Digest, Sha256};

/// Length of [`short_id`] in hex digits: 128 bits, far beyond a collision by chance.
const SHORT: usize = 32;

/// Returns the SHA-256 of a text as 64 lower-case hex digits.
#[must_use]
pub fn sha256_hex(text: &str) -> String {
    hex::encode(Sha256::digest(text))
}

/// Returns an id for a text: the first 32 hex digits of its SHA-256. The same text always has the same id.
#[must_use]
pub fn short_id(text: &str) -> String {
    let mut id = sha256_hex(text);
    id.truncate(SHORT);
    id
}
