//! The binaries that are deployed, driven as Lambda drives them: through the runtime API, with the template's variables
//! in their environment, on real time.

use std::collections::{BTreeMap, BTreeSet};

use sandbox::ecpay::form_body;
use serde_json::{Value, json};
use shared::domain::values::time::Zone;
use shared::platform::clock;
use testing::lambda::{AWS_SECRETS, environment};

use testing::support::lambda::{Bootstrap, FORM, callback, ecpay_time, http_event, lines_and_metrics, run_to_its_end};
use testing::support::project::{functions, package};
use testing::support::{Reply, Sandbox, first, signed, with};

const TOKEN: &str = "sandbox-operator-token-invented";
/// Those that have to do with ECPay.
const BOOTSTRAPS: [(&str, &str); 3] = [
    ("EcpayWebhook", "ecpay-webhook"),
    ("AdminApi", "admin-api"),
    ("SubscriptionMaintenance", "subscription-maintenance"),
];

/// Values that no log may contain: tokens, keys, and AWS's secrets.
const SECRETS: [&str; 12] = [
    TOKEN,
    "sandbox-reader-token-invented",
    "sandbox-jwt-key-invented-and-long-enough",
    "pwFHCqoQZGmho4w6",
    "EkRm7iFT261dpevs",
    AWS_SECRETS[0],
    AWS_SECRETS[1],
    sandbox::world::credentials::STARSENDER_KEY,
    sandbox::world::credentials::CLOUD_TOKEN,
    sandbox::world::credentials::MMS_KEY,
    sandbox::world::credentials::SLACK_BOT_TOKEN,
    "sandbox-webhook-invented",
];

/// All functions: logical name and binary.
pub(crate) fn every_bootstrap() -> Vec<(String, String)> {
    functions().into_iter().map(|(name, properties)| (name, package(&properties))).collect()
}

/// A sandbox whose clock shows the real time, which is what the bootstraps go by.
pub(crate) async fn now() -> Sandbox {
    Sandbox::at(&clock::now().to_string()).await
}

/// The lines of a log without the metrics: each is a JSON object, and none holds a secret or a mail address.
fn lines(log: &str) -> Vec<Value> {
    for secret in SECRETS {
        assert!(!log.contains(secret), "{secret} stands in the log: {log}");
    }
    assert!(!log.contains('@'), "a mail address stands in the log: {log}");
    let (lines, _) = lines_and_metrics(log);
    assert!(lines.iter().all(|line| line["level"].is_string() && line["timestamp"].is_string()), "{log}");
    lines
}

fn messages(lines: &[Value]) -> Vec<&str> {
    lines.iter().filter_map(|line| line["message"].as_str()).collect()
}

