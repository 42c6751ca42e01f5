//! Money seen is money: charge days, amounts, proofs and ends as ECPay's world shows them, played against the schedule.

mod amounts;
mod charge_days;
mod driver;
mod ends;
mod live_orders;
mod policy_change;
mod proofs;
mod queries;
mod refunds;
mod retries;
