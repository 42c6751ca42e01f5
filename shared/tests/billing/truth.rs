//! Truth of mails at sending: every mail to a customer against every state in which its order may be by then.

use std::collections::BTreeMap;

use shared::domain::billing::decide::erasure::erase;
use shared::domain::billing::decide::order::charge_missing;
use shared::domain::billing::notices::truth::{is_still_true, refreshed};
use shared::domain::billing::notices::{Notice, NoticeKind};
use shared::domain::billing::operations::Operation;
use shared::domain::billing::subscription::OrderEnd;

use crate::operations::fixtures::{
    Life, cause, failing, fallen, given_up, over, pending, policy, replaced, running, t,
};

/// Orders in every state, by name. Each mail was decided about one of them.
fn states() -> Vec<(&'static str, Life)> {
    let mut paid = failing(1);
    paid.success(2, "2025/02/17 12:00:00");
    let mut restored = fallen();
    restored.success(2, "2025/02/26 12:00:00");
    let mut uncharged = running();
    let decision = charge_missing(&uncharged.order, t("2025/02/22 00:00:00")).unwrap();
    uncharged.take(&decision);
    let mut leaving = running();
    leaving.staff(&Operation::Cancel, "2025/01/20 12:00:00");
    let mut left = leaving.clone();
    left.ended(OrderEnd::Cancelled, "2025/01/25 12:00:00");
    let mut erased = over(OrderEnd::Cancelled);
    let decision = erase(&erased.order, &cause(None), t("2025/02/20 12:00:00")).unwrap();
    erased.take(&decision);
    vec![
        ("pending", pending()),
        ("given up", given_up()),
        ("running", running()),
        ("failed once", failing(1)),
        ("failed twice", failing(2)),
        ("failed thrice", failing(3)),
        ("paid", paid),
        ("fallen", fallen()),
        ("restored", restored),
        ("uncharged", uncharged),
        ("leaving", leaving),
        ("left", left),
        ("cancelled", over(OrderEnd::Cancelled)),
        ("completed", over(OrderEnd::Finished)),
        ("replaced", replaced(failing(1))),
        ("erased", erased),
    ]
}

fn state(name: &str) -> Life {
    states().into_iter().find(|(known, _)| *known == name).unwrap().1
}

/// A mail about an order as its decision wrote it.
fn mail(kind: NoticeKind) -> Notice {
    let about = |name: &str, values: &[(&str, &str)]| {
        let notice = Notice::about(state(name).value(), kind, "2025-02-15", t("2025/02/15 03:05:06"));
        values.iter().fold(notice, |notice, (name, value)| notice.with(name, value))
    };
    let failed = |name, until| {
        about(
            name,
            &[("charge_due", "2025-02-15"), ("grace_ends_at", until), ("hard_decline", "false"), ("retries", "true")],
        )
    };
    match kind {
        NoticeKind::FirstPaymentFailure => failed("failed once", "2025-02-22 03:05"),
        NoticeKind::SecondPaymentFailure => failed("failed twice", "2025-02-25 03:05"),
        NoticeKind::FinalPaymentFailure => failed("failed thrice", "2025-02-25 03:05"),
        NoticeKind::Downgraded => about("fallen", &[("downgraded_at", "2025-02-25 12:00")]),
        NoticeKind::NotCharged => about("uncharged", &[("downgraded_at", "2025-02-22 00:00")]),
        NoticeKind::PlanEnded => about("cancelled", &[]),
        NoticeKind::Recovered => about("paid", &[("paid_until", "2025-03-15")]),
        NoticeKind::Receipt => about("running", &[("charged_on", "2025-01-15"), ("paid_until", "2025-02-15")]),
        NoticeKind::CancelConfirmed => about("left", &[("access_until", "2025-02-15")]),
        other => panic!("{other:?} has tests of its own"),
    }
}

