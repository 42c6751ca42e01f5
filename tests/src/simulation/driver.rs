//! Driver of one simulation: tasks under way, their calls released one by one, the model checked after each.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, TimeDelta, Utc};
use sandbox::ecpay::{Callback, Fields, parse_form};
use sandbox::world::credentials;
use serde_json::Value;

use super::fault_rates::FaultRates;
use super::model::{Checked, Model};
use crate::harness::{Options, Outcome, TaskId, TestDeployment, Verdict};
use crate::support::random::Random;

/// Lines after which a simulation is taken to go in circles.
const LONGEST_STORY: usize = 20_000;

/// Purpose of a task.
pub(crate) enum Purpose {
    /// A callback of ECPay's, which hears the answer or not.
    Callback { callback: Callback, heard: bool },
    /// An old callback that is delivered again.
    Repeat(Callback),
    /// A callback that ECPay never sent.
    Forgery,
    /// An order of a user.
    Order,
    /// A request of staff.
    Staff,
    /// A run of the schedule, as often as Lambda tries it.
    Run { event: Value, tries: u32 },
}

/// An order that was made and may still be submitted.
pub(crate) struct Made {
    pub(crate) form: Value,
    pub(crate) at: DateTime<Utc>,
}

/// One simulation: deployment, model, actors' state and transcript.
pub(crate) struct Driver {
    pub(crate) deployment: TestDeployment,
    pub(crate) model: Model,
    pub(crate) random: Random,
    pub(crate) fault_rates: FaultRates,
    /// The network loses and holds nothing any more.
    pub(crate) calm: bool,
    pub(crate) users: usize,
    /// Orders that were not submitted yet.
    pub(crate) made: Vec<Made>,
    /// Orders that ECPay has, in the order in which they came.
    pub(crate) orders: Vec<String>,
    /// Callbacks that the network holds, and until when.
    pub(crate) held: Vec<(DateTime<Utc>, Callback)>,
    /// Orders that ECPay does not charge for now, and until when.
    pub(crate) stalled: Vec<(DateTime<Utc>, String)>,
    /// Orders that the merchant paused in ECPay's console, and until when.
    pub(crate) paused: Vec<(DateTime<Utc>, String)>,
    /// Orders of which the merchant moved a charge, by a day or by a pause.
    pub(crate) moved: BTreeSet<String>,
    /// Orders about which ECPay answers oddly, and until when.
    pub(crate) odd: Vec<(DateTime<Utc>, String)>,
    /// Until then every callback of the schedule is lost.
    pub(crate) lost_until: DateTime<Utc>,
    /// Callbacks that were delivered.
    pub(crate) delivered: Vec<Callback>,
    /// Runs that failed and that Lambda begins again.
    pub(crate) again: Vec<(Value, u32)>,
    pub(crate) keys: u32,
    flights: Vec<(TaskId, Purpose)>,
    faulty: BTreeMap<TaskId, Verdict>,
    story: Vec<String>,
}

impl Driver {
    pub(crate) fn new(seed: u64) -> Self {
        let mut random = Random::new(seed);
        let begin: DateTime<Utc> = "2025-01-01T02:00:00Z".parse().expect("an instant");
        let now = begin + TimeDelta::minutes(random.between(0, 500_000));
        let fault_rates = FaultRates::draw(&mut random);
        let users = 2 + random.below(3);
        let variables = [("RECEIPTS", "on"), ("EVENTS_SECRET_ID", credentials::EVENTS_SECRET)];
        let variables = variables.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let mut driver = Self {
            deployment: TestDeployment::new(Options { now, variables }),
            model: Model::new(),
            random,
            fault_rates,
            calm: false,
            users,
            made: Vec::new(),
            orders: Vec::new(),
            held: Vec::new(),
            stalled: Vec::new(),
            paused: Vec::new(),
            moved: BTreeSet::new(),
            odd: Vec::new(),
            lost_until: now,
            delivered: Vec::new(),
            again: Vec::new(),
            keys: 0,
            flights: Vec::new(),
            faulty: BTreeMap::new(),
            story: Vec::new(),
        };
        driver.note(format!("seed {seed}, {users} users, {fault_rates:?}"));
        driver
    }

    /// Transcript of all decisions and actions, oldest first.
    pub(crate) fn story(&self) -> &[String] {
        &self.story
    }

    /// Adds a line to the transcript.
    pub(crate) fn note(&mut self, what: impl Into<String>) {
        let at = self.deployment.now().with_timezone(&chrono::FixedOffset::east_opt(8 * 3600).expect("an offset"));
        self.story.push(format!("{} {}", at.format("%m-%d %H:%M:%S"), what.into()));
    }

