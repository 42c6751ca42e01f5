//! Receives ECPay's callbacks.
