//! Events posted to the business's app: endpoints and their keys, addresses that may be called, signed requests, and the drain that
//! claims an event, posts it and records what became of it.

mod address;
pub mod drain;
pub mod endpoints;
mod health;
mod plan;
pub mod post;
pub mod report;
mod resume;
mod slots;
