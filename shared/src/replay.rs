//! Replay of a quarantined report after its cause was fixed: the same report takes the path of a new callback, with the
//! current time.

use crate::apply_report;
use crate::apply_report::{Applied, Outcome};
use crate::domain::billing::decision::DecisionContext;
use crate::domain::billing::payments::payment::PaymentReport;
use crate::domain::billing::payments::quarantine_reason::{QuarantineReason, QuarantineReasonKind};
use crate::ecpay::callback;
use crate::store::Error;
use crate::store::billing::Billing;
use crate::store::billing::quarantine::types::{QuarantineState, Quarantined, Resolution, ResolvedAs};

/// Result of a replay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Replayed {
    /// Applied now.
    Applied(Box<Applied>),
    /// Applied before, by a repeat or an earlier replay.
    Repeat,
    /// Still quarantined: name of the reason, and the reason as a sentence.
    StillQuarantined(String, String),
}

/// Applies a report and marks it resolved. If interrupted in between, the next replay detects that it was applied.
///
/// # Errors
/// Where the order cannot be read or written; the report stays quarantined.
pub async fn replay(
    billing: &Billing,
    kept: &Quarantined,
    resolution: &Resolution,
    context: DecisionContext<'_>,
) -> Result<Replayed, Error> {
    // Resolved by another request since it was listed.
    if kept.state() == QuarantineState::Resolved {
        return Ok(Replayed::Repeat);
    }
    let report = match parse_stored(kept) {
        Ok(report) => report,
        Err(reason) => return keep_quarantined(billing, kept, None, &reason).await,
    };
    let (outcome, replayed) = match apply_report::apply(billing, &report, None, context).await? {
        Outcome::Applied(applied) => (ResolvedAs::Applied, Replayed::Applied(applied)),
        Outcome::Repeat => (ResolvedAs::Repeat, Replayed::Repeat),
        Outcome::Quarantined(reason) => return keep_quarantined(billing, kept, Some(&report), &reason).await,
    };
    let resolution = Resolution { outcome, ..resolution.clone() };
    // `false`: a concurrent replay has resolved it; the outcome is the same.
    let _marked = billing.resolve_quarantined(kept, &report.subscription, &resolution).await?;
    Ok(replayed)
}

/// Keeps a report in quarantine and stores the current reason if it differs.
async fn keep_quarantined(
    billing: &Billing,
    kept: &Quarantined,
    report: Option<&PaymentReport>,
    reason: &QuarantineReason,
) -> Result<Replayed, Error> {
    let detail = reason.to_string();
    if (kept.reason.as_str(), &kept.detail) != (reason.as_str(), &detail) {
        let is_known = *reason != QuarantineReason::UnknownOrder;
        let order = if is_known { report.map(|report| &report.subscription) } else { None };
        let _marked = billing.update_quarantine_reason(kept, order, reason).await?;
    }
    Ok(Replayed::StillQuarantined(reason.as_str().to_owned(), detail))
}

/// Returns the stored report, or parses the stored form with the current parser.
fn parse_stored(kept: &Quarantined) -> Result<PaymentReport, QuarantineReason> {
    // The stored fields may say less than the form did, for example after an erasure.
    if kept.reason == QuarantineReasonKind::Ambiguous.as_str() {
        return Err(QuarantineReason::Ambiguous(kept.detail.trim_start_matches("ambiguous: ").to_owned()));
    }
    if let Some(report) = &kept.report {
        return Ok(report.clone());
    }
    let unusable = |reason: String| QuarantineReason::Unusable(reason);
    let kind = kept.callback.ok_or_else(|| unusable("the form was not stored".to_owned()))?;
    let fields = kept.fields.iter().map(|(name, value)| (name.as_str(), value.as_str()));
    callback::parse_kept(kind, fields, kept.received_at).map_err(|error| error.quarantine_reason())
}
