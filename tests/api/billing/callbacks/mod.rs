//! Callbacks of ECPay: accepted ones and repeated ones.

mod accepted;
mod flood;
mod implausible;
mod oddities;
mod repeated;
