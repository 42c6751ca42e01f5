//! Page of a user: all orders and the plan that follows from them; export, erasure and the link to the customer page.

use std::sync::Arc;

use askama::Template;
use axum::Json;
use axum::extract::{Path, State};
use axum::response::{IntoResponse, Response};
use lambda_http::http::StatusCode;
use lambda_http::http::header::CONTENT_DISPOSITION;
use shared::domain::values::ids::UserId;
use shared::store::billing::find::search::SubscriptionSearch;

use crate::auth::scope::Scope;
use crate::billing::portal::link::{PortalLink, portal_link};
use crate::billing::users;
use crate::billing::users::EraseUserBody;
use crate::console::billing::rows::OrderRow;
use crate::console::page::address;
use crate::console::page::failure::sentences;
use crate::console::page::field::{Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::moment::Moment;
use crate::console::page::visit::Visit;
use crate::console::words::billing::BillingWords;
use crate::http::given::{Given, Nothing};
use crate::http::page::see_other;
use crate::http::response::Failure;
use crate::search::found_subscriptions;

/// Page of a user.
#[derive(Template)]
#[template(path = "console/billing/user.html")]
struct UserHtml {
    frame: Frame,
    w: &'static BillingWords,
    id: String,
    /// Address of this page.
    page: String,
    /// Plan that the user may use; none after an erasure.
    plan: Option<String>,
    live: Vec<String>,
    erased: Option<ErasedUser>,
    orders: Vec<OrderRow>,
    may_operate: bool,
    key: String,
    /// Reason of an erasure.
    why: Field,
    faults: Vec<String>,
}

/// Record of an erasure.
struct ErasedUser {
    at: Moment,
    by: String,
    why: String,
}

/// Question before an erasure.
#[derive(Template)]
#[template(path = "console/billing/erase.html")]
struct EraseHtml {
    frame: Frame,
    w: &'static BillingWords,
    id: String,
    page: String,
    orders: Vec<String>,
    why: String,
    key: String,
}

/// Link to the customer page, which is shown once.
#[derive(Template)]
#[template(path = "console/billing/link.html")]
struct LinkHtml {
    frame: Frame,
    w: &'static BillingWords,
    id: String,
    page: String,
    url: String,
    ends: Moment,
}

/// Shows a user.
pub(crate) async fn show(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    page(&visit, &id, StatusCode::OK, Vec::new()).await
}

async fn page(visit: &Visit, id: &str, status: StatusCode, faults: Vec<String>) -> Result<Response, Failure> {
    visit.may_or_refuse(Scope::Read)?;
    let unknown = || Failure::not_found("user_id", "There is no such user.");
    let user = UserId::parse(id).map_err(|_| unknown())?;
    let search = SubscriptionSearch { id: None, user: Some(user.clone()), lookups: Vec::new() };
    let api = &visit.api;
    let data = async { api.store.billing.user_data(&user).await.map_err(Failure::from) };
    let (data, (orders, _)) = futures::try_join!(data, found_subscriptions(api, &search))?;
    if !data.is_known() && data.erased.is_none() {
        return Err(unknown());
    }
    let live = data.user.as_ref().map(|user| user.live.iter().map(|order| order.id.to_string()).collect());
    html::page(
        status,
        &UserHtml {
            frame: visit.frame(),
            w: BillingWords::of(visit.language()),
            id: id.to_owned(),
            page: page_of(id),
            plan: data.user.as_ref().map(|user| user.plan.to_string()),
            live: live.unwrap_or_default(),
            erased: data.erased.map(|erasure| ErasedUser {
                at: visit.taipei(erasure.at),
                by: erasure.by,
                why: erasure.why.unwrap_or_default(),
            }),
            orders: OrderRow::all(visit, &orders),
            may_operate: visit.may(Scope::Operate),
            key: Visit::new_key()?,
            why: Field::why(visit.language()).typed(visit),
            faults,
        },
    )
}

/// Gives all data of a user as a file.
pub(crate) async fn export(visit: Visit, Path(id): Path<String>) -> Result<Response, Failure> {
    let api = State(Arc::clone(&visit.api));
    let given = Given { query: Nothing {}, body: Nothing {} };
    let export = users::export(api, Path(id), visit.caller_with()?, given).await?;
    Ok(([(CONTENT_DISPOSITION, "attachment; filename=\"user.json\"")], export).into_response())
}

/// Does what a form of the page asks for.
pub(crate) async fn operate(visit: Visit, Path((id, operation)): Path<(String, String)>) -> Result<Response, Failure> {
    let done = match operation.as_str() {
        "portal-link" => link(&visit, &id).await,
        "erase" => erase(&visit, &id).await,
        _ => return Err(Failure::no_route()),
    };
    match done {
        Err(failure) if failure.keeps_form() => {
            let is_live = operation == "erase" && failure.code() == "live_order";
            let live = is_live.then(|| vec![BillingWords::of(visit.language()).erase_live.to_owned()]);
            let faults = live.unwrap_or_else(|| sentences(visit.language(), &failure));
            page(&visit, &id, failure.status(), faults).await
        }
        done => done,
    }
}

async fn link(visit: &Visit, id: &str) -> Result<Response, Failure> {
    let api = State(Arc::clone(&visit.api));
    let answer = portal_link(api, Path(id.to_owned()), visit.caller_with()?, visit.posted()?).await?;
    let (_, Json(PortalLink { url, expires_at })) = answer;
    let (w, page) = (BillingWords::of(visit.language()), page_of(id));
    visit.page(&LinkHtml { frame: visit.frame(), w, id: id.to_owned(), page, url, ends: visit.taipei(expires_at) })
}

async fn erase(visit: &Visit, id: &str) -> Result<Response, Failure> {
    let caller = visit.caller_with()?;
    let given: Given<Nothing, EraseUserBody> = visit.posted()?;
    if visit.is_confirmed() {
        let Json(_erased) = users::erase(State(Arc::clone(&visit.api)), Path(id.to_owned()), caller, given).await?;
        return Ok(see_other(&address::saying(&page_of(id), "erased")));
    }
    let orders = users::preview_erasure(&visit.api, id, given.body, &caller.context).await?;
    visit.page(&EraseHtml {
        frame: visit.frame(),
        w: BillingWords::of(visit.language()),
        id: id.to_owned(),
        page: page_of(id),
        orders: orders.iter().map(ToString::to_string).collect(),
        why: visit.field("why").unwrap_or_default(),
        key: visit.key().unwrap_or_default(),
    })
}

fn page_of(id: &str) -> String {
    address::below("/console/users", id)
}
