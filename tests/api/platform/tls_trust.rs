//! Authorities that TLS trusts: a server with an untrusted certificate gets no request.

use std::net::SocketAddr;
use std::time::Duration;

use serde_json::json;
use shared::platform::http;
use shared::platform::http::Failed;
use testing::lambda::environment;
use testing::tls::Identity;

use crate::platform::bootstraps::{every_bootstrap, now, why_not_started};
use testing::support::Sandbox;

/// Socket address of a URL.
fn behind(url: &str) -> SocketAddr {
    url.trim_start_matches("http://").parse().unwrap()
}

#[tokio::test]
async fn no_bootstrap_asks_an_aws_that_amazons_authorities_do_not_sign_for() {
    let sandbox = now().await;
    let impostor = Identity::invent().serve(behind(&sandbox.world.aws_url)).await;
    sandbox.forget_calls().await;
    for (function, binary) in every_bootstrap() {
        let mut environment = environment(&sandbox.world, &function);
        environment.insert("AWS_ENDPOINT_URL".to_owned(), impostor.clone());
        let why = why_not_started(&binary, environment).await;
        assert!(why.contains("reading secret duekeeper/") && why.contains("UnknownIssuer"), "{binary}: {why}");
    }
    assert!(sandbox.calls("secretsmanager").await.is_empty());
}

#[tokio::test]
async fn nothing_is_sent_to_others_whom_no_public_authority_signs_for() {
    let sandbox = Sandbox::at("2025-01-15T10:00:00+08:00").await;
    let impostor = Identity::invent().serve(behind(&sandbox.base)).await;
    let client = http::client(Duration::from_secs(10)).unwrap();
    let message = json!({ "number": "0", "body": "invented" });
    assert_eq!(
        http::post(client.post(format!("{impostor}/starsender/api/send")), &message).await.unwrap_err(),
        Failed::NotReached
    );
    // Without TLS the same is reached.
    let plain = http::post(client.post(format!("{}/starsender/api/send", sandbox.base)), &message).await;
    assert!(plain.is_ok(), "{plain:?}");
}
