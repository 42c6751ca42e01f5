//! Messages and events that were sent, for the page.

use chrono::{DateTime, Utc};

use crate::http::page::clock_forms::local;
use crate::world::World;
use crate::world::received_events::ReceivedEvent;
use crate::world::state::Message;

/// Most entries that the page shows.
const MOST: usize = 50;

/// Message or event as the page shows it.
pub(crate) struct SentRow {
    pub(crate) at: String,
    pub(crate) heading: String,
    pub(crate) text: Vec<Piece>,
}

/// Part of a text.
pub(crate) enum Piece {
    Text(String),
    /// Address within this sandbox.
    Link(String),
}

/// Latest messages and events, the newest first.
pub(crate) fn rows(world: &World) -> Vec<SentRow> {
    let state = world.state();
    let mails = state.messages.iter().rev().take(MOST).map(|message| (message.sent_at, of_message(world, message)));
    let known = state.events.len();
    let events = state.events.since(known.saturating_sub(MOST)).collect::<Vec<_>>();
    let events = events.into_iter().rev().map(|event| (event.at, of_event(world, event)));
    let mut rows: Vec<(DateTime<Utc>, SentRow)> = mails.chain(events).collect();
    // Stable, so that entries of one moment keep their order.
    rows.sort_by_key(|(at, _)| std::cmp::Reverse(*at));
    rows.into_iter().take(MOST).map(|(_, row)| row).collect()
}

fn of_message(world: &World, message: &Message) -> SentRow {
    let subject = message.subject.as_ref().map(|subject| format!(": {subject}")).unwrap_or_default();
    SentRow {
        at: local(message.sent_at),
        heading: format!("{} to {}{subject}", message.channel, message.to),
        text: pieces(&message.body.to_string(), &world.base_url),
    }
}

fn of_event(world: &World, event: &ReceivedEvent) -> SentRow {
    let kind = event.body.get("type").and_then(serde_json::Value::as_str).unwrap_or("unreadable");
    let text = serde_json::to_string_pretty(&event.body).unwrap_or_default();
    SentRow {
        at: local(event.at),
        heading: format!("event: {kind}"),
        text: pieces(if event.body.is_null() { &event.raw } else { &text }, &world.base_url),
    }
}

/// The text with the addresses of the sandbox in it apart. Those of other hosts stay text. Spaces at the ends of lines, as before a
/// mail's signature, are left out: they cannot be seen.
fn pieces(text: &str, base_url: &str) -> Vec<Piece> {
    let begin = format!("{base_url}/");
    let text = text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n");
    let (mut pieces, mut rest) = (Vec::new(), text.as_str());
    while let Some((before, after)) = rest.split_once(&begin) {
        let is_end = |letter: char| letter.is_whitespace() || "<>\"'|)）。，".contains(letter);
        let (path, after) = after.split_at(after.find(is_end).unwrap_or(after.len()));
        pieces.push(Piece::Text(before.to_owned()));
        pieces.push(Piece::Link(format!("{begin}{path}")));
        rest = after;
    }
    pieces.push(Piece::Text(rest.to_owned()));
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_addresses_of_the_sandbox_are_links() {
        let text =
            "Pay: http://127.0.0.1:1/portal/a?b=1\nnot http://127.0.0.1:1@shop.example/ nor http://127.0.0.1:12/x";
        let links: Vec<_> = pieces(text, "http://127.0.0.1:1")
            .into_iter()
            .filter_map(|piece| match piece {
                Piece::Link(link) => Some(link),
                Piece::Text(_) => None,
            })
            .collect();
        assert_eq!(links, ["http://127.0.0.1:1/portal/a?b=1"]);
    }
}
