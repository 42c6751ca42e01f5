//! Mail to customers and staff: rendering (pure), sending through SES, and the outbox that sends each notice once.

pub mod render;

#[cfg(feature = "send")]
pub mod mailer;
#[cfg(feature = "send")]
pub mod outbox;
