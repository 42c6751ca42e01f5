//! Personal data and secrets are planted in everything that the real bootstraps are given; then all that they write, the
//! errors that they answer and the reports that they store are searched for them.

mod institutions;
mod search;
mod workshop;

use axum::Router;
use sandbox::ecpay::{Fields, form_body};
use sandbox::world::table_inspect;
use serde_json::{Value, json};
use shared::platform::clock;
use tokio::net::TcpListener;

use self::search::{found, without_timestamps};
use testing::lambda::environment;

use testing::support::lambda::{Bootstrap, http_event};
use testing::support::{Sandbox, fields, first, period, scale, signed, with};

const MAIL: &str = "Canary.Mail@kanarienvogel.example";
const USER: &str = "canary-user-7f3c";
const TEXT: &str = "canary text 金絲雀";
const CARD: &str = "4311952222227391";
const TOKEN: &str = "sandbox-operator-token-invented";
const READER: &str = "sandbox-reader-token-invented";
const WRONG: &str = "canary-wrong-token";
const STORED: &str = "canary-stored-value";
const GARBAGE: &str = "<html>canary-garbage</html>";
const FORM: (&str, &str) = ("content-type", "application/x-www-form-urlencoded");
const JSON: (&str, &str) = ("content-type", "application/json");

/// Log levels to test: the one of the template, and those that a person may set while searching for a fault; the gate
/// takes only the last.
fn levels() -> Vec<&'static str> {
    if scale::is_full() { vec!["info", "debug", "trace"] } else { vec!["trace"] }
}

/// Responses and logs in which no canary may be.
#[derive(Default)]
struct Heard(Vec<(String, String)>);

impl Heard {
    fn note(&mut self, what: impl Into<String>, text: impl Into<String>) {
        self.0.push((what.into(), text.into()));
    }

    async fn stop(&mut self, what: &str, bootstrap: Bootstrap) {
        let (stdout, stderr) = bootstrap.stop().await;
        self.note(format!("the log of {what}"), without_timestamps(&stdout));
        self.note(format!("standard error of {what}"), stderr);
    }

    /// A request; what it is answered counts where it is an error.
    async fn request(&mut self, what: &str, bootstrap: &mut Bootstrap, event: &Value) -> u64 {
        let (status, headers, body) = bootstrap.request(event).await;
        if status >= 400 || what == "webhook" {
            self.note(format!("{what}: {status} to {}", event["rawPath"]), format!("{headers} {body}"));
        }
        status
    }

    fn is_silent(&self) {
        assert!(self.0.len() > 10, "{}", self.0.len());
        let lines = self.0.iter().flat_map(|(what, text)| text.lines().map(move |line| (what, line)));
        let singing: Vec<String> = lines
            .filter_map(|(what, line)| {
                Some(found(line)).filter(|found| !found.is_empty()).map(|found| (what, line, found))
            })
            .map(|(what, line, found)| format!("{what}: {}\n  {line}", found.join("; ")))
            .collect();
        assert!(singing.is_empty(), "{}", singing.join("\n"));
    }
}

/// A sandbox on real time with an order of the canary's, paid for a month before.
async fn world() -> (Sandbox, String) {
    let now = clock::now();
    let sandbox = Sandbox::at(&now.plus_days(-31).to_string()).await;
    let made = sandbox
        .post(
            "/api/subscriptions",
            json!({ "user_id": USER, "email": MAIL, "plan_id": "PRO", "billing_cycle": "monthly" }),
        )
        .await;
    let order = sandbox.submit(&made).await;
    sandbox.world.leap(now.utc());
    (sandbox, order)
}

/// The environment of a function at a log level, with one variable otherwise.
fn with_level(
    sandbox: &Sandbox,
    function: &str,
    level: &str,
    other: Option<(&str, &str)>,
) -> std::collections::BTreeMap<String, String> {
    let mut all = environment(&sandbox.world, function);
    all.insert("LOG_LEVEL".to_owned(), level.to_owned());
    if let Some((name, value)) = other {
        all.insert(name.to_owned(), value.to_owned());
    }
    all
}

