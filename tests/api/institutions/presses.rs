//! Acknowledgement from Slack: a press of a digest's button, who may send one, and what people see of it.

use reqwest::Method;
use sandbox::world::credentials::slack_signature;
use serde_json::{Value, json};

use super::{BEGIN, institution, texts, uids};
use testing::support::Sandbox;

const PATH: &str = "/webhooks/slack/interactions";
/// Value of a button of the digest of today for `A`, which expires in nine days.
const BUTTON: &str = "2026-11-20/2026-11-29/A";

/// A digest of institutions that expire in so many days.
async fn digest(institutions: &[(&str, i64)]) -> Sandbox {
    let sandbox = Sandbox::at(BEGIN).await;
    let list: Vec<Value> = institutions.iter().map(|(uid, days)| institution(uid, *days)).collect();
    sandbox.mms(&list).await;
    sandbox.scan().await;
    sandbox
}

/// Has a user press the button beside the institution of a uid in the latest message with it.
async fn press(sandbox: &Sandbox, uid: &str, user: &str) {
    let beside = format!("/organizations/{uid}|");
    let pressed = sandbox.post("/sandbox/slack/presses", json!({ "beside": beside, "user": user })).await;
    assert_eq!(pressed, json!({ "status": 200 }));
}

/// Posts an interaction with these headers; returns status and body.
async fn post(sandbox: &Sandbox, body: &str, headers: &[(&str, &str)]) -> (u16, String) {
    let mut request = sandbox.http.post(format!("{}{PATH}", sandbox.base)).body(body.to_owned());
    for (name, value) in headers {
        request = request.header(*name, *value);
    }
    let answer = request.send().await.unwrap();
    (answer.status().as_u16(), answer.text().await.unwrap())
}

fn form(payload: &Value) -> String {
    form_urlencoded::Serializer::new(String::new()).append_pair("payload", &payload.to_string()).finish()
}

/// An interaction as Slack signs it `age` seconds ago.
async fn signed(sandbox: &Sandbox, body: &str, age: i64) -> u16 {
    let at = (sandbox.world.now().timestamp() - age).to_string();
    let signature = slack_signature(&at, body);
    post(sandbox, body, &[("x-slack-signature", &signature), ("x-slack-request-timestamp", &at)]).await.0
}

/// The interaction of a press, to be answered nowhere.
fn pressed(value: &str) -> Value {
    json!({
        "type": "block_actions", "user": { "id": "U0INVENTED2" }, "response_url": "https://hooks.slack.com/actions/1",
        "actions": [{ "type": "button", "action_id": "acknowledge-institution", "value": value }],
    })
}

/// Event with which `admin-api` has a button answered, as it was pressed by the `number`th press in Slack.
fn to_answer(sandbox: &Sandbox, button: &str, number: u32) -> Value {
    let address = format!("{}/actions/T0INVENTED/sandbox-answer-invented/{number}", sandbox.base);
    json!({ "task": "answer-press", "button": button, "response_url": address })
}

async fn acknowledged(sandbox: &Sandbox, uid: &str) -> Value {
    let (status, page) = sandbox.staff(Method::GET, "/institutions/expiring", None).await;
    assert_eq!(status, 200, "{page}");
    let all = page["institutions"].as_array().unwrap();
    all.iter().find(|one| one["uid"] == uid).unwrap()["acknowledged"].clone()
}

/// Texts that only one user sees, each with the user.
async fn whispers(sandbox: &Sandbox) -> Vec<(String, String)> {
    let messages = sandbox.get("/sandbox/messages").await["messages"].clone();
    let of_users = messages.as_array().unwrap().iter().filter(|message| message["channel"] == "slack_ephemeral");
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    of_users.map(|message| (text(&message["to"]), text(&message["body"]["text"]))).collect()
}

/// Values of the buttons in a message.
fn buttons(payload: &Value) -> Vec<&str> {
    let blocks = payload["blocks"].as_array().unwrap().iter();
    blocks.filter_map(|block| block["accessory"]["value"].as_str()).collect()
}

