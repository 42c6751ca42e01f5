//! The sandbox's WhatsApp gateways, spoken to as their documentation has it, without the product's own clients.

use reqwest::{Method, Response};
use serde_json::{Value, json};

use testing::support::Sandbox;

const DEVICE_KEY: &str = "sandbox-starsender-device-key-invented";
const TOKEN: &str = "Bearer sandbox-cloud-api-token-invented";
const SENDER: &str = "/whatsapp-cloud/v23.0/100000000000042/messages";
const PHONE: &str = "628551234567";

async fn sandbox() -> Sandbox {
    Sandbox::at("2025-12-16T07:00:00+07:00").await
}

async fn post(sandbox: &Sandbox, path: &str, key: &str, body: &Value) -> reqwest::Result<Response> {
    let request = sandbox.http.post(format!("{}{path}", sandbox.base)).header("authorization", key);
    request.header("content-type", "application/json").body(body.to_string()).send().await
}

/// A text by StarSender: the status and the answer, as JSON where it is that.
async fn text(sandbox: &Sandbox, key: &str, body: &Value) -> (u16, Value) {
    read(post(sandbox, "/starsender/api/send", key, body).await.unwrap()).await
}

/// A template by the Cloud API.
async fn template(sandbox: &Sandbox, key: &str, body: &Value) -> (u16, Value) {
    read(post(sandbox, SENDER, key, body).await.unwrap()).await
}

async fn read(answer: Response) -> (u16, Value) {
    let (status, body) = (answer.status().as_u16(), answer.text().await.unwrap());
    (status, serde_json::from_str(&body).unwrap_or(Value::String(body)))
}

fn hello(to: &str) -> Value {
    json!({ "messageType": "text", "to": to, "body": "Bapak Budi Santoso" })
}

fn reminder(to: &str) -> Value {
    let texts = ["Budi Santoso", "B 1234 ABC", "18-12-2025"].map(|text| json!({ "type": "text", "text": text }));
    json!({
        "messaging_product": "whatsapp", "to": to, "type": "template",
        "template": {
            "name": "maintenance_reminder", "language": { "code": "id" },
            "components": [{ "type": "body", "parameters": texts }],
        },
    })
}

fn refused(why: &str) -> (u16, Value) {
    (200, json!({ "success": false, "message": why }))
}

fn sent() -> (u16, Value) {
    (200, json!({ "success": true, "data": {}, "message": "Success sent message" }))
}

async fn recipients(sandbox: &Sandbox) -> Vec<String> {
    testing::support::column(&sandbox.get("/sandbox/messages").await["messages"], "to")
}

#[tokio::test]
async fn starsender_delivers_a_text_after_its_delay() {
    let sandbox = sandbox().await;
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, sent());
    let mut later = hello("08551234568");
    later["delay"] = json!(5);
    assert_eq!(text(&sandbox, DEVICE_KEY, &later).await, sent());
    assert_eq!(
        sandbox.get("/sandbox/messages").await["messages"],
        json!([
            { "channel": "whatsapp", "to": "628551234567", "body": "Bapak Budi Santoso", "sent_at": "2025-12-16T00:00:00Z" },
            { "channel": "whatsapp", "to": "08551234568", "body": "Bapak Budi Santoso", "sent_at": "2025-12-16T00:00:05Z" },
        ])
    );
    assert_eq!(sandbox.calls("starsender").await, [("send".to_owned(), 2)].into());
}

#[tokio::test]
async fn starsender_refuses_with_200_and_success_false() {
    let sandbox = sandbox().await;
    for key in ["another-key", "Bearer sandbox-starsender-device-key-invented", ""] {
        assert_eq!(text(&sandbox, key, &hello(PHONE)).await, refused("Invalid API key"), "{key}");
    }
    for (field, value, why) in [
        ("messageType", json!("media"), "messageType must be text"),
        ("messageType", Value::Null, "messageType must be text"),
        ("to", json!("Budi"), "invalid number"),
        ("to", json!(628_551_234_567_u64), "invalid number"),
        ("body", json!(""), "body is required"),
        ("delay", json!("5"), "delay must be a whole number of seconds"),
        ("delay", json!(-1), "delay must be a whole number of seconds"),
    ] {
        let mut wrong = hello(PHONE);
        wrong[field] = value;
        assert_eq!(text(&sandbox, DEVICE_KEY, &wrong).await, refused(why), "{wrong}");
    }
    assert_eq!(recipients(&sandbox).await, [""; 0]);
}

#[tokio::test]
async fn each_fault_of_starsender_is_answered_in_its_way_and_delivers_nothing() {
    let sandbox = sandbox().await;
    for (fault, expected) in [
        ("down", (503, json!(""))),
        ("html", (200, json!("<!doctype html><title>One moment, please</title>"))),
        ("refuse", refused("number is not registered on WhatsApp")),
        ("device_off", refused("device is disconnected")),
        ("limit", refused("rate limit exceeded")),
    ] {
        sandbox.fault("starsender", fault).await;
        assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, expected, "{fault}");
    }
    assert_eq!(recipients(&sandbox).await, [""; 0]);
    sandbox.fault("starsender", "none").await;
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, sent());
}

