//! Runs in the console: failed ones first, idle ones folded, and jobs that start after their dry run.

use reqwest::Method;
use serde_json::json;

use testing::support::Sandbox;

const BEGIN: &str = "2025-01-05T10:00:00+08:00";
const LIST: &str = "/console/runs";

#[tokio::test]
async fn failed_runs_stand_first_and_idle_ones_are_folded() {
    let sandbox = Sandbox::at(BEGIN).await;
    sandbox.call(Method::POST, "/runs/reconcile", None).await;
    sandbox.fault("mms", "down").await;
    sandbox.call(Method::POST, "/runs/mms-expiry-scan", None).await;
    let staff = sandbox.signed_in("read-only").await;
    let page = staff.get(LIST).await;
    let text = page.text();
    assert_eq!(page.status, 200, "{text}");
    assert!(text.contains("1 runs found nothing due"), "{text}");
    assert!(text.find("Scan of expiring institutions").unwrap() < text.find("1 runs found").unwrap(), "{text}");
    assert!(page.form("/console/runs/reconcile").is_none(), "{}", page.body);
    assert_eq!(staff.post("/console/runs/reconcile", &[("confirmed", "yes")]).await.status, 403);
    let filtered = staff.get(&format!("{LIST}?job=mms-expiry-scan")).await;
    assert!(!filtered.text().contains("nothing due"), "{}", filtered.text());
    let refused = staff.get(&format!("{LIST}?status=odd")).await;
    assert!(refused.status == 400 && refused.text().contains("status must be requested"), "{}", refused.text());
    assert_eq!(staff.get("/console/runs/20250105T000000Z-none").await.status, 404);
}

#[tokio::test]
async fn a_job_starts_after_its_dry_run_and_its_report_leads_to_the_orders() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = sandbox.subscribe("mei", "monthly").await;
    sandbox.outcomes(&order, &["10100058", "1"]).await;
    sandbox.put("/sandbox/schedules", json!({ "enabled": false })).await;
    sandbox.advance(35.0).await;
    let staff = sandbox.signed_in("support").await;
    let preview = staff.submit(LIST, "/console/runs/retry", &[]).await;
    let text = preview.text();
    assert_eq!(preview.status, 200, "{text}");
    assert!(text.contains("Nothing was done yet.") && text.contains("requested from ECPay: ReAuth"), "{text}");
    assert_eq!(sandbox.at_ecpay(&order).await["charges"].as_array().unwrap().len(), 2, "nothing was requested");
    let done = staff.post("/console/runs/retry", &[("confirmed", "yes"), ("idempotency_key", "one")]).await;
    assert_eq!(done.status, 303, "{}", done.body);
    let run = staff.get(done.location()).await;
    let text = run.text();
    assert!(text.contains("The run has started.") && text.contains("Due 1, Done 1"), "{text}");
    assert!(run.body.contains(&format!("<a href=\"/console/subscriptions/{order}\">{order}</a>")), "{}", run.body);
    assert!(text.contains("requested from ECPay: ReAuth accepted"), "{text}");
    // The state alone, for a page that follows a run; a finished one is not asked for again.
    let part = staff.get(&format!("{}&part=state", done.location())).await;
    assert!(part.body.starts_with("<div id=\"run\">") && !part.body.contains("<html"), "{}", part.body);
    // A run with nothing to do leaves no report.
    staff.post("/console/runs/send-mail", &[("confirmed", "yes")]).await;
    let idle = staff.post("/console/runs/send-mail", &[("confirmed", "yes")]).await;
    assert_eq!(idle.location(), "/console/runs?said=run_idle");
}

#[tokio::test]
async fn a_day_that_cannot_be_scanned_is_kept_in_the_form() {
    let sandbox = Sandbox::at(BEGIN).await;
    let staff = sandbox.signed_in("owner").await;
    let refused = staff.submit(LIST, "/console/runs/mms-expiry-scan", &[("day", "2024-01-01")]).await;
    assert_eq!(refused.status, 400);
    assert!(refused.text().contains("day must be one of the last 14 days"), "{}", refused.text());
    assert!(refused.body.contains("value=\"2024-01-01\""), "{}", refused.body);
    assert_eq!(staff.post("/console/runs/no-such-job", &[]).await.status, 404);
}
