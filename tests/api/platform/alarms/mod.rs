//! Each alarm on a metric of ours goes off by what the real binaries print when that happens for which it is there, and no other
//! does.

mod judge;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Duration, Utc};
use sandbox::ecpay::form_body;
use sandbox::world::credentials::cloud_signature;
use serde_json::{Value, json};
use shared::domain::values::time::Zone;
use shared::platform::clock;
use testing::lambda::environment;
use testing::support::lambda::{Bootstrap, callback, ecpay_time, http_event};
use testing::support::project::text;
use testing::support::{Reply, STAFF, Sandbox, form, period, signed, with};

use super::metrics::subscribed;
use judge::{fired, own_alarms, silent};

/// Every alarm that a test here lets go off.
const TRIED: [&str; 19] = [
    "CallbacksNotStored",
    "CallbacksQuarantined",
    "CheckMacValueFailing",
    "DailyMissed",
    "EcpayBlocking",
    "EveryFiveMinutesMissed",
    "EverySixHoursMissed",
    "EveryTwoHoursMissed",
    "ExpiryScanFailed",
    "ItemUnreadable",
    "MailHeldBack",
    "NoticesDead",
    "OrderNeedsAttention",
    "RefundDue",
    "ReminderDeliveriesFailed",
    "RemindersFailed",
    "RunsStoppedAtLimit",
    "StaffMailBounced",
    "TasksBehind",
];
const NO_CREDIT: &str = "10100252";
/// A card that is not retried.
const STOLEN: &str = "10100256";

#[test]
fn every_alarm_of_ours_is_tried_here() {
    assert_eq!(own_alarms().keys().collect::<Vec<_>>(), TRIED);
}

/// What a new instance of the webhook prints about these callbacks.
async fn of_callbacks(sandbox: &Sandbox, bodies: Vec<Vec<u8>>) -> Vec<String> {
    let mut webhook = Bootstrap::start("ecpay-webhook", &environment(&sandbox.world, "EcpayWebhook")).await;
    for body in bodies {
        webhook.request(&callback("ecpay-billing", &body)).await;
    }
    fired(&webhook.stop().await.0)
}

/// What a new instance of `subscription-maintenance` prints about these events.
async fn of_runs(sandbox: &Sandbox, events: &[Value]) -> String {
    let of = environment(&sandbox.world, "SubscriptionMaintenance");
    let mut maintenance = Bootstrap::start("subscription-maintenance", &of).await;
    for event in events {
        maintenance.invoke(event).await;
    }
    maintenance.stop().await.0
}

#[tokio::test]
async fn callbacks_that_are_applied_repeated_or_refused_let_nothing_go_off() {
    let (sandbox, order, now) = subscribed("quiet", 40).await;
    let failed = form(&period(&order, NO_CREDIT, &ecpay_time(now - Duration::days(2)), "1", ""));
    let paid = period(&order, "1", &ecpay_time(now - Duration::days(1)), "2", "13401071");
    // Two forged ones are too few to say anything.
    let forged = form_body(&with(&signed(&paid), "Amount", "1"));
    let all = vec![failed.clone(), failed, form(&paid), forged.clone(), forged, b"hello".to_vec()];
    assert_eq!(of_callbacks(&sandbox, all).await, Vec::<String>::new());
}

#[tokio::test]
async fn a_callback_of_another_merchant_raises_an_alarm_as_quarantined() {
    let (sandbox, order, now) = subscribed("foreign", 40).await;
    let paid = period(&order, "1", &ecpay_time(now - Duration::days(1)), "2", "13401071");
    let foreign = form_body(&signed(&with(&paid, "MerchantID", "2000132")));
    assert_eq!(of_callbacks(&sandbox, vec![foreign]).await, ["CallbacksQuarantined"]);
}

#[tokio::test]
async fn three_forged_callbacks_among_others_raise_an_alarm() {
    let (sandbox, order, now) = subscribed("forged", 40).await;
    let paid = period(&order, "1", &ecpay_time(now - Duration::days(1)), "2", "13401071");
    let forged = form_body(&with(&signed(&paid), "Amount", "1"));
    let all = vec![form(&paid), forged.clone(), forged.clone(), forged];
    assert_eq!(of_callbacks(&sandbox, all).await, ["CheckMacValueFailing"]);
}

