//! HTTP client of MMS's list of institutions that are about to expire.

use std::time::Duration;

use reqwest::{Client, header};
use serde_json::{Value, json};
use shared::domain::values::retry_after;
use shared::exclusive_run::ExclusiveRun;
use shared::platform::http;
use shared::slack::BACKSTAGE;

use crate::config::{LONGEST_WAIT, Mms};
use crate::mms::error::{Error, ReadError};
use crate::mms::pass::{Page, Pass};

/// Path of the endpoint, which MMS's proxy expects percent-encoded as one segment.
const PATH: &str = "admin/organization/get/info/byPage";
/// `organizationStatuses` of enabled institutions, as the older tool's comments say.
const ENABLED: u32 = 1;
/// `expirationStatuses` of institutions about to expire, as the older tool's comments say.
const ABOUT_TO_EXPIRE: u32 = 2;
/// Fields that may have the number of all records: those of common Java pagers, because MMS's own is not documented.
const TOTALS: [&str; 3] = ["total", "totalCount", "totalElements"];
/// Characters of MMS's error message that are shown.
const LONGEST_MESSAGE: usize = 200;
/// Longest word shown, in bytes: a longer one may be part of a key.
const LONGEST_WORD: usize = 60;

/// A failed request, with the wait that MMS requests before the next one.
struct FailedTry {
    error: Error,
    wait_seconds: Option<u32>,
}

/// MMS's list during one run.
pub(crate) struct Pages<'a> {
    pub(crate) http: &'a Client,
    pub(crate) settings: &'a Mms,
    pub(crate) key: &'a str,
}

impl Pages<'_> {
    /// Returns the page of this number, counted from 1, after those that the pass has read.
    pub(crate) async fn get(&self, number: u32, pass: &Pass, run: &mut ExclusiveRun<'_>) -> Result<Page, ReadError> {
        let mut wait = self.settings.delay;
        let mut left = self.settings.retries;
        loop {
            let FailedTry { error, wait_seconds } = match self.try_once(number, pass).await {
                Ok(page) => return Ok(page),
                Err(failed) => failed,
            };
            let seconds = wait_seconds.unwrap_or(wait.min(LONGEST_WAIT));
            if left == 0 || seconds > LONGEST_WAIT || !error.is_retryable() {
                return Err(error.into());
            }
            tracing::warn!(page = number, left, error = error.to_string(), "a page of MMS is requested again");
            // On both sides of the wait, which may be longer than the time between two renewals of the lease.
            run.heartbeat().await?;
            tokio::time::sleep(Duration::from_secs(seconds.into())).await;
            run.heartbeat().await?;
            wait = wait.saturating_mul(2);
            left -= 1;
        }
    }

    async fn try_once(&self, number: u32, pass: &Pass) -> Result<Page, FailedTry> {
        let mut url = self.settings.base.clone();
        if let Ok(mut path) = url.path_segments_mut() {
            path.pop_if_empty().push(PATH);
        }
        let body = json!({
            "pageNumber": number, "pageSize": self.settings.page_size, "organizationStatuses": [ENABLED],
            "expirationStatuses": [ABOUT_TO_EXPIRE], "searchKeyword": "",
        });
        // MMS expects the key as it is, without a scheme such as Bearer.
        let request =
            self.http.post(url).header(header::AUTHORIZATION, self.key).header(header::ACCEPT, "application/json");
        let request = request.header(header::ACCEPT_LANGUAGE, "zh-TW").header(header::ORIGIN, BACKSTAGE);
        // The headers of MMS's own site; it is unknown whether MMS checks them.
        let request = request.header(header::REFERER, BACKSTAGE).header(header::USER_AGENT, "duekeeper");
        let unavailable = |reason: String| FailedTry { error: Error::Unavailable(reason), wait_seconds: None };
        let answer = http::post(request, &body).await.map_err(|failed| unavailable(failed.to_string()))?;
        self.read(&answer, pass)
    }

    fn read(&self, answer: &http::Answer, pass: &Pass) -> Result<Page, FailedTry> {
        let body: Option<Value> = serde_json::from_slice(&answer.body).ok().filter(Value::is_object);
        let status = answer.status;
        let wait_seconds = retry_after::seconds(answer.retry_after.as_deref());
        let retryable = |reason: String| FailedTry { error: Error::Unavailable(reason), wait_seconds };
        let refused = |text: &str| FailedTry { error: Error::Refused(self.redacted(text)), wait_seconds: None };
        let message = body.as_ref().and_then(message);
        match (status, &body) {
            (200..300, Some(body)) if body.get("status") == Some(&json!("success")) => {
                page(body, pass).ok_or_else(|| retryable("an answer without a page".to_owned()))
            }
            (200..300, Some(_)) => Err(refused(message.unwrap_or("without a reason"))),
            (200..300, None) => Err(retryable(format!("HTTP {status}, but no page of institutions"))),
            (400..500, _) if !matches!(status, 408 | 429) => {
                let reason = message.map_or_else(String::new, |message| format!(": {message}"));
                Err(refused(&format!("HTTP {status}{reason}")))
            }
            _ => Err(retryable(format!("HTTP {status}"))),
        }
    }

    /// Returns MMS's message in one line, truncated and without anything that may be a key.
    fn redacted(&self, text: &str) -> String {
        let text = text.replace(self.key, "***");
        let words = text.split_whitespace().map(|word| if word.len() > LONGEST_WORD { "***" } else { word });
        let line = words.collect::<Vec<_>>().join(" ");
        line.chars().filter(|c| !c.is_control()).take(LONGEST_MESSAGE).collect()
    }
}

