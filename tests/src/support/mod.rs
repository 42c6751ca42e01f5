//! A sandbox and the few things that tests do with it.

pub mod console;
#[path = "../../../shared/tests/support/mod.rs"]
pub mod domain;
mod institutions;
pub mod lambda;
pub mod mails;
pub mod model_runs;
pub mod process;
pub mod project;
mod quarantine;
pub mod random;
mod reminders;
pub mod sample_events;
pub mod scale;
#[cfg(target_os = "linux")]
pub mod standing_clock;
mod stored;
mod workshop;

use std::collections::BTreeMap;
use std::sync::Arc;

use reqwest::{Client, Method, StatusCode};
use sandbox::ecpay::{Fields, check_mac_value, form_body};
use sandbox::world::state::test_merchant;
use sandbox::world::{LONGEST_CALL, Options, World};
use serde_json::{Value, json};

/// A running sandbox seen through HTTP.
pub struct Sandbox {
    /// The sandbox in this process: clock, table and simulators.
    pub world: Arc<World>,
    /// Base URL of the sandbox, `http://127.0.0.1:PORT`.
    pub base: String,
    /// Admin token of an operator.
    pub token: String,
    /// Client of all requests.
    pub http: Client,
}

/// Address of mails to staff.
pub const STAFF: &str = "staff@duekeeper.example";

/// Response to a callback.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Reply {
    /// Status code of the response.
    pub status: u16,
    /// `content-type` header, empty without one.
    pub content_type: String,
    /// Body of the response as text.
    pub body: String,
}

impl Sandbox {
    /// Starts a sandbox whose clock shows `now` (RFC 3339).
    pub async fn at(now: &str) -> Self {
        Self::with(now, &[]).await
    }

    /// A new sandbox with variables that are not as in the template. Customers get no receipts unless the test says so, so that
    /// most tests see the mails that they are about.
    pub async fn with(now: &str, variables: &[(&str, &str)]) -> Self {
        Self::started(now, variables, false).await
    }

    /// As [`Self::with`], with the table's stream on: stored mails are sent at once, not by the next schedule.
    pub async fn streaming(now: &str, variables: &[(&str, &str)]) -> Self {
        Self::started(now, variables, true).await
    }

    async fn started(now: &str, variables: &[(&str, &str)], stream: bool) -> Self {
        let without_receipts = [("RECEIPTS", "off")];
        let variables = without_receipts.iter().chain(variables);
        let variables = variables.map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect();
        let options = Options { port: 0, data: None, now: now.parse().unwrap(), variables, stream };
        Self::over(World::start(options).await.unwrap()).await
    }

    /// Around a world that was started otherwise.
    pub async fn over(world: Arc<World>) -> Self {
        let http = shared::platform::http::client(LONGEST_CALL).unwrap();
        let base = world.base_url.clone();
        let credentials: Value = serde_json::from_str(
            &http.get(format!("{base}/sandbox/credentials")).send().await.unwrap().text().await.unwrap(),
        )
        .unwrap();
        Self { world, base, token: credentials["admin_token"].as_str().unwrap().to_owned(), http }
    }

