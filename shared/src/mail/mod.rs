//! Mail to customers and staff: rendering (pure), sending through SES, the outbox that sends each notice once, and
//! SES's reports about mails.

pub mod render;
pub mod ses_error;
pub mod ses_event;

#[cfg(feature = "send")]
pub mod mailer;
#[cfg(feature = "send")]
pub mod outbox;
