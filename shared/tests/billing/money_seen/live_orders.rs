//! Two live orders of one user: the user's plan is the better of theirs at every instant.

use proptest::prelude::{Just, ProptestConfig, Strategy, any, prop_oneof};
use proptest::{prop_assert_eq, proptest};
use shared::domain::billing::decide::operation::{OperationDecision, decide_operation};
use shared::domain::billing::live_orders::LiveOrder;
use shared::domain::billing::operations::Operation;
use shared::domain::billing::payments::order_query::EcpayState;
use shared::domain::billing::plan::BillingCycle;
use shared::domain::billing::subscription::{Status, Subscription, Terms};
use shared::domain::values::time::Timestamp;

use crate::money_seen::driver::Driver;
use crate::operations::fixtures::{cause, t};
use crate::support::{new_order, prices};

/// Event of one of the two orders.
#[derive(Clone, Copy, Debug)]
enum Event {
    Charge,
    Decline,
    Cancel,
    StopAtEcpay,
    FinishAtEcpay,
    PauseAtEcpay,
    Resume,
    Nothing,
}

fn event() -> impl Strategy<Value = Event> {
    prop_oneof![
        4 => Just(Event::Charge),
        3 => Just(Event::Decline),
        1 => Just(Event::Cancel),
        1 => Just(Event::StopAtEcpay),
        1 => Just(Event::FinishAtEcpay),
        1 => Just(Event::PauseAtEcpay),
        1 => Just(Event::Resume),
        3 => Just(Event::Nothing),
    ]
}

fn order(id: &str, plan: &str) -> Driver {
    let mut order = new_order(id);
    let (plan, price) = prices().find(plan, BillingCycle::Monthly).unwrap();
    order.terms = Terms { plan, price, monthly_price: Some(price), ..order.terms };
    Driver::ordered(order, t("2025/01/05 10:00:00"))
}

/// Price per month of the plan that the order itself grants; 0 on FREE. Independent of the user's item.
fn rank(order: &Subscription) -> u32 {
    let price = match order.plan.as_str() {
        "FREE" => 0,
        "STUDENT" => 299,
        "PRO" => 899,
        "ENTERPRISE" => 2999,
        plan => panic!("{plan} is not sold here"),
    };
    let is_live = matches!(order.status, Status::Active | Status::PastDue { .. });
    if is_live { price } else { 0 }
}

fn users_rank(live: &[LiveOrder]) -> u32 {
    match LiveOrder::best(live).map_or("FREE", |order| order.plan.as_str()) {
        "FREE" => 0,
        "STUDENT" => 299,
        "PRO" => 899,
        "ENTERPRISE" => 2999,
        plan => panic!("{plan} is not sold here"),
    }
}

/// Both orders of the user, and which mails said FREE.
struct User {
    orders: [Driver; 2],
}

impl User {
    /// Lets one order act, on the user's item as the other left it, and checks what a mail said.
    fn act(&mut self, place: usize, act: impl FnOnce(&mut Driver)) -> Result<(), String> {
        let known = self.orders[1 - place].live.clone();
        let order = &mut self.orders[place];
        order.live = known;
        let (mails, before) = (order.free_mails, users_rank(&order.live));
        act(order);
        let live = order.live.clone();
        let says_free = order.free_mails > mails;
        self.orders[1 - place].live.clone_from(&live);
        let (after, expected) = (users_rank(&live), rank(self.orders[0].value()).max(rank(self.orders[1].value())));
        if after != expected {
            return Err(format!("the user has {after}, the better order {expected}"));
        }
        if says_free && after != 0 {
            return Err(format!("a mail said FREE while the user has {after}"));
        }
        if before != 0 && after == 0 && !says_free {
            return Err(format!("the plan of {before} ended without a mail"));
        }
        Ok(())
    }

    /// Runs what is due for both until that time, in steps of six hours.
    fn run_to(&mut self, until: Timestamp) -> Result<(), String> {
        let mut now = self.orders[0].now;
        while now < until {
            now = now.plus_hours(6).min(until);
            for place in [0, 1] {
                self.act(place, |order| order.run_to(now))?;
            }
        }
        Ok(())
    }

    fn take(&mut self, place: usize, event: Event, now: Timestamp) -> Result<(), String> {
        let at = shared::ecpay::date::format(now);
        self.act(place, |order| match event {
            Event::Charge => {
                let report = order.success_report(&at);
                order.unreported(report.clone());
                order.apply(&report);
            }
            Event::Decline => {
                let first = matches!(order.value().status, Status::Pending | Status::Failed);
                if !first {
                    let report = order.failure_report(&at);
                    order.unreported(report.clone());
                    order.apply(&report);
                }
            }
            Event::Cancel => {
                let verdict = decide_operation(&order.order, &Operation::Cancel, &cause(None), order.context());
                if let OperationDecision::Apply(decision) = verdict {
                    order.take(&decision);
                }
            }
            Event::StopAtEcpay => order.state = EcpayState::Stopped,
            Event::FinishAtEcpay => order.state = EcpayState::Finished,
            Event::PauseAtEcpay => order.state = EcpayState::Other,
            Event::Resume => order.state = EcpayState::Running,
            Event::Nothing => {}
        })
    }
}

const PLANS: [&str; 3] = ["STUDENT", "PRO", "ENTERPRISE"];

proptest! {
    #![proptest_config(ProptestConfig { cases: 300, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_plan_is_the_best_live_orders_at_every_instant_and_no_mail_says_free_before(
        plans in (0..3_usize, 0..3_usize),
        steps in proptest::collection::vec((0..2_usize, event(), 1..12_i64, any::<bool>()), 1..30),
    ) {
        let mut user = User { orders: [order("ORDER1", PLANS[plans.0]), order("ORDER2", PLANS[plans.1])] };
        let mut now = user.orders[0].now;
        for (place, event, days, at_once) in steps {
            now = if at_once { now.plus_minutes(1) } else { now.plus_days(days) };
            let ran = user.run_to(now).and_then(|()| user.take(place, event, now));
            prop_assert_eq!(ran, Ok(()), "{:?} of order {} at {}", event, place + 1, now);
        }
        // Long after the last event every order has come to rest, and so has the plan.
        prop_assert_eq!(user.run_to(now.plus_days(60)), Ok(()));
    }
}

#[test]
fn the_end_of_the_order_that_was_paid_later_leaves_the_earlier_ones_plan() {
    let mut user = User { orders: [order("ORDER1", "PRO"), order("ORDER2", "ENTERPRISE")] };
    let now = t("2025/01/05 10:10:00");
    user.take(0, Event::Charge, now).unwrap();
    user.take(1, Event::Charge, now).unwrap();
    assert_eq!(users_rank(&user.orders[0].live), 2999);
    user.take(1, Event::Cancel, now).unwrap();
    user.run_to(t("2025/02/05 09:00:00")).unwrap();
    user.take(0, Event::Charge, t("2025/02/05 09:00:00")).unwrap();
    user.run_to(t("2025/02/20 00:00:00")).unwrap();
    assert_eq!((user.orders[1].value().status, users_rank(&user.orders[0].live)), (Status::Cancelled, 899));
    assert_eq!(user.orders[0].mails, [""; 0]);
    // Confirmed to the customer, who keeps the plan of the other order; staff know of both.
    let kinds: Vec<_> = user.orders[1].mails.iter().filter_map(|mail| mail.split(' ').next_back()).collect();
    assert_eq!(kinds, ["second-live-order", "cancel-confirmed"]);
}
