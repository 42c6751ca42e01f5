//! Clients of the AWS services that only this function calls: Lambda Invoke and EventBridge Scheduler.

pub(crate) mod lambda;
pub(crate) mod schedule;
