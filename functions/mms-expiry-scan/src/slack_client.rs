//! Posts messages to Slack, each once; waits in the run for a short rate limit.

use std::time::Duration;

use reqwest::Client;
use serde_json::{Value, json};
use shared::exclusive_run::{self, ExclusiveRun};
use shared::platform::http::{self, Answer, Failed};
use shared::slack::{POST_MESSAGE_PATH, Posted, judge_post_message, judge_webhook};

use crate::config::Slack;
use crate::credentials::SlackKey;

/// Longest wait in seconds; a longer one ends this attempt of the run.
const LONGEST_WAIT: u32 = 20;
/// Waits in seconds where Slack sends no Retry-After; after the last one the run ends and is repeated.
const WAITS: [u32; 3] = [1, 2, 4];

/// Slack channel with the means to post to it.
pub(crate) struct Channel<'a> {
    pub(crate) http: &'a Client,
    pub(crate) settings: &'a Slack,
    pub(crate) key: &'a SlackKey,
}

impl Channel<'_> {
    /// Posts a payload of `text` and `blocks`, while the run holds its lease.
    pub(crate) async fn post(
        &self,
        payload: &Value,
        run: &mut ExclusiveRun<'_>,
    ) -> Result<Posted, exclusive_run::Error> {
        let mut waits = WAITS.into_iter();
        loop {
            let posted = self.try_once(payload).await;
            let Posted::NotTaken { wait_seconds, .. } = &posted else { return Ok(posted) };
            let wait = waits.next().map(|usual| wait_seconds.unwrap_or(usual)).filter(|wait| *wait <= LONGEST_WAIT);
            let Some(wait) = wait else { return Ok(posted) };
            tokio::time::sleep(Duration::from_secs(wait.into())).await;
            run.heartbeat().await?;
        }
    }

    async fn try_once(&self, payload: &Value) -> Posted {
        let judged = |sent: Result<Answer, Failed>, judge: fn(u16, Option<&str>, &[u8]) -> Posted| match sent {
            Ok(answer) => judge(answer.status, answer.retry_after.as_deref(), &answer.body),
            Err(failed @ Failed::NotReached) => Posted::NotTaken { reason: failed.to_string(), wait_seconds: None },
            Err(failed @ (Failed::NotAnswered | Failed::AnswerLost)) => Posted::Unclear(failed.to_string()),
        };
        match self.key {
            SlackKey::Webhook(address) => {
                judged(http::post(self.http.post(address.clone()), payload).await, judge_webhook)
            }
            SlackKey::Bot(token) => {
                let mut payload = payload.clone();
                if let Some(fields) = payload.as_object_mut() {
                    fields.insert("channel".to_owned(), json!(self.settings.channel));
                    fields.insert("unfurl_links".to_owned(), json!(false));
                }
                let request = self.http.post(format!("{}{POST_MESSAGE_PATH}", self.settings.endpoint));
                judged(http::post(request.bearer_auth(token), &payload).await, judge_post_message)
            }
        }
    }
}
