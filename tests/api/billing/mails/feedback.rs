//! Bounces and complaints: what they change at the address, for mails that wait and for staff.

use reqwest::Method;
use serde_json::{Value, json};
use testing::support::{STAFF, Sandbox, column};

use super::outbox::{BEGIN, SUBJECT, failing, states};

const STAFF_SUBJECT: &str = "No more mail to the customer";
const NEW: &str = "moved@customer.example";

/// SES reports about the latest mail to an address.
async fn report(sandbox: &Sandbox, to: &str, feedback: &str) {
    sandbox.post("/sandbox/mail/feedback", json!({ "to": to, "feedback": feedback })).await;
}

/// Subjects of the mails to staff about addresses.
async fn staff_mails(sandbox: &Sandbox) -> Vec<String> {
    sandbox.subjects(STAFF).await.into_iter().filter(|subject| subject.starts_with(STAFF_SUBJECT)).collect()
}

/// An order whose first mail was sent, and whose second one waits: the customer paid by bank transfer.
async fn with_waiting_mail(sandbox: &Sandbox, user: &str) -> String {
    let order = failing(sandbox, user).await;
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    let paid = json!({ "amount_twd": 899, "why": "transfer seen" });
    sandbox.post(&format!("/api/subscriptions/{order}/mark-paid"), paid).await;
    assert_eq!(states(sandbox, &order).await, ["first-payment-failure sent", "recovered queued"]);
    order
}

async fn change(sandbox: &Sandbox, order: &str, email: &str) -> Value {
    let body = json!({ "email": email, "why": "asked by phone" });
    let (status, answer) = sandbox.call(Method::POST, &format!("/api/subscriptions/{order}/email"), Some(body)).await;
    assert_eq!(status, 200, "{answer}");
    answer
}

async fn resend(sandbox: &Sandbox, order: &str, number: usize) -> (u16, Value) {
    let id = sandbox.account(order).await["notices"][number]["id"].as_str().unwrap().to_owned();
    let path = format!("/notices/{id}/resend");
    let (status, answer) = sandbox.call(Method::POST, &path, Some(json!({ "why": "new address" }))).await;
    (status.as_u16(), answer)
}

#[tokio::test]
async fn after_a_permanent_bounce_the_mails_that_wait_go_to_the_new_address_once_there_is_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = with_waiting_mail(&sandbox, "gone").await;
    report(&sandbox, "gone@customer.example", "permanent_bounce").await;
    let account = sandbox.account(&order).await;
    let seen =
        json!({ "kind": "permanent_bounce", "sub_type": "NoEmail", "status": "5.1.1", "at": "2025-01-15T02:05:00Z" });
    assert_eq!((&account["notices"][0]["feedback"], &account["mail_block"]), (&seen, &seen));
    let explained = account["explanation"]["en"].as_str().unwrap();
    assert!(explained.contains("The customer's address takes no mail since 2025-01-15 10:05"), "{explained}");
    assert!(!account.to_string().contains('@'), "{account}");
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    assert_eq!(
        states(&sandbox, &order).await,
        ["first-payment-failure sent", "recovered undeliverable", "undeliverable sent"]
    );
    assert_eq!(staff_mails(&sandbox).await, [format!("No more mail to the customer: order {order}")]);
    let listed = sandbox.get("/notices?state=undeliverable").await["notices"].clone();
    assert_eq!(
        (column(&listed, "kind"), column(&listed, "detail")),
        (vec!["recovered".to_owned()], vec!["permanent bounce (NoEmail, 5.1.1)".to_owned()])
    );
    assert_eq!(resend(&sandbox, &order, 1).await.1["error"]["code"], "undeliverable");
    // The address is changed: what waited goes there by itself, and what bounced when it is resent.
    assert_eq!(change(&sandbox, &order, NEW).await["mail_block"], Value::Null);
    sandbox.travel("2025-01-15T10:15:00+08:00").await;
    assert_eq!(sandbox.subjects(NEW).await.len(), 1);
    assert_eq!(resend(&sandbox, &order, 0).await.0, 200);
    sandbox.travel("2025-01-15T10:20:00+08:00").await;
    // The customer has paid since: a warning would be false by now.
    assert_eq!(
        states(&sandbox, &order).await,
        ["first-payment-failure obsolete", "recovered sent", "undeliverable sent"]
    );
    assert_eq!(sandbox.subjects(NEW).await.len(), 1);
    // Only the mail that bounced was ever accepted for the old address.
    assert_eq!(sandbox.subjects("gone@customer.example").await, [SUBJECT]);
    let account = sandbox.account(&order).await;
    assert_eq!(column(&account["notices"], "feedback"), ["null", "null", "null"]);
    assert_eq!(resend(&sandbox, &order, 0).await.1["error"]["code"], "obsolete");
}

