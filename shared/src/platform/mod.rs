//! The runtime environment: one module per external effect (time, environment, randomness, secrets, logging), and the only
//! code that may use it.

pub mod aws;
pub mod clock;
pub mod config;
pub mod ecpay_keys;
pub mod hash;
#[cfg(feature = "http")]
pub mod http;
pub mod logging;
pub mod mail_folder;
pub mod metrics;
pub mod pace;
pub mod phone_keys;
pub mod random;
#[cfg(feature = "schedules")]
pub mod schedules;
pub mod secrets;
