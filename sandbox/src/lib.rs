//! The outside world on one machine.
