//! The customer's address and remarks of staff: nothing about the order at ECPay changes with them.

use shared::domain::billing::decide::erasure::{erase, without_person};
use shared::domain::billing::decide::operation::{OperationDecision, OperationRefusal};
use shared::domain::billing::decision::HistoryEvent;
use shared::domain::billing::notices::feedback::AddressFacts;
use shared::domain::billing::notices::{NoticeState, Recipient, ResendRefusal, resend_refusal};
use shared::domain::billing::operations::Operation;
use shared::domain::billing::rule::Rule;
use shared::domain::billing::subscription::Subscription;
use shared::domain::billing::task::Task;
use shared::domain::values::ids::EmailAddress;

use crate::operations::fixtures::{cause, failing, given_up, over, running, t};

fn moved() -> Operation {
    Operation::ChangeEmail { email: address("mei.new@customer.example") }
}

fn address(text: &str) -> EmailAddress {
    EmailAddress::parse(text).unwrap()
}

#[test]
fn a_change_of_address_changes_the_address_alone() {
    for mut life in
        [running(), failing(2), given_up(), over(shared::domain::billing::subscription::OrderEnd::Cancelled)]
    {
        let before = life.value().clone();
        let decision = life.staff(&moved(), "2025/02/18 12:00:00");
        assert_eq!(life.value(), &Subscription { email: address("mei.new@customer.example"), ..before });
        let entry = &decision.change.history;
        assert_eq!((entry.rule, entry.why.as_deref()), (Rule::EmailChanged, Some("asked for")));
        assert_eq!(decision.new_recipient(), Some(&address("mei.new@customer.example")));
        assert_eq!((decision.notices.len(), &decision.user), (0, &None));
        // The address that it has already.
        assert_eq!(life.verdict(&moved(), None, "2025/02/18 12:00:01"), OperationDecision::Unchanged);
    }
}

#[test]
fn a_note_changes_nothing_but_the_history() {
    let mut life = failing(1);
    let before = life.value().clone();
    let decision = life.staff(&Operation::Note, "2025/02/18 12:00:00");
    assert_eq!(life.value(), &before);
    assert_eq!((decision.change.history.rule, decision.new_recipient()), (Rule::NoteAdded, None));
    assert_eq!(decision.change.history.event, HistoryEvent::Noted);
}

#[test]
fn neither_ends_the_wait_of_a_task_that_fails() {
    let mut life = failing(1);
    let failed = shared::domain::billing::decide::task_failure::record_task_failure(
        &life.order,
        Task::Retry,
        "an invented reason",
        t("2025/02/16 12:00:00"),
    );
    life.take(&failed);
    let next = life.next();
    life.staff(&moved(), "2025/02/16 12:00:01");
    life.staff(&Operation::Note, "2025/02/16 12:00:02");
    assert_eq!(life.next(), next);
    assert!(life.value().task_failure.is_some());
}

#[test]
fn an_erased_customer_gets_neither_and_the_history_forgets_both() {
    let mut life = given_up();
    let changed = life.staff(&moved(), "2025/01/17 12:00:00");
    let noted = life.staff(&Operation::Note, "2025/01/17 12:00:01");
    let gone = erase(&life.order, &cause(None), t("2025/01/18 12:00:00")).unwrap();
    life.take(&gone);
    for operation in [moved(), Operation::Note] {
        assert_eq!(life.refused(&operation, "2025/01/19 12:00:00"), OperationRefusal::Erased);
    }
    let kept = without_person(&changed.change.history).unwrap();
    assert_eq!(kept.event, HistoryEvent::EmailChanged { email: EmailAddress::erased() });
    assert_eq!(kept.why.as_deref(), Some("erased"));
    assert_eq!(without_person(&noted.change.history).unwrap().why.as_deref(), Some("erased"));
}

#[test]
fn a_mail_is_resent_where_it_failed_or_may_not_have_arrived() {
    let customer = Recipient::Customer(address("mei@customer.example"));
    let gone = Recipient::Customer(EmailAddress::erased());
    for (state, attempts, to, refusal) in [
        (NoticeState::Dead, 1, &customer, None),
        (NoticeState::Dead, 0, &customer, None),
        (NoticeState::Unclear, 1, &customer, None),
        (NoticeState::Queued, 1, &customer, None),
        (NoticeState::Queued, 0, &customer, Some(ResendRefusal::Waiting)),
        (NoticeState::Claimed, 1, &customer, Some(ResendRefusal::BeingSent)),
        (NoticeState::Sent, 1, &customer, Some(ResendRefusal::Sent)),
        (NoticeState::Dead, 1, &gone, Some(ResendRefusal::Erased)),
        (NoticeState::Dead, 1, &Recipient::Staff, None),
        (NoticeState::Undeliverable, 0, &customer, None),
    ] {
        assert_eq!(resend_refusal(state, attempts, to, AddressFacts::default()), refusal, "{state:?} {attempts}");
    }
}

#[test]
fn a_mail_that_bounced_is_resent_only_to_an_address_that_takes_mail() {
    let customer = Recipient::Customer(address("mei@customer.example"));
    let bounced = AddressFacts { did_bounce: true, is_blocked: false };
    let blocked = AddressFacts { did_bounce: true, is_blocked: true };
    let other = AddressFacts { did_bounce: false, is_blocked: true };
    for (state, to, facts, refusal) in [
        (NoticeState::Sent, &customer, bounced, None),
        (NoticeState::Sent, &customer, blocked, Some(ResendRefusal::Undeliverable)),
        (NoticeState::Sent, &customer, other, Some(ResendRefusal::Sent)),
        (NoticeState::Undeliverable, &customer, other, Some(ResendRefusal::Undeliverable)),
        (NoticeState::Queued, &customer, other, Some(ResendRefusal::Undeliverable)),
        (NoticeState::Claimed, &customer, other, Some(ResendRefusal::BeingSent)),
        // The address of the customer says nothing about a mail to staff.
        (NoticeState::Dead, &Recipient::Staff, other, None),
        (NoticeState::Sent, &Recipient::Staff, bounced, Some(ResendRefusal::Sent)),
    ] {
        assert_eq!(resend_refusal(state, 1, to, facts), refusal, "{state:?} {facts:?}");
    }
}
