//! Callbacks of WhatsApp providers: who may send them, in which shapes, and what they leave.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::Sandbox;

const CLOUD: &str = "/webhooks/whatsapp/cloud-api";
const STARSENDER: &str = "/webhooks/whatsapp/starsender/sandbox-starsender-token-invented";
const NOW: &str = "2025-12-16T09:00:00+07:00";
/// Cloud API as the provider.
const CLOUD_ONLY: [(&str, &str); 2] =
    [("REMINDER_PROVIDER", "cloud-api"), ("WHATSAPP_PHONE_NUMBER_ID", "100000000000042")];

/// Posts a callback, and returns the status of the response.
async fn post(sandbox: &Sandbox, path: &str, body: &[u8], headers: &[(&str, &str)]) -> u16 {
    let mut request = sandbox.http.post(format!("{}{path}", sandbox.base)).body(body.to_vec());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    request.send().await.unwrap().status().as_u16()
}

/// A callback as Meta signs it.
async fn signed(sandbox: &Sandbox, body: &Value) -> u16 {
    let body = body.to_string();
    let signature = sandbox::world::credentials::cloud_signature(body.as_bytes());
    post(sandbox, CLOUD, body.as_bytes(), &[("x-hub-signature-256", &signature)]).await
}

fn callback(value: &Value) -> Value {
    json!({ "object": "whatsapp_business_account", "entry": [{ "id": "1", "changes": [{ "field": "messages", "value": value }] }] })
}

/// Every order of some things.
fn orders<'a>(things: &[&'a str]) -> Vec<Vec<&'a str>> {
    if things.is_empty() {
        return vec![Vec::new()];
    }
    let first = |place: usize| {
        let mut rest = things.to_vec();
        let first = rest.remove(place);
        orders(&rest).into_iter().map(move |order| [vec![first], order].concat())
    };
    (0..things.len()).flat_map(first).collect()
}

async fn opted_out(sandbox: &Sandbox) -> usize {
    sandbox.seen("/opt-outs").await["opt_outs"].as_array().unwrap().len()
}

#[tokio::test]
async fn only_metas_signature_over_the_very_bytes_is_taken() {
    let sandbox = Sandbox::at(NOW).await;
    let message = json!({ "from": "628551234567", "id": "wamid.A", "timestamp": "1765850000", "type": "text", "text": { "body": "STOP" } });
    let body = callback(&json!({ "messages": [message] })).to_string();
    let good = sandbox::world::credentials::cloud_signature(body.as_bytes());
    let cut = &good[..good.len() - 2];
    for signature in [
        "",
        "sha256=",
        "sha256=zz",
        &good.replace("sha256=", "sha1="),
        cut,
        &good.to_uppercase(),
        &format!("sha256={}", "0".repeat(64)),
    ] {
        assert_eq!(
            post(&sandbox, CLOUD, body.as_bytes(), &[("x-hub-signature-256", signature)]).await,
            403,
            "{signature}"
        );
    }
    assert_eq!(post(&sandbox, CLOUD, body.as_bytes(), &[]).await, 403);
    let changed = body.replace("628551234567", "628551234568");
    assert_eq!(post(&sandbox, CLOUD, changed.as_bytes(), &[("x-hub-signature-256", &good)]).await, 403);
    assert_eq!(opted_out(&sandbox).await, 0);
    assert_eq!(post(&sandbox, CLOUD, body.as_bytes(), &[("x-hub-signature-256", &good)]).await, 200);
    assert_eq!(opted_out(&sandbox).await, 1);
    let signature = sandbox::world::credentials::cloud_signature(b"no JSON");
    assert_eq!(post(&sandbox, CLOUD, b"no JSON", &[("x-hub-signature-256", &signature)]).await, 400);
}

#[tokio::test]
async fn meta_verifies_the_address_with_the_token_of_the_secret() {
    let sandbox = Sandbox::at(NOW).await;
    let ask = async |query: &str| {
        let answer = sandbox.http.get(format!("{}{CLOUD}?{query}", sandbox.base)).send().await.unwrap();
        (answer.status().as_u16(), answer.text().await.unwrap())
    };
    let token = "sandbox-cloud-verify-token-invented";
    let good = format!("hub.mode=subscribe&hub.challenge=1158201444&hub.verify_token={token}&other=1");
    assert_eq!(ask(&good).await, (200, "1158201444".to_owned()));
    for bad in [good.replace(token, "other"), good.replace("subscribe", "unsubscribe"), String::new()] {
        assert_eq!(ask(&bad).await.0, 403, "{bad}");
    }
}