#[tokio::test]
async fn a_lost_answer_is_of_a_message_that_was_delivered() {
    let sandbox = sandbox().await;
    let fault = json!({ "fault": "answer_lost", "times": 1 });
    sandbox.put("/sandbox/faults", json!({ "starsender": fault, "whatsapp_cloud": fault })).await;
    for (path, key, body) in
        [("/starsender/api/send", DEVICE_KEY, hello(PHONE)), (SENDER, TOKEN, reminder("628551234568"))]
    {
        let lost = async { post(&sandbox, path, key, &body).await?.text().await };
        assert!(lost.await.is_err(), "{path}");
        assert_eq!(post(&sandbox, path, key, &body).await.unwrap().status(), 200);
    }
    assert_eq!(recipients(&sandbox).await, [PHONE, PHONE, "628551234568", "628551234568"]);
}

#[tokio::test]
async fn a_fault_for_a_number_of_calls_ends_after_them() {
    let sandbox = sandbox().await;
    let set = sandbox.put("/sandbox/faults", json!({ "starsender": { "fault": "limit", "times": 2 } })).await;
    assert_eq!(set, json!({ "starsender": { "fault": "limit", "times": 2 } }));
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, refused("rate limit exceeded"));
    assert_eq!(
        sandbox.get("/sandbox/faults").await,
        json!({ "starsender": { "fault": "limit", "times": 1 } }),
        "one is left"
    );
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, refused("rate limit exceeded"));
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, sent());
    assert_eq!(sandbox.get("/sandbox/faults").await, json!({}));
}

#[tokio::test]
async fn one_recipient_among_many_can_be_made_to_fail_at_both_gateways() {
    let sandbox = sandbox().await;
    let set = sandbox.put("/sandbox/whatsapp/08551234567", json!({ "fault": "refuse" })).await;
    assert_eq!(set, json!({ "phone": PHONE, "fault": "refuse", "times": null }));
    sandbox.put("/sandbox/whatsapp/628551234569", json!({ "fault": "limit", "times": 1 })).await;
    for to in [PHONE, "08551234567", "+628551234567"] {
        let unknown = refused("number is not registered on WhatsApp");
        assert_eq!(text(&sandbox, DEVICE_KEY, &hello(to)).await, unknown, "{to}");
    }
    assert_eq!(template(&sandbox, TOKEN, &reminder(PHONE)).await.1["error"]["code"], 131_026);
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello("628551234568")).await, sent());
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello("628551234569")).await, refused("rate limit exceeded"));
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello("628551234569")).await, sent());
    sandbox.put("/sandbox/whatsapp/08551234567", json!({ "fault": "none" })).await;
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, sent());
    assert_eq!(recipients(&sandbox).await, ["628551234568", "628551234569", PHONE]);
}

#[tokio::test]
async fn each_gateway_can_refuse_in_any_words() {
    let sandbox = sandbox().await;
    let body = json!({ "success": false, "message": "gagal" });
    let error = json!({ "error": { "code": 131_042 } });
    let refusals = json!({
        "starsender": { "status": 200, "body": body, "to": [PHONE] }, "whatsapp_cloud": { "status": 402, "body": error },
    });
    sandbox.put("/sandbox/whatsapp/refusals", refusals).await;
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello("08551234567")).await, refused("gagal"));
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello("628551234568")).await, sent());
    assert_eq!(template(&sandbox, TOKEN, &reminder("628551234568")).await, (402, error));
    sandbox.put("/sandbox/whatsapp/refusals", json!({})).await;
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, sent());
    assert_eq!(recipients(&sandbox).await, ["628551234568", PHONE]);
}

#[tokio::test]
async fn what_no_service_or_number_can_have_is_refused() {
    let sandbox = sandbox().await;
    for (path, body, why) in [
        ("/sandbox/faults", json!({ "mail": "device_off" }), "\"mail\" has no fault \"device_off\""),
        ("/sandbox/faults", json!({ "ecpay": { "fault": "html", "times": 1 } }), "\"ecpay\" has no fault \"html\""),
        ("/sandbox/faults", json!({ "starsender": "tired" }), "unknown variant `tired`"),
        ("/sandbox/faults", json!({ "starsender": { "fault": "limit", "times": 0 } }), "invalid value: integer `0`"),
        ("/sandbox/faults", json!({ "starsender": { "times": 2 } }), "missing field `fault`"),
        ("/sandbox/faults", json!({ "telegram": "down" }), "unknown variant `telegram`"),
        (
            "/sandbox/whatsapp/refusals",
            json!({ "slack": { "status": 200, "body": {} } }),
            "the services are starsender",
        ),
        (
            "/sandbox/whatsapp/refusals",
            json!({ "starsender": { "status": 99, "body": {} } }),
            "status must be 200 to 599",
        ),
        ("/sandbox/whatsapp/budi", json!({ "fault": "refuse" }), "the path ends with a phone number"),
        ("/sandbox/whatsapp/08551234567", json!({ "fault": "refuse", "for": 1 }), "unknown field `for`"),
    ] {
        let (status, answer) = sandbox.call(Method::PUT, path, Some(body.clone())).await;
        assert_eq!(status, 400, "{body}");
        assert!(answer["error"].as_str().unwrap().starts_with(why), "{answer}");
    }
    assert_eq!(sandbox.get("/sandbox/faults").await, json!({}));
}

