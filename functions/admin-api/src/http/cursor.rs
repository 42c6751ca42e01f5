//! Cursors of paged lists: an opaque text that the caller sends back for the next page.

use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use serde::Deserialize;
use shared::domain::values::ids::{NotificationId, SubscriptionId};
use shared::domain::values::time::Timestamp;
use shared::platform::hash::short_id;
use shared::store::billing::events::list::EventPosition;
use shared::store::billing::find::subscriptions::SubscriptionPosition;
use shared::store::billing::notices::list::NoticePosition;
use shared::store::billing::quarantine::list::Position;
use shared::store::table::listing::ListPosition;

/// Hex digits of the checksum that detects a changed cursor. It is no secret: a forged cursor leads only to what its
/// caller may read anyway.
const CHECK: usize = 8;
/// Lists that one position covers: open and resolved reports.
const LISTS: usize = 2;

/// Cursor of a list of quarantined reports in a request.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ReportCursor(pub(crate) Position);

/// Cursor of a list of notices in a request.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct NoticeCursor(pub(crate) NoticePosition);

/// Cursor of a list of subscriptions in a request.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct SubscriptionCursor(pub(crate) SubscriptionPosition);

/// Cursor of the list of events in a request.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct EventCursor(pub(crate) EventPosition);

/// Cursor of any other list in a request.
#[derive(Debug, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct ListCursor(pub(crate) ListPosition);

/// Refusal of a text that no list gave out as its cursor.
#[derive(Debug, thiserror::Error)]
#[error("a cursor is the `next` of the page before, unchanged")]
pub(crate) struct NotACursor;

impl TryFrom<String> for ReportCursor {
    type Error = NotACursor;

    fn try_from(text: String) -> Result<Self, NotACursor> {
        decode(&text).map(Self).ok_or(NotACursor)
    }
}

impl TryFrom<String> for NoticeCursor {
    type Error = NotACursor;

    fn try_from(text: String) -> Result<Self, NotACursor> {
        decode_notice(&text).map(Self).ok_or(NotACursor)
    }
}

impl TryFrom<String> for SubscriptionCursor {
    type Error = NotACursor;

    fn try_from(text: String) -> Result<Self, NotACursor> {
        decode_subscription(&text).map(Self).ok_or(NotACursor)
    }
}

impl TryFrom<String> for EventCursor {
    type Error = NotACursor;

    fn try_from(text: String) -> Result<Self, NotACursor> {
        decode_event(&text).map(Self).ok_or(NotACursor)
    }
}

impl TryFrom<String> for ListCursor {
    type Error = NotACursor;

    fn try_from(text: String) -> Result<Self, NotACursor> {
        unseal(&text).and_then(|text| ListPosition::parse(&text)).map(Self).ok_or(NotACursor)
    }
}

/// Encodes a position among quarantined reports for a response.
pub(crate) fn encode(position: &Position) -> String {
    let last = position.last.iter().map(|id| id.as_deref().unwrap_or_default());
    seal(&std::iter::once(position.at.to_string().as_str()).chain(last).collect::<Vec<_>>().join("/"))
}

/// Decodes a cursor among quarantined reports; `None` unless [`encode`] made it.
fn decode(cursor: &str) -> Option<Position> {
    let text = unseal(cursor)?;
    let mut parts = text.split('/');
    let at = Timestamp::parse(parts.next()?).ok()?;
    let last: Vec<Option<String>> = parts.map(|id| Some(id).filter(|id| !id.is_empty()).map(str::to_owned)).collect();
    // A cursor is input: its ids are checked before they reach a key.
    let validated = last.len() <= LISTS && last.iter().flatten().all(|id| is_report_id(id));
    validated.then_some(Position { at, last })
}

/// Encodes a position among notices for a response.
pub(crate) fn encode_notice(position: &NoticePosition) -> String {
    seal(&format!("{} {}", position.at, position.id))
}

/// Decodes a cursor among notices; `None` unless [`encode_notice`] made it.
fn decode_notice(cursor: &str) -> Option<NoticePosition> {
    let text = unseal(cursor)?;
    let (at, id) = text.split_once(' ')?;
    Some(NoticePosition { at: Timestamp::parse(at).ok()?, id: NotificationId::parse(id).ok()? })
}

/// Encodes a position among subscriptions for a response.
pub(crate) fn encode_subscription(position: &SubscriptionPosition) -> String {
    match position {
        SubscriptionPosition::Listed(position) => seal(position.as_str()),
        SubscriptionPosition::Due { at, id } => seal(&format!("{at} {id}")),
    }
}

/// Decodes a cursor among subscriptions; `None` unless [`encode_subscription`] made it.
fn decode_subscription(cursor: &str) -> Option<SubscriptionPosition> {
    let text = unseal(cursor)?;
    let Some((at, id)) = text.split_once(' ') else {
        return ListPosition::parse(&text).map(SubscriptionPosition::Listed);
    };
    Some(SubscriptionPosition::Due { at: Timestamp::parse(at).ok()?, id: SubscriptionId::parse(id).ok()? })
}

/// Encodes a position among events for a response.
pub(crate) fn encode_event(position: &EventPosition) -> String {
    let text = |place: &Option<ListPosition>| place.as_ref().map_or(String::new(), |place| place.as_str().to_owned());
    match &position.again_from {
        Some(again_from) => seal(&format!("{} {}", text(&position.last), text(again_from))),
        None => seal(&text(&position.last)),
    }
}

/// Decodes a cursor among events; `None` unless [`encode_event`] made it.
fn decode_event(cursor: &str) -> Option<EventPosition> {
    let text = unseal(cursor)?;
    let place = |text: &str| if text.is_empty() { Some(None) } else { ListPosition::parse(text).map(Some) };
    Some(match text.split_once(' ') {
        Some((last, again_from)) => EventPosition { last: place(last)?, again_from: Some(place(again_from)?) },
        None => EventPosition { last: place(&text)?, again_from: None },
    })
}

/// Encodes a position in any other list for a response.
pub(crate) fn encode_list(position: &ListPosition) -> String {
    seal(position.as_str())
}

fn seal(text: &str) -> String {
    URL_SAFE_NO_PAD.encode(format!("{}{text}", check(text)))
}

fn unseal(cursor: &str) -> Option<String> {
    let decoded = String::from_utf8(URL_SAFE_NO_PAD.decode(cursor).ok()?).ok()?;
    let (sum, text) = decoded.split_at_checked(CHECK)?;
    (sum == check(text)).then(|| text.to_owned())
}

/// True if `text` has the form of a quarantined report's id: 32 lower-case hex digits.
pub(crate) fn is_report_id(text: &str) -> bool {
    text.len() == 32 && text.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

fn check(text: &str) -> String {
    short_id(text).chars().take(CHECK).collect()
}