#[tokio::test]
async fn a_transient_and_an_undetermined_bounce_are_shown_and_change_nothing() {
    for (user, feedback, sub_type) in
        [("full", "transient_bounce", "MailboxFull"), ("odd", "undetermined_bounce", "Undetermined")]
    {
        let sandbox = Sandbox::at(BEGIN).await;
        let order = with_waiting_mail(&sandbox, user).await;
        let address = format!("{user}@customer.example");
        sandbox.travel("2025-01-15T10:10:00+08:00").await;
        report(&sandbox, &address, feedback).await;
        sandbox.travel("2025-01-15T10:12:00+08:00").await;
        assert_eq!(states(&sandbox, &order).await, ["first-payment-failure sent", "recovered sent"]);
        let account = sandbox.account(&order).await;
        let shown = &account["notices"][1]["feedback"];
        assert_eq!((&shown["kind"], &shown["sub_type"]), (&json!(feedback), &json!(sub_type)));
        assert_eq!(account["mail_block"], Value::Null);
        assert_eq!(staff_mails(&sandbox).await, Vec::<String>::new());
        // It did not arrive, so that staff can have it sent again to the same address.
        assert_eq!(resend(&sandbox, &order, 1).await.0, 200);
        sandbox.travel("2025-01-15T10:15:00+08:00").await;
        assert_eq!(sandbox.subjects(&address).await.len(), 3);
        assert_eq!(sandbox.account(&order).await["notices"][1]["feedback"], Value::Null);
    }
}

#[tokio::test]
async fn after_a_complaint_the_mails_that_wait_are_not_sent_and_a_complaint_taken_back_changes_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = with_waiting_mail(&sandbox, "angry").await;
    report(&sandbox, "angry@customer.example", "not_spam").await;
    assert_eq!(sandbox.account(&order).await["mail_block"], Value::Null);
    report(&sandbox, "angry@customer.example", "complaint").await;
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    assert_eq!(
        states(&sandbox, &order).await,
        ["first-payment-failure sent", "recovered undeliverable", "undeliverable sent"]
    );
    let account = sandbox.account(&order).await;
    assert_eq!(
        (&account["mail_block"]["kind"], &account["mail_block"]["sub_type"]),
        (&json!("complaint"), &json!("abuse"))
    );
    // The mail that the customer complained about arrived.
    assert_eq!(resend(&sandbox, &order, 0).await.1["error"]["code"], "already_sent");
    // Only another address ends it, and another letter case makes none.
    change(&sandbox, &order, "angry@customer.example").await;
    change(&sandbox, &order, "Angry@customer.example").await;
    sandbox.travel("2025-01-15T10:15:00+08:00").await;
    assert_eq!(sandbox.subjects("angry@customer.example").await, [SUBJECT]);
    assert_eq!(sandbox.subjects("Angry@customer.example").await, Vec::<String>::new());
    change(&sandbox, &order, NEW).await;
    sandbox.travel("2025-01-15T10:20:00+08:00").await;
    assert_eq!(sandbox.subjects(NEW).await.len(), 1);
    assert_eq!(staff_mails(&sandbox).await.len(), 1);
}

#[tokio::test]
async fn every_order_with_the_address_gets_no_mail_and_staff_hear_of_each_once() {
    let sandbox = Sandbox::at(BEGIN).await;
    let first = failing(&sandbox, "one").await;
    let second = failing(&sandbox, "two").await;
    change(&sandbox, &second, "one@customer.example").await;
    sandbox.put("/sandbox/mail/feedback", json!({ "one@customer.example": "permanent_bounce" })).await;
    sandbox.travel("2025-01-22T13:00:00+08:00").await;
    // Each order was downgraded: its bounced notice is as old as any other.
    for order in [&first, &second] {
        assert_eq!(sandbox.account(order).await["plan_id"], "FREE");
        assert!(states(&sandbox, order).await.contains(&"downgraded undeliverable".to_owned()));
    }
    assert_eq!(sandbox.subjects("one@customer.example").await, Vec::<String>::new());
    let mut staff = staff_mails(&sandbox).await;
    staff.sort();
    let mut expected = [&first, &second].map(|order| format!("No more mail to the customer: order {order}"));
    expected.sort();
    assert_eq!(staff, expected);
}

