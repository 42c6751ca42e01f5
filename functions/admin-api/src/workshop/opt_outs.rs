//! Opt-outs of phone numbers: list, record, end.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use lambda_http::http::StatusCode;
use serde::{Deserialize, Serialize};
use shared::domain::values::time::Timestamp;
use shared::domain::workshop::opt_out::{ConfirmationState, OptOut, StatedWish, Wish, WishOrigin};
use shared::domain::workshop::phone::Phone;
use shared::store::workshop::opt_outs::WishResult;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Customers};
use crate::http::context::RequestContext;
use crate::http::cursor;
use crate::http::cursor::ListCursor;
use crate::http::given::Given;
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::workshop::customer_fields::PhoneAsWritten;

/// Default number of opt-outs in one response.
const PAGE: usize = 50;

/// Routes of opt-outs.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list, record)).routes(routes!(end))
}

/// Opt-outs of one page, the latest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct OptOutList {
    opt_outs: Vec<OptOutAnswer>,
    /// `after` of the next page; null on the last one.
    next: Option<String>,
}

/// Opt-out of a phone number.
#[derive(Serialize, ToSchema)]
pub(crate) struct OptOutAnswer {
    /// Id of the opt-out, in which the number does not stand.
    #[schema(example = "8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b")]
    opt_out_id: String,
    /// Mobile number in international form without a plus; null once its customer was erased.
    #[schema(value_type = Option<String>, example = "628551234567")]
    phone: Option<Phone>,
    /// True while no reminder goes to the number.
    #[schema(example = true)]
    opted_out: bool,
    latest: WishAnswer,
    /// The opposite wish before it; null where there was none.
    previous: Option<WishAnswer>,
    /// State of the confirmation to the person: `waiting`, `sent`, `failed` or `unclear`; null where staff recorded
    /// the latest wish.
    #[schema(value_type = Option<String>, example = "sent")]
    confirmation: Option<ConfirmationState>,
}

/// Wish of a person, and where it comes from.
#[derive(Serialize, ToSchema)]
pub(crate) struct WishAnswer {
    /// `stop` or `start`.
    #[schema(value_type = String, example = "stop")]
    wish: Wish,
    #[schema(value_type = String, format = DateTime, example = "2025-12-16T03:00:00Z")]
    at: Timestamp,
    source: WishSource,
    /// Caller who recorded it; null for a reply.
    #[schema(example = "workshop-desk")]
    by: Option<String>,
    /// Reason in staff's words; null where none was given.
    #[schema(example = "asked for it on the phone")]
    why: Option<String>,
}

/// Where a wish comes from.
#[derive(Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
enum WishSource {
    /// Staff recorded it.
    Staff,
    /// The person replied STOP, BERHENTI, UNSUBSCRIBE or START by WhatsApp.
    Reply,
}

/// Query of the list of opt-outs.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct OptOutListQuery {
    /// Only this number, in any usual notation, also where its opt-out was ended.
    #[param(value_type = Option<String>, max_length = 500, example = "0855-1234-567")]
    phone: Option<PhoneAsWritten>,
    /// Opt-outs that were ended, in place of those that hold. Default: false.
    #[serde(default)]
    ended: bool,
    /// Opt-outs in one response; 50 where it is absent.
    #[param(minimum = 1, maximum = 100, default = 50)]
    limit: Option<usize>,
    /// `next` of the page before: only earlier ones follow.
    #[param(value_type = Option<String>, max_length = 500)]
    after: Option<ListCursor>,
}

/// Query of a request that records a wish.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct WishQuery {
    /// Answers what the request would lead to; nothing is written. Default: false.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Number to be opted out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptOutBody {
    /// Indonesian mobile number in any usual notation.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "0855-1234-567")]
    pub(crate) phone: PhoneAsWritten,
    /// Reason in one line.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "asked for it on the phone")]
    pub(crate) why: Reason,
}

/// Reason for ending an opt-out.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct OptOutEndBody {
    /// Reason in one line.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "wants reminders again, said so at the desk")]
    pub(crate) why: Reason,
}

/// Lists opt-outs, the latest first.
///
/// A change of the last moments may be missing, except with `phone`.
#[utoipa::path(
    get, path = "/opt-outs", tag = "workshop", operation_id = "list_opt_outs", params(OptOutListQuery),
    responses((status = 200, description = "One page of the list.", body = OptOutList), Refusals),
    security(("token" = ["customers"])),
)]
async fn list(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Customers>,
    given: Given<OptOutListQuery>,
) -> Result<Json<OptOutList>, Failure> {
    let OptOutListQuery { phone, ended, limit, after } = given.query;
    if let Some(PhoneAsWritten(phone)) = phone {
        let known = api.store.workshop.opt_out(&phone, &api.phone_hasher(&caller.context).await?).await?;
        let found = known.value.as_ref().map(|opt_out| OptOutAnswer::new(known.id(), opt_out));
        return Ok(Json(OptOutList { opt_outs: found.into_iter().collect(), next: None }));
    }
    let after = after.map(|ListCursor(position)| position);
    let (page, next) = api.store.workshop.opt_outs(!ended, after.as_ref(), limit.unwrap_or(PAGE)).await?;
    Ok(Json(OptOutList {
        opt_outs: page.into_iter().map(|listed| OptOutAnswer::new(listed.id, &listed.opt_out)).collect(),
        next: next.as_ref().map(cursor::encode_list),
    }))
}

