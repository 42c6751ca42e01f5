//! The sandbox's secrets: all invented, but for ECPay's published stage keys.

use std::collections::BTreeMap;

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use chrono::{DateTime, TimeDelta, Utc};
use hmac::{Hmac, Mac};
use serde_json::{Value, json};
use sha2::{Digest, Sha256};

use crate::ecpay::Merchant;
use crate::world::state::{Secret, State};

/// The name of ECPay's secret.
pub const ECPAY_SECRET: &str = "duekeeper/ecpay";
/// The name of the secret with admin tokens.
pub const ADMIN_SECRET: &str = "duekeeper/admin";

/// The name of the secret with the WhatsApp gateways' keys.
pub const REMINDER_SECRET: &str = "duekeeper/reminders";

/// The name of the secret with the keys under which phone numbers are hashed.
pub const PHONE_SECRET: &str = "duekeeper/phones";

/// The name of the secret by which callbacks of WhatsApp gateways are verified.
pub const CALLBACK_SECRET: &str = "duekeeper/whatsapp-callbacks";
/// The secret of the app at Meta, which signs its callbacks.
const CLOUD_APP_SECRET: &str = "sandbox-cloud-app-secret-invented";
/// The token with which Meta verifies the address of its callbacks.
const CLOUD_VERIFY_TOKEN: &str = "sandbox-cloud-verify-token-invented";
/// The unguessable part of the address of StarSender's callbacks.
pub const STARSENDER_TOKEN: &str = "sandbox-starsender-token-invented";

/// The name of the secret with which Slack signs its requests.
pub const SLACK_CALLBACK_SECRET: &str = "duekeeper/slack-callbacks";
const SLACK_SIGNING_SECRET: &str = "sandbox-slack-signing-secret-invented";

/// The name of the secret with the keys of MMS and Slack.
pub const EXPIRY_SECRET: &str = "duekeeper/expiry";

/// The name of the secret with the endpoints of events and their keys.
pub const EVENTS_SECRET: &str = "duekeeper/events";
/// The key of the sandbox's own endpoint: 32 bytes, in the form of Standard Webhooks.
pub const EVENTS_KEY: &str = "whsec_c2FuZGJveC1ldmVudHMta2V5LWludmVudGVkLTMyISE=";

/// The key of the sender's device at StarSender.
pub const STARSENDER_KEY: &str = "sandbox-starsender-device-key-invented";
/// The token for Meta's Cloud API.
pub const CLOUD_TOKEN: &str = "sandbox-cloud-api-token-invented";
/// The sender's number there, by its id.
pub const PHONE_NUMBER_ID: &str = "100000000000042";

/// The key for MMS.
pub const MMS_KEY: &str = "sandbox-mms-staff-session-invented";
/// The path of Slack's incoming webhook.
pub const SLACK_WEBHOOK_PATH: &str = "/services/T0INVENTED/B0INVENTED/sandbox-webhook-invented";
/// The channel that the webhook belongs to.
pub const SLACK_CHANNEL: &str = "#mms-notifications";
/// The token of Slack's bot.
pub const SLACK_BOT_TOKEN: &str = "xoxb-sandbox-bot-token-invented";
/// Placeholder for the sandbox's URL in a stored secret: its port may differ at the next start.
const HERE: &str = "{sandbox}";

/// Admin token of an operator, who may call every route of the business API.
pub const ADMIN_TOKEN: &str = "sandbox-operator-token-invented";
const READ_TOKEN: &str = "sandbox-reader-token-invented";
/// Admin token of the workshop: customers and reminders.
const WORKSHOP_TOKEN: &str = "sandbox-workshop-token-invented";
/// Admin token of sales staff: institutions.
const SALES_TOKEN: &str = "sandbox-sales-token-invented";
/// Admin token with all five scopes.
pub(crate) const OWNER_TOKEN: &str = "sandbox-owner-token-invented";
const EXPIRED_TOKEN: &str = "sandbox-expired-token-invented";
const JWT_KEY: &str = "sandbox-jwt-key-invented-and-long-enough";
/// The key under which phone numbers are hashed.
pub const PHONE_KEY: &str = "sandbox-phone-key-invented-and-long-enough";
const OTHER_JWT_KEY: &str = "another-jwt-key-invented-and-long-enough";

/// Role of a member of staff, with the admin token that stands for it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Role {
    /// Name in addresses.
    pub name: &'static str,
    /// Name on the page.
    pub label: &'static str,
    /// Scopes of the token, as the page lists them.
    pub scopes: &'static str,
    pub(crate) token: &'static str,
}

