//! Routes of card subscriptions: orders, operations, users, notices, events, quarantine, and those of the older system.

pub(crate) mod adoption;
pub(crate) mod callbacks;
pub(crate) mod checkout;
pub(crate) mod events;
pub(crate) mod keys;
pub(crate) mod mail_templates;
pub(crate) mod notices;
pub(crate) mod payments;
pub(crate) mod portal;
pub(crate) mod purchase;
pub(crate) mod quarantine;
pub(crate) mod replay;
pub(crate) mod retry;
pub(crate) mod subscriptions;
pub(crate) mod users;
