//! Effect of a decision on the user's own plan, also for a user with another live order.

use shared::domain::billing::decide::order::{create_order, end_grace};
use shared::domain::billing::decide::payment::decide_payment;
use shared::domain::billing::decide::query::decide_query;
use shared::domain::billing::decision::{Actor, Decision, DecisionContext, PaymentDecision, Snapshot, Versioned};
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::live_orders::{LiveEntry, LiveOrder};
use shared::domain::billing::notices::Recipient;
use shared::domain::billing::payments::order_query::{EcpayState, OrderQuery, QueryAnswer};
use shared::domain::billing::payments::payment::{DeclineClass, PaymentOutcome, PaymentReport, ReportSource};
use shared::domain::billing::plan::PlanId;
use shared::domain::billing::subscription::{NewOrder, Subscription};
use shared::domain::values::ids::{EventId, GatewayAuthorization, SubscriptionId};
use shared::domain::values::money::Twd;
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
        trade_no: None,
        card_last4: Some("4321".to_owned()),
        exec_times: None,
        simulated: false,
    }
}

/// Decision about a report that arrives when the charge is made.
fn applied(order: &Versioned<Subscription>, report: &PaymentReport) -> Decision {
    let snapshot = Snapshot { subscription: order.clone(), replaced: None, paid_order: None };
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

/// Answer of a query that shows the order as terminated.
fn stopped(order: &Versioned<Subscription>, at: &str) -> Option<Decision> {
    let answer = QueryAnswer {
        at: t(at),
        state: EcpayState::Stopped,
        exec_times: None,
        unrecorded: Vec::new(),
        higher_count: None,
    };
    decide_query(order, &answer, DecisionContext::new(&DunningPolicy::default(), t(at)))
}

/// The order terminated at ECPay, at the end of its paid period.
fn period_ended(order: &Versioned<Subscription>) -> Decision {
    let order = stopped(order, "2025/01/20 10:00:00").unwrap().after();
    end_grace(&order, DecisionContext::new(&DunningPolicy::default(), t("2025/02/15 00:00:00"))).unwrap()
}

/// The order's charge failed with a lost card, and grace is over: no retry is requested.
fn fallen(order: &Versioned<Subscription>) -> Decision {
    let at = t("2025/02/15 03:00:00");
    let mut lost = report(&order.value, EventId::failure(at), PaymentOutcome::Failed, at);
    lost.decline = Some(DeclineClass::HardDecline);
    let mut order = applied(order, &lost).after();
    order.value.last_query = Some(OrderQuery { at: t("2025/02/21 15:00:00"), state: EcpayState::Running, gap: None });
    end_grace(&order, DecisionContext::new(&DunningPolicy::default(), t("2025/02/22 03:00:00"))).unwrap()
}

fn plan_id(name: &str) -> PlanId {
    serde_json::from_value(name.into()).unwrap()
}

/// Entry of an order in its user's list, with the price per month in the fixtures' table.
fn entry(name: &str, plan: &str, monthly: Option<u32>) -> LiveOrder {
    LiveOrder { id: id(name), plan: plan_id(plan), monthly_price: monthly.map(Twd::new) }
}

fn notices(decision: &Decision) -> Vec<&'static str> {
    decision.notices.iter().map(|notice| notice.kind.name()).collect()
}

#[test]
fn a_new_order_is_stored_first_as_version_1_and_the_user_has_nothing_new() {
    let decision = ordered("ORDER2", Some("ORDER1"));
    assert_eq!((decision.change.expected, decision.after().version), (None, 1));
    let user = decision.user.unwrap();
    assert_eq!((user.subscription.as_str(), &user.entry), ("ORDER2", &LiveEntry::Unchanged));
    assert_eq!(
        (user.replaces.clone(), user.expected.clone(), user.live_orders()),
        (Some(id("ORDER1")), vec![], vec![])
    );
}

#[test]
fn a_first_success_makes_the_order_live_in_the_place_of_the_one_that_it_replaces() {
    let decision = first_success(&ordered("ORDER2", Some("ORDER1")).after());
    assert_eq!((decision.change.expected, decision.change.version()), (Some(1), 2));
    let user = decision.user.clone().unwrap();
    assert_eq!((user.user.as_str(), user.subscription.as_str()), ("user-1", "ORDER2"));
    let second = entry("ORDER2", "PRO", Some(899));
    assert_eq!((user.entry.clone(), user.live_orders()), (LiveEntry::Live(second.clone()), vec![second.clone()]));
    assert_eq!(decision.change.next.charge_history.card_last4.as_deref(), Some("4321"));
    let replaced = decision.with_live_orders(vec![entry("ORDER1", "PRO", Some(899))], t("2025/01/15 10:05:00"));
    assert_eq!(replaced.user.clone().unwrap().live_orders(), [second]);
    assert_eq!(notices(&replaced), [""; 0], "the replaced order is no second live order");
}