#[tokio::test]
async fn starsenders_callbacks_are_taken_in_every_shape_that_clients_read_and_nothing_else_opts_out() {
    let sandbox = Sandbox::at(NOW).await;
    let shapes = [
        json!({ "from": "628550000001", "message": "STOP", "timestamp": 1_765_850_000 }).to_string(),
        json!({ "from": "628550000002@s.whatsapp.net", "body": "berhenti", "timestamp": "1765850000000" }).to_string(),
        json!({ "from": "628550000003:12@s.whatsapp.net", "text": "Stop" }).to_string(),
        json!({ "event": "message", "data": { "from": "628550000004", "body": "unsubscribe", "messageId": "X1" } })
            .to_string(),
        json!({ "sender": 628_550_000_005_u64, "message": "stop", "fromMe": false }).to_string(),
        "from=628550000006&message=STOP".to_owned(),
        json!({ "phone": "08550000007", "message": "STOP", "isGroup": "false" }).to_string(),
    ];
    for (place, body) in shapes.iter().enumerate() {
        assert_eq!(post(&sandbox, STARSENDER, body.as_bytes(), &[]).await, 200, "{body}");
        assert_eq!(opted_out(&sandbox).await, place + 1, "{body}");
    }
    for body in [
        json!({ "from": "628550000011-1600000000@g.us", "message": "STOP" }),
        json!({ "from": "628550000012", "message": "STOP", "fromMe": true }),
        json!({ "from": "628550000012", "message": "STOP", "isGroup": true }),
        json!({ "from": "12345678901234@lid", "message": "STOP" }),
        json!({ "from": "12345", "message": "STOP" }),
        json!({ "from": "628550000013", "message": "Berapa biaya servis?" }),
        json!({ "from": "628550000013", "message": { "caption": "STOP" } }),
        json!({ "event": "device", "data": { "status": "disconnected" } }),
        json!({}),
    ] {
        assert_eq!(post(&sandbox, STARSENDER, body.to_string().as_bytes(), &[]).await, 200, "{body}");
        assert_eq!(opted_out(&sandbox).await, shapes.len(), "{body}");
    }
    for body in [&b""[..], b"[1]", b"\xff\xfe", b"hello"] {
        assert_eq!(post(&sandbox, STARSENDER, body, &[]).await, 400);
    }
    let other = STARSENDER.replace("sandbox", "another");
    assert_eq!(post(&sandbox, &other, shapes[0].as_bytes(), &[]).await, 404);
}

#[tokio::test]
async fn replies_by_buttons_count_and_a_callback_may_hold_anything_else() {
    let sandbox = Sandbox::at(NOW).await;
    let from = |number: u32, kind: &str, content: Value| json!({ "from": format!("62855000000{number}"), "id": format!("wamid.{number}"), "timestamp": "1765850000", "type": kind, kind: content });
    let messages = json!([
        from(1, "text", json!({ "body": "STOP" })),
        from(2, "button", json!({ "payload": "x", "text": "Stop promotions" })),
        from(3, "interactive", json!({ "type": "button_reply", "button_reply": { "id": "1", "title": "Berhenti" } })),
        from(4, "image", json!({ "caption": "STOP" })),
        from(5, "text", json!({ "body": 7 })),
        { "type": "text", "text": { "body": "STOP" } },
        { "from": "6285500000061234567", "type": "text", "text": { "body": "STOP" } },
        "nothing", null,
    ]);
    assert_eq!(signed(&sandbox, &callback(&json!({ "messages": messages, "contacts": 1 }))).await, 200);
    assert_eq!(opted_out(&sandbox).await, 3);
    for odd in [
        json!({}),
        json!([]),
        json!(1),
        json!({ "entry": 1 }),
        json!({ "entry": [{ "changes": [1, { "value": [] }] }] }),
    ] {
        assert_eq!(signed(&sandbox, &odd).await, 200, "{odd}");
    }
    // A message that claims to come from the future counts as of now, so that it does not outrank later ones.
    let at = |text: &str, at: &str, id: &str| {
        callback(
            &json!({ "messages": [{ "from": "628550000001", "id": id, "timestamp": at, "type": "text", "text": { "body": text } }] }),
        )
    };
    assert_eq!(signed(&sandbox, &at("START", "99999999999", "f1")).await, 200);
    sandbox.advance(0.01).await;
    assert_eq!(signed(&sandbox, &at("STOP", "1765859999", "f2")).await, 200);
    assert_eq!(sandbox.seen("/opt-outs?phone=08550000001").await["opt_outs"][0]["opted_out"], true);
}

