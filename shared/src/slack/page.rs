//! One message under way, within Slack's limits and a margin: 50 blocks, 3,000 characters a section, 150 a header (Block
//! Kit's reference); some 12,000 characters in all blocks, which is undocumented (slackapi/bolt-js#2509); 4,000 characters
//! of `text`, which screen readers read instead of the blocks.

use serde_json::{Value, json};

use crate::domain::institutions::ExpiryTier;
use crate::domain::values::ids::InstitutionUid;

const MOST_BLOCKS: usize = 45;
const MOST_CHARACTERS: usize = 9_000;
const LONGEST_SECTION: usize = 2_900;
const LONGEST_TEXT: usize = 3_800;
/// So that what is remembered of a message's institutions fits one transaction.
const MOST_INSTITUTIONS: usize = 90;

/// An institution as a message shows it.
pub(super) struct Part {
    pub(super) uid: InstitutionUid,
    pub(super) stage: ExpiryTier,
    /// In blocks; a section of its own, or a line among others.
    pub(super) shown: String,
    pub(super) is_line: bool,
    /// In `text`.
    pub(super) spoken: String,
}

/// A message under way.
#[derive(Default)]
pub(super) struct Page {
    blocks: Vec<Value>,
    characters: usize,
    text: String,
    stage: Option<ExpiryTier>,
    /// A section of lines that is still open.
    lines: String,
    pub(super) uids: Vec<InstitutionUid>,
}

pub(super) fn section(text: &str) -> Value {
    json!({ "type": "section", "text": mrkdwn(text) })
}

pub(super) fn context(text: &str) -> Value {
    json!({ "type": "context", "elements": [mrkdwn(text)] })
}

/// Verbatim: else Slack makes mentions and links of plain words, in others' names too
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
    /// Puts a section that stands before all institutions.
    pub(super) fn preface(&mut self, text: &str, spoken: &str) {
        self.characters += length(text);
        self.blocks.push(section(text));
        self.speak(spoken);
    }

    /// Puts an institution, below the heading of its stage; `false` where there is no room for all of it.
    pub(super) fn put(&mut self, part: &Part, heading: &str) -> bool {
        let is_new_stage = self.stage != Some(part.stage);
        let more = length(&part.shown) + 1 + if is_new_stage { length(heading) } else { 0 };
        // The section of its own or of the open lines, and with a new stage its divider and heading.
        let blocks = 2 + if is_new_stage { 2 } else { 0 };
        let has_room = self.blocks.len() + blocks <= MOST_BLOCKS
            && self.characters + more <= MOST_CHARACTERS
            && length(&self.text) + length(&part.spoken) < LONGEST_TEXT
            && self.uids.len() < MOST_INSTITUTIONS;
        if !has_room {
            return false;
        }
        if is_new_stage {
            self.close_lines();
            self.blocks.push(json!({ "type": "divider" }));
            self.blocks.push(section(heading));
            self.stage = Some(part.stage);
        }
        if part.is_line {
            self.add_line(&part.shown);
        } else {
            self.close_lines();
            self.blocks.push(section(&part.shown));
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

    /// The message below its title.
    pub(super) fn finish(mut self, title: &str, when: &str) -> Value {
        self.close_lines();
        let mut blocks = vec![header(title), context(when)];
        blocks.append(&mut self.blocks);
        json!({ "text": format!("{title}\n{}", self.text), "blocks": blocks })
    }
}
