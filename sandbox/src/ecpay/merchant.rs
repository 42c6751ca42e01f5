//! Merchant: its identity, its keys, and what it signs.

use serde::{Deserialize, Serialize};

use super::form::{Fields, MAC_FIELD, field};
use super::mac::check_mac_value;

/// The merchant's identity and its key pair.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Merchant {
    /// MerchantID, at most ten digits.
    pub merchant_id: String,
    /// HashKey of the CheckMacValue.
    pub hash_key: String,
    /// HashIV of the CheckMacValue.
    pub hash_iv: String,
}

impl Merchant {
    /// The CheckMacValue of the fields under this merchant's keys.
    pub fn mac(&self, fields: &Fields) -> String {
        check_mac_value(fields, &self.hash_key, &self.hash_iv)
    }

    /// The fields with their CheckMacValue behind them.
    pub(super) fn signed(&self, mut fields: Fields) -> Fields {
        let mac = self.mac(&fields);
        fields.push(field(MAC_FIELD, mac));
        fields
    }
}
