//! MMS's institutions and the keys of MMS and Slack: nothing of them in what the scan writes, in its errors, and in the
//! ledger, whatever MMS and Slack answer.

use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use sandbox::world::credentials::{EXPIRY_SECRET, MMS_KEY, SLACK_BOT_TOKEN, SLACK_WEBHOOK_PATH};
use serde_json::{Value, json};
use shared::domain::values::time::{Timestamp, Zone};
use shared::platform::clock;
use tokio::net::TcpListener;

use super::{Heard, JSON, TEXT, with_level};
use testing::support::Sandbox;
use testing::support::lambda::{Bootstrap, http_event};

const NAME: &str = "Kanarienvogel 補習班";
const OWNER: (&str, &str) = ("金絲雀", "主人");
const PHONE: &str = "0900-771-955";
const ADDRESS: &str = "金絲雀路 9981 號";

/// Institutions of the canary's: two that can be read, and two that cannot.
fn institutions(now: Timestamp) -> Value {
    let with = |uid: &str, expires: Value| {
        json!({
            "uid": uid, "expirationTime": expires, "name": NAME, "ownerLastName": OWNER.0, "ownerFirstName": OWNER.1,
            "contactNumbers": [{ "type": 1, "number": PHONE }], "address": ADDRESS,
            "purchasePlan": { "name": TEXT, "accountLimit": TEXT },
        })
    };
    let day = |ahead| now.plus_days(ahead).to_string();
    json!([
        with("INV-1", json!(day(3))),
        with("INV-2", json!(day(45))),
        with("INV-4", json!(day(50))),
        with("INV-5", json!(day(55))),
        with("INV-3", json!(NAME)),
        with(NAME, json!(day(3))),
        [NAME, PHONE],
        TEXT,
    ])
}

/// An MMS that says the key, and whose key that is, in every refusal.
async fn gossip(status: StatusCode) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}/proxy", listener.local_addr().unwrap());
    let answer = move |headers: HeaderMap| async move {
        let key = headers["authorization"].to_str().unwrap();
        let message = format!("token {key} not valid ({key})");
        (status, json!({ "status": "failure", "error": { "message": message } }).to_string())
    };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

/// Runs under every fault of MMS and of Slack, each of a day of its own. Where Slack is to be repeated at once, once.
async fn under_faults(sandbox: &Sandbox, scan: &mut Bootstrap, heard: &mut Heard) {
    let faults = [
        ("mms", json!("refuse")),
        ("mms", json!("refuse_with_ok")),
        ("mms", json!("html")),
        ("mms", json!("down")),
        ("mms", json!("answer_lost")),
        ("mms", json!("repeat_page")),
        ("slack", json!("refuse")),
        ("slack", json!("archived")),
        ("slack", json!("invalid_blocks")),
        ("slack", json!("html")),
        ("slack", json!("answer_lost")),
        ("slack", json!({ "fault": "limit", "times": 1 })),
        ("slack", json!({ "fault": "down", "times": 1 })),
    ];
    for (ago, (service, fault)) in (1..).zip(faults) {
        sandbox.put("/sandbox/faults", json!({ service: fault })).await;
        let event = json!({ "scheduled_at": clock::now().plus_days(-ago), "run_id": format!("fault-{ago}") });
        for event in [&event, &json!({ "dry_run": true })] {
            let (kind, answer) = scan.invoke_in_vain(event).await;
            // The messages of a dry run are what staff are to see.
            if answer["messages"].is_null() {
                heard.note(format!("{service} {fault}: {kind}"), answer.to_string());
            }
        }
        sandbox.fault(service, "none").await;
    }
    for event in [json!({ "task": NAME }), json!({ NAME: PHONE }), json!({ "scheduled_at": PHONE })] {
        let (kind, answer) = scan.invoke_in_vain(&event).await;
        assert_eq!(kind, "error");
        heard.note("an event that is none", answer.to_string());
    }
}

/// The digest of today, which names the canary in Slack and in a dry run, and nowhere else.
async fn announced_today(sandbox: &Sandbox, scan: &mut Bootstrap, heard: &mut Heard) {
    let dry = scan.invoke(&json!({ "dry_run": true })).await;
    assert!(dry["messages"].to_string().contains(NAME), "{dry}");
    for run in ["today", "again"] {
        let answer = scan.invoke(&json!({ "run_id": run })).await;
        assert!(answer["error"].is_null(), "{answer}");
        heard.note(format!("the run of {run}"), answer.to_string());
    }
    let messages = sandbox.get("/sandbox/messages").await.to_string();
    assert!([NAME, PHONE, ADDRESS].iter().all(|canary| messages.contains(canary)), "{messages}");
}

