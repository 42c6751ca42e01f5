//! Institutions of MMS: list of those about to expire, and acknowledgement by staff.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::domain::institutions::ZONE;
use shared::domain::institutions::tracked_institution::{Acknowledgement, LONGEST_QUIET_DAYS};
use shared::domain::values::ids::InstitutionUid;
use shared::domain::values::time::LocalDate;
use shared::store::institutions::tracked::InstitutionPosition;
use shared::store::retry::{Attempt, retry_on_conflict};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Institutions};
use crate::http::dates::Day;
use crate::http::given::{Given, Nothing};
use crate::http::reason::Reason;
use crate::http::refusals::{Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::institutions::institution_answer::InstitutionAnswer;

/// Institutions of one page.
const PAGE: usize = 50;

/// Routes of institutions.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(expiring)).routes(routes!(acknowledge))
}

fn unknown() -> Failure {
    Failure::not_found("uid", "There is no such institution in the last scan.")
}

/// Query of the institutions about to expire.
#[derive(Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
#[serde(deny_unknown_fields)]
pub(crate) struct ExpiringQuery {
    /// `next` of the page before; only institutions after it are listed.
    #[param(max_length = 100, min_length = 1, example = "2026-12-20/U-1001")]
    pub(crate) after: Option<String>,
}

/// Institutions about to expire, soonest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct ExpiringInstitutions {
    /// Today in Asia/Taipei, from which the days are counted.
    #[schema(value_type = String, format = Date, example = "2026-11-20")]
    pub(crate) day: LocalDate,
    /// At most 50 institutions.
    pub(crate) institutions: Vec<InstitutionAnswer>,
    /// `after` of the next page; null on the last one.
    #[schema(example = "2026-12-20/U-1001")]
    pub(crate) next: Option<String>,
}

/// Lists institutions about to expire, soonest first.
///
/// The list has what MMS listed at the last scans and the Slack digest shows: expiries from today to the horizon.
#[utoipa::path(
    get, path = "/institutions/expiring", tag = "institutions", operation_id = "list_expiring_institutions",
    params(ExpiringQuery),
    responses((status = 200, description = "One page of institutions.", body = ExpiringInstitutions), Refusals),
    security(("token" = ["institutions"])),
)]
async fn expiring(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Institutions>,
    given: Given<ExpiringQuery>,
) -> Result<Json<ExpiringInstitutions>, Failure> {
    let today = caller.context.time.logical.day(ZONE);
    let wanted = Wanted { first: today, after: given.query.after.as_deref(), limit: PAGE };
    listed(&api, wanted, today).await.map(Json)
}

/// Institutions of one page.
pub(crate) struct Wanted<'a> {
    /// First expiry date.
    pub(crate) first: LocalDate,
    /// `next` of the page before.
    pub(crate) after: Option<&'a str>,
    /// Most institutions of the page, up to 50.
    pub(crate) limit: usize,
}

/// Reads the institutions that MMS listed at the last scan and that expire from a day to the horizon, soonest first.
pub(crate) async fn listed(
    api: &ApiState,
    wanted: Wanted<'_>,
    today: LocalDate,
) -> Result<ExpiringInstitutions, Failure> {
    let Wanted { first, after, limit } = wanted;
    // Only what the Slack digest lists, too: the same horizon.
    let tiers = &api.config.tiers;
    let horizon = today.plus_days(tiers.horizon().into());
    let after = after.map(position).transpose()?;
    if after.as_ref().is_some_and(|after| after.expires > horizon) {
        return Err(Failure::invalid("after", "must not be after the last listed day"));
    }
    // A cursor from before midnight may point to a day that is over; the list then starts with its first day.
    let after = after.filter(|after| after.expires >= first);
    let page = api.store.institutions.institutions_between(first, horizon, after).await?;
    let has_more = page.next.is_some() || page.items.len() > limit;
    let items: Vec<_> = page.items.into_iter().take(limit).collect();
    let last = if has_more { items.last() } else { None };
    let next = last.map(|kept| format!("{}/{}", kept.value.institution.expires, kept.value.institution.uid));
    let institutions = items.into_iter().map(|kept| InstitutionAnswer::new(kept.value, tiers, today));
    Ok(ExpiringInstitutions { day: today, institutions: institutions.collect(), next })
}

/// Parses the cursor, `<expiry date>/<uid>` of the last institution shown.
fn position(after: &str) -> Result<InstitutionPosition, Failure> {
    let invalid = || Failure::invalid("after", "must be the `next` of an earlier response");
    let (expires, uid) = after.split_once('/').ok_or_else(invalid)?;
    let expires = LocalDate::parse(expires).map_err(|_| invalid())?;
    Ok(InstitutionPosition { expires, uid: InstitutionUid::parse(uid).map_err(|_| invalid())? })
}

/// Acknowledgement of an expiry.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct AcknowledgeInstitutionBody {
    /// First date on which digests list the institution again, Asia/Taipei, at most 366 days from now. Today or an earlier
    /// date ends an acknowledgement.
    #[schema(value_type = String, format = Date, example = "2026-12-01")]
    until: Day,
    /// Reason in one line, shown with the institution.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "the contract is signed")]
    why: Reason,
}

/// Acknowledges the expiry of an institution.
///
/// Until the given day the Slack digest counts the institution without listing it. A changed expiry date is announced all the
/// same.
#[utoipa::path(
    post, path = "/institutions/{uid}/acknowledge", tag = "institutions", operation_id = "acknowledge_institution",
    params(("uid" = String, Path, description = "Identity of the institution at MMS.", example = "U-1001")),
    request_body = AcknowledgeInstitutionBody,
    responses((status = 200, description = "The institution.", body = InstitutionAnswer), Refusals, Missing),
    security(("token" = ["institutions"])),
)]
pub(crate) async fn acknowledge(
    State(api): State<Arc<ApiState>>,
    Path(uid): Path<String>,
    caller: Caller<Institutions>,
    given: Given<Nothing, AcknowledgeInstitutionBody>,
) -> Result<Json<InstitutionAnswer>, Failure> {
    let uid = &InstitutionUid::parse(&uid).map_err(|_| unknown())?;
    let AcknowledgeInstitutionBody { until: Day(until), why: Reason(why) } = &given.body;
    let (api, context, until) = (&api, &caller.context, *until);
    let today = context.time.logical.day(ZONE);
    if until > today.plus_days(LONGEST_QUIET_DAYS) {
        return Err(Failure::invalid("until", format!("must be at most {LONGEST_QUIET_DAYS} days from now")));
    }
    retry_on_conflict("acknowledging an institution", (), |()| async move {
        let mut known = api.store.institutions.listed_institution(uid).await?.ok_or_else(unknown)?;
        let expires = known.value.institution.expires;
        // Bound to the expiry date: a new date is news and ends the acknowledgement.
        let acknowledgement = Acknowledgement {
            expires,
            until,
            by: context.actor().to_owned(),
            why: why.clone(),
            at: context.time.logical,
        };
        known.value.acknowledged = (until > today).then_some(acknowledgement);
        if api.store.institutions.acknowledge_institution(&known, context.time.wall).await? {
            tracing::info!(by = context.actor(), "institution acknowledged");
            return Ok(Attempt::Done(Json(InstitutionAnswer::new(known.value, &api.config.tiers, today))));
        }
        Ok(Attempt::Conflict(()))
    })
    .await
}
