//! Notices: mails that wait, were refused or have an unknown outcome, and their resending by staff.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::{Deserialize, Serialize};
use shared::domain::billing::notices::feedback::Feedback;
use shared::domain::billing::notices::{NoticeState, Recipient, ResendRefusal};
use shared::domain::values::ids::NotificationId;
use shared::domain::values::time::Timestamp;
use shared::store::billing::notices::list::Resend;
use shared::store::billing::notices::{ResendRequest, StoredNotice};
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{Caller, Operate, Read};
use crate::http::cursor;
use crate::http::cursor::NoticeCursor;
use crate::http::given::Given;
use crate::http::reason::Reason;
use crate::http::refusals::{Conflicts, Missing, Refusals};
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Default number of notices in one response.
const PAGE: usize = 50;

/// Routes of notices.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(list)).routes(routes!(resend))
}

/// The notice's id as routes have it: its parts joined by dots, because a path has slashes of its own. No part has a dot.
pub(crate) fn route_id(notice: &StoredNotice) -> String {
    notice.id.replace('/', ".")
}

/// Query of the list of notices.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct NoticeListQuery {
    /// State of the notices: `dead` (refused, or not accepted for three days), `unclear` (outcome unknown), `undeliverable`
    /// (its address takes no mail) or `queued` (an attempt is ahead). `dead` where it is absent.
    #[serde(default)]
    #[param(inline)]
    pub(crate) state: ListedState,
    /// Notices in one response; 50 where it is absent.
    #[param(minimum = 1, maximum = 100, default = 50)]
    pub(crate) limit: Option<usize>,
    /// `next` of the page before: only later ones of the list follow.
    #[param(value_type = Option<String>, max_length = 500)]
    pub(crate) after: Option<NoticeCursor>,
}

/// State by which notices are listed.
#[derive(Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ListedState {
    /// Refused, or not accepted for three days.
    #[default]
    Dead,
    /// Outcome unknown; not sent again by itself.
    Unclear,
    /// Not sent: a mail to its address bounced for good, or the recipient complained.
    Undeliverable,
    /// An attempt is ahead.
    Queued,
}

/// Query of a request to send a notice again.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ResendQuery {
    /// Answers what the request would do, and queues nothing.
    #[serde(default)]
    pub(crate) dry_run: bool,
}

/// Request to send a notice again.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct ResendBody {
    /// Reason of staff in one line.
    #[schema(value_type = String, min_length = 1, max_length = 500, example = "the mailbox works again")]
    pub(crate) why: Reason,
}

/// Notices of one state, latest first.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoticeList {
    pub(crate) notices: Vec<NoticeAnswer>,
    /// `after` of the next page; null on the last one.
    pub(crate) next: Option<String>,
}

/// A notice without personal data: neither address nor text.
#[derive(Serialize, ToSchema)]
pub(crate) struct NoticeAnswer {
    /// Id in routes.
    #[schema(example = "DK20250131SAMPLE0001.first-payment-failure.2025-03-31")]
    pub(crate) id: String,
    /// Template of the mail.
    #[schema(example = "first-payment-failure")]
    pub(crate) kind: &'static str,
    pub(crate) to: NoticeAudience,
    /// Order that the mail is about; null for one about no single order.
    #[schema(example = "DK20250131SAMPLE0001")]
    pub(crate) merchant_trade_no: Option<String>,
    /// State of its sending: `queued`, `claimed`, `sent`, `unclear`, `dead`, `undeliverable` or `obsolete` (no longer true when it
    /// was to be sent).
    #[schema(example = "dead")]
    pub(crate) state: &'static str,
    /// Provider's answer or the reason for the state.
    pub(crate) detail: Option<String>,
    /// Time of the decision that caused the mail.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:00:00Z")]
    pub(crate) created_at: Timestamp,
    /// Number of attempts, each of which may have sent the mail.
    #[schema(example = 3)]
    pub(crate) attempts: u32,
    /// Time of the first attempt since the mail was queued, or queued again by staff.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-31T02:05:00Z")]
    pub(crate) first_attempt_at: Option<Timestamp>,
    /// Time of the next attempt; null where none follows by itself.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-03-31T03:05:00Z")]
    pub(crate) again_at: Option<Timestamp>,
    /// Time at which the state became `sent`, `unclear`, `dead`, `undeliverable` or `obsolete`; null before.
    #[schema(value_type = Option<String>, format = DateTime, example = "2025-04-03T02:05:00Z")]
    pub(crate) ended_at: Option<Timestamp>,
    /// Latest request of staff to send it again; null without one.
    pub(crate) resend: Option<ResendAnswer>,
}

