//! The routes: method, path and the scope each needs.

use lambda_http::{Body, Response};
use shared::platform::clock::InvocationTime;

use crate::api::AdminApi;
use crate::auth::Scope;
use crate::auth::jwt::Area;
use crate::billing::{legacy, operations, quarantine, replay, stats, subscriptions, users};
use crate::http::request::{Input, decoded};
use crate::http::response::Failure;
use crate::institutions::expiring;
use crate::runs::requests;
use crate::workshop::{customers, reminders, vehicles};

/// The routes that need a token.
pub(crate) async fn dispatch(
    api: &AdminApi,
    route: (&str, &[&str]),
    input: &Input,
    moment: InvocationTime,
) -> Result<Response<Body>, Failure> {
    let allow = |scope: Scope| api.tokens.authorize(input, scope, moment.wall);
    match route {
        ("GET", ["api", "webhooks", "webhook-stats"]) => {
            allow(Scope::Read).await?;
            stats::webhook_stats(api, input, moment).await
        }
        ("GET", ["api", "webhooks", "subscription-status", user]) => {
            allow(Scope::Read).await?;
            legacy::subscription_status(api, &decoded(user), moment).await
        }
        ("POST", ["api", "webhooks", "ecpay-manual-retry"]) => {
            let by = allow(Scope::Operate).await?;
            legacy::manual_retry(api, input, by, moment).await
        }
        ("POST", ["api", "webhooks", "trigger-maintenance"]) => {
            allow(Scope::Operate).await?;
            legacy::trigger_maintenance(api, moment).await
        }
        ("POST", ["api", "subscriptions"]) => {
            let by = allow(Scope::Operate).await?;
            subscriptions::create(api, input, by, moment).await
        }
        ("GET", ["api", "subscriptions", id]) => {
            allow(Scope::Read).await?;
            subscriptions::show(api, id, input).await
        }
        ("POST", ["api", "subscriptions", id, name]) => {
            let by = allow(Scope::Operate).await?;
            match operations::parse(name, input) {
                Some(operation) => operations::operate(api, id, operation?, input, (by, moment)).await,
                None => Err(Failure::not_found("route", "no such route")),
            }
        }
        (method, ["api", "users", rest @ ..]) => {
            let by = allow(Scope::Operate).await?;
            users::route(api, (method, rest), input, (by, moment)).await
        }
        (_, ["scheduler" | "customers" | "vehicles", ..]) => workshop(api, route, input, moment).await,
        (method, ["institutions", rest @ ..]) => {
            let by = api.jwt.authorize(input, Area::Institutions, moment.wall).await?;
            expiring::route(api, (method, rest), input, (&by, moment)).await
        }
        (method, ["runs", rest @ ..]) => requests::route(api, (method, rest), input, moment).await,
        ("GET", ["quarantine"]) => {
            allow(Scope::Read).await?;
            quarantine::list(api, input, moment).await
        }
        ("POST", ["quarantine", "replay"]) => {
            let by = allow(Scope::Operate).await?;
            replay::range(api, input, by, moment).await
        }
        ("POST", ["quarantine", id, "replay"]) => {
            let by = allow(Scope::Operate).await?;
            replay::one(api, id, input, (by, moment)).await
        }
        _ => Err(Failure::not_found("route", "no such route")),
    }
}

/// The routes of the workshop's app, which need a JSON Web Token.
async fn workshop(
    api: &AdminApi,
    route: (&str, &[&str]),
    input: &Input,
    moment: InvocationTime,
) -> Result<Response<Body>, Failure> {
    match route {
        (method, ["scheduler", "maintenance-reminder", name]) => {
            let by = api.jwt.authorize(input, Area::Reminders, moment.wall).await?;
            reminders::schedule(api, (method, name), input, (&by, moment)).await
        }
        ("POST", ["customers", "send-maintenance-reminder"]) => {
            let by = api.jwt.authorize(input, Area::Reminders, moment.wall).await?;
            reminders::run_now(api, &by, moment).await
        }
        (method, ["customers", rest @ ..]) => {
            let by = api.jwt.authorize(input, Area::Customers, moment.wall).await?;
            customers::route(api, (method, rest), input, &by, moment).await
        }
        (method, ["vehicles", rest @ ..]) => {
            let by = api.jwt.authorize(input, Area::Customers, moment.wall).await?;
            vehicles::route(api, (method, rest), input, &by, moment).await
        }
        _ => Err(Failure::not_found("route", "no such route")),
    }
}
