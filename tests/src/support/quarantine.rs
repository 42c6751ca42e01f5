//! Calls of the tests of the quarantine.

use std::collections::BTreeSet;

use sandbox::ecpay::Fields;
use serde_json::{Value, json};

use super::{Reply, Sandbox, column};

impl Sandbox {
    /// Quarantined reports in all states, newest first.
    pub async fn quarantine_items(&self) -> Vec<Value> {
        self.get("/quarantine?state=all&limit=100").await["quarantine"].as_array().unwrap().clone()
    }

    /// Posts a report that is quarantined as a new item; returns its id.
    pub async fn have_quarantined(&self, address: &str, report: &Fields) -> String {
        let before: BTreeSet<String> = column(&json!(self.quarantine_items().await), "id").into_iter().collect();
        assert_eq!(self.report(address, report).await, Reply::ok());
        let after = column(&json!(self.quarantine_items().await), "id");
        let new: Vec<&String> = after.iter().filter(|id| !before.contains(*id)).collect();
        assert_eq!(new.len(), 1, "{report:?}");
        new[0].clone()
    }

    /// Replays one quarantined report.
    pub async fn replay(&self, id: &str, why: &str) -> Value {
        self.post(&format!("/quarantine/{id}/replay"), json!({ "why": why })).await
    }

    /// Replays what came on the day of these tests.
    pub async fn replay_day(&self, more: Value) -> Value {
        let mut range = json!({ "from": "2025-01-15", "to": "2025-01-15", "why": "imported" });
        range.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.post("/quarantine/replay", range).await
    }

    /// Status, plan and the numbers of successes.
    pub async fn standing(&self, order: &str) -> (String, String, Vec<String>) {
        let account = self.account(order).await;
        let word = |name: &str| account[name].as_str().unwrap().to_owned();
        (word("status"), word("plan_id"), column(&account["payments"], "number"))
    }
}
