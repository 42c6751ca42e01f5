//! Callbacks of ECPay: accepted ones and repeated ones.

mod accepted;
mod repeated;