/// Roles in which staff can sign in, each by an invented token.
pub const ROLES: [Role; 5] = [
    Role { name: "support", label: "Support", scopes: "read, operate", token: ADMIN_TOKEN },
    Role { name: "read-only", label: "Read only", scopes: "read", token: READ_TOKEN },
    Role { name: "workshop", label: "Workshop", scopes: "customers, reminders", token: WORKSHOP_TOKEN },
    Role { name: "sales", label: "Sales", scopes: "institutions", token: SALES_TOKEN },
    Role { name: "owner", label: "Owner", scopes: "all five", token: OWNER_TOKEN },
];

/// The secrets of a new world.
#[must_use]
pub fn secrets(now: DateTime<Utc>, merchant: &Merchant) -> BTreeMap<String, Secret> {
    let token = |name: &str, token: &str, scopes: &[&str], expires_at: Option<DateTime<Utc>>| json!({ "name": name, "sha256": digest(token), "scopes": scopes, "expires_at": expires_at });
    let admin = json!({
        "tokens": [
            token("support", ADMIN_TOKEN, &["read", "operate"], None),
            token("monitor", READ_TOKEN, &["read"], None),
            token("workshop", WORKSHOP_TOKEN, &["customers", "reminders"], None),
            token("sales", SALES_TOKEN, &["institutions"], None),
            token("owner", OWNER_TOKEN, &["read", "operate", "customers", "reminders", "institutions"], None),
            token("former", EXPIRED_TOKEN, &["read", "operate"], Some(now - TimeDelta::days(1))),
        ],
        "jwt_key": JWT_KEY,
    });
    let reminders = json!({ "starsender_api_key": STARSENDER_KEY, "cloud_api_token": CLOUD_TOKEN });
    let callbacks = json!({
        "cloud_api_app_secret": CLOUD_APP_SECRET, "cloud_api_verify_token": CLOUD_VERIFY_TOKEN,
        "starsender_token": STARSENDER_TOKEN,
    });
    let secret = |current: String| Secret { current, created: now, previous: None };
    BTreeMap::from([
        (ECPAY_SECRET.to_owned(), secret(ecpay_document(merchant))),
        (ADMIN_SECRET.to_owned(), secret(admin.to_string())),
        (REMINDER_SECRET.to_owned(), secret(reminders.to_string())),
        (PHONE_SECRET.to_owned(), secret(json!({ "keys": [PHONE_KEY] }).to_string())),
        (CALLBACK_SECRET.to_owned(), secret(callbacks.to_string())),
        (SLACK_CALLBACK_SECRET.to_owned(), secret(json!({ "signing_secret": SLACK_SIGNING_SECRET }).to_string())),
        (EXPIRY_SECRET.to_owned(), secret(expiry_document(HERE))),
        (EVENTS_SECRET.to_owned(), secret(events_document(HERE))),
    ])
}

/// Signature of a callback as Meta makes it.
#[must_use]
pub fn cloud_signature(body: &[u8]) -> String {
    format!("sha256={}", hmac_hex(CLOUD_APP_SECRET, body))
}

/// Signature of a request as Slack makes it at `at`, in Unix seconds.
#[must_use]
pub fn slack_signature(at: &str, body: &str) -> String {
    format!("v0={}", hmac_hex(SLACK_SIGNING_SECRET, format!("v0:{at}:{body}").as_bytes()))
}

fn hmac_hex(key: &str, text: &[u8]) -> String {
    // HMAC takes keys of any length.
    let mac = Hmac::<Sha256>::new_from_slice(key.as_bytes()).map(|mac| mac.chain_update(text));
    mac.map_or_else(|_| String::new(), |mac| hex::encode(mac.finalize().into_bytes()))
}

/// ECPay's secret as it is stored.
pub(crate) fn ecpay_document(merchant: &Merchant) -> String {
    json!({ "hash_key": merchant.hash_key, "hash_iv": merchant.hash_iv }).to_string()
}

/// The secret of MMS and Slack as it is given to a function, Slack being served at `base_url`. By webhook: with a bot's
/// token it would be by `chat.postMessage`.
#[must_use]
pub fn expiry_document(base_url: &str) -> String {
    let webhook = format!("{base_url}{SLACK_WEBHOOK_PATH}");
    json!({ "mms_api_key": MMS_KEY, "slack_webhook_url": webhook, "slack_bot_token": "" }).to_string()
}

/// The secret of the endpoints: the app that is served at `base_url` gets events of all types.
#[must_use]
pub fn events_document(base_url: &str) -> String {
    let endpoint = json!({ "name": "sandbox", "url": format!("{base_url}/app/events"), "keys": [EVENTS_KEY] });
    json!({ "endpoints": [endpoint] }).to_string()
}

