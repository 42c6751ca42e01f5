//! Ids in paths as API Gateway sends them: `rawPath` decoded, the ids in `pathParameters`.

use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};
use reqwest::Method;
use sandbox::world::table_inspect::{contents, put};
use serde_json::{Value, json};
use testing::lambda::environment;
use testing::support::lambda::{Bootstrap, http_event};
use testing::support::random::Random;
use testing::support::{Sandbox, first};

use super::bootstraps::now;

/// Ids of which each looks like another one where it is cut at a border of the path or decoded once too often.
const ALIKE: [&str; 9] = ["mei", "mei#vip", "mei?vip", "aA", "a%41", "a%2541", "org", "org/123", "a\\b"];

/// Random ids of the characters that paths give a meaning, none of which stands above.
fn random_ids(count: usize) -> Vec<String> {
    let mut random = Random::new(15);
    let signs = [&b"aA/#?%.+&;=12345F\\"[..], b"%2F%23"].concat();
    let mut id = || (0..random.between(2, 12)).map(|_| char::from(*random.pick(&signs))).collect();
    (0..count).map(|_| id()).collect()
}

/// Gives a user another id, which the API takes from no new user: wherever the old one stands in the table.
fn rename(sandbox: &Sandbox, from: &str, to: &str) {
    let quoted = json!(to).to_string();
    for item in contents(&sandbox.world) {
        let text = item.to_string();
        if text.contains(from) {
            let renamed = text.replace(from, quoted.trim_matches('"'));
            put(&sandbox.world, &serde_json::from_str(&renamed).unwrap()).unwrap();
        }
    }
}

/// A user with one order, whose first charge failed, so that the user may be erased.
async fn user(sandbox: &Sandbox, number: usize, id: &str) -> String {
    let name = format!("renamed-{number:04}");
    let order =
        json!({ "user_id": name, "email": "mei@customer.example", "plan_id": "PRO", "billing_cycle": "monthly" });
    let made = sandbox.post("/api/subscriptions", order).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    let declined = first(&order, "10100252", &shared::ecpay::date::format(shared::platform::clock::now()));
    assert_eq!(sandbox.report("ecpay-auth", &declined).await.status, 200);
    rename(sandbox, &name, id);
    order
}

fn encoded(id: &str) -> String {
    utf8_percent_encode(id, NON_ALPHANUMERIC).to_string()
}

async fn ask(admin: &mut Bootstrap, sandbox: &Sandbox, request: &str, body: Option<Value>) -> (u16, Value) {
    let bearer = format!("Bearer {}", sandbox.token);
    let headers = [("content-type", "application/json"), ("authorization", bearer.as_str())];
    let body = body.map(|body| body.to_string()).unwrap_or_default();
    let (status, _, answer) = admin.request(&http_event(request, &headers, body.as_bytes())).await;
    (u16::try_from(status).unwrap(), serde_json::from_str(&answer).unwrap())
}

