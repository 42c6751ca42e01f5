//! Receives ECPay's callbacks: verify, parse, load, decide, commit, reply.
//!
//! Knows nothing of sending: whatever follows from a callback is stored here and sent by others.

use aws_types::SdkConfig;
use lambda_http::{Body, Request, Response};
use shared::apply_report;
use shared::domain::billing::payment::PaymentReport;
use shared::domain::billing::policy::DunningPolicy;
use shared::domain::values::time::Timestamp;
use shared::ecpay::callback;
use shared::ecpay::callback_form::{self, CallbackKind, VerifiedForm};
use shared::platform::clock::InvocationTime;
use shared::platform::config::{self, Invalid, Reader};
use shared::platform::logging::error_chain;
use shared::platform::metrics::CallbackOutcome;
use shared::platform::secrets::{self, EcpayKeys};
use shared::store::Store;

mod counters;
mod metrics;
mod quarantine;
mod reply;

use metrics::CallbackMetrics;

/// What the function is told at start.
#[derive(Clone, Debug)]
pub struct Config {
    table: String,
    ecpay: config::Ecpay,
    policy: DunningPolicy,
}

/// One instance of the function.
pub struct Webhook {
    store: Store,
    keys: EcpayKeys,
    policy: DunningPolicy,
    apply_simulated: bool,
    tally: counters::CallbackCounters,
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`Invalid`] with every fault.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let table = reader.required("TABLE_NAME");
        let (ecpay, policy) = (reader.ecpay(), reader.policy());
        let config = ecpay.zip(policy).map(|(ecpay, policy)| Self { table, ecpay, policy });
        reader.finish(config)
    }
}

impl Webhook {
    /// Builds the clients and reads the keys once, so that an instance that cannot verify does not start.
    ///
    /// # Errors
    /// [`secrets::Error`].
    pub async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, secrets::Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let keys = EcpayKeys::new(secrets, config.ecpay.secret_id, config.ecpay.environment);
        keys.get(wall).await?;
        let store = Store::new(aws_sdk_dynamodb::Client::new(aws), config.table);
        let apply_simulated = config.ecpay.apply_simulated;
        Ok(Self { store, keys, policy: config.policy, apply_simulated, tally: counters::CallbackCounters::default() })
    }

    /// Verifies under the keys known here, and where these did not sign it, under those that came since.
    async fn verify(
        &self,
        kind: CallbackKind,
        body: &[u8],
        wall: Timestamp,
    ) -> Result<Result<VerifiedForm, callback_form::Error>, secrets::Error> {
        let keys = self.keys.get(wall).await?;
        let verified = VerifiedForm::verify(kind, body, &keys);
        if !matches!(verified, Err(callback_form::Error::WrongDigest)) {
            return Ok(verified);
        }
        Ok(match self.keys.newer(&keys, wall).await {
            Some(newer) => VerifiedForm::verify(kind, body, &newer),
            None => verified,
        })
    }
}

/// Answers one callback. `1|OK` is given only once everything that follows from it is stored.
pub async fn handle(webhook: &Webhook, request: Request, moment: InvocationTime) -> Response<Body> {
    let Some(kind) = callback_kind(&request) else { return reply::not_found() };
    let (response, seen) = webhook.answer(kind, request.body().as_ref(), moment).await;
    seen.tell(kind, moment);
    response
}

impl Webhook {
    async fn answer(
        &self,
        kind: CallbackKind,
        body: &[u8],
        moment: InvocationTime,
    ) -> (Response<Body>, CallbackMetrics) {
        let form = match self.verify(kind, body, moment.wall).await {
            Ok(Ok(form)) => form,
            Err(error) => return not_stored(&error_chain(&error)),
            Ok(Err(error)) => {
                tracing::warn!(callback = ?kind, reason = %error, "callback refused");
                self.tally.refused(&self.store, kind.into(), moment.wall).await;
                return (reply::refused(&error), CallbackMetrics::refused(&error));
            }
        };
        let said = match callback::parse(&form, moment.logical) {
            Ok(report) => report,
            Err(error) => return self.set_aside_unusable(&form, &error, moment).await,
        };
        let report = PaymentReport { simulated: said.simulated && !self.apply_simulated, ..said.clone() };
        let log = quarantine::log(kind, report.event.as_str(), true, moment);
        match apply_report::apply(&self.store, &report, Some(&log), &self.policy, moment.logical).await {
            Ok(apply_report::Outcome::Applied(applied)) => {
                let rule = applied.decision.change.history.rule;
                tracing::info!(subscription = %report.subscription, event = %report.event, ?rule, rtn_code = report.rtn_code, "{}", rule.sentence());
                let happened = applied.happened();
                let spread = report.subscription.as_str();
                self.tally.applied(&self.store, (kind.into(), &happened), spread, moment.wall).await;
                (reply::ok(), CallbackMetrics::applied(happened))
            }
            Ok(apply_report::Outcome::Repeat) => {
                tracing::info!(subscription = %report.subscription, event = %report.event, "callback repeated");
                (reply::ok(), CallbackOutcome::Repeat.into())
            }
            // Kept as it was said: leave to apply simulations is this function's, and no replay inherits it.
            Ok(apply_report::Outcome::Quarantined(reason)) => self.set_aside(&form, &said, &reason, moment).await,
            Err(error) => not_stored(&error_chain(&error)),
        }
    }
}

fn not_stored(cause: &str) -> (Response<Body>, CallbackMetrics) {
    (reply::try_again(cause), CallbackOutcome::NotStored.into())
}

fn callback_kind(request: &Request) -> Option<CallbackKind> {
    match (request.method().as_str(), request.uri().path()) {
        ("POST", "/api/webhooks/ecpay-auth") => Some(CallbackKind::First),
        ("POST", "/api/webhooks/ecpay-billing") => Some(CallbackKind::Period),
        _ => None,
    }
}