/// Opts a number out of reminders.
///
/// It counts for every customer with the number, also for those of later lists. A number that is opted out stays as it is.
#[utoipa::path(
    post, path = "/opt-outs", tag = "workshop", operation_id = "opt_out", params(WishQuery), request_body = OptOutBody,
    responses(
        (status = 200, description = "The number was opted out before, or a dry run.", body = OptOutAnswer),
        (status = 201, description = "The number is opted out now.", body = OptOutAnswer),
        Refusals,
    ),
    security(("token" = ["customers"])),
)]
pub(crate) async fn record(
    State(api): State<Arc<ApiState>>,
    caller: Caller<Customers>,
    given: Given<WishQuery, OptOutBody>,
) -> Result<(StatusCode, Json<OptOutAnswer>), Failure> {
    let OptOutBody { phone: PhoneAsWritten(phone), why } = given.body;
    let wish = stated(&caller.context, Wish::Stop, why);
    let (answer, is_new) = recorded(&api, &caller.context, &phone, &wish, given.query.dry_run).await?;
    Ok((if is_new { StatusCode::CREATED } else { StatusCode::OK }, Json(answer)))
}

/// Ends an opt-out.
///
/// The person gets reminders again. An opt-out that was ended before stays as it is.
#[utoipa::path(
    delete, path = "/opt-outs/{id}", tag = "workshop", operation_id = "end_opt_out",
    params(
        WishQuery,
        ("id" = String, Path, description = "Id of the opt-out.", example = "8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b8f3c1e0b"),
    ),
    request_body = OptOutEndBody,
    responses((status = 200, description = "The opt-out, which is ended.", body = OptOutAnswer), Refusals, Missing, Conflicts),
    security(("token" = ["customers"])),
)]
pub(crate) async fn end(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Customers>,
    given: Given<WishQuery, OptOutEndBody>,
) -> Result<Json<OptOutAnswer>, Failure> {
    let is_id = id.len() == 64 && id.bytes().all(|byte| byte.is_ascii_hexdigit());
    let known = if is_id { api.store.workshop.opt_out_of_id(&id).await? } else { None };
    let known = known.ok_or_else(|| Failure::not_found("opt_out_id", "There is no such opt-out."))?;
    let Some(phone) = &known.phone else {
        return Err(Failure::conflict(
            "erased",
            "Its customer was erased: store the customer again with opted_out=false.",
        ));
    };
    let wish = stated(&caller.context, Wish::Start, given.body.why);
    recorded(&api, &caller.context, phone, &wish, given.query.dry_run).await.map(|(answer, _)| Json(answer))
}

fn stated(context: &RequestContext, wish: Wish, Reason(why): Reason) -> StatedWish {
    let origin = WishOrigin::Staff { by: context.actor().to_owned(), why: Some(why) };
    StatedWish { wish, at: context.time.logical, origin }
}

/// Records a wish, and answers the opt-out after it and whether it is new.
async fn recorded(
    api: &ApiState,
    context: &RequestContext,
    phone: &Phone,
    wish: &StatedWish,
    dry_run: bool,
) -> Result<(OptOutAnswer, bool), Failure> {
    let hasher = api.phone_hasher(context).await?;
    let store = if dry_run { api.store.dry_run() } else { api.store.clone() };
    let WishResult { id, opt_out, is_new } = store.workshop.record_wish(phone, wish, None, &hasher).await?;
    let opt_out = opt_out.ok_or_else(|| Failure::defect("an opt-out that was read is not there"))?;
    if is_new && !dry_run {
        tracing::info!(by = context.actor(), opted_out = opt_out.is_open(), "opt-out recorded");
    }
    Ok((OptOutAnswer::new(id, &opt_out), is_new && !dry_run))
}

impl OptOutAnswer {
    fn new(id: String, opt_out: &OptOut) -> Self {
        Self {
            opt_out_id: id,
            phone: opt_out.phone.clone(),
            opted_out: opt_out.is_open(),
            latest: WishAnswer::from(&opt_out.latest),
            previous: opt_out.previous.as_ref().map(WishAnswer::from),
            confirmation: opt_out.confirmation.as_ref().map(|confirmation| confirmation.state),
        }
    }
}

impl From<&StatedWish> for WishAnswer {
    fn from(stated: &StatedWish) -> Self {
        let (source, by, why) = match &stated.origin {
            WishOrigin::Staff { by, why } => (WishSource::Staff, Some(by.clone()), why.clone()),
            WishOrigin::Reply { .. } => (WishSource::Reply, None, None),
        };
        Self { wish: stated.wish, at: stated.at, source, by, why }
    }
}
