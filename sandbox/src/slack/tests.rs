//! Tests of the simulated Slack over HTTP.

use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};

use crate::test_support::{answer, get, misbehave, put, request, sandbox, started};
use crate::world::World;
use crate::world::credentials::{EXPIRY_SECRET, SLACK_BOT_TOKEN, SLACK_WEBHOOK_PATH, expiry_document};
use crate::world::state::Body;

const API: &str = "/api/chat.postMessage";

fn hooked(world: &World, payload: &Value) -> RequestBuilder {
    request(world, Method::POST, SLACK_WEBHOOK_PATH, payload)
}

/// A message to the Web API's channel `#staff`.
fn posted(world: &World, payload: &Value) -> RequestBuilder {
    let mut payload = payload.clone();
    payload["channel"] = json!("#staff");
    request(world, Method::POST, API, &payload).bearer_auth(SLACK_BOT_TOKEN)
}

/// Posts a payload to the webhook and to the Web API; returns status and body of the first, `error` of the second.
async fn answers(world: &World, payload: &Value) -> (u16, String, String) {
    let (status, word) = answer(hooked(world, payload)).await;
    let (api_status, text) = answer(posted(world, payload)).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    assert_eq!((api_status, &answer["ok"]), (200, &json!(answer["error"].is_null())), "{answer}");
    (status, word, answer["error"].as_str().unwrap_or("ok").to_owned())
}

fn ok() -> (u16, String, String) {
    (200, "ok".to_owned(), "ok".to_owned())
}

fn refused(word: &str) -> (u16, String, String) {
    (400, word.to_owned(), word.to_owned())
}

async fn arrived(world: &World) -> Vec<Value> {
    get(world, "/sandbox/messages").await["messages"].as_array().unwrap().clone()
}

fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text })
}

fn plain(text: &str) -> Value {
    json!({ "type": "plain_text", "text": text, "emoji": true })
}

fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

fn header(text: &str) -> Value {
    json!({ "type": "header", "text": plain(text) })
}

fn fields(fields: &[&str]) -> Value {
    json!({ "type": "section", "fields": fields.iter().map(|field| mrkdwn(field)).collect::<Vec<_>>() })
}

fn context(count: usize) -> Value {
    json!({ "type": "context", "elements": vec![mrkdwn("a"); count] })
}

fn named(id: &str) -> Value {
    json!({ "type": "divider", "block_id": id })
}

fn button(label: usize, url: usize) -> Value {
    json!({ "type": "button", "text": plain(&"鈕".repeat(label)), "url": "u".repeat(url), "style": "primary" })
}

fn actions(buttons: &[Value]) -> Value {
    json!({ "type": "actions", "elements": buttons })
}

#[tokio::test]
async fn a_webhook_delivers_the_whole_payload_to_its_own_channel() {
    let world = sandbox().await;
    world.forget_calls();
    let payload =
        json!({ "channel": "#elsewhere", "text": "到期 &amp; 提醒", "blocks": [section("*甲*"), named("end")] });
    let sent = hooked(&world, &payload).send().await.unwrap();
    assert_eq!(
        (sent.status().as_u16(), &sent.headers()["content-type"]),
        (200, &"text/plain; charset=utf-8".parse().unwrap())
    );
    assert_eq!(sent.text().await.unwrap(), "ok");
    let message = json!({
        "channel": "slack", "to": "#mms-notifications", "body": payload, "sent_at": "2026-03-02T01:30:00Z",
    });
    assert_eq!(arrived(&world).await, [message]);
    assert_eq!(get(&world, "/sandbox/calls").await, json!({ "slack": { "webhook": 1 } }));
    let elsewhere = request(&world, Method::POST, "/services/T0INVENTED/B0INVENTED/another", &payload);
    assert_eq!(answer(elsewhere).await, (404, "no_service".to_owned()));
    assert_eq!(arrived(&world).await.len(), 1);
}

