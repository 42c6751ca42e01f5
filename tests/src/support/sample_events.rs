//! The sample events of `events/` in the order of their story, and a world in which each makes sense.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde_json::{Value, json};
use shared::ecpay::check_mac_value::HashKeys;
use shared::ecpay::order_form::{OrderUrls, order_form};

use super::project::{functions, package, text};
use super::{Reply, Sandbox, column, period, with};

/// The order that the samples are about.
pub const ORDER: &str = "DK20250131SAMPLE0001";
/// Time of the first sample: the first payment.
pub const BEGIN: &str = "2025-01-31T10:00:00+08:00";

/// One sample: when it is delivered, the status of both answers, and which items the second delivery adds: what staff
/// order twice is done twice.
pub struct Sample {
    /// Instant of the delivery (RFC 3339).
    pub at: &'static str,
    /// Path of the file below `events/`.
    pub file: &'static str,
    /// Status of both answers.
    pub status: u16,
    /// Beginnings of the keys that the second delivery adds.
    pub adds: &'static [&'static str],
}

const fn sample(at: &'static str, file: &'static str, status: u16) -> Sample {
    Sample { at, file, status, adds: &[] }
}

const FAILURE: &str = "2025-03-31T10:00:00+08:00";
const LATER: &str = "2025-04-01T09:00:00+08:00";
/// Time of the scan of institutions.
pub const DIGEST: &str = "2025-04-01T09:30:00+08:00";

