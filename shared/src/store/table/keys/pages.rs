//! Keys of what pages need: those of buyers and customers, and the console of staff.

use crate::store::table::keys::{Key, STATE};

/// Key of a checkout page, by the SHA-256 of its token in hex.
#[must_use]
pub fn checkout(token_digest: &str) -> Key {
    Key::new(format!("CHECKOUT#{token_digest}"), STATE)
}

/// Key of a customer page, by the SHA-256 of its token in hex.
#[must_use]
pub fn customer_page(token_digest: &str) -> Key {
    Key::new(format!("PORTAL#{token_digest}"), STATE)
}

/// Key of a session of the console.
#[must_use]
pub fn session(cookie_digest: &str) -> Key {
    Key::new(format!("SESSION#{cookie_digest}"), STATE)
}

/// Partition of the parts of a file that was uploaded in the console.
#[must_use]
pub fn upload_partition(id: &str) -> String {
    format!("UPLOAD#{id}")
}

/// Key of a part of such a file, counted from 0.
#[must_use]
pub fn upload_part(id: &str, place: usize) -> Key {
    Key::new(upload_partition(id), format!("PART#{place:04}"))
}