    /// Any request with the admin token; the answer as JSON.
    pub async fn call(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(&self.token);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// A POST under an `Idempotency-Key`.
    pub async fn keyed(&self, path: &str, body: Value, key: &str) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}{path}", self.base)).bearer_auth(&self.token);
        let request = request.header("idempotency-key", key).header("content-type", "application/json");
        let answer = request.body(body.to_string()).send().await.unwrap();
        (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// Sends a GET with the admin token, which must be answered 200.
    pub async fn get(&self, path: &str) -> Value {
        let (status, body) = self.call(Method::GET, path, None).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Sends a POST with the admin token, which must succeed.
    pub async fn post(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::POST, path, Some(body)).await;
        assert!(status.is_success(), "POST {path}: {status} {answer}");
        answer
    }

    /// Sends a PUT with the admin token, which must succeed.
    pub async fn put(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.call(Method::PUT, path, Some(body)).await;
        assert!(status.is_success(), "PUT {path}: {status} {answer}");
        answer
    }

    /// An order that the buyer has not submitted: the answer of `POST /api/subscriptions`.
    pub async fn order(&self, user: &str, cycle: &str, replaces: Option<&str>) -> Value {
        let mut wanted = json!({ "user_id": user, "email": format!("{user}@customer.example"), "plan_id": "PRO", "billing_cycle": cycle });
        if let Some(old) = replaces {
            wanted["replaces"] = json!(old);
        }
        let (status, made) = self.call(Method::POST, "/api/subscriptions", Some(wanted)).await;
        assert_eq!(status, 201, "{made}");
        made
    }

    /// The buyer submits an order at ECPay, which charges it and calls back.
    pub async fn submit(&self, made: &Value) -> String {
        let form: BTreeMap<String, String> = serde_json::from_value(made["form_data"].clone()).unwrap();
        let answer = self.http.post(made["action_url"].as_str().unwrap()).form(&form).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        made["subscription_id"].as_str().unwrap().to_owned()
    }

    /// A subscription of the PRO plan whose first charge succeeded.
    pub async fn subscribe(&self, user: &str, cycle: &str) -> String {
        let made = self.order(user, cycle, None).await;
        let order = self.submit(&made).await;
        assert_eq!(self.account(&order).await["status"], "active");
        order
    }

    /// Reads a subscription, `GET /api/subscriptions/{id}`.
    pub async fn account(&self, order: &str) -> Value {
        self.get(&format!("/api/subscriptions/{order}")).await
    }

    /// Sets the results of ECPay's coming charges and retries of an order.
    pub async fn outcomes(&self, order: &str, codes: &[&str]) {
        self.put(&format!("/sandbox/ecpay/orders/{order}"), json!({ "next_outcomes": codes })).await;
    }

    /// Has ECPay charge an order now.
    pub async fn charge(&self, order: &str, charge: Value) -> Value {
        self.post(&format!("/sandbox/ecpay/orders/{order}/charge"), charge).await
    }

    /// ECPay's own view of an order.
    pub async fn at_ecpay(&self, order: &str) -> Value {
        self.get(&format!("/sandbox/ecpay/orders/{order}")).await
    }

    /// Moves the clock; everything due in between happens.
    pub async fn travel(&self, to: &str) -> Vec<String> {
        self.moved(json!({ "now": to })).await
    }

    /// Moves the clock forward by days; everything due in between happens.
    pub async fn advance(&self, days: f64) -> Vec<String> {
        self.moved(json!({ "advance_days": days })).await
    }

    async fn moved(&self, by: Value) -> Vec<String> {
        let moved = self.post("/sandbox/clock", by).await;
        moved["ran"]
            .as_array()
            .unwrap()
            .iter()
            .map(|ran| format!("{} {}", ran["at"].as_str().unwrap(), ran["what"].as_str().unwrap()))
            .collect()
    }

    /// All tasks now, mail included.
    pub async fn maintain(&self) -> Value {
        self.post("/api/webhooks/trigger-maintenance", json!({})).await
    }

    /// All tasks now, with an ECPay that answers the run's first query and then misbehaves.
    pub async fn maintain_until_query(&self, fault: &str) {
        self.forget_calls().await;
        self.fault("ecpay", "held").await;
        let run = self.maintain();
        let strike = async {
            while self.calls("ecpay").await.is_empty() {}
            self.fault("ecpay", fault).await;
        };
        tokio::pin!(run);
        tokio::select! {
            _ = &mut run => panic!("the run ended without a query"),
            () = strike => {}
        }
        run.await;
    }

    /// Sets one fault of a service until it is changed (`none` ends it).
    pub async fn fault(&self, service: &str, fault: &str) {
        self.put("/sandbox/faults", json!({ service: fault })).await;
    }

    /// Sets ECPay's treatment of an order from now on: `paused`, `callbacks`.
    pub async fn order_behavior(&self, order: &str, behavior: Value) {
        self.put(&format!("/sandbox/ecpay/orders/{order}"), behavior).await;
    }

    /// Staff click on "retry" at a payment.
    pub async fn retry(&self, payment: &str) -> (StatusCode, Value) {
        self.call(Method::POST, "/api/webhooks/ecpay-manual-retry", Some(json!({ "payment_id": payment }))).await
    }

    /// The id of an order's latest payment.
    pub async fn latest_payment(&self, order: &str) -> String {
        let account = self.account(order).await;
        account["payments"].as_array().unwrap().last().unwrap()["id"].as_str().unwrap().to_owned()
    }

    /// Mails that reached `to`, oldest first.
    pub async fn mails(&self, to: &str) -> Vec<Value> {
        let messages = self.get("/sandbox/messages").await;
        messages["messages"].as_array().unwrap().iter().filter(|mail| mail["to"] == to).cloned().collect()
    }

    /// Subjects of the mails that reached `to`, oldest first.
    pub async fn subjects(&self, to: &str) -> Vec<String> {
        let mails = self.mails(to).await;
        mails.iter().map(|mail| mail["subject"].as_str().unwrap().to_owned()).collect()
    }

    /// Calls of one service by operation since they were forgotten.
    pub async fn calls(&self, service: &str) -> BTreeMap<String, u64> {
        serde_json::from_value(self.get("/sandbox/calls").await[service].clone()).unwrap_or_default()
    }

    /// Resets the counts of [`Self::calls`].
    pub async fn forget_calls(&self) {
        self.call(Method::DELETE, "/sandbox/calls", None).await;
    }

    /// Posts a raw body to a callback address (`ecpay-auth`, `ecpay-billing`).
    pub async fn callback(&self, address: &str, body: Vec<u8>) -> Reply {
        let request = self.http.post(format!("{}/api/webhooks/{address}", self.base));
        let answer =
            request.header("content-type", "application/x-www-form-urlencoded").body(body).send().await.unwrap();
        let content_type = answer.headers().get("content-type").map_or("", |value| value.to_str().unwrap()).to_owned();
        Reply { status: answer.status().as_u16(), content_type, body: answer.text().await.unwrap() }
    }

    /// Posts fields signed with the keys of ECPay's test merchant.
    pub async fn report(&self, address: &str, fields: &Fields) -> Reply {
        self.callback(address, form(fields)).await
    }

    /// Every item of the table, as `pk sk` lines: what grew.
    pub fn items(&self) -> Vec<String> {
        sandbox::world::table_inspect::keys(&self.world)
    }
}

impl Reply {
    /// The one answer with which ECPay is content.
    pub fn ok() -> Self {
        Self { status: 200, content_type: "text/plain".to_owned(), body: "1|OK".to_owned() }
    }
}

/// The fields and their CheckMacValue under the keys of ECPay's test merchant, by the simulator's implementation.
pub fn signed(fields: &Fields) -> Fields {
    let merchant = test_merchant();
    let mut signed = fields.clone();
    signed.push(("CheckMacValue".to_owned(), check_mac_value(fields, &merchant.hash_key, &merchant.hash_iv)));
    signed
}

/// Encodes fields as a signed body.
pub fn form(fields: &Fields) -> Vec<u8> {
    form_body(&signed(fields))
}

/// Builds fields from pairs of name and value.
pub fn fields(pairs: &[(&str, &str)]) -> Fields {
    pairs.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

/// The fields with one of them changed, or added where it is not there.
pub fn with(fields: &Fields, name: &str, value: &str) -> Fields {
    let mut changed = fields.clone();
    match changed.iter_mut().find(|(known, _)| known == name) {
        Some(field) => field.1 = value.to_owned(),
        None => changed.push((name.to_owned(), value.to_owned())),
    }
    changed
}

/// A periodic report as ECPay posts it, of PRO monthly.
pub fn period(order: &str, rtn_code: &str, process_date: &str, successes: &str, gwsr: &str) -> Fields {
    let (text, auth) = if rtn_code == "1" { ("交易成功", "777777") } else { ("付款失敗", "") };
    fields(&[
        ("MerchantID", "3002607"),
        ("MerchantTradeNo", order),
        ("StoreID", ""),
        ("RtnCode", rtn_code),
        ("RtnMsg", text),
        ("PeriodType", "M"),
        ("Frequency", "1"),
        ("ExecTimes", "99"),
        ("Amount", "899"),
        ("gwsr", gwsr),
        ("ProcessDate", process_date),
        ("AuthCode", auth),
        ("FirstAuthAmount", "899"),
        ("TotalSuccessTimes", successes),
        ("CustomField1", ""),
        ("CustomField2", ""),
        ("CustomField3", ""),
        ("CustomField4", ""),
    ])
}

/// A first report as ECPay posts it without NeedExtraPaidInfo, of PRO monthly.
pub fn first(order: &str, rtn_code: &str, payment_date: &str) -> Fields {
    fields(&[
        ("CustomField1", ""),
        ("CustomField2", ""),
        ("CustomField3", ""),
        ("CustomField4", ""),
        ("MerchantID", "3002607"),
        ("MerchantTradeNo", order),
        ("PaymentDate", payment_date),
        ("PaymentType", "Credit_CreditCard"),
        ("PaymentTypeChargeFee", "25"),
        ("RtnCode", rtn_code),
        ("RtnMsg", if rtn_code == "1" { "交易成功" } else { "付款失敗" }),
        ("SimulatePaid", "0"),
        ("StoreID", ""),
        ("TradeAmt", "899"),
        ("TradeDate", payment_date),
        ("TradeNo", "2501311000000001"),
    ])
}

/// The names of a JSON list's entries under `key`.
pub fn column(list: &Value, key: &str) -> Vec<String> {
    let entries = list.as_array().unwrap().iter();
    entries.map(|entry| entry[key].as_str().map_or_else(|| entry[key].to_string(), str::to_owned)).collect()
}
