//! What Slack's answer says of a message.

use serde::Deserialize;

use crate::domain::values::retry_after;

/// What came of posting a message. Every text in it may be stored and shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Posted {
    /// It is in the channel.
    Delivered,
    /// Not taken, and repeating does not help: webhook, token, channel or message are wrong. Slack's word for it.
    Refused(String),
    /// Not taken this time.
    NotTaken {
        /// Slack's word for it.
        reason: String,
        /// How long it asks to wait, in seconds.
        wait_seconds: Option<u32>,
    },
    /// Nobody knows whether it was taken.
    Unclear(String),
}

/// Slack's words are lower case with underscores; anything else may be anybody's text.
fn word(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let fits = (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    fits.then_some(text)
}

/// The answer of an incoming webhook: 200 with `ok`, else a status with a word as plain text
/// (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>). Of the 4xx only 408
/// and 429 pass.
#[must_use]
pub fn judge_webhook(status: u16, retry_after: Option<&str>, body: &[u8]) -> Posted {
    let reason = match word(body) {
        Some(word) => format!("HTTP {status}: {word}"),
        None => format!("HTTP {status}"),
    };
    match (status, word(body)) {
        (200, Some("ok")) => Posted::Delivered,
        (408 | 429 | 503, _) => Posted::NotTaken { reason, wait_seconds: retry_after::seconds(retry_after) },
        (301 | 307 | 308 | 400..=499, _) => Posted::Refused(reason),
        _ => Posted::Unclear(reason),
    }
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
}

/// The answer of `chat.postMessage`: 200 also for refusals, with `ok` and `error`
/// (<https://docs.slack.dev/reference/methods/chat.postMessage>). `internal_error` and `fatal_error` may come after the
/// message was taken.
#[must_use]
pub fn judge_post_message(status: u16, retry_after: Option<&str>, body: &[u8]) -> Posted {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        // Without its JSON an answer is not the method's, so neither is its word.
        return judge_webhook(status, retry_after, b"");
    };
    let error = answer.error.unwrap_or_default();
    let reason = word(error.as_bytes()).unwrap_or("an error without a word").to_owned();
    match (answer.ok, reason.as_str()) {
        (true, _) if status == 200 => Posted::Delivered,
        (false, _) if matches!(status, 408 | 429 | 503) => {
            Posted::NotTaken { reason, wait_seconds: retry_after::seconds(retry_after) }
        }
        (true, _) | (false, "internal_error" | "fatal_error") => Posted::Unclear(reason),
        (false, "ratelimited" | "rate_limited" | "service_unavailable" | "request_timeout") => {
            Posted::NotTaken { reason, wait_seconds: retry_after::seconds(retry_after) }
        }
        (false, _) if status >= 500 => Posted::Unclear(reason),
        (false, _) => Posted::Refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhooks_word_tells_what_passes_from_what_does_not() {
        let kind = |status, body: &str| match judge_webhook(status, Some("7"), body.as_bytes()) {
            Posted::Delivered => "delivered".to_owned(),
            Posted::Refused(reason) => format!("refused {reason}"),
            Posted::NotTaken { reason, wait_seconds } => format!("not taken {reason} {wait_seconds:?}"),
            Posted::Unclear(reason) => format!("unclear {reason}"),
        };
        assert_eq!(kind(200, "ok"), "delivered");
        assert_eq!(kind(200, "<html>"), "unclear HTTP 200");
        assert_eq!(kind(404, "no_service"), "refused HTTP 404: no_service");
        assert_eq!(kind(410, "channel_is_archived"), "refused HTTP 410: channel_is_archived");
        assert_eq!(kind(400, "invalid_blocks"), "refused HTTP 400: invalid_blocks");
        assert_eq!(kind(403, "<html>of a proxy at 10.0.0.1"), "refused HTTP 403");
        assert_eq!(kind(302, ""), "unclear HTTP 302");
        assert_eq!(kind(429, "rate_limited"), "not taken HTTP 429: rate_limited Some(7)");
        assert_eq!(kind(503, ""), "not taken HTTP 503 Some(7)");
        assert_eq!(kind(500, "rollup_error"), "unclear HTTP 500: rollup_error");
    }

    #[test]
    fn a_method_refuses_with_200() {
        let judge = |status, body: &str| judge_post_message(status, None, body.as_bytes());
        assert_eq!(judge(200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#), Posted::Delivered);
        assert_eq!(
            judge(200, r#"{"ok":false,"error":"channel_not_found"}"#),
            Posted::Refused("channel_not_found".into())
        );
        let limited = Posted::NotTaken { reason: "ratelimited".into(), wait_seconds: None };
        assert_eq!(judge(429, r#"{"ok":false,"error":"ratelimited"}"#), limited);
        assert_eq!(judge(200, r#"{"ok":false,"error":"fatal_error"}"#), Posted::Unclear("fatal_error".into()));
        assert_eq!(judge(200, r#"{"ok":false}"#), Posted::Refused("an error without a word".into()));
        assert_eq!(judge(200, "ok"), Posted::Unclear("HTTP 200".into()));
        assert_eq!(judge(200, r#"{"ok":"true"}"#), Posted::Unclear("HTTP 200".into()));
    }
}
