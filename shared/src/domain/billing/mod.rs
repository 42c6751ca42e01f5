//! Card subscriptions charged by ECPay: their state, the dunning policy, and the decisions about them.

pub mod app_events;
pub mod business_events;
pub mod calendar;
pub mod decide;
pub mod decision;
pub mod dunning;
pub mod live_orders;
pub mod next_action;
pub mod notices;
pub mod operations;
pub mod payments;
pub mod plan;
pub mod rule;
pub mod subscription;
pub mod task;
