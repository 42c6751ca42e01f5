//! Slack's Block Kit, as far as the digest needs it, with the limits that Slack publishes: header, section, context,
//! divider, and actions with buttons. Whatever else a message holds is refused.

use std::collections::BTreeSet;

use serde::Deserialize;
use serde_json::Value;

const MOST_BLOCKS: usize = 50;
const MOST_FIELDS: usize = 10;
const MOST_CONTEXT_ELEMENTS: usize = 10;
const MOST_ACTIONS: usize = 25;
const LONGEST_ID: usize = 255;
const LONGEST_TEXT: usize = 3000;
const LONGEST_FIELD: usize = 2000;
const LONGEST_HEADER: usize = 150;
const LONGEST_LABEL: usize = 75;
const LONGEST_URL: usize = 3000;
const LONGEST_VALUE: usize = 2000;
/// Of a message's blocks together; Slack does not publish it.
const LONGEST_MESSAGE: usize = 12_000;

/// Reasons for which Slack refuses blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Flaw {
    /// One of them is not as Slack takes it, or there are too many.
    Invalid,
    /// Their texts are too long together.
    TooLong,
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Block {
    Header {
        text: Text,
        block_id: Option<String>,
    },
    Section {
        text: Option<Text>,
        #[serde(default)]
        fields: Vec<Text>,
        accessory: Option<Element>,
        block_id: Option<String>,
    },
    Context {
        elements: Vec<Text>,
        block_id: Option<String>,
    },
    Divider {
        block_id: Option<String>,
    },
    Actions {
        elements: Vec<Element>,
        block_id: Option<String>,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Text {
    PlainText {
        text: String,
        #[serde(rename = "emoji")]
        _emoji: Option<bool>,
    },
    Mrkdwn {
        text: String,
        #[serde(rename = "verbatim")]
        _verbatim: Option<bool>,
    },
}

#[derive(Deserialize)]
#[serde(tag = "type", rename_all = "snake_case", deny_unknown_fields)]
enum Element {
    Button {
        text: Text,
        url: Option<String>,
        value: Option<String>,
        action_id: Option<String>,
        #[serde(rename = "style")]
        _style: Option<Style>,
    },
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum Style {
    Primary,
    Danger,
}

/// Checks a message's `blocks` against Slack's limits.
pub(crate) fn check(blocks: &Value) -> Result<(), Flaw> {
    let blocks = Vec::<Block>::deserialize(blocks).map_err(|_| Flaw::Invalid)?;
    let mut ids = BTreeSet::new();
    let unique = blocks.iter().filter_map(Block::id).all(|id| id.chars().count() <= LONGEST_ID && ids.insert(id));
    if blocks.len() > MOST_BLOCKS || !unique || !blocks.iter().all(Block::is_proper) {
        return Err(Flaw::Invalid);
    }
    let length: usize = blocks.iter().flat_map(Block::texts).map(|text| text.chars().count()).sum();
    if length > LONGEST_MESSAGE { Err(Flaw::TooLong) } else { Ok(()) }
}

/// Readable form of a message: the texts of its blocks line by line, without blocks its `text`.
pub(crate) fn readable(payload: &Value) -> String {
    let blocks = payload.get("blocks").and_then(|blocks| Vec::<Block>::deserialize(blocks).ok()).unwrap_or_default();
    let lines: Vec<&str> = blocks.iter().flat_map(Block::texts).collect();
    match payload.get("text").and_then(Value::as_str) {
        Some(text) if lines.is_empty() => text.to_owned(),
        _ => lines.join("\n"),
    }
}

impl Block {
    fn id(&self) -> Option<&str> {
        match self {
            Self::Header { block_id, .. }
            | Self::Section { block_id, .. }
            | Self::Context { block_id, .. }
            | Self::Divider { block_id }
            | Self::Actions { block_id, .. } => block_id.as_deref(),
        }
    }

    fn is_proper(&self) -> bool {
        match self {
            Self::Header { text, .. } => text.is_plain() && text.is_within(LONGEST_HEADER),
            Self::Section { text, fields, accessory, .. } => {
                (text.is_some() || !fields.is_empty())
                    && text.iter().all(|text| text.is_within(LONGEST_TEXT))
                    && fields.len() <= MOST_FIELDS
                    && fields.iter().all(|field| field.is_within(LONGEST_FIELD))
                    && accessory.iter().all(Element::is_proper)
            }
            Self::Context { elements, .. } => {
                (1..=MOST_CONTEXT_ELEMENTS).contains(&elements.len())
                    && elements.iter().all(|text| text.is_within(LONGEST_TEXT))
            }
            Self::Divider { .. } => true,
            Self::Actions { elements, .. } => {
                (1..=MOST_ACTIONS).contains(&elements.len()) && elements.iter().all(Element::is_proper)
            }
        }
    }

    /// The texts in the order in which they are shown.
    fn texts(&self) -> Vec<&str> {
        match self {
            Self::Header { text, .. } => vec![text.as_str()],
            Self::Section { text, fields, accessory, .. } => {
                let label = accessory.iter().map(Element::label);
                text.iter().chain(fields).map(Text::as_str).chain(label).collect()
            }
            Self::Context { elements, .. } => elements.iter().map(Text::as_str).collect(),
            Self::Divider { .. } => Vec::new(),
            Self::Actions { elements, .. } => elements.iter().map(Element::label).collect(),
        }
    }
}

impl Text {
    fn as_str(&self) -> &str {
        match self {
            Self::PlainText { text, .. } | Self::Mrkdwn { text, .. } => text,
        }
    }

    fn is_plain(&self) -> bool {
        matches!(self, Self::PlainText { .. })
    }

    fn is_within(&self, most: usize) -> bool {
        (1..=most).contains(&self.as_str().chars().count())
    }
}

impl Element {
    fn label(&self) -> &str {
        let Self::Button { text, .. } = self;
        text.as_str()
    }

    fn is_proper(&self) -> bool {
        let Self::Button { text, url, value, action_id, .. } = self;
        let is_within = |part: &Option<String>, most| part.iter().all(|part| part.chars().count() <= most);
        text.is_plain()
            && text.is_within(LONGEST_LABEL)
            && is_within(url, LONGEST_URL)
            && is_within(value, LONGEST_VALUE)
            && is_within(action_id, LONGEST_ID)
    }
}
