//! Presses of buttons in Slack, each with the address at which it may be answered.

use chrono::{DateTime, TimeDelta, Utc};
use serde::{Deserialize, Serialize};

/// Time for which a press may be answered.
const ANSWERABLE: TimeDelta = TimeDelta::minutes(30);
/// Most answers to a press.
const MOST_ANSWERS: u32 = 5;

/// A press of a button.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct SlackPress {
    /// Place of the message among all messages.
    pub message: usize,
    /// Id of the user.
    pub user: String,
    /// Time of the press.
    pub at: DateTime<Utc>,
    /// Answers so far.
    pub answers: u32,
}

impl SlackPress {
    /// Counts an answer at `now`; Slack's word where it takes no more.
    pub(crate) fn answer(&mut self, now: DateTime<Utc>) -> Result<(), &'static str> {
        if now > self.at + ANSWERABLE {
            return Err("expired_url");
        }
        if self.answers >= MOST_ANSWERS {
            return Err("used_url");
        }
        self.answers += 1;
        Ok(())
    }
}
