//! The library of Duekeeper's five functions: rules, wire formats, store, mail and the platform they run on.
//!
//! Without features only the pure half is compiled: [`domain`], [`ecpay`], [`mail::render`], [`slack`] and [`whatsapp`]
//! have no clock, randomness or network. Feature `io` adds the [`platform`] and the [`store`], `http` outbound
//! requests, `send` the ECPay client, the sending of mail and the posting of events.

#[cfg(test)]
extern crate self as shared;

pub mod domain;
pub mod ecpay;
pub mod mail;
pub mod slack;
pub mod whatsapp;

#[cfg(feature = "io")]
pub mod apply_report;
#[cfg(feature = "send")]
pub mod events;
#[cfg(feature = "io")]
pub mod exclusive_run;
#[cfg(feature = "io")]
pub mod platform;
#[cfg(feature = "io")]
pub mod replay;
#[cfg(feature = "io")]
pub mod store;
#[cfg(test)]
#[path = "../tests/support/mod.rs"]
mod test_support;
