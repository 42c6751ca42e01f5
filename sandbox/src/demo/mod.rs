//! The scripted demo of `cargo run`: a charge fails, its retries fail, the plan is downgraded to FREE, and a late
//! payment restores it. The next morning the customers of a workshop are reminded, and sales staff see in Slack which
//! institutions are about to expire. A customer whose card has expired pays with another one through the link of a mail. The
//! business's app gets an event of each change. Every line comes from a response of the running system.

mod app;
mod repair;

use std::sync::Arc;

use chrono::{DateTime, Utc};
use chrono_tz::Asia::Taipei;
use serde_json::{Value, json};

use crate::world::World;
use crate::world::credentials;
use crate::{Error, mms};

/// Instant at which the demo begins.
pub const BEGIN: &str = "2025-01-31T10:00:00+08:00";
/// Decline code of the demo's failing charges: insufficient credit.
const NO_CREDIT: &str = "10100252";
/// Customers of the workshop with their vehicles, as the demo imports them. The last one's number is no mobile number.
pub const WORKSHOP_LIST: &str = "customer_id,name,phone,email,plate,last_visit_date,next_visit_date\n\
    c-1,Budi Santoso,08551234567,,B 1234 ABC,2024-11-13,\n\
    c-2,Sari Dewi,+62 812-9876-5432,,D 88 XY,2024-11-12,\n\
    c-3,Agus Wijaya,021-5551234,,B 7 JKL,2024-11-12,\n";

/// Customer of the business.
struct Customer {
    user: &'static str,
    email: &'static str,
}

const MEI: Customer = Customer { user: "user-1042", email: "mei.lin@customer.example" };
const JIAN: Customer = Customer { user: "user-1043", email: "jian.wu@customer.example" };

struct DemoRunner<'a> {
    world: &'a Arc<World>,
    token: String,
    /// Number of messages that were printed.
    printed: usize,
    /// Number of events that were printed.
    printed_events: usize,
}

/// Plays the demo and prints each step.
///
/// # Errors
/// [`Error::Demo`] when a response differs from what the demo expects.
pub async fn play(world: &Arc<World>) -> Result<(), Error> {
    let mut runner =
        DemoRunner { world, token: String::new(), printed: world.state().messages.len(), printed_events: 0 };
    let credentials = runner.get("/sandbox/credentials").await?;
    runner.token = text(&credentials, "/admin_token")?;
    runner.title("A customer subscribes");
    let order = runner.subscribe(&MEI).await?;
    runner.title("Twelve days later another customer subscribes");
    runner.travel("2025-02-12T10:00:00+08:00").await?;
    let other = runner.subscribe(&JIAN).await?;
    runner.title("The next month's charge fails, and so do its retries");
    let outcomes = json!({ "next_outcomes": [NO_CREDIT, NO_CREDIT, NO_CREDIT, NO_CREDIT] });
    runner.send("PUT", &format!("/sandbox/ecpay/orders/{order}"), &outcomes).await?;
    for (day, expected) in [
        ("2025-02-28T12:00:00+08:00", "past_due"),
        ("2025-03-01T18:00:00+08:00", "past_due"),
        ("2025-03-03T18:00:00+08:00", "past_due"),
        ("2025-03-07T18:00:00+08:00", "past_due"),
        ("2025-03-10T13:00:00+08:00", "active"),
    ] {
        runner.travel(day).await?;
        runner.expect(&order, expected).await?;
    }
    runner.title("Support requests a retry; it succeeds late, and the plan is restored");
    runner.retry_by_hand(&order).await?;
    runner.travel("2025-03-10T16:00:00+08:00").await?;
    let account = runner.expect(&order, "active").await?;
    if text(&account, "/plan_id")? != "PRO" {
        return Err(Error::Demo("the plan was not restored".to_owned()));
    }
    runner.title(&format!("The subscription's history: GET /api/subscriptions/{order}"));
    runner.account(&account);
    runner.title("A workshop imports its customers and reminds them by WhatsApp");
    runner.reminders().await?;
    runner.title("Institutions in the MMS are about to expire; sales staff get a digest in Slack");
    runner.digest().await?;
    runner.title("The other customer's card has expired: the mail's link leads to a new one, without staff");
    repair::expired_card(&mut runner, &other, &JIAN).await?;
    app::expect_plan(&runner, &MEI, "PRO")?;
    app::expect_plan(&runner, &JIAN, "PRO")
}