#[tokio::test]
async fn the_cloud_api_delivers_a_template_and_gives_its_id() {
    let sandbox = sandbox().await;
    let (status, answer) = template(&sandbox, TOKEN, &reminder("+628551234567")).await;
    assert_eq!(
        (status, answer),
        (
            200,
            json!({
                "messaging_product": "whatsapp",
                "contacts": [{ "input": "+628551234567", "wa_id": PHONE }],
                "messages": [{ "id": "wamid.SANDBOX00000001", "message_status": "accepted" }],
            })
        )
    );
    assert_eq!(
        sandbox.get("/sandbox/messages").await["messages"],
        json!([{
            "channel": "whatsapp", "to": "+628551234567", "sent_at": "2025-12-16T00:00:00Z",
            "body": "maintenance_reminder (id): Budi Santoso | B 1234 ABC | 18-12-2025",
        }])
    );
    assert_eq!(sandbox.calls("whatsapp-cloud").await, [("messages".to_owned(), 1)].into());
}

#[tokio::test]
async fn the_cloud_api_refuses_in_metas_shape() {
    let sandbox = sandbox().await;
    let free = json!({ "messaging_product": "whatsapp", "to": PHONE, "type": "text", "text": { "body": "Bapak" } });
    let with = |path: &str, value: Value| {
        let mut changed = reminder(PHONE);
        *changed.pointer_mut(path).unwrap() = value;
        changed
    };
    let first = "/template/components/0/parameters/0";
    for (body, status, code) in [
        (free, 400, 131_047),
        (with("/messaging_product", json!("sms")), 400, 100),
        (with("/to", json!("Budi")), 400, 100),
        (with("/template/name", json!("another_template")), 404, 132_001),
        (with("/template/language/code", json!("en")), 404, 132_001),
        (with("/template/components", json!([])), 400, 132_000),
        (with(first, json!({ "type": "currency" })), 400, 100),
        (with(first, json!({ "type": "text", "text": "" })), 400, 131_008),
        (with(first, json!({ "type": "text", "text": "Budi\nSantoso" })), 400, 100),
    ] {
        let (answered, answer) = template(&sandbox, TOKEN, &body).await;
        let error = &answer["error"];
        assert_eq!((answered, &error["code"]), (status, &json!(code)), "{body}");
        assert_eq!(
            (&error["type"], &error["error_data"]["messaging_product"]),
            (&json!("OAuthException"), &json!("whatsapp"))
        );
        assert!(error["error_data"]["details"].is_string() && error["fbtrace_id"].is_string(), "{answer}");
        assert!(error["message"].as_str().unwrap().starts_with(&format!("(#{code}) ")), "{answer}");
    }
    for key in ["sandbox-cloud-api-token-invented", "Bearer another-token"] {
        let (status, answer) = template(&sandbox, key, &reminder(PHONE)).await;
        assert_eq!((status, &answer["error"]["code"]), (401, &json!(190)));
    }
    for (path, code) in
        [("/whatsapp-cloud/v23.0/7/messages", 100), ("/whatsapp-cloud/now/100000000000042/messages", 2500)]
    {
        let (status, answer) = read(post(&sandbox, path, TOKEN, &reminder(PHONE)).await.unwrap()).await;
        assert_eq!((status, &answer["error"]["code"]), (400, &json!(code)), "{path}");
    }
    assert_eq!(recipients(&sandbox).await, [""; 0]);
}

#[tokio::test]
async fn each_fault_of_the_cloud_api_has_metas_code_and_status() {
    let sandbox = sandbox().await;
    for (fault, status, code) in [("refuse", 400, 131_026), ("limit", 429, 130_429), ("device_off", 403, 131_031)] {
        sandbox.fault("whatsapp_cloud", fault).await;
        let (answered, answer) = template(&sandbox, TOKEN, &reminder(PHONE)).await;
        assert_eq!((answered, &answer["error"]["code"]), (status, &json!(code)), "{fault}");
    }
    sandbox.fault("whatsapp_cloud", "down").await;
    assert_eq!(template(&sandbox, TOKEN, &reminder(PHONE)).await.0, 503);
    sandbox.fault("whatsapp_cloud", "html").await;
    assert!(template(&sandbox, TOKEN, &reminder(PHONE)).await.1.as_str().unwrap().starts_with("<!doctype html>"));
    assert_eq!(recipients(&sandbox).await, [""; 0]);
    assert_eq!(text(&sandbox, DEVICE_KEY, &hello(PHONE)).await, sent(), "the other gateway has no fault");
}
