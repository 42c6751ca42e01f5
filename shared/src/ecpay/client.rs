//! Client of ECPay's server APIs: retry, cancel and query.

use std::time::Duration;

use reqwest::{Client, StatusCode};

use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;
use crate::ecpay::check_mac_value::HashKeys;
use crate::ecpay::order_form::path;
use crate::ecpay::period_action::{PeriodAction, PeriodActionReply, parse_period_action, period_action_form};
use crate::ecpay::period_query;
use crate::ecpay::period_query::{PeriodLog, parse_period_info, period_info_form};
use crate::platform::aws;
use crate::platform::config;

/// Timeout of one call. ECPay answers within seconds.
const TIMEOUT: Duration = Duration::from_secs(10);
/// Longest response that is read, in bytes: a log of 999 charges has about 200 KB.
const LARGEST_ANSWER: usize = 512 * 1024;

/// Client of the configured payment host and merchant.
#[derive(Clone, Debug)]
pub struct EcpayClient {
    client: Client,
    ecpay: config::Ecpay,
}

/// Reasons why a call brought no usable response.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 403, too many calls: not done, and the circuit breaker opens for 30 minutes
    /// (<https://developers.ecpay.com.tw/?p=2858>).
    #[error("ECPay refuses calls for now (HTTP 403)")]
    Blocked,
    /// Without a connection: not done.
    #[error("ECPay was not reached")]
    NotReached(#[source] reqwest::Error),
    /// No response, or one that cannot be verified: the request may have been carried out.
    #[error("ECPay's response was lost")]
    Unknown(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The response to a query cannot be used.
    #[error("querying an order at ECPay")]
    Query(#[from] period_query::Error),
}

impl EcpayClient {
    /// A client of the host in the configuration.
    ///
    /// # Errors
    /// [`Error::NotReached`] where TLS cannot be set up.
    pub fn new(ecpay: config::Ecpay) -> Result<Self, Error> {
        // A signed request goes to one host only, so no redirects and no proxies; only the caller's rules repeat a call.
        let client = aws::http().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.retry(reqwest::retry::never()).build().map_err(Error::NotReached)?;
        Ok(Self { client, ecpay })
    }

    /// Requests a retry or a cancel with one call.
    ///
    /// # Errors
    /// [`Error`]; after [`Error::Unknown`] the caller must query before it requests again.
    pub async fn act(
        &self,
        action: PeriodAction,
        order: &SubscriptionId,
        wall: Timestamp,
        keys: &HashKeys,
    ) -> Result<PeriodActionReply, Error> {
        let form = period_action_form(action, &self.ecpay.merchant, order, wall, keys);
        let answer = self.post(path::PERIOD_ACTION, &form).await?;
        parse_period_action(&answer, order, keys).map_err(|error| Error::Unknown(error.into()))
    }

    /// Queries the charges of an order.
    pub async fn period_info(
        &self,
        order: &SubscriptionId,
        wall: Timestamp,
        keys: &HashKeys,
    ) -> Result<PeriodLog, Error> {
        let form = period_info_form(&self.ecpay.merchant, order, wall, keys);
        let answer = self.post(path::PERIOD_INFO, &form).await?;
        Ok(parse_period_info(&answer, &self.ecpay.merchant, order)?)
    }

    async fn post(&self, path: &str, form: &[(String, String)]) -> Result<String, Error> {
        let request = self.client.post(format!("{}{path}", self.ecpay.endpoint)).form(form);
        let sent = request.send().await;
        let mut answer =
            sent.map_err(
                |error| if error.is_connect() { Error::NotReached(error) } else { Error::Unknown(error.into()) },
            )?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN => return Err(Error::Blocked),
            other => return Err(Error::Unknown(format!("HTTP {other}").into())),
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| Error::Unknown(error.into()))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(Error::Unknown("the response is too long".into()));
            }
        }
        String::from_utf8(body).map_err(|error| Error::Unknown(error.into()))
    }
}
