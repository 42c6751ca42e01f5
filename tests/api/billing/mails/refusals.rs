//! Refusals by SES: those of one mail are final, all others pass and cost no mail.

use chrono::TimeDelta;
use reqwest::Method;
use serde_json::{Value, json};
use shared::domain::billing::notices::NoticeState;
use shared::domain::values::ids::NotificationId;
use shared::domain::values::time::Timestamp;
use shared::store::billing::notices::NoticeOutcome;

use testing::support::{Sandbox, column};

use super::outbox::{BEGIN, SUBJECT, failing, sends, states};

/// Error response of SES: status, code and message.
type Error = (u16, Option<&'static str>, &'static str);

/// Errors that are not about the mail.
const PASSING: [Error; 16] = [
    (403, Some("AccessDeniedException"), "User is not authorized to perform ses:SendEmail on configuration-set/mail"),
    (403, Some("ExpiredTokenException"), "The security token included in the request is expired"),
    (403, Some("UnrecognizedClientException"), "The security token included in the request is invalid."),
    (400, Some("ThrottlingException"), "Rate exceeded"),
    (429, Some("TooManyRequestsException"), "Maximum sending rate exceeded."),
    (400, Some("LimitExceededException"), "Daily message quota exceeded."),
    (
        400,
        Some("MessageRejected"),
        "Email address is not verified. The following identities failed the check in region AP-NORTHEAST-1: \
         amy@customer.example",
    ),
    (400, Some("BadRequestException"), "Configuration set mail does not exist."),
    (400, Some("MailFromDomainNotVerifiedException"), "The MAIL FROM domain is not verified."),
    (400, Some("SendingPausedException"), "Sending is paused for the account."),
    (400, Some("AccountSuspendedException"), "The account is suspended."),
    (404, Some("NotFoundException"), "The identity does not exist."),
    (400, Some("SomethingNewException"), "something that was never seen"),
    (500, Some("InternalFailure"), "internal failure"),
    (500, None, ""),
    (503, Some("ServiceUnavailable"), "down"),
];

async fn refuse(sandbox: &Sandbox, (status, code, message): Error, to: Option<&str>) {
    let refusal = json!({ "status": status, "code": code, "message": message, "to": to });
    sandbox.put("/sandbox/mail/refusal", refusal).await;
}

async fn accept(sandbox: &Sandbox) {
    let (status, _) = sandbox.call(Method::DELETE, "/sandbox/mail/refusal", None).await;
    assert_eq!(status, 200);
}

/// Runs `send-mail` now and returns the task's report.
async fn send_mail(sandbox: &Sandbox) -> Value {
    sandbox.post("/runs/send-mail", json!({})).await["tasks"]["send-mail"].clone()
}

/// Sends mail every hour up to that many hours after the beginning.
async fn send_mail_until(sandbox: &Sandbox, hours: i64) {
    let begin = Timestamp::parse(BEGIN).unwrap().utc();
    let now = || (sandbox.world.now() - begin).num_hours();
    while now() < hours {
        sandbox.world.leap(sandbox.world.now() + TimeDelta::hours(1));
        send_mail(sandbox).await;
    }
}

#[tokio::test]
async fn every_mail_arrives_once_after_a_day_of_refusals_that_are_not_about_it() {
    for error in PASSING {
        let sandbox = Sandbox::at(BEGIN).await;
        let orders = [failing(&sandbox, "amy").await, failing(&sandbox, "ben").await];
        refuse(&sandbox, error, None).await;
        send_mail_until(&sandbox, 24).await;
        for order in &orders {
            assert_eq!(states(&sandbox, order).await, ["first-payment-failure queued"], "{error:?}");
        }
        assert!(sends(&sandbox).await >= 10, "{error:?}");
        accept(&sandbox).await;
        // No wait is longer than four hours.
        send_mail_until(&sandbox, 30).await;
        for (user, order) in ["amy", "ben"].iter().zip(&orders) {
            assert_eq!(states(&sandbox, order).await, ["first-payment-failure sent"], "{error:?}");
            assert_eq!(sandbox.subjects(&format!("{user}@customer.example")).await, [SUBJECT], "{error:?}");
        }
    }
}

