//! Routes of card subscriptions: orders, operations, users, notices, quarantine and statistics.

pub(crate) mod checkout;
pub(crate) mod explanation;
pub(crate) mod kpis;
pub(crate) mod legacy;
pub(crate) mod notices;
pub(crate) mod operations;
pub(crate) mod purchase;
pub(crate) mod quarantine;
pub(crate) mod replay;
pub(crate) mod stats;
pub(crate) mod subscriptions;
pub(crate) mod translations;
pub(crate) mod users;