#[tokio::test]
async fn a_mail_that_waited_longer_than_two_weeks_does_not_follow_the_address_by_itself() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = with_waiting_mail(&sandbox, "late").await;
    report(&sandbox, "late@customer.example", "permanent_bounce").await;
    sandbox.travel("2025-01-29T10:05:01+08:00").await;
    change(&sandbox, &order, NEW).await;
    sandbox.travel("2025-01-29T10:15:00+08:00").await;
    assert_eq!(sandbox.subjects(NEW).await, Vec::<String>::new());
    assert_eq!(resend(&sandbox, &order, 1).await.0, 200);
    sandbox.travel("2025-01-29T10:20:00+08:00").await;
    assert_eq!(sandbox.subjects(NEW).await.len(), 1);
}

#[tokio::test]
async fn mails_to_staff_go_on_after_a_bounce_of_their_address() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = with_waiting_mail(&sandbox, "calm").await;
    report(&sandbox, "calm@customer.example", "permanent_bounce").await;
    sandbox.put("/sandbox/mail/feedback", json!({ STAFF: "complaint" })).await;
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    let notices = sandbox.account(&order).await["notices"].clone();
    assert_eq!((&notices[2]["kind"], &notices[2]["feedback"]["kind"]), (&json!("undeliverable"), &json!("complaint")));
    report(&sandbox, STAFF, "permanent_bounce").await;
    change(&sandbox, &order, NEW).await;
    sandbox.travel("2025-01-15T10:15:00+08:00").await;
    report(&sandbox, NEW, "permanent_bounce").await;
    sandbox.travel("2025-01-15T10:20:00+08:00").await;
    assert_eq!(staff_mails(&sandbox).await.len(), 2);
}

#[tokio::test]
async fn mails_to_the_addresses_of_sess_simulator_are_reported_as_ses_does() {
    let sandbox = Sandbox::at(BEGIN).await;
    let cases = [
        ("a", "bounce+a@simulator.amazonses.com", "permanent_bounce", "NoEmail"),
        ("b", "complaint@simulator.amazonses.com", "complaint", "abuse"),
        ("c", "suppressionlist@simulator.amazonses.com", "permanent_bounce", "OnAccountSuppressionList"),
    ];
    let mut orders = Vec::new();
    for (user, address, _, _) in cases {
        let order = failing(&sandbox, user).await;
        change(&sandbox, &order, address).await;
        orders.push(order);
    }
    sandbox.travel("2025-01-15T10:05:00+08:00").await;
    for ((_, address, kind, sub_type), order) in cases.into_iter().zip(orders) {
        let block = sandbox.account(&order).await["mail_block"].clone();
        assert_eq!((&block["kind"], &block["sub_type"]), (&json!(kind), &json!(sub_type)), "{address}");
    }
}

#[tokio::test]
async fn an_erased_customer_leaves_nothing_and_a_late_report_records_nothing() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = with_waiting_mail(&sandbox, "erased").await;
    let of_feedback = |sandbox: &Sandbox| {
        let items = sandbox.items().into_iter();
        items.filter(|item| item.starts_with("ADDRESS#") || item.starts_with("FEEDBACK#")).count()
    };
    report(&sandbox, "erased@customer.example", "permanent_bounce").await;
    // The address, the mail, and that staff were notified.
    assert_eq!(of_feedback(&sandbox), 3);
    let export = sandbox.get("/api/users/erased/export").await;
    let exported = &export["subscriptions"][0]["mail_feedback"][0];
    assert_eq!(
        (&exported["mail"]["latest"]["sub_type"], &exported["address"]["block"]["kind"]),
        (&json!("NoEmail"), &json!("permanent_bounce"))
    );
    sandbox.post(&format!("/api/subscriptions/{order}/cancel"), json!({ "why": "asked for" })).await;
    sandbox.travel("2025-02-20T10:00:00+08:00").await;
    let erased = sandbox.call(Method::DELETE, "/api/users/erased", Some(json!({ "why": "asked for" }))).await;
    assert_eq!(erased.0, 200, "{}", erased.1);
    assert_eq!(of_feedback(&sandbox), 0);
    report(&sandbox, "erased@customer.example", "complaint").await;
    assert_eq!(of_feedback(&sandbox), 0);
}

/// A text as hex digits.
fn hex(text: &str) -> String {
    text.bytes().map(|byte| format!("{byte:02x}")).collect()
}

