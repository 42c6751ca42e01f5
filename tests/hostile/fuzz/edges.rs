//! Events and requests from outside, and items that no version of the product wrote.

use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::{Config, RngAlgorithm, TestRng, TestRunner};
use sandbox::world::TABLE;
use sandbox::world::table_inspect;
use serde_json::{Value, json};
use shared::domain::billing::task::Task;
use shared::domain::values::ids::{PaymentId, SubscriptionId, UserId};
use shared::domain::values::time::Timestamp;
use shared::domain::values::time_range::TimeRange;
use shared::store::Store;
use shared::store::runs::run_history::NewRun;

use super::{hostile, json, shaped};
use testing::support::{Sandbox, scale};

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
const ORDER: &str = "DKJUNK00000000000001";

/// Inputs of a strategy, always the same: what is asynchronous has no runner of proptest's.
fn inputs<S: Strategy>(strategy: &S, count: usize) -> Vec<S::Value> {
    let random = TestRng::from_seed(RngAlgorithm::ChaCha, &[7; 32]);
    let mut runner = TestRunner::new_with_rng(Config::default(), random);
    (0..count).map(|_| strategy.new_tree(&mut runner).unwrap().current()).collect()
}

fn bodies() -> impl Strategy<Value = (String, Vec<u8>)> {
    let types = proptest::sample::select(vec![
        "application/json",
        "application/json; charset=utf-16",
        "application/x-www-form-urlencoded",
        "multipart/form-data",
        "multipart/form-data; boundary=b",
        "multipart/form-data; boundary=",
        "multipart/form-data; boundary=\"",
        "text/plain",
        "",
        "/",
        "APPLICATION/JSON;;;=",
    ]);
    let request = shaped(&[
        ("user_id", &["fuzz"]),
        ("email", &["fuzz@customer.example"]),
        ("plan_id", &["PRO", "FREE"]),
        ("billing_cycle", &["monthly", "annual"]),
        ("payment_id", &["DKJUNK00000000000001.S:1"]),
        ("days", &["1", "-1", "18446744073709551615"]),
        ("why", &["because"]),
        ("replaces", &[ORDER]),
    ]);
    let part = |(name, value): (String, String)| {
        format!("--b\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n")
    };
    let body = prop_oneof![
        request.prop_map(|json| json.to_string().into_bytes()),
        json().prop_map(|json| json.to_string().into_bytes()),
        any::<Vec<u8>>(),
        hostile().prop_map(String::into_bytes),
        proptest::collection::vec((hostile(), hostile()).prop_map(part), 0..4)
            .prop_map(|parts| parts.concat().into_bytes()),
        proptest::collection::vec((hostile(), hostile()).prop_map(part), 0..4).prop_map(|parts| format!(
            "{}--b--\r\n",
            parts.concat()
        )
        .into_bytes()),
        (1..40_000_usize).prop_map(|deep| "[".repeat(deep).into_bytes()),
        (60_000..200_000_usize).prop_map(|long| vec![b'a'; long]),
    ];
    (types.prop_map(str::to_owned), body)
}

