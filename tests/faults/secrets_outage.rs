//! Secrets Manager is down: each holder of a secret uses its copy for its stated time, and then fails with one clear
//! error until the secret can be read again.

use chrono::TimeDelta;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use testing::support::{Reply, Sandbox, period};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
/// Another content of the secret of admin tokens and JWT keys.
const NO_TOKENS: &str = r#"{"tokens": [], "jwt_key": "another-key-invented-and-long-enough"}"#;
/// Stale limits in seconds, from the secret's last read, which here is the start.
const HOUR: i64 = 60 * 60;
const QUARTER: i64 = 15 * 60;
/// A run reads the clock while it goes on. The limit to the second: `shared::platform::secrets::cached`.
const MARGIN: i64 = 60;

/// A sandbox whose Secrets Manager fails from now on.
struct Outage {
    sandbox: Sandbox,
    begin: chrono::DateTime<chrono::Utc>,
}

impl Outage {
    async fn of(sandbox: Sandbox) -> Self {
        let begin = sandbox.world.now();
        sandbox.fault("secrets_manager", "down").await;
        Self { sandbox, begin }
    }

    /// Sets the clock to so many seconds after the secrets were read; nothing scheduled happens on the way.
    fn at(&self, seconds: i64) -> &Sandbox {
        self.sandbox.world.leap(self.begin + TimeDelta::seconds(seconds));
        &self.sandbox
    }

    async fn end(&self) {
        self.sandbox.fault("secrets_manager", "none").await;
    }
}

fn report(order: &str, number: u32) -> sandbox::ecpay::Fields {
    let date = format!("2025/01/15 10:00:0{number}");
    period(order, "1", &date, &number.to_string(), &(14_000_000 + number).to_string())
}

async fn quarantine(sandbox: &Sandbox) -> StatusCode {
    sandbox.call(Method::GET, "/quarantine", None).await.0
}

#[tokio::test]
async fn ecpays_keys_verify_for_an_hour_and_then_callbacks_are_to_be_sent_again() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("outage-ecpay", "monthly").await;
    let outage = Outage::of(sandbox).await;
    let kept = outage.at(HOUR - MARGIN).report("ecpay-billing", &report(&order, 2)).await;
    assert_eq!(kept, Reply::ok());
    let refused = outage.at(HOUR).report("ecpay-billing", &report(&order, 3)).await;
    assert_eq!((refused.status, refused.body.as_str()), (503, "0|try again"));
    outage.end().await;
    assert_eq!(outage.at(HOUR).report("ecpay-billing", &report(&order, 3)).await, Reply::ok());
}

#[tokio::test]
async fn admin_tokens_open_for_a_quarter_of_an_hour_and_then_the_api_is_unavailable() {
    let outage = Outage::of(Sandbox::at(BEGIN).await).await;
    assert_eq!(quarantine(outage.at(QUARTER - MARGIN)).await, StatusCode::OK);
    assert_eq!(quarantine(outage.at(QUARTER)).await, StatusCode::SERVICE_UNAVAILABLE);
    outage.end().await;
    assert_eq!(quarantine(outage.at(QUARTER)).await, StatusCode::OK);
}

#[tokio::test]
async fn jwt_keys_open_for_a_quarter_of_an_hour_and_then_the_api_is_unavailable() {
    let outage = Outage::of(Sandbox::at(BEGIN).await).await;
    let expiring = async |sandbox: &Sandbox| sandbox.staff(Method::GET, "/institutions/expiring", None).await.0;
    assert_eq!(expiring(outage.at(QUARTER - MARGIN)).await, StatusCode::OK);
    assert_eq!(expiring(outage.at(QUARTER)).await, StatusCode::SERVICE_UNAVAILABLE);
    outage.end().await;
    assert_eq!(expiring(outage.at(QUARTER)).await, StatusCode::OK);
}

