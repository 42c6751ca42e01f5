//! The digest of institutions as Slack messages, and the judging of Slack's responses.

mod buttons;
mod digest;
mod mrkdwn;
mod page;
mod response;
mod wording;

pub use buttons::{ACKNOWLEDGE_ACTION, SLACK_CALLER, buttons, ephemeral, with_acknowledgements};
pub use digest::{Digest, Entry, Message, scan_failed};
pub use response::{judge_post_message, judge_webhook};
pub use wording::{BACKSTAGE, backstage_page};

/// Host of Slack's Web API.
pub const API_HOST: &str = "https://slack.com";
/// Host of the addresses at which an interaction is answered (`response_url`).
pub const ANSWERS_HOST: &str = "https://hooks.slack.com";
/// Path on [`API_HOST`] for a message with a bot's token.
pub const POST_MESSAGE_PATH: &str = "/api/chat.postMessage";
