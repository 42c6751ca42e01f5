//! Subscriptions: orders, callbacks, dunning, operations by staff, mails.

mod adoption;
mod callbacks;
mod checkout;
mod ecpay_world;
mod kpis;
mod legacy_api;
mod lifecycle;
mod mails;
mod operations;
mod payment_link;
mod quarantine;
mod reconcile;
mod refunds;
mod retries;
mod user_erasure;