/// A report with a canary in every text of it.
fn planted(report: Fields) -> Fields {
    let mut report = with(&with(&with(&report, "RtnMsg", TEXT), "CustomField1", CARD), "CustomField2", MAIL);
    let auth = if report.iter().any(|(name, _)| name == "AuthCode") { "AuthCode" } else { "auth_code" };
    report = with(&with(&report, auth, "CANAUT"), "CustomField3", USER);
    report.extend(fields(&[("card4no", "7391"), ("card6no", "594713"), ("NewField", "canary-unknown-field")]));
    report
}

fn callback(address: &str, body: &[u8]) -> Value {
    http_event(&format!("POST /api/webhooks/{address}"), &[FORM], body)
}

/// Callbacks that end in every way, each with all canaries.
fn callbacks(order: &str, day: &str) -> Vec<(u64, Value)> {
    let billing = |report: Fields| callback("ecpay-billing", &form_body(&signed(&planted(report))));
    let report = |code: &str, second: u32, number: &str| {
        period(order, code, &format!("{day} 10:00:{second:02}"), number, &format!("1340{second}"))
    };
    let forged = with(&signed(&planted(report("1", 1, "2"))), "Amount", "1");
    let twice = [form_body(&signed(&planted(report("1", 1, "2")))), b"&RtnMsg=canary+text".to_vec()].concat();
    vec![
        (200, billing(report("1", 1, "2"))),
        (200, billing(report("1", 1, "2"))),
        (200, billing(report("10100058", 2, "2"))),
        (200, callback("ecpay-auth", &form_body(&signed(&planted(first(order, "1", &format!("{day} 10:00:00"))))))),
        // Wrong: the amount, the authorisation, the merchant, a number, the order.
        (200, billing(with(&report("1", 3, "3"), "Amount", "1"))),
        (200, billing(report("1", 4, "2"))),
        (200, billing(with(&report("1", 5, "5"), "MerchantID", "3002608"))),
        (200, billing(with(&report("1", 6, "6"), "gwsr", CARD))),
        (200, billing(with(&report("1", 7, "7"), "TotalSuccessTimes", TEXT))),
        (200, billing(with(&report("1", 8, "8"), "MerchantTradeNo", USER))),
        (200, billing(with(&report("1", 9, "9"), "MerchantTradeNo", "DKSTRANGER0000000001"))),
        (200, billing(with(&report("1", 10, "10"), "SimulatePaid", "1"))),
        (400, callback("ecpay-billing", &form_body(&forged))),
        (400, callback("ecpay-billing", &twice)),
        (400, callback("ecpay-billing", format!("{MAIL}&{CARD}={TEXT}").as_bytes())),
        (404, callback("canary-user-7f3c", b"RtnMsg=canary+text")),
    ]
}

/// An item of the order's shape that no version wrote, in the queue of a task.
fn junk(pk: &str, sk: &str, queue: &str, schema: &str) -> Value {
    json!({
        "pk": { "S": pk }, "sk": { "S": sk }, "schema": { "N": schema }, "version": { "N": "1" },
        "queue": { "S": queue }, "due_at": { "S": "2025-01-01T00:00:00Z" },
        "data": { "M": {
            "id": { "S": "DKJUNK00000000000001" }, "user": { "S": USER }, "email": { "S": MAIL },
            "status": { "S": STORED }, "kind": { "S": STORED }, "event": { "N": "7" }, "to": { "M": { "customer": { "S": MAIL } } },
            "fields": { "M": { "reason": { "S": STORED } } },
        } },
    })
}

#[tokio::test]
async fn the_webhook_logs_nothing_of_what_it_is_sent() {
    let (sandbox, order) = world().await;
    let day = shared::ecpay::date::format(clock::now().plus_days(-1))[..10].to_owned();
    let mut heard = Heard::default();
    for level in levels() {
        let mut webhook = Bootstrap::start("ecpay-webhook", &with_level(&sandbox, "EcpayWebhook", level, None)).await;
        for (expected, event) in callbacks(&order, &day) {
            let status = heard.request("webhook", &mut webhook, &event).await;
            assert_eq!(status, expected, "{event}");
        }
        table_inspect::put(&sandbox.world, &junk("SUB#DKJUNK00000000000001", "STATE", "retry", "1")).unwrap();
        for (expected, event) in callbacks("DKJUNK00000000000001", &day) {
            let status = heard.request("webhook", &mut webhook, &event).await;
            assert!(status == expected || status == 503, "{status} {event}");
        }
        heard.stop("the webhook", webhook).await;
        let broken = with_level(&sandbox, "EcpayWebhook", level, Some(("TABLE_NAME", "no-such-table")));
        let mut webhook = Bootstrap::start("ecpay-webhook", &broken).await;
        let event = &callbacks(&order, &day)[2].1;
        assert_eq!(heard.request("webhook", &mut webhook, event).await, 503);
        heard.stop("the webhook without a table", webhook).await;
    }
    heard.is_silent();
}

