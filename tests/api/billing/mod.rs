//! Subscriptions: orders, callbacks, dunning, operations by staff, mails.

mod callbacks;
mod cancel;
mod kpis;
mod legacy_api;
mod lifecycle;
mod mail_refusals;
mod mails;
mod notices;
mod operations;
mod outbox;
mod quarantine;
mod reconcile;
mod retries;
mod user_erasure;
