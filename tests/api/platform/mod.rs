//! Runs, metrics, configuration, secrets, TLS, and the real binaries.

mod alarms;
mod bootstraps;
// Their clock is set by the dynamic linker of the system that they are deployed to.
#[cfg(target_os = "linux")]
mod binaries_events;
pub(crate) mod configuration;
mod console;
mod console_runs;
mod dry_requests;
mod metrics;
mod paths;
mod runs;
mod sample_events;
mod secret_rotation;
mod strict;
mod tls_trust;
mod tokens;
