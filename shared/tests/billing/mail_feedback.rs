//! Feedback of SES: the record of an address, the reading of SES's events, and hostile ones.

use proptest::prelude::*;
use serde_json::{Value, json};
use shared::domain::billing::notices::feedback::{Feedback, FeedbackKind, FeedbackRecord, follows_change};
use shared::domain::values::time::Timestamp;
use shared::mail::ses_event::{InvalidSesEvent, SesEvent, tag_value};

const NOTICE: &str = "DK20250131SAMPLE0001/first-payment-failure/2025-03-31";

fn t(text: &str) -> Timestamp {
    Timestamp::parse(text).unwrap()
}

fn of(kind: FeedbackKind, at: &str) -> Feedback {
    Feedback::new(kind, t(at), None, None)
}

/// A bounce as the examples of the SES Developer Guide have it, with the fields that EventBridge adds.
fn bounce() -> Value {
    json!({
        "version": "0", "id": "12345678-1234-1234-1234-123456789012", "detail-type": "Email Bounced", "source": "aws.ses",
        "account": "123456789012", "time": "2025-04-01T01:00:02Z", "region": "ap-northeast-1",
        "resources": ["arn:aws:ses:ap-northeast-1:123456789012:configuration-set/duekeeper-mail"],
        "detail": {
            "eventType": "Bounce",
            "bounce": {
                "feedbackId": "0100017f-invented", "bounceType": "Permanent", "bounceSubType": "General",
                "bouncedRecipients": [{
                    "emailAddress": "forwarded@elsewhere.example", "action": "failed", "status": "5.1.1",
                    "diagnosticCode": "smtp; 550 5.1.1 <mei@customer.example> user unknown",
                }],
                "timestamp": "2025-04-01T01:00:01.669Z", "reportingMTA": "dns; mta.invented.example",
            },
            "mail": {
                "timestamp": "2025-04-01T01:00:00.000Z", "messageId": "0100017f-invented",
                "source": "billing@duekeeper.example", "destination": ["mei@customer.example"],
                "tags": {
                    "ses:configuration-set": ["duekeeper-mail"], "ses:source-ip": ["192.0.2.1"],
                    "notice": [tag_value(NOTICE).unwrap()],
                },
            },
        },
    })
}

fn complaint(fields: Value) -> Value {
    let mut event = bounce();
    let detail = event["detail"].as_object_mut().unwrap();
    detail.remove("bounce");
    detail.insert("eventType".to_owned(), json!("Complaint"));
    detail.insert("complaint".to_owned(), fields);
    event
}

fn set(event: &mut Value, pointer: &str, value: Value) {
    *event.pointer_mut(pointer).unwrap_or_else(|| panic!("{pointer}")) = value;
}

#[test]
fn a_bounce_names_notice_address_and_set_and_keeps_no_text_that_names_people() {
    let event = SesEvent::parse(&bounce()).unwrap();
    let mail = event.mail.clone().unwrap();
    assert_eq!((mail.notice.as_str(), mail.address.as_str()), (NOTICE, "mei@customer.example"));
    assert_eq!(event.configuration_set.as_deref(), Some("duekeeper-mail"));
    assert_eq!(event.feedback.to_string(), "permanent bounce (General, 5.1.1)");
    assert_eq!(event.feedback.at.to_string(), "2025-04-01T01:00:01Z");
    let stored = serde_json::to_string(&FeedbackRecord::from(event.feedback)).unwrap();
    assert!(!stored.contains('@') && !stored.contains("smtp"), "{stored}");
}