#[tokio::test]
async fn no_request_breaks_the_admin_api() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("fuzz-admin", "monthly").await;
    let staff = sandbox.signed_in("owner").await;
    let routes: Vec<_> = sandbox.world.template.routes.iter().filter(|route| route.function == "AdminApi").collect();
    let segment = prop_oneof![
        Just(order.clone()),
        Just("%00%ff%2f".to_owned()),
        Just("é%20😀".to_owned()),
        Just("..;x".to_owned())
    ];
    let query = prop_oneof![
        Just(String::new()),
        proptest::sample::select(vec![
            "hours=-1",
            "hours=x&from=2025-13-01",
            "after=%ff&after=1",
            "to=0000-00-00",
            "from=+262143-01-01&to=-262143-01-01"
        ])
        .prop_map(str::to_owned)
    ];
    for ((content_type, body), route, segment, query) in
        inputs(&(bodies(), 0..routes.len(), segment, query), scale::count(20_000))
    {
        let route = routes[route];
        let path: Vec<&str> =
            route.path.split('/').map(|part| if part.starts_with('{') { segment.as_str() } else { part }).collect();
        let url = format!("{}{}?{query}", sandbox.base, path.join("/"));
        let request = sandbox.http.request(route.method.parse().unwrap(), &url).bearer_auth(&sandbox.token);
        // The console takes a session in place of the token.
        let request = request.header("cookie", &staff.cookie).header("sec-fetch-site", "same-origin");
        let shown = format!(
            "{} {url} {content_type}: {}",
            route.method,
            String::from_utf8_lossy(&body).chars().take(300).collect::<String>()
        );
        let answer = request
            .header("content-type", content_type)
            .body(body)
            .send()
            .await
            .unwrap_or_else(|error| panic!("{shown}: {error}"));
        let status = answer.status();
        let length = answer.text().await.unwrap().len();
        assert!(status.as_u16() < 500, "{status} to {shown}");
        assert!(length < 400 * 1024, "{length} bytes to {shown}");
    }
}

/// Any attribute in DynamoDB's JSON.
fn attribute() -> impl Strategy<Value = Value> {
    let number = proptest::sample::select(vec!["0", "1", "-1", "1.5", "99", "18446744073709551616", "1E+100"]);
    let leaf = prop_oneof![
        3 => hostile().prop_map(|text| json!({ "S": text })),
        2 => number.prop_map(|number| json!({ "N": number })),
        1 => any::<bool>().prop_map(|value| json!({ "BOOL": value })),
        1 => Just(json!({ "NULL": true })),
        1 => Just(json!({ "B": "AAEC" })),
        1 => Just(json!({ "SS": ["a", "b"] })),
    ];
    leaf.prop_recursive(3, 20, 5, |inner| {
        let known = proptest::sample::select(vec![
            "id", "user", "status", "price", "events", "data", "report", "fields", "kind",
        ]);
        prop_oneof![
            proptest::collection::vec(inner.clone(), 0..4).prop_map(|all| json!({ "L": all })),
            proptest::collection::btree_map(known, inner, 0..6).prop_map(|all| json!({ "M": all })),
        ]
    })
}

/// Keys of every kind of item that the reads below come by.
const PLACES: [(&str, &str, &str); 12] = [
    ("SUB#DKJUNK00000000000001", "STATE", "retry"),
    ("SUB#DKJUNK00000000000001", "PAYMENT#S:1", "reconcile"),
    ("SUB#DKJUNK00000000000001", "HISTORY#0000000001", "cancel"),
    ("SUB#DKJUNK00000000000001", "WEBHOOK#2025-01-15T02:00:00Z#S:1", "webhook-log"),
    ("SUB#DKJUNK00000000000001", "NOTICE#x", "send-mail"),
    ("USER#junk", "STATE", "end-grace"),
    ("QUARANTINE#junk", "STATE", "quarantine"),
    ("CHECKOUT#junk", "STATE", "check-pending"),
    ("RUN", "junk", "retry"),
    ("BREAKER", "ecpay", "retry"),
    ("COUNT#status", "0", "retry"),
    ("COUNT#callbacks#0", "2025-01-15T02", "retry"),
];

/// An item of the real world with some of its attributes and fields replaced.
fn mangled(real: &Value, junk: Vec<(String, Value)>, how: u8) -> Value {
    let mut item = real.clone();
    for (name, value) in junk {
        match how % 3 {
            0 => item[&name] = value,
            1 => item["data"]["M"][&name] = value,
            _ => {
                let fields = item["data"]["M"]
                    .as_object()
                    .map(|fields| fields.keys().cloned().collect::<Vec<_>>())
                    .unwrap_or_default();
                if let Some(field) = fields.get(name.len() % fields.len().max(1)) {
                    item["data"]["M"][field] = value;
                }
            }
        }
    }
    item
}

