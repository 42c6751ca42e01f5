//! Outcomes that are read from each response of the WhatsApp providers.

use proptest::prelude::*;
use shared::domain::values::send_outcome::{NotSentCause, RefusalScope, SendOutcome};
use shared::whatsapp::{judge_cloud_api, judge_starsender};

/// Short name of an outcome.
fn kind(outcome: &SendOutcome) -> &'static str {
    match outcome {
        SendOutcome::Sent { .. } => "sent",
        SendOutcome::Refused { scope: RefusalScope::Message, .. } => "refused",
        SendOutcome::Refused { scope: RefusalScope::Unrecognised, .. } => "unrecognised",
        SendOutcome::Refused { scope: RefusalScope::Sender, .. } => "sender refused",
        SendOutcome::NotSent { cause: NotSentCause::RateLimit, .. } => "limited",
        SendOutcome::NotSent { cause: NotSentCause::Unavailable, .. } => "unavailable",
        SendOutcome::Unknown { .. } => "unknown",
    }
}

fn text(outcome: &SendOutcome) -> &str {
    match outcome {
        SendOutcome::Sent { reply, .. } => reply,
        SendOutcome::NotSent { reason, .. } | SendOutcome::Refused { reason, .. } | SendOutcome::Unknown { reason } => {
            reason
        }
    }
}

fn starsender(status: u16, body: &str) -> &'static str {
    kind(&judge_starsender(status, None, body.as_bytes()))
}

fn cloud(status: u16, code: u32) -> &'static str {
    let body =
        format!(r#"{{"error":{{"message":"(#{code}) x","type":"OAuthException","code":{code},"fbtrace_id":"A"}}}}"#);
    kind(&judge_cloud_api(status, None, body.as_bytes()))
}