/// Staff's requests about institutions that are refused.
async fn refused_requests(sandbox: &Sandbox, level: &str, heard: &mut Heard) {
    let mut admin = Bootstrap::start("admin-api", &with_level(sandbox, "AdminApi", level, None)).await;
    let bearer = format!("Bearer {}", sandbox.jwt().await);
    let headers = [("authorization", bearer.as_str()), JSON];
    let day = clock::now().day(Zone::Taipei);
    let said = |body: Value| http_event("POST /institutions/INV-1/acknowledge", &headers, body.to_string().as_bytes());
    for (expected, event) in [
        (200, said(json!({ "until": day.plus_days(2), "why": "the contract is signed" }))),
        (400, said(json!({ "until": PHONE, "why": ADDRESS }))),
        (400, said(json!({ "until": NAME, "why": "" }))),
        (200, http_event("GET /institutions/expiring", &headers, b"")),
        (400, http_event("GET /institutions/expiring?after=0900-771-955", &headers, b"")),
    ] {
        let (status, _, body) = admin.request(&event).await;
        assert_eq!(status, expected, "{event}: {body}");
        if status >= 400 {
            heard.note(format!("{status} to {}", event["rawPath"]), body);
        }
    }
    heard.stop("admin-api", admin).await;
}

#[tokio::test]
async fn institutions_and_keys_appear_nowhere_but_in_slack() {
    let mut heard = Heard::default();
    for level in ["info", "debug"] {
        let sandbox = Sandbox::at(&clock::now().to_string()).await;
        sandbox.put("/sandbox/mms/institutions", institutions(clock::now())).await;
        let webhook = format!("{}{SLACK_WEBHOOK_PATH}", sandbox.base);
        let keys = |webhook: &str, token: &str| {
            let secret = json!({ "mms_api_key": MMS_KEY, "slack_webhook_url": webhook, "slack_bot_token": token });
            sandbox.world.rotate_secret(EXPIRY_SECRET, secret.to_string());
        };
        let start = async |other: (&str, &str)| {
            Bootstrap::start("mms-expiry-scan", &with_level(&sandbox, "MmsExpiryScan", level, Some(other))).await
        };
        keys(&webhook, "");
        let mut by_webhook = start(("", "")).await;
        under_faults(&sandbox, &mut by_webhook, &mut heard).await;
        announced_today(&sandbox, &mut by_webhook, &mut heard).await;
        heard.stop("the scan by webhook", by_webhook).await;
        refused_requests(&sandbox, level, &mut heard).await;
        keys(&webhook, SLACK_BOT_TOKEN);
        let mut by_bot = start(("", "")).await;
        for (ago, fault) in (20..).zip(["refuse", "html", "answer_lost", "none"]) {
            sandbox.fault("slack", fault).await;
            let (_, answer) = by_bot.invoke_in_vain(&json!({ "scheduled_at": clock::now().plus_days(-ago) })).await;
            heard.note(format!("a bot meets {fault}"), answer.to_string());
        }
        heard.stop("the scan by bot", by_bot).await;
        let (ok, refused) = (gossip(StatusCode::OK).await, gossip(StatusCode::UNAUTHORIZED).await);
        for (ago, other) in (30..).zip([("MMS_BASE_URL", &*ok), ("MMS_BASE_URL", &*refused), ("TABLE_NAME", "none")]) {
            let mut scan = start(other).await;
            let (kind, answer) = scan.invoke_in_vain(&json!({ "scheduled_at": clock::now().plus_days(-ago) })).await;
            assert_eq!(kind == "error", other.0 == "TABLE_NAME", "{answer}");
            assert!(kind == "error" || answer.to_string().contains("token *** not valid"), "{answer}");
            heard.note(format!("the scan with {}", other.1), answer.to_string());
            heard.stop("the scan", scan).await;
        }
        shown_to_admins(&sandbox, &mut heard).await;
    }
    heard.is_silent();
}

/// The ledger as admins see it, and all that is stored but for the institutions and the digests themselves.
async fn shown_to_admins(sandbox: &Sandbox, heard: &mut Heard) {
    let runs = sandbox.get("/runs").await;
    let ids: Vec<&str> = runs["runs"].as_array().unwrap().iter().map(|run| run["id"].as_str().unwrap()).collect();
    assert!(ids.len() > 15, "{ids:?}");
    for id in ids {
        let run = sandbox.get(&format!("/runs/{}", id)).await;
        heard.note(format!("the run {id}"), run.to_string());
    }
    let named = ["INSTITUTION#", "DIGEST#"];
    for item in sandbox::world::table_inspect::contents(&sandbox.world) {
        if !named.iter().any(|own| item["pk"]["S"].as_str().unwrap().starts_with(own)) {
            heard.note(format!("item {} {}", item["pk"], item["sk"]), item.to_string());
        }
    }
    let mails = sandbox.mails(testing::support::STAFF).await;
    heard.note("mails", json!(mails).to_string());
}
