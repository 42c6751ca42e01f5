//! Requests with a misspelt, repeated or unknown name: refused on every route, and nothing is done.

use std::collections::BTreeMap;

use reqwest::Method;
use sandbox::world::credentials;
use serde_json::{Value, json};
use testing::support::Sandbox;

/// Paths that take a list instead of fields.
const LISTS: [&str; 2] = ["/customers/import", "/api/adoptions"];

const BEGIN: &str = "2025-01-15T10:00:00+08:00";

/// An operation of the description.
struct Operation {
    method: Method,
    path: String,
    scope: String,
    /// Required parameters of the query, with their examples.
    query: String,
    body: Option<Value>,
    /// Texts of the body without a form of their own, each with the most characters of its description.
    free_texts: BTreeMap<String, Option<u64>>,
}

/// Properties that are free text: neither a date nor one of some words.
fn free_texts(schema: &Value) -> BTreeMap<String, Option<u64>> {
    let is_text = |field: &Value| {
        let kinds = field["type"].as_array().cloned().unwrap_or_else(|| vec![field["type"].clone()]);
        kinds.contains(&json!("string")) && field["format"].is_null() && field["enum"].is_null()
    };
    let properties = schema["properties"].as_object().into_iter().flatten();
    properties
        .filter(|(_, field)| is_text(field))
        .map(|(name, field)| (name.clone(), field["maxLength"].as_u64()))
        .collect()
}

/// Every operation that needs a token, with a body of the fields' examples.
fn operations() -> Vec<Operation> {
    let description = admin_api::openapi();
    let mut operations = Vec::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            let Some(scopes) = operation["security"][0]["token"].as_array() else { continue };
            // `whoami` takes every token.
            let scope = scopes.first().and_then(Value::as_str).unwrap_or("read");
            let schema = &operation["requestBody"]["content"]["application/json"]["schema"];
            let schema = schema["$ref"].as_str().map(|path| description.pointer(&path[1..]).unwrap());
            let body = schema.map(|schema| {
                let fields = schema["required"].as_array().into_iter().flatten().filter_map(Value::as_str);
                let example = |name: &str| {
                    let field = &schema["properties"][name];
                    let field = field["$ref"].as_str().map_or(field, |path| description.pointer(&path[1..]).unwrap());
                    if field["example"].is_null() { field["examples"][0].clone() } else { field["example"].clone() }
                };
                fields.map(|name| (name.to_owned(), example(name))).collect::<BTreeMap<_, _>>()
            });
            let parameters = operation["parameters"].as_array().into_iter().flatten();
            let needed = parameters.filter(|one| one["in"] == "query" && one["required"] == true);
            let query =
                needed.map(|one| format!("&{}={}", one["name"].as_str().unwrap(), one["example"].as_str().unwrap()));
            operations.push(Operation {
                query: query.collect(),
                method: method.to_uppercase().parse().unwrap(),
                path: path.clone(),
                scope: scope.to_owned(),
                body: body.map(|body| json!(body)),
                free_texts: schema.map(free_texts).unwrap_or_default(),
            });
        }
    }
    operations
}

/// A world in which every route finds something.
struct World {
    sandbox: Sandbox,
    order: String,
}

impl World {
    async fn new() -> Self {
        let sandbox = Sandbox::at(BEGIN).await;
        let order = sandbox.subscribe("strict", "monthly").await;
        Self { sandbox, order }
    }