#[tokio::test]
async fn a_bot_chooses_the_channel_and_is_given_a_name_for_each_message() {
    let world = sandbox().await;
    let endpoint = world.variable("MmsExpiryScan", "SLACK_ENDPOINT_URL").unwrap();
    assert_eq!(endpoint, world.base_url);
    world.forget_calls();
    let payload = json!({ "text": "hello" });
    for ts in ["1772415000.000001", "1772415000.000002"] {
        let (status, text) = answer(posted(&world, &payload)).await;
        let answer: Value = serde_json::from_str(&text).unwrap();
        assert_eq!((status, answer), (200, json!({ "ok": true, "channel": "#staff", "ts": ts })));
    }
    let bodies: Vec<_> = arrived(&world).await.iter().map(|one| (one["to"].clone(), one["body"].clone())).collect();
    let body = json!({ "channel": "#staff", "text": "hello" });
    assert_eq!(bodies, [(json!("#staff"), body.clone()), (json!("#staff"), body)]);
    assert_eq!(get(&world, "/sandbox/calls").await, json!({ "slack": { "chat.postMessage": 2 } }));
}

#[tokio::test]
async fn the_web_api_refuses_with_status_200() {
    let world = sandbox().await;
    let message = json!({ "channel": "#staff", "text": "hello" });
    let request = |body: &Value| request(&world, Method::POST, API, body);
    let form = world.http.post(format!("{}{API}", world.base_url)).body("channel=%23staff&text=hello");
    let no_json = world.http.post(format!("{}{API}", world.base_url)).header("content-type", "application/json");
    for (request, word) in [
        (request(&message), "not_authed"),
        (request(&message).bearer_auth("another-token-invented"), "invalid_auth"),
        (request(&message).header("authorization", SLACK_BOT_TOKEN), "invalid_auth"),
        (request(&json!({ "text": "hello" })).bearer_auth(SLACK_BOT_TOKEN), "channel_not_found"),
        (request(&json!({ "channel": "", "text": "hello" })).bearer_auth(SLACK_BOT_TOKEN), "channel_not_found"),
        (form.bearer_auth(SLACK_BOT_TOKEN), "channel_not_found"),
        (no_json.body("{").bearer_auth(SLACK_BOT_TOKEN), "invalid_json"),
    ] {
        assert_eq!(answer(request).await, (200, json!({ "ok": false, "error": word }).to_string()));
    }
    assert!(arrived(&world).await.is_empty());
}

#[tokio::test]
async fn each_limit_of_block_kit_is_the_last_that_is_taken() {
    let world = sandbox().await;
    let within = [
        json!([section("a")]),
        json!([section(&"字".repeat(3000))]),
        json!([header(&"字".repeat(150))]),
        json!([fields(&["f"; 10]), fields(&[&"字".repeat(2000)])]),
        json!([context(10)]),
        Value::from(vec![json!({ "type": "divider" }); 50]),
        json!([named(&"i".repeat(255)), named("j")]),
        json!([actions(&vec![button(75, 3000); 25])]),
        json!([{ "type": "section", "text": mrkdwn("a"), "accessory": button(1, 1) }]),
        json!(vec![section(&"字".repeat(3000)); 4]),
    ];
    for blocks in &within {
        assert_eq!(answers(&world, &json!({ "blocks": blocks })).await, ok(), "{blocks}");
    }
    assert_eq!(arrived(&world).await.len(), 2 * within.len());
}

