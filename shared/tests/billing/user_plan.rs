//! Effect of a decision on the user's own plan, also for a user with another live order.

use shared::domain::billing::decide::order::{create_order, end_grace, order_ended};
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decision::{
    Actor, Decision, DecisionContext, LiveOrderCondition, PaymentDecision, Snapshot, Versioned,
};
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::notices::Recipient;
use shared::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::billing::subscription::{NewOrder, OrderEnd, Subscription};
use shared::domain::values::ids::{EventId, GatewayAuthorization, SubscriptionId};
use shared::domain::values::time::Timestamp;

use crate::support::{new_order, taipei as t};

fn id(text: &str) -> SubscriptionId {
    SubscriptionId::parse(text).unwrap()
}

fn ordered(name: &str, replaces: Option<&str>) -> Decision {
    let order = NewOrder { replaces: replaces.map(id), ..new_order(name) };
    create_order(order, Actor::Schedule, t("2025/01/15 10:00:00"))
}

pub(crate) fn report(
    order: &Subscription,
    event: EventId,
    outcome: PaymentOutcome,
    processed_at: Timestamp,
) -> PaymentReport {
    PaymentReport {
        subscription: order.id.clone(),
        merchant: order.merchant.clone(),
        source: ReportSource::PeriodCallback,
        first: outcome == PaymentOutcome::Succeeded { number: 1 },
        event,
        outcome,
        rtn_code: "1".to_owned(),
        rtn_msg: "a text".to_owned(),
        decline: (outcome == PaymentOutcome::Failed).then_some(DeclineClass::SoftDecline),
        amount: Some(order.terms.price),
        processed_at,
        gwsr: Some(GatewayAuthorization::parse(&processed_at.unix().to_string()).unwrap()),
        card_last4: Some("4321".to_owned()),
        exec_times: None,
        simulated: false,
    }
}

/// Decision about a report that arrives when the charge is made.
fn applied(order: &Versioned<Subscription>, report: &PaymentReport) -> Decision {
    let snapshot = Snapshot { subscription: order.clone(), replaced: None };
    match decide_payment(&snapshot, report, DecisionContext::new(&DunningPolicy::default(), report.processed_at)) {
        PaymentDecision::Apply(decision) => *decision,
        PaymentDecision::Repeat | PaymentDecision::Quarantine(_) => panic!("not applied: {report:?}"),
    }
}

fn success(order: &Versioned<Subscription>, number: u32, at: &str) -> Decision {
    applied(order, &report(&order.value, EventId::success(number), PaymentOutcome::Succeeded { number }, t(at)))
}

fn first_success(order: &Versioned<Subscription>) -> Decision {
    success(order, 1, "2025/01/15 10:05:00")
}

/// Monthly order of PRO whose first charge is paid.
pub(crate) fn running(name: &str, replaces: Option<&str>) -> Versioned<Subscription> {
    first_success(&ordered(name, replaces).after()).after()
}

#[test]
fn a_new_order_is_stored_first_as_version_1_and_the_user_has_nothing_new() {
    let decision = ordered("ORDER2", Some("ORDER1"));
    assert_eq!((decision.change.expected, decision.after().version), (None, 1));
    let user = decision.user.unwrap();
    assert_eq!((user.subscription.as_str(), user.user_plan), ("ORDER2", None));
    assert_eq!(user.condition, LiveOrderCondition::NoneOrOneOf(vec![id("ORDER1")]));
}

#[test]
fn a_first_success_gives_the_plan_to_a_user_without_another_order_than_the_one_it_replaces() {
    let decision = first_success(&ordered("ORDER2", Some("ORDER1")).after());
    assert_eq!((decision.change.expected, decision.change.version()), (Some(1), 2));
    let user = decision.user.unwrap();
    assert_eq!((user.user.as_str(), user.subscription.as_str()), ("user-1", "ORDER2"));
    let standing = user.user_plan.unwrap();
    assert_eq!((standing.plan.as_str(), standing.live), ("PRO", true));
    assert_eq!(user.condition, LiveOrderCondition::NoneOrOneOf(vec![id("ORDER2"), id("ORDER1")]));
    assert_eq!(decision.change.next.charge_history.card_last4.as_deref(), Some("4321"));
}

#[test]
fn what_changes_neither_plan_nor_life_leaves_the_user_alone() {
    let order = running("ORDER1", None);
    assert_eq!(success(&order, 2, "2025/02/15 03:00:00").user, None);
    assert_eq!(order_ended(&order, OrderEnd::Cancelled, t("2025/01/20 10:00:00")).unwrap().user, None);
}

#[test]
fn a_plan_granted_beside_another_live_order_is_given_and_staff_are_notified() {
    let decision = first_success(&ordered("ORDER2", None).after());
    let notices = decision.notices.len();
    let alongside_live_order = decision.clone().alongside_live_order(&id("ORDER1"), t("2025/01/15 10:05:00"));
    let user = alongside_live_order.user.unwrap();
    assert_eq!((&user.condition, user.user_plan), (&LiveOrderCondition::Any, decision.user.unwrap().user_plan));
    let notice = alongside_live_order.notices.last().unwrap();
    assert_eq!((alongside_live_order.notices.len(), &notice.to), (notices + 1, &Recipient::Staff));
    assert_eq!((notice.id.as_str(), &*notice.fields["other"]), ("ORDER2/second-live-order/ORDER1", "ORDER1"));
}

#[test]
fn what_is_taken_away_beside_another_live_order_leaves_the_users_plan_alone() {
    let mut order = running("ORDER2", None);
    order = order_ended(&order, OrderEnd::Cancelled, t("2025/01/20 10:00:00")).unwrap().after();
    let end = end_grace(&order, DecisionContext::new(&DunningPolicy::default(), t("2025/02/15 00:00:00"))).unwrap();
    let standing = end.user.clone().unwrap().user_plan.unwrap();
    assert_eq!((standing.plan.as_str(), standing.live), ("FREE", false));
    let alongside_live_order = end.clone().alongside_live_order(&id("ORDER1"), t("2025/02/15 00:00:00"));
    assert_eq!((alongside_live_order.user, alongside_live_order.notices), (None, end.notices));
    // An order that was never paid grants no plan either.
    let made = ordered("ORDER3", None).alongside_live_order(&id("ORDER1"), t("2025/02/15 00:00:00"));
    assert_eq!((made.user, made.notices.len()), (None, 0));
}

#[test]
fn on_free_a_live_order_grants_nothing_beside_another() {
    let mut order = running("ORDER2", None);
    // A lost card: no retry is requested, so the end of grace a week later comes first.
    let at = t("2025/02/15 03:00:00");
    let mut lost = report(&order.value, EventId::failure(at), PaymentOutcome::Failed, at);
    lost.decline = Some(DeclineClass::HardDecline);
    order = applied(&order, &lost).after();
    let fall = end_grace(&order, DecisionContext::new(&DunningPolicy::default(), t("2025/02/22 03:00:00"))).unwrap();
    let standing = fall.user.clone().unwrap().user_plan.unwrap();
    assert_eq!((standing.plan.as_str(), standing.live), ("FREE", true));
    assert_eq!(fall.clone().alongside_live_order(&id("ORDER1"), t("2025/02/22 03:00:00")).user, None);
    // Paid again, the order grants its plan again.
    let back = success(&fall.after(), 2, "2025/02/26 03:00:00");
    assert!(back.alongside_live_order(&id("ORDER1"), t("2025/02/26 03:00:00")).user.is_some());
}
