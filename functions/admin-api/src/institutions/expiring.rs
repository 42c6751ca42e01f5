//! Institutions of MMS: list of those about to expire, and acknowledgement by staff.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::billing::decision::Versioned;
use shared::domain::institutions::ZONE;
use shared::domain::institutions::tracked_institution::{Acknowledgement, LONGEST_QUIET_DAYS, TrackedInstitution};
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::LocalDate;
use shared::platform::clock::InvocationTime;
use shared::store::institutions::tracked::InstitutionPosition;
use shared::store::retry::{Attempt, retry_on_conflict};

use crate::api::AdminApi;
use crate::http::context::RequestContext;
use crate::http::dates;
use crate::http::path::decoded;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;

/// Routes below `/institutions`.
pub(crate) async fn route(
    api: &AdminApi,
    method: &str,
    rest: &[&str],
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    match (method, rest) {
        ("GET", ["expiring"]) => expiring(api, input, context.time).await,
        ("POST", [uid, "acknowledge"]) => {
            let uid = InstitutionUid::parse(&decoded(uid)).map_err(|_| unknown())?;
            acknowledge(api, &uid, input, context).await
        }
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

fn unknown() -> Failure {
    Failure::not_found("uid", "no such institution in the last scan")
}

/// `GET /institutions/expiring?after=`: lists institutions of the last scans that expire within the horizon, soonest
/// first, 50 in one response; `next` is the `after` of the next request.
async fn expiring(api: &AdminApi, input: &Input, time: InvocationTime) -> Result<Response<Body>, Failure> {
    let today = time.logical.day(ZONE);
    // Only what the Slack digest lists, too: the same horizon.
    let horizon = today.plus_days(api.config.tiers.horizon().into());
    let after = input.query("after").map(position).transpose()?;
    if after.as_ref().is_some_and(|after| after.expires > horizon) {
        return Err(Failure::invalid("after", "must not be after the last listed day"));
    }
    // A cursor from before midnight may point to a day that is over; the list then starts with today.
    let after = after.filter(|after| after.expires >= today);
    let page = api.store.institutions.institutions_between(today, horizon, after).await?;
    let institutions: Vec<Value> = page.items.iter().map(|kept| shown(api, &kept.value, today)).collect();
    let last = if page.next.is_some() { page.items.last() } else { None };
    let next = last.map(|kept| format!("{}/{}", kept.value.institution.expires, kept.value.institution.uid));
    Ok(response::ok(&json!({ "day": today, "institutions": institutions, "next": next })))
}

/// Parses the cursor, `<expiry date>/<uid>` of the last institution shown.
fn position(after: &str) -> Result<InstitutionPosition, Failure> {
    let invalid = || Failure::invalid("after", "must be the `next` of an earlier response");
    let (expires, uid) = after.split_once('/').ok_or_else(invalid)?;
    let expires = LocalDate::parse(expires).map_err(|_| invalid())?;
    Ok(InstitutionPosition { expires, uid: InstitutionUid::parse(uid).map_err(|_| invalid())? })
}

fn shown(api: &AdminApi, tracked: &TrackedInstitution, today: LocalDate) -> Value {
    let one = &tracked.institution;
    let days = today.days_until(one.expires);
    let announced =
        tracked.announced.map(|last| json!({ "on": last.on, "tier": last.tier, "expiry_date": last.expires }));
    let acknowledged =
        tracked.quiet(today).map(|it| json!({ "until": it.until, "by": it.by, "why": it.why, "at": it.at }));
    json!({
        "uid": one.uid, "name": one.name, "expiry_date": one.expires, "days_until_expiry": days,
        "tier": api.config.tiers.tier(days), "contact_person": one.contact, "contact_number": one.phone,
        "address": one.address, "plan_name": one.plan, "account_limit": one.account_limit, "announced": announced,
        "acknowledged": acknowledged,
    })
}

/// `POST /institutions/{uid}/acknowledge` `{"until": date, "why": text}`: until that day the Slack digest counts the
/// institution without listing it. Today or an earlier day ends an acknowledgement.
async fn acknowledge(
    api: &AdminApi,
    uid: &InstitutionUid,
    input: &Input,
    context: &RequestContext,
) -> Result<Response<Body>, Failure> {
    input.only(&["until", "why"])?;
    let today = context.time.logical.day(ZONE);
    let until = dates::parse(input.required("until")?).map_err(|why| Failure::invalid("until", why))?;
    if until > today.plus_days(LONGEST_QUIET_DAYS) {
        return Err(Failure::invalid("until", format!("must be at most {LONGEST_QUIET_DAYS} days from now")));
    }
    let why = input.why()?.ok_or_else(|| Failure::invalid("why", "is missing"))?;
    retry_on_conflict("acknowledging an institution", (), |()| async move {
        let mut known = api.store.institutions.listed_institution(uid).await?.ok_or_else(unknown)?;
        let expires = known.value.institution.expires;
        // Bound to the expiry date: a new date is news and ends the acknowledgement.
        let acknowledgement = Acknowledgement {
            expires,
            until,
            by: context.actor.clone(),
            why: why.to_owned(),
            at: context.time.logical,
        };
        known.value.acknowledged = (until > today).then_some(acknowledgement);
        if api.store.institutions.acknowledge_institution(&known, context.time.wall).await? {
            tracing::info!(by = context.actor, "institution acknowledged");
            let Versioned { value, .. } = known;
            return Ok(Attempt::Done(response::ok(&shown(api, &value, today))));
        }
        Ok(Attempt::Conflict(()))
    })
    .await
}