/// Requests to a route with the token in every place and the body in every encoding.
fn requests(method: &str, path: &str, order: &str) -> Vec<Value> {
    let bearer = |token: &str| format!("Bearer {token}");
    let pairs = format!("payment_id={order}.S:1&email={MAIL}&user_id={USER}&by=canary+text+%E9%87%91&days={CARD}");
    let body = json!({
        "user_id": USER, "email": MAIL, "plan_id": STORED, "billing_cycle": TEXT, "payment_id": format!("{order}.{CARD}"),
        "days": 1, "why": TEXT, "replaces": CARD,
    });
    let good = json!({ "user_id": USER, "email": MAIL, "plan_id": "PRO", "billing_cycle": "monthly" });
    let parts = |token: &str| {
        format!(
            "--b\r\nContent-Disposition: form-data; name=\"admin_token\"\r\n\r\n{token}\r\n--b\r\nContent-Disposition: form-data; name=\"payment_id\"\r\n\r\n{order}.{CARD}\r\n--b--\r\n"
        )
    };
    let multipart = ("content-type", "multipart/form-data; boundary=b");
    let route = &format!("{method} {path}");
    let mut all = Vec::new();
    for token in [TOKEN, READER, WRONG] {
        let header = ("authorization", &*bearer(token));
        all.extend([
            http_event(route, &[header, JSON], body.to_string().as_bytes()),
            http_event(route, &[header, JSON], good.to_string().as_bytes()),
            http_event(route, &[header, JSON], format!("{{\"email\": \"{MAIL}\", broken").as_bytes()),
            http_event(route, &[header, FORM], pairs.as_bytes()),
            http_event(route, &[header, ("content-type", "text/csv")], format!("{USER},{MAIL}").as_bytes()),
            http_event(route, &[FORM], format!("admin_token={token}&{pairs}").as_bytes()),
            http_event(route, &[multipart], parts(token).as_bytes()),
            http_event(route, &[multipart, header], &parts(token).as_bytes()[..90]),
            http_event(
                &format!("{route}?admin_token={token}&hours={CARD}&from=canary-user-7f3c&after={CARD}"),
                &[],
                b"",
            ),
            http_event(&format!("{route}?admin_token={token}"), &[JSON], b""),
        ]);
    }
    all
}

/// Requests of a member of staff to a page or form of the console, each value a canary.
fn console_requests(method: &str, path: &str, cookie: &str) -> Vec<Value> {
    let session = [("cookie", cookie), ("sec-fetch-site", "same-origin")];
    let route = &format!("{method} {path}");
    let fields = format!("note={TEXT}&why={TEXT}&email={MAIL}&token={WRONG}&days={CARD}&name={STORED}&phone={CARD}");
    vec![
        http_event(route, &session, b""),
        http_event(&format!("{route}?q={MAIL}&subscription={CARD}&lang=id&after={CARD}"), &session, b""),
        http_event(&format!("{route}?q={USER}&said={CARD}"), &session, b""),
        http_event(route, &[session[0], session[1], FORM], fields.as_bytes()),
        http_event(route, &[session[0], session[1], FORM], format!("{fields}&confirmed=yes").as_bytes()),
    ]
}