#[test]
fn starsender_took_it_only_where_success_is_true_at_2xx() {
    let body = br#"{"success":true,"data":{},"message":"Success sent message"}"#;
    assert_eq!(
        judge_starsender(200, None, body),
        SendOutcome::Sent { id: None, reply: "Success sent message".to_owned() }
    );
    let ids = [
        (r#"{"success":true,"data":{"message_id":"m-1"}}"#, "m-1"),
        (r#"{"success":true,"data":{"id":17}}"#, "17"),
        (r#"{"success":true,"message_id":"m-2"}"#, "m-2"),
        (r#"{"success":true,"id":"m-3"}"#, "m-3"),
    ];
    for (body, expected) in ids {
        let SendOutcome::Sent { id, .. } = judge_starsender(201, None, body.as_bytes()) else { panic!("{body}") };
        assert_eq!(id.as_deref(), Some(expected));
    }
    let address = judge_starsender(200, None, br#"{"success":true,"id":"628551234567@c.us"}"#);
    assert!(matches!(address, SendOutcome::Sent { id: None, .. }));
}

#[test]
fn a_2xx_that_cannot_be_read_may_have_reached_the_person() {
    for body in [
        "",
        "ok",
        "<html>ok</html>",
        "null",
        "true",
        "[true]",
        "{}",
        r#"{"success":"true"}"#,
        r#"{"success":1}"#,
        r#"{"success":null}"#,
        r#"{"status":true}"#,
        r#"{"success":false,"success":true}"#,
        r#"{"success":true"#,
    ] {
        assert_eq!(starsender(200, body), "unknown", "{body}");
    }
    assert_eq!(kind(&judge_starsender(200, None, b"{\"success\":true,\"message\":\"\xff\"}")), "unknown");
}

#[test]
fn a_failure_at_200_is_sorted_by_its_words() {
    for (message, verdict) in [
        ("Rate limit exceeded", "limited"),
        ("429 too many requests", "limited"),
        ("Too many requests", "limited"),
        ("Device disconnected", "sender refused"),
        ("device has been logged out", "sender refused"),
        ("Invalid API Key", "sender refused"),
        ("api_key salah", "sender refused"),
        ("Unauthorized", "sender refused"),
        ("Token invalid", "sender refused"),
        ("Perangkat terputus", "sender refused"),
        ("kuota habis", "sender refused"),
        ("Invalid number", "refused"),
        ("Nomor tidak terdaftar di WhatsApp", "refused"),
        ("Timeout", "unavailable"),
        ("network error", "unavailable"),
        ("Nomor tujuan tidak valid", "refused"),
        ("Recipient is not on WhatsApp", "refused"),
        ("WhatsApp belum terhubung", "sender refused"),
        ("Please scan QR code", "sender refused"),
        ("session closed", "sender refused"),
        ("Session not found", "sender refused"),
        ("Client not ready", "sender refused"),
        ("Paket anda sudah habis", "sender refused"),
        ("Your subscription has ended", "sender refused"),
        ("akun diblokir", "sender refused"),
        ("Your account is not registered", "sender refused"),
        ("Nomor pengirim tidak terdaftar", "sender refused"),
        ("Insufficient balance", "sender refused"),
        ("Template not approved", "sender refused"),
        ("This number has been banned", "sender refused"),
        ("server sedang maintenance", "unavailable"),
        ("Failed to generate preview", "unrecognised"),
        ("Failed to send message", "unrecognised"),
        ("Invalid request", "unrecognised"),
        ("Invalid WhatsApp instance", "unrecognised"),
        ("628554291234 gagal", "unrecognised"),
        ("entahlah", "unrecognised"),
        (" \u{200b} ", "unrecognised"),
        ("", "unrecognised"),
    ] {
        let body = serde_json::json!({ "success": false, "message": message }).to_string();
        assert_eq!(starsender(200, &body), verdict, "{message}");
    }
    for body in [
        r#"{"success":false}"#,
        r#"{"success":false,"message":null}"#,
        r#"{"success":false,"message":{"to":["The to field is invalid"]}}"#,
    ] {
        assert_eq!(starsender(200, body), "unrecognised", "{body}");
    }
    let named = judge_starsender(200, None, br#"{"success":false,"message":"Nomor 0855-1234-567 tidak terdaftar"}"#);
    assert_eq!(named, SendOutcome::refused("Nomor *** tidak terdaftar"));
}

#[test]
fn starsenders_other_statuses_speak_for_themselves() {
    let page = "<html>nginx</html>";
    for (status, verdict) in [
        (301, "sender refused"),
        (302, "unknown"),
        (400, "unrecognised"),
        (401, "sender refused"),
        (402, "sender refused"),
        (403, "sender refused"),
        (404, "sender refused"),
        (408, "unavailable"),
        (422, "unrecognised"),
        (429, "limited"),
        (500, "unknown"),
        (502, "unknown"),
        (503, "unavailable"),
        (504, "unknown"),
        (520, "unknown"),
        (0, "unknown"),
        (u16::MAX, "unknown"),
    ] {
        assert_eq!(starsender(status, page), verdict, "{status}");
    }
    assert_eq!(starsender(400, r#"{"success":false,"message":"device off"}"#), "sender refused");
    assert_eq!(starsender(422, r#"{"success":false,"message":"invalid number"}"#), "refused");
    assert_eq!(starsender(401, r#"{"success":false,"message":"invalid number"}"#), "sender refused");
    for status in [302, 400, 401, 429, 500, 503] {
        assert_eq!(starsender(status, r#"{"success":true}"#), "unknown", "{status}");
    }
}

#[test]
fn a_wait_is_whole_seconds_and_at_most_a_minute() {
    for (header, wait) in [
        (None, None),
        (Some("0"), Some(0)),
        (Some(" 7 "), Some(7)),
        (Some("60"), Some(60)),
        (Some("3600"), Some(3_600)),
        (Some("99999999999999999999"), Some(3_600)),
        (Some("+5"), None),
        (Some("-5"), None),
        (Some("1.5"), None),
        (Some(""), None),
        (Some("Wed, 21 Oct 2026 07:28:00 GMT"), None),
    ] {
        for delivery in [
            judge_starsender(429, header, b""),
            judge_starsender(200, header, br#"{"success":false,"message":"limit"}"#),
            judge_cloud_api(400, header, br#"{"error":{"code":130429}}"#),
        ] {
            let SendOutcome::NotSent { retry_after: wait_seconds, .. } = delivery else { panic!("{header:?}") };
            assert_eq!(wait_seconds, wait, "{header:?}");
        }
    }
}

#[test]
fn the_cloud_api_took_it_where_it_gives_an_id() {
    let body = br#"{"messaging_product":"whatsapp","contacts":[{"input":"628551234567","wa_id":"628551234567"}],"messages":[{"id":"wamid.HBgM","message_status":"accepted"}]}"#;
    let sent = SendOutcome::Sent { id: Some("wamid.HBgM".to_owned()), reply: "accepted".to_owned() };
    assert_eq!(judge_cloud_api(200, None, body), sent);
    for body in
        ["", "{}", "[]", "<html>", r#"{"messages":[]}"#, r#"{"messages":[{"id":""}]}"#, r#"{"messages":[{"id":7}]}"#]
    {
        assert_eq!(kind(&judge_cloud_api(200, None, body.as_bytes())), "unknown", "{body}");
    }
    assert_eq!(kind(&judge_cloud_api(500, None, body)), "unknown");
}

#[test]
fn metas_codes_decide_whatever_the_status() {
    for (verdict, codes) in [
        ("refused", &[131_026, 131_030, 131_049, 131_050, 131_021, 130_472, 131_056, 132_005][..]),
        ("unrecognised", &[100, 131_008, 131_009, 135_000]),
        (
            "sender refused",
            &[
                0, 3, 10, 190, 200, 299, 368, 131_031, 131_042, 131_047, 131_048, 132_000, 132_001, 132_012, 132_015,
                133_010,
            ],
        ),
        ("limited", &[4, 80_007, 130_429]),
        ("unavailable", &[2, 131_016, 131_057]),
    ] {
        for code in codes {
            for status in [200, 400, 403, 500] {
                assert_eq!(cloud(status, *code), verdict, "{code} at {status}");
            }
        }
    }
    for (status, verdict) in [
        (200, "unknown"),
        (400, "unrecognised"),
        (401, "sender refused"),
        (429, "limited"),
        (500, "unknown"),
        (503, "unavailable"),
    ] {
        assert_eq!(cloud(status, 131_000), verdict, "{status}");
        assert_eq!(cloud(status, 4_294_967_295), verdict, "{status}");
    }
}

#[test]
fn metas_code_is_kept_and_its_text_masked() {
    let body = br#"{"error":{"message":"(#131026) Message undeliverable","code":131026,"error_data":{"details":"to 628551234567"}}}"#;
    let delivery = judge_cloud_api(400, None, body);
    assert_eq!(delivery, SendOutcome::refused("Meta 131026: (#***) Message undeliverable - to ***"));
    let hostile = judge_cloud_api(400, None, br#"{"error":{"code":4294967295,"message":"x"}}"#);
    assert_eq!(hostile, SendOutcome::unrecognised("HTTP 400: x"));
}

#[test]
fn metas_error_100_is_the_senders_where_it_names_the_template_or_the_sending_number() {
    for (details, verdict) in [
        ("Parameter name is missing or empty", "sender refused"),
        ("Template name does not exist in the translation", "sender refused"),
        ("Object with ID '***' does not exist, cannot be loaded due to missing permissions", "sender refused"),
        ("a text has more than four spaces in a row", "unrecognised"),
        ("", "unrecognised"),
    ] {
        let error = serde_json::json!({ "code": 100, "message": "(#100) Invalid parameter", "error_data": { "details": details } });
        let body = serde_json::json!({ "error": error }).to_string();
        assert_eq!(kind(&judge_cloud_api(400, None, body.as_bytes())), verdict, "{details}");
    }
}

#[test]
fn a_huge_or_deep_body_is_an_unknown_outcome_and_nothing_worse() {
    let deep = [b"[".repeat(1 << 20), b"{\"success\":".repeat(100_000), b"{\"error\":".repeat(100_000)];
    for body in deep {
        assert_eq!(kind(&judge_starsender(200, None, &body)), "unknown");
        assert_eq!(kind(&judge_cloud_api(200, None, &body)), "unknown");
    }
    let long = format!(r#"{{"success":false,"message":"{}"}}"#, "nomor 628551234567 ".repeat(60_000));
    let delivery = judge_starsender(200, None, long.as_bytes());
    assert!(kind(&delivery) == "unrecognised" && text(&delivery).len() <= 200 && !text(&delivery).contains("1234"));
}

proptest! {
    #![proptest_config(crate::cases(3_000))]

    #[test]
    fn any_response_has_an_outcome_with_one_short_line(
        status in any::<u16>(), body in proptest::collection::vec(any::<u8>(), 0..200), header in proptest::option::of(any::<String>()),
    ) {
        for delivery in [judge_starsender(status, header.as_deref(), &body), judge_cloud_api(status, header.as_deref(), &body)] {
            prop_assert!(kind(&delivery) != "sent");
            prop_assert!(text(&delivery).chars().count() <= 200 && !text(&delivery).contains(char::is_control));
        }
    }
}