#[tokio::test]
async fn a_callback_that_cannot_be_stored_raises_an_alarm() {
    let (sandbox, order, now) = subscribed("unstored", 40).await;
    let mut broken: BTreeMap<String, String> = environment(&sandbox.world, "EcpayWebhook");
    broken.insert("TABLE_NAME".to_owned(), "no-such-table".to_owned());
    let mut webhook = Bootstrap::start("ecpay-webhook", &broken).await;
    let body = form(&period(&order, "1", &ecpay_time(now), "2", "13401071"));
    assert_eq!(webhook.request(&callback("ecpay-billing", &body)).await.0, 503);
    assert_eq!(fired(&webhook.stop().await.0), ["CallbacksNotStored"]);
}

#[tokio::test]
async fn a_charge_of_an_order_that_was_replaced_raises_an_alarm_as_money_that_is_owed() {
    let (sandbox, old, now) = subscribed("due", 2).await;
    let new = sandbox.order("due", "monthly", Some(&old)).await;
    sandbox.submit(&new).await;
    let late = form(&period(&old, "1", &ecpay_time(now), "2", "99000002"));
    assert_eq!(of_callbacks(&sandbox, vec![late]).await, ["RefundDue"]);
}

#[tokio::test]
async fn schedules_that_run_are_not_missed_and_those_that_do_not_are() {
    let (sandbox, _, _) = subscribed("alive", 1).await;
    let missed = ["DailyMissed", "EveryFiveMinutesMissed", "EverySixHoursMissed", "EveryTwoHoursMissed"];
    assert_eq!(silent(""), missed.map(str::to_owned).into());
    let mut printed = String::new();
    for (file, alive) in [
        ("every-five-minutes", "EveryFiveMinutesMissed"),
        ("every-two-hours", "EveryTwoHoursMissed"),
        ("every-six-hours", "EverySixHoursMissed"),
        ("daily", "DailyMissed"),
    ] {
        let event: Value =
            serde_json::from_str(&text(&format!("events/subscription-maintenance/{file}.json"))).unwrap();
        let tasks = json!({ "task": event["task"], "scheduled_at": clock::now() });
        let log = of_runs(&sandbox, &[tasks]).await;
        assert!(!silent(&log).contains(alive), "{file}: {log}");
        assert_eq!(fired(&log), Vec::<String>::new(), "{file}");
        printed.push_str(&log);
    }
    assert_eq!(silent(&printed), BTreeSet::new());
}

#[tokio::test]
async fn ecpay_that_refuses_calls_raises_an_alarm() {
    let (sandbox, _, now) = subscribed("blocked", 33).await;
    sandbox.fault("ecpay", "refuse").await;
    let log = of_runs(&sandbox, &[json!({ "task": "reconcile", "scheduled_at": now })]).await;
    assert_eq!(fired(&log), ["EcpayBlocking"]);
}

/// An order whose charge failed `ago`, by a card that is not retried; its mail waits.
async fn failing(user: &str, ago: Duration) -> (Sandbox, String, DateTime<Utc>) {
    let (sandbox, order, now) = subscribed(user, 40).await;
    let failed = period(&order, STOLEN, &ecpay_time(now - ago), "1", "");
    assert_eq!(sandbox.report("ecpay-billing", &failed).await, Reply::ok());
    (sandbox, order, now)
}

#[tokio::test]
async fn a_mail_that_ses_refuses_for_good_raises_an_alarm_and_so_does_one_that_it_holds_back() {
    for (status, code, alarm) in
        [(400, "BadRequestException", "NoticesDead"), (403, "AccessDeniedException", "MailHeldBack")]
    {
        let (sandbox, ..) = failing("mail", Duration::minutes(1)).await;
        let refusal = json!({ "status": status, "code": code, "message": "Missing final '@domain'", "to": null });
        sandbox.put("/sandbox/mail/refusal", refusal).await;
        assert_eq!(fired(&of_runs(&sandbox, &[json!({ "task": "send-mail" })]).await), [alarm]);
    }
}

