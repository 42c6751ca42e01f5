//! ECPay's recurring card payments, simulated as a pure state machine.
//!
//! Nothing here reads a clock or does I/O: whoever drives it hands in the time
//! and the posted bodies, posts the callbacks and says how they were answered.
//! The CheckMacValue is an implementation of its own, so that it can contradict
//! the one under test.

mod advance;
mod calendar;
mod charging;
mod checkout;
mod checkout_rules;
mod controls;
mod form;
pub(crate) mod http;
mod mac;
mod message;
mod notice;
mod notice_fields;
mod order;
mod period_action;
mod query_period;
mod query_trade;
mod request;
mod simulator;
mod view;

#[cfg(test)]
mod story_tests;
#[cfg(test)]
mod test_support;

pub use checkout::CheckoutResult;
pub use checkout_rules::Refusal;
pub use controls::ChargeNow;
pub use form::{Fields, form_body, parse_form};
pub use mac::check_mac_value;
pub use notice::Callback;
pub use simulator::{Ecpay, Merchant};
