//! Mails: texts, sending, refusals by SES, and staff's list of them.

mod address;
mod feedback;
mod messages;
mod notices;
mod outbox;
mod refusals;
mod texts;