#[tokio::test]
async fn the_admin_api_logs_nothing_of_what_it_is_asked() {
    let (sandbox, order) = world().await;
    let staff = sandbox.signed_in("owner").await;
    table_inspect::put(&sandbox.world, &junk("SUB#DKJUNK00000000000001", "STATE", "retry", "1")).unwrap();
    table_inspect::put(&sandbox.world, &junk("QUARANTINE#junk", "STATE", "quarantine", "1")).unwrap();
    let mut heard = Heard::default();
    let routes = sandbox.world.template.routes.clone();
    for level in levels() {
        for table in ["duekeeper", "no-such-table"] {
            let variables = with_level(&sandbox, "AdminApi", level, Some(("TABLE_NAME", table)));
            let mut admin = Bootstrap::start("admin-api", &variables).await;
            for route in routes.iter().filter(|route| route.function == "AdminApi") {
                for segment in [order.as_str(), "DKJUNK00000000000001", USER, WRONG] {
                    let varies = route.path.contains('{');
                    let path: Vec<&str> =
                        route.path.split('/').map(|part| if part.starts_with('{') { segment } else { part }).collect();
                    let path = path.join("/");
                    let is_page = path.starts_with("/console");
                    let pages =
                        if is_page { console_requests(&route.method, &path, &staff.cookie) } else { Vec::new() };
                    for event in requests(&route.method, &path, &order).into_iter().chain(pages) {
                        heard.request("admin-api", &mut admin, &event).await;
                    }
                    if !varies {
                        break;
                    }
                }
            }
            heard.stop(&format!("admin-api at {level}"), admin).await;
        }
    }
    heard.is_silent();
}

/// An ECPay that answers every request with an HTML page.
async fn garbage() -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = format!("http://{}", listener.local_addr().unwrap());
    let answer = |asked: String| async move { format!("{GARBAGE}{asked}&RtnMsg={TEXT}") };
    tokio::spawn(async move { axum::serve(listener, Router::new().fallback(answer)).await });
    address
}

#[tokio::test]
async fn maintenance_logs_nothing_of_whom_it_writes_to_and_what_it_reads() {
    let (sandbox, order) = world().await;
    let day = shared::ecpay::date::format(clock::now().plus_days(-1))[..10].to_owned();
    let failure = planted(period(&order, "10100058", &format!("{day} 10:00:01"), "1", ""));
    assert_eq!(sandbox.report("ecpay-billing", &failure).await.body, "1|OK");
    for (number, queue) in ["reconcile", "check-pending", "retry", "end-grace", "cancel", "send-mail", "webhook-log"]
        .into_iter()
        .enumerate()
    {
        table_inspect::put(&sandbox.world, &junk(&format!("SUB#DKJUNK0000000000000{number}"), "STATE", queue, "1"))
            .unwrap();
        table_inspect::put(&sandbox.world, &junk(&format!("SUB#DKJUNK0000000000001{number}"), "STATE", queue, "99"))
            .unwrap();
    }
    let endpoint = garbage().await;
    let mut heard = Heard::default();
    let faults =
        [("mail", "refuse"), ("mail", "answer_lost"), ("ecpay", "down"), ("ecpay", "refuse"), ("ecpay", "none")];
    let others = [None, Some(("ECPAY_ENDPOINT_URL", endpoint.as_str())), Some(("TABLE_NAME", "no-such-table"))];
    for (turn, level) in levels().into_iter().enumerate() {
        for other in others {
            let changed = other.map_or("", |(name, _)| name);
            let variables = with_level(&sandbox, "SubscriptionMaintenance", level, other);
            let mut maintenance = Bootstrap::start("subscription-maintenance", &variables).await;
            for (service, fault) in faults {
                sandbox.fault(service, fault).await;
                let retry = json!({ "subscription_id": order, "by": "support" });
                let wrong = json!({ "subscription_id": MAIL, "by": WRONG });
                let events = [
                    json!({ "run_id": format!("{turn}{service}{fault}{changed}") }),
                    json!({ "retry": retry }),
                    json!({ "retry": wrong }),
                    json!({ "task": USER }),
                    json!({ MAIL: CARD, "task": ["retry", TEXT] }),
                    json!({ "task": "retry", "scheduled_at": CARD }),
                ];
                for event in events {
                    let (kind, answer) = maintenance.invoke_in_vain(&event).await;
                    heard.note(format!("maintenance: {kind} to {event}"), answer.to_string());
                }
                sandbox.fault(service, "none").await;
            }
            heard.stop(&format!("maintenance at {level}, {changed}"), maintenance).await;
        }
    }
    let runs: Vec<Value> = table_inspect::contents(&sandbox.world)
        .into_iter()
        .filter(|item| item["pk"]["S"].as_str().unwrap() == "RUN")
        .collect();
    assert!(runs.iter().any(|run| run.to_string().contains("unreadable")), "{runs:?}");
    for run in runs {
        heard.note("the run ledger", run.to_string());
    }
    heard.is_silent();
}
