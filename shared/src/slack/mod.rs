//! The digest of institutions as Slack messages, and what Slack's answers say.

mod digest;
mod mrkdwn;
mod page;
mod response;
mod wording;

pub use digest::{Digest, Entry, Message, scan_failed};
pub use response::{Posted, judge_post_message, judge_webhook};

/// Where Slack's own API is reached.
pub const API_HOST: &str = "https://slack.com";
/// Where a message is posted with a bot's token.
pub const POST_MESSAGE_PATH: &str = "/api/chat.postMessage";
