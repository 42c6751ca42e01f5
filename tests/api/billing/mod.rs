//! Subscriptions: orders, callbacks, dunning, operations by staff, mails.

mod adoption;
mod callbacks;
pub(crate) mod checkout;
mod dunning;
mod ecpay_world;
mod events;
mod legacy_api;
mod mails;
mod offers;
mod operations;
mod portal;
mod quarantine;
mod reconcile;
mod refunds;
mod user_erasure;