#[test]
fn each_type_of_report_has_its_consequence() {
    // Types and sub-types of the SES Developer Guide.
    for (kind, sub_type, blocks) in [
        ("Permanent", "General", true),
        ("Permanent", "NoEmail", true),
        ("Permanent", "Suppressed", true),
        ("Permanent", "OnAccountSuppressionList", true),
        ("Permanent", "UnsubscribedRecipient", true),
        ("Transient", "General", false),
        ("Transient", "MailboxFull", false),
        ("Transient", "MessageTooLarge", false),
        ("Transient", "ContentRejected", false),
        ("Transient", "AttachmentRejected", false),
        ("Undetermined", "Undetermined", false),
    ] {
        let mut event = bounce();
        set(&mut event, "/detail/bounce/bounceType", json!(kind));
        set(&mut event, "/detail/bounce/bounceSubType", json!(sub_type));
        let feedback = SesEvent::parse(&event).unwrap().feedback;
        assert_eq!((feedback.kind.blocks(), feedback.kind.is_bounce()), (blocks, true), "{kind} {sub_type}");
        assert_eq!(feedback.sub_type.as_deref(), Some(sub_type));
    }
    let at = "2025-04-01T01:00:01.669Z";
    for (fields, blocks, sub_type) in [
        (json!({ "timestamp": at, "complaintFeedbackType": "abuse", "complaintSubType": null }), true, Some("abuse")),
        (json!({ "timestamp": at, "complaintFeedbackType": "fraud" }), true, Some("fraud")),
        // Not every provider says which.
        (json!({ "timestamp": at }), true, None),
        (
            json!({ "timestamp": at, "complaintSubType": "OnAccountSuppressionList" }),
            true,
            Some("OnAccountSuppressionList"),
        ),
        (json!({ "timestamp": at, "complaintFeedbackType": "not-spam" }), false, Some("not-spam")),
    ] {
        let feedback = SesEvent::parse(&complaint(fields)).unwrap().feedback;
        assert_eq!((feedback.kind.blocks(), feedback.kind.is_bounce()), (blocks, false), "{feedback}");
        assert_eq!(feedback.sub_type.as_deref(), sub_type);
    }
}

#[test]
fn an_event_of_another_form_is_refused_with_the_field() {
    let field = InvalidSesEvent::Field;
    for (pointer, value, refusal) in [
        ("/source", json!("aws.s3"), InvalidSesEvent::Source),
        ("/source", json!(null), InvalidSesEvent::Source),
        ("/detail", json!("text"), InvalidSesEvent::Type),
        ("/detail/eventType", json!("Delivery"), InvalidSesEvent::Type),
        ("/detail/eventType", json!(["Bounce"]), InvalidSesEvent::Type),
        ("/detail/eventType", json!("Complaint"), field("detail.complaint.timestamp")),
        ("/detail/bounce", json!({}), field("detail.bounce.bounceType")),
        ("/detail/bounce/bounceType", json!("Hard"), field("detail.bounce.bounceType")),
        ("/detail/bounce/bounceType", json!("permanent"), field("detail.bounce.bounceType")),
        ("/detail/bounce/timestamp", json!("yesterday"), field("detail.bounce.timestamp")),
        ("/detail/bounce/timestamp", json!(1_743_469_201), field("detail.bounce.timestamp")),
        ("/detail/mail/destination", json!([]), field("detail.mail.destination")),
        ("/detail/mail/destination", json!("mei@customer.example"), field("detail.mail.destination")),
        ("/detail/mail/destination", json!(["a@a.example", "b@b.example"]), field("detail.mail.destination")),
        ("/detail/mail/destination", json!(["Mei <mei@customer.example>"]), field("detail.mail.destination")),
        ("/detail/mail/tags/notice", json!(["xyz"]), field("detail.mail.tags.notice")),
        ("/detail/mail/tags/notice", json!(["ff"]), field("detail.mail.tags.notice")),
        ("/detail/mail/tags/notice", json!([""]), field("detail.mail.tags.notice")),
        ("/detail/mail/tags/notice", json!([hex::encode("a\nb")]), field("detail.mail.tags.notice")),
    ] {
        let mut event = bounce();
        set(&mut event, pointer, value.clone());
        let error = SesEvent::parse(&event).unwrap_err();
        assert_eq!(error, refusal, "{pointer} = {value}");
        assert!(!error.to_string().contains('@'), "{error}");
    }
}

#[test]
fn a_mail_without_our_tag_is_none_of_ours_whatever_its_recipients_are() {
    for tags in
        [json!({}), json!(null), json!({ "notice": [] }), json!({ "notice": "6162" }), json!({ "Notice": ["6162"] })]
    {
        let mut event = bounce();
        set(&mut event, "/detail/mail/tags", tags.clone());
        set(&mut event, "/detail/mail/destination", json!(["a@a.example", "b@b.example"]));
        assert_eq!(SesEvent::parse(&event).unwrap().mail, None, "{tags}");
    }
}