#[tokio::test]
async fn every_id_leads_to_its_own_user_and_to_no_other() {
    let sandbox = now().await;
    let mut ids: Vec<String> = ALIKE.map(str::to_owned).into_iter().chain(random_ids(80)).collect();
    ids.dedup();
    // The last ones belong to no user.
    let (stored, unknown) = ids.split_at(60);
    let mut orders = Vec::new();
    for (number, id) in stored.iter().enumerate() {
        orders.push(user(&sandbox, number, id).await);
    }
    let mut admin = Bootstrap::start("admin-api", &environment(&sandbox.world, "AdminApi")).await;
    for (id, order) in stored.iter().zip(&orders) {
        let (status, export) = ask(&mut admin, &sandbox, &format!("GET /api/users/{}/export", encoded(id)), None).await;
        let found = (status, export["user_id"].as_str(), export["subscriptions"][0]["id"].as_str());
        assert_eq!(found, (200, Some(id.as_str()), Some(order.as_str())), "{export}");
        let path = format!("/api/webhooks/subscription-status/{}", encoded(id));
        let (_, status) = ask(&mut admin, &sandbox, &format!("GET {path}"), None).await;
        assert_eq!((&status["user_id"], &status["subscription"]["id"]), (&json!(id), &json!(order)), "{status}");
    }
    for id in unknown.iter().filter(|id| !stored.contains(id)) {
        let (status, answer) = ask(&mut admin, &sandbox, &format!("GET /api/users/{}/export", encoded(id)), None).await;
        assert_eq!(status, 404, "{id}: {answer}");
    }
    // Erased one after the other, all that are left stay.
    for (place, id) in stored.iter().enumerate().take(ALIKE.len()) {
        let request = format!("DELETE /api/users/{}", encoded(id));
        let (status, erased) = ask(&mut admin, &sandbox, &request, Some(json!({ "why": "asked for" }))).await;
        assert_eq!((status, erased["user_id"].as_str()), (200, Some(id.as_str())), "{erased}");
        for (other, order) in orders.iter().enumerate().take(ALIKE.len()) {
            let is_erased = !sandbox.account(order).await["erased_at"].is_null();
            assert_eq!(is_erased, other <= place, "{id} was erased, and {}", stored[other]);
        }
    }
    let (_, stderr) = admin.stop().await;
    assert_eq!(stderr, "");
}

#[tokio::test]
async fn a_new_user_gets_no_id_that_addresses_give_a_meaning() {
    let sandbox = now().await;
    let order = |user: &str| json!({ "user_id": user, "email": "new@customer.example", "plan_id": "PRO", "billing_cycle": "monthly" });
    for id in ["org/123", "mei?vip", "mei#vip", "a%41"] {
        let (status, refused) = sandbox.call(Method::POST, "/api/subscriptions", Some(order(id))).await;
        assert_eq!((status.as_u16(), refused["error"]["param"].as_str()), (400, Some("user_id")), "{id}: {refused}");
    }
    user(&sandbox, 1, "org/123").await;
    sandbox.post("/api/subscriptions", order("org/123")).await;
    sandbox.post("/api/subscriptions", order("auth0|a-b.c_d~e")).await;
}

#[tokio::test]
async fn a_path_without_a_route_is_answered_by_the_function_and_leads_nowhere() {
    let sandbox = now().await;
    let mut admin = Bootstrap::start("admin-api", &environment(&sandbox.world, "AdminApi")).await;
    user(&sandbox, 1, "mei").await;
    let (missing, other) = ((404, Some("not_found")), (405, Some("wrong_method")));
    for (request, expected) in [
        ("GET /nowhere", missing),
        ("GET /", missing),
        ("PUT /api/users/mei", other),
        ("GET /api/users/mei/export/", missing),
        // Decoded, it is the path of a route, which is nevertheless not taken.
        ("DELETE /api%2Fusers%2Fmei", other),
        ("DELETE /api%2Fusers/mei", other),
    ] {
        let event = http_event(request, &[], b"");
        assert_eq!(event["routeKey"], "$default", "{request}");
        let (status, answer) = ask(&mut admin, &sandbox, request, Some(json!({ "why": "asked for" }))).await;
        assert_eq!((status, answer["error"]["type"].as_str()), expected, "{request}: {answer}");
    }
    admin.stop().await;
}

#[tokio::test]
async fn an_id_that_is_the_word_of_another_route_leads_to_its_own_customer() {
    let sandbox = now().await;
    for id in ["import", "send-maintenance-reminder"] {
        let path = format!("/customers/{id}");
        sandbox.keep(&path, json!({ "name": "Owner", "phone": "08551110001" })).await;
        assert_eq!(sandbox.seen(&path).await["customer_id"], id);
        let (status, erased) = sandbox.staff(Method::DELETE, &path, Some(json!({ "why": "asked for" }))).await;
        assert_eq!((status.as_u16(), erased["customer_id"].as_str()), (200, Some(id)), "{erased}");
    }
}
