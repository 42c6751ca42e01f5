//! MMS's one endpoint: a page of the institutions that it takes for about to expire.

use std::time::Duration;

use reqwest::{Client, header};
use serde_json::{Value, json};
use shared::domain::institutions::BACKSTAGE;
use shared::domain::values::retry_after;
use shared::exclusive_run::ExclusiveRun;
use shared::platform::http;

use crate::config::Mms;
use crate::digest::ScanError;

/// The proxy takes the path behind it as one encoded segment.
const PATH: &str = "admin/organization/get/info/byPage";
/// Enabled institutions, and those about to expire, as far as the older tool's comments say.
const ENABLED: u32 = 1;
const ABOUT_TO_EXPIRE: u32 = 2;
/// The longest wait before a repetition, in seconds. Where MMS asks for more, that is left to a later attempt of the run.
const LONGEST_WAIT: u32 = 60;
/// Of what MMS says of a refusal so many characters are shown.
const LONGEST_MESSAGE: usize = 200;
/// A longer word, in bytes, may be part of a key.
const LONGEST_WORD: usize = 60;

/// Why there is no page.
#[derive(Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Error {
    /// MMS does not want us: a key that ran out, most likely.
    #[error("MMS refused: {0}")]
    Refused(String),
    /// It could not be asked, or answered with something that is no page.
    #[error("MMS did not answer properly: {0}")]
    Unavailable(String),
    /// It gives the same institutions again and again.
    #[error("MMS repeats page {0} for ever")]
    Endless(u32),
    /// It has more pages than anybody can have institutions.
    #[error("MMS has more than {0} pages")]
    TooManyPages(u32),
}

/// Why one try failed, and after which wait the next may be made.
struct Try {
    error: Error,
    wait_seconds: Option<u32>,
}

/// MMS, as one run asks it.
pub(crate) struct Pages<'a> {
    pub(crate) http: &'a Client,
    pub(crate) settings: &'a Mms,
    pub(crate) key: &'a str,
}

impl Error {
    /// Whether the same call may succeed later.
    pub(crate) const fn is_retryable(&self) -> bool {
        match self {
            Self::Unavailable(_) => true,
            Self::Refused(_) | Self::Endless(_) | Self::TooManyPages(_) => false,
        }
    }
}

impl Pages<'_> {
    /// The records of a page, counted from 1, as MMS gives them; none after the last page.
    pub(crate) async fn get(&self, number: u32, turn: &mut ExclusiveRun<'_>) -> Result<Vec<Value>, ScanError> {
        let mut wait = self.settings.delay;
        let mut left = self.settings.retries;
        loop {
            let Try { error, wait_seconds } = match self.try_once(number).await {
                Ok(page) => return Ok(page),
                Err(failed) => failed,
            };
            let seconds = wait_seconds.unwrap_or(wait.min(LONGEST_WAIT));
            if left == 0 || seconds > LONGEST_WAIT || !error.is_retryable() {
                return Err(error.into());
            }
            tracing::warn!(page = number, left, error = error.to_string(), "a page of MMS is asked for again");
            turn.heartbeat().await?;
            tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            turn.heartbeat().await?;
            wait = wait.saturating_mul(2);
            left -= 1;
        }
    }

    async fn try_once(&self, number: u32) -> Result<Vec<Value>, Try> {
        let mut url = self.settings.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(PATH);
        }
        let body = json!({
            "pageNumber": number, "pageSize": self.settings.page_size, "organizationStatuses": [ENABLED],
            "expirationStatuses": [ABOUT_TO_EXPIRE], "searchKeyword": "",
        });
        // The key as it is, without a scheme.
        let request =
            self.http.post(url).header(header::AUTHORIZATION, self.key).header(header::ACCEPT, "application/json");
        let request = request.header(header::ACCEPT_LANGUAGE, "zh-TW").header(header::ORIGIN, BACKSTAGE);
        // The site whose calls these are; whether MMS looks at it is not known.
        let request = request.header(header::REFERER, BACKSTAGE).header(header::USER_AGENT, "duekeeper");
        let unavailable = |reason: String| Try { error: Error::Unavailable(reason), wait_seconds: None };
        let answer = http::post(request, &body).await.map_err(|failed| unavailable(failed.to_string()))?;
        self.read(&answer)
    }

    fn read(&self, answer: &http::Answer) -> Result<Vec<Value>, Try> {
        let said: Option<Value> = serde_json::from_slice(&answer.body).ok().filter(Value::is_object);
        let status = answer.status;
        let wait_seconds = retry_after::seconds(answer.retry_after.as_deref());
        let passing = |reason: String| Try { error: Error::Unavailable(reason), wait_seconds };
        let refused = |said: &str| Try { error: Error::Refused(self.shown(said)), wait_seconds: None };
        let message = said.as_ref().and_then(message);
        match (status, &said) {
            (200..300, Some(said)) if said.get("status") == Some(&json!("success")) => {
                // The proxy wraps what is behind it once more.
                let page = said.pointer("/data/data/pageData").and_then(Value::as_array);
                page.cloned().ok_or_else(|| passing("an answer without a page".to_owned()))
            }
            (200..300, Some(_)) => Err(refused(message.unwrap_or("without a reason"))),
            (200..300, None) => Err(passing(format!("HTTP {status}, but no page of institutions"))),
            (400..500, _) if !matches!(status, 408 | 429) => {
                let reason = message.map_or_else(String::new, |message| format!(": {message}"));
                Err(refused(&format!("HTTP {status}{reason}")))
            }
            _ => Err(passing(format!("HTTP {status}"))),
        }
    }

    /// What MMS said, as it may be shown: in one line, cut, and without anything that may be a key.
    fn shown(&self, said: &str) -> String {
        let said = said.replace(self.key, "***");
        let words = said.split_whitespace().map(|word| if word.len() > LONGEST_WORD { "***" } else { word });
        let line = words.collect::<Vec<_>>().join(" ");
        line.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
    }
}

