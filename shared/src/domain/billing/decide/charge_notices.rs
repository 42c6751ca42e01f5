//! Notices about a charge that succeeded: the receipt to the customer, and those to staff about another amount and a refund due.

use std::fmt;

use crate::domain::billing::decision::DecisionContext;
use crate::domain::billing::dunning::policy::RECEIPT_DAYS;
use crate::domain::billing::notices::{Notice, NoticeKind};
use crate::domain::billing::payments::payment::{Payment, PaymentOutcome, PaymentReport};
use crate::domain::billing::payments::unused_part::Credit;
use crate::domain::billing::rule::Rule;
use crate::domain::billing::subscription::Subscription;
use crate::domain::values::time::{LocalDate, Timestamp, Zone};

/// Reason for which money must go back, as staff read it.
pub(super) enum RefundReason<'a> {
    /// Order that was over or replaced.
    Over,
    /// Order that its customer had cancelled.
    Cancelled,
    /// Period that the customer had paid outside ECPay.
    PaidOutside,
    /// Paid days that another order took over on that day.
    Unused { credit: &'a Credit, since: LocalDate },
}

impl fmt::Display for RefundReason<'_> {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Over => write!(formatter, "the order was over or replaced when ECPay charged it"),
            Self::Cancelled => write!(formatter, "ECPay charged the order after its customer had cancelled it"),
            Self::PaidOutside => write!(formatter, "the customer had paid the same period outside ECPay"),
            Self::Unused { credit: Credit { replaced_by, days, of_days, .. }, since } => write!(
                formatter,
                "order {replaced_by} replaced this one on {since}, so that {days} of the {of_days} days paid are unused"
            ),
        }
    }
}

/// The notice to staff of money that must go back, once for each payment.
pub(super) fn refund_notice(
    order: &Subscription,
    payment: &Payment,
    reason: &RefundReason<'_>,
    now: Timestamp,
) -> Notice {
    let due = payment.refund_due_twd().map_or_else(|| "the whole charge".to_owned(), |due| due.to_string());
    let charged = payment.amount.map_or_else(|| "an unknown amount".to_owned(), |amount| amount.to_string());
    Notice::about(order, NoticeKind::RefundDue, payment.event.as_str(), now)
        .with("amount", due)
        .with("charged", charged)
        .with_instant("charged_at", payment.processed_at)
        .with("gwsr", payment.gwsr.as_ref().map_or("-", |gwsr| gwsr.as_str()))
        .with("outside_ecpay", payment.outcome == PaymentOutcome::PaidOutOfBand)
        .with("payment", &payment.id)
        .with("reason", reason)
}

/// The receipt of a charge by ECPay, once for each success number however often and from whatever source it is reported.
/// None for a charge of unknown amount or one that must be refunded, for an erased customer, for a replaced order, and for a charge that became
/// known so late that a mail about it would puzzle more than help.
#[must_use]
pub(super) fn receipt(
    next: &Subscription,
    report: &PaymentReport,
    rule: Rule,
    context: DecisionContext<'_>,
) -> Option<Notice> {
    let is_charge = matches!(report.outcome, PaymentOutcome::Succeeded { .. }) && rule != Rule::RefundDue;
    let latest = report.processed_at.plus_days(RECEIPT_DAYS);
    let is_over = next.erased.is_some() || next.superseded_by.is_some();
    if !context.policy.sends_receipts() || !is_charge || is_over || context.wall > latest {
        return None;
    }
    let amount = report.amount?;
    let timeline = next.timeline();
    let is_newest = next.charge_history.last_success_at == Some(report.processed_at);
    let paid_until = next.paid_period().filter(|_| is_newest).map_or_else(
        || timeline.calendar.due_after(timeline.charge_due(timeline.charged_on(report.processed_at))),
        |paid| paid.to,
    );
    let notice = Notice::about(next, NoticeKind::Receipt, report.event.as_str(), context.now)
        .with("amount", amount)
        .with_day("charged_on", report.processed_at.day(Zone::Taipei))
        .with_day("paid_until", paid_until);
    Some(notice)
}

/// The notice to staff of a charge whose amount is not the price, once for each amount.
pub(super) fn amount_notice(next: &mut Subscription, report: &PaymentReport, now: Timestamp) -> Option<Notice> {
    let is_charge = matches!(report.outcome, PaymentOutcome::Succeeded { .. });
    if !is_charge || report.amount == Some(next.terms.price) {
        return None;
    }
    let (occasion, shown) = match report.amount {
        Some(amount) if next.amount_notified == Some(amount) => return None,
        Some(amount) => (amount.dollars().to_string(), amount.to_string()),
        None => (report.event.to_string(), "unknown".to_owned()),
    };
    next.amount_notified = report.amount.or(next.amount_notified);
    let notice = Notice::about(next, NoticeKind::AmountDiffers, &occasion, now)
        .with("charged", shown)
        .with_instant("charged_at", report.processed_at);
    Some(notice)
}
