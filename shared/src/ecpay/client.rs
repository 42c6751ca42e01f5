//! Calls ECPay's server APIs: charge again, cancel, and ask what happened.

use std::time::Duration;

use reqwest::{Client, StatusCode};

use crate::domain::values::ids::SubscriptionId;
use crate::domain::values::time::Timestamp;
use crate::ecpay::check_mac_value::HashKeys;
use crate::ecpay::order_form::path;
use crate::ecpay::period_action::{PeriodAction, PeriodActionReply, parse_period_action, period_action_form};
use crate::ecpay::period_query::{self, PeriodLog, parse_period_info, period_info_form};
use crate::platform::aws;
use crate::platform::config;

/// ECPay answers within seconds; a Lambda waits no longer than this.
const TIMEOUT: Duration = Duration::from_secs(10);
/// The longest answer that is read, in bytes: a log of 999 charges has about 200 KB.
const LARGEST_ANSWER: usize = 512 * 1024;

/// ECPay's payment host.
#[derive(Clone, Debug)]
pub struct EcpayClient {
    client: Client,
    ecpay: config::Ecpay,
}

/// Why a call brought no answer.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// 403: too many calls. Nothing was done, and nothing may be asked for 30 minutes.
    #[error("ECPay refuses calls for now")]
    Blocked,
    /// No connection was made: nothing was done.
    #[error("ECPay was not reached")]
    NotReached(#[source] reqwest::Error),
    /// No answer, or none that can be trusted: it may have been done.
    #[error("ECPay's answer was lost")]
    Unclear(#[source] Box<dyn std::error::Error + Send + Sync>),
    /// The query was answered, but the answer says nothing.
    #[error("asking ECPay about an order")]
    Query(#[from] period_query::Error),
}

impl EcpayClient {
    /// The host that the configuration names.
    ///
    /// # Errors
    /// [`Error::NotReached`] when TLS cannot be set up.
    pub fn new(ecpay: config::Ecpay) -> Result<Self, Error> {
        // Signed requests must not wander: no redirects, no proxies. And nothing is repeated below our own rules.
        let client = aws::http().timeout(TIMEOUT).redirect(reqwest::redirect::Policy::none()).no_proxy();
        let client = client.retry(reqwest::retry::never()).build().map_err(Error::NotReached)?;
        Ok(Self { client, ecpay })
    }

    /// Asks for a retry or a cancel, once.
    ///
    /// # Errors
    /// [`Error`]; after [`Error::Unclear`] only a query may follow.
    pub async fn act(
        &self,
        action: PeriodAction,
        order: &SubscriptionId,
        wall: Timestamp,
        keys: &HashKeys,
    ) -> Result<PeriodActionReply, Error> {
        let form = period_action_form(action, &self.ecpay.merchant, order, wall, keys);
        let answer = self.post(path::PERIOD_ACTION, &form).await?;
        parse_period_action(&answer, order, keys).map_err(|error| Error::Unclear(error.into()))
    }

    /// Asks what became of an order's charges.
    ///
    /// # Errors
    /// [`Error`].
    pub async fn period_info(
        &self,
        order: &SubscriptionId,
        wall: Timestamp,
        keys: &HashKeys,
    ) -> Result<PeriodLog, Error> {
        let form = period_info_form(&self.ecpay.merchant, order, wall, keys);
        let answer = self.post(path::PERIOD_INFO, &form).await?;
        Ok(parse_period_info(&answer, (&self.ecpay.merchant, order))?)
    }

    async fn post(&self, path: &str, form: &[(String, String)]) -> Result<String, Error> {
        let request = self.client.post(format!("{}{path}", self.ecpay.endpoint)).form(form);
        let sent = request.send().await;
        let mut answer =
            sent.map_err(
                |error| if error.is_connect() { Error::NotReached(error) } else { Error::Unclear(error.into()) },
            )?;
        match answer.status() {
            StatusCode::OK => {}
            StatusCode::FORBIDDEN => return Err(Error::Blocked),
            other => return Err(Error::Unclear(format!("HTTP {other}").into())),
        }
        let mut body = Vec::new();
        while let Some(chunk) = answer.chunk().await.map_err(|error| Error::Unclear(error.into()))? {
            body.extend_from_slice(&chunk);
            if body.len() > LARGEST_ANSWER {
                return Err(Error::Unclear("the answer is too long".into()));
            }
        }
        String::from_utf8(body).map_err(|error| Error::Unclear(error.into()))
    }
}
