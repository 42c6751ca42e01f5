//! The rules of the business, without I/O, clock or entropy: every function here is total and gives
//! the same answer for the same arguments.

pub mod arrears;
pub mod billing;
pub mod decide_order;
pub mod decide_payment;
pub mod decide_retry;
pub mod decide_staff;
pub mod decision;
mod dunning;
pub mod erasure;
pub mod expiry;
pub mod facts;
pub mod happening;
pub mod ids;
pub mod import;
pub mod maintenance;
pub mod money;
pub mod next_action;
pub mod notification;
pub mod payment;
pub mod phone;
pub mod plan;
pub mod plate;
pub mod policy;
pub mod reminder;
pub mod rule;
pub mod staff;
pub mod stuck;
pub mod subscription;
pub mod task;
pub(crate) mod text;
pub mod time;
