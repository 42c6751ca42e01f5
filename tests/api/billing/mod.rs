//! Subscriptions: orders, callbacks, dunning, operations by staff, mails.

mod callbacks;
mod cancel;
mod kpis;
mod legacy_api;
mod lifecycle;
mod mails;
mod operations;
mod outbox;
mod quarantine;
mod reconcile;
mod retries;
mod user_erasure;
