//! The sandbox's secrets: all invented, but for ECPay's published stage keys.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::ecpay::Merchant;
use crate::state::{Secret, State};

/// The name of ECPay's secret.
pub const ECPAY_SECRET: &str = "duekeeper/ecpay";
/// The name of the secret with admin tokens.
pub const ADMIN_SECRET: &str = "duekeeper/admin";

/// The token of somebody who may do everything.
pub const ADMIN_TOKEN: &str = "sandbox-operator-token-invented";
const READ_TOKEN: &str = "sandbox-reader-token-invented";
const EXPIRED_TOKEN: &str = "sandbox-expired-token-invented";
const JWT_KEY: &str = "sandbox-jwt-key-invented-and-long-enough";

/// The secrets of a new world.
#[must_use]
pub fn secrets(now: DateTime<Utc>, merchant: &Merchant) -> BTreeMap<String, Secret> {
    let token = |name: &str, token: &str, scopes: &[&str], expires_at: Option<DateTime<Utc>>| json!({ "name": name, "sha256": digest(token), "scopes": scopes, "expires_at": expires_at });
    let admin = json!({
        "tokens": [
            token("support", ADMIN_TOKEN, &["read", "operate"], None),
            token("monitor", READ_TOKEN, &["read"], None),
            token("former", EXPIRED_TOKEN, &["read", "operate"], Some(now - TimeDelta::days(1))),
        ],
        "jwt_key": JWT_KEY,
    });
    let secret = |current: String| Secret { current, created: now, previous: None };
    BTreeMap::from([
        (ECPAY_SECRET.to_owned(), secret(ecpay_document(merchant))),
        (ADMIN_SECRET.to_owned(), secret(admin.to_string())),
    ])
}

/// ECPay's secret as it is stored.
pub(crate) fn ecpay_document(merchant: &Merchant) -> String {
    json!({ "hash_key": merchant.hash_key, "hash_iv": merchant.hash_iv }).to_string()
}

/// What a person or a script needs to call this sandbox.
#[must_use]
pub(crate) fn shown(state: &State) -> Value {
    let merchant = state.ecpay.merchant();
    json!({
        "admin_token": ADMIN_TOKEN, "read_token": READ_TOKEN, "expired_token": EXPIRED_TOKEN, "jwt": jwt(state.now),
        "merchant_id": merchant.merchant_id, "hash_key": merchant.hash_key, "hash_iv": merchant.hash_iv,
    })
}

fn digest(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A token for half a day with every scope (RFC 7519, HS256).
fn jwt(now: DateTime<Utc>) -> String {
    let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let claims = json!({
        "sub": "sandbox", "aud": "duekeeper", "scope": "reminders customers institutions",
        "iat": now.timestamp(), "nbf": now.timestamp(), "exp": now.timestamp() + 43_200,
    });
    let signed = format!("{}.{}", part(json!({ "alg": "HS256", "typ": "JWT" })), part(claims));
    let signature = Hmac::<Sha256>::new_from_slice(JWT_KEY.as_bytes()).map(|mut mac| {
        mac.update(signed.as_bytes());
        URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
    });
    format!("{signed}.{}", signature.unwrap_or_default())
}
