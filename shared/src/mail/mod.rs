//! Mail to customers and staff: rendering (pure), sending through SES, and the outbox that sends each notice once.

pub mod render;
pub mod ses_error;

#[cfg(feature = "send")]
pub mod mailer;
#[cfg(feature = "send")]
pub mod outbox;
