//! What staff find: lists, the search, the payments of a month and runs.

mod calls;
mod payments;
mod runs;
mod search;
mod subscriptions;
mod workshop;