/// Every sample, in the order of their story.
pub const SAMPLES: &[Sample] = &[
    sample(BEGIN, "ecpay-webhook/first-payment.json", 200),
    sample("2025-02-28T10:00:00+08:00", "ecpay-webhook/period-payment.json", 200),
    sample(FAILURE, "ecpay-webhook/period-failure.json", 200),
    sample(FAILURE, "ecpay-webhook/wrong-mac.json", 400),
    sample(FAILURE, "admin-api/health.json", 200),
    sample(FAILURE, "admin-api/console-sign-in.json", 200),
    sample(FAILURE, "admin-api/webhook-stats.json", 200),
    sample(FAILURE, "admin-api/subscription-status.json", 200),
    sample(FAILURE, "admin-api/get-subscription.json", 200),
    sample(FAILURE, "admin-api/list-subscriptions.json", 200),
    sample(FAILURE, "admin-api/list-payments.json", 200),
    sample(FAILURE, "admin-api/search.json", 200),
    sample(FAILURE, "admin-api/quarantine.json", 200),
    sample(FAILURE, "admin-api/replay-report.json", 200),
    sample(FAILURE, "admin-api/replay-quarantine.json", 200),
    // The token of a checkout page is random.
    sample(FAILURE, "admin-api/checkout.json", 404),
    sample(FAILURE, "admin-api/pay.json", 404),
    // As is that of a customer page.
    sample(FAILURE, "admin-api/customer-page.json", 404),
    sample(FAILURE, "admin-api/customer-button.json", 303),
    sample(FAILURE, "subscription-maintenance/stored-event.json", 200),
    sample("2025-03-31T10:05:00+08:00", "subscription-maintenance/every-five-minutes.json", 200),
    sample("2025-03-31T18:00:00+08:00", "subscription-maintenance/every-six-hours.json", 200),
    sample("2025-03-31T20:30:00+08:00", "subscription-maintenance/every-two-hours.json", 200),
    sample("2025-04-01T02:00:00+08:00", "subscription-maintenance/daily.json", 200),
    Sample {
        at: LATER,
        file: "admin-api/extend-grace.json",
        status: 200,
        adds: &["SUB#DK20250131SAMPLE0001 EVENT#", "SUB#DK20250131SAMPLE0001 HISTORY#"],
    },
    sample(LATER, "admin-api/manual-retry.json", 200),
    sample(LATER, "subscription-maintenance/retry.json", 200),
    // The retry was requested by the samples before.
    sample(LATER, "admin-api/retry-charge.json", 200),
    // ECPay does not know the order.
    sample(LATER, "admin-api/adopt-subscription.json", 400),
    sample(LATER, "subscription-maintenance/adopt.json", 200),
    Sample { at: LATER, file: "admin-api/adopt-subscriptions.json", status: 202, adds: &["ADOPTION#", "ADOPTION#"] },
    // No list has that id.
    sample(LATER, "subscription-maintenance/adopt-list.json", 200),
    sample(LATER, "admin-api/show-adoptions.json", 404),
    // As long as none is paid, each is an order with a page of its own.
    Sample {
        at: LATER,
        file: "admin-api/create-subscription.json",
        status: 201,
        adds: &["CHECKOUT#", "FIND#", "SUB#DK", "SUB#DK", "USER#sample-user-2 ORDER#DK"],
    },
    // The offer is made once for its key; each answer has a page of its own.
    Sample { at: LATER, file: "admin-api/payment-link.json", status: 201, adds: &["CHECKOUT#"] },
    Sample { at: LATER, file: "admin-api/change-plan.json", status: 201, adds: &["CHECKOUT#"] },
    sample(LATER, "admin-api/trigger-maintenance.json", 200),
    sample(LATER, "subscription-maintenance/all-tasks.json", 200),
    // The samples' keys make each of these one request, however often it comes.
    sample(LATER, "admin-api/pause.json", 200),
    sample(LATER, "admin-api/resume.json", 200),
    // A retry is open.
    sample(LATER, "admin-api/mark-paid.json", 409),
    sample(LATER, "admin-api/refund.json", 200),
    sample(LATER, "admin-api/terms.json", 200),
    // A dry run writes nothing, not even a row of the ledger.
    sample(LATER, "admin-api/start-run.json", 200),
    sample(LATER, "subscription-maintenance/dry-run.json", 200),
    sample(LATER, "admin-api/list-runs.json", 200),
    sample(LATER, "admin-api/openapi.json", 200),
    sample(LATER, "admin-api/show-asset.json", 200),
    sample(LATER, "admin-api/whoami.json", 200),
    sample(LATER, "admin-api/get-run.json", 200),
    sample(LATER, "admin-api/list-events.json", 200),
    // Each request makes a test of its own.
    Sample { at: LATER, file: "admin-api/test-events.json", status: 202, adds: &["EVENTS EVENT#"] },
    sample(LATER, "admin-api/resend-event.json", 200),
    sample(LATER, "admin-api/list-event-endpoints.json", 200),
    // It never failed.
    sample(LATER, "admin-api/enable-event-endpoint.json", 404),
    sample(LATER, "admin-api/list-notices.json", 200),
    // The mail was sent.
    sample(LATER, "admin-api/resend-notice.json", 409),
    sample(LATER, "admin-api/export-user.json", 200),
    // Each request makes a page of its own.
    Sample { at: LATER, file: "admin-api/customer-link.json", status: 201, adds: &["PORTAL#"] },
    // The order is live.
    sample(LATER, "admin-api/erase-user.json", 409),
    sample(LATER, "admin-api/reminder-status.json", 200),
    sample(LATER, "admin-api/start-reminders.json", 200),
    sample(LATER, "admin-api/stop-reminders.json", 200),
    sample(LATER, "admin-api/run-reminders.json", 200),
    sample(LATER, "admin-api/send-reminders.json", 200),
    sample(LATER, "maintenance-reminder/dry-run.json", 200),
    sample(LATER, "maintenance-reminder/daily.json", 200),
    sample(LATER, "maintenance-reminder/by-staff.json", 200),
    sample(DIGEST, "mms-expiry-scan/dry-run.json", 200),
    sample(DIGEST, "mms-expiry-scan/daily.json", 200),
    sample(DIGEST, "mms-expiry-scan/by-staff.json", 200),
    sample(DIGEST, "admin-api/expiring-institutions.json", 200),
    sample(DIGEST, "admin-api/acknowledge-institution.json", 200),
    sample(DIGEST, "admin-api/slack-interaction.json", 200),
    // Its address is not the simulated Slack's, so that it is not called.
    sample(DIGEST, "mms-expiry-scan/answer-press.json", 200),
    sample(DIGEST, "admin-api/cancel.json", 200),
    sample(DIGEST, "admin-api/undo-cancel.json", 200),
    sample(DIGEST, "subscription-maintenance/cancel.json", 200),
    sample(DIGEST, "admin-api/change-email.json", 200),
    // About the mail to the address before.
    sample(DIGEST, "subscription-maintenance/bounce.json", 200),
    sample(DIGEST, "subscription-maintenance/complaint.json", 200),
    sample(DIGEST, "admin-api/add-note.json", 200),
    sample(DIGEST, "admin-api/list-messages.json", 200),
    sample(DIGEST, "admin-api/preview-mail.json", 200),
    sample(DIGEST, "admin-api/import-customers.json", 200),
    // No import of that id goes on in the background.
    sample(DIGEST, "admin-api/show-import.json", 404),
    sample(DIGEST, "maintenance-reminder/continue-reminders.json", 200),
    sample(DIGEST, "maintenance-reminder/import.json", 200),
    sample(DIGEST, "admin-api/put-customer.json", 200),
    sample(DIGEST, "admin-api/get-customer.json", 200),
    sample(DIGEST, "admin-api/put-vehicle.json", 200),
    sample(DIGEST, "admin-api/get-vehicle.json", 200),
    sample(DIGEST, "admin-api/record-visit.json", 200),
    // Opted out by the reply before it.
    sample(DIGEST, "admin-api/verify-cloud-api.json", 200),
    sample(DIGEST, "admin-api/cloud-api-callback.json", 200),
    sample(DIGEST, "admin-api/opt-out.json", 200),
    sample(DIGEST, "maintenance-reminder/confirm-opt-outs.json", 200),
    sample(DIGEST, "admin-api/starsender-callback.json", 200),
    sample(DIGEST, "admin-api/end-opt-out.json", 200),
    sample(DIGEST, "admin-api/list-opt-outs.json", 200),
    sample(DIGEST, "admin-api/remind-again.json", 200),
    sample(DIGEST, "admin-api/find-customers.json", 200),
    sample(DIGEST, "admin-api/list-vehicles.json", 200),
    sample(DIGEST, "admin-api/export-customer.json", 200),
    sample(DIGEST, "admin-api/erase-customer.json", 200),
];

