//! Names in the API, mails and metrics, and the phrases that staff search for.

use shared::domain::billing::dunning::downgrade::DowngradeReason;
use shared::domain::billing::notices::{Notice, NoticeKind, Recipient};
use shared::domain::billing::payments::payment::DeclineClass;
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::Status;
use shared::domain::billing::task::Task;
use shared::domain::values::money::Twd;
use shared::domain::values::time::LocalDate;
use shared::ecpay::decline::classify;

use crate::support::instant as t;
use crate::user_plan::running;

const NOW: &str = "2025-01-15T02:00:00Z";

#[test]
fn a_state_a_reason_and_a_task_have_the_names_of_the_api() {
    let grace_ends_at = t(NOW);
    for (status, name, grace) in [
        (Status::Pending, "pending", None),
        (Status::Active, "active", None),
        (Status::PastDue { grace_ends_at }, "past_due", Some(grace_ends_at)),
        (Status::Cancelled, "cancelled", None),
        (Status::Completed, "completed", None),
        (Status::Failed, "failed", None),
    ] {
        assert_eq!((status.name(), status.grace_ends_at()), (name, grace));
    }
    let reasons = [DowngradeReason::PaymentFailure, DowngradeReason::NotCharged, DowngradeReason::Refunded];
    assert_eq!(reasons.map(DowngradeReason::name), ["payment_failure", "not_charged", "refunded"]);
}

/// "Tasks that need no ECPay come first", and mail comes last.
#[test]
fn the_tasks_are_in_the_order_in_which_a_run_does_them() {
    let names: Vec<_> = Task::ALL.iter().map(|task| task.as_str()).collect();
    let first = ["resume", "end-grace"];
    let at_ecpay = ["reconcile", "check-pending", "retry", "cancel"];
    let last = ["clean-up", "send-mail"];
    assert_eq!(names, [&first[..], &at_ecpay[..], &last[..]].concat());
    assert!(Task::ALL.is_sorted());
}

#[test]
fn a_quarantined_report_is_counted_by_its_reason() {
    for (reason, name) in [
        (QuarantineReason::Unusable("no amount".to_owned()), "unusable"),
        (QuarantineReason::Ambiguous("RtnCode came with two values".to_owned()), "ambiguous"),
        (QuarantineReason::ImplausibleDate, "implausible_date"),
        (QuarantineReason::ImplausibleNumber { most: 99 }, "implausible_number"),
        (QuarantineReason::UnknownOrder, "unknown_order"),
        (QuarantineReason::WrongMerchant, "wrong_merchant"),
        (QuarantineReason::WrongAmount { expected: Twd::new(899) }, "wrong_amount"),
        (QuarantineReason::Simulated, "simulated"),
        (QuarantineReason::Conflict, "conflict"),
    ] {
        assert_eq!(reason.as_str(), name);
    }
}

#[test]
fn three_codes_ask_for_a_new_card_and_any_other_may_succeed_later() {
    for (code, class, name) in [
        ("10100251", DeclineClass::HardDecline, "hard_decline"),
        ("10100255", DeclineClass::HardDecline, "hard_decline"),
        ("10100256", DeclineClass::HardDecline, "hard_decline"),
        ("10100252", DeclineClass::SoftDecline, "soft_decline"),
        ("1010025", DeclineClass::SoftDecline, "soft_decline"),
        ("", DeclineClass::SoftDecline, "soft_decline"),
    ] {
        assert_eq!((classify(code), classify(code).name()), (class, name), "{code}");
    }
}