/// A notice that is sent again.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResentNotice {
    /// True if nothing was queued.
    #[schema(example = false)]
    pub(crate) dry_run: bool,
    #[serde(flatten)]
    pub(crate) notice: NoticeAnswer,
}

/// Recipient of a notice.
#[derive(Clone, Copy, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(crate) enum NoticeAudience {
    Customer,
    Staff,
}

/// Bounce or complaint that SES reported, without personal data.
#[derive(Serialize, ToSchema)]
pub(crate) struct FeedbackAnswer {
    /// `permanent_bounce`, `transient_bounce`, `undetermined_bounce`, `complaint` or `not_spam` (a complaint taken back).
    #[schema(example = "permanent_bounce")]
    pub(crate) kind: &'static str,
    /// SES's sub-type of a bounce, feedback type or sub-type of a complaint; null where it named none.
    #[schema(example = "NoEmail")]
    pub(crate) sub_type: Option<String>,
    /// Status code of the recipient's mail server (RFC 3463); null where SES named none.
    #[schema(example = "5.1.1")]
    pub(crate) status: Option<String>,
    /// Time that SES named.
    #[schema(value_type = String, format = DateTime, example = "2025-03-31T02:05:03Z")]
    pub(crate) at: Timestamp,
}

/// Request of staff to send a notice, or post an event, again.
#[derive(Serialize, ToSchema)]
pub(crate) struct ResendAnswer {
    #[schema(value_type = String, format = DateTime, example = "2025-04-04T02:00:00Z")]
    pub(crate) at: Timestamp,
    /// `staff:` and the name of the token.
    #[schema(example = "staff:support")]
    pub(crate) by: String,
    /// Reason of staff.
    #[schema(example = "the mailbox works again")]
    pub(crate) why: String,
}

/// Lists notices of a state, latest first.
#[utoipa::path(
    get, path = "/notices", tag = "notices", operation_id = "list_notices", params(NoticeListQuery),
    responses((status = 200, description = "One page of the list.", body = NoticeList), Refusals),
    security(("token" = ["read"])),
)]
pub(crate) async fn list(
    State(api): State<Arc<ApiState>>,
    _: Caller<Read>,
    given: Given<NoticeListQuery>,
) -> Result<Json<NoticeList>, Failure> {
    let NoticeListQuery { state, limit, after } = given.query;
    let state = match state {
        ListedState::Dead => NoticeState::Dead,
        ListedState::Unclear => NoticeState::Unclear,
        ListedState::Undeliverable => NoticeState::Undeliverable,
        ListedState::Queued => NoticeState::Queued,
    };
    let after = after.map(|NoticeCursor(position)| position);
    let page = api.store.billing.notices_in(state, after.as_ref(), limit.unwrap_or(PAGE)).await?;
    let notices = page.notices.iter().map(|listed| shown(&listed.notice, listed.at)).collect();
    Ok(Json(NoticeList { notices, next: page.next.as_ref().map(cursor::encode_notice) }))
}

