//! The document's integration flow and the turns it can take, on the moving clock.

use serde_json::json;

use crate::support::{Sandbox, column};

const NO_CREDIT: &str = "10100252";

#[tokio::test]
async fn the_documents_six_steps_lead_from_active_to_free_and_back() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let order = sandbox.subscribe("flow", "monthly").await;
    let mail = "flow@customer.example";
    // 1 active
    let account = sandbox.account(&order).await;
    assert_eq!((account["plan_id"].as_str(), account["amount_twd"].as_u64()), (Some("PRO"), Some(899)));
    assert_eq!(account["current_period_start"], "2025-01-15");
    assert_eq!(account["current_period_end"], "2025-02-15");
    // 2 the first failure: past due, seven days
    sandbox.outcomes(&order, &[NO_CREDIT, NO_CREDIT, NO_CREDIT, NO_CREDIT]).await;
    sandbox.travel("2025-02-15T10:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(account["status"], "past_due");
    assert_eq!(account["plan_id"], "PRO");
    assert_eq!(account["grace_period_ends_at"], "2025-02-22T02:00:00Z");
    // 3 the second failure, by the retry of day 1: three days more
    sandbox.travel("2025-02-16T23:00:00+08:00").await;
    assert_eq!(sandbox.account(&order).await["grace_period_ends_at"], "2025-02-25T02:00:00Z");
    // 4 the third, by the retry of day 3: no more days
    sandbox.travel("2025-02-18T23:00:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!(
        (account["status"].as_str(), account["grace_period_ends_at"].as_str()),
        (Some("past_due"), Some("2025-02-25T02:00:00Z"))
    );
    // the fourth, by the retry of day 7, tells nobody
    sandbox.travel("2025-02-22T23:00:00+08:00").await;
    assert_eq!(
        sandbox.subjects(mail).await,
        [
            "付款失敗通知 - Payment Failure Notice",
            "第二次付款失敗 - Second Payment Failure",
            "最終付款失敗通知 - Final Payment Failure Notice"
        ]
    );
    // 5 grace ends on day 10
    sandbox.travel("2025-02-25T09:59:59+08:00").await;
    assert_eq!(sandbox.account(&order).await["status"], "past_due");
    sandbox.travel("2025-02-25T12:30:00+08:00").await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("FREE")));
    assert_eq!(account["amount_twd"], 0);
    assert_eq!(account["downgrade_reason"], "payment_failure");
    assert_eq!(account["downgraded_at"], "2025-02-25T04:00:00Z");
    assert_eq!(sandbox.subjects(mail).await.len(), 4);
    // 6 a late success brings the plan back
    sandbox.charge(&order, json!({ "rtn_code": "1" })).await;
    let account = sandbox.account(&order).await;
    assert_eq!((account["status"].as_str(), account["plan_id"].as_str()), (Some("active"), Some("PRO")));
    assert_eq!(account["amount_twd"], 899);
    assert_eq!(account["downgraded_at"], json!(null));
    assert_eq!(account["current_period_end"], "2025-03-15");
    assert_eq!(
        column(&account["payments"], "outcome"),
        ["succeeded", "failed", "failed", "failed", "failed", "succeeded"]
    );
    let retries = sandbox.at_ecpay(&order).await["retries_asked"].as_array().unwrap().len();
    assert_eq!(retries, 3);
}
