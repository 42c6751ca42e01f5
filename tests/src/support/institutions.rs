//! Calls of the tests of institutions: MMS, the scan, Slack.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use super::Sandbox;

/// Route that starts a scan by hand.
const SCAN: &str = "/runs/mms-expiry-scan";

impl Sandbox {
    /// Sets the institutions that MMS lists.
    pub async fn mms(&self, institutions: &[Value]) {
        self.put("/sandbox/mms/institutions", json!(institutions)).await;
    }

    /// The payloads that reached Slack, oldest first.
    pub async fn slack(&self) -> Vec<Value> {
        let messages = self.get("/sandbox/messages").await;
        let messages = messages["messages"].as_array().unwrap().iter().filter(|message| message["channel"] == "slack");
        messages.map(|message| message["body"].clone()).collect()
    }

    /// A run by hand that comes to an end.
    pub async fn scan(&self) -> Value {
        let (status, report) = self.call(Method::POST, SCAN, None).await;
        assert_eq!(status, StatusCode::OK, "{report}");
        report
    }

    /// Sets the faults of a service by a detailed specification.
    pub async fn fault_spec(&self, service: &str, spec: Value) {
        self.put("/sandbox/faults", json!({ service: spec })).await;
    }

    /// Staff acknowledge an institution until a date.
    pub async fn acknowledge(&self, uid: &str, until: &str) -> (StatusCode, Value) {
        let body = json!({ "until": until, "why": "the contract is being signed" });
        self.staff(Method::POST, &format!("/institutions/{uid}/acknowledge"), Some(body)).await
    }
}