#[tokio::test]
async fn what_is_beyond_a_limit_of_block_kit_is_refused() {
    let world = sandbox().await;
    for blocks in [
        json!([section("")]),
        json!([section(&"字".repeat(3001))]),
        json!([{ "type": "section" }]),
        json!([header("")]),
        json!([header(&"字".repeat(151))]),
        json!([{ "type": "header", "text": mrkdwn("a") }]),
        json!([fields(&["f"; 11])]),
        json!([fields(&[&"字".repeat(2001)])]),
        json!([context(0)]),
        json!([context(11)]),
        Value::from(vec![json!({ "type": "divider" }); 51]),
        json!([named(&"i".repeat(256))]),
        json!([named("twice"), named("twice")]),
        json!([actions(&vec![button(1, 1); 26])]),
        json!([actions(&[button(76, 1)])]),
        json!([actions(&[button(1, 3001)])]),
        json!([actions(&[button(0, 1)])]),
        json!([{ "type": "section", "text": mrkdwn("a"), "accessory": button(76, 1) }]),
        json!([{ "type": "marquee" }]),
        json!([{ "type": "divider", "colour": "red" }]),
        json!([{ "type": "section", "text": "a" }]),
        json!([{ "type": "section", "text": { "type": "mrkdwn", "text": "a", "emoji": true } }]),
        json!({ "type": "divider" }),
        json!("[]"),
    ] {
        let payload = json!({ "text": "good", "blocks": blocks });
        assert_eq!(answers(&world, &payload).await, refused("invalid_blocks"), "{blocks}");
    }
    let mut long = vec![section(&"字".repeat(3000)); 4];
    long.push(context(1));
    assert_eq!(answers(&world, &json!({ "blocks": long })).await, refused("msg_blocks_too_long"));
    assert!(arrived(&world).await.is_empty());
}

#[tokio::test]
async fn a_message_must_say_something_and_be_json_of_a_size() {
    let world = sandbox().await;
    for payload in [json!({}), json!({ "blocks": [] }), json!({ "text": "" }), json!({ "text": null, "blocks": null })]
    {
        assert_eq!(answers(&world, &payload).await, refused("no_text"), "{payload}");
    }
    let attached = json!({ "attachments": [{ "text": "a" }] });
    assert_eq!(answers(&world, &attached).await, refused("invalid_attachments"));
    let bytes = |count: usize| json!({ "text": "a", "padding": "p".repeat(count) });
    let frame = bytes(0).to_string().len();
    for payload in [json!([]), json!("text"), json!(null), bytes(1_048_577 - frame)] {
        assert_eq!(answer(hooked(&world, &payload)).await, (400, "invalid_payload".to_owned()));
    }
    let no_json = world.http.post(format!("{}{SLACK_WEBHOOK_PATH}", world.base_url)).body("payload=");
    assert_eq!(answer(no_json).await, (400, "invalid_payload".to_owned()));
    assert!(arrived(&world).await.is_empty());
    assert_eq!(answer(hooked(&world, &bytes(1_048_576 - frame))).await, (200, "ok".to_owned()));
}

#[tokio::test]
async fn a_text_is_cut_after_40_000_characters() {
    let world = sandbox().await;
    for (given, shown) in [(40_000, 40_000), (40_001, 40_000)] {
        assert_eq!(answers(&world, &json!({ "text": "字".repeat(given) })).await, ok());
        let last = arrived(&world).await.pop().unwrap();
        assert_eq!(last["body"]["text"].as_str().unwrap().chars().count(), shown, "{given}");
    }
}

#[tokio::test]
async fn each_fault_has_its_word_and_delivers_nothing() {
    let world = sandbox().await;
    let hello = json!({ "text": "hello" });
    for (fault, status, word, api_word) in [
        ("refuse", 404, "no_service", "channel_not_found"),
        ("archived", 410, "channel_is_archived", "is_archived"),
        ("invalid_blocks", 400, "invalid_blocks", "invalid_blocks"),
    ] {
        misbehave(&world, json!({ "slack": fault })).await;
        assert_eq!(answers(&world, &hello).await, (status, word.to_owned(), api_word.to_owned()), "{fault}");
    }
    for (fault, status) in [("down", 503), ("html", 200)] {
        misbehave(&world, json!({ "slack": fault })).await;
        for request in [hooked(&world, &hello), posted(&world, &hello)] {
            let (found, text) = answer(request).await;
            assert_eq!((found, text.starts_with("<!doctype html>")), (status, fault == "html"), "{text}");
        }
    }
    misbehave(&world, json!({ "slack": "limit" })).await;
    let limited = json!({ "ok": false, "error": "ratelimited" }).to_string();
    for (request, body) in [(hooked(&world, &hello), "rate_limited"), (posted(&world, &hello), limited.as_str())] {
        let answer = request.send().await.unwrap();
        assert_eq!((answer.status().as_u16(), &answer.headers()["retry-after"]), (429, &"1".parse().unwrap()));
        assert_eq!(answer.text().await.unwrap(), body);
    }
    assert!(arrived(&world).await.is_empty());
    misbehave(&world, json!({ "slack": "none" })).await;
    assert_eq!(answers(&world, &hello).await, ok());
}