/// Parses an instant (RFC 3339).
pub fn at(text: &str) -> DateTime<Utc> {
    DateTime::parse_from_rfc3339(text).unwrap().to_utc()
}

/// Reads a sample event.
pub fn event(file: &str) -> Value {
    serde_json::from_str(&text(&format!("events/{file}"))).unwrap_or_else(|error| panic!("{file}: {error}"))
}

/// The logical name of each function by its folder.
pub fn folders() -> BTreeMap<String, String> {
    functions().into_iter().map(|(name, properties)| (package(&properties), name)).collect()
}

/// Starts a sandbox that knows the samples' order, as ECPay does. ECPay's own callbacks are lost, because the samples
/// take their place.
pub async fn sandbox() -> Sandbox {
    // As the template has it, since the bootstraps read their variables there.
    let sandbox = Sandbox::with(BEGIN, &[("RECEIPTS", "on")]).await;
    let decision = sandbox.store_order(ORDER, "sample-user", BEGIN).await;
    let urls = OrderUrls { api: sandbox.base.clone(), frontend: format!("{}/shop", sandbox.base) };
    let keys = HashKeys::new("pwFHCqoQZGmho4w6".to_owned(), "EkRm7iFT261dpevs".to_owned());
    let form: BTreeMap<String, String> = order_form(&decision.change.next, &urls, &keys).into_iter().collect();
    sandbox.order_behavior(ORDER, json!({ "paused": true, "callbacks": false })).await;
    let checkout = json!({
        "subscription_id": ORDER, "action_url": format!("{}/ecpay/Cashier/AioCheckOut/V5", sandbox.base),
        "form_data": form,
    });
    sandbox.submit(&checkout).await;
    let institutions = sandbox::mms::invented(at(DIGEST).date_naive());
    sandbox.put("/sandbox/mms/institutions", json!(institutions)).await;
    sandbox
}

/// Keys of the items that samples change; counters, the run history and the pace of calls grow with
/// every delivery and are left out.
pub fn items(sandbox: &Sandbox) -> Vec<String> {
    sandbox
        .items()
        .into_iter()
        .filter(|item| !["COUNT#", "RUN ", "RUN#", "LEASE ", "PACE "].iter().any(|begin| item.starts_with(begin)))
        .collect()
}

