//! Callbacks of ECPay: accepted ones and repeated ones.

mod accepted;
mod figures;
mod flood;
mod implausible;
mod oddities;
mod repeated;
