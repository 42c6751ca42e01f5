//! CheckMacValue: the SHA-256 hash with which ECPay and the merchant sign every form
//! (<https://developers.ecpay.com.tw/?p=2902>).

use std::fmt;

use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use crate::ecpay::published_credentials::is_published_hash_key;

/// Name of the field with the signature; the field itself is not signed.
pub const FIELD: &str = "CheckMacValue";

/// HashKey and HashIV of a merchant. They are secrets: without `Display` or serialisation, and hidden by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct HashKeys {
    key: String,
    iv: String,
}

/// Keys that ECPay may sign with: the current pair, and for a time after a change the previous one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct VerificationKeys {
    /// Pair that requests are signed with, and ECPay's callbacks too.
    pub current: HashKeys,
    /// Pair of callbacks that ECPay signed before the change.
    pub previous: Option<HashKeys>,
}

/// A computed CheckMacValue: 64 upper-case hex digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckMacValue(String);

impl HashKeys {
    /// A merchant's pair from ECPay's console, as it is.
    #[must_use]
    pub const fn new(key: String, iv: String) -> Self {
        Self { key, iv }
    }

    /// True for the keys that ECPay publishes for tests: with them any stranger can sign.
    #[must_use]
    pub fn are_published(&self) -> bool {
        is_published_hash_key(&self.key)
    }

    /// Signs a form's fields; a field named CheckMacValue is left out.
    pub fn sign<'a>(&self, fields: impl IntoIterator<Item = (&'a str, &'a str)>) -> CheckMacValue {
        let mut signed: Vec<_> = fields.into_iter().filter(|(name, _)| *name != FIELD).collect();
        // ECPay sorts case-insensitively: its own signatures fail with a byte-wise sort.
        signed.sort_by_key(|(name, _)| name.to_ascii_lowercase());
        let mut text = format!("HashKey={}", self.key);
        for (name, value) in signed {
            text.push('&');
            text.push_str(name);
            text.push('=');
            text.push_str(value);
        }
        text.push_str("&HashIV=");
        text.push_str(&self.iv);
        let digest = Sha256::digest(encode(&text));
        CheckMacValue(hex::encode_upper(digest))
    }
}

impl fmt::Debug for HashKeys {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str("HashKeys(***)")
    }
}

impl CheckMacValue {
    /// Text as it is sent, in upper case.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// True if `received` is this value in upper or lower case; compared in constant time.
    #[must_use]
    pub fn matches(&self, received: &str) -> bool {
        self.0.as_bytes().ct_eq(received.to_ascii_uppercase().as_bytes()).into()
    }
}

/// Encodes as .NET's `HttpUtility.UrlEncode` does, then in lower case (<https://developers.ecpay.com.tw/?p=2902>).
fn encode(text: &str) -> Vec<u8> {
    let mut encoded = Vec::with_capacity(text.len().saturating_mul(2));
    for byte in text.bytes() {
        match byte {
            b' ' => encoded.push(b'+'),
            b'-' | b'_' | b'.' | b'!' | b'*' | b'(' | b')' => encoded.push(byte),
            _ if byte.is_ascii_alphanumeric() => encoded.push(byte.to_ascii_lowercase()),
            _ => encoded.extend_from_slice(format!("%{byte:02x}").as_bytes()),
        }
    }
    encoded
}

#[cfg(test)]
mod tests {
    use super::*;

    fn stage() -> HashKeys {
        HashKeys::new("pwFHCqoQZGmho4w6".into(), "EkRm7iFT261dpevs".into())
    }

    #[test]
    fn the_encoding_is_dot_nets() {
        let encoded = encode("a b+c~d'e!f*g(h)i-j_k.l%m&n=o/p:q#r@s");
        assert_eq!(String::from_utf8(encoded).unwrap(), "a+b%2bc%7ed%27e!f*g(h)i-j_k.l%25m%26n%3do%2fp%3aq%23r%40s");
    }

    #[test]
    fn the_official_samples_are_signed_as_published() {
        let order = [
            ("TradeDesc", "促銷方案"),
            ("PaymentType", "aio"),
            ("MerchantTradeDate", "2023/03/12 15:30:23"),
            ("MerchantTradeNo", "ecpay20230312153023"),
            ("MerchantID", "3002607"),
            ("ReturnURL", "https://www.ecpay.com.tw/receive.php"),
            ("ItemName", "Apple iphone 15"),
            ("TotalAmount", "30000"),
            ("ChoosePayment", "ALL"),
            ("EncryptType", "1"),
        ];
        assert_eq!(stage().sign(order).as_str(), "6C51C9E6888DE861FD62FB1DD17029FC742634498FD813DC43D4243B5685B840");
    }

    #[test]
    fn names_are_sorted_without_regard_to_case_and_empty_values_count() {
        let mut fields = vec![
            ("MerchantID", "3002607"),
            ("MerchantTradeNo", "SUB20250101A0001"),
            ("StoreID", ""),
            ("RtnCode", "1"),
            ("RtnMsg", "交易成功"),
            ("PeriodType", "M"),
            ("Frequency", "1"),
            ("ExecTimes", "999"),
            ("Amount", "899"),
            ("gwsr", "13401070"),
            ("ProcessDate", "2025/02/01 03:05:06"),
            ("AuthCode", "777777"),
            ("FirstAuthAmount", "899"),
            ("TotalSuccessTimes", "2"),
            ("CustomField1", "PRO"),
            ("CustomField2", "monthly"),
            ("CustomField3", ""),
            ("CustomField4", ""),
        ];
        let expected = "6EE48A68FD1473398F5671D1BDAA31571338727CD22DB3B5E8DAD2C115AE345A";
        let computed = stage().sign(fields.clone());
        assert_eq!(computed.as_str(), expected);
        assert!(computed.matches(&expected.to_ascii_lowercase()));
        assert!(!computed.matches(""));
        fields.push(("SimulatePaid", "1"));
        assert_eq!(stage().sign(fields).as_str(), "7EBB42946EC0DC930F7953C6303EEE3B3E99DB6793D6FB2D8D315D971D55E78F");
    }

    #[test]
    fn keys_are_never_printed() {
        assert_eq!(format!("{:?}", stage()), "HashKeys(***)");
    }
}
