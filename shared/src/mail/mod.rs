//! Mail to customers and staff: rendering (pure), sending through SES, the outbox that sends each notice once, and
//! SES's reports about mails.

pub mod customer_page;
pub mod overrides;
pub mod render;
pub mod sample;
pub mod ses_error;
pub mod ses_event;
mod template_files;
pub mod templates;

#[cfg(feature = "send")]
mod attempts;
#[cfg(feature = "send")]
pub mod mailer;
#[cfg(feature = "send")]
pub mod outbox;
#[cfg(feature = "send")]
mod sender;