#[tokio::test]
async fn a_grace_period_that_should_have_ended_days_ago_raises_an_alarm() {
    // Grace is seven days; the customer was notified when it began.
    let (sandbox, _, now) = failing("behind", Duration::days(12)).await;
    sandbox.post("/runs/send-mail", json!({})).await;
    let run = |task: &str| json!({ "task": task, "scheduled_at": now + Duration::days(4) });
    let log = of_runs(&sandbox, &[run("reconcile"), run("end-grace")]).await;
    assert_eq!(fired(&log), ["TasksBehind"]);
}

#[tokio::test]
async fn an_item_that_cannot_be_read_raises_an_alarm() {
    let (sandbox, order, now) = subscribed("broken", 33).await;
    let mut item = super::metrics::stored(&sandbox, &order);
    item["data"]["M"]["status"] = json!({ "S": "edited" });
    sandbox::world::table_inspect::put(&sandbox.world, &item).unwrap();
    let log = of_runs(&sandbox, &[json!({ "task": "reconcile", "scheduled_at": now })]).await;
    assert_eq!(fired(&log), ["ItemUnreadable"]);
}

#[tokio::test]
async fn an_order_for_which_a_task_failed_four_times_raises_an_alarm() {
    let (sandbox, order, now) = subscribed("garbled", 33).await;
    sandbox.put(&format!("/sandbox/ecpay/orders/{order}"), json!({ "answers": false })).await;
    // Tried again after one, two and four hours.
    let run = |hours: i64| json!({ "task": "reconcile", "scheduled_at": now + Duration::hours(hours) });
    assert_eq!(fired(&of_runs(&sandbox, &[run(0), run(1), run(3)]).await), Vec::<String>::new());
    assert_eq!(fired(&of_runs(&sandbox, &[run(7)]).await), ["OrderNeedsAttention"]);
}

#[tokio::test]
async fn runs_that_leave_work_four_times_in_an_hour_raise_an_alarm() {
    let (sandbox, order, _) = failing("many", Duration::days(1)).await;
    // One run sends 500: the mail about the failure is there 501 times, each with an id of its own.
    let items = sandbox::world::table_inspect::contents(&sandbox.world);
    let is_mail = |item: &&Value| {
        item["pk"]["S"] == format!("SUB#{order}") && item["sk"]["S"].as_str().unwrap().starts_with("NOTICE#")
    };
    let mail = items.iter().find(is_mail).unwrap().to_string();
    for number in 1..=500 {
        let other = mail.replace("first-payment-failure/", &format!("first-payment-failure/{number}-"));
        sandbox::world::table_inspect::put(&sandbox.world, &serde_json::from_str(&other).unwrap()).unwrap();
    }
    let mut of = environment(&sandbox.world, "SubscriptionMaintenance");
    of.insert("MAIL_PER_SECOND".to_owned(), "1000".to_owned());
    let mut maintenance = Bootstrap::start("subscription-maintenance", &of).await;
    maintenance.invoke(&json!({ "task": "send-mail" })).await;
    let log = maintenance.stop().await.0;
    assert_eq!(fired(&log), Vec::<String>::new());
    assert_eq!(fired(&log.repeat(4)), ["RunsStoppedAtLimit"]);
}

#[tokio::test]
async fn a_mail_to_staff_that_bounced_raises_an_alarm_and_one_to_a_customer_does_not() {
    let (sandbox, order, now) = subscribed("bounced", 33).await;
    // Staff are notified about an order for which a task fails.
    sandbox.put(&format!("/sandbox/ecpay/orders/{order}"), json!({ "answers": false })).await;
    let run = |hours: i64| json!({ "task": "reconcile", "scheduled_at": now + Duration::hours(hours) });
    of_runs(&sandbox, &[run(0), run(1), run(3), run(7)]).await;
    let queued = sandbox.get("/notices?state=queued").await["notices"].clone();
    sandbox.post("/runs/send-mail", json!({})).await;
    let bounce: Value = serde_json::from_str(&text("events/subscription-maintenance/bounce.json")).unwrap();
    let of = |notice: &Value| {
        let mut event = bounce.clone();
        // The id as the mail has it.
        let id = notice["id"].as_str().unwrap().replace('.', "/");
        let id = id.bytes().map(|byte| format!("{byte:02x}")).collect::<String>();
        event["detail"]["mail"]["tags"]["notice"] = json!([id]);
        event["detail"]["mail"]["destination"] = json!([STAFF]);
        event
    };
    let staff = queued.as_array().unwrap().iter().find(|notice| notice["kind"] == "needs-attention");
    let staff = staff.unwrap_or_else(|| panic!("no mail to staff: {queued}"));
    assert_eq!(fired(&of_runs(&sandbox, &[of(staff)]).await), ["StaffMailBounced"]);
    let unknown = json!({ "id": format!("{order}.receipt.none") });
    assert_eq!(fired(&of_runs(&sandbox, &[of(&unknown)]).await), Vec::<String>::new());
}

