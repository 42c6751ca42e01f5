//! The sandbox's own HTTP port: routes of the functions, simulated services, controls and their page.

pub(crate) mod answers;
pub(crate) mod controls;
pub(crate) mod ecpay_actions;
pub(crate) mod ecpay_controls;
pub(crate) mod gateway;
pub(crate) mod page;
pub(crate) mod server;
pub(crate) mod stream_controls;

/// Longest body that API Gateway takes, in bytes: 10 MB.
pub(crate) const LARGEST_BODY: usize = 10 * 1024 * 1024;
