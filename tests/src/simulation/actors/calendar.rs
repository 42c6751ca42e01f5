//! Time: on to the next moment at which something is due, or by a random span; and the schedules of the template.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use sandbox::aws::schedule_expression::Schedule;
use serde_json::{Value, json};

use crate::harness::TestDeployment;
use crate::simulation::driver::{Driver, Purpose};
use crate::simulation::model::table_mirror::{instant, text};

/// Tasks of a schedule's event.
fn tasks(schedule: &Schedule) -> Vec<String> {
    let input: Value = serde_json::from_str(&schedule.input).expect("an input");
    let task = &input["task"];
    let many = task.as_array().map(|tasks| tasks.iter().map(|task| text(task).to_owned()).collect());
    many.unwrap_or_else(|| vec![text(task).to_owned()])
}

/// Queued items of the schedules' tasks: due time and queue.
fn dues(driver: &Driver) -> BTreeSet<(DateTime<Utc>, String)> {
    let waits =
        |queue: &str| !matches!(queue, "" | "quarantine" | "webhook-log" | "unreadable" | "mail-dead" | "mail-unclear");
    let due = |item: &Value| {
        let queue = text(&item["queue"]);
        Some((instant(&item["due_at"]).filter(|_| waits(queue))?, queue.to_owned()))
    };
    driver.model.mirror.all("").filter_map(due).collect()
}

impl Driver {
    /// On to the next moment worth looking at, or anywhere.
    pub(crate) fn move_on(&mut self) {
        let now = self.deployment.now();
        let ecpay = self.deployment.ecpay(|ecpay, _| ecpay.next_due());
        let held = self.held.iter().map(|(until, _)| *until).min();
        let due = dues(self).into_iter().map(|(at, _)| at).find(|at| *at > now);
        let next = [ecpay, held, due].into_iter().flatten().filter(|at| *at > now).min();
        let to = match self.random.below(20) {
            0..=11 => next.map(|at| at + TimeDelta::minutes(self.random.between(0, 20))),
            12..=15 => None,
            16 | 17 => Some(now + TimeDelta::hours(self.random.between(1, 48))),
            18 => Some(now + TimeDelta::days(self.random.between(1, 6))),
            _ => Some(now + TimeDelta::days(self.random.between(5, 25))),
        };
        let to = to.unwrap_or_else(|| now + TimeDelta::minutes(self.random.between(1, 90)));
        // A longer way would pass over the end of what stalls, and over half a year of an annual order.
        let stalled = self.stalled.iter().map(|(until, _)| *until).min();
        self.travel(to.min(now + TimeDelta::days(40)).min(stalled.unwrap_or(to)));
        let now = self.deployment.now();
        for (_, id) in self.stalled.extract_if(.., |(until, _)| *until <= now) {
            self.deployment.ecpay(|ecpay, now| ecpay.set_paused(&id, false, now));
        }
        self.settle(false);
    }

    /// A schedule fires, rather one that has something to do: in time, late, twice, or not at all.
    pub(crate) fn schedule(&mut self) {
        let now = self.deployment.now();
        for (event, tries) in std::mem::take(&mut self.again) {
            if tries < 3 && self.random.chance(70) {
                self.run(&event, tries);
            }
        }
        if self.random.chance(40) {
            self.stream();
        }
        let due: BTreeSet<String> =
            dues(self).into_iter().filter(|(at, _)| *at <= now).map(|(_, queue)| queue).collect();
        let all = TestDeployment::schedules();
        let fitting: Vec<&Schedule> =
            all.iter().filter(|schedule| tasks(schedule).iter().any(|task| due.contains(task))).collect();
        let schedule = if fitting.is_empty() {
            if self.random.chance(80) {
                return;
            }
            self.random.pick(all)
        } else if self.random.chance(10) {
            return;
        } else {
            *self.random.pick(&fitting)
        };
        let late = if self.random.chance(85) { 0 } else { *self.random.pick(&[3, 60, 300, 1_500]) };
        let at = latest(schedule, now - TimeDelta::minutes(late));
        let event: Value = serde_json::from_str(&schedule.event(at)).expect("an event");
        for _ in 0..=u32::from(self.random.chance(12)) {
            self.run(&event, 0);
        }
    }

    /// The table's stream delivers records of what waits to be sent: all, or from some place on, or again.
    fn stream(&mut self) {
        let mut records = Vec::new();
        for id in self.orders.clone() {
            let items = self.deployment.partition(&format!("SUB#{id}")).into_iter();
            records.extend(items.filter(|item| item["queue"] == "send-mail").map(|item| {
                let keys = json!({ "pk": { "S": item["pk"] }, "sk": { "S": item["sk"] } });
                json!({ "eventSource": "aws:dynamodb", "dynamodb": { "Keys": keys, "SequenceNumber": "1" } })
            }));
        }
        let from = if self.random.chance(70) { 0 } else { self.random.below(records.len() + 1) };
        let records = records.split_off(from);
        if records.is_empty() {
            return;
        }
        let event = json!({ "Records": records });
        for _ in 0..=u32::from(self.random.chance(20)) {
            let task = self.deployment.spawn_maintenance(event.clone(), self.deployment.free_maintenance());
            self.flies(task, "the stream", Purpose::Run { event: event.clone(), tries: 0 });
        }
    }

    fn run(&mut self, event: &Value, tries: u32) {
        let task = self.deployment.spawn_maintenance(event.clone(), self.deployment.free_maintenance());
        self.flies(task, &event.to_string(), Purpose::Run { event: event.clone(), tries });
    }

    /// The first schedule that has something to do fires when it is time for it, and nothing else happens.
    /// `None`: nothing is due until `until`.
    pub(crate) fn next_run(&mut self, until: DateTime<Utc>) -> Option<()> {
        let now = self.deployment.now();
        let due = dues(self);
        let ecpay = self.deployment.ecpay(|ecpay, _| ecpay.next_due());
        let held = self.held.iter().map(|(at, _)| *at).min();
        let runs = TestDeployment::schedules().iter().filter_map(|schedule| {
            let tasks = tasks(schedule);
            let (first, _) = due.iter().find(|(_, queue)| tasks.contains(queue))?;
            Some((schedule.next_after(now.max(*first - TimeDelta::seconds(1)))?, schedule.name.clone()))
        });
        let runs = runs.min();
        let at = [runs.as_ref().map(|(at, _)| *at), ecpay, held].into_iter().flatten().min()?;
        if at > until {
            return None;
        }
        self.travel(at);
        if let Some((_, name)) = runs.filter(|(due, _)| *due <= at) {
            let schedule = TestDeployment::schedules().iter().find(|schedule| schedule.name == name)?;
            let event: Value = serde_json::from_str(&schedule.event(at)).expect("an event");
            self.run(&event, 0);
        }
        Some(())
    }
}

/// The latest instant up to `now` at which a schedule fires.
fn latest(schedule: &Schedule, now: DateTime<Utc>) -> DateTime<Utc> {
    let mut at = now - TimeDelta::days(1) - TimeDelta::seconds(1);
    while let Some(next) = schedule.next_after(at).filter(|next| *next <= now) {
        at = next;
    }
    at
}
