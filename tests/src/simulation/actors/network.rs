//! Callbacks on their way: delivered, held back for hours or days, repeated, reordered, lost, forged.

use chrono::TimeDelta;
use sandbox::ecpay::{Callback, form_body};

use crate::simulation::driver::{Driver, Purpose, fields};

impl Driver {
    /// The callbacks that are due: each is delivered, held, or lost on its way.
    pub(crate) fn callbacks(&mut self) {
        let now = self.deployment.now();
        let mut ready = Vec::new();
        for (until, callback) in std::mem::take(&mut self.held) {
            if until <= now {
                ready.push(callback);
            } else {
                self.held.push((until, callback));
            }
        }
        for callback in self.deployment.due_callbacks() {
            let manual = callback.what.starts_with("manual");
            match self.random.below(20) {
                _ if self.calm => ready.push(callback),
                _ if now < self.lost_until && !manual => {
                    self.note(format!("lost: {}", self.masked(&callback)));
                    self.deployment.ecpay(|ecpay, now| ecpay.callback_answered(callback.id, false, now));
                }
                0 | 1 => {
                    let minutes = *self.random.pick(&[5, 90, 700, 3_000, 9_000]);
                    self.held.push((now + TimeDelta::minutes(minutes), callback));
                }
                2 | 3 if !manual => {
                    self.note(format!("lost: {}", self.masked(&callback)));
                    self.deployment.ecpay(|ecpay, now| ecpay.callback_answered(callback.id, false, now));
                }
                _ => ready.push(callback),
            }
        }
        while !ready.is_empty() {
            let callback = ready.swap_remove(self.random.below(ready.len()));
            self.deliver(callback);
        }
    }

    fn deliver(&mut self, callback: Callback) {
        let what = self.masked(&callback);
        let heard = self.random.chance(90);
        for _ in 0..u32::from(self.random.chance(15)) {
            let task = self.deployment.spawn_callback(&callback);
            self.flies(task, &format!("twice: {what}"), Purpose::Repeat(callback.clone()));
        }
        let task = self.deployment.spawn_callback(&callback);
        self.flies(task, &what, Purpose::Callback { callback, heard });
    }

    /// Summary of a callback, with the order's number instead of its random id.
    fn masked(&self, callback: &Callback) -> String {
        let place = self.orders.iter().position(|id| *id == callback.merchant_trade_no);
        callback.what.replace(&callback.merchant_trade_no, &format!("order{}", place.unwrap_or(usize::MAX)))
    }

    /// An old callback comes again, as it was or with something changed.
    pub(crate) fn old_callback(&mut self) {
        if self.delivered.is_empty() {
            return;
        }
        let place = self.random.below(self.delivered.len());
        let old = self.delivered[place].clone();
        if self.random.chance(40) {
            let task = self.deployment.spawn_callback(&old);
            let what = format!("again: {}", self.masked(&old));
            self.flies(task, &what, Purpose::Repeat(old));
            return;
        }
        let mut forged = fields(&old);
        match self.random.below(4) {
            0 => forged.retain(|(name, _)| name != "CheckMacValue"),
            1 => forged.push(("CustomField9".to_owned(), "x".to_owned())),
            _ => {
                let place = self.random.below(forged.len());
                forged[place].1.push('1');
            }
        }
        let task = self.deployment.spawn_callback(&Callback { body: form_body(&forged), ..old });
        self.flies(task, "a forgery", Purpose::Forgery);
    }
}
