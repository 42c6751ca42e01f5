//! Payments that ECPay reports: the report, the charge history it becomes part of, and the reasons to quarantine it.

pub mod callback_kind;
pub mod charge_history;
pub mod order_query;
pub mod payment;
pub mod plausibility;
pub mod quarantine_reason;
pub mod refund_due;
pub mod retry_results;
pub mod timeline;
pub mod unused_part;
