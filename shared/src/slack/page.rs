//! One message in progress, within Slack's limits and a margin: 50 blocks, 3,000 characters a section, 150 a header (Block
//! Kit's reference); some 12,000 characters in all blocks, which is undocumented (slackapi/bolt-js#2509); 4,000 characters
//! of `text`, which screen readers speak instead of the blocks.

use serde_json::{Value, json};

use super::buttons::button;
use crate::domain::institutions::digest_button::DigestButton;
use crate::domain::institutions::expiry_tier::ExpiryTier;
use crate::domain::values::ids::InstitutionUid;
use crate::slack::wording::ACKNOWLEDGE;

const MOST_BLOCKS: usize = 45;
const MOST_CHARACTERS: usize = 9_000;
const LONGEST_SECTION: usize = 2_900;
const LONGEST_TEXT: usize = 3_800;
/// Most institutions of one message: their announcements are stored in one transaction, which has at most 100 items.
const MOST_INSTITUTIONS: usize = 90;

/// An institution's texts in a message.
pub(super) struct Part {
    pub(super) uid: InstitutionUid,
    pub(super) tier: ExpiryTier,
    /// Text in blocks: a section of its own, or a line among others.
    pub(super) shown: String,
    pub(super) is_line: bool,
    /// Button of a section of its own.
    pub(super) button: Option<DigestButton>,
    /// Text in the payload's `text`.
    pub(super) spoken: String,
}

/// A message in progress.
#[derive(Default)]
pub(super) struct Page {
    blocks: Vec<Value>,
    characters: usize,
    text: String,
    tier: Option<ExpiryTier>,
    /// Lines of a section that is still open.
    lines: String,
    pub(super) uids: Vec<InstitutionUid>,
}

pub(super) fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

pub(super) fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [mrkdwn(text)] })
}

/// Markup with `verbatim`: else Slack makes mentions and links of plain words in names too
/// (<https://docs.slack.dev/reference/block-kit/composition-objects/text-object>).
fn mrkdwn(text: &str) -> Value {
    json!({ "type": "mrkdwn", "text": text, "verbatim": true })
}

pub(super) fn header(text: &str) -> Value {
    json!({ "type": "header", "text": { "type": "plain_text", "text": text } })
}

fn length(text: &str) -> usize {
    text.chars().count()
}

impl Page {
    /// Adds a section before all institutions.
    pub(super) fn preface(&mut self, text: &str, spoken: &str) {
        self.characters += length(text);
        self.blocks.push(section(text));
        self.speak(spoken);
    }

    /// Adds an institution below the heading of its tier; `false`, and nothing is added, where it does not fit.
    pub(super) fn put(&mut self, part: &Part, heading: &str) -> bool {
        let is_new_tier = self.tier != Some(part.tier);
        let of_button = part.button.as_ref().map_or(0, |it| length(ACKNOWLEDGE) + length(&it.to_string()));
        let more = length(&part.shown) + 1 + of_button + if is_new_tier { length(heading) } else { 0 };
        // Its own section and the one of open lines, and for a new tier a divider and a heading.
        let blocks = 2 + if is_new_tier { 2 } else { 0 };
        let has_room = self.blocks.len() + blocks <= MOST_BLOCKS
            && self.characters + more <= MOST_CHARACTERS
            && length(&self.text) + length(&part.spoken) < LONGEST_TEXT
            && self.uids.len() < MOST_INSTITUTIONS;
        if !has_room {
            return false;
        }
        if is_new_tier {
            self.close_lines();
            self.blocks.push(json!({ "type": "divider" }));
            self.blocks.push(section(heading));
            self.tier = Some(part.tier);
        }
        if part.is_line && part.button.is_none() {
            self.add_line(&part.shown);
        } else {
            self.close_lines();
            let mut section = section(&part.shown);
            if let (Some(of_part), Some(fields)) = (&part.button, section.as_object_mut()) {
                fields.insert("accessory".to_owned(), button(of_part));
            }
            self.blocks.push(section);
        }
        self.characters += more;
        self.speak(&part.spoken);
        self.uids.push(part.uid.clone());
        true
    }

    pub(super) const fn is_empty(&self) -> bool {
        self.uids.is_empty()
    }

    fn add_line(&mut self, line: &str) {
        if length(&self.lines) + 1 + length(line) > LONGEST_SECTION {
            self.close_lines();
        }
        if !self.lines.is_empty() {
            self.lines.push('\n');
        }
        self.lines.push_str(line);
    }

    fn close_lines(&mut self) {
        if !self.lines.is_empty() {
            self.blocks.push(section(&self.lines));
            self.lines.clear();
        }
    }

    fn speak(&mut self, line: &str) {
        if !self.text.is_empty() && !line.is_empty() {
            self.text.push('\n');
        }
        self.text.push_str(line);
    }

    /// Returns the payload with the title and the time above.
    pub(super) fn finish(mut self, title: &str, when: &str) -> Value {
        self.close_lines();
        let mut blocks = vec![header(title), context(when)];
        blocks.append(&mut self.blocks);
        json!({ "text": format!("{title}\n{}", self.text), "blocks": blocks })
    }
}
