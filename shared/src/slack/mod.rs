//! The digest of institutions as Slack messages, and the judging of Slack's responses.

mod digest;
mod mrkdwn;
mod page;
mod response;
mod wording;

pub use digest::{Digest, Entry, Message, scan_failed};
pub use response::{judge_post_message, judge_webhook};
pub use wording::BACKSTAGE;

/// Host of Slack's Web API.
pub const API_HOST: &str = "https://slack.com";
/// Path on [`API_HOST`] for a message with a bot's token.
pub const POST_MESSAGE_PATH: &str = "/api/chat.postMessage";
