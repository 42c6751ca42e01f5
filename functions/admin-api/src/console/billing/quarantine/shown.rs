//! A quarantined report as pages show it.

use shared::domain::billing::subscription::Subscription;

use crate::billing::quarantine::{QuarantinedReport, ReportResolution};
use crate::billing::replay::{Chosen, ReplayOutcome};
use crate::console::billing::quarantine::compare::{Row, rows};
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::names::{QuarantineReasons, ReportSources};
use crate::console::words::quarantine::QuarantineWords;
use crate::console::words::rules;

/// Reasons whose sentence of the API says more than the name.
const SAYING_MORE: [&str; 2] = ["unusable", "ambiguous"];

/// Report of the list.
pub(super) struct ShownReport {
    pub(super) id: String,
    pub(super) received_at: Moment,
    pub(super) reason: String,
    /// Sentence of the API, where it says more than the reason.
    pub(super) detail: Option<String>,
    pub(super) order: Option<String>,
    pub(super) source: String,
    pub(super) is_open: bool,
    pub(super) resolved: Option<ShownResolution>,
    pub(super) rows: Vec<Row>,
    pub(super) differences: usize,
    pub(super) is_marked: bool,
}

/// Replay that resolved a report.
pub(super) struct ShownResolution {
    pub(super) at: Moment,
    pub(super) by: String,
    pub(super) why: String,
    pub(super) outcome: &'static str,
}

/// Outcome of a dry run for one report.
pub(super) struct ShownOutcome {
    pub(super) received_at: Moment,
    pub(super) order: Option<String>,
    pub(super) applies: bool,
    pub(super) text: &'static str,
    /// Rule or reason.
    pub(super) about: String,
}

impl ShownReport {
    /// Shows a report beside its order.
    pub(super) fn new(visit: &Visit, report: QuarantinedReport, order: Option<&Subscription>) -> Self {
        let language = visit.language();
        let rows = rows(&report, order, QuarantineWords::of(language));
        let differences = rows.iter().filter(|row| row.differs).count();
        let is_open = report.resolved.is_none();
        let says_more = SAYING_MORE.contains(&report.reason.as_str());
        let detail = if says_more { report.detail.split_once(": ").map(|(_, detail)| detail.to_owned()) } else { None };
        Self {
            reason: reason_text(visit, &report.reason),
            received_at: visit.taipei(report.received_at),
            detail,
            order: report.merchant_trade_no.map(|order| order.to_string()),
            source: ReportSources::of(language).get(report.source).unwrap_or(report.source).to_owned(),
            is_open,
            resolved: report.resolved.map(|resolved| ShownResolution::new(visit, resolved)),
            rows,
            differences,
            is_marked: visit.field(&mark(&report.id)).is_some(),
            id: report.id,
        }
    }
}

impl ShownResolution {
    fn new(visit: &Visit, resolved: ReportResolution) -> Self {
        let words = QuarantineWords::of(visit.language());
        let ReportResolution { at, by, why, outcome } = resolved;
        let outcome = if outcome == ReplayOutcome::Repeat.name() { words.was_repeat } else { words.applied };
        Self { at: visit.taipei(at), by, why, outcome }
    }
}

impl ShownOutcome {
    /// Shows what a replay would do.
    pub(super) fn new(visit: &Visit, chosen: Chosen) -> Self {
        let Chosen { report, replayed } = chosen;
        let words = QuarantineWords::of(visit.language());
        let (applies, text, about) = match replayed.outcome {
            ReplayOutcome::Applied | ReplayOutcome::WouldApply => {
                let sentence = replayed.rule.and_then(|rule| rules::sentence_of(visit.language(), rule));
                (true, words.would_apply, sentence.unwrap_or_default().to_owned())
            }
            ReplayOutcome::Repeat => (true, words.repeat, String::new()),
            ReplayOutcome::StillQuarantined => {
                let reason = replayed.reason.map(|reason| reason_text(visit, &reason));
                let detail = replayed.detail.unwrap_or_default();
                (false, words.still, reason.unwrap_or(detail))
            }
        };
        let order = report.subscription.map(|order| order.to_string());
        Self { received_at: visit.taipei(report.received_at), order, applies, text, about }
    }
}

/// Name of a report's checkbox.
pub(super) fn mark(id: &str) -> String {
    format!("mark.{id}")
}

fn reason_text(visit: &Visit, reason: &str) -> String {
    QuarantineReasons::of(visit.language()).get(reason).unwrap_or(reason).to_owned()
}
