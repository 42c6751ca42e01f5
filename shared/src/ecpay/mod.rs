//! ECPay's wire format: signed, sent and received forms. Pure, except for [`client`], which calls ECPay.
//!
//! Source: <https://developers.ecpay.com.tw>, AIO credit card (全方位金流), recurring payments (定期定額).

pub mod callback;
pub mod callback_fields;
pub mod callback_form;
pub mod check_mac_value;
#[cfg(feature = "send")]
pub mod client;
pub mod date;
pub mod decline;
pub mod order_form;
pub mod period_action;
pub mod period_query;
pub mod published_credentials;
