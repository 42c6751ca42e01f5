//! Edits of a running order in ECPay's console. The merchant's system learns of them by callbacks and queries only.

use chrono::{DateTime, Utc};
use serde::Deserialize;

use crate::ecpay::calendar::whole_second;
use crate::ecpay::order::{Anchor, Order, State};
use crate::ecpay::simulator::Ecpay;

/// State that the console can give an order.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ConsoleState {
    /// Charged again from its next day on; periods that passed during a pause are not made up for.
    Running,
    /// Neither charged nor retried.
    Paused,
    /// Over for good.
    Stopped,
}

/// Edits of one order; what is absent stays.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ConsoleEdit {
    /// Amount of each charge from now on, in TWD.
    pub amount: Option<u32>,
    /// Day and time of the next charge; the later ones follow its day. A paused order goes on then.
    pub next_charge_at: Option<DateTime<Utc>>,
    /// Number of executions at which the order is complete.
    pub exec_times: Option<u32>,
    /// State from now on.
    pub state: Option<ConsoleState>,
}

impl Ecpay {
    /// Edits an order as the console does.
    pub fn edit(&mut self, merchant_trade_no: &str, edit: ConsoleEdit, now: DateTime<Utc>) -> Result<(), String> {
        if edit == ConsoleEdit::default() {
            return Ok(());
        }
        let order = self.orders.get_mut(merchant_trade_no);
        let order = order.ok_or_else(|| format!("no order {merchant_trade_no}"))?;
        if !matches!(order.state, State::Running | State::Paused) {
            return Err(format!("order {merchant_trade_no} is {}", order.state.word()));
        }
        if edit.amount == Some(0) || edit.exec_times == Some(0) {
            return Err("amount and exec_times are 1 or more".to_owned());
        }
        if edit.next_charge_at.is_some_and(|at| at < now) {
            return Err("next_charge_at is past".to_owned());
        }
        order.edit(edit, now);
        Ok(())
    }
}

impl Order {
    fn edit(&mut self, edit: ConsoleEdit, now: DateTime<Utc>) {
        self.terms.amount = edit.amount.unwrap_or(self.terms.amount);
        match edit.state {
            Some(ConsoleState::Paused) => self.pause(),
            Some(ConsoleState::Running) => self.go_on(now),
            Some(ConsoleState::Stopped) => self.cancel(),
            None => {}
        }
        if let Some(at) = edit.next_charge_at.filter(|_| self.state != State::Cancelled) {
            self.state = State::Running;
            self.anchor =
                Some(Anchor { at: whole_second(at), execution: self.executions.saturating_add(1), skipped: 0 });
            self.schedule_next();
        }
        if let Some(exec_times) = edit.exec_times {
            self.terms.exec_times = exec_times;
            if self.state == State::Running && self.executions >= exec_times {
                self.schedule_next();
            }
        }
    }

    fn pause(&mut self) {
        self.state = State::Paused;
        self.next_charge_at = None;
        self.retry_at = None;
    }