#[tokio::test]
async fn a_press_acknowledges_until_the_expiry_and_the_channel_sees_by_whom() {
    let sandbox = digest(&[("TODAY", 0), ("A", 9), ("B", 9), ("FAR", 40), ("OVER", -1)]).await;
    let before = sandbox.slack().await;
    // What expires today or is over is not listed again anyway.
    assert_eq!(buttons(&before[0]), [BUTTON, "2026-11-20/2026-11-29/B", "2026-11-20/2026-12-30/FAR"]);
    press(&sandbox, "A", "U0INVENTED1").await;
    let expected = json!({
        "until": "2026-11-29", "by": "slack:U0INVENTED1", "why": "acknowledged in the Slack digest of 2026-11-20",
        "at": "2026-11-20T00:00:00Z",
    });
    assert_eq!(acknowledged(&sandbox, "A").await, expected);
    let after = sandbox.slack().await;
    assert_eq!(after.len(), 1);
    assert_eq!(buttons(&after[0]), ["2026-11-20/2026-11-29/B", "2026-11-20/2026-12-30/FAR"]);
    let line = "\n✅ 已由 <@U0INVENTED1> 確認，2026-11-29 前不再列出";
    let with_line = |text: String| if text.contains("/A|") { text + line } else { text };
    assert_eq!(texts(&after[0]), texts(&before[0]).into_iter().map(with_line).collect::<Vec<_>>());
    assert_eq!((&after[0]["text"], whispers(&sandbox).await), (&before[0]["text"], Vec::new()));
    // Another one, in the message as it is now.
    press(&sandbox, "FAR", "U0INVENTED2").await;
    let after = sandbox.slack().await;
    assert_eq!(buttons(&after[0]), ["2026-11-20/2026-11-29/B"]);
    let lines = texts(&after[0]).iter().filter(|text| text.contains("✅")).count();
    assert_eq!((lines, acknowledged(&sandbox, "B").await), (2, Value::Null));
    // Counted on Monday, listed again on the last day.
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    let slack = sandbox.slack().await;
    assert_eq!(uids(&slack[1..]), ["B", "TODAY"]);
    assert!(texts(&slack[1])[2].contains("已由業務確認、暫不列出：2 家"));
    sandbox.world.leap("2026-11-29T01:00:00Z".parse().unwrap());
    sandbox.scan().await;
    let last = sandbox.slack().await.pop().unwrap();
    assert_eq!(uids(&[last]), ["A", "B"]);
}

#[tokio::test]
async fn only_slacks_signature_of_the_last_five_minutes_over_the_very_bytes_is_taken() {
    let sandbox = digest(&[("A", 9)]).await;
    let body = form(&pressed(BUTTON));
    let at = sandbox.world.now().timestamp().to_string();
    let good = slack_signature(&at, &body);
    let cut = &good[..good.len() - 2];
    let (zeros, other_version) = (format!("v0={}", "0".repeat(64)), good.replace("v0=", "v1="));
    for signature in ["", "v0=", "v0=zz", cut, &zeros, &other_version, good.trim_start_matches("v0=")] {
        let headers = [("x-slack-signature", signature), ("x-slack-request-timestamp", at.as_str())];
        assert_eq!(post(&sandbox, &body, &headers).await.0, 403, "{signature}");
    }
    let next = (sandbox.world.now().timestamp() + 1).to_string();
    for (body, headers) in [
        (body.clone(), vec![]),
        (body.clone(), vec![("x-slack-signature", good.as_str())]),
        (body.clone(), vec![("x-slack-request-timestamp", at.as_str())]),
        (body.clone(), vec![("x-slack-signature", &good), ("x-slack-request-timestamp", &next)]),
        (body.clone(), vec![("x-slack-signature", &good), ("x-slack-request-timestamp", "now")]),
        (body.clone(), vec![("x-slack-signature", &good), ("x-slack-request-timestamp", "99999999999999999999")]),
        (format!("{body}&a=b"), vec![("x-slack-signature", &good), ("x-slack-request-timestamp", &at)]),
        (
            body.replace("U0INVENTED2", "U0INVENTED3"),
            vec![("x-slack-signature", &good), ("x-slack-request-timestamp", &at)],
        ),
    ] {
        let (status, answer) = post(&sandbox, &body, &headers).await;
        assert!(status == 403 && answer.contains("signature"), "{headers:?}: {answer}");
    }
    for age in [301, -301, 86_400] {
        assert_eq!(signed(&sandbox, &body, age).await, 403, "{age}");
    }
    // A token of staff is none of Slack's.
    let bearer = format!("Bearer {}", sandbox.token);
    assert_eq!(post(&sandbox, &body, &[("authorization", &bearer)]).await.0, 403);
    assert_eq!(acknowledged(&sandbox, "A").await, Value::Null);
    for age in [300, -300] {
        assert_eq!(signed(&sandbox, &body, age).await, 200, "{age}");
    }
    assert_eq!(acknowledged(&sandbox, "A").await["by"], "slack:U0INVENTED2");
}

