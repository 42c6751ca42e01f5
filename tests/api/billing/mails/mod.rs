//! Mails: texts, sending, refusals by SES, and staff's list of them.

mod address;
mod feedback;
mod messages;
mod notices;
mod obsolete;
mod outbox;
mod overrides;
mod previews;
mod receipts;
mod refusals;
mod texts;
