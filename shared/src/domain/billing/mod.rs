//! Card subscriptions charged by ECPay: their state, the dunning policy, and the decisions about them.

pub mod arrears;
pub mod business_events;
pub mod calendar;
pub mod callback_kind;
pub mod charge_history;
pub mod decide;
pub mod decision;
mod dunning;
pub mod next_action;
pub mod notices;
pub mod operations;
pub mod payment;
pub mod plan;
pub mod policy;
pub mod quarantine_reason;
pub mod rule;
pub mod subscription;
pub mod task;
pub mod task_failure;