#[tokio::test]
async fn the_webhook_bootstrap_takes_a_signed_callback_and_refuses_a_forged_one() {
    let sandbox = now().await;
    let made = sandbox.order("lambda-webhook", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap();
    assert_eq!(sandbox.account(order).await["status"], "pending");
    let report = first(order, "1", &ecpay_time(sandbox.world.now()));
    let event = callback("ecpay-auth", &form_body(&signed(&report)));
    let mut webhook = Bootstrap::start("ecpay-webhook", &environment(&sandbox.world, "EcpayWebhook")).await;
    for _ in 0..2 {
        let (status, headers, body) = webhook.request(&event).await;
        assert_eq!((status, body.as_str()), (200, "1|OK"));
        assert_eq!(headers["content-type"], "text/plain");
        let account = sandbox.account(order).await;
        assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
        assert_eq!(account["payments"].as_array().unwrap().len(), 1);
    }
    let forged = with(&signed(&report), "TradeAmt", "1");
    let (status, _, body) = webhook.request(&callback("ecpay-auth", &form_body(&forged))).await;
    assert_eq!((status, body.get(..2)), (400, Some("0|")));
    let (stdout, stderr) = webhook.stop().await;
    assert_eq!(stderr, "");
    let lines = lines(&stdout);
    assert_eq!(
        messages(&lines),
        ["payment processed: the first charge succeeded; the plan is active", "callback repeated", "callback refused"]
    );
    assert_eq!(lines[0]["subscription"], order);
}

#[tokio::test]
async fn the_admin_bootstrap_serves_health_and_makes_an_order_that_can_be_paid() {
    let sandbox = now().await;
    let mut admin = Bootstrap::start("admin-api", &environment(&sandbox.world, "AdminApi")).await;
    let (status, headers, body) = admin.request(&http_event("GET /api/webhooks/health", &[], b"")).await;
    let health: Value = serde_json::from_str(&body).unwrap();
    assert_eq!((status, headers["content-type"].as_str()), (200, Some("application/json")));
    assert_eq!((&health["status"], &health["service"]), (&json!("healthy"), &json!("ecpay-webhooks")));
    let wanted = json!({ "user_id": "lambda-admin", "email": "lambda-admin@customer.example", "plan_id": "STUDENT", "billing_cycle": "annual" });
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let create = http_event("POST /api/subscriptions", &headers, wanted.to_string().as_bytes());
    let (status, _, body) = admin.request(&create).await;
    assert_eq!(status, 201, "{body}");
    let made: Value = serde_json::from_str(&body).unwrap();
    assert_eq!(made["form_data"]["MerchantID"], "3002607");
    assert_eq!(made["form_data"]["TotalAmount"], "3000");
    let order = sandbox.submit(&made).await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("STUDENT")));
    let (stdout, stderr) = admin.stop().await;
    assert_eq!(stderr, "");
    lines(&stdout);
}

#[tokio::test]
async fn the_maintenance_bootstrap_sends_the_mail_and_does_every_task() {
    let today = clock::now();
    let sandbox = Sandbox::at(&today.plus_days(-31).to_string()).await;
    let order = sandbox.subscribe("lambda-maintenance", "monthly").await;
    let unpaid = sandbox.order("lambda-unpaid", "monthly", None).await;
    sandbox.world.leap(today.utc());
    sandbox.charge(&order, json!({ "rtn_code": "10100252" })).await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    let mut maintenance =
        Bootstrap::start("subscription-maintenance", &environment(&sandbox.world, "SubscriptionMaintenance")).await;
    let mail = maintenance.invoke(&json!({ "task": "send-mail" })).await;
    let events = json!({ "due": 5, "delivered": 5, "later": 0, "given_up": 0, "failed": 0 });
    let expected = json!({ "due": 1, "done": 1, "skipped": {}, "failed": {}, "events": events });
    assert_eq!(mail["tasks"]["send-mail"], expected);
    assert_eq!(
        sandbox.subjects("lambda-maintenance@customer.example").await,
        ["付款失敗通知 - Payment Failure Notice"]
    );
    let all = maintenance.invoke(&json!({})).await;
    assert_eq!(all["status"], "done");
    let mut names: Vec<&str> = all["tasks"].as_object().unwrap().keys().map(String::as_str).collect();
    names.sort_unstable();
    assert_eq!(
        names,
        ["cancel", "check-pending", "clean-up", "end-grace", "reconcile", "resume", "retry", "send-mail"]
    );
    assert_eq!(all["tasks"]["check-pending"], json!({ "due": 1, "done": 1, "skipped": {}, "failed": {} }));
    let unpaid = unpaid["subscription_id"].as_str().unwrap();
    assert_eq!(sandbox.account(unpaid).await["status"], "failed");
    let (stdout, stderr) = maintenance.stop().await;
    assert_eq!(stderr, "");
    let lines = lines(&stdout);
    let mut said = messages(&lines);
    said.retain(|message| *message != "event posted");
    let all_tasks = ["not paid within a day: order expired", "days of the counters closed", "run done"];
    assert_eq!(said, [["mail handled", "run done"].as_slice(), all_tasks.as_slice()].concat());
}

