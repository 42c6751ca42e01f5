//! Entries of ECPay's charge log, compared with what is stored about the order.

use std::collections::BTreeMap;

use shared::domain::billing::decide::payment::agrees;
use shared::domain::billing::payments::payment::{Payment, PaymentOutcome, PaymentReport};
use shared::domain::billing::payments::quarantine_reason::QuarantineReason;
use shared::domain::billing::subscription::{AppliedEvent, Subscription};
use shared::domain::values::ids::GatewayAuthorization;

/// Success numbers of the authorisations among an order's recent events.
pub(crate) fn recent_numbers(order: &Subscription) -> BTreeMap<GatewayAuthorization, u32> {
    let number = |applied: &AppliedEvent| Some((applied.gwsr.clone()?, applied.event.success_number()?));
    order.recent_events.iter().filter_map(number).collect()
}

/// Returns true if the order itself shows that the report was applied, without reading its payments.
pub(crate) fn is_applied(order: &Subscription, report: &PaymentReport) -> bool {
    match order.recent_events.iter().find(|applied| applied.event == report.event) {
        Some(applied) => agrees(applied, report),
        None => order.charge_history.contains_report(report),
    }
}

/// Success number of a stored payment by its authorisation number (`gwsr`).
pub(crate) fn number_of(payment: &Payment) -> Option<(GatewayAuthorization, u32)> {
    match (&payment.gwsr, payment.outcome) {
        (Some(gwsr), PaymentOutcome::Succeeded { number }) => Some((gwsr.clone(), number)),
        (
            _,
            PaymentOutcome::Succeeded { .. }
            | PaymentOutcome::Failed
            | PaymentOutcome::Pending
            | PaymentOutcome::PaidOutOfBand,
        ) => None,
    }
}

/// Returns true if the table holds this report's payment with the same content.
pub(crate) fn is_stored(payments: &[Payment], report: &PaymentReport) -> bool {
    payments.iter().filter(|payment| payment.event == report.event).any(|payment| {
        let stored = AppliedEvent { event: payment.event.clone(), gwsr: payment.gwsr.clone(), amount: payment.amount };
        agrees(&stored, report)
    })
}

/// Fields of a callback for an entry of ECPay's charge log, so that the quarantined entry can be replayed like a callback.
pub(crate) fn fields(report: &PaymentReport, reason: &QuarantineReason) -> BTreeMap<String, String> {
    let amount = report.amount.map_or_else(String::new, |amount| amount.dollars().to_string());
    let gwsr = report.gwsr.as_ref().map_or_else(String::new, ToString::to_string);
    [
        ("MerchantID", report.merchant.to_string()),
        ("MerchantTradeNo", report.subscription.to_string()),
        ("RtnCode", report.rtn_code.clone()),
        ("RtnMsg", report.rtn_msg.clone()),
        ("Amount", amount),
        ("gwsr", gwsr),
        ("ProcessDate", shared::ecpay::date::format(report.processed_at)),
        ("Reason", reason.as_str().to_owned()),
    ]
    .map(|(name, value)| (name.to_owned(), value))
    .into()
}
