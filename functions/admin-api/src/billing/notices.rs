//! Notices: mails that wait, were refused or have an unknown outcome, and their resending by staff.

use lambda_http::{Body, Response};
use serde_json::{Value, json};
use shared::domain::billing::notices::{NoticeState, Recipient, ResendRefusal};
use shared::domain::values::ids::NotificationId;
use shared::domain::values::time::Timestamp;
use shared::platform::clock::InvocationTime;
use shared::store::billing::notice_list::{NoticePosition, Resend};
use shared::store::billing::notices::{ResendRequest, StoredNotice};

use crate::api::AdminApi;
use crate::auth::Scope;
use crate::http::context::RequestContext;
use crate::http::cursor;
use crate::http::path::decoded;
use crate::http::request::Input;
use crate::http::response;
use crate::http::response::Failure;

/// Default page size.
const PAGE: usize = 50;
/// Largest page size that a caller may request.
const LARGEST_PAGE: usize = 100;

/// Routes below `/notices`.
pub(crate) async fn route(
    api: &AdminApi,
    method: &str,
    rest: &[&str],
    input: &Input,
    time: InvocationTime,
) -> Result<Response<Body>, Failure> {
    let allow = |scope: Scope| api.tokens.authorize(input, scope, time);
    match (method, rest) {
        ("GET", []) => {
            allow(Scope::Read).await?;
            list(api, input).await
        }
        ("POST", [id, "resend"]) => {
            let context = allow(Scope::Operate).await?;
            resend(api, &decoded(id), input, &context).await
        }
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

/// The notice's id as routes have it: its parts joined by dots, because a path has slashes of its own. No part has a dot.
pub(crate) fn route_id(notice: &StoredNotice) -> String {
    notice.id.replace('/', ".")
}

/// `GET /notices?state=&limit=&after=`: lists notices of a state, latest first.
async fn list(api: &AdminApi, input: &Input) -> Result<Response<Body>, Failure> {
    let state = match input.query("state").unwrap_or("dead") {
        "dead" => NoticeState::Dead,
        "unclear" => NoticeState::Unclear,
        "queued" => NoticeState::Queued,
        _ => return Err(Failure::invalid("state", "must be dead, unclear or queued")),
    };
    let limit = input.limit(PAGE, LARGEST_PAGE)?;
    let after = position(input.query("after"))?;
    let page = api.store.billing.notices_in(state, after.as_ref(), limit).await?;
    let notices: Vec<Value> = page.notices.iter().map(|listed| shown(&listed.notice, listed.at)).collect();
    Ok(response::ok(&json!({ "notices": notices, "next": page.next.as_ref().map(cursor::encode_notice) })))
}

fn position(text: Option<&str>) -> Result<Option<NoticePosition>, Failure> {
    let Some(text) = text else { return Ok(None) };
    let position = cursor::decode_notice(text);
    position.map(Some).ok_or_else(|| Failure::invalid("after", "must be the `next` of this list"))
}

/// `POST /notices/{id}/resend` `{why}`: the next run sends the mail.
async fn resend(api: &AdminApi, id: &str, input: &Input, context: &RequestContext) -> Result<Response<Body>, Failure> {
    input.only(&["why", "admin_token"])?;
    let why = input.why()?.ok_or_else(|| Failure::invalid("why", "is missing"))?;
    let missing = || Failure::not_found("id", "no such notice");
    let id = NotificationId::parse(&id.replace('.', "/")).map_err(|_| missing())?;
    // Mail is due by wall time.
    let request = ResendRequest { at: context.time.wall, by: context.actor.clone(), why: why.to_owned() };
    match api.store.billing.resend_notice(&id, &request).await? {
        Resend::Queued(notice) => {
            tracing::info!(notice = notice.id, by = request.by, "mail to be sent again");
            Ok(response::ok(&shown(&notice, request.at)))
        }
        Resend::Refused(refusal) => Err(refused(refusal)),
        Resend::Unknown => Err(missing()),
    }
}

fn refused(refusal: ResendRefusal) -> Failure {
    let code = match refusal {
        ResendRefusal::Sent => "already_sent",
        ResendRefusal::BeingSent => "being_sent",
        ResendRefusal::Erased => "erased",
    };
    Failure::conflict(code, refusal.to_string())
}

/// A notice without personal data: neither address nor text.
fn shown(notice: &StoredNotice, at: Timestamp) -> Value {
    let to = match notice.to {
        Recipient::Customer(_) => "customer",
        Recipient::Staff => "staff",
    };
    let again_at = if notice.state.is_final() { None } else { Some(at) };
    let resend = notice.resend.as_ref();
    json!({
        "id": route_id(notice), "kind": notice.kind.name(), "to": to,
        "merchant_trade_no": notice.fields.get("subscription"), "state": notice.state.name(), "detail": notice.detail,
        "created_at": notice.created_at, "attempts": notice.attempts, "first_attempt_at": notice.first_attempt_at,
        "again_at": again_at, "ended_at": notice.ended_at,
        "resend": resend.map(|resend| json!({ "at": resend.at, "by": format!("staff:{}", resend.by), "why": resend.why })),
    })
}
