//! Passing of time at ECPay: scheduled charges, accepted retries, and results of pending charges.

use chrono::{DateTime, Utc};

use crate::ecpay::charging::Attempt;
use crate::ecpay::order::{Kind, Order};
use crate::ecpay::simulator::Ecpay;

/// In this order when several are due in the same instant.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Resolve(usize),
    Retry,
    Scheduled,
}

impl Ecpay {
    /// The earliest instant at which something happens by itself: a charge, an
    /// accepted retry, a pending result, or a callback that waits to be taken.
    pub fn next_due(&self) -> Option<DateTime<Utc>> {
        let event = self.next_order_event().map(|(at, _, _)| at);
        let callback = self.next_callback_at();
        event.into_iter().chain(callback).min()
    }

    /// Does everything due at or before `now`, in time order; says what happened.
    pub fn advance(&mut self, now: DateTime<Utc>) -> Vec<(DateTime<Utc>, String)> {
        let mut lines = Vec::new();
        while let Some((at, event, number)) = self.next_order_event().filter(|e| e.0 <= now) {
            let what = match event {
                Event::Resolve(charge) => self.resolve(&number, charge, at),
                Event::Retry => self.due_charge(&number, Kind::Retry, at),
                Event::Scheduled => self.due_charge(&number, Kind::Scheduled, at),
            };
            lines.extend(what.map(|what| (at, what)));
        }
        lines
    }

    /// Orders with the same event in the same instant come in the order in which they were made: the merchant's
    /// numbers may be random.
    fn next_order_event(&self) -> Option<(DateTime<Utc>, Event, String)> {
        let events = self.orders.iter();
        let events = events.filter_map(|(number, order)| {
            let (at, event) =
                next_event(order, self.order_behavior.get(number).is_some_and(|behavior| behavior.paused))?;
            Some((at, event, &order.trade_no, number))
        });
        let (at, event, _, number) = events.min()?;
        Some((at, event, number.clone()))
    }

    fn due_charge(&mut self, merchant_trade_no: &str, kind: Kind, at: DateTime<Utc>) -> Option<String> {
        let rtn_code = self.next_outcome(merchant_trade_no);
        let order = self.orders.get_mut(merchant_trade_no)?;
        if kind == Kind::Retry {
            order.retry_at = None;
        }
        let attempt = Attempt { at, kind, rtn_code, amount: order.terms.amount, simulated: false };
        self.perform(merchant_trade_no, attempt, true)
    }
}

fn next_event(order: &Order, paused: bool) -> Option<(DateTime<Utc>, Event)> {
    let resolved = order.unresolved.iter();
    let resolved = resolved.map(|open| (open.at, Event::Resolve(open.charge)));
    if paused {
        return resolved.min();
    }
    let retry = order.retry_at.map(|at| (at, Event::Retry));
    let scheduled = order.next_charge_at.map(|at| (at, Event::Scheduled));
    resolved.chain(retry).chain(scheduled).min()
}