#[test]
fn what_changes_neither_plan_nor_life_leaves_the_user_alone() {
    let order = running("ORDER1", None);
    assert_eq!(success(&order, 2, "2025/02/15 03:00:00").user, None);
    assert_eq!(stopped(&order, "2025/01/20 10:00:00").unwrap().user, None);
}

#[test]
fn a_plan_granted_beside_another_live_order_is_given_and_staff_are_notified() {
    let now = t("2025/01/15 10:05:00");
    let (first, second) = (entry("ORDER1", "PRO", Some(899)), entry("ORDER2", "PRO", Some(899)));
    let decision = first_success(&ordered("ORDER2", None).after());
    let beside = decision.clone().with_live_orders(vec![first.clone()], now);
    assert_eq!(beside.user.unwrap().live_orders(), [first, second]);
    let notice = beside.notices.last().unwrap();
    assert_eq!((beside.notices.len(), &notice.to), (decision.notices.len() + 1, &Recipient::Staff));
    assert_eq!((notice.id.as_str(), &*notice.fields["other"]), ("ORDER2/second-live-order/ORDER1", "ORDER1"));
}

#[test]
fn an_order_that_ends_beside_another_leaves_the_others_plan_and_no_mail_says_free() {
    let now = t("2025/02/15 00:00:00");
    let own = entry("ORDER2", "PRO", Some(899));
    let end = period_ended(&running("ORDER2", None));
    assert_eq!((notices(&end), end.user.clone().unwrap().live_orders()), (vec!["plan-ended"], vec![]));
    for (other, mails) in [("PRO", &[][..]), ("GOLD", &[]), ("FREE", &["plan-ended"])] {
        let other = entry("ORDER1", other, None);
        // Whichever of the two became live first.
        for live in [vec![other.clone(), own.clone()], vec![own.clone(), other.clone()]] {
            let beside = end.clone().with_live_orders(live, now);
            assert_eq!((notices(&beside), beside.user.unwrap().live_orders()), (mails.to_vec(), vec![other.clone()]));
        }
    }
    // An order that was never paid grants no plan either.
    let made = ordered("ORDER3", None).with_live_orders(vec![own.clone()], now);
    assert_eq!((notices(&made), made.user.unwrap().live_orders()), (vec![], vec![own]));
}

#[test]
fn a_downgraded_order_stays_live_on_free_and_grants_its_plan_again_when_it_is_paid() {
    let now = t("2025/02/22 03:00:00");
    let (other, free) = (entry("ORDER1", "STUDENT", Some(299)), entry("ORDER2", "FREE", None));
    let fall = fallen(&running("ORDER2", None));
    assert_eq!((notices(&fall), fall.user.clone().unwrap().live_orders()), (vec!["downgraded"], vec![free.clone()]));
    let beside = fall.clone().with_live_orders(vec![entry("ORDER2", "PRO", Some(899)), other.clone()], now);
    assert_eq!((notices(&beside), beside.user.unwrap().live_orders()), (vec![], vec![free.clone(), other.clone()]));
    let back = success(&fall.after(), 2, "2025/02/26 03:00:00");
    let live = back.with_live_orders(vec![free, other.clone()], now).user.unwrap().live_orders();
    assert_eq!(live, [entry("ORDER2", "PRO", Some(899)), other]);
}

#[test]
fn the_best_of_the_live_orders_is_the_one_of_the_highest_monthly_price_and_of_equals_the_first() {
    let (free, gold) = (entry("F", "FREE", None), entry("G", "GOLD", None));
    let (student, pro, annual) =
        (entry("S", "STUDENT", Some(299)), entry("P", "PRO", Some(899)), entry("A", "PRO", Some(899)));
    for (live, best) in [
        (vec![], None),
        (vec![&free], Some(&free)),
        // A plan that is not in the price table stands just above FREE.
        (vec![&free, &gold], Some(&gold)),
        (vec![&gold, &free], Some(&gold)),
        (vec![&gold, &student], Some(&student)),
        (vec![&student, &gold], Some(&student)),
        (vec![&student, &pro, &gold], Some(&pro)),
        (vec![&pro, &annual], Some(&pro)),
        (vec![&annual, &pro], Some(&annual)),
    ] {
        let live: Vec<_> = live.into_iter().cloned().collect();
        assert_eq!(LiveOrder::best(&live), best, "{live:?}");
    }
}

/// A success made before the cancellation was confirmed pays its period, so its user has the plan until then.
#[test]
fn the_plan_of_a_cancelled_order_whose_period_was_paid_is_its_users_plan() {
    let fall = fallen(&running("ORDER1", None)).after();
    let over = stopped(&fall, "2025/02/26 12:00:00").unwrap();
    assert_eq!((over.change.next.status.name(), over.user.clone().unwrap().live_orders()), ("cancelled", vec![]));
    let paid = success(&over.after(), 2, "2025/02/26 11:00:00");
    assert_eq!(paid.change.next.plan.as_str(), "PRO");
    assert_eq!(paid.user.unwrap().live_orders(), [entry("ORDER1", "PRO", Some(899))]);
}
