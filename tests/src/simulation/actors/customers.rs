//! Customers order, pay at ECPay at once or later or never, and their cards are good or not.

use chrono::TimeDelta;
use sandbox::ecpay::{Fields, form_body};
use serde_json::{Value, json};

use crate::simulation::driver::{Driver, Made, Purpose};
use crate::simulation::model::aggregates::is_live;
use crate::simulation::model::table_mirror::text;

/// Decline codes: insufficient credit twice, expired card, an undocumented code, stolen card.
const DECLINES: [&str; 5] = ["10100252", "10100252", "10100251", "10109999", "10100256"];

impl Driver {
    /// A user orders, in place of the order that they have, if they have one.
    pub(crate) fn order(&mut self) {
        let user = format!("user{}", self.random.below(self.users));
        let live = self.model.mirror.subscriptions().map(|item| &item["data"]);
        let live = live.filter(|order| order["user"] == *user && is_live(order)).map(|order| text(&order["id"]));
        let live: Vec<String> = live.map(str::to_owned).collect();
        let replaces = self.orders.iter().find(|id| live.contains(id)).cloned();
        let replaces = if self.random.chance(90) { replaces } else { None };
        let cycle = if self.random.chance(80) { "monthly" } else { "annual" };
        let plan = *self.random.pick(&["STUDENT", "PRO", "PRO", "ENTERPRISE"]);
        let wanted = json!({
            "user_id": user, "email": format!("{user}@customer.example"), "plan_id": plan, "billing_cycle": cycle,
            "replaces": replaces,
        });
        let headers = self.key();
        let headers: Vec<(&str, &str)> = headers.iter().map(|key| ("idempotency-key", key.as_str())).collect();
        // Two requests under one key make one order; two without a key, as from two open windows, make two.
        let again = if headers.is_empty() { 10 } else { 30 };
        let times = if self.random.chance(again) { 2 } else { 1 };
        for _ in 0..times {
            let task = self.deployment.spawn_admin("POST", "/api/subscriptions", Some(&wanted), &headers);
            let what = format!("{user} orders {plan} {cycle}, replaces {}", replaces.is_some());
            self.flies(task, &what, Purpose::Order);
        }
    }

    /// A key for a request, or none.
    pub(crate) fn key(&mut self) -> Option<String> {
        self.keys += 1;
        let key = format!("key-{}", self.keys);
        self.random.chance(40).then_some(key)
    }

    /// An order was made; the buyer has its form.
    pub(crate) fn ordered(&mut self, form: Value) {
        let at = self.deployment.now();
        let known = self.orders.iter().any(|id| form["subscription_id"] == **id)
            || self.made.iter().any(|made| made.form["subscription_id"] == form["subscription_id"]);
        if !known {
            self.made.push(Made { form, at });
        }
    }

    /// Buyers submit what they ordered within the hour, or leave it.
    pub(crate) fn submit(&mut self) {
        let now = self.deployment.now();
        let mut kept = Vec::new();
        for made in std::mem::take(&mut self.made) {
            if now - made.at > TimeDelta::hours(1) {
                continue;
            }
            if self.random.chance(85) {
                self.pay(&made.form);
            } else {
                kept.push(made);
            }
        }
        self.made.extend(kept);
    }

    fn pay(&mut self, form: &Value) {
        let id = text(&form["subscription_id"]).to_owned();
        let outcomes = self.outcomes();
        self.note(format!("order {} is paid at ECPay, outcomes {outcomes:?}", self.orders.len()));
        let form = form["form_data"].as_object().expect("a form");
        let fields: Fields = form.iter().map(|(name, value)| (name.clone(), text(value).to_owned())).collect();
        self.deployment.ecpay(|ecpay, now| {
            ecpay.set_next_outcomes(&id, outcomes);
            ecpay.checkout(&form_body(&fields), now).map(drop).expect("an order that ECPay takes");
        });
        self.orders.push(id);
    }

    /// Draws the results of an order's coming charges; later ones succeed.
    fn outcomes(&mut self) -> Vec<String> {
        let mut outcomes = match self.random.below(20) {
            0 => vec!["10100252"],
            1 => vec!["10300066", "10100252"],
            2 | 3 => vec!["10300066", "1"],
            _ => vec!["1"],
        };
        let decline = *self.random.pick(&DECLINES);
        let bad = *self.random.pick(&[0, 50, 70, 85, 100]);
        for _ in 0..self.random.between(1, 9) {
            let fails = self.random.chance(bad);
            if self.random.chance(6) {
                outcomes.push("10300066");
            }
            let code = if self.random.chance(85) { decline } else { *self.random.pick(&DECLINES) };
            outcomes.push(if fails { code } else { "1" });
        }
        outcomes.into_iter().map(str::to_owned).collect()
    }
}
