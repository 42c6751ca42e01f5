//! Subscriptions and payments as staff find them: in lists and by values.

pub mod payments;
pub mod search;
pub mod subscriptions;