#[tokio::test]
async fn a_repeated_request_and_a_press_by_another_user_change_nothing() {
    let sandbox = digest(&[("A", 9)]).await;
    let body = form(&pressed(BUTTON));
    assert_eq!(signed(&sandbox, &body, 0).await, 200);
    let first = acknowledged(&sandbox, "A").await;
    sandbox.advance(0.002).await;
    // The same timestamp and signature.
    assert_eq!(signed(&sandbox, &body, 173).await, 200);
    // In a message that was not brought up to date, as the first press is answered elsewhere.
    press(&sandbox, "A", "U0INVENTED1").await;
    assert_eq!(acknowledged(&sandbox, "A").await, first);
    let text = texts(&sandbox.slack().await[0]).concat();
    assert!(text.contains("✅ 已由 <@U0INVENTED2> 確認，2026-11-29 前不再列出"), "{text}");
}

#[tokio::test]
async fn an_acknowledgement_by_the_api_shows_its_callers_name_as_plain_text() {
    let sandbox = digest(&[("A", 9), ("B", 9)]).await;
    assert_eq!(sandbox.acknowledge("A", "2026-11-25").await.0, 200);
    press(&sandbox, "B", "U0INVENTED1").await;
    let text = texts(&sandbox.slack().await[0]).concat();
    assert!(text.contains("✅ 已由 sandbox 確認，2026-11-25 前不再列出"), "{text}");
}

#[tokio::test]
async fn other_interactions_are_ignored_and_malformed_ones_refused() {
    let sandbox = digest(&[("A", 9)]).await;
    let with = |path: &str, value: Value| {
        let mut payload = pressed(BUTTON);
        *payload.pointer_mut(path).unwrap() = value;
        form(&payload)
    };
    for body in [
        with("/type", json!("view_submission")),
        with("/type", json!("message_action")),
        with("/actions/0/action_id", json!("acknowledge-institution-2")),
        with("/actions/0/action_id", Value::Null),
        with("/actions", json!([])),
        with("/actions", json!("acknowledge-institution")),
        form(&json!({})),
    ] {
        assert_eq!(signed(&sandbox, &body, 0).await, 200, "{body}");
    }
    for body in [
        String::new(),
        "payload=".to_owned(),
        "payload=%7B".to_owned(),
        "payload=[]".to_owned(),
        pressed(BUTTON).to_string(),
        format!("{0}&{0}", form(&pressed(BUTTON))),
        with("/actions/0/value", json!("A")),
        with("/actions/0/value", Value::Null),
        with("/actions/0/value", json!(format!("2026-11-20/2026-11-29/{}", "A".repeat(65)))),
        with("/user/id", json!("")),
        with("/user/id", json!("<!channel>")),
        with("/user/id", json!("U".repeat(31))),
        with("/response_url", Value::Null),
        with("/response_url", json!(format!("https://hooks.slack.com/{}", "a".repeat(500)))),
    ] {
        assert_eq!(signed(&sandbox, &body, 0).await, 400, "{body}");
    }
    assert_eq!(acknowledged(&sandbox, "A").await, Value::Null);
    // An address elsewhere is not called.
    sandbox.forget_calls().await;
    let event = json!({ "task": "answer-press", "button": BUTTON, "response_url": "https://attacker.example/actions" });
    let answer = sandbox.world.invoke("MmsExpiryScan", event).await.unwrap();
    assert_eq!(answer, json!({ "status": "done", "answered": false }));
    let malformed = json!({ "task": "answer-press", "button": BUTTON, "response_url": "x", "more": 1 });
    assert!(sandbox.world.invoke("MmsExpiryScan", malformed).await.is_err());
    assert!(sandbox.calls("slack").await.is_empty());
}

#[tokio::test]
async fn a_press_that_cannot_count_says_why_to_its_user_alone() {
    let sandbox = digest(&[("MOVED", 9), ("GONE", 9), ("LATE", 3), ("OLD", 50)]).await;
    let before = sandbox.slack().await;
    sandbox.mms(&[institution("MOVED", 400), institution("LATE", 3), institution("OLD", 50)]).await;
    sandbox.travel("2026-11-23T10:00:00+08:00").await;
    // Those beyond the horizon and those that are gone are not listed any more.
    for uid in ["MOVED", "GONE", "LATE"] {
        press(&sandbox, uid, "U0INVENTED1").await;
    }
    let gone = "這家機構已不在 MMS 最近一次的清單中，沒有確認。";
    let late = "*Institution LATE* 的到期日 2026-11-23 已到，不需要確認。";
    let to_user = |text: &str| ("U0INVENTED1".to_owned(), text.to_owned());
    assert_eq!(whispers(&sandbox).await, [gone, gone, late].map(to_user));
    // A renewal within the horizon.
    sandbox.mms(&[institution("OLD", 45)]).await;
    sandbox.travel("2026-11-24T10:00:00+08:00").await;
    let body = form(&pressed("2026-11-20/2027-01-09/OLD"));
    assert_eq!(signed(&sandbox, &body, 0).await, 200);
    assert_eq!(acknowledged(&sandbox, "OLD").await, Value::Null);
    // The fourth press has an address that is answered at.
    press(&sandbox, "LATE", "U0INVENTED1").await;
    let answer = |button: &str| sandbox.world.invoke("MmsExpiryScan", to_answer(&sandbox, button, 4));
    answer("2026-11-20/2027-01-09/OLD").await.unwrap();
    let moved = "*Institution OLD* 的到期日已改為 2027-01-04，沒有確認。請以新的提醒為準。";
    assert_eq!(whispers(&sandbox).await.last(), Some(&to_user(moved)));
    // Staff ended the acknowledgement before the answer.
    answer("2026-11-20/2027-01-04/OLD").await.unwrap();
    assert_eq!(whispers(&sandbox).await.last(), Some(&to_user("*Institution OLD* 沒有確認，請再按一次。")));
    assert_eq!(sandbox.slack().await[..1], before);
}

