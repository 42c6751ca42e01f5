//! The functions and the world outside in one thread, one call at a time.
//!
//! Each invocation of a function is a task. Whatever it asks of the outside (DynamoDB, Secrets Manager, SES, Lambda,
//! ECPay) parks, until the test releases it with a [`Verdict`]. Between two releases every task is held, waits for
//! another one, or has ended: nothing happens but what the test says, and the same releases give the same
//! [`TestDeployment::transcript`].

mod aws;
mod call;
mod deployment;
mod dynamodb;
mod ecpay;
mod faults;
mod instances;
mod story;
mod subject;
mod tasks;
mod world;

pub use call::Service;
pub use deployment::{Options, Step, TestDeployment};
pub use faults::Verdict;
pub use tasks::{HeldCall, Outcome, TaskId};
