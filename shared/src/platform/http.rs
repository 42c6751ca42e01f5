//! Requests to others: one client, JSON out, answers of bounded length, and what a failure says of whether the request
//! was taken.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, header};
use serde_json::Value;

use crate::platform::aws;

/// For the connection, within a request's time: without one nothing was taken.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// The longest answer that is read, in bytes: a page of MMS is the largest.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// What a server answered.
#[derive(Clone, Debug)]
pub struct Answer {
    /// The status.
    pub status: u16,
    /// Its `Retry-After`.
    pub retry_after: Option<String>,
    /// The body.
    pub body: Vec<u8>,
}

/// Why there is no answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// No connection: nothing was taken.
    #[error("it was not reached")]
    NotReached,
    /// The request may have been taken.
    #[error("it did not answer")]
    NotAnswered,
    /// It began to answer; the request may have been taken.
    #[error("its answer was cut off or is too long")]
    AnswerLost,
}

/// A client whose requests take at most `timeout`. Keys must not wander: no redirects, no proxies. And nothing is repeated
/// below the caller's own rules.
///
/// # Errors
/// [`reqwest::Error`] where TLS cannot be set up.
pub fn client(timeout: Duration) -> Result<Client, reqwest::Error> {
    let client = aws::http().timeout(timeout).connect_timeout(CONNECT_TIMEOUT.min(timeout));
    client.redirect(reqwest::redirect::Policy::none()).no_proxy().retry(reqwest::retry::never()).build()
}

/// Sends a request with a JSON body.
///
/// # Errors
/// [`Failed`]; the text never holds the address, which may be a secret.
pub async fn post(request: RequestBuilder, body: &Value) -> Result<Answer, Failed> {
    let request = request.header(header::CONTENT_TYPE, "application/json; charset=utf-8").body(body.to_string());
    let mut answer = match request.send().await {
        Ok(answer) => answer,
        Err(error) if error.is_connect() => return Err(Failed::NotReached),
        Err(_) => return Err(Failed::NotAnswered),
    };
    let retry_after = answer.headers().get(header::RETRY_AFTER);
    let retry_after = retry_after.and_then(|value| value.to_str().ok().map(str::to_owned));
    let status = answer.status().as_u16();
    let mut body = Vec::new();
    loop {
        match answer.chunk().await {
            Ok(Some(chunk)) if body.len() + chunk.len() <= LARGEST_ANSWER => body.extend_from_slice(&chunk),
            Ok(None) => return Ok(Answer { status, retry_after, body }),
            Ok(Some(_)) | Err(_) => return Err(Failed::AnswerLost),
        }
    }
}