#[test]
fn a_mail_is_sent_only_while_what_it_says_holds() {
    let owed = ["failed once", "failed twice", "failed thrice"].as_slice();
    let with_plan =
        ["running", "failed once", "failed twice", "failed thrice", "paid", "restored", "leaving", "left"].as_slice();
    let table = [
        (NoticeKind::FirstPaymentFailure, owed),
        (NoticeKind::SecondPaymentFailure, owed),
        (NoticeKind::FinalPaymentFailure, owed),
        (NoticeKind::Downgraded, ["fallen"].as_slice()),
        (NoticeKind::NotCharged, ["uncharged"].as_slice()),
        (NoticeKind::PlanEnded, ["cancelled", "completed"].as_slice()),
        (NoticeKind::Recovered, with_plan),
        // Ends of the paid period are past on that day: nothing more is promised.
        (NoticeKind::CancelConfirmed, ["left", "cancelled", "completed"].as_slice()),
    ];
    let now = t("2025/02/28 12:00:00");
    for (kind, expected) in table {
        let fields = mail(kind).fields;
        let holds =
            |(name, life): (&'static str, Life)| is_still_true(kind, &fields, life.value(), now).then_some(name);
        assert_eq!(states().into_iter().filter_map(holds).collect::<Vec<_>>(), expected, "{kind:?}");
    }
}

#[test]
fn a_receipt_stays_true_until_the_money_went_back_another_order_took_over_or_the_customer_is_erased() {
    let now = t("2025/02/28 12:00:00");
    let fields = mail(NoticeKind::Receipt).fields;
    for (name, life) in states() {
        let is_true = is_still_true(NoticeKind::Receipt, &fields, life.value(), now);
        assert_eq!(is_true, !["erased", "replaced"].contains(&name), "{name}");
    }
}

#[test]
fn a_confirmation_that_promises_the_plan_is_not_sent_once_the_plan_is_gone() {
    let fields = mail(NoticeKind::CancelConfirmed).fields;
    let at = |name: &str, now: &str| is_still_true(NoticeKind::CancelConfirmed, &fields, state(name).value(), t(now));
    assert!(at("left", "2025/02/10 12:00:00"));
    // Its plan ended before the day that the mail names, for example by a refund.
    assert!(!at("cancelled", "2025/02/14 23:59:59"));
    assert!(at("cancelled", "2025/02/15 00:00:00"));
}

#[test]
fn a_mail_about_an_earlier_downgrade_says_nothing_about_a_later_one() {
    let life = fallen();
    for (at, holds) in [("2025-02-25 12:00", true), ("2025-01-25 12:00", false)] {
        let fields = BTreeMap::from([("downgraded_at".to_owned(), at.to_owned())]);
        let now = t("2025/02/28 12:00:00");
        assert_eq!(is_still_true(NoticeKind::Downgraded, &fields, life.value(), now), holds, "{at}");
    }
}

#[test]
fn staff_get_every_mail_whatever_happened_since() {
    let now = t("2025/02/28 12:00:00");
    for kind in [NoticeKind::RefundDue, NoticeKind::Uncharged, NoticeKind::NeedsAttention, NoticeKind::Undeliverable] {
        for (name, life) in states() {
            assert!(is_still_true(kind, &BTreeMap::new(), life.value(), now), "{kind:?} {name}");
        }
    }
}

#[test]
fn a_warning_that_waited_names_the_end_that_is_in_force_and_no_retry_that_cannot_follow() {
    let kind = NoticeKind::FirstPaymentFailure;
    let said = |life: &Life| {
        let fields = refreshed(kind, &mail(kind).fields, life.value(), &policy());
        ["grace_ends_at", "hard_decline", "retries"].map(|name| fields[name].clone()).join(", ")
    };
    assert_eq!(said(&failing(1)), "2025-02-22 03:05, false, true");
    assert_eq!(said(&failing(2)), "2025-02-25 03:05, false, true");
    let mut over = failing(2);
    over.ended(OrderEnd::Cancelled, "2025/02/16 12:00:00");
    assert_eq!(said(&over), "2025-02-25 03:05, false, false");
}
