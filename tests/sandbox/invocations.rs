//! Lambda's asynchronous invocations.

use reqwest::RequestBuilder;
use serde_json::json;

use testing::support::Sandbox;

fn event(sandbox: &Sandbox, function: &str) -> RequestBuilder {
    let url = format!("{}/2015-03-31/functions/{function}/invocations", sandbox.world.aws_url);
    let event = json!({ "task": "reconcile", "run_id": "asynchronous" });
    sandbox.http.post(url).header("x-amz-invocation-type", "Event").body(event.to_string())
}

#[tokio::test]
async fn an_asynchronous_invocation_is_accepted_and_over_once_the_clock_was_moved() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    sandbox.forget_calls().await;
    let accepted = event(&sandbox, "SubscriptionMaintenance").send().await.unwrap();
    assert_eq!((accepted.status().as_u16(), accepted.text().await.unwrap().as_str()), (202, ""));
    sandbox.advance(0.0).await;
    let calls = sandbox.get("/sandbox/calls?function=SubscriptionMaintenance").await;
    assert!(calls["dynamodb"]["Query"].as_u64().unwrap() > 0, "{calls}");
}

#[tokio::test]
async fn an_asynchronous_invocation_needs_a_function_and_the_permission() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let unknown = event(&sandbox, "AdminApi").send().await.unwrap();
    assert_eq!(unknown.status(), 404);
    let by_webhook = "AWS4-HMAC-SHA256 Credential=EcpayWebhook/20250115/ap-northeast-1/lambda/aws4_request";
    let refused = event(&sandbox, "SubscriptionMaintenance").header("authorization", by_webhook);
    let refused = refused.send().await.unwrap();
    assert_eq!(refused.headers()["x-amzn-errortype"], "AccessDeniedException");
}
