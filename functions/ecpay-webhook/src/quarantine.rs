//! Quarantine: callbacks that ECPay signed and that cannot be applied. They are stored, counted as failed and
//! acknowledged, because ECPay would only send the same callback again.

use std::collections::BTreeMap;

use lambda_http::{Body, Response};
use shared::apply_report;
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::domain::values::ids::SubscriptionId;
use shared::ecpay::callback;
use shared::ecpay::callback_form::VerifiedForm;
use shared::platform::clock::InvocationTime;
use shared::platform::hash::short_id;
use shared::platform::logging::error_chain;
use shared::platform::metrics::CallbackOutcome;
use shared::store::billing::quarantine_types::Quarantined;
use shared::store::billing::webhook_log::WebhookLog;

use crate::metrics::CallbackMetrics;
use crate::{Webhook, counters, not_stored, reply};

impl Webhook {
    /// Quarantines a report that was parsed and must not be applied.
    pub(crate) async fn quarantine_report(
        &self,
        form: &VerifiedForm,
        report: &PaymentReport,
        reason: &QuarantineReason,
        time: InvocationTime,
    ) -> (Response<Body>, CallbackMetrics) {
        let quarantined = apply_report::quarantined(report, reason, fields(form), time.logical);
        self.store_quarantined(form.kind(), quarantined, reason, time).await
    }

    /// Quarantines a signed form that could not be parsed as a report.
    pub(crate) async fn quarantine_form(
        &self,
        form: &VerifiedForm,
        error: &callback::Error,
        time: InvocationTime,
    ) -> (Response<Body>, CallbackMetrics) {
        let reason = QuarantineReason::Unusable(error.to_string());
        let fields = fields(form);
        // ECPay's repeat differs in RtnMsg only ("paid"), so the identity leaves it out: a repeat is stored once.
        let identity = fields.iter().filter(|(name, _)| *name != "RtnMsg");
        let identity = identity.map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join("&");
        let quarantined = Quarantined {
            id: short_id(&identity),
            callback: None,
            subscription: form.get("MerchantTradeNo").and_then(|id| SubscriptionId::parse(id).ok()),
            event: None,
            reason: reason.as_str().to_owned(),
            detail: reason.to_string(),
            received_at: time.logical,
            fields,
            report: None,
            resolved: None,
        };
        self.store_quarantined(form.kind(), quarantined, &reason, time).await
    }

    async fn store_quarantined(
        &self,
        kind: CallbackKind,
        quarantined: Quarantined,
        reason: &QuarantineReason,
        time: InvocationTime,
    ) -> (Response<Body>, CallbackMetrics) {
        let quarantined = Quarantined { callback: Some(kind), ..quarantined };
        let log = log(kind, reason.as_str(), false, time);
        match apply_report::quarantine(&self.billing, &quarantined, reason, Some(&log)).await {
            Ok(is_new) => {
                tracing::warn!(quarantine = quarantined.id, reason = reason.as_str(), is_new, "callback quarantined");
                // A repeat of a report that is in quarantine already is not counted twice.
                if is_new {
                    let counts = counters::quarantined(kind);
                    self.counters.write(&self.billing, counts, &quarantined.id, time.wall).await;
                }
                (reply::ok(), CallbackOutcome::Quarantined.into())
            }
            Err(error) => not_stored(&error_chain(&error)),
        }
    }
}

/// Log row of a callback; `event` is its event id, or the reason of its quarantine.
pub(crate) fn log(kind: CallbackKind, event: &str, applied: bool, time: InvocationTime) -> WebhookLog {
    WebhookLog {
        kind,
        event: event.to_owned(),
        applied,
        received_at: time.logical,
        processing_time_ms: time.stopwatch.elapsed_ms(),
    }
}

fn fields(form: &VerifiedForm) -> BTreeMap<String, String> {
    form.storable().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
