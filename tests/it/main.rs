//! Duekeeper tried from outside: a whole sandbox for each test, real HTTP, a real DynamoDB engine, bodies signed by
//! an implementation of CheckMacValue that is not the product's.

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test stops at the first surprise"
)]

mod admin;
mod authorities;
mod bootstraps;
// Whose clock is set by the dynamic linker of the system that they are deployed to.
#[cfg(target_os = "linux")]
mod bootstraps_events;
mod burst;
mod callbacks;
mod canaries;
mod cancel;
mod configuration;
mod controls;
mod customers;
mod cut_points;
mod erasure;
mod erasure_late;
mod events;
mod expiry;
mod flow;
mod fuzz;
mod gateways;
mod harness;
mod hygiene;
mod import;
mod interleavings;
mod kpis;
mod lost_answers;
mod mails;
mod metrics;
mod mutations;
mod operations;
mod oracle;
mod outbox;
mod persistence;
mod quarantine;
mod quarantine_list;
mod quarantine_replay;
mod reconcile;
mod rehearsal;
mod reminder_schedule;
mod reminder_year;
mod reminders;
mod repeats;
mod retries;
mod rotation;
mod runbook;
mod runs;
mod scale;
mod scheduler;
mod sequential;
mod silence;
mod simulation;
mod stages;
mod support;
mod template;