#[test]
fn staff_find_in_a_rules_sentence_the_words_of_the_older_system() {
    for (words, rules) in [
        (
            "payment processed",
            vec![Rule::FirstChargePaid, Rule::Renewed, Rule::ArrearsPaid, Rule::PlanRestored, Rule::SuccessProven],
        ),
        ("payment failed", vec![Rule::FirstChargeFailed, Rule::GraceBegan, Rule::GraceExtendedOnce, Rule::LastWarning]),
        ("grace period", vec![Rule::GraceBegan, Rule::GraceExtendedOnce, Rule::GraceEnded, Rule::GraceExtendedByStaff]),
        ("downgraded to FREE", vec![Rule::GraceEnded, Rule::NotCharged, Rule::RefundedAndEnded]),
    ] {
        for rule in rules {
            assert!(rule.sentence().contains(words), "{rule:?}: {}", rule.sentence());
        }
    }
}

#[test]
fn each_notice_has_its_name_and_its_reader() {
    let order = running("ORDER1", None).value;
    let customer = Recipient::Customer(order.email.clone());
    for (kind, name, for_staff) in [
        (NoticeKind::FirstPaymentFailure, "first-payment-failure", false),
        (NoticeKind::SecondPaymentFailure, "second-payment-failure", false),
        (NoticeKind::FinalPaymentFailure, "final-payment-failure", false),
        (NoticeKind::Downgraded, "downgraded", false),
        (NoticeKind::NotCharged, "not-charged", false),
        (NoticeKind::AmountDiffers, "amount-differs", true),
        (NoticeKind::UnrecordedCharge, "unrecorded-charge", true),
        (NoticeKind::PlanEnded, "plan-ended", false),
        (NoticeKind::Recovered, "recovered", false),
        (NoticeKind::Receipt, "receipt", false),
        (NoticeKind::AnnualCharge, "annual-charge", false),
        (NoticeKind::RefundDue, "refund-due", true),
        (NoticeKind::Uncharged, "uncharged", true),
        (NoticeKind::SecondLiveOrder, "second-live-order", true),
        (NoticeKind::QuarantineDigest, "quarantine-digest", true),
        (NoticeKind::Quarantined, "quarantined", true),
        (NoticeKind::CancelConfirmed, "cancel-confirmed", false),
        (NoticeKind::CancelUnconfirmed, "cancel-unconfirmed", true),
        (NoticeKind::NeedsAttention, "needs-attention", true),
        (NoticeKind::SlackRefused, "slack-refused", true),
        (NoticeKind::RemindersFailed, "reminders-failed", true),
        (NoticeKind::EndpointOff, "endpoint-off", true),
        (NoticeKind::Undeliverable, "undeliverable", true),
    ] {
        let notice = Notice::about(&order, kind, "today", t(NOW));
        assert_eq!(notice.id.as_str(), format!("ORDER1/{name}/today"));
        assert_eq!(notice.to, if for_staff { Recipient::Staff } else { customer.clone() }, "{name}");
        assert_eq!((notice.kind, notice.created_at), (kind, t(NOW)));
        let fields: Vec<_> = notice.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let language = (!for_staff).then_some(("locale", "zh-TW"));
        let mut expected = vec![("amount", "NT$899"), ("plan", "PRO"), ("subscription", "ORDER1")];
        expected.splice(1..1, language);
        assert_eq!(fields, expected);
    }
    let notices = [0, 1, 2, 3, 4, u8::MAX].map(NoticeKind::of_attempt);
    let [first, second, last] =
        [NoticeKind::FirstPaymentFailure, NoticeKind::SecondPaymentFailure, NoticeKind::FinalPaymentFailure];
    assert_eq!(notices, [None, Some(first), Some(second), Some(last), None, None]);
}

#[test]
fn a_notice_to_staff_about_no_order_says_what_it_is_given() {
    let notice = Notice::to_staff(NoticeKind::QuarantineDigest, "2025-01-15", t(NOW))
        .with("count", 7)
        .with_instant("since", t(NOW))
        .with_day("day", LocalDate::new(2025, 1, 15).unwrap());
    assert_eq!((notice.id.as_str(), &notice.to), ("staff/quarantine-digest/2025-01-15", &Recipient::Staff));
    let fields: Vec<_> = notice.fields.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    assert_eq!(fields, [("count", "7"), ("day", "2025-01-15"), ("since", "2025-01-15 10:00")]);
}