    fn path(&self, operation: &Operation) -> String {
        let value = |name: &str| match name {
            "id" if operation.path.starts_with("/runs") && operation.method == Method::POST => "maintenance-reminder",
            "id" if operation.path.starts_with("/api/subscriptions") => self.order.as_str(),
            "user_id" => "strict",
            "plate" => "B1234XYZ",
            _ => "0123456789abcdef0123456789abcdef",
        };
        let segment = |segment: &str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            Some(name) => value(name).to_owned(),
            None => segment.to_owned(),
        };
        operation.path.split('/').map(segment).collect::<Vec<_>>().join("/")
    }

    async fn ask(&self, operation: &Operation, query: &str, body: Option<&Value>) -> (u16, Value) {
        let token = match operation.scope.as_str() {
            "read" | "operate" => self.sandbox.token.clone(),
            _ => credentials::jwt(self.sandbox.world.now()),
        };
        let url = format!("{}{}?{query}{}", self.sandbox.base, self.path(operation), operation.query);
        let mut request = self.sandbox.http.request(operation.method.clone(), url).bearer_auth(token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        (answer.status().as_u16(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }
}

#[tokio::test]
async fn a_misspelt_or_repeated_parameter_is_refused_everywhere_and_nothing_is_done() {
    let world = World::new().await;
    world.sandbox.forget_calls().await;
    let before = world.sandbox.items();
    let operations = operations();
    assert!(operations.len() > 35, "{}", operations.len());
    for operation in &operations {
        for query in ["dryrun=true", "dry-run=true", "DRY_RUN=true", "dry_run=true&dry_run=true", "unknown=1", "=1"] {
            let (status, answer) = world.ask(operation, query, operation.body.as_ref()).await;
            let name = query.split('=').next().unwrap();
            let is_named = answer["errors"].as_array().is_some_and(|faults| {
                faults.iter().any(|fault| {
                    fault["message"].as_str().unwrap().starts_with(if name.is_empty() { "a name" } else { name })
                })
            });
            assert!(status == 400 && is_named, "{} {}?{query}: {status} {answer}", operation.method, operation.path);
            // The examples of the fields are accepted; only the lists have no body here.
            let is_list = LISTS.contains(&operation.path.as_str());
            assert!(is_list || query.contains('&') || answer["errors"].as_array().unwrap().len() == 1, "{answer}");
        }
    }
    assert_eq!(world.sandbox.items(), before);
    for service in ["ecpay", "starsender", "slack", "mms"] {
        assert_eq!(world.sandbox.calls(service).await, BTreeMap::new(), "{service}");
    }
}

#[tokio::test]
async fn a_misspelt_or_missing_field_is_refused_everywhere_and_nothing_is_done() {
    let world = World::new().await;
    let before = world.sandbox.items();
    for operation in operations().iter().filter(|operation| operation.method != Method::GET) {
        let mut body = operation.body.clone().unwrap_or_else(|| json!({}));
        body["invented_field"] = json!("0912-345-678");
        let (status, answer) = world.ask(operation, "", Some(&body)).await;
        let shown = format!("{} {}: {status} {answer}", operation.method, operation.path);
        // A list has no fields.
        assert!(status == 400 && !shown.contains("0912"), "{shown}");
        if !LISTS.contains(&operation.path.as_str()) {
            assert!(shown.contains("invented_field is not a field of this request"), "{shown}");
        }
        // Each required field in turn.
        for name in operation.body.iter().flat_map(|body| body.as_object().unwrap().keys()) {
            let mut body = operation.body.clone().unwrap();
            body.as_object_mut().unwrap().remove(name);
            let (status, answer) = world.ask(operation, "", Some(&body)).await;
            let message = format!("{name} is missing");
            assert_eq!(
                (status, &answer["errors"][0]["message"]),
                (400, &json!(message)),
                "{}: {answer}",
                operation.path
            );
        }
    }
    assert_eq!(world.sandbox.items(), before);
}

#[tokio::test]
async fn a_text_that_is_empty_too_long_or_not_one_line_is_refused_everywhere_and_nothing_is_done() {
    let world = World::new().await;
    let before = world.sandbox.items();
    let mut tried = BTreeMap::<String, u32>::new();
    for operation in &operations() {
        for (name, longest) in &operation.free_texts {
            let longest = usize::try_from(longest.unwrap_or(500)).unwrap();
            let breaks = ["\n", "\r", "\0", "\u{1b}", "\u{7f}", "\u{85}", "\u{2028}", "\u{2029}"];
            let lines = breaks.map(|between| format!("one{between}two"));
            let empty = ["", " ", "\u{3000}", "\u{200b}\u{3164}"].map(str::to_owned);
            for text in lines.into_iter().chain(empty).chain(["a".repeat(longest + 1)]) {
                // An id of a payment that is none is of no payment.
                let not_found = if operation.path == "/api/webhooks/ecpay-manual-retry" && name == "payment_id" {
                    404
                } else {
                    400
                };
                let mut body = operation.body.clone().unwrap();
                body[name] = json!(text);
                let (status, answer) = world.ask(operation, "", Some(&body)).await;
                let shown = format!("{} {} {name} {text:?}: {answer}", operation.method, operation.path);
                assert!(status == 400 || status == not_found, "{shown}");
                let is_named = [&answer["errors"][0]["param"], &answer["error"]["param"]].contains(&&json!(name));
                assert!(is_named || status == 404, "{shown}");
            }
            *tried.entry(name.clone()).or_default() += 1;
        }
    }
    assert_eq!(world.sandbox.items(), before);
    let names: Vec<&str> = tried.keys().map(String::as_str).collect();
    let expected = [
        "after",
        "customer_id",
        "email",
        "endpoint",
        "merchant_trade_no",
        "name",
        "note",
        "payment_id",
        "phone",
        "plan_id",
        "reference",
        "replaces",
        "return_url",
        "user_id",
        "why",
    ];
    assert_eq!(names, expected);
    assert!(tried["why"] >= 15, "{tried:?}");
}

#[tokio::test]
async fn all_faults_of_a_request_are_named_at_once_with_the_right_spelling_where_it_is_near() {
    let world = World::new().await;
    let sent =
        json!({ "userid": "amy", "email": "no-address", "plan_id": "PRO", "billing_cycle": "yearly", "replaces": 5 });
    let (status, answer) = world.sandbox.call(Method::POST, "/api/subscriptions?dry=1", Some(sent)).await;
    let faults: Vec<&str> =
        answer["errors"].as_array().unwrap().iter().map(|fault| fault["message"].as_str().unwrap()).collect();
    assert_eq!(status, 400);
    for wanted in [
        "dry is not a parameter of this request",
        "userid is not a field of this request; did you mean user_id?",
        "user_id is missing",
        "billing_cycle must be monthly or annual",
        "replaces must be a text",
    ] {
        assert!(faults.contains(&wanted), "{wanted}: {faults:?}");
    }
    assert!(faults.iter().any(|fault| fault.starts_with("email: ")), "{faults:?}");
    assert_eq!(faults.len(), 6, "{faults:?}");
}

#[tokio::test]
async fn a_body_in_json_without_its_content_type_is_refused_by_that_name_and_not_repeated() {
    let world = World::new().await;
    let url = format!("{}/api/subscriptions", world.sandbox.base);
    let request = world.sandbox.http.post(url).bearer_auth(&world.sandbox.token);
    let request = request.header("content-type", "application/x-www-form-urlencoded");
    let answer = request.body(r#"{"user_id": "amy", "email": "amy@customer.example"}"#).send().await.unwrap();
    assert_eq!(answer.status(), 400);
    let text = answer.text().await.unwrap();
    assert!(text.contains("Content-Type must be application/json") && !text.contains("amy"), "{text}");
}

#[tokio::test]
async fn a_path_answers_another_method_with_405_and_the_methods_that_it_has() {
    let world = World::new().await;
    for (method, path, allowed) in [
        (Method::DELETE, "/api/subscriptions", "POST,GET,HEAD"),
        (Method::PUT, "/runs", "GET,HEAD"),
        (Method::POST, "/api/webhooks/health", "GET,HEAD"),
    ] {
        let request = world.sandbox.http.request(method, format!("{}{path}", world.sandbox.base));
        let answer = request.send().await.unwrap();
        let allow = answer.headers().get("allow").map(|value| value.to_str().unwrap().to_owned());
        assert_eq!((answer.status().as_u16(), allow.as_deref()), (405, Some(allowed)), "{path}");
    }
}
