//! Domain, wire formats, store and outbox of Duekeeper.
//!
//! Without features only the pure half is compiled: [`domain`], [`ecpay`], [`email`], [`slack`] and [`whatsapp`] know
//! neither time nor network. `io` adds the store and what belongs to it, `http` outbound requests, `send` the outbox and
//! ECPay's server APIs.

pub mod domain;
pub mod ecpay;
pub mod email;
pub mod retry_after;
pub mod slack;
pub mod whatsapp;

#[cfg(feature = "io")]
mod clients;
#[cfg(feature = "io")]
pub mod clock;
#[cfg(feature = "io")]
pub mod config;
#[cfg(feature = "io")]
pub mod entropy;
#[cfg(feature = "io")]
pub mod job;
#[cfg(feature = "io")]
pub mod metrics;
#[cfg(feature = "io")]
pub mod payments;
#[cfg(feature = "io")]
pub mod secrets;
#[cfg(feature = "io")]
pub mod store;
#[cfg(feature = "io")]
pub mod telemetry;

#[cfg(feature = "http")]
pub mod http;

#[cfg(feature = "send")]
pub mod gateway;
#[cfg(feature = "send")]
pub mod messenger;
#[cfg(feature = "send")]
pub mod outbox;
