//! Keeps subscriptions in step with ECPay.
