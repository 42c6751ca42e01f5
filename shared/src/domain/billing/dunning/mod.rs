//! Dunning: the policy, the arrears derived from failed charges, and the state that follows from both.

pub mod arrears;
pub mod downgrade;
pub mod notice_state;
pub mod policy;
pub(crate) mod state;
