//! Judges Slack's response to a message.

use serde::Deserialize;

use crate::domain::values::retry_after;
use crate::domain::values::send_outcome::{NotSentCause, SendOutcome};

/// Parts of Slack's error codes that refuse one message for its content, as in `invalid_blocks` or `msg_too_long`
/// (<https://docs.slack.dev/reference/methods/chat.postMessage#errors>). Other messages may still be accepted.
const CONTENT_ERRORS: [&str; 4] = ["invalid_blocks", "invalid_payload", "msg_", "no_text"];

/// Slack's words are lower case with underscores. Other texts may hold personal data and are not repeated.
fn word(body: &[u8]) -> Option<&str> {
    let text = std::str::from_utf8(body).ok()?.trim();
    let fits = (1..=60).contains(&text.len()) && text.bytes().all(|byte| byte.is_ascii_lowercase() || byte == b'_');
    fits.then_some(text)
}

fn refused(reason: String) -> SendOutcome {
    let is_about_content = CONTENT_ERRORS.iter().any(|part| reason.contains(part));
    if is_about_content { SendOutcome::refused(reason) } else { SendOutcome::sender_refused(reason) }
}

fn not_sent(status: u16, reason: String, retry_after: Option<&str>) -> SendOutcome {
    let is_limit = status == 429 || reason.ends_with("limited");
    let cause = if is_limit { NotSentCause::RateLimit } else { NotSentCause::Unavailable };
    SendOutcome::NotSent { reason, cause, retry_after: retry_after::seconds(retry_after) }
}

const fn sent() -> SendOutcome {
    SendOutcome::Sent { id: None, reply: String::new() }
}

/// Judges the response of an incoming webhook: 200 with `ok`, else a status with a word as plain text
/// (<https://docs.slack.dev/messaging/sending-messages-using-incoming-webhooks#handling_errors>). Of the 4xx only 408
/// and 429 are temporary.
#[must_use]
pub fn judge_webhook(status: u16, retry_after: Option<&str>, body: &[u8]) -> SendOutcome {
    let reason = match word(body) {
        Some(word) => format!("HTTP {status}: {word}"),
        None => format!("HTTP {status}"),
    };
    match (status, word(body)) {
        (200, Some("ok")) => sent(),
        (408 | 429 | 503, _) => not_sent(status, reason, retry_after),
        (301 | 307 | 308 | 400..=499, _) => refused(reason),
        _ => SendOutcome::unknown(reason),
    }
}

#[derive(Deserialize)]
struct Answer {
    ok: bool,
    error: Option<String>,
}

/// Judges the response of `chat.postMessage`: 200 also for refusals, with `ok` and `error`
/// (<https://docs.slack.dev/reference/methods/chat.postMessage>). `internal_error` and `fatal_error` may come after the
/// message was accepted.
#[must_use]
pub fn judge_post_message(status: u16, retry_after: Option<&str>, body: &[u8]) -> SendOutcome {
    let Ok(answer) = serde_json::from_slice::<Answer>(body) else {
        // Without its JSON the response is not the method's, so neither is its word.
        return judge_webhook(status, retry_after, b"");
    };
    let error = answer.error.unwrap_or_default();
    let reason = word(error.as_bytes()).unwrap_or("an error without a word").to_owned();
    match (answer.ok, reason.as_str()) {
        (true, _) if status == 200 => sent(),
        (false, _) if matches!(status, 408 | 429 | 503) => not_sent(status, reason, retry_after),
        (true, _) | (false, "internal_error" | "fatal_error") => SendOutcome::unknown(reason),
        (false, "ratelimited" | "rate_limited" | "service_unavailable" | "request_timeout") => {
            not_sent(status, reason, retry_after)
        }
        (false, _) if status >= 500 => SendOutcome::unknown(reason),
        (false, _) => refused(reason),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_webhooks_word_separates_temporary_from_permanent_failures() {
        let kind = |status, body: &str| match judge_webhook(status, Some("7"), body.as_bytes()) {
            SendOutcome::Sent { .. } => "sent".to_owned(),
            SendOutcome::Refused { reason, scope } => format!("refused {reason} {scope:?}"),
            SendOutcome::NotSent { reason, retry_after, .. } => format!("not sent {reason} {retry_after:?}"),
            SendOutcome::Unknown { reason } => format!("unknown {reason}"),
        };
        assert_eq!(kind(200, "ok"), "sent");
        assert_eq!(kind(200, "<html>"), "unknown HTTP 200");
        assert_eq!(kind(404, "no_service"), "refused HTTP 404: no_service Sender");
        assert_eq!(kind(410, "channel_is_archived"), "refused HTTP 410: channel_is_archived Sender");
        assert_eq!(kind(400, "invalid_blocks"), "refused HTTP 400: invalid_blocks Message");
        assert_eq!(kind(403, "<html>of a proxy at 10.0.0.1"), "refused HTTP 403 Sender");
        assert_eq!(kind(302, ""), "unknown HTTP 302");
        assert_eq!(kind(429, "rate_limited"), "not sent HTTP 429: rate_limited Some(7)");
        assert_eq!(kind(503, ""), "not sent HTTP 503 Some(7)");
        assert_eq!(kind(500, "rollup_error"), "unknown HTTP 500: rollup_error");
    }

    #[test]
    fn a_method_refuses_with_200() {
        let judge = |status, body: &str| judge_post_message(status, None, body.as_bytes());
        assert_eq!(judge(200, r#"{"ok":true,"channel":"C1","ts":"1.2"}"#), sent());
        let gone = SendOutcome::sender_refused("channel_not_found");
        assert_eq!(judge(200, r#"{"ok":false,"error":"channel_not_found"}"#), gone);
        let long = SendOutcome::refused("msg_too_long");
        assert_eq!(judge(200, r#"{"ok":false,"error":"msg_too_long"}"#), long);
        let limited = SendOutcome::rate_limited("ratelimited", None);
        assert_eq!(judge(429, r#"{"ok":false,"error":"ratelimited"}"#), limited);
        assert_eq!(judge(200, r#"{"ok":false,"error":"fatal_error"}"#), SendOutcome::unknown("fatal_error"));
        assert_eq!(judge(200, r#"{"ok":false}"#), SendOutcome::sender_refused("an error without a word"));
        assert_eq!(judge(200, "ok"), SendOutcome::unknown("HTTP 200"));
        assert_eq!(judge(200, r#"{"ok":"true"}"#), SendOutcome::unknown("HTTP 200"));
    }
}