/// Reads a successful response. Without records it is the end of the list only if the pass has read as many as MMS has:
/// Java and Go write an empty list as null or leave it out.
fn page(body: &Value, pass: &Pass) -> Option<Page> {
    // The proxy wraps the endpoint's own `data` in another one.
    let data = body.pointer("/data/data");
    let number = |name: &&str| data?.get(*name)?.as_u64();
    let total = TOTALS.iter().find_map(number).and_then(|total| usize::try_from(total).ok());
    let records = match data.and_then(|data| data.get("pageData")) {
        Some(Value::Array(records)) => records.clone(),
        None | Some(Value::Null) if pass.has_read_all(total) => Vec::new(),
        _ => return None,
    };
    Some(Page { records, total })
}

/// Error message of a response, from one of the fields in which MMS has been seen to return it.
fn message(response: &Value) -> Option<&str> {
    let places = ["/error/message", "/error", "/message", "/data/message", "/data"];
    places.into_iter().find_map(|place| response.pointer(place)?.as_str())
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use reqwest::Url;

    use super::*;
    use crate::mms::listing::MmsListing;

    /// Reads a first response of MMS and returns the number of its records.
    fn read(status: u16, body: &Value) -> Result<usize, Error> {
        read_after(&Pass::default(), status, body)
    }

    fn read_after(pass: &Pass, status: u16, body: &Value) -> Result<usize, Error> {
        let base = Url::parse("https://mms.example/proxy").unwrap();
        let settings = Mms { base, timeout: Duration::from_secs(1), retries: 0, delay: 0, page_size: 50 };
        let http = http::client(Duration::from_secs(1)).unwrap();
        let pages = Pages { http: &http, settings: &settings, key: "invented-key" };
        let answer = http::Answer { status, retry_after: None, body: body.to_string().into_bytes() };
        pages.read(&answer, pass).map(|page| page.records.len()).map_err(|failed| failed.error)
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
        // Anything that may be a key is redacted.
        let echoed = format!("bad invented-key and {}", "eyJhbGciOiJIUzI1NiJ9".repeat(4));
        assert_eq!(read(403, &json!({ "message": echoed })), refused("HTTP 403: bad *** and ***"));
    }

    #[test]
    fn a_response_without_records_is_the_end_only_of_a_list_that_was_read_whole() {
        let answer = |data: &Value| json!({ "status": "success", "data": { "data": data } });
        let no_page = Err(Error::Unavailable("an answer without a page".to_owned()));
        let mut half_read = Pass::default();
        let records = vec![json!({ "uid": "A", "expirationTime": "2026-12-02" }), json!(null)];
        half_read.add(Page { records: records.clone(), total: Some(3) }, 1, &mut MmsListing::default()).unwrap();
        let mut read_whole = Pass::default();
        read_whole.add(Page { records, total: Some(2) }, 1, &mut MmsListing::default()).unwrap();
        for (pass, data, is_end) in [
            (&Pass::default(), json!({ "pageData": null, "total": 0 }), true),
            (&Pass::default(), json!({ "totalCount": 0 }), true),
            (&Pass::default(), json!({ "pageData": null }), false),
            (&Pass::default(), json!({ "pageData": null, "total": 1 }), false),
            (&Pass::default(), json!({ "pageData": null, "total": "0" }), false),
            (&Pass::default(), json!({ "pageData": {}, "total": 0 }), false),
            (&Pass::default(), json!(null), false),
            (&half_read, json!({ "pageData": null }), false),
            (&half_read, json!({ "pageData": null, "totalElements": 3 }), false),
            (&read_whole, json!({ "pageData": null }), true),
            (&read_whole, json!({ "pageData": null, "total": 2 }), true),
            (&read_whole, json!({ "total": 3 }), false),
            (&read_whole, json!({ "pageData": "", "total": 2 }), false),
        ] {
            let expected = if is_end { Ok(0) } else { no_page.clone() };
            assert_eq!(read_after(pass, 200, &answer(&data)), expected, "{data}");
        }
        // An empty first page is no end of a list that has records.
        let first = Page { records: Vec::new(), total: Some(5) };
        let added = Pass::default().add(first, 1, &mut MmsListing::default());
        assert_eq!(added, Err(Error::Unavailable("none of 5 records on the first page".to_owned())));
    }
}
