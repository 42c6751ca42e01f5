//! Callbacks that ECPay signed and that cannot be applied: kept, counted as failed, and acknowledged, because a
//! repeat would not help.

use std::collections::BTreeMap;

use lambda_http::{Body, Response};
use shared::apply_report;
use shared::domain::billing::decision::QuarantineReason;
use shared::domain::billing::payment::PaymentReport;
use shared::domain::values::ids::SubscriptionId;
use shared::ecpay::callback;
use shared::ecpay::callback_form::{CallbackKind, VerifiedForm};
use shared::platform::clock::InvocationTime;
use shared::platform::logging::error_chain;
use shared::platform::metrics::CallbackOutcome;
use shared::store::table::record::{Quarantined, WebhookLog};

use crate::metrics::CallbackMetrics;
use crate::{Webhook, not_stored, reply};

impl Webhook {
    /// A report that is not for applying.
    pub(crate) async fn set_aside(
        &self,
        form: &VerifiedForm,
        report: &PaymentReport,
        reason: &QuarantineReason,
        moment: InvocationTime,
    ) -> (Response<Body>, CallbackMetrics) {
        let set_aside = apply_report::quarantined(report, reason, fields(form), moment.logical);
        self.keep(form.kind(), set_aside, reason, moment).await
    }

    /// A form that is not even a report.
    pub(crate) async fn set_aside_unusable(
        &self,
        form: &VerifiedForm,
        error: &callback::Error,
        moment: InvocationTime,
    ) -> (Response<Body>, CallbackMetrics) {
        let reason = QuarantineReason::Unusable(error.to_string());
        let fields = fields(form);
        // A repeat changes its text only, so that is left out of the identity.
        let told = fields.iter().filter(|(name, _)| *name != "RtnMsg").map(|(name, value)| format!("{name}={value}"));
        let set_aside = Quarantined {
            id: apply_report::digest(&told.collect::<Vec<_>>().join("&")),
            callback: None,
            subscription: form.get("MerchantTradeNo").and_then(|id| SubscriptionId::parse(id).ok()),
            event: None,
            reason: reason.name().to_owned(),
            detail: reason.to_string(),
            received_at: moment.logical,
            fields,
            report: None,
            resolved: None,
        };
        self.keep(form.kind(), set_aside, &reason, moment).await
    }

    async fn keep(
        &self,
        kind: CallbackKind,
        set_aside: Quarantined,
        reason: &QuarantineReason,
        moment: InvocationTime,
    ) -> (Response<Body>, CallbackMetrics) {
        let set_aside = Quarantined { callback: Some(kind.into()), ..set_aside };
        let log = log(kind, reason.name(), false, moment);
        match apply_report::set_aside(&self.store, &set_aside, reason, Some(&log)).await {
            Ok(kept) => {
                tracing::warn!(quarantine = set_aside.id, reason = reason.name(), kept, "callback set aside");
                if kept {
                    self.tally.set_aside(&self.store, kind.into(), &set_aside.id, moment.wall).await;
                }
                (reply::ok(), CallbackOutcome::Quarantined.into())
            }
            Err(error) => not_stored(&error_chain(&error)),
        }
    }
}

/// The log row of a callback: its event, or the reason it was set aside.
pub(crate) fn log(kind: CallbackKind, event: &str, applied: bool, moment: InvocationTime) -> WebhookLog {
    WebhookLog {
        kind: kind.into(),
        event: event.to_owned(),
        applied,
        received_at: moment.logical,
        processing_time_ms: moment.stopwatch.elapsed_ms(),
    }
}

fn fields(form: &VerifiedForm) -> BTreeMap<String, String> {
    form.storable().map(|(name, value)| (name.to_owned(), value.to_owned())).collect()
}
