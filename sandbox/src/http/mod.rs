//! The sandbox's own HTTP port: routes of the functions, simulated services and controls.

pub(crate) mod controls;
pub(crate) mod server;
