//! Domain, wire formats, store and outbox of Duekeeper.

pub mod domain;
pub mod ecpay;