#[tokio::test]
async fn the_reminder_bootstrap_reminds_an_owner_once_and_logs_nothing_of_them() {
    let sandbox = now().await;
    let day = |ahead| clock::now().day(Zone::Jakarta).plus_days(ahead).to_string();
    for place in [1, 2] {
        let owner = json!({ "name": "Canary Santoso", "phone": format!("0855123456{place}") });
        sandbox.keep(&format!("/customers/canary-{place}"), owner).await;
        let vehicle = json!({ "customer_id": format!("canary-{place}"), "last_visit_date": "2024-01-10", "next_visit_date": day(1) });
        sandbox.keep(&format!("/vehicles/B%20{place}%20QQZ"), vehicle).await;
    }
    let environment = environment(&sandbox.world, "MaintenanceReminder");
    let mut reminders = Bootstrap::start("maintenance-reminder", &environment).await;
    // At any hour of day: a run by schedule sends nothing at night.
    let event = json!({ "task": "maintenance-reminder", "requested_by": "support" });
    let first = reminders.invoke(&event).await;
    assert_eq!((&first["total_customers"], &first["reminder_sent"]), (&json!(2), &json!(2)), "{first}");
    let again = reminders
        .invoke(&json!({ "task": "maintenance-reminder", "run_id": "again", "requested_by": "support" }))
        .await;
    assert_eq!((&again["reminder_sent"], &again["already_sent"]), (&json!(0), &json!(2)), "{again}");
    assert_eq!(sandbox.get("/sandbox/messages").await["messages"].as_array().unwrap().len(), 2);
    let (stdout, stderr) = reminders.stop().await;
    assert_eq!(stderr, "");
    assert_eq!(messages(&lines(&stdout)), ["reminder handled", "reminder handled", "run done", "run done"]);
    for canary in ["anary", "Santoso", "855123456", "QQZ"] {
        assert!(!stdout.contains(canary), "{canary} stands in the log: {stdout}");
    }
}

#[tokio::test]
async fn the_reminder_bootstrap_that_is_configured_wrongly_names_every_fault_and_ends() {
    let sandbox = now().await;
    let mut environment = environment(&sandbox.world, "MaintenanceReminder");
    environment.remove("TABLE_NAME");
    environment.insert("REMINDER_REPEAT".to_owned(), "sometimes".to_owned());
    let ended = run_to_its_end("maintenance-reminder", environment).await;
    assert_eq!(ended.status.code(), Some(1));
    let lines = lines(&String::from_utf8(ended.stdout).unwrap());
    assert_eq!(messages(&lines), ["not started"]);
    assert_eq!(lines[0]["error"], "configuration: TABLE_NAME is missing; REMINDER_REPEAT must be once or daily");
}

#[tokio::test]
async fn an_admin_token_is_not_logged_whichever_way_it_comes() {
    let sandbox = now().await;
    let order = sandbox.subscribe("lambda-token", "monthly").await;
    let mut talkative = environment(&sandbox.world, "AdminApi");
    talkative.insert("LOG_LEVEL".to_owned(), "debug".to_owned());
    let mut admin = Bootstrap::start("admin-api", &talkative).await;
    let bearer = format!("Bearer {TOKEN}");
    let multipart = format!(
        "--invented\r\nContent-Disposition: form-data; name=\"admin_token\"\r\n\r\n{TOKEN}\r\n\
         --invented\r\nContent-Disposition: form-data; name=\"payment_id\"\r\n\r\n{order}.none\r\n--invented--\r\n"
    );
    let urlencoded = format!("admin_token={TOKEN}&payment_id={order}.none");
    let retry = "POST /api/webhooks/ecpay-manual-retry";
    let trigger = "POST /api/webhooks/trigger-maintenance";
    let query = format!("hours=1&admin_token={TOKEN}");
    let multipart_type = ("content-type", "multipart/form-data; boundary=invented");
    let maintain = format!("admin_token={TOKEN}");
    let cases = [
        (200, http_event(trigger, &[("authorization", &bearer)], b"")),
        (200, http_event(trigger, &[FORM], maintain.as_bytes())),
        (404, http_event(retry, &[FORM], urlencoded.as_bytes())),
        (404, http_event(retry, &[multipart_type], multipart.as_bytes())),
        (200, http_event(&format!("GET /api/webhooks/webhook-stats?{query}"), &[], b"")),
        (401, http_event(trigger, &[("authorization", &format!("Bearer {TOKEN}x"))], b"")),
    ];
    for (expected, event) in &cases {
        let (status, _, body) = admin.request(event).await;
        assert_eq!(status, *expected, "{event}: {body}");
    }
    // The store fails: the log gives the reason, and still nothing of the request.
    let broken = environment(&sandbox.world, "AdminApi").into_iter().map(|(name, value)| match name.as_str() {
        "TABLE_NAME" => (name, "no-such-table".to_owned()),
        _ => (name, value),
    });
    let mut failing = Bootstrap::start("admin-api", &broken.collect()).await;
    let (status, _, body) = failing.request(&cases[4].1).await;
    assert_eq!(status, 503, "{body}");
    let (stdout, stderr) = failing.stop().await;
    assert_eq!((messages(&lines(&stdout)), stderr.as_str()), (vec!["request failed"], ""));
    let (stdout, stderr) = admin.stop().await;
    assert_eq!(stderr, "");
    assert!(lines(&stdout).len() > cases.len(), "{stdout}");
}

