//! Test credentials that ECPay publishes in its documents. Anyone can sign with them, so production rejects them.

use crate::domain::values::ids::MerchantId;

/// MerchantIDs of the published stage merchants.
const MERCHANTS: [&str; 2] = ["3002607", "2000132"];
/// HashKeys of these merchants, and of the published invoice and e-ticket stages.
const HASH_KEYS: [&str; 4] = ["pwFHCqoQZGmho4w6", "5294y06JbISpM5x9", "ejCk326UnaZWKisg", "7b53896b742849d3"];

/// True for the MerchantID of a published stage merchant.
#[must_use]
pub fn is_published_merchant(merchant: &MerchantId) -> bool {
    MERCHANTS.contains(&merchant.as_str())
}

/// True for a published HashKey.
#[must_use]
pub fn is_published_hash_key(key: &str) -> bool {
    HASH_KEYS.contains(&key)
}
