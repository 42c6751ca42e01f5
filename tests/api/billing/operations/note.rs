//! Notes of staff in an order's history.

use reqwest::Method;
use serde_json::json;
use testing::support::Sandbox;

use super::{BEGIN, failing, last, operate, refused};

#[tokio::test]
async fn a_note_stands_in_the_history_with_its_author_and_changes_nothing_else() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "noted").await;
    let before = sandbox.account(&order).await;
    let (status, account) = operate(&sandbox, &order, "note", json!({ "note": " 客戶週一再來電 " })).await;
    assert_eq!(status, 200, "{account}");
    let entry = last(&account);
    assert_eq!(
        (&entry["what"], &entry["rule"], &entry["by"], &entry["why"]),
        (&json!("staff added a note"), &json!("note-added"), &json!("staff:support"), &json!("客戶週一再來電"))
    );
    assert_eq!((&entry["from"], &entry["to"]), (&json!("past_due"), &json!("past_due")));
    for field in ["status", "plan_id", "next_action", "grace_period_ends_at", "explanation", "notices"] {
        assert_eq!(account[field], before[field], "{field}");
    }
    for text in ["", " ", "two\nlines", &"x".repeat(501)] {
        let (status, answer) = operate(&sandbox, &order, "note", json!({ "note": text })).await;
        assert_eq!((status, &answer["error"]["param"]), (400, &json!("note")), "{answer}");
    }
}

#[tokio::test]
async fn a_note_is_erased_with_its_customer_and_none_can_follow() {
    let sandbox = Sandbox::at(BEGIN).await;
    let made = sandbox.order("forgotten", "monthly", None).await;
    let order = made["subscription_id"].as_str().unwrap().to_owned();
    operate(&sandbox, &order, "note", json!({ "note": "speaks only Hakka" })).await;
    sandbox.travel("2025-01-16T10:30:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "failed");
    let erased = sandbox.call(Method::DELETE, "/api/users/forgotten", Some(json!({ "why": "asked for" }))).await;
    assert_eq!(erased.0, 200, "{}", erased.1);
    let account = sandbox.account(&order).await.to_string();
    assert!(account.contains("staff added a note") && !account.contains("Hakka"), "{account}");
    assert_eq!(refused(&sandbox, &order, "note", json!({ "note": "x" })).await, (409, "erased".to_owned()));
    let moved = json!({ "email": "new@customer.example", "why": "x" });
    assert_eq!(refused(&sandbox, &order, "email", moved).await, (409, "erased".to_owned()));
}
