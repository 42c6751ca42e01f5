//! The days as they pass: ECPay charges and posts, schedules fire, Lambda repeats what failed, staff click.

use std::sync::OnceLock;

use crate::harness::{HeldCall, Outcome, TaskId, TestDeployment, Verdict};
use chrono::{DateTime, TimeDelta, Utc};
use sandbox::aws::schedule_expression::Schedule;
use sandbox::aws::template::Template;
use sandbox::world::TEMPLATE;
use serde_json::Value;

/// Lambda repeats a failed invocation of a schedule after one minute, then after two more.
const REPEATS: [i64; 2] = [1, 2];

/// Decides the verdict of a call.
type Decide<'a> = Box<dyn FnMut(&TestDeployment, &HeldCall) -> Verdict + 'a>;

/// A deployment on which time passes, and what becomes of each call.
pub struct Life<'a> {
    /// Deployment on which time passes.
    pub deployment: TestDeployment,
    /// Decides the verdict of each call.
    pub decide: Decide<'a>,
    /// True if the response to a callback reaches ECPay, by the callback's number.
    pub hears: Box<dyn FnMut(usize) -> bool + 'a>,
    /// Callbacks that were posted.
    pub posted: usize,
    repeats: Vec<Repeat>,
}

struct Repeat {
    at: DateTime<Utc>,
    event: Value,
    made: usize,
}

/// The template's schedules, each with the queues that its tasks read.
fn schedules() -> &'static [(Schedule, Vec<String>)] {
    static SCHEDULES: OnceLock<Vec<(Schedule, Vec<String>)>> = OnceLock::new();
    SCHEDULES.get_or_init(|| {
        let all = Template::parse(TEMPLATE).unwrap().schedules;
        let schedules = all.into_iter().filter(|schedule| schedule.function == "SubscriptionMaintenance");
        schedules.map(|schedule| (schedule.clone(), queues(&schedule))).collect()
    })
}

/// The queues of the due index that a schedule's tasks read.
fn queues(schedule: &Schedule) -> Vec<String> {
    let event: Value = serde_json::from_str(&schedule.input).unwrap();
    let tasks = event["task"].as_array().cloned().unwrap_or_else(|| vec![event["task"].clone()]);
    let queue = |task: &Value| match task.as_str().unwrap() {
        "clean-up" => "webhook-log".to_owned(),
        task => task.to_owned(),
    };
    tasks.iter().map(queue).collect()
}

impl<'a> Life<'a> {
    /// A life without faults.
    pub fn of(deployment: TestDeployment) -> Self {
        let (decide, hears) = (Box::new(|_: &TestDeployment, _: &HeldCall| Verdict::Proceed), Box::new(|_| true));
        Self { deployment, decide, hears, posted: 0, repeats: Vec::new() }
    }

    /// The same with another fate.
    pub fn where_calls(self, decide: impl FnMut(&TestDeployment, &HeldCall) -> Verdict + 'a) -> Self {
        Self { decide: Box::new(decide), ..self }
    }

    /// Lets everything go on until it is over.
    pub fn work(&mut self) {
        while let Some(call) = self.deployment.held_calls().into_iter().next() {
            let verdict = (self.decide)(&self.deployment, &call);
            self.deployment.release_call(&call, verdict);
        }
    }

    /// A request of staff; none where its answer never came.
    pub fn click(&mut self, method: &str, path: &str, body: &Value, key: &str) -> Option<(u16, Value)> {
        let task = self.deployment.spawn_admin(method, path, Some(body), &[("idempotency-key", key)]);
        self.work();
        match self.deployment.finished(task) {
            Some(Outcome::Answered { status, body }) => Some((status, serde_json::from_str(&body).expect("JSON"))),
            Some(Outcome::Crashed | Outcome::Failed(_)) | None => None,
        }
    }

    /// Lets time pass until an instant; everything due in between happens in its order.
    pub fn until(&mut self, target: &str) {
        self.until_at(target.parse().unwrap());
    }

    /// The same for so many hours.
    pub fn pass_hours(&mut self, hours: i64) {
        self.until_at(self.deployment.now() + TimeDelta::hours(hours));
    }

    /// The same for so many minutes.
    pub fn pass_minutes(&mut self, minutes: i64) {
        self.until_at(self.deployment.now() + TimeDelta::minutes(minutes));
    }

    fn until_at(&mut self, target: DateTime<Utc>) {
        self.deliver();
        loop {
            let fires = self.fires();
            let Some(at) = self.next_event(&fires).filter(|at| *at <= target) else { break };
            self.deployment.set_now(at.max(self.deployment.now()));
            self.deliver();
            for repeat in self.due_repeats() {
                self.invoke(repeat.event, repeat.made);
            }
            for (_, schedule) in fires.into_iter().filter(|(fires_at, _)| *fires_at == at) {
                self.invoke(serde_json::from_str(&schedule.event(at)).unwrap(), 0);
            }
        }
        self.deployment.set_now(target);
        self.deliver();
    }

    fn next_event(&mut self, fires: &[(DateTime<Utc>, &Schedule)]) -> Option<DateTime<Utc>> {
        let ecpay = self.deployment.ecpay(|ecpay, _| ecpay.next_due());
        let repeat = self.repeats.iter().map(|repeat| repeat.at).min();
        ecpay.into_iter().chain(repeat).chain(fires.iter().map(|(at, _)| *at)).min()
    }

    /// Times at which schedules fire with something due. Other runs are skipped.
    fn fires(&self) -> Vec<(DateTime<Utc>, &'static Schedule)> {
        let items = self.deployment.items();
        let fires = |(schedule, queues): &'static (Schedule, Vec<String>)| {
            let waiting = items.iter().filter(|item| queues.iter().any(|queue| item["queue"] == queue.as_str()));
            let earliest: DateTime<Utc> = waiting.filter_map(|item| item["due_at"].as_str()).min()?.parse().unwrap();
            let at = schedule.next_after(self.deployment.now().max(earliest - TimeDelta::seconds(1)))?;
            Some((at, schedule))
        };
        schedules().iter().filter_map(fires).collect()
    }

    fn due_repeats(&mut self) -> Vec<Repeat> {
        let now = self.deployment.now();
        let (due, later) = std::mem::take(&mut self.repeats).into_iter().partition(|repeat| repeat.at <= now);
        self.repeats = later;
        due
    }

    /// An invocation by a schedule; `made` times it was repeated already.
    fn invoke(&mut self, event: Value, made: usize) {
        let task = self.deployment.spawn_maintenance(event.clone(), 0);
        self.work();
        let failed = matches!(self.deployment.finished(task), Some(Outcome::Failed(_) | Outcome::Crashed));
        if let Some(minutes) = REPEATS.get(made).filter(|_| failed) {
            let at = self.deployment.now() + TimeDelta::minutes(*minutes);
            self.repeats.push(Repeat { at, event, made: made + 1 });
        }
    }

    /// ECPay posts what is due.
    pub fn deliver(&mut self) {
        for callback in self.deployment.due_callbacks() {
            let task: TaskId = self.deployment.spawn_callback(&callback);
            self.work();
            self.posted += 1;
            if (self.hears)(self.posted) {
                self.deployment.answered(&callback, task);
            } else {
                self.deployment.ecpay(|ecpay, now| ecpay.callback_answered(callback.id, false, now));
            }
        }
    }
}
