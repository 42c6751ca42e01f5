//! Outbound HTTP with JSON bodies and bounded responses. A failure says if the request may have been processed.

use std::time::Duration;

use reqwest::{Client, RequestBuilder, header};
use serde_json::Value;

use crate::platform::aws;

/// Longest time to connect, within the request's timeout. Without a connection the request was not processed.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(4);
/// Longest response that is read, in bytes: a page of MMS is the largest.
const LARGEST_ANSWER: usize = 4 * 1024 * 1024;

/// Response of a server.
#[derive(Clone, Debug)]
pub struct Answer {
    /// HTTP status code.
    pub status: u16,
    /// Header `Retry-After` as it was sent.
    pub retry_after: Option<String>,
    /// Body, at most 4 MiB.
    pub body: Vec<u8>,
}

/// Reasons why there is no response.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Failed {
    /// Without a connection: the request was not processed.
    #[error("it was not reached")]
    NotReached,
    /// Timeout: the request may have been processed.
    #[error("it did not answer")]
    NotAnswered,
    /// Incomplete or too long response: the request may have been processed.
    #[error("its answer was cut off or is too long")]
    AnswerLost,
}

/// Returns a client whose requests take at most `timeout`. It follows no redirect and uses no proxy, since requests carry
/// keys, and repeats no request.
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
/// [`Failed`]; the text never contains the address, which may be a secret.
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
