//! Forms that move the clock.

use axum::body::Bytes;
use axum::extract::State;
use axum::response::Response;
use chrono::{DateTime, Days, Months, TimeDelta, Utc};
use chrono_tz::Asia::Taipei;
use http::HeaderMap;

use crate::http::answers::Shared;
use crate::http::page::form::Form;
use crate::http::page::html;
use crate::http::page::html::{Done, Effect};
use crate::http::page::sign_in;
use crate::world::clock;
use crate::world::clock::TimelineEvent;

/// Most lines of a move that the page shows.
const MOST_LINES: usize = 200;

/// Format of a time for a person.
const SHOWN: &str = "%Y-%m-%d %H:%M";

/// Moves the clock by a length, or to the next thing that is due.
pub(crate) async fn move_clock(State(world): Shared, headers: HeaderMap, body: Bytes) -> Response {
    let form = Form::read(&body);
    let done = match form.text("by") {
        "next" => Ok(clock::advance_to_next(&world).await),
        by => match later(world.now(), by) {
            Some(target) => clock::advance(&world, target)
                .await
                .map_err(|now| format!("The clock is at {} by now and does not go back.", local(now))),
            None => Err("The clock moves by an hour, a day, a week or a month, or to the next thing due.".to_owned()),
        },
    };
    let mut response = html::back(&world, "/sandbox", done.and_then(|ran| effect(world.now(), ran)));
    sign_in::renew(&world, &headers, &mut response).await;
    response
}

/// Time that much later; months and days by Taipei's calendar.
fn later(now: DateTime<Utc>, by: &str) -> Option<DateTime<Utc>> {
    let local = now.with_timezone(&Taipei);
    let later = match by {
        "hour" => local.checked_add_signed(TimeDelta::hours(1)),
        "day" => local.checked_add_days(Days::new(1)),
        "week" => local.checked_add_days(Days::new(7)),
        "month" => local.checked_add_months(Months::new(1)),
        _ => None,
    };
    later.map(|later| later.to_utc())
}

fn effect(now: DateTime<Utc>, ran: Vec<TimelineEvent>) -> Done {
    let lines: Vec<_> = ran.into_iter().filter(|event| !event.is_idle).map(|event| line(&event)).collect();
    let (now, left_out) = (local(now), lines.len().saturating_sub(MOST_LINES));
    let mut lines: Vec<_> = lines.into_iter().skip(left_out).collect();
    if left_out > 0 {
        lines.insert(0, format!("{left_out} earlier lines are left out."));
    }
    let title = if lines.is_empty() { format!("It is {now}. Nothing was due.") } else { format!("It is {now}.") };
    Ok(Effect { title, lines })
}

fn line(event: &TimelineEvent) -> String {
    match DateTime::parse_from_rfc3339(&event.at) {
        Ok(at) => format!("{} {}", local(at.to_utc()), event.what),
        Err(_) => event.what.clone(),
    }
}

/// Time in Taipei for a person, to the minute.
pub(crate) fn local(at: DateTime<Utc>) -> String {
    at.with_timezone(&Taipei).format(SHOWN).to_string()
}