#[tokio::test]
async fn a_replay_is_logged_without_what_the_report_or_the_reason_say_of_the_customer() {
    let begun = clock::now();
    let sandbox = now().await;
    let charged = ecpay_time(begun.utc());
    let [kept, wrong] = ["DKREPLAYED0000000001", "DKREPLAYED0000000002"].map(|order| first(order, "1", &charged));
    let named = with(&with(&kept, "card4no", "7261"), "RtnMsg", "交易成功 canary");
    for report in [&named, &with(&wrong, "TradeAmt", "1")] {
        assert_eq!(sandbox.report("ecpay-auth", report).await, Reply::ok());
    }
    sandbox.store_order("DKREPLAYED0000000001", "canary-user", &begun.to_string()).await;
    sandbox.store_order("DKREPLAYED0000000002", "canary-user-too", &begun.to_string()).await;
    let mut admin = Bootstrap::start("admin-api", &environment(&sandbox.world, "AdminApi")).await;
    let bearer = format!("Bearer {TOKEN}");
    let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
    let day = begun.day(Zone::Taipei);
    let body = json!({ "from": day, "to": day.plus_days(1), "why": "Ms Canary called from 0912345678" }).to_string();
    let (status, _, answer) = admin.request(&http_event("POST /quarantine/replay", &headers, body.as_bytes())).await;
    assert_eq!(status, 200, "{answer}");
    let (stdout, stderr) = admin.stop().await;
    assert_eq!(stderr, "");
    let lines = lines(&stdout);
    assert_eq!(messages(&lines), ["report replayed"; 2]);
    let outcomes: BTreeSet<&str> = lines.iter().filter_map(|line| line["outcome"].as_str()).collect();
    assert_eq!(outcomes, BTreeSet::from(["applied", "still_quarantined"]));
    for canary in ["anary", "0912345678", "7261", "交易成功"] {
        assert!(!stdout.contains(canary), "{canary} stands in the log: {stdout}");
    }
}

#[tokio::test]
async fn a_bootstrap_that_is_configured_wrongly_names_every_fault_and_ends() {
    let sandbox = now().await;
    for (function, binary) in BOOTSTRAPS {
        let mut environment = environment(&sandbox.world, function);
        environment.remove("TABLE_NAME");
        environment.extend(
            [
                ("ECPAY_ENVIRONMENT", "production"),
                ("ECPAY_MERCHANT_ID", "3002607"),
                ("ECPAY_ENDPOINT_URL", ""),
                ("DUNNING_RETRY_DAYS", "1,3,9"),
            ]
            .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let ended = run_to_its_end(binary, environment).await;
        assert_eq!(ended.status.code(), Some(1), "{binary}");
        let lines = lines(&String::from_utf8(ended.stdout).unwrap());
        assert_eq!(messages(&lines), ["not started"], "{binary}");
        assert_eq!(
            lines[0]["error"],
            "configuration: TABLE_NAME is missing; \
             ECPAY_MERCHANT_ID is a published test merchant, which production refuses; \
             DUNNING_RETRY_DAYS, DUNNING_GRACE_DAYS, DUNNING_EXTRA_GRACE_DAYS: \
             the retry on day 9 can fall after the downgrade, for grace may end on day 7",
            "{binary}"
        );
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), "", "{binary}");
    }
}

