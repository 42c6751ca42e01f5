//! The functions and the world outside in one thread, one call at a time.
//!
//! Each invocation of a function is a task. Whatever it asks of the outside (DynamoDB, Secrets Manager, SES, Lambda,
//! ECPay) parks, until the test releases it with a [`Verdict`]. Between two releases every task is parked, waits for
//! another one, or has ended: nothing happens but what the test says, and the same releases give the same
//! [`Stage::transcript`].

mod aws;
mod call;
mod dynamodb;
mod ecpay;
mod faults;
mod instances;
mod stage;
mod story;
mod subject;
mod tasks;
mod world;

pub use call::Service;
pub use faults::Verdict;
pub use stage::{Options, Step, TestDeployment};
pub use tasks::{Outcome, Parked, TaskId};
