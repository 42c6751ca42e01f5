//! Mails: each has its subject, and no template is sent with a blank in it.

use std::collections::{BTreeMap, BTreeSet};

use shared::domain::billing::notices::NoticeKind;
use shared::mail::render::{Error, render};

use testing::support::project::{names, text};

/// Every mail, with its subject once all values are there.
const MAILS: [(NoticeKind, &str); 20] = [
    (NoticeKind::FirstPaymentFailure, "付款失敗通知 - Payment Failure Notice"),
    (NoticeKind::SecondPaymentFailure, "第二次付款失敗 - Second Payment Failure"),
    (NoticeKind::FinalPaymentFailure, "最終付款失敗通知 - Final Payment Failure Notice"),
    (NoticeKind::Downgraded, "方案已降級為 FREE - Plan Downgraded to FREE"),
    (NoticeKind::NotCharged, "方案已降級為 FREE - Plan Downgraded to FREE"),
    (NoticeKind::AmountDiffers, "Charged NT$999 instead of NT$899: order DKSAMPLE"),
    (NoticeKind::UnrecordedCharge, "Charge without a number: order DKSAMPLE"),
    (NoticeKind::PlanEnded, "訂閱已結束 - Subscription Ended"),
    (NoticeKind::Recovered, "付款成功，方案已恢復 - Payment Received, Plan Active"),
    (NoticeKind::RefundDue, "Refund due: order DKSAMPLE"),
    (NoticeKind::Uncharged, "Charge missing: order DKSAMPLE"),
    (NoticeKind::SecondLiveOrder, "Two live orders: DKSAMPLE and DKOTHER"),
    (NoticeKind::QuarantineDigest, "Quarantined on 2025-02-28: 3 reports"),
    (NoticeKind::Quarantined, "Quarantined: a report about order DKSAMPLE"),
    (NoticeKind::CancelConfirmed, "訂閱已取消 - Subscription Cancelled"),
    (NoticeKind::CancelUnconfirmed, "Cancellation not confirmed: order DKSAMPLE"),
    (NoticeKind::NeedsAttention, "Action needed: order DKSAMPLE"),
    (NoticeKind::SlackRefused, "No expiry digest in Slack: 2025-02-28"),
    (NoticeKind::RemindersFailed, "WhatsApp reminders need attention: 2025-02-28"),
    (NoticeKind::Undeliverable, "No more mail to the customer: order DKSAMPLE"),
];

fn values() -> BTreeMap<String, String> {
    let values = [
        ("subscription", "DKSAMPLE"),
        ("other", "DKOTHER"),
        ("plan", "PRO"),
        ("amount", "NT$899"),
        ("charge_due", "2025-02-28"),
        ("grace_ends_at", "2025-03-07 10:00"),
        ("downgraded_at", "2025-03-10 12:00"),
        ("paid_until", "2025-03-31"),
        ("charged_at", "2025-03-20 10:00"),
        ("gwsr", "13400042"),
        ("day", "2025-02-28"),
        ("count", "3"),
        ("due", "7"),
        ("sent", "1"),
        ("failed", "4"),
        ("skipped", "2"),
        ("reasons", "no such order"),
        ("reason", "the amount is another"),
        ("event", "S:2"),
        ("hard_decline", "false"),
        ("retries", "true"),
        ("charged", "NT$999"),
        ("access_until", "2025-03-31"),
        ("task", "retry"),
        ("feedback", "permanent bounce (NoEmail, 5.1.1)"),
        ("since", "2025-03-20 10:00"),
    ];
    values.map(|(name, value)| (name.to_owned(), value.to_owned())).into()
}

/// The template of a mail, below the folder of them.
fn file(kind: NoticeKind) -> String {
    format!("{}/{}.txt", if kind.is_for_staff() { "staff" } else { "customer" }, kind.name())
}

/// The variables of a template, read from its file.
fn variables(kind: NoticeKind) -> BTreeSet<String> {
    let text = text(&format!("shared/templates/{}", file(kind)));
    let names = text.split("{{").skip(1).map(|part| part.split_once("}}").unwrap().0.to_owned());
    // What is advised follows from whether a new card is needed.
    names.map(|name| if name.starts_with("advice_") { "hard_decline".to_owned() } else { name }).collect()
}

#[test]
fn every_mail_has_its_subject_and_no_variable_left() {
    for (kind, subject) in MAILS {
        let mail = render(kind, &values()).unwrap();
        assert_eq!(mail.subject, subject);
        assert!(!mail.body.is_empty() && !mail.body.contains("{{") && !mail.body.contains("}}"), "{}", mail.body);
    }
    let mut expected: Vec<String> = MAILS.iter().map(|(kind, _)| file(*kind)).collect();
    expected.sort();
    let files = ["customer", "staff"].into_iter().flat_map(|folder| {
        names(&format!("shared/templates/{folder}")).into_iter().map(move |name| format!("{folder}/{name}"))
    });
    assert_eq!(files.collect::<Vec<_>>(), expected);
}

#[test]
fn a_variable_without_a_value_is_an_error_in_every_mail() {
    for (kind, _) in MAILS {
        let empty = render(kind, &BTreeMap::new());
        assert!(matches!(empty, Err(Error::MissingVariable { template, .. }) if template == kind.name()), "{empty:?}");
        let variables = variables(kind);
        assert!(!variables.is_empty());
        for variable in variables {
            let mut without = values();
            without.remove(&variable);
            let mut blank = values();
            blank.insert(variable.clone(), String::new());
            let missing = match render(kind, &without) {
                Err(Error::MissingVariable { template, variable }) => (template, variable),
                other => panic!("{}: {variable} is missing, but: {other:?}", kind.name()),
            };
            let advised = variable == "hard_decline";
            assert_eq!(missing.0, kind.name());
            assert_eq!(missing.1, if advised { "advice_zh" } else { variable.as_str() });
            if !advised {
                assert_eq!(render(kind, &blank), Err(Error::MissingVariable { template: kind.name(), variable }));
            }
        }
    }
}

#[test]
fn a_customer_who_was_not_charged_owes_nothing() {
    let body = render(NoticeKind::NotCharged, &values()).unwrap().body;
    assert!(body.contains("您沒有欠款") && body.contains("You owe nothing and need not pay anything"), "{body}");
    assert!(!body.contains("NT$899"), "{body}");
}

#[test]
fn a_card_that_can_no_longer_be_charged_is_explained_in_both_languages() {
    let mut values = values();
    let body = |values: &BTreeMap<String, String>| render(NoticeKind::FirstPaymentFailure, values).unwrap().body;
    let again = body(&values);
    assert!(again.contains("再次嘗試扣款") && again.contains("We will try to charge the card again"), "{again}");
    // Where no retry can follow, none is announced.
    values.insert("retries".to_owned(), "false".to_owned());
    let over = body(&values);
    assert!(over.contains("請重新訂閱") && over.contains("please subscribe again"), "{over}");
    assert!(!over.contains("We will try to charge the card again") && !over.contains("再次嘗試扣款"), "{over}");
    values.insert("hard_decline".to_owned(), "true".to_owned());
    let anew = body(&values);
    assert!(
        anew.contains("請以新的信用卡重新訂閱") && anew.contains("Please subscribe again with another card"),
        "{anew}"
    );
    assert!(!anew.contains("We will try to charge the card again"), "{anew}");
}