#[tokio::test]
async fn a_lost_answer_is_of_a_message_that_arrived() {
    let world = sandbox().await;
    misbehave(&world, json!({ "slack": "answer_lost" })).await;
    let hello = json!({ "text": "hello" });
    for request in [hooked(&world, &hello), posted(&world, &hello)] {
        let lost = async { request.send().await?.text().await };
        assert!(lost.await.is_err());
    }
    assert_eq!(arrived(&world).await.len(), 2);
}

#[tokio::test]
async fn slack_can_go_down_in_the_middle_of_several_messages() {
    let world = sandbox().await;
    misbehave(&world, json!({ "slack": { "fault": "down", "after": 2, "times": 2 } })).await;
    let mut statuses = Vec::new();
    for number in 1..=5 {
        statuses.push(answer(hooked(&world, &json!({ "text": number.to_string() }))).await.0);
    }
    assert_eq!(statuses, [200, 200, 503, 503, 200]);
    let texts: Vec<_> = arrived(&world).await.iter().map(|one| one["body"]["text"].clone()).collect();
    assert_eq!(texts, ["1", "2", "5"]);
}

/// Reads the secret of MMS and Slack from Secrets Manager.
async fn secret(world: &World, stage: &str) -> Value {
    let body = json!({ "SecretId": EXPIRY_SECRET, "VersionStage": stage }).to_string();
    let request = world.http.post(&world.aws_url).header("x-amz-target", "secretsmanager.GetSecretValue");
    let (_, text) = answer(request.body(body)).await;
    let answer: Value = serde_json::from_str(&text).unwrap();
    answer["SecretString"].as_str().map(|secret| serde_json::from_str(secret).unwrap()).unwrap_or_default()
}

