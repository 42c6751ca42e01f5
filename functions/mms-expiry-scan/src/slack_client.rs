//! Posts messages to Slack, each once; waits in the run for a short rate limit.

use reqwest::Client;
use serde_json::{Value, json};
use shared::domain::values::send_outcome::{SendOutcome, ShortWaits};
use shared::exclusive_run;
use shared::exclusive_run::ExclusiveRun;
use shared::platform::http;
use shared::platform::http::{Answer, Failed};
use shared::slack::{POST_MESSAGE_PATH, judge_post_message, judge_webhook};

use crate::config::Slack;
use crate::credentials::SlackKey;

/// Longest wait in seconds; a longer one is left to a repetition or a later run of the day.
const LONGEST_WAIT: u32 = 20;

/// Slack channel with the means to post to it.
pub(crate) struct Channel<'a> {
    pub(crate) http: &'a Client,
    pub(crate) settings: &'a Slack,
    pub(crate) key: &'a SlackKey,
}

impl Channel<'_> {
    /// Posts a payload of `text` and `blocks`, while the run holds its lease. After the last wait the run ends and is
    /// repeated.
    pub(crate) async fn post(
        &self,
        payload: &Value,
        run: &mut ExclusiveRun<'_>,
    ) -> Result<SendOutcome, exclusive_run::Error> {
        let mut waits = ShortWaits::of_at_most(LONGEST_WAIT);
        loop {
            let outcome = self.try_once(payload).await;
            let SendOutcome::NotSent { retry_after, .. } = &outcome else { return Ok(outcome) };
            let Some(wait) = waits.next(*retry_after) else { return Ok(outcome) };
            tokio::time::sleep(wait).await;
            run.heartbeat().await?;
        }
    }

    async fn try_once(&self, payload: &Value) -> SendOutcome {
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

fn judged(response: Result<Answer, Failed>, judge: fn(u16, Option<&str>, &[u8]) -> SendOutcome) -> SendOutcome {
    match response {
        Ok(answer) => judge(answer.status, answer.retry_after.as_deref(), &answer.body),
        Err(failed @ Failed::NotReached) => SendOutcome::unavailable(failed.to_string()),
        Err(failed @ (Failed::NotAnswered | Failed::AnswerLost)) => SendOutcome::unknown(failed.to_string()),
    }
}
