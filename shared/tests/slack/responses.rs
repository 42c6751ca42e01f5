//! Slack's responses, with arbitrary bytes.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::domain::values::send_outcome::SendOutcome;
use shared::slack::{judge_post_message, judge_webhook};

/// Bodies similar to those of Slack, and arbitrary ones.
fn body() -> impl Strategy<Value = Vec<u8>> {
    let known = [
        "ok",
        " ok\n",
        "OK",
        "okay",
        "ok ok",
        "no_service",
        "rate_limited",
        "<!doctype html><p>ok</p>",
        "{}",
        "null",
        "true",
        r#"{"ok":true}"#,
        r#"{"ok":true,"error":null}"#,
        r#"{"ok":true,"error":"fatal_error"}"#,
        r#"{"ok":"true"}"#,
        r#"{"ok":1}"#,
        r#"{"ok":true"#,
        r#"{"ok":false}"#,
        r#"{"ok":false,"error":"ratelimited"}"#,
        r#"{"ok":false,"error":"Owner 0900-000-102 Said No"}"#,
        r#"{"ok":false,"error":["channel_not_found"]}"#,
        "\u{feff}ok",
        "\0",
    ];
    let error = any::<String>().prop_map(|text| json!({ "ok": false, "error": text }).to_string().into_bytes());
    let word = "[a-z_]{1,70}".prop_map(|word| json!({ "ok": false, "error": word }).to_string().into_bytes());
    prop_oneof![
        4 => proptest::sample::select(known.to_vec()).prop_map(|text| text.as_bytes().to_vec()),
        2 => proptest::collection::vec(any::<u8>(), 0..200),
        2 => any::<String>().prop_map(String::into_bytes),
        2 => "[a-z_]{1,70}".prop_map(String::into_bytes),
        1 => error,
        1 => word,
    ]
}

fn status() -> impl Strategy<Value = u16> {
    let known = vec![200, 200, 200, 201, 204, 301, 302, 400, 403, 404, 408, 410, 429, 500, 502, 503, 504];
    prop_oneof![4 => proptest::sample::select(known), 1 => any::<u16>()]
}

fn retry_after() -> impl Strategy<Value = Option<String>> {
    let known = ["0", "1", "60", "61", "99999999999999999999", "-1", "1.5", "", "Sat, 21 Nov 2026 01:30:00 GMT"];
    let known = proptest::sample::select(known.to_vec()).prop_map(str::to_owned);
    proptest::option::of(prop_oneof![3 => known, 1 => any::<String>()])
}

/// The reason of a message that was not sent, and the wait in seconds.
fn failure(outcome: &SendOutcome) -> Option<(&str, Option<u32>)> {
    match outcome {
        SendOutcome::Sent { .. } => None,
        SendOutcome::Refused { reason, .. } | SendOutcome::Unknown { reason } => Some((reason, None)),
        SendOutcome::NotSent { reason, retry_after, .. } => Some((reason, *retry_after)),
    }
}

fn is_sent(outcome: &SendOutcome) -> bool {
    matches!(outcome, SendOutcome::Sent { .. })
}

fn is_word(text: &str) -> bool {
    (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte == b'_' || byte.is_ascii_lowercase())
}

/// `HTTP 404` or `HTTP 404: no_service`, for the report.
fn is_status_with_word(text: &str, status: u16) -> bool {
    let Some(rest) = text.strip_prefix(&format!("HTTP {status}")) else { return false };
    rest.is_empty() || rest.strip_prefix(": ").is_some_and(is_word)
}

proptest! {
    #![proptest_config(crate::cases(8_000))]

    #[test]
    fn only_200_with_ok_is_sent_by_a_webhook_and_nothing_but_words_is_repeated(
        status in status(), retry_after in retry_after(), body in body()
    ) {
        let outcome = judge_webhook(status, retry_after.as_deref(), &body);
        let said = std::str::from_utf8(&body).map(str::trim);
        prop_assert_eq!(is_sent(&outcome), status == 200 && said == Ok("ok"));
        if let Some((reason, wait)) = failure(&outcome) {
            prop_assert!(is_status_with_word(reason, status), "{:?}", reason);
            prop_assert!(wait.is_none_or(|seconds| seconds <= 3_600));
        }
    }

    #[test]
    fn only_200_with_ok_true_is_sent_by_the_method_and_nothing_but_words_is_repeated(
        status in status(), retry_after in retry_after(), body in body()
    ) {
        let outcome = judge_post_message(status, retry_after.as_deref(), &body);
        let said: Value = serde_json::from_slice(&body).unwrap_or_default();
        let has_odd_error = !matches!(said["error"], Value::Null | Value::String(_));
        let is_delivered = status == 200 && said["ok"] == Value::Bool(true) && !has_odd_error;
        prop_assert_eq!(is_sent(&outcome), is_delivered, "{:?}", outcome);
        if let Some((reason, wait)) = failure(&outcome) {
            let fits = is_status_with_word(reason, status) || is_word(reason) || reason == "an error without a word";
            prop_assert!(fits, "{:?}", reason);
            prop_assert!(wait.is_none_or(|seconds| seconds <= 3_600));
        }
    }
}