#[tokio::test]
async fn the_secret_names_the_webhook_where_it_is_served() {
    let data = tempfile::tempdir().unwrap();
    let world = started(Some(data.path().to_owned())).await;
    let found = secret(&world, "AWSCURRENT").await;
    assert_eq!(found, serde_json::from_str::<Value>(&expiry_document(&world.base_url)).unwrap());
    let url = found["slack_webhook_url"].as_str().unwrap();
    assert_eq!(url, format!("{}{SLACK_WEBHOOK_PATH}", world.base_url));
    assert_eq!(answer(world.http.post(url).body(r#"{"text":"hello"}"#)).await, (200, "ok".to_owned()));
    let kept = std::fs::read_to_string(data.path().join("state.json")).unwrap();
    assert!(!kept.contains(&world.base_url), "the next start may have another port");
    world.rotate_secret(EXPIRY_SECRET, r#"{"mms_api_key":"other"}"#.to_owned());
    assert_eq!(secret(&world, "AWSCURRENT").await, json!({ "mms_api_key": "other" }));
    assert_eq!(secret(&world, "AWSPREVIOUS").await, found);
}

#[tokio::test]
async fn messages_of_every_channel_are_kept_and_can_be_read() {
    let world = sandbox().await;
    let blocks =
        json!([header("到期"), { "type": "divider" }, fields(&["甲", "乙"]), actions(&[button(1, 1)]), context(2)]);
    for payload in [json!({ "text": "fallback", "blocks": blocks }), json!({ "text": "only text" })] {
        assert_eq!(answer(hooked(&world, &payload)).await.0, 200);
    }
    let body = json!({ "messageType": "text", "to": "08551234567", "body": "halo" });
    let request = request(&world, Method::POST, "/starsender/api/send", &body);
    answer(request.header("authorization", crate::world::credentials::STARSENDER_KEY)).await;
    let messages = world.state().messages.clone();
    let shown: Vec<_> = messages.iter().map(|message| message.body.to_string()).collect();
    assert_eq!(shown, ["到期\n甲\n乙\n鈕\na\na", "only text", "halo"]);
    let kept: Vec<crate::world::state::Message> = serde_json::from_str(&json!(messages).to_string()).unwrap();
    assert_eq!(kept, messages);
    assert_eq!(kept.last().unwrap().body, Body::Text("halo".to_owned()));
    let faults = json!({ "starsender": { "fault": "limit", "after": 1 }, "slack": "archived" });
    assert_eq!(put(&world, "/sandbox/faults", &faults).await, (200, faults));
}

#[tokio::test]
async fn a_press_is_answered_five_times_within_half_an_hour() {
    let world = sandbox().await;
    let with_button = json!({ "type": "section", "text": mrkdwn("*甲*"), "accessory": button(1, 1) });
    for text in ["first", "second"] {
        let payload = json!({ "text": text, "blocks": [with_button, section("*乙*")] });
        assert_eq!(answer(hooked(&world, &payload)).await.0, 200);
    }
    let press = |beside: &str| request(&world, Method::POST, "/sandbox/slack/presses", &json!({ "beside": beside }));
    // The button is none of the digest's, so that the function has nothing to do; beside the second text there is none.
    assert_eq!(answer(press("甲")).await, (200, json!({ "status": 200 }).to_string()));
    assert_eq!(answer(press("乙")).await.0, 400);
    let to = |number: u32| format!("/actions/T0INVENTED/sandbox-answer-invented/{number}");
    let reply = |number: u32, payload: &Value| answer(request(&world, Method::POST, &to(number), payload));
    let replaced = json!({ "replace_original": true, "text": "changed", "blocks": [section("*甲*")] });
    let taken = (200, json!({ "ok": true }).to_string());
    assert_eq!(reply(1, &replaced).await, taken);
    assert_eq!(reply(1, &json!({ "text": "for you" })).await, taken);
    assert_eq!(reply(1, &json!({ "text": "for all", "response_type": "in_channel" })).await, taken);
    assert_eq!(reply(1, &json!({ "text": "", "blocks": [section("")] })).await, (400, "invalid_blocks".to_owned()));
    let shown = arrived(&world).await;
    let parts: Vec<_> = shown.iter().map(|one| [&one["channel"], &one["to"], &one["body"]["text"]]).collect();
    let expected = json!([
        ["slack", "#mms-notifications", "first"],
        ["slack", "#mms-notifications", "changed"],
        ["slack_ephemeral", "U0INVENTED1", "for you"],
        ["slack", "#mms-notifications", "for all"],
    ]);
    assert_eq!(json!(parts), expected);
    for _ in 0..2 {
        assert_eq!(reply(1, &replaced).await, taken);
    }
    let refused = |word: &str| (404, json!({ "ok": false, "error": word }).to_string());
    assert_eq!(reply(1, &replaced).await, refused("used_url"));
    assert_eq!(reply(2, &replaced).await, refused("no_service"));
    // The first message still has its button.
    assert_eq!(answer(press("甲")).await.0, 200);
    world.leap(world.now() + chrono::TimeDelta::minutes(30));
    assert_eq!(reply(2, &replaced).await, taken);
    world.leap(world.now() + chrono::TimeDelta::seconds(1));
    assert_eq!(reply(2, &replaced).await, refused("expired_url"));
}
