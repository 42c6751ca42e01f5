//! Events of a decision: those that its transaction stores for the business's app.

use crate::domain::billing::app_events::data::{AppEventData, PaymentData, PlanData, SubscriptionData};
use crate::domain::billing::app_events::{AppEvent, AppEventId, AppEventType};
use crate::domain::billing::decision::{Decision, SubscriptionWrite};
use crate::domain::billing::live_orders::UserChange;
use crate::domain::billing::payments::payment::{Payment, PaymentOutcome};

/// Events about one order, numbered as they are added.
struct OrderEvents<'a> {
    write: &'a SubscriptionWrite,
    events: Vec<AppEvent>,
}

/// The events of a decision. `user_version` is the number under which the user's item is stored.
#[must_use]
pub fn events_of(decision: &Decision, user_version: u64) -> Vec<AppEvent> {
    let mut events = OrderEvents::of(&decision.change);
    if let Some(payment) = &decision.payment {
        events.payment(payment);
    }
    events.transitions();
    if let Some(payment) = decision.payment.as_ref().filter(|payment| payment.refund_due.is_any()) {
        events.add(AppEventType::RefundDue, |write| payment_data(write, payment));
    }
    let mut of_replaced = Vec::new();
    if let Some(replaced) = &decision.replaced {
        let mut events = OrderEvents::of(replaced);
        events.transitions();
        for credited in &decision.credited {
            events.add(AppEventType::RefundDue, |write| payment_data(write, credited));
        }
        of_replaced = events.events;
    }
    if let Some(user) = &decision.user {
        events.plan(user, user_version);
    }
    of_replaced.into_iter().chain(events.events).collect()
}

/// The events of an adopted order, whose charges before are none: the plan that it grants now.
#[must_use]
pub fn events_of_adoption(order: &SubscriptionWrite, user: &UserChange, user_version: u64) -> Vec<AppEvent> {
    let mut events = OrderEvents::of(order);
    if !order.next.plan.is_free() {
        events.add(AppEventType::Activated, subscription_data);
    }
    events.plan(user, user_version);
    events.events
}

fn subscription_data(write: &SubscriptionWrite) -> AppEventData {
    AppEventData::Subscription(SubscriptionData::of(&write.next, write.version(), write.history.rule))
}

fn payment_data(write: &SubscriptionWrite, payment: &Payment) -> AppEventData {
    AppEventData::Payment(PaymentData::of(&write.next, write.version(), payment))
}

impl<'a> OrderEvents<'a> {
    const fn of(write: &'a SubscriptionWrite) -> Self {
        Self { write, events: Vec::new() }
    }

    fn add(&mut self, kind: AppEventType, data: impl FnOnce(&SubscriptionWrite) -> AppEventData) {
        let write = self.write;
        let number = self.events.len().saturating_add(1);
        let id = AppEventId::of_order(write.next.id.clone(), write.version(), number);
        self.events.push(AppEvent { id, kind, timestamp: write.history.at, data: data(write) });
    }

    fn payment(&mut self, payment: &Payment) {
        let kind = match payment.outcome {
            PaymentOutcome::Succeeded { .. } | PaymentOutcome::PaidOutOfBand => AppEventType::PaymentSucceeded,
            PaymentOutcome::Failed => AppEventType::PaymentFailed,
            PaymentOutcome::Pending => return,
        };
        self.add(kind, |write| payment_data(write, payment));
    }

    fn transitions(&mut self) {
        for kind in &self.write.transitions {
            self.add(*kind, subscription_data);
        }
    }

    fn plan(&mut self, user: &UserChange, user_version: u64) {
        let (previous, plan) = (user.previous_plan(), user.plan());
        if previous == plan {
            return;
        }
        self.add(AppEventType::PlanChanged, |write| {
            AppEventData::Plan(PlanData {
                user_id: user.user.clone(),
                user_version,
                previous_plan_id: previous,
                plan_id: plan,
                subscription_id: write.next.id.clone(),
                version: write.version(),
            })
        });
    }
}
