//! Failed charges: retries, grace and the way back to the plan.

mod lifecycle;
mod retries;