#[tokio::test]
async fn a_refusal_of_one_mail_is_final_and_holds_up_no_other() {
    for error in [
        (400, Some("MessageRejected"), "The message contains invalid content."),
        (400, Some("BadRequestException"), "Domain contains illegal character"),
        (400, Some("BadRequestException"), "Local address contains control or whitespace"),
    ] {
        let sandbox = Sandbox::at(BEGIN).await;
        let orders = [failing(&sandbox, "amy").await, failing(&sandbox, "ben").await];
        refuse(&sandbox, error, Some("amy@customer.example")).await;
        sandbox.travel("2025-01-15T10:05:00+08:00").await;
        assert_eq!(states(&sandbox, &orders[0]).await, ["first-payment-failure dead"], "{error:?}");
        assert_eq!(states(&sandbox, &orders[1]).await, ["first-payment-failure sent"], "{error:?}");
        accept(&sandbox).await;
        sandbox.travel("2025-01-16T10:05:00+08:00").await;
        assert_eq!(sandbox.subjects("amy@customer.example").await.len(), 0, "{error:?}");
        assert_eq!(sends(&sandbox).await, 2, "{error:?}");
    }
}

#[tokio::test]
async fn a_run_stops_after_three_mails_that_are_refused_for_one_reason_and_the_next_begins_with_others() {
    let sandbox = Sandbox::at(BEGIN).await;
    let mut orders = Vec::new();
    for number in 0..8 {
        orders.push(failing(&sandbox, &format!("user{number}")).await);
    }
    refuse(&sandbox, PASSING[0], None).await;
    for (due, attempts) in [(3, 3), (3, 6), (2, 8), (0, 8)] {
        let report = send_mail(&sandbox).await;
        assert_eq!((report["due"].as_u64(), report["skipped"]["later"].as_u64().unwrap_or(0)), (Some(due), due));
        assert_eq!(report["stopped"].is_string(), due == 3, "{report}");
        assert_eq!(sends(&sandbox).await, attempts);
    }
    accept(&sandbox).await;
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    for (number, order) in orders.iter().enumerate() {
        assert_eq!(states(&sandbox, order).await, ["first-payment-failure sent"]);
        assert_eq!(sandbox.subjects(&format!("user{number}@customer.example")).await, [SUBJECT]);
    }
}

#[tokio::test]
async fn a_mail_that_a_stopped_run_left_out_has_three_days_from_its_own_first_attempt() {
    let sandbox = Sandbox::at(BEGIN).await;
    for user in ["amy", "ben", "cai", "dan"] {
        failing(&sandbox, user).await;
    }
    refuse(&sandbox, PASSING[0], None).await;
    send_mail(&sandbox).await;
    let (first, later) = ("2025-01-15T02:00:00Z", "2025-01-15T02:04:00Z");
    assert_eq!(first_attempts(&sandbox).await, [first, first, first, "null"]);
    sandbox.world.leap(later.parse().unwrap());
    send_mail(&sandbox).await;
    assert_eq!(first_attempts(&sandbox).await, [first, first, first, later]);
    // Three days after the first attempt of three of them.
    sandbox.world.leap("2025-01-18T02:00:00Z".parse().unwrap());
    send_mail(&sandbox).await;
    send_mail(&sandbox).await;
    assert_eq!(first_attempts(&sandbox).await, [later]);
    accept(&sandbox).await;
    sandbox.travel("2025-01-18T14:10:00+08:00").await;
    assert_eq!(first_attempts(&sandbox).await, Vec::<String>::new());
    assert_eq!(sandbox.get("/notices").await["notices"].as_array().unwrap().len(), 3);
}

/// Times of the first attempts of all mails that wait, in their order.
async fn first_attempts(sandbox: &Sandbox) -> Vec<String> {
    let mut times = column(&sandbox.get("/notices?state=queued").await["notices"], "first_attempt_at");
    times.sort();
    times
}

#[tokio::test]
async fn the_outcome_of_a_notice_says_when_its_mail_was_accepted() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "outcome").await;
    let store = sandbox.store();
    let due = sandbox.get("/notices?state=queued").await["notices"][0]["id"].clone();
    let id = NotificationId::parse(&due.as_str().unwrap().replace('.', "/")).unwrap();
    let at = |text: &str| Timestamp::parse(text).unwrap();
    let queued_at = at(BEGIN);
    let queued = NoticeOutcome { state: NoticeState::Queued, queued_at, sent_at: None, ended_at: None };
    assert_eq!(store.billing.notice_outcome(&id).await.unwrap(), Some(queued));
    refuse(&sandbox, PASSING[0], None).await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    assert_eq!(store.billing.notice_outcome(&id).await.unwrap(), Some(queued));
    accept(&sandbox).await;
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    let sent_at = Some(at("2025-01-15T10:10:00+08:00"));
    let sent = NoticeOutcome { state: NoticeState::Sent, queued_at, sent_at, ended_at: sent_at };
    assert_eq!(store.billing.notice_outcome(&id).await.unwrap(), Some(sent));
    let unknown = NotificationId::of(&order, "downgraded", "2025-01-15");
    assert_eq!(store.billing.notice_outcome(&unknown).await.unwrap(), None);
}
