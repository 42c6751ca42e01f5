//! What was set aside, and why.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::clock::Moment;
use shared::domain::time::{LocalDate, Zone};
use shared::store::records::Quarantined;

use crate::AdminApi;
use crate::input::Input;
use crate::reply::{self, Failure};

/// Without `?from=` the list begins this many days ago.
const DAYS: i64 = 30;

/// `?from=` and `?to=` are days in Taipei, both included; newest first, at most a page.
pub(crate) async fn list(api: &AdminApi, input: &Input, moment: Moment) -> Result<Response<Body>, Failure> {
    let today = moment.now.day(Zone::Taipei);
    let from = day(input, "from", today.plus_days(-DAYS))?;
    let to = day(input, "to", today)?;
    let set_aside = api.store.quarantined(from.start(Zone::Taipei), to.plus_days(1).start(Zone::Taipei)).await?;
    let shown: Vec<Value> = set_aside.iter().map(shown).collect();
    Ok(reply::ok(&json!({ "quarantine": shown })))
}

fn day(input: &Input, name: &str, default: LocalDate) -> Result<LocalDate, Failure> {
    let parse = |text| LocalDate::parse(text).map_err(|error| Failure::invalid(name, error.to_string()));
    input.query(name).map_or(Ok(default), parse)
}

fn shown(report: &Quarantined) -> Value {
    json!({
        "id": report.id, "received_at": report.received_at, "reason": report.reason, "detail": report.detail,
        "merchant_trade_no": report.subscription, "event": report.event,
        "type": report.callback.map_or("query", |kind| kind.name()), "fields": report.fields,
    })
}