    fn go_on(&mut self, now: DateTime<Utc>) {
        if self.state != State::Paused {
            return;
        }
        self.state = State::Running;
        let Some(mut anchor) = self.anchor() else { return };
        while self.due_after(anchor).is_some_and(|due| due < now) {
            anchor.skipped = anchor.skipped.saturating_add(1);
        }
        self.anchor = Some(anchor);
        self.schedule_next();
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ecpay::form::value;
    use crate::ecpay::test_support::{NUMBER, at, ordered, request_at, sent};

    /// An order of the 31st, charged in January; it is 2026-02-01.
    fn edited(edit: ConsoleEdit) -> Ecpay {
        let mut ecpay = ordered("2026-01-31T10:00:00+08:00");
        ecpay.edit(NUMBER, edit, at("2026-02-01T00:00:00+08:00")).unwrap();
        ecpay
    }

    fn days(ecpay: &mut Ecpay, until: &str) -> Vec<String> {
        ecpay.advance(at(until));
        let view = ecpay.view(NUMBER).unwrap();
        let charges = view["charges"].as_array().unwrap().iter().skip(1);
        charges.map(|charge| charge["process_date"].as_str().unwrap().to_owned()).collect()
    }

    #[test]
    fn an_edited_amount_is_charged_and_reported_from_then_on() {
        let mut ecpay = edited(ConsoleEdit { amount: Some(999), ..ConsoleEdit::default() });
        ecpay.advance(at("2026-02-28T10:00:00+08:00"));
        let callback = sent(&mut ecpay, "2026-02-28T10:00:00+08:00");
        assert_eq!((value(&callback, "Amount"), value(&callback, "FirstAuthAmount")), ("999", "899"));
        assert_eq!(ecpay.view(NUMBER).unwrap()["total_success_amount"], 899 + 999);
    }

    #[test]
    fn later_charges_follow_an_edited_day() {
        let day = at("2026-02-15T10:00:00+08:00");
        let mut ecpay = edited(ConsoleEdit { next_charge_at: Some(day), ..ConsoleEdit::default() });
        assert_eq!(
            days(&mut ecpay, "2026-04-20T00:00:00+08:00"),
            ["2026/02/15 10:00:00", "2026/03/15 10:00:00", "2026/04/15 10:00:00"]
        );
    }

    #[test]
    fn a_pause_skips_its_periods_and_keeps_the_day() {
        let mut ecpay = edited(ConsoleEdit { state: Some(ConsoleState::Paused), ..ConsoleEdit::default() });
        assert_eq!(days(&mut ecpay, "2026-04-05T00:00:00+08:00"), Vec::<String>::new());
        let retry = request_at(&[("Action", "ReAuth")], at("2026-04-05T00:00:00+08:00").timestamp());
        assert!(ecpay.period_action(&retry, at("2026-04-05T00:00:00+08:00")).starts_with("RtnCode=10200003&"));
        let on = ConsoleEdit { state: Some(ConsoleState::Running), ..ConsoleEdit::default() };
        ecpay.edit(NUMBER, on, at("2026-04-05T00:00:00+08:00")).unwrap();
        // Not on 28 February and 31 March; the 31st comes back after April.
        assert_eq!(days(&mut ecpay, "2026-06-01T00:00:00+08:00"), ["2026/04/30 10:00:00", "2026/05/31 10:00:00"]);
        assert_eq!(ecpay.view(NUMBER).unwrap()["executions"], 3);
    }

    #[test]
    fn a_paused_order_goes_on_at_an_edited_day() {
        let mut ecpay = edited(ConsoleEdit { state: Some(ConsoleState::Paused), ..ConsoleEdit::default() });
        let day = ConsoleEdit { next_charge_at: Some(at("2026-03-10T09:00:00+08:00")), ..ConsoleEdit::default() };
        ecpay.edit(NUMBER, day, at("2026-02-20T00:00:00+08:00")).unwrap();
        assert_eq!(days(&mut ecpay, "2026-03-31T00:00:00+08:00"), ["2026/03/10 09:00:00"]);
    }

    #[test]
    fn fewer_executions_complete_an_order_and_a_stopped_one_cannot_be_edited() {
        let ecpay = edited(ConsoleEdit { exec_times: Some(1), ..ConsoleEdit::default() });
        let view = ecpay.view(NUMBER).unwrap();
        assert_eq!((&view["state"], &view["next_charge_at"]), (&"finished".into(), &serde_json::Value::Null));
        let stop = ConsoleEdit { state: Some(ConsoleState::Stopped), ..ConsoleEdit::default() };
        let mut ecpay = edited(stop);
        assert_eq!(ecpay.view(NUMBER).unwrap()["state"], "cancelled");
        let refused = ecpay.edit(NUMBER, stop, at("2026-02-02T00:00:00+08:00"));
        assert_eq!(refused, Err(format!("order {NUMBER} is cancelled")));
    }

    #[test]
    fn more_executions_prolong_an_order_and_are_reported() {
        let mut ecpay = edited(ConsoleEdit { exec_times: Some(120), ..ConsoleEdit::default() });
        ecpay.advance(at("2026-02-28T10:00:00+08:00"));
        assert_eq!(value(&sent(&mut ecpay, "2026-02-28T10:00:00+08:00"), "ExecTimes"), "120");
    }
}
