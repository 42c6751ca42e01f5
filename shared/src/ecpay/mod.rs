//! ECPay's wire format: what is signed, sent and received. No I/O; the protocol is described in the
//! gateway's own documentation (AIO credit card, 定期定額).

pub mod action;
pub mod check_mac_value;
pub mod event;
pub mod form;
pub mod order;
pub mod period_info;