/// Goes on to a sample: its hour, and what happens before it.
async fn approach(sandbox: &Sandbox, sample: &Sample) {
    sandbox.world.leap(at(sample.at));
    match sample.file {
        "ecpay-webhook/period-payment.json" => drop(sandbox.charge(ORDER, json!({ "rtn_code": "1" })).await),
        "ecpay-webhook/period-failure.json" => drop(sandbox.charge(ORDER, json!({ "rtn_code": "10100252" })).await),
        "admin-api/quarantine.json" => {
            let test = with(&period(ORDER, "1", "2025/03/31 09:59:59", "3", "13400003"), "SimulatePaid", "1");
            assert_eq!(sandbox.report("ecpay-billing", &test).await, Reply::ok());
            let id = sandbox.get("/quarantine").await["quarantine"][0]["id"].clone();
            let replay = event("admin-api/replay-report.json");
            assert_eq!(replay["pathParameters"]["id"], id, "the sample names the report");
        }
        _ => {}
    }
}

/// A world to which every sample was delivered once.
pub async fn delivered() -> Sandbox {
    let (sandbox, folders) = (sandbox().await, folders());
    for sample in SAMPLES {
        approach(&sandbox, sample).await;
        let function = &folders[sample.file.split('/').next().unwrap()];
        let (status, answer) = sandbox.world.deliver_event(function, &event(sample.file).to_string()).await;
        assert_eq!(status, sample.status, "{}: {answer}", sample.file);
    }
    sandbox
}

/// Delivers every sample twice by `deliver`, which takes a function and an event: both answers are as expected, and the
/// second delivery changes nothing. Gives the answers, each with its file.
pub async fn deliver_each_twice(
    sandbox: &Sandbox,
    mut deliver: impl AsyncFnMut(&str, &str) -> (u16, String),
) -> Vec<(&'static str, String)> {
    let (folders, mut answers) = (folders(), Vec::new());
    for sample in SAMPLES {
        approach(sandbox, sample).await;
        let function = &folders[sample.file.split('/').next().unwrap()];
        let event = event(sample.file).to_string();
        let first = deliver(function, &event).await;
        assert_eq!(first.0, sample.status, "{}: {}", sample.file, first.1);
        let (before, account) = (items(sandbox), sandbox.account(ORDER).await);
        let again = deliver(function, &event).await;
        assert_eq!(again.0, sample.status, "{} again: {}", sample.file, again.1);
        if function == "EcpayWebhook" {
            assert_eq!(first.1, if first.0 == 200 { "1|OK" } else { "0|CheckMacValue Error" });
            assert_eq!(again, first);
        }
        let after = items(sandbox);
        let added: Vec<&String> = after.iter().filter(|item| !before.contains(item)).collect();
        assert_eq!(after.len(), before.len() + added.len(), "{}: something is gone", sample.file);
        assert_eq!(added.len(), sample.adds.len(), "{}: {added:?}", sample.file);
        assert!(added.iter().zip(sample.adds).all(|(item, prefix)| item.starts_with(prefix)), "{added:?}");
        if sample.adds.is_empty() {
            assert_eq!(sandbox.account(ORDER).await, account, "{}", sample.file);
        }
        answers.extend([first, again].map(|(_, answer)| (sample.file, answer)));
    }
    answers
}

/// Asserts the state after every sample was delivered twice, computed by hand.
pub async fn assert_final_state(sandbox: &Sandbox) {
    let account = sandbox.account(ORDER).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("past_due"), Some("PRO")));
    assert_eq!(column(&account["payments"], "outcome"), ["succeeded", "succeeded", "failed"]);
    // Seven days from the failure, and five by staff, twice.
    assert_eq!(account["grace_period_ends_at"], "2025-04-17T02:00:00Z");
    assert_eq!(
        sandbox.subjects("sample-user@customer.example").await,
        ["付款收據 - Payment Receipt", "付款收據 - Payment Receipt", "付款失敗通知 - Payment Failure Notice"]
    );
    let messages = sandbox.get("/sandbox/messages").await["messages"].clone();
    assert_eq!(column(&messages, "channel").iter().filter(|channel| *channel == "slack").count(), 1);
    // The samples report what ECPay did, so its responses to queries agree with them; and one retry was requested.
    let at_ecpay = sandbox.at_ecpay(ORDER).await;
    assert_eq!(column(&at_ecpay["charges"], "gwsr"), ["13400001", "13400002", "null"]);
    assert_eq!(
        column(&at_ecpay["charges"], "process_date"),
        ["2025/01/31 10:00:00", "2025/02/28 10:00:00", "2025/03/31 10:00:00"]
    );
    assert_eq!(at_ecpay["retries_asked"].as_array().unwrap().len(), 1);
}
