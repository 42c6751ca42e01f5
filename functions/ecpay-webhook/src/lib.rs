//! Receives ECPay's callbacks: verify, parse, load, decide, commit, reply.
//!
//! Sends nothing: mail and requests to ECPay that follow from a callback are stored here and sent by
//! `subscription-maintenance`.

use aws_types::SdkConfig;
use lambda_http::{Body, Request, Response};
use shared::apply_report;
use shared::domain::billing::decision::DecisionContext;
use shared::domain::billing::dunning::policy::DunningPolicy;
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::values::time::Timestamp;
use shared::ecpay::callback;
use shared::ecpay::callback_form;
use shared::ecpay::callback_form::VerifiedForm;
use shared::platform::clock::InvocationTime;
use shared::platform::config;
use shared::platform::config::{Invalid, Reader};
use shared::platform::ecpay_keys::EcpayKeys;
use shared::platform::logging::error_chain;
use shared::platform::metrics::CallbackOutcome;
use shared::platform::secrets;
use shared::store::Store;
use shared::store::billing::Billing;
use shared::store::billing::counters::CallbackFate;

mod counters;
mod metrics;
mod quarantine;
mod reply;

use metrics::CallbackMetrics;

/// Settings of the function, read from the environment at start.
#[derive(Clone, Debug)]
pub struct Config {
    table: String,
    ecpay: config::Ecpay,
    policy: DunningPolicy,
}

/// One instance of the function.
pub struct Webhook {
    billing: Billing,
    keys: EcpayKeys,
    policy: DunningPolicy,
    apply_simulated: bool,
    counters: counters::CallbackCounters,
}

impl Config {
    /// Parses the settings; `lookup` returns an environment variable.
    ///
    /// # Errors
    /// [`Invalid`] lists every missing or malformed setting.
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
    /// [`secrets::Error`] if ECPay's keys cannot be read or are malformed.
    pub async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, secrets::Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let keys = EcpayKeys::new(secrets, config.ecpay.secret_id, config.ecpay.environment);
        keys.get(wall).await?;
        let billing = Store::new(aws_sdk_dynamodb::Client::new(aws), config.table).billing;
        // ECPay's back office can send test notifications (`SimulatePaid=1`); production never applies them.
        let apply_simulated = config.ecpay.apply_simulated;
        let counters = counters::CallbackCounters::default();
        Ok(Self { billing, keys, policy: config.policy, apply_simulated, counters })
    }

    /// Verifies a form with the cached keys, and if they did not sign it, with the keys stored since: ECPay switches to a
    /// new key at once, before the cache ends.
    async fn verify(
        &self,
        kind: CallbackKind,
        body: &[u8],
        wall: Timestamp,
    ) -> Result<Result<VerifiedForm, callback_form::Error>, secrets::Error> {
        let keys = self.keys.get(wall).await?;
        // Over the raw body: CheckMacValue covers every received field, also unknown ones (ECPay documentation, p=5675).
        let verified = VerifiedForm::verify(kind, body, &keys);
        // Only a wrong CheckMacValue can be cured by a newer key; other errors are final.
        if !matches!(verified, Err(callback_form::Error::WrongDigest)) {
            return Ok(verified);
        }
        Ok(match self.keys.newer(&keys, wall).await {
            Some(newer) => VerifiedForm::verify(kind, body, &newer),
            None => verified,
        })
    }
}

/// Answers one callback. `1|OK` is sent only after the callback and its effects are stored.
pub async fn handle(webhook: &Webhook, request: Request, time: InvocationTime) -> Response<Body> {
    let Some(kind) = callback_kind(&request) else { return reply::not_found() };
    let (response, metrics) = webhook.answer(kind, request.body().as_ref(), time).await;
    metrics.emit(time);
    response
}

impl Webhook {
    async fn answer(&self, kind: CallbackKind, body: &[u8], time: InvocationTime) -> (Response<Body>, CallbackMetrics) {
        // Verified before anything else: a forged callback costs no read of the table.
        let form = match self.verify(kind, body, time.wall).await {
            Ok(Ok(form)) => form,
            Err(error) => return not_stored(&error_chain(&error)),
            Ok(Err(error)) => {
                tracing::warn!(callback = ?kind, reason = %error, "callback refused");
                self.counters.unstored(&self.billing, kind, CallbackFate::Refused, time.wall).await;
                return (reply::refused(&error), CallbackMetrics::refused(&error));
            }
        };
        // A form belongs to the callback that it describes, whichever of the two addresses received it.
        let kind = form.kind();
        let parsed = match callback::parse(&form, time.logical) {
            Ok(report) => report,
            Err(error) => return self.quarantine_form(&form, &error, time).await,
        };
        let report = PaymentReport { simulated: parsed.simulated && !self.apply_simulated, ..parsed.clone() };
        let log = quarantine::log(kind, report.event.as_str(), true, time);
        // A failed charge is acknowledged with `1|OK` as well: the reply confirms receipt, not payment (p=2878).
        let context = DecisionContext::new(&self.policy, time.logical);
        match apply_report::apply(&self.billing, &report, Some(&log), context).await {
            Ok(apply_report::Outcome::Applied(applied)) => {
                let rule = applied.decision.change.history.rule;
                tracing::info!(subscription = %report.subscription, event = %report.event, ?rule, rtn_code = report.rtn_code, "{}", rule.sentence());
                let events = applied.business_events();
                let counts = counters::applied(kind, &events);
                self.counters.write(&self.billing, counts, report.subscription.as_str(), time.wall).await;
                (reply::ok(), CallbackMetrics::applied(events))
            }
            // Not counted again: the first delivery was counted.
            Ok(apply_report::Outcome::Repeat) => {
                tracing::info!(subscription = %report.subscription, event = %report.event, "callback repeated");
                (reply::ok(), CallbackOutcome::Repeat.into())
            }
            // Stored as parsed: `apply_simulated` is a setting of this function, and a replay must not inherit it.
            Ok(apply_report::Outcome::Quarantined(reason)) => {
                self.quarantine_report(&form, &parsed, &reason, time).await
            }
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
