//! An order for which a task cannot be done: tried again ever more rarely, told to staff once, in nobody's way.

use serde::{Deserialize, Serialize};

use crate::domain::billing::decision::{Actor, Decision, Fact, Versioned};
use crate::domain::billing::next_action::ActionKind;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::policy::{ASK_WITHOUT_ANSWER_DAYS, PARKED_AFTER, STUCK_BACKOFF_HOURS};
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::{RetryAsk, RetryState, Subscription};
use crate::domain::values::time::Timestamp;

/// A task that failed for this order and no other reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stuck {
    /// The task.
    pub task: ActionKind,
    /// Since when it fails.
    pub since: Timestamp,
    /// How often it failed.
    pub attempts: usize,
    /// When it is tried again.
    pub again_at: Timestamp,
    /// Why it failed the last time, without personal data.
    pub reason: String,
}

impl Stuck {
    /// Whether it failed so often that staff were told and that nothing else waits for it any more.
    #[must_use]
    pub const fn is_parked(&self) -> bool {
        self.attempts >= PARKED_AFTER
    }
}

/// A task failed for this order: tried again later. A retry whose result cannot be asked for is given up after a week.
#[must_use]
pub fn get_stuck(before: &Versioned<Subscription>, task: ActionKind, reason: &str, now: Timestamp) -> Decision {
    let mut next = before.value.clone();
    let known = next.stuck.take().filter(|stuck| stuck.task == task);
    let (since, failed) = known.map_or((now, 0), |stuck| (stuck.since, stuck.attempts));
    let attempts = failed.saturating_add(1);
    let [.., longest] = STUCK_BACKOFF_HOURS;
    let wait = STUCK_BACKOFF_HOURS.get(failed).copied().unwrap_or(longest);
    let stuck = Stuck { task, since, attempts, again_at: now.plus_hours(wait), reason: reason.to_owned() };
    let parked = stuck.is_parked();
    let tell = attempts == PARKED_AFTER;
    next.stuck = Some(stuck);
    let unanswered = |ask: &&mut RetryAsk| ask.is_open() && now >= ask.asked_at.plus_days(ASK_WITHOUT_ANSWER_DAYS);
    if let Some(ask) = next.retry.as_mut().filter(unanswered) {
        ask.state = RetryState::NoResult;
    }
    let notice = Notice::about(&next, NoticeKind::Parked, &since.to_string(), now)
        .with("task", task.name())
        .with("reason", reason);
    let fact = Fact::Stuck { task, reason: reason.to_owned() };
    let rule = if parked { Rule::Parked } else { Rule::Stuck };
    let mut decision = Decision::new(before, next, (fact, rule, Actor::Schedule), now);
    decision.notices.extend(tell.then_some(notice));
    decision
}

/// The task can be done again.
#[must_use]
pub fn get_unstuck(before: &Versioned<Subscription>, now: Timestamp) -> Option<Decision> {
    before.value.stuck.as_ref()?;
    let next = before.value.clone();
    Some(Decision::new(before, next, (Fact::Checked, Rule::HandledAgain, Actor::Schedule), now))
}
