//! Events for the functions, and what many tests begin with.

use chrono::{DateTime, Utc};
use lambda_http::Request;
use lambda_http::http::request::Parts;
use sandbox::aws::lambda_events::api_gateway;
use sandbox::ecpay::{Callback, Fields, form_body};
use sandbox::world::credentials::ADMIN_TOKEN;
use serde_json::{Value, json};

use super::deployment::TestDeployment;
use super::instances::template;
use super::tasks::{Outcome, TaskId};

/// The API's own name.
const HOST: &str = "api.duekeeper.example";

/// A callback as API Gateway hands it to the webhook.
pub(crate) fn callback_event(callback: &Callback, now: DateTime<Utc>) -> Request {
    let request = lambda_http::http::Request::post(&callback.url)
        .header("host", HOST)
        .header("content-type", "application/x-www-form-urlencoded")
        .header("accept", "text/html");
    event(&request.body(()).expect("a request").into_parts().0, &callback.body, now)
}

/// A request as API Gateway hands it to `admin-api`.
pub(crate) fn admin_event(
    method: &str,
    path: &str,
    body: Option<&Value>,
    headers: &[(&str, &str)],
    now: DateTime<Utc>,
) -> Request {
    let mut request = lambda_http::http::Request::builder().method(method).uri(path).header("host", HOST);
    if !headers.iter().any(|(name, _)| name.eq_ignore_ascii_case("authorization")) {
        request = request.header("authorization", format!("Bearer {ADMIN_TOKEN}"));
    }
    if body.is_some() {
        request = request.header("content-type", "application/json");
    }
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let parts = request.body(()).expect("a request").into_parts().0;
    event(&parts, body.map(Value::to_string).unwrap_or_default().as_bytes(), now)
}

fn event(parts: &Parts, body: &[u8], now: DateTime<Utc>) -> Request {
    let route = template().route(parts.method.as_str(), parts.uri.path()).expect("a route of the template");
    lambda_http::request::from_str(&api_gateway(parts, body, Some(route), now).to_string()).expect("an event")
}

impl TestDeployment {
    /// An order that the buyer has not submitted: `admin-api`'s answer.
    pub fn order(&mut self, user: &str, cycle: &str) -> Value {
        self.ordered(&json!({
            "user_id": user, "email": format!("{user}@customer.example"), "plan_id": "PRO", "billing_cycle": cycle,
        }))
    }

    /// An order of PRO that replaces another one, not submitted yet.
    pub fn replacement(&mut self, user: &str, cycle: &str, old: &str) -> Value {
        self.ordered(&json!({
            "user_id": user, "email": format!("{user}@customer.example"), "plan_id": "PRO", "billing_cycle": cycle,
            "replaces": old,
        }))
    }

    fn ordered(&mut self, wanted: &Value) -> Value {
        let task = self.spawn_admin("POST", "/api/subscriptions", Some(wanted), &[]);
        let outcome = self.run_to_end(task);
        let Outcome::Answered { status: 201, body } = outcome else { panic!("no order was made: {outcome:?}") };
        serde_json::from_str(&body).expect("JSON")
    }

    /// The buyer submits an order at ECPay, which charges it; gives its id. The callback is due now.
    pub fn submit(&mut self, made: &Value) -> String {
        let text = |value: &Value| value.as_str().expect("a text").to_owned();
        let form = made["form_data"].as_object().expect("a form");
        let fields: Fields = form.iter().map(|(name, value)| (name.clone(), text(value))).collect();
        self.ecpay(|ecpay, now| ecpay.checkout(&form_body(&fields), now)).expect("an order that ECPay takes");
        text(&made["subscription_id"])
    }

    /// The callbacks that are due; each is handed out once, until [`Self::answered`].
    pub fn due_callbacks(&mut self) -> Vec<Callback> {
        self.ecpay(|ecpay, now| ecpay.take_due_callbacks(now))
    }

    /// Passes the response to a callback to ECPay; a task that has not ended counts as a timeout.
    pub fn answered(&mut self, callback: &Callback, task: TaskId) {
        let ok = Outcome::Answered { status: 200, body: "1|OK".to_owned() };
        let acknowledged = self.finished(task) == Some(ok);
        self.ecpay(|ecpay, now| ecpay.callback_answered(callback.id, acknowledged, now));
    }

    /// Delivers a callback without faults and passes the response to ECPay.
    pub fn deliver(&mut self, callback: &Callback) -> Outcome {
        let task = self.spawn_callback(callback);
        let outcome = self.run_to_end(task);
        self.answered(callback, task);
        outcome
    }

    /// A subscription of the PRO plan whose first charge succeeded and was reported; gives its id.
    pub fn subscribe(&mut self, user: &str, cycle: &str) -> String {
        let made = self.order(user, cycle);
        let id = self.submit(&made);
        for callback in self.due_callbacks() {
            self.deliver(&callback);
        }
        id
    }
}