/// A kept secret as it is given to a function of the sandbox at `base_url`.
pub(crate) fn located(secret: &str, base_url: &str) -> String {
    secret.replace(HERE, base_url)
}

/// Credentials and addresses that a person or script needs to call this sandbox.
#[must_use]
pub(crate) fn shown(state: &State) -> Value {
    let merchant = state.ecpay.merchant();
    let now = state.now.timestamp();
    let good = Jwt { now, ..Jwt::default() };
    json!({
        "admin_token": ADMIN_TOKEN, "read_token": READ_TOKEN, "owner_token": OWNER_TOKEN, "expired_token": EXPIRED_TOKEN,
        "workshop_token": WORKSHOP_TOKEN, "sales_token": SALES_TOKEN,
        "merchant_id": merchant.merchant_id, "hash_key": merchant.hash_key, "hash_iv": merchant.hash_iv,
        "events_key": EVENTS_KEY,
        "jwt": good.text(),
        "jwt_reminders_only": Jwt { scope: "reminders", ..good }.text(),
        "jwt_institutions_only": Jwt { scope: "institutions", ..good }.text(),
        // And some that are to be refused.
        "jwt_expired": Jwt { now: now - 7200, seconds: 3600, ..good }.text(),
        "jwt_other_key": Jwt { key: OTHER_JWT_KEY, ..good }.text(),
        "jwt_none": Jwt { algorithm: "none", ..good }.text(),
        "jwt_wrong_audience": Jwt { audience: "another-audience", ..good }.text(),
        "jwt_too_long": Jwt { seconds: 25 * 3600, ..good }.text(),
    })
}

/// A token of the workshop's app that may do everything, for half a day.
#[must_use]
pub fn jwt(now: DateTime<Utc>) -> String {
    Jwt { now: now.timestamp(), ..Jwt::default() }.text()
}

/// SHA-256 of a token in hex, as the secret lists it.
pub(crate) fn digest(token: &str) -> String {
    Sha256::digest(token).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// A token (RFC 7519).
#[derive(Clone, Copy)]
pub(crate) struct Jwt<'a> {
    pub(crate) algorithm: &'a str,
    pub(crate) key: &'a str,
    pub(crate) name: &'a str,
    pub(crate) audience: &'a str,
    pub(crate) scope: &'a str,
    /// Time of issue, in seconds since 1970.
    pub(crate) now: i64,
    /// Validity, in seconds from the issue.
    pub(crate) seconds: i64,
}

/// For half a day with every scope.
impl Default for Jwt<'_> {
    fn default() -> Self {
        Self {
            algorithm: "HS256",
            key: JWT_KEY,
            name: "sandbox",
            audience: "duekeeper",
            scope: "reminders customers institutions",
            now: 0,
            seconds: 43_200,
        }
    }
}

impl Jwt<'_> {
    pub(crate) fn text(&self) -> String {
        let part = |value: Value| URL_SAFE_NO_PAD.encode(value.to_string());
        let claims = json!({
            "sub": self.name, "aud": self.audience, "scope": self.scope,
            "iat": self.now, "nbf": self.now, "exp": self.now + self.seconds,
        });
        let signed = format!("{}.{}", part(json!({ "alg": self.algorithm, "typ": "JWT" })), part(claims));
        let signature = Hmac::<Sha256>::new_from_slice(self.key.as_bytes()).map(|mut mac| {
            mac.update(signed.as_bytes());
            URL_SAFE_NO_PAD.encode(mac.finalize().into_bytes())
        });
        // Without an algorithm there is no signature.
        let signature = if self.algorithm == "none" { String::new() } else { signature.unwrap_or_default() };
        format!("{signed}.{signature}")
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::world::state::test_merchant;

    #[test]
    fn each_role_has_a_token_of_the_secret_with_the_scopes_that_the_page_lists() {
        let secrets = secrets("2026-03-02T09:30:00+08:00".parse().unwrap(), &test_merchant());
        let admin: Value = serde_json::from_str(&secrets[ADMIN_SECRET].current).unwrap();
        for role in ROLES {
            let tokens = admin["tokens"].as_array().unwrap();
            let token = tokens.iter().find(|token| token["sha256"] == digest(role.token)).unwrap();
            let scopes: Vec<_> = token["scopes"].as_array().unwrap().iter().filter_map(Value::as_str).collect();
            let shown = if scopes.len() == 5 { "all five".to_owned() } else { scopes.join(", ") };
            assert_eq!(shown, role.scopes, "{}", role.name);
        }
    }
}