#[tokio::test]
async fn a_withdrawn_admin_token_ends_during_an_outage_too() {
    let outage = Outage::of(Sandbox::at(BEGIN).await).await;
    outage.sandbox.world.rotate_secret("duekeeper/admin", NO_TOKENS.to_owned());
    assert_eq!(quarantine(outage.at(QUARTER - MARGIN)).await, StatusCode::OK);
    assert_eq!(quarantine(outage.at(QUARTER)).await, StatusCode::SERVICE_UNAVAILABLE);
    outage.end().await;
    assert_eq!(quarantine(outage.at(QUARTER)).await, StatusCode::UNAUTHORIZED);
}

#[tokio::test]
async fn whatsapp_keys_send_for_an_hour_and_then_reminders_fail_with_the_reason() {
    let sandbox = Sandbox::at("2025-12-16T09:00:00+07:00").await;
    for (id, plate, phone) in [("c-1", "B%201001%20XY", "08550000001"), ("c-2", "B%201002%20XY", "08550000002")] {
        sandbox.keep(&format!("/customers/{id}"), json!({ "name": "Budi Santoso", "phone": phone })).await;
        // The second visit comes into the window by the date that is put in later.
        let visit = if id == "c-1" { "2025-12-18" } else { "2026-03-18" };
        let vehicle = json!({ "customer_id": id, "last_visit_date": "2025-08-18", "next_visit_date": visit });
        sandbox.keep(&format!("/vehicles/{plate}"), vehicle).await;
    }
    let outage = Outage::of(sandbox).await;
    let remind = async |sandbox: &Sandbox| {
        let event = json!({ "task": "maintenance-reminder" });
        sandbox.world.invoke("MaintenanceReminder", event).await.unwrap()
    };
    let kept = remind(outage.at(HOUR - MARGIN)).await;
    assert_eq!((&kept["reminder_sent"], &kept["failed"]), (&json!(1), &json!(0)), "{kept}");
    // Staff's own tokens are readable for a moment, so that there is another vehicle to remind of.
    outage.end().await;
    let vehicle = json!({ "customer_id": "c-2", "last_visit_date": "2025-08-18", "next_visit_date": "2025-12-18" });
    let (status, answer) = outage.sandbox.staff(Method::PUT, "/vehicles/B%201002%20XY", Some(vehicle)).await;
    assert!(status.is_success(), "{answer}");
    outage.sandbox.fault("secrets_manager", "down").await;
    let failed = remind(outage.at(HOUR)).await;
    assert_eq!((&failed["reminder_sent"], &failed["failed"]), (&json!(0), &json!(1)), "{failed}");
    assert!(failed.to_string().contains("the key of the WhatsApp provider could not be read"), "{failed}");
    outage.end().await;
    let again = remind(outage.at(HOUR + 1)).await;
    assert_eq!((&again["reminder_sent"], &again["failed"]), (&json!(1), &json!(0)), "{again}");
}

#[tokio::test]
async fn the_keys_of_mms_and_slack_serve_for_an_hour_and_then_the_run_fails_with_the_reason() {
    let outage = Outage::of(Sandbox::at("2026-11-20T10:00:00+08:00").await).await;
    let scan = async |sandbox: &Sandbox| {
        let event = json!({ "task": "mms-expiry-scan", "scheduled_at": sandbox.world.now() });
        sandbox.world.invoke("MmsExpiryScan", event).await
    };
    let kept: Value = scan(outage.at(HOUR - MARGIN)).await.unwrap();
    assert_ne!(kept["status"], "failed", "{kept}");
    let error = scan(outage.at(HOUR)).await.unwrap_err();
    let text = shared::platform::logging::error_chain(&error);
    let expected = "the keys could not be read: secret duekeeper/expiry could not be read again for 60 minutes and its \
        copy is no longer used: reading secret duekeeper/expiry: ";
    assert!(text.starts_with(expected), "{text}");
    outage.end().await;
    let again = scan(outage.at(HOUR)).await.unwrap();
    assert_ne!(again["status"], "failed", "{again}");
}
