//! Quarantine: callbacks that ECPay signed and that cannot be applied. They are stored, counted as failed and
//! acknowledged, because ECPay would only send the same callback again.

use std::collections::BTreeMap;

use lambda_http::{Body, Response};
use shared::apply_report;
use shared::domain::billing::payments::callback_kind::CallbackKind;
use shared::domain::billing::payments::payment::PaymentReport;
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::ecpay::callback;
use shared::ecpay::callback_form::VerifiedForm;
use shared::platform::clock::InvocationTime;
use shared::platform::hash::short_id;
use shared::platform::logging::error_chain;
use shared::platform::metrics::CallbackOutcome;
use shared::store::billing::counters::CallbackFate;
use shared::store::billing::quarantine::QuarantineOutcome;
use shared::store::billing::quarantine::types::Quarantined;
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
        let reason = error.quarantine_reason();
        let misspelt = callback::parse_misspelt(form, time.logical);
        let quarantined = Quarantined {
            id: misspelt.map_or_else(|| short_id(&form.identity()), |report| apply_report::quarantine_id(&report)),
            callback: None,
            subscription: form.order(),
            event: None,
            reason: reason.as_str().to_owned(),
            detail: reason.to_string(),
            received_at: time.logical,
            fields: fields(form),
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
            Ok(QuarantineOutcome::Stored) => {
                tracing::warn!(quarantine = quarantined.id, reason = reason.as_str(), "callback quarantined");
                let counts = counters::quarantined(kind);
                self.counters.write(&self.billing, counts, &quarantined.id, time.wall).await;
                (reply::ok(), CallbackOutcome::Quarantined.into())
            }
            Ok(outcome @ (QuarantineOutcome::KnownBefore | QuarantineOutcome::LimitReached)) => {
                tracing::warn!(quarantine = quarantined.id, reason = reason.as_str(), ?outcome, "callback not kept");
                self.counters.unstored(&self.billing, kind, CallbackFate::NotKept, time.wall).await;
                (reply::ok(), CallbackOutcome::NotKept.into())
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