#[tokio::test]
async fn a_scan_that_mms_refuses_raises_an_alarm_and_one_that_is_repeated_does_not() {
    let now = clock::now();
    let sandbox = Sandbox::at(&now.to_string()).await;
    for (fault, expected) in [("refuse", vec!["ExpiryScanFailed"]), ("html", vec![])] {
        let mut scan = Bootstrap::start("mms-expiry-scan", &environment(&sandbox.world, "MmsExpiryScan")).await;
        sandbox.fault("mms", fault).await;
        scan.invoke_in_vain(&json!({ "scheduled_at": now, "run_id": fault })).await;
        assert_eq!(fired(&scan.stop().await.0), expected, "{fault}");
    }
}

/// A workshop with that many vehicles that are due tomorrow, each with an owner.
async fn workshop(vehicles: usize, variables: &[(&str, &str)]) -> Sandbox {
    let now = clock::now();
    let sandbox = Sandbox::with(&now.to_string(), variables).await;
    let visit = now.day(Zone::Jakarta).plus_days(1).to_string();
    for number in 0..vehicles {
        let id = format!("c-{number}");
        sandbox.customer(&id, "Budi", &format!("0855123456{number}")).await;
        sandbox.vehicle(&format!("B{number}CAN"), &id, "2025-01-10", Some(&visit)).await;
    }
    sandbox
}

async fn of_reminders(sandbox: &Sandbox) -> Vec<String> {
    let of = environment(&sandbox.world, "MaintenanceReminder");
    let mut reminder = Bootstrap::start("maintenance-reminder", &of).await;
    reminder.invoke(&json!({ "scheduled_at": clock::now(), "run_id": "run", "requested_by": "staff" })).await;
    fired(&reminder.stop().await.0)
}

#[tokio::test]
async fn reminders_for_which_no_provider_is_left_raise_an_alarm_and_others_do_not() {
    let sandbox = workshop(1, &[]).await;
    sandbox.fault("starsender", "device_off").await;
    assert_eq!(of_reminders(&sandbox).await, ["RemindersFailed"]);
    assert_eq!(of_reminders(&workshop(1, &[]).await).await, Vec::<String>::new());
}

#[tokio::test]
async fn five_messages_within_an_hour_that_were_not_delivered_raise_an_alarm() {
    let cloud = [("REMINDER_PROVIDER", "cloud-api"), ("WHATSAPP_PHONE_NUMBER_ID", "100000000000042")];
    let sandbox = workshop(5, &cloud).await;
    assert_eq!(of_reminders(&sandbox).await, Vec::<String>::new());
    let mut admin = Bootstrap::start("admin-api", &environment(&sandbox.world, "AdminApi")).await;
    for number in 1..=5 {
        let failed = json!({ "id": format!("wamid.SANDBOX{number:08}"), "status": "failed", "timestamp": "1765850000", "errors": [{ "code": 131_026 }] });
        let value = json!({ "statuses": [failed] });
        let body = json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": value }] }] });
        let body = body.to_string();
        let signature = cloud_signature(body.as_bytes());
        let headers = [("x-hub-signature-256", signature.as_str()), ("content-type", "application/json")];
        let event = http_event("POST /webhooks/whatsapp/cloud-api", &headers, body.as_bytes());
        assert_eq!(admin.request(&event).await.0, 200);
    }
    assert_eq!(fired(&admin.stop().await.0), ["ReminderDeliveriesFailed"]);
}
