//! Calls of the tests of reminders: customers, vehicles, the schedule, WhatsApp.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Sandbox;

/// Route of the schedule of reminders.
const BASE: &str = "/scheduler/maintenance-reminder";
/// Route that starts a run of reminders by hand.
const RUN_NOW: &str = "/scheduler/maintenance-reminder/run-now";

impl Sandbox {
    /// Staff store a customer.
    pub async fn customer(&self, id: &str, name: &str, phone: &str) {
        let body = json!({ "name": name, "phone": phone });
        let (status, answer) = self.staff(Method::PUT, &format!("/customers/{id}"), Some(body)).await;
        assert!(status.is_success(), "{answer}");
    }

    /// Staff store a vehicle with its last and, if any, next visit (`YYYY-MM-DD`).
    pub async fn vehicle(&self, plate: &str, customer: &str, last: &str, next: Option<&str>) {
        let mut body = json!({ "customer_id": customer, "last_visit_date": last });
        if let Some(next) = next {
            body["next_visit_date"] = json!(next);
        }
        let (status, answer) = self.staff(Method::PUT, &format!("/vehicles/{plate}"), Some(body)).await;
        assert!(status.is_success(), "{answer}");
    }

    /// Starts a run of reminders and returns its report.
    pub async fn remind(&self) -> Value {
        let (status, answer) = self.staff(Method::POST, RUN_NOW, None).await;
        assert_eq!((status, &answer["success"]), (StatusCode::OK, &json!(true)), "{answer}");
        answer["data"].clone()
    }

    /// Delivered WhatsApp messages: recipient and text.
    pub async fn chats(&self) -> Vec<(String, String)> {
        let messages = self.get("/sandbox/messages").await;
        let chats = messages["messages"].as_array().unwrap().iter().filter(|message| message["channel"] == "whatsapp");
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        chats.map(|chat| (text(&chat["to"]), text(&chat["body"]))).collect()
    }

    /// Sends a request to the schedule of reminders.
    pub async fn schedule(&self, method: Method, path: &str) -> (StatusCode, Value) {
        self.staff(method, &format!("{BASE}{path}"), None).await
    }

    /// State of the schedule, and its jobs.
    pub async fn running(&self) -> (bool, Value) {
        let (status, answer) = self.schedule(Method::GET, "/status").await;
        assert_eq!((status, &answer["success"]), (StatusCode::OK, &json!(true)), "{answer}");
        (answer["data"]["running"].as_bool().unwrap(), answer["data"]["jobs"].clone())
    }
}