#[tokio::test]
async fn the_furthest_stage_stands_at_the_reminder_in_whatever_order_stages_arrive() {
    let stages = ["sent", "delivered", "read", "failed"];
    let sandbox = Sandbox::with(NOW, &CLOUD_ONLY).await;
    let mut number = 0;
    for order in orders(&stages) {
        number += 1;
        let plate = format!("B{}XY", 1000 + number);
        sandbox.customer(&format!("c{number}"), "Owner", &format!("0855{:07}", 1_000_000 + number)).await;
        sandbox.vehicle(&plate, &format!("c{number}"), "2025-08-18", None).await;
        // One stage even before the reminder is sent, since its message's number is known.
        let id = format!("wamid.SANDBOX{number:08}");
        let report = |stage: &str| {
            callback(
                &json!({ "statuses": [{ "id": id, "status": stage, "timestamp": "1765850000", "errors": [{ "code": 131_026 }] }] }),
            )
        };
        assert_eq!(signed(&sandbox, &report(order[0])).await, 200);
        assert_eq!(sandbox.remind().await["reminder_sent"], 1);
        for stage in &order[1..] {
            assert_eq!(signed(&sandbox, &report(stage)).await, 200);
        }
        let shown = sandbox.seen(&format!("/vehicles/{plate}")).await;
        let reminder = &shown["reminders"][0];
        assert_eq!(reminder["message_id"], json!(id));
        assert_eq!(reminder["delivery"], json!({ "stage": "read", "at": "2025-12-16T01:53:20Z" }), "{order:?}");
    }
    let answer = sandbox.post("/sandbox/whatsapp/08551000001/statuses", json!({ "status": "read" })).await;
    assert_eq!(answer["status"], 200);
    // A message that failed says why, also in the run.
    sandbox.customer("c99", "Owner", "08559999999").await;
    sandbox.vehicle("B1XX", "c99", "2025-08-18", None).await;
    sandbox.advance(0.01).await;
    sandbox.remind().await;
    sandbox.post("/sandbox/whatsapp/08559999999/statuses", json!({ "status": "failed", "code": 131_026 })).await;
    let runs = sandbox.call(Method::GET, "/runs?job=maintenance-reminder&limit=1", None).await.1;
    let id = runs["runs"][0]["id"].as_str().unwrap();
    let run = sandbox.call(Method::GET, &format!("/runs/{id}"), None).await.1;
    let delivery = &run["reminders"][0]["delivery"];
    assert_eq!((&delivery["stage"], &delivery["code"]), (&json!("failed"), &json!(131_026)));
}

#[tokio::test]
async fn without_the_secret_callbacks_are_refused_and_nothing_fails() {
    let sandbox = Sandbox::with(NOW, &[("WHATSAPP_CALLBACK_SECRET_ID", "duekeeper/none")]).await;
    let stop = json!({ "from": "628551234567", "message": "STOP" }).to_string();
    assert_eq!(post(&sandbox, STARSENDER, stop.as_bytes(), &[]).await, 404);
    assert_eq!(signed(&sandbox, &callback(&json!({}))).await, 403);
    let answer = sandbox.http.get(format!("{}{CLOUD}?hub.mode=subscribe", sandbox.base)).send().await.unwrap();
    assert_eq!(answer.status(), 403);
    assert_eq!(opted_out(&sandbox).await, 0);
}

#[tokio::test]
async fn a_secret_that_cannot_be_read_for_a_moment_costs_one_call_and_no_callback() {
    let sandbox = Sandbox::at(NOW).await;
    let stop = |number: u32| json!({ "from": format!("62855123000{number}"), "message": "STOP" }).to_string();
    assert_eq!(post(&sandbox, STARSENDER, stop(1).as_bytes(), &[]).await, 200);
    sandbox.advance(0.005).await;
    // The copy is six minutes old, and a refusal is not taken for a secret that does not exist.
    sandbox.put("/sandbox/faults", json!({ "secrets_manager": "refuse" })).await;
    assert_eq!(post(&sandbox, STARSENDER, stop(2).as_bytes(), &[]).await, 200);
    sandbox.put("/sandbox/faults", json!({ "secrets_manager": "none" })).await;
    sandbox
        .world
        .rotate_secret("duekeeper/whatsapp-callbacks", json!({ "starsender-token": "x".repeat(20) }).to_string());
    sandbox.advance(0.015).await;
    sandbox.forget_calls().await;
    for _ in 0..20 {
        assert_eq!(post(&sandbox, STARSENDER, stop(3).as_bytes(), &[]).await, 503, "a field is misspelt");
    }
    assert_eq!(sandbox.calls("secretsmanager").await["GetSecretValue"], 1);
}
