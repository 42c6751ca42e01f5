//! Staff, and users of ECPay's console.

use chrono::TimeDelta;
use sandbox::ecpay::ChargeNow;
use serde_json::{Value, json};

use crate::simulation::driver::{Driver, Purpose};
use crate::simulation::model::dunning::day;
use crate::simulation::model::table_mirror::{instant, tag};

impl Driver {
    /// Performs a random operation of staff, once or twice at the same time.
    pub(crate) fn staff(&mut self) {
        match self.random.below(24) {
            0..=5 => self.retry(),
            6..=8 => self.operate("extend-grace"),
            9 | 10 => self.operate("pause"),
            11 => self.operate("resume"),
            12 => self.operate("cancel"),
            13 | 14 => self.operate("mark-paid"),
            15 => self.request("POST", "/api/webhooks/trigger-maintenance", Some(json!({})), None),
            16 => self.request("GET", "/quarantine", None, None),
            17 => {
                let job = *self.random.pick(&["reconcile", "retry", "end-grace", "cancel", "send-mail"]);
                let dry = self.random.chance(50);
                self.request("POST", &format!("/runs/{job}?dry_run={dry}"), None, None);
            }
            18 | 19 => self.accept_terms(),
            20 => self.operate("email"),
            21 => self.operate("note"),
            _ => self.look(),
        }
    }

    /// Staff take over what the merchant changed in ECPay's console: the price, the next charge day, or both.
    fn accept_terms(&mut self) {
        let Some(id) = self.troubled() else { return };
        let view = self.deployment.ecpay(|ecpay, _| ecpay.view(&id)).unwrap_or_default();
        let Some(next) = instant(&view["next_charge_at"]).map(day) else { return };
        let mut body = json!({ "why": "as agreed" });
        let what = self.random.below(3);
        if what > 0 {
            body["amount_twd"] = view["amount"].clone();
        }
        if what < 2 {
            body["next_charge_on"] = json!(next.to_string());
        }
        let key = self.key();
        self.request("POST", &format!("/api/subscriptions/{id}/terms"), Some(body), key.as_deref());
    }

    /// An order, rather one that has troubles.
    fn troubled(&mut self) -> Option<String> {
        let troubled = |id: &&String| {
            let order = self.model.mirror.order(id);
            tag(&order["status"]) == "past_due" || !order["downgrade"].is_null()
        };
        let these: Vec<String> = self.orders.iter().filter(troubled).cloned().collect();
        let from = if these.is_empty() || self.random.chance(20) { self.orders.clone() } else { these };
        (!from.is_empty()).then(|| self.random.pick(&from).clone())
    }

    fn retry(&mut self) {
        let Some(id) = self.troubled() else { return };
        let failed = self.model.mirror.rows(&format!("SUB#{id}"), "PAYMENT#");
        let failed = failed.filter(|row| tag(&row["data"]["outcome"]) == "failed").last();
        let Some(payment) = failed.map(|row| row["data"]["id"].clone()) else { return };
        let body = json!({ "payment_id": payment });
        let key = self.key();
        for _ in 0..self.random.between(1, 2) {
            self.request("POST", "/api/webhooks/ecpay-manual-retry", Some(body.clone()), key.as_deref());
        }
    }

    fn operate(&mut self, name: &str) {
        let Some(id) = self.troubled() else { return };
        let days = self.random.between(1, 10);
        let price = self.model.mirror.order(&id)["terms"]["price"].clone();
        let is_leaving = !self.model.mirror.order(&id)["cancel_requested"].is_null();
        let name = if name == "cancel" && is_leaving { "undo-cancel" } else { name };
        let body = match name {
            "extend-grace" | "pause" => json!({ "days": days, "why": "they asked" }),
            "mark-paid" => json!({ "amount_twd": price, "reference": format!("bank {days}"), "why": "they asked" }),
            "email" => json!({ "email": format!("moved{days}@customer.example"), "why": "they asked" }),
            "note" => json!({ "note": "they asked" }),
            _ => json!({ "why": "they asked" }),
        };
        let key = self.key();
        let times = if self.random.chance(80) { 1 } else { 2 };
        for _ in 0..times {
            self.request("POST", &format!("/api/subscriptions/{id}/{name}"), Some(body.clone()), key.as_deref());
        }
    }

    fn look(&mut self) {
        match self.troubled().filter(|_| self.random.chance(50)) {
            Some(id) => self.request("GET", &format!("/api/subscriptions/{id}"), None, None),
            None => self.request("GET", "/api/webhooks/subscription-status/user0", None, None),
        }
    }

    fn request(&mut self, method: &str, path: &str, body: Option<Value>, key: Option<&str>) {
        let headers: Vec<(&str, &str)> = key.map(|key| ("idempotency-key", key)).into_iter().collect();
        let task = self.deployment.spawn_admin(method, path, body.as_ref(), &headers);
        let place = |id: &str| self.orders.iter().position(|known| known == id);
        let named = path.split('/').map(|part| place(part).map_or_else(|| part.to_owned(), |n| format!("order{n}")));
        let what = format!("{method} {} {}", named.collect::<Vec<_>>().join("/"), key.unwrap_or_default());
        self.flies(task, &what, Purpose::Staff);
    }

    /// ECPay charges out of schedule, simulates a payment, stops charging for a while, or loses callbacks.
    pub(crate) fn console(&mut self) {
        if self.orders.is_empty() {
            return;
        }
        let place = self.random.below(self.orders.len());
        let id = self.orders[place].clone();
        let what = self.random.below(10);
        let amount = (what == 0).then_some(7);
        let rtn_code = if self.random.chance(60) { "1" } else { "10100252" }.to_owned();
        let silent = self.deployment.ecpay(|ecpay, _| ecpay.view(&id)).is_some_and(|view| view["callbacks"] == false);
        self.deployment.ecpay(|ecpay, now| match what {
            // A charge outside the schedule without a callback cannot be found by any query.
            0..=4 if !silent => {
                let charge = ChargeNow { rtn_code, callback: true, simulate: what >= 3, amount };
                drop(ecpay.charge_now(&id, charge, now));
            }
            5 | 6 => ecpay.set_paused(&id, true, now),
            7 | 8 => ecpay.set_callbacks(&id, false),
            _ => ecpay.set_callbacks(&id, true),
        });
        if matches!(what, 5 | 6) {
            let until = self.deployment.now() + TimeDelta::days(self.random.between(2, 14));
            self.stalled.push((until, id));
        }
        self.note(format!("console {what} at order{place}"));
    }
}