#[tokio::test]
async fn no_bootstrap_starts_in_production_with_keys_that_ecpay_publishes() {
    let sandbox = now().await;
    for (function, binary) in BOOTSTRAPS {
        let mut environment = environment(&sandbox.world, function);
        environment.extend(
            [("ECPAY_ENVIRONMENT", "production"), ("ECPAY_MERCHANT_ID", "3999999"), ("ECPAY_ENDPOINT_URL", "")]
                .map(|(name, value)| (name.to_owned(), value.to_owned())),
        );
        let ended = run_to_its_end(binary, environment).await;
        assert_eq!(ended.status.code(), Some(1), "{binary}");
        let lines = lines(&String::from_utf8(ended.stdout).unwrap());
        let error = lines[0]["error"].as_str().unwrap();
        let reason = "secret duekeeper/ecpay holds ECPay's published test keys, which production refuses";
        assert!(error.ends_with(reason), "{binary}: {error}");
        assert_eq!(String::from_utf8(ended.stderr).unwrap(), "", "{binary}");
    }
}

/// Starts a bootstrap, which ends by itself: why, in the one line that it writes.
pub(crate) async fn why_not_started(binary: &str, environment: BTreeMap<String, String>) -> String {
    let ended = run_to_its_end(binary, environment).await;
    assert_eq!((ended.status.code(), String::from_utf8(ended.stderr).unwrap().as_str()), (Some(1), ""), "{binary}");
    let lines = lines(&String::from_utf8(ended.stdout).unwrap());
    assert_eq!(messages(&lines), ["not started"], "{binary}");
    lines[0]["error"].as_str().unwrap().to_owned()
}

#[tokio::test]
async fn every_bootstrap_that_lacks_a_variable_names_it_in_its_only_line() {
    let sandbox = now().await;
    for (function, binary) in every_bootstrap() {
        let mut environment = environment(&sandbox.world, &function);
        environment.remove("TABLE_NAME");
        assert_eq!(why_not_started(&binary, environment).await, "configuration: TABLE_NAME is missing");
    }
}

#[tokio::test]
async fn every_bootstrap_that_cannot_read_a_secret_names_it_in_its_only_line() {
    let sandbox = now().await;
    let mut tried = BTreeSet::new();
    for (function, binary) in every_bootstrap() {
        let all = environment(&sandbox.world, &function);
        // Read at the first callback or event, which many instances never see.
        let is_read_later = |name: &str| name.ends_with("_CALLBACK_SECRET_ID") || name == "EVENTS_SECRET_ID";
        let is_read_at_start = |name: &&String| name.ends_with("_SECRET_ID") && !is_read_later(name);
        for variable in all.keys().filter(is_read_at_start) {
            let mut environment = all.clone();
            environment.insert(variable.clone(), "duekeeper/nowhere".to_owned());
            // Its role allows no other secret than the template's; a caller that may read all finds none of that name.
            let refused = why_not_started(&binary, environment.clone()).await;
            environment.insert("AWS_ACCESS_KEY_ID".to_owned(), "anybody".to_owned());
            let missing = why_not_started(&binary, environment).await;
            for (why, cause) in [(&refused, "AccessDenied"), (&missing, "can't find the specified secret")] {
                assert!(why.contains("reading secret duekeeper/nowhere: ") && why.contains(cause), "{binary}: {why}");
                assert!(!why.contains("headers") && why.len() < 400, "{binary}: {why}");
            }
            tried.insert(variable.clone());
        }
    }
    let all = ["ADMIN_SECRET_ID", "ECPAY_SECRET_ID", "EXPIRY_SECRET_ID", "PHONE_SECRET_ID", "REMINDER_SECRET_ID"];
    assert_eq!(tried, all.map(str::to_owned).into());
}
