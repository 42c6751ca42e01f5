//! A merchant who edits orders in ECPay's console, and an ECPay whose answers and callbacks go wrong for a while.

use chrono::TimeDelta;
use sandbox::ecpay::{ConsoleEdit, ConsoleState};
use serde_json::json;

use crate::simulation::driver::Driver;
use crate::simulation::model::table_mirror::instant;

impl Driver {
    /// The merchant changes price, charge day, number of charges or state of a running order.
    pub(crate) fn edit(&mut self) {
        let Some((place, id)) = self.any_order() else { return };
        // ECPay asks the merchant to leave alone what the customer has cancelled.
        let is_leaving = !self.model.mirror.order(&id)["cancel_requested"].is_null();
        let Some(view) = self.deployment.ecpay(|ecpay, _| ecpay.view(&id)).filter(|_| !is_leaving) else { return };
        let Some(next) = instant(&view["next_charge_at"]) else { return };
        let now = self.deployment.now();
        let executions = u32::try_from(view["executions"].as_u64().unwrap_or(0)).unwrap_or(0);
        let nothing = ConsoleEdit::default();
        let edit = match self.random.below(10) {
            0 | 1 => ConsoleEdit { amount: Some(*self.random.pick(&[999, 1, 899])), ..nothing },
            2..=6 => {
                let moved = next + TimeDelta::days(self.random.between(-4, 12));
                ConsoleEdit { next_charge_at: Some(moved.max(now + TimeDelta::hours(1))), ..nothing }
            }
            7 => {
                let more = *self.random.pick(&[1, 2, 5]);
                ConsoleEdit { exec_times: Some(executions + more), ..nothing }
            }
            8 => {
                self.paused.push((now + TimeDelta::days(self.random.between(3, 40)), id.clone()));
                ConsoleEdit { state: Some(ConsoleState::Paused), ..nothing }
            }
            _ => ConsoleEdit { state: Some(ConsoleState::Stopped), ..nothing },
        };
        self.note(format!("the merchant edits order{place}: {edit:?}"));
        if edit.next_charge_at.is_some() || edit.state.is_some() {
            self.moved.insert(id.clone());
        }
        // Refused where the order is over.
        drop(self.deployment.ecpay(|ecpay, now| ecpay.edit(&id, edit, now)));
    }

    /// For some days ECPay answers the queries about an order with something odd, or for some hours it loses all callbacks.
    pub(crate) fn trouble(&mut self) {
        let now = self.deployment.now();
        if self.random.chance(40) {
            self.lost_until = now + TimeDelta::hours(self.random.between(1, 30));
            self.note(format!("callbacks are lost until {}", self.lost_until));
            return;
        }
        let Some((place, id)) = self.any_order() else { return };
        let view = self.deployment.ecpay(|ecpay, _| ecpay.view(&id)).unwrap_or_default();
        let successes = view["total_success_times"].as_i64().unwrap_or(0);
        let odd = match self.random.below(4) {
            0 => None,
            1 => Some(json!({ "TotalSuccessTimes": successes + 1 })),
            2 => Some(json!({ "ExecStatus": "3" })),
            _ => Some(json!({ "ExecLog": [] })),
        };
        self.note(format!("queries about order{place} are answered oddly: {odd:?}"));
        self.odd.push((now + TimeDelta::days(self.random.between(1, 6)), id.clone()));
        self.deployment.ecpay(|ecpay, _| match odd {
            None => ecpay.set_answers(&id, false),
            Some(fields) => ecpay.set_query_answer(&id, fields.as_object().cloned().unwrap_or_default()),
        });
    }

    /// Ends the pauses and oddities whose time is over, or all of them.
    pub(crate) fn settle(&mut self, all: bool) {
        let now = self.deployment.now();
        for (_, id) in self.paused.extract_if(.., |(until, _)| all || *until <= now) {
            let edit = ConsoleEdit { state: Some(ConsoleState::Running), ..ConsoleEdit::default() };
            drop(self.deployment.ecpay(|ecpay, now| ecpay.edit(&id, edit, now)));
        }
        for (_, id) in self.odd.extract_if(.., |(until, _)| all || *until <= now) {
            self.deployment.ecpay(|ecpay, _| {
                ecpay.set_answers(&id, true);
                ecpay.set_query_answer(&id, serde_json::Map::new());
            });
        }
        if all {
            self.lost_until = now;
        }
    }

    fn any_order(&mut self) -> Option<(usize, String)> {
        let place = (!self.orders.is_empty()).then(|| self.random.below(self.orders.len()))?;
        Some((place, self.orders[place].clone()))
    }
}