#[test]
fn texts_that_may_name_people_are_left_out() {
    for (sub_type, status) in [
        (json!("mei@customer.example"), json!("5.1.1 <mei@customer.example>")),
        (json!("No Email"), json!("5.1")),
        (json!(""), json!("5.1.1.1")),
        (json!("a".repeat(41)), json!("5..1")),
        (json!(["General"]), json!(5.1)),
        (json!("使用者"), json!("5.1.1111")),
    ] {
        let mut event = bounce();
        set(&mut event, "/detail/bounce/bounceSubType", sub_type);
        set(&mut event, "/detail/bounce/bouncedRecipients/0/status", status);
        assert_eq!(SesEvent::parse(&event).unwrap().feedback.to_string(), "permanent bounce");
    }
}

#[test]
fn a_tag_has_only_the_signs_that_ses_takes_and_leads_back() {
    let value = tag_value(NOTICE).unwrap();
    assert!(value.len() <= 256 && value.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{value}");
    // 128 bytes are 256 digits.
    assert!(tag_value(&"a".repeat(128)).is_some() && tag_value(&"a".repeat(129)).is_none());
}

#[test]
fn an_undeliverable_mail_follows_a_change_for_fourteen_days() {
    let created = t("2025-04-01T01:00:00Z");
    assert!(follows_change(created, t("2025-04-15T01:00:00Z")));
    assert!(!follows_change(created, t("2025-04-15T01:00:01Z")));
}

#[test]
fn the_first_report_that_blocks_is_shown_and_otherwise_the_latest() {
    let full = of(FeedbackKind::TransientBounce, "2025-04-01T01:00:00Z");
    let later = of(FeedbackKind::UndeterminedBounce, "2025-04-03T01:00:00Z");
    let gone = of(FeedbackKind::PermanentBounce, "2025-04-02T01:00:00Z");
    let angry = of(FeedbackKind::Complaint, "2025-04-04T01:00:00Z");
    let record = FeedbackRecord::from(full).with(&later);
    assert_eq!((record.block.as_ref(), record.shown()), (None, &later));
    let record = record.with(&angry).with(&gone);
    assert_eq!((record.shown(), &record.latest), (&gone, &angry));
}

fn feedback() -> impl Strategy<Value = Feedback> {
    (0..FeedbackKind::ALL.len(), 0_i64..5, proptest::option::of("[A-C]")).prop_map(|(kind, hour, sub_type)| {
        let at = t("2025-04-01T00:00:00Z").plus_hours(hour);
        Feedback::new(FeedbackKind::ALL[kind], at, sub_type.as_deref(), None)
    })
}

proptest! {
    #[test]
    fn reports_in_any_order_and_any_number_lead_to_one_record(
        (reports, order) in proptest::collection::vec(feedback(), 1..6).prop_flat_map(|reports| {
            let repeated: Vec<_> = reports.iter().chain(&reports).cloned().collect();
            (Just(reports), Just(repeated).prop_shuffle())
        })
    ) {
        let record = |reports: &[Feedback]| {
            let (first, others) = reports.split_first().unwrap();
            others.iter().fold(FeedbackRecord::from(first.clone()), |record, report| record.with(report))
        };
        prop_assert_eq!(record(&reports), record(&order));
        let blocks = reports.iter().any(|report| {
            matches!(report.kind, FeedbackKind::PermanentBounce | FeedbackKind::Complaint)
        });
        prop_assert_eq!(record(&order).block.is_some(), blocks);
    }

    #[test]
    fn no_event_however_broken_makes_the_reader_fail_otherwise_than_by_its_error(
        pointer in proptest::sample::select(vec![
            "/detail", "/detail/mail", "/detail/mail/tags", "/detail/mail/tags/notice", "/detail/mail/destination",
            "/detail/bounce", "/detail/bounce/bouncedRecipients", "/detail/bounce/timestamp", "/source",
        ]),
        text in any::<String>(), depth in 0_usize..4,
    ) {
        let mut value = json!(text);
        for level in 0..depth {
            value = if level % 2 == 0 { json!([value]) } else { json!({ "0": value }) };
        }
        let mut event = bounce();
        set(&mut event, pointer, value);
        if let Err(error) = SesEvent::parse(&event) {
            prop_assert!(text.len() < 3 || !error.to_string().contains(&text));
        }
    }
}