/// The reason that an answer gives, in one of the places where MMS has been seen to put it.
fn message(said: &Value) -> Option<&str> {
    let places = ["/error/message", "/error", "/message", "/data/message", "/data"];
    places.into_iter().find_map(|place| said.pointer(place)?.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::Url;

    use super::*;

    /// What one answer of MMS comes to.
    fn read(status: u16, body: &Value) -> Result<usize, Error> {
        let base = Url::parse("https://mms.example/proxy").unwrap();
        let settings = Mms { base, timeout: Duration::from_secs(1), retries: 0, delay: 0, page_size: 50 };
        let http = http::client(Duration::from_secs(1)).unwrap();
        let pages = Pages { http: &http, settings: &settings, key: "invented-key" };
        let answer = http::Answer { status, retry_after: None, body: body.to_string().into_bytes() };
        pages.read(&answer).map(|page| page.len()).map_err(|failed| failed.error)
    }

    #[test]
    fn a_refusal_is_known_in_any_shape_and_only_a_list_is_a_page() {
        assert_eq!(read(200, &json!({ "status": "success", "data": { "data": { "pageData": [1, 2] } } })), Ok(2));
        let refused = |reason: &str| Err(Error::Refused(reason.to_owned()));
        for body in [
            json!({ "status": "failure", "error": { "message": "token not valid" } }),
            json!({ "status": "failure", "error": "token not valid" }),
            json!({ "status": "failure", "message": "token not valid" }),
            json!({ "status": "failure", "data": "token not valid" }),
            json!({ "status": 0, "data": "token not valid" }),
        ] {
            assert_eq!(read(200, &body), refused("token not valid"), "{body}");
        }
        assert_eq!(read(401, &json!({ "error": "no" })), refused("HTTP 401: no"));
        assert_eq!(read(200, &json!({ "status": "failure" })), refused("without a reason"));
        for body in [json!([]), json!("success"), json!({ "status": "success", "data": null })] {
            assert!(matches!(read(200, &body), Err(Error::Unavailable(_))), "{body}");
        }
        assert!(matches!(read(503, &json!({})), Err(Error::Unavailable(_))));
        // What may be a key is shown to nobody.
        let echoed = format!("bad invented-key and {}", "eyJhbGciOiJIUzI1NiJ9".repeat(4));
        assert_eq!(read(403, &json!({ "message": echoed })), refused("HTTP 403: bad *** and ***"));
    }
}
