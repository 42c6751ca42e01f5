//! Charging a card and what follows from the result.

mod advance;

use chrono::{DateTime, TimeDelta, Utc};

use crate::ecpay::message::{PAID, PENDING};
use crate::ecpay::order::{Charge, Kind, Order, State, Unresolved};
use crate::ecpay::simulator::Ecpay;

/// ECPay cancels what remains of an order after this many failures.
pub(in crate::ecpay) const FAILURES_ALLOWED: usize = 6;

/// A pending result is final after this time.
const PENDING_FOR: TimeDelta = TimeDelta::minutes(30);

/// A charge about to be made.
pub(in crate::ecpay) struct Attempt {
    pub(in crate::ecpay) at: DateTime<Utc>,
    pub(in crate::ecpay) kind: Kind,
    pub(in crate::ecpay) rtn_code: String,
    pub(in crate::ecpay) amount: u32,
    pub(in crate::ecpay) simulated: bool,
}

impl Ecpay {
    /// Makes the charge, queues its callback if wanted, and returns a summary for the timeline.
    pub(in crate::ecpay) fn perform(
        &mut self,
        merchant_trade_no: &str,
        attempt: Attempt,
        notify: bool,
    ) -> Option<String> {
        let due = attempt.at;
        let simulated = attempt.simulated;
        let order = self.orders.get_mut(merchant_trade_no)?;
        let at = order.free_second(due);
        let trade_no = match attempt.kind {
            Kind::First => order.trade_no.clone(),
            _ => self.numbers.charge(at),
        };
        let execution = match attempt.kind {
            Kind::First | Kind::Scheduled => order.executions.saturating_add(1),
            Kind::Retry | Kind::Manual => 0,
        };
        let gwsr = (attempt.rtn_code == PAID).then(|| self.numbers.gwsr());
        order.executions = order.executions.max(execution);
        order.charges.push(Charge {
            at,
            kind: attempt.kind,
            rtn_code: attempt.rtn_code,
            amount: attempt.amount,
            gwsr,
            trade_no,
            success_number: None,
            simulated,
            execution,
        });
        let index = order.charges.len().saturating_sub(1);
        if attempt.kind == Kind::Scheduled {
            order.schedule_next();
        }
        self.settled(merchant_trade_no, index, due, notify)
    }

    /// A pending charge becomes what the next queued outcome says.
    pub(in crate::ecpay) fn resolve(
        &mut self,
        merchant_trade_no: &str,
        index: usize,
        due: DateTime<Utc>,
    ) -> Option<String> {
        let rtn_code = self.next_outcome(merchant_trade_no);
        let gwsr = (rtn_code == PAID).then(|| self.numbers.gwsr());
        let order = self.orders.get_mut(merchant_trade_no)?;
        order.unresolved.retain(|open| open.charge != index);
        let charge = order.charges.get_mut(index)?;
        charge.rtn_code = rtn_code;
        charge.gwsr = gwsr;
        self.settled(merchant_trade_no, index, due, true)
    }

    fn settled(&mut self, merchant_trade_no: &str, index: usize, due: DateTime<Utc>, notify: bool) -> Option<String> {
        let order = self.orders.get_mut(merchant_trade_no)?;
        let ended = charge_due(order, index, due)?;
        let what = line(order, order.charges.get(index)?);
        if notify {
            self.queue_notice(merchant_trade_no, index, due, &what);
        }
        Some(format!("{what}{ended}"))
    }
}

/// Draws the consequences of a result for the order; says if the order ended by it.
fn charge_due(order: &mut Order, index: usize, due: DateTime<Utc>) -> Option<&'static str> {
    let successes = order.successes();
    let charge = order.charges.get_mut(index)?;
    let first = charge.kind == Kind::First;
    if charge.succeeded() {
        charge.success_number = Some(successes);
        if first {
            order.state = State::Running;
            order.schedule_next();
        }
    } else if charge.pending() {
        let at = due + PENDING_FOR;
        let charge = index;
        order.unresolved.push(Unresolved { at, charge });
    } else if charge.failed() {
        if first {
            order.state = State::NotEstablished;
            return Some("; the order is not established");
        }
        if order.state == State::Running && order.failures() >= FAILURES_ALLOWED {
            order.cancel();
            return Some("; six failures, the order is cancelled");
        }
    }
    let last = order.state == State::Finished && charge_is_last(order, index);
    Some(if last { "; the order is finished" } else { "" })
}

fn charge_is_last(order: &Order, index: usize) -> bool {
    let charge = order.charges.get(index);
    charge.is_some_and(|charge| charge.execution == order.terms.exec_times)
}

fn line(order: &Order, charge: &Charge) -> String {
    let number = &order.terms.merchant_trade_no;
    let subject = match charge.kind {
        _ if charge.simulated => format!("simulated payment of {number}"),
        Kind::First => format!("first charge of {number}"),
        Kind::Scheduled => format!("charge {} of {number}", charge.execution),
        Kind::Retry => format!("retry of {number}"),
        Kind::Manual => format!("manual charge of {number}"),
    };
    match charge.rtn_code.as_str() {
        PAID => format!("{subject} succeeded"),
        PENDING => format!("{subject} is pending"),
        code => format!("{subject} failed ({code})"),
    }
}