    /// Moves the time; ECPay does what is due.
    pub(crate) fn travel(&mut self, to: DateTime<Utc>) {
        self.deployment.set_now(to.max(self.deployment.now()));
        self.note("the time");
    }

    /// A task is under way.
    pub(crate) fn flies(&mut self, task: TaskId, what: &str, purpose: Purpose) {
        self.note(format!("{} begins: {what}", task.0));
        if matches!(purpose, Purpose::Forgery) {
            self.model.forged(task);
        }
        self.flights.push((task, purpose));
    }

    /// Lets everything under way go on to its end, one call at a time.
    pub(crate) fn land(&mut self) -> Checked {
        self.landed()?;
        if self.story.len() > LONGEST_STORY {
            return Err("it does not come to an end".to_owned());
        }
        while let held = self.deployment.held_calls()
            && !held.is_empty()
        {
            let call = self.random.pick(&held).clone();
            let verdict = self.fault_rates.verdict(&mut self.random, &call);
            if verdict != Verdict::Proceed {
                self.faulty.insert(call.task, verdict);
            }
            self.deployment.release_call(&call, verdict);
            let step = self.deployment.transcript().last().expect("a step").clone();
            self.note(step.to_string());
            self.model.after(&mut self.deployment, &step)?;
            self.landed()?;
        }
        Ok(())
    }

    fn landed(&mut self) -> Checked {
        let mut place = 0;
        while place < self.flights.len() {
            match self.deployment.finished(self.flights[place].0) {
                None => place += 1,
                Some(outcome) => {
                    let (task, purpose) = self.flights.remove(place);
                    self.ended(task, purpose, &outcome)?;
                }
            }
        }
        Ok(())
    }

    fn ended(&mut self, task: TaskId, purpose: Purpose, outcome: &Outcome) -> Checked {
        let ended = match outcome {
            Outcome::Answered { status, body } => format!("{status} {}", body.chars().take(300).collect::<String>()),
            Outcome::Failed(error) => error.clone(),
            Outcome::Crashed => "crashed".to_owned(),
        };
        self.note(format!("{} ended: {ended}", task.0));
        let well = !self.faulty.contains_key(&task);
        let status = match outcome {
            Outcome::Answered { status, .. } => *status,
            Outcome::Failed(error) if error == "panicked" => return Err(format!("task {} panicked", task.0)),
            Outcome::Failed(_) | Outcome::Crashed => 0,
        };
        match purpose {
            Purpose::Callback { callback, heard } => {
                self.acknowledged(&callback, outcome, well)?;
                if heard {
                    self.deployment.answered(&callback, task);
                } else {
                    self.deployment.ecpay(|ecpay, now| ecpay.callback_answered(callback.id, false, now));
                }
                self.delivered.push(callback);
            }
            Purpose::Repeat(callback) => self.acknowledged(&callback, outcome, well)?,
            Purpose::Forgery if status != 400 && well => return Err(format!("a forged callback was answered {ended}")),
            Purpose::Forgery => {}
            Purpose::Order if status == 201 => {
                let Outcome::Answered { body, .. } = outcome else { return Ok(()) };
                let form = serde_json::from_str(body).map_err(|error| error.to_string())?;
                self.ordered(form);
            }
            Purpose::Order | Purpose::Staff if status >= 500 && status != 503 => {
                return Err(format!("staff were answered {ended}"));
            }
            Purpose::Order | Purpose::Staff => {}
            Purpose::Run { event, tries } if status == 0 => {
                if well {
                    return Err(format!("a run without faults failed: {ended}"));
                }
                self.again.push((event, tries + 1));
            }
            Purpose::Run { .. } => {}
        }
        Ok(())
    }

    fn acknowledged(&mut self, callback: &Callback, outcome: &Outcome, well: bool) -> Checked {
        let ok = Outcome::Answered { status: 200, body: "1|OK".to_owned() };
        let later = matches!(outcome, Outcome::Crashed | Outcome::Answered { status: 503, .. });
        if *outcome == ok {
            let fields = fields(callback);
            self.model.acknowledged(&mut self.deployment, &fields)
        } else if later && !well {
            Ok(())
        } else {
            Err(format!("a callback was answered {outcome:?}"))
        }
    }
}

/// The form of a callback.
pub(crate) fn fields(callback: &Callback) -> Fields {
    parse_form(&callback.body).expect("ECPay's own form")
}