#[tokio::test]
async fn a_press_in_a_message_that_is_no_longer_stored_counts_and_is_confirmed_to_its_user() {
    let sandbox = digest(&[("FAR", 50), ("A", 9)]).await;
    press(&sandbox, "A", "U0INVENTED1").await;
    // Digests are kept for 21 days; there is none of this day.
    let button = "2026-10-30/2027-01-09/FAR";
    let body = form(&pressed(button)).replace("U0INVENTED2", "U0INVENTED1");
    assert_eq!(signed(&sandbox, &body, 0).await, 200);
    assert_eq!(acknowledged(&sandbox, "FAR").await["until"], "2027-01-09");
    sandbox.world.invoke("MmsExpiryScan", to_answer(&sandbox, button, 1)).await.unwrap();
    let text = "*Institution FAR*\n✅ 已由 <@U0INVENTED1> 確認，2027-01-09 前不再列出";
    assert_eq!(whispers(&sandbox).await, [("U0INVENTED1".to_owned(), text.to_owned())]);
}

#[tokio::test]
async fn a_slack_that_takes_no_answer_loses_no_acknowledgement() {
    let sandbox = digest(&[("A", 9), ("B", 9)]).await;
    sandbox.fault("slack", "down").await;
    press(&sandbox, "A", "U0INVENTED1").await;
    assert_eq!(acknowledged(&sandbox, "A").await["by"], "slack:U0INVENTED1");
    let invoke = || sandbox.world.invoke("MmsExpiryScan", to_answer(&sandbox, BUTTON, 1));
    for fault in ["down", "limit", "answer_lost"] {
        sandbox.fault("slack", fault).await;
        assert!(invoke().await.is_err(), "{fault}: Lambda repeats it");
    }
    sandbox.fault("slack", "none").await;
    // One answer arrived though it was lost; Slack takes five.
    for _ in 0..4 {
        assert_eq!(invoke().await.unwrap()["answered"], true);
    }
    assert_eq!(invoke().await.unwrap()["answered"], false);
    let slack = sandbox.slack().await;
    assert_eq!((slack.len(), buttons(&slack[0])), (1, vec!["2026-11-20/2026-11-29/B"]));
}

#[tokio::test]
async fn a_table_or_secret_that_cannot_be_read_has_the_user_press_again() {
    let sandbox = digest(&[("A", 9)]).await;
    sandbox.fault("secrets_manager", "down").await;
    assert_eq!(signed(&sandbox, &form(&pressed(BUTTON)), 0).await, 503);
    sandbox.fault("secrets_manager", "none").await;
    assert_eq!(signed(&sandbox, &form(&pressed(BUTTON)), 0).await, 200);
    assert_eq!(acknowledged(&sandbox, "A").await["by"], "slack:U0INVENTED2");
}

#[tokio::test]
async fn without_the_setting_there_are_neither_buttons_nor_the_route() {
    let sandbox = Sandbox::with(BEGIN, &[("SLACK_ACKNOWLEDGE_BUTTONS", "false")]).await;
    sandbox.mms(&[institution("A", 9)]).await;
    sandbox.scan().await;
    assert_eq!(buttons(&sandbox.slack().await[0]), Vec::<&str>::new());
    sandbox.forget_calls().await;
    assert_eq!(signed(&sandbox, &form(&pressed(BUTTON)), 0).await, 404);
    assert!(sandbox.calls("secrets_manager").await.is_empty());
    assert_eq!(acknowledged(&sandbox, "A").await, Value::Null);
}