/// Sends a notice again.
///
/// The next run sends a mail that is `dead`, `unclear` or `undeliverable`, one that bounced after SES accepted it, and one that is
/// `queued` because SES did not accept it yet, whose next attempt may be hours ahead. It keeps its id, goes to the address that
/// the order has now, and has three more days for its attempts. An `unclear` one may then arrive twice. Refused with 409 and the
/// code `already_sent` (SES accepted the mail, and reported no bounce), `being_sent` (a run is sending it), `waiting` (no run has
/// attempted it yet), `undeliverable` (the order's address takes no mail: change it first), `obsolete` (it is no longer
/// true) or `erased` (the customer was erased).
#[utoipa::path(
    post, path = "/notices/{id}/resend", tag = "notices", operation_id = "resend_notice",
    params(
        (
            "id" = String, Path, description = "Id of the notice, as `GET /notices` and the subscription show it.",
            example = "DK20250131SAMPLE0001.first-payment-failure.2025-03-31",
        ),
        ResendQuery,
    ),
    request_body = ResendBody,
    responses(
        (status = 200, description = "The notice as it is queued now; of a dry run as it would be.", body = ResentNotice),
        Refusals, Missing, Conflicts,
    ),
    security(("token" = ["operate"])),
)]
pub(crate) async fn resend(
    State(api): State<Arc<ApiState>>,
    Path(id): Path<String>,
    caller: Caller<Operate>,
    given: Given<ResendQuery, ResendBody>,
) -> Result<Json<ResentNotice>, Failure> {
    let missing = || Failure::not_found("id", "There is no such notice.");
    let id = NotificationId::parse(&id.replace('.', "/")).map_err(|_| missing())?;
    let Reason(why) = given.body.why;
    // Mail is due by wall time.
    let request = ResendRequest { at: caller.context.time.wall, by: caller.context.actor().to_owned(), why };
    let dry_run = given.query.dry_run;
    let store = if dry_run { api.store.dry_run() } else { api.store.clone() };
    match store.billing.resend_notice(&id, &request).await? {
        Resend::Queued(notice) => {
            if !dry_run {
                tracing::info!(notice = notice.id, by = request.by, "mail to be sent again");
            }
            Ok(Json(ResentNotice { dry_run, notice: shown(&notice, request.at) }))
        }
        Resend::Refused(refusal) => Err(refused(refusal)),
        Resend::Unknown => Err(missing()),
    }
}

fn refused(refusal: ResendRefusal) -> Failure {
    let message = match refusal {
        ResendRefusal::Sent => "SES accepted the mail.",
        ResendRefusal::BeingSent => "A run is sending the mail at this moment.",
        ResendRefusal::Waiting => "The mail waits for its first attempt, which the next run makes.",
        ResendRefusal::Erased => "The customer was erased.",
        ResendRefusal::Undeliverable => "The address of the order takes no mail; change it first.",
        ResendRefusal::Obsolete => "The mail is no longer true.",
    };
    Failure::conflict(refusal_code(refusal), message)
}

/// Code of a refused resend.
pub(crate) const fn refusal_code(refusal: ResendRefusal) -> &'static str {
    match refusal {
        ResendRefusal::Sent => "already_sent",
        ResendRefusal::BeingSent => "being_sent",
        ResendRefusal::Waiting => "waiting",
        ResendRefusal::Erased => "erased",
        ResendRefusal::Undeliverable => "undeliverable",
        ResendRefusal::Obsolete => "obsolete",
    }
}

impl From<&Feedback> for FeedbackAnswer {
    fn from(feedback: &Feedback) -> Self {
        let Feedback { at, kind, sub_type, status } = feedback.clone();
        Self { kind: kind.name(), sub_type, status, at }
    }
}

/// Recipient of a notice without the address.
const fn audience(notice: &StoredNotice) -> NoticeAudience {
    match notice.to {
        Recipient::Customer(_) => NoticeAudience::Customer,
        Recipient::Staff => NoticeAudience::Staff,
    }
}

impl From<&ResendRequest> for ResendAnswer {
    fn from(resend: &ResendRequest) -> Self {
        Self { at: resend.at, by: format!("staff:{}", resend.by), why: resend.why.clone() }
    }
}

/// The notice as lists show it; `at` is the time of its next attempt, or of its end.
pub(crate) fn shown(notice: &StoredNotice, at: Timestamp) -> NoticeAnswer {
    NoticeAnswer {
        id: route_id(notice),
        kind: notice.kind.name(),
        to: audience(notice),
        merchant_trade_no: notice.fields.get("subscription").cloned(),
        state: notice.state.name(),
        detail: notice.detail.clone(),
        created_at: notice.created_at,
        attempts: notice.attempts,
        first_attempt_at: notice.first_attempt_at,
        again_at: if notice.state.is_final() { None } else { Some(at) },
        ended_at: notice.ended_at,
        resend: notice.resend.as_ref().map(Into::into),
    }
}