impl DemoRunner<'_> {
    async fn subscribe(&mut self, customer: &Customer) -> Result<String, Error> {
        let Customer { user, email } = customer;
        let wanted = json!({ "user_id": user, "email": email, "plan_id": "PRO", "billing_cycle": "monthly" });
        let made = self.send("POST", "/api/subscriptions", &wanted).await?;
        let order = text(&made, "/subscription_id")?;
        self.line(&format!(
            "POST /api/subscriptions -> order {order}, PRO monthly, NT$899, waiting for the first charge"
        ));
        let checkout = text(&made, "/checkout_url")?;
        let page = self.world.http.get(&checkout).send().await?.text().await?;
        self.world.http.post(&checkout).send().await?.error_for_status()?;
        let fields = made.get("form_data").and_then(Value::as_object).ok_or_else(|| unexpected("no order form"))?;
        self.line(&format!(
            "the buyer opens the checkout page ({} bytes), presses its button and submits ECPay's form ({} signed fields)",
            page.len(),
            fields.len()
        ));
        let form: Vec<(&String, &str)> =
            fields.iter().filter_map(|(name, value)| Some((name, value.as_str()?))).collect();
        self.world.http.post(text(&made, "/action_url")?).form(&form).send().await?;
        self.line("ECPay charges the card and calls back /api/webhooks/ecpay-auth");
        self.expect(&order, "active").await?;
        self.world.stream_handled().await;
        app::print_events(self);
        Ok(order)
    }

    async fn retry_by_hand(&mut self, order: &str) -> Result<(), Error> {
        let account = self.get(&format!("/api/subscriptions/{order}")).await?;
        let payments = account.get("payments").and_then(Value::as_array).cloned().unwrap_or_default();
        let failed = payments.iter().rev().find(|payment| payment.get("outcome") == Some(&json!("failed")));
        let payment =
            failed.and_then(|payment| payment.get("id")).cloned().ok_or_else(|| unexpected("no failed payment"))?;
        let answer = self.send("POST", "/api/webhooks/ecpay-manual-retry", &json!({ "payment_id": payment })).await?;
        self.line(&format!("POST /api/webhooks/ecpay-manual-retry -> {}", text(&answer, "/message")?));
        Ok(())
    }

    async fn reminders(&mut self) -> Result<(), Error> {
        let imported = self.upload("/customers/import", WORKSHOP_LIST).await?;
        self.line(&format!("POST /customers/import -> {imported}"));
        self.travel("2025-03-11T09:00:00+08:00").await?;
        let again = self.send("POST", "/scheduler/maintenance-reminder/run-now", &json!({})).await?;
        let counted = |name: &str| again.pointer(&format!("/data/{name}")).and_then(Value::as_u64).unwrap_or(0);
        self.line(&format!(
            "POST /scheduler/maintenance-reminder/run-now, the same day -> {} sent, {} sent before",
            counted("reminder_sent"),
            counted("already_sent")
        ));
        if (counted("reminder_sent"), counted("already_sent")) == (0, 2) {
            Ok(())
        } else {
            Err(unexpected("the customers were not reminded exactly once"))
        }
    }

    async fn digest(&mut self) -> Result<(), Error> {
        let today = self.world.now().with_timezone(&Taipei).date_naive();
        let institutions = json!(mms::invented(today));
        self.send("PUT", "/sandbox/mms/institutions", &institutions).await?;
        self.travel("2025-03-11T09:30:00+08:00").await?;
        let known = self.get("/institutions/expiring").await?;
        let uid = text(&known, "/institutions/0/uid")?;
        let acknowledgement = json!({ "until": "2025-03-14", "why": "the contract is being signed" });
        let acknowledged = self.send("POST", &format!("/institutions/{uid}/acknowledge"), &acknowledgement).await?;
        let until = text(&acknowledged, "/acknowledged/until")?;
        self.line(&format!("POST /institutions/{uid}/acknowledge -> acknowledged until {until}"));
        let again = self.send("POST", "/runs/mms-expiry-scan", &json!({})).await?;
        self.line(&format!("POST /runs/mms-expiry-scan, the same day -> {}", text(&again, "/status")?));
        self.travel("2025-03-12T09:30:00+08:00").await
    }

    async fn upload(&self, path: &str, list: &'static str) -> Result<Value, Error> {
        let request = self.world.http.post(format!("{}{path}", self.world.base_url)).bearer_auth(self.bearer(path));
        read(request.header("content-type", "text/csv").body(list).send().await?).await
    }

    /// The token that a path needs: the business's own apps have another.
    fn bearer(&self, path: &str) -> String {
        let is_apps =
            ["/scheduler", "/customers", "/vehicles", "/institutions"].iter().any(|begin| path.starts_with(begin));
        if is_apps { credentials::jwt(self.world.now()) } else { self.token.clone() }
    }

    async fn travel(&mut self, to: &str) -> Result<(), Error> {
        let moved = self.send("POST", "/sandbox/clock", &json!({ "now": to })).await?;
        for event in moved.get("ran").and_then(Value::as_array).into_iter().flatten() {
            let what = text(event, "/what")?;
            if !what.ends_with("nothing due") {
                self.line_at(&text(event, "/at")?, &what);
            }
        }
        let messages: Vec<_> = self.world.state().messages.iter().skip(self.printed).cloned().collect();
        self.printed += messages.len();
        for message in messages {
            let text = message.body.to_string();
            // The first line of a mail to a customer names the business.
            let business = message.mail.and_then(|mail| mail.html).and(text.lines().next());
            let shown = match (message.subject, business) {
                (Some(subject), Some(business)) => format!("{business}: {subject}"),
                (Some(subject), None) => subject,
                (None, _) => text,
            };
            self.line_at(&message.sent_at.to_rfc3339(), &format!("{} to {}: {shown}", message.channel, message.to));
        }
        app::print_events(self);
        Ok(())
    }

    /// Prints the state of the subscription. A status other than the expected one ends the demo.
    async fn expect(&self, order: &str, status: &str) -> Result<Value, Error> {
        let account = self.get(&format!("/api/subscriptions/{order}")).await?;
        let found = text(&account, "/status")?;
        self.line(&format!("= {} on {}: {}", found, text(&account, "/plan_id")?, text(&account, "/explanation/en")?));
        if found == status { Ok(account) } else { Err(unexpected(&format!("{order} is {found}, not {status}"))) }
    }

    fn account(&self, account: &Value) {
        for entry in account.get("history").and_then(Value::as_array).into_iter().flatten() {
            let part = |name: &str| entry.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
            self.line_at(
                &part("at"),
                &format!(
                    "{:>9} -> {:<9} {} [{}] by {}",
                    part("from"),
                    part("to"),
                    part("what"),
                    part("rule"),
                    part("by")
                ),
            );
        }
        for payment in account.get("payments").and_then(Value::as_array).into_iter().flatten() {
            let part = |name: &str| payment.get(name).and_then(Value::as_str).unwrap_or("-").to_owned();
            self.line_at(
                &part("process_date"),
                &format!("payment {}: {} {}", part("outcome"), part("rtn_code"), part("rtn_msg")),
            );
        }
    }

    async fn get(&self, path: &str) -> Result<Value, Error> {
        let request = self.world.http.get(format!("{}{path}", self.world.base_url)).bearer_auth(self.bearer(path));
        read(request.send().await?).await
    }

    async fn send(&self, method: &str, path: &str, body: &Value) -> Result<Value, Error> {
        let url = format!("{}{path}", self.world.base_url);
        let request = if method == "PUT" { self.world.http.put(url) } else { self.world.http.post(url) };
        let request =
            request.bearer_auth(self.bearer(path)).header("content-type", "application/json").body(body.to_string());
        read(request.send().await?).await
    }

    fn title(&self, title: &str) {
        say(&format!("\n{title}"));
    }

    fn line(&self, line: &str) {
        self.line_at(&self.world.now().to_rfc3339(), line);
    }

    fn line_at(&self, at: &str, line: &str) {
        let at = DateTime::parse_from_rfc3339(at).map(|at| at.to_utc()).unwrap_or_else(|_| self.world.now());
        say(&format!("  {}  {}", local(at), line.replace('\n', "\n                      ")));
    }
}

async fn read(answer: reqwest::Response) -> Result<Value, Error> {
    let status = answer.status();
    let body = answer.text().await?;
    if status.is_success() {
        serde_json::from_str(&body).map_err(|_| unexpected("a response is not JSON"))
    } else {
        Err(unexpected(&format!("HTTP {status}: {body}")))
    }
}

fn text(value: &Value, pointer: &str) -> Result<String, Error> {
    value
        .pointer(pointer)
        .and_then(Value::as_str)
        .map(str::to_owned)
        .ok_or_else(|| unexpected(&format!("{pointer} is missing")))
}

fn unexpected(what: &str) -> Error {
    Error::Demo(what.to_owned())
}

fn local(at: DateTime<Utc>) -> String {
    at.with_timezone(&Taipei).format("%Y-%m-%d %H:%M").to_string()
}

#[expect(clippy::print_stdout, reason = "this is what people run to look at")]
fn say(text: &str) {
    println!("{text}");
}
