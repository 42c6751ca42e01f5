//! Truth of a mail to a customer at the moment of sending: between its decision and then the customer may have paid, or the
//! order may have changed.

use std::collections::BTreeMap;

use crate::domain::billing::decide::announce::annual_charge;
use crate::domain::billing::decide::retry::announced_retry_at;
use crate::domain::billing::dunning::arrears::Arrears;
use crate::domain::billing::dunning::downgrade::DowngradeReason;
use crate::domain::billing::dunning::policy::DunningPolicy;
use crate::domain::billing::notices::NoticeKind;
use crate::domain::billing::subscription::{Status, Subscription};
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Values of a notice by their names.
type Fields = BTreeMap<String, String>;

/// True if a mail of these fields says what holds for its order at `now`. A mail to staff says what was decided, and stays true.
#[must_use]
pub fn is_still_true(kind: NoticeKind, fields: &Fields, order: &Subscription, now: Timestamp) -> bool {
    if kind.is_for_staff() {
        return true;
    }
    if order.erased.is_some() {
        return false;
    }
    let has_plan = !order.plan.is_free() && order.superseded_by.is_none();
    match kind {
        NoticeKind::FirstPaymentFailure | NoticeKind::SecondPaymentFailure | NoticeKind::FinalPaymentFailure => {
            is_owed(fields, order)
        }
        NoticeKind::Downgraded => {
            is_downgraded(fields, order, &[DowngradeReason::PaymentFailure, DowngradeReason::Refunded])
        }
        NoticeKind::NotCharged => is_downgraded(fields, order, &[DowngradeReason::NotCharged]),
        NoticeKind::PlanEnded => {
            let is_over = matches!(order.status, Status::Cancelled | Status::Completed);
            is_over && order.plan.is_free() && order.superseded_by.is_none()
        }
        NoticeKind::Recovered => has_plan,
        NoticeKind::Receipt => {
            // Neither the refund of a plan nor another order leaves the period that it names.
            let is_refunded = order.downgrade.is_some_and(|downgrade| downgrade.reason == DowngradeReason::Refunded);
            !is_refunded && order.superseded_by.is_none()
        }
        NoticeKind::AnnualCharge => {
            let is_ahead = |due: LocalDate| now < due.start(Zone::Taipei) && day(fields, "charge_due") == Some(due);
            annual_charge(order).is_some_and(is_ahead)
        }
        NoticeKind::CancelConfirmed => {
            let keeps_plan = day(fields, "access_until").is_some_and(|until| until > now.day(Zone::Taipei));
            order.ended.is_some() && (has_plan || !keeps_plan)
        }
        NoticeKind::RefundDue
        | NoticeKind::Uncharged
        | NoticeKind::AmountDiffers
        | NoticeKind::UnrecordedCharge
        | NoticeKind::SecondLiveOrder
        | NoticeKind::QuarantineDigest
        | NoticeKind::Quarantined
        | NoticeKind::CancelUnconfirmed
        | NoticeKind::NeedsAttention
        | NoticeKind::SlackRefused
        | NoticeKind::RemindersFailed
        | NoticeKind::EndpointOff
        | NoticeKind::Undeliverable => true,
    }
}

/// The fields of a mail as they are at sending. One about a failed charge that waited announces no retry that cannot follow any
/// more, and names the latest end of the grace period that any mail promises; one about a charge ahead names the present price.
/// Those of other mails are as they were decided.
#[must_use]
pub fn refreshed(kind: NoticeKind, fields: &Fields, order: &Subscription, policy: &DunningPolicy) -> Fields {
    let mut fields = fields.clone();
    let arrears = Arrears::of(order).filter(|_| fields.contains_key("hard_decline"));
    if let Some(arrears) = arrears {
        let retries = announced_retry_at(order, &arrears, policy).is_some();
        fields.insert("hard_decline".to_owned(), arrears.needs_new_card().to_string());
        fields.insert("retries".to_owned(), retries.to_string());
        if let Some(until) = order.dunning_notice.and_then(|notice| notice.promised_until) {
            fields.insert("grace_ends_at".to_owned(), shown(until));
        }
    }
    if kind == NoticeKind::AnnualCharge {
        fields.insert("amount".to_owned(), order.terms.price.to_string());
    }
    fields
}

/// True while the charge that a mail names is unpaid and the plan is kept.
fn is_owed(fields: &Fields, order: &Subscription) -> bool {
    let (Some(due), Some(arrears)) = (day(fields, "charge_due"), Arrears::of(order)) else { return false };
    // Reports in another order may have shown another due date of the same episode.
    let is_mailed = order.dunning_notice.is_some_and(|notice| notice.charge_due == due);
    let is_within = (arrears.charge_due..=arrears.latest_due).contains(&due);
    matches!(order.status, Status::PastDue { .. }) && order.superseded_by.is_none() && (is_mailed || is_within)
}

/// True while the downgrade that a mail names lasts, for one of these reasons.
fn is_downgraded(fields: &Fields, order: &Subscription, reasons: &[DowngradeReason]) -> bool {
    let is_named = |at: Timestamp| fields.get("downgraded_at") == Some(&shown(at));
    let downgrade = order.downgrade.filter(|downgrade| reasons.contains(&downgrade.reason));
    order.plan.is_free() && order.superseded_by.is_none() && downgrade.is_some_and(|downgrade| is_named(downgrade.at))
}

fn day(fields: &Fields, name: &str) -> Option<LocalDate> {
    LocalDate::parse(fields.get(name)?).ok()
}

/// An instant as a notice has it.
fn shown(at: Timestamp) -> String {
    at.to_local(Zone::Taipei).to_string()
}
