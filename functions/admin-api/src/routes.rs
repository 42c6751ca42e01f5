//! Route table: method, path and the scope that each route needs.

use lambda_http::{Body, Response};
use shared::platform::clock::InvocationTime;

use crate::api::AdminApi;
use crate::auth::Scope;
use crate::auth::jwt::Area;
use crate::billing::{legacy, notices, operations, quarantine, replay, stats, subscriptions, users};
use crate::http::path::decoded;
use crate::http::request::Input;
use crate::http::response::Failure;
use crate::institutions::expiring;
use crate::runs::requests;
use crate::workshop::{customers, reminders, vehicles};

/// Authorizes a request and passes it to the handler of its route.
pub(crate) async fn dispatch(
    api: &AdminApi,
    method: &str,
    segments: &[&str],
    input: &Input,
    time: InvocationTime,
) -> Result<Response<Body>, Failure> {
    let allow = |scope: Scope| api.tokens.authorize(input, scope, time);
    match (method, segments) {
        ("GET", ["api", "webhooks", "webhook-stats"]) => {
            allow(Scope::Read).await?;
            stats::webhook_stats(api, input, time).await
        }
        ("GET", ["api", "webhooks", "subscription-status", user]) => {
            allow(Scope::Read).await?;
            legacy::subscription_status(api, &decoded(user), time).await
        }
        ("POST", ["api", "webhooks", "ecpay-manual-retry"]) => {
            let context = allow(Scope::Operate).await?;
            legacy::manual_retry(api, input, &context).await
        }
        ("POST", ["api", "webhooks", "trigger-maintenance"]) => {
            allow(Scope::Operate).await?;
            legacy::trigger_maintenance(api, time).await
        }
        ("POST", ["api", "subscriptions"]) => {
            let context = allow(Scope::Operate).await?;
            subscriptions::create(api, input, &context).await
        }
        ("GET", ["api", "subscriptions", id]) => {
            allow(Scope::Read).await?;
            subscriptions::show(api, id, input).await
        }
        ("POST", ["api", "subscriptions", id, name]) => {
            let context = allow(Scope::Operate).await?;
            match operations::parse(name, input) {
                // Parsed after authorization: a caller without a token learns nothing about the fields.
                Some(operation) => operations::operate(api, id, operation?, input, &context).await,
                None => Err(Failure::not_found("route", "no such route")),
            }
        }
        (method, ["api", "users", rest @ ..]) => {
            let context = allow(Scope::Operate).await?;
            users::route(api, method, rest, input, &context).await
        }
        (_, ["scheduler" | "customers" | "vehicles", ..]) => workshop(api, method, segments, input, time).await,
        (method, ["institutions", rest @ ..]) => {
            let context = api.jwt.authorize(input, Area::Institutions, time).await?;
            expiring::route(api, method, rest, input, &context).await
        }
        (method, ["runs", rest @ ..]) => requests::route(api, method, rest, input, time).await,
        (method, ["notices", rest @ ..]) => notices::route(api, method, rest, input, time).await,
        ("GET", ["quarantine"]) => {
            allow(Scope::Read).await?;
            quarantine::list(api, input, time).await
        }
        ("POST", ["quarantine", "replay"]) => {
            let context = allow(Scope::Operate).await?;
            replay::range(api, input, &context).await
        }
        ("POST", ["quarantine", id, "replay"]) => {
            let context = allow(Scope::Operate).await?;
            replay::one(api, id, input, &context).await
        }
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

/// Routes of the workshop's app, which authenticates with a JSON Web Token.
async fn workshop(
    api: &AdminApi,
    method: &str,
    segments: &[&str],
    input: &Input,
    time: InvocationTime,
) -> Result<Response<Body>, Failure> {
    let allow = |area: Area| api.jwt.authorize(input, area, time);
    match (method, segments) {
        (method, ["scheduler", "maintenance-reminder", name]) => {
            let context = allow(Area::Reminders).await?;
            reminders::schedule(api, method, name, input, &context).await
        }
        ("POST", ["customers", "send-maintenance-reminder"]) => {
            let context = allow(Area::Reminders).await?;
            reminders::run_now(api, &context).await
        }
        (method, ["customers", rest @ ..]) => {
            let context = allow(Area::Customers).await?;
            customers::route(api, method, rest, input, &context).await
        }
        (method, ["vehicles", rest @ ..]) => {
            let context = allow(Area::Customers).await?;
            vehicles::route(api, method, rest, input, &context).await
        }
        _ => Err(Failure::not_found("route", "no such route")),
    }
}
