//! ECPay's recurring card payments, simulated as a pure state machine.
//!
//! The simulator reads no clock and does no I/O: its caller passes the time and the posted bodies, posts the callbacks
//! and reports their responses. Its CheckMacValue is an independent implementation, so that it can contradict the one
//! under test.

mod calendar;
mod callbacks;
mod charging;
mod checkout;
mod controls;
mod form;
pub(crate) mod http;
mod mac;
mod merchant;
mod message;
mod order;
mod requests;
mod simulator;

#[cfg(test)]
mod lifecycle_tests;
#[cfg(test)]
mod test_support;

pub use callbacks::notice::Callback;
pub use checkout::CheckoutResult;
pub use checkout::Refusal;
pub use controls::ChargeNow;
pub use controls::console::{ConsoleEdit, ConsoleState};
pub use controls::existing::{CallbackUrls, ExistingOrder};
pub use form::{Fields, form_body, parse_form};
pub use mac::check_mac_value;
pub use merchant::Merchant;
pub use simulator::Ecpay;