/// Every read of the store; how many of them failed.
async fn read_everything(store: &Store) -> usize {
    let order = SubscriptionId::parse(ORDER).unwrap();
    let now = Timestamp::parse("2025-01-15T02:00:00Z").unwrap();
    let junk =
        NewRun { id: "junk", tasks: Vec::new(), scheduled_at: now, owner: "fuzz".to_owned(), holds_lease: false };
    let failed = [
        store.billing.subscription(&order).await.err().map(|error| error.to_string()),
        store
            .billing
            .payment(&PaymentId::parse("DKJUNK00000000000001.S:1").unwrap())
            .await
            .err()
            .map(|error| error.to_string()),
        store.billing.payments(&order).await.err().map(|error| error.to_string()),
        store.billing.history(&order, 0, 100).await.err().map(|error| error.to_string()),
        store.billing.recent_webhooks(&order, now.plus_days(-1)).await.err().map(|error| error.to_string()),
        store.billing.notices(&order).await.err().map(|error| error.to_string()),
        store.billing.user(&UserId::parse("junk").unwrap()).await.err().map(|error| error.to_string()),
        store
            .billing
            .all_quarantined(TimeRange { from: now.plus_days(-1), to: now.plus_days(1) })
            .await
            .err()
            .map(|error| error.to_string()),
        store.billing.checkout("junk", now).await.err().map(|error| error.to_string()),
        store.runs.claim_run(junk, now, now).await.err().map(|error| error.to_string()),
        store.runs.ecpay_blocked_until(now).await.err().map(|error| error.to_string()),
        store.billing.counts(now.plus_hours(-1), now).await.err().map(|error| error.to_string()),
        store.billing.status_counts().await.err().map(|error| error.to_string()),
        store.billing.due_messages(now, None).await.err().map(|error| error.to_string()),
    ];
    for kind in [Task::Retry, Task::Reconcile, Task::Resume, Task::Cancel, Task::EndGrace, Task::CheckPending] {
        let page = store.billing.due_subscriptions(kind, now, None).await.unwrap();
        assert!(page.items.len() <= PLACES.len());
    }
    assert!(failed.iter().flatten().all(|text| text.len() < 400), "{failed:?}");
    failed.iter().flatten().count()
}

#[tokio::test]
async fn items_that_no_version_wrote_are_errors_and_no_panics() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("fuzz-store", "monthly").await;
    let dynamodb = aws_sdk_dynamodb::Client::new(&sandbox::aws::config(&sandbox.world.aws_url));
    let store = Store::new(dynamodb, TABLE.to_owned());
    let contents = table_inspect::contents(&sandbox.world);
    let state =
        contents.into_iter().find(|item| item["pk"]["S"] == format!("SUB#{order}") && item["sk"]["S"] == "STATE");
    let known = proptest::sample::select(vec![
        "schema",
        "version",
        "data",
        "expires_at",
        "live",
        "plan",
        "latest",
        "status",
        "price",
        "x",
    ]);
    let junk = proptest::collection::vec((known.prop_map(str::to_owned), attribute()), 1..4);
    let cases = (0..PLACES.len(), junk, any::<u8>());
    let (mut failed, rounds) = (0, scale::count(4_000));
    for (place, junk, how) in inputs(&cases, rounds) {
        let (pk, sk, queue) = PLACES[place];
        let mut item = mangled(state.as_ref().unwrap(), junk, how);
        item["pk"] = json!({ "S": pk });
        item["sk"] = json!({ "S": sk });
        item["queue"] = json!({ "S": queue });
        item["due_at"] = json!({ "S": "2025-01-15T01:00:00Z" });
        // What DynamoDB itself would not take cannot be stored either.
        if table_inspect::put(&sandbox.world, &item).is_ok() {
            failed += read_everything(&store).await;
        }
    }
    assert!(failed > rounds, "{failed} reads failed");
}
