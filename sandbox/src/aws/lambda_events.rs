//! Events as AWS delivers them to the functions, whether they come from the public port or from a file.

use std::collections::BTreeMap;

use base64::Engine;
use chrono::{DateTime, Utc};
use lambda_http::{Body, Response};
use serde_json::{Map, Value, json};

use crate::aws::route::{Route, decoded};
use crate::world::{NotDone, World};

impl World {
    /// Hands an event to a function, named as in the template. Gives the status and the body of its answer; those of
    /// Lambda's Invoke where the function does not speak HTTP.
    pub async fn deliver_event(&self, function: &str, event: &str) -> (u16, String) {
        if let Some(answer) = answer(self, function, event).await {
            return (answer.status().as_u16(), String::from_utf8_lossy(answer.body().as_ref()).into_owned());
        }
        let Ok(event) = serde_json::from_str(event) else { return (400, "the event is not JSON".to_owned()) };
        match self.invoke(function, event).await {
            Ok(answer) => (200, answer.to_string()),
            Err(NotDone::NoSuchFunction) => (400, format!("{function} takes no such event")),
            Err(error) => (500, json!({ "errorMessage": error.to_string() }).to_string()),
        }
    }
}

/// A function's answer to an event of API Gateway; `None` when the event is none, or no such function takes it.
pub(crate) async fn answer(world: &World, function: &str, event: &str) -> Option<Response<Body>> {
    let functions = world.functions()?;
    let request = lambda_http::request::from_str(event).ok()?;
    match function {
        "EcpayWebhook" => Some(Box::pin(ecpay_webhook::handle(&functions.webhook, request, world.moment())).await),
        "AdminApi" => Some(Box::pin(admin_api::handle(&functions.admin, request, world.moment())).await),
        _ => None,
    }
}

/// The event of API Gateway's payload format 2.0. Forms come base64-encoded and the path percent-decoded, as AWS sends them
/// ("Create routes for HTTP APIs"): in `rawPath` a `/`, `?` or `#` of an id looks like one of the path.
#[must_use]
pub fn api_gateway(parts: &http::request::Parts, body: &[u8], route: Option<&Route>, now: DateTime<Utc>) -> Value {
    let route_key = route.map_or_else(|| "$default".to_owned(), |route| format!("{} {}", route.method, route.path));
    let path = decoded(parts.uri.path());
    let variables: Map<String, Value> = route
        .into_iter()
        .flat_map(|route| route.parameters(parts.uri.path()))
        .map(|(name, value)| (name.to_owned(), json!(value)))
        .collect();
    let header = |name: &str| parts.headers.get(name).and_then(|value| value.to_str().ok()).unwrap_or_default();
    let mut headers: Map<String, Value> = Map::new();
    // Cookies come in a list of their own ("Working with AWS Lambda proxy integrations for HTTP APIs").
    let cookies = parts.headers.get_all("cookie").iter().filter_map(|value| value.to_str().ok());
    let cookies: Vec<&str> = cookies.flat_map(|header| header.split("; ")).collect();
    for name in parts.headers.keys().filter(|name| *name != "cookie") {
        let values: Vec<_> = parts.headers.get_all(name).iter().filter_map(|value| value.to_str().ok()).collect();
        headers.insert(name.as_str().to_owned(), json!(values.join(",")));
    }
    let is_text = header("content-type").starts_with("application/json") || header("content-type").starts_with("text/");
    let text = if is_text { std::str::from_utf8(body).ok() } else { None };
    let encoded = text.map_or_else(|| base64::engine::general_purpose::STANDARD.encode(body), str::to_owned);
    let query = parts.uri.query().unwrap_or_default();
    let mut parameters: BTreeMap<String, String> = BTreeMap::new();
    for (name, value) in form_urlencoded::parse(query.as_bytes()) {
        // A repeated parameter comes once, its values joined by commas.
        let values = parameters.entry(name.into_owned());
        values.and_modify(|values| *values = format!("{values},{value}")).or_insert_with(|| value.into_owned());
    }
    let request_id = format!("sandbox-{}", now.timestamp_micros());
    let mut event = json!({
        "version": "2.0", "routeKey": route_key, "rawPath": path, "rawQueryString": query,
        "headers": headers, "queryStringParameters": parameters,
        "requestContext": {
            "accountId": "000000000000", "apiId": "sandbox", "domainName": header("host"), "domainPrefix": "sandbox",
            "http": {
                "method": parts.method.as_str(), "path": path, "protocol": "HTTP/1.1",
                "sourceIp": "127.0.0.1", "userAgent": header("user-agent"),
            },
            "requestId": request_id, "routeKey": route_key, "stage": "$default",
            "time": now.format("%d/%b/%Y:%H:%M:%S +0000").to_string(), "timeEpoch": now.timestamp_millis(),
        },
        "body": if body.is_empty() { Value::Null } else { Value::String(encoded) },
        "isBase64Encoded": !body.is_empty() && text.is_none(),
    });
    if let (false, Some(fields)) = (cookies.is_empty(), event.as_object_mut()) {
        fields.insert("cookies".to_owned(), json!(cookies));
    }
    if let (false, Some(fields)) = (variables.is_empty(), event.as_object_mut()) {
        fields.insert("pathParameters".to_owned(), Value::Object(variables));
    }
    event
}