/// An event of SES about a mail to an address, under the configuration set of the template.
fn event(notice: &str, address: &str, kind: &str, at: &str) -> Value {
    json!({
        "version": "0", "detail-type": "Email Bounced", "source": "aws.ses",
        "detail": {
            "eventType": "Bounce",
            "bounce": { "bounceType": kind, "bounceSubType": "General", "bouncedRecipients": [], "timestamp": at },
            "mail": {
                "messageId": "invented", "destination": [address],
                "tags": { "ses:configuration-set": ["duekeeper-mail"], "notice": [hex(notice)] },
            },
        },
    })
}

#[tokio::test]
async fn repeated_and_reordered_reports_also_before_the_outcome_of_sending_lead_to_one_record() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "early").await;
    let notice = sandbox.account(&order).await["notices"][0]["id"].as_str().unwrap().replace('.', "/");
    let (address, at) = ("early@customer.example", "2025-01-15T01:59:00.5Z");
    let permanent = event(&notice, address, "Permanent", at);
    let earlier = event(&notice, address, "Transient", "2025-01-15T01:58:00Z");
    let mut outcomes = Vec::new();
    for event in [&permanent, &earlier, &permanent, &earlier] {
        outcomes.push(sandbox.world.invoke_maintenance(event.clone()).await.unwrap()["outcome"].clone());
    }
    assert_eq!(outcomes, ["recorded", "repeat", "repeat", "repeat"]);
    let account = sandbox.account(&order).await;
    let shown = (&account["mail_block"]["kind"], &account["mail_block"]["at"]);
    assert_eq!(shown, (&json!("permanent_bounce"), &json!("2025-01-15T01:59:00Z")));
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure undeliverable", "undeliverable sent"]);
    assert_eq!(staff_mails(&sandbox).await.len(), 1);
}

#[tokio::test]
async fn a_report_about_no_mail_of_ours_changes_nothing_and_is_no_error() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = failing(&sandbox, "mei").await;
    let notice = sandbox.account(&order).await["notices"][0]["id"].as_str().unwrap().replace('.', "/");
    let before = sandbox.items();
    let at = "2025-01-15T02:00:00Z";
    let address = "mei@customer.example";
    let mut untagged = event(&notice, address, "Permanent", at);
    untagged["detail"]["mail"]["tags"] = json!({ "ses:configuration-set": ["duekeeper-mail"] });
    let mut of_other_set = event(&notice, address, "Permanent", at);
    of_other_set["detail"]["mail"]["tags"]["ses:configuration-set"] = json!(["newsletter"]);
    for event in [
        untagged,
        of_other_set,
        event("DKNOTSTORED000000001/first-payment-failure/2025-01-15", address, "Permanent", at),
        event("nothing", address, "Permanent", at),
    ] {
        let answer = sandbox.world.invoke_maintenance(event).await.unwrap();
        assert_eq!(answer, json!({ "outcome": "unknown", "feedback": "permanent_bounce" }));
    }
    assert_eq!(sandbox.items(), before);
    let mut malformed = event(&notice, address, "Permanent", at);
    malformed["detail"]["bounce"]["bounceType"] = json!("mei@customer.example");
    let error = sandbox.world.invoke_maintenance(malformed).await.unwrap_err().to_string();
    assert_eq!(
        error,
        "the event of EventBridge cannot be used: detail.bounce.bounceType is missing or has another form than SES documents"
    );
    let other = json!({ "source": "aws.s3", "detail-type": "Object Created", "detail": {} });
    let error = sandbox.world.invoke_maintenance(other).await.unwrap_err().to_string();
    assert_eq!(error, "the event of EventBridge cannot be used: source must be aws.ses");
    assert_eq!(sandbox.items(), before);
}

#[tokio::test]
async fn a_late_report_about_the_old_address_does_not_touch_the_new_one() {
    let sandbox = Sandbox::at(BEGIN).await;
    let order = with_waiting_mail(&sandbox, "older").await;
    change(&sandbox, &order, NEW).await;
    report(&sandbox, "older@customer.example", "permanent_bounce").await;
    sandbox.travel("2025-01-15T10:10:00+08:00").await;
    assert_eq!(states(&sandbox, &order).await, ["first-payment-failure sent", "recovered sent"]);
    assert_eq!(sandbox.subjects(NEW).await.len(), 1);
    let account = sandbox.account(&order).await;
    assert_eq!((&account["mail_block"], staff_mails(&sandbox).await.len()), (&Value::Null, 0));
    assert_eq!(account["notices"][0]["feedback"]["kind"], "permanent_bounce");
}
