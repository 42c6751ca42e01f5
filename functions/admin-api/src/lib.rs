//! Serves support staff, support tools and the business's own app: orders, status and history, retries, statistics.
//!
//! Never calls ECPay: what must be asked there is asked by `subscription-maintenance`, which this function invokes.

use std::time::Duration;

use aws_types::SdkConfig;
use lambda_http::request::RequestContext;
use lambda_http::{Body, Request, RequestExt, Response};
use percent_encoding::percent_decode_str;
use shared::clock::Moment;
use shared::config::{self, Invalid, Reader};
use shared::domain::expiry::Tiers;
use shared::domain::plan::{BillingCycle, PriceTable};
use shared::domain::policy::DunningPolicy;
use shared::domain::reminder::SendHours;
use shared::domain::time::Timestamp;
use shared::ecpay::order::OrderUrls;
use shared::metrics::{Batch, Point, Route, StatusClass};
use shared::secrets::{self, EcpayKeys};
use shared::store::Store;

mod alone;
mod auth;
mod checkout;
mod cursor;
mod customers;
mod days;
mod explain;
mod export;
mod hs256;
mod import;
mod input;
mod institutions;
mod invoke;
mod jwt;
mod kpis;
mod legacy;
mod list;
mod operations;
mod quarantine;
mod reminders;
mod replay;
mod reply;
mod runs;
mod scheduler;
mod stats;
mod subscriptions;
mod tokens;
mod users;
mod vehicles;
mod words;

use auth::Scope;
use input::Input;
use jwt::Area;
use reply::{Dialect, Failure};

/// What the function is told at start.
#[derive(Clone, Debug)]
pub struct Config {
    table: String,
    ecpay: config::Ecpay,
    policy: DunningPolicy,
    urls: OrderUrls,
    prices: PriceTable,
    admin_secret: String,
    maintenance_function: String,
    reminders: RemindersConfig,
    expiry_function: String,
    tiers: Tiers,
    exec_times: ExecTimes,
    patience: Duration,
}

/// Where reminders are run, and what starts them.
#[derive(Clone, Debug)]
struct RemindersConfig {
    function: String,
    schedule: String,
    hours: SendHours,
}

/// How many charges an order is made for.
#[derive(Clone, Copy, Debug)]
struct ExecTimes {
    monthly: u32,
    annual: u32,
}

/// One instance of the function.
pub struct AdminApi {
    store: Store,
    keys: EcpayKeys,
    tokens: tokens::AdminTokens,
    jwt: jwt::JwtKey,
    maintenance: invoke::Function,
    reminders: invoke::Function,
    expiry_scan: invoke::Function,
    schedule: scheduler::Schedule,
    config: Config,
}

impl ExecTimes {
    const fn of(self, cycle: BillingCycle) -> u32 {
        match cycle {
            BillingCycle::Monthly => self.monthly,
            BillingCycle::Annual => self.annual,
        }
    }
}

impl Config {
    /// Reads the configuration.
    ///
    /// # Errors
    /// [`Invalid`] with every fault.
    pub fn parse(lookup: &dyn Fn(&str) -> Option<String>) -> Result<Self, Invalid> {
        let mut reader = Reader::new(lookup);
        let table = reader.required("TABLE_NAME");
        let admin_secret = reader.required("ADMIN_SECRET_ID");
        let maintenance_function = reader.required("MAINTENANCE_FUNCTION");
        let (function, schedule) = (reader.required("REMINDER_FUNCTION"), reader.required("REMINDER_SCHEDULE"));
        let hours = reader.parsed("REMINDER_SEND_HOURS", SendHours::parse);
        let reminders = hours.map(|hours| RemindersConfig { function, schedule, hours });
        let expiry_function = reader.required("EXPIRY_FUNCTION");
        let tiers = reader.tiers();
        let parts = (reader.ecpay(), reader.policy(), reader.urls(), reader.prices());
        // ECPay's published limits differ; these are within all of them.
        let monthly = reader.parsed("EXEC_TIMES_MONTHLY", |value| number(value, 2..=999, "must be 2 to 999 charges"));
        let annual = reader.parsed("EXEC_TIMES_ANNUAL", |value| number(value, 2..=99, "must be 2 to 99 charges"));
        // API Gateway gives up after 30 seconds; an answer must be on its way before.
        let patience =
            reader.parsed("INVOKE_PATIENCE_SECONDS", |value| number(value, 1..=28, "must be 1 to 28 seconds"));
        let config = match (parts, monthly.zip(annual), reminders.zip(patience).zip(tiers)) {
            (
                (Some(ecpay), Some(policy), Some(urls), Some(prices)),
                Some((monthly, annual)),
                Some(((reminders, patience), tiers)),
            ) => {
                let exec_times = ExecTimes { monthly, annual };
                Some(Self {
                    table,
                    ecpay,
                    policy,
                    urls,
                    prices,
                    admin_secret,
                    maintenance_function,
                    reminders,
                    expiry_function,
                    tiers,
                    exec_times,
                    patience: Duration::from_secs(patience.into()),
                })
            }
            _ => None,
        };
        reader.finish(config)
    }
}

fn number(value: &str, range: std::ops::RangeInclusive<u32>, rule: &'static str) -> Result<u32, &'static str> {
    value.parse().ok().filter(|count| range.contains(count)).ok_or(rule)
}

impl AdminApi {
    /// Builds the clients and reads the secrets once.
    ///
    /// # Errors
    /// [`secrets::Error`].
    pub async fn start(aws: &SdkConfig, config: Config, wall: Timestamp) -> Result<Self, secrets::Error> {
        let secrets = aws_sdk_secretsmanager::Client::new(aws);
        let keys = EcpayKeys::new(secrets.clone(), config.ecpay.secret_id.clone(), config.ecpay.environment);
        let tokens = tokens::AdminTokens::new(secrets.clone(), config.admin_secret.clone());
        let jwt = jwt::JwtKey::new(secrets, config.admin_secret.clone());
        let read_keys = async { keys.get(wall).await.map(drop) };
        tokio::try_join!(read_keys, tokens.warm(wall), jwt.warm(wall))?;
        let store = Store::new(aws_sdk_dynamodb::Client::new(aws), config.table.clone());
        let lambda = invoke::client(aws, config.patience);
        let maintenance = invoke::Function::new(lambda.clone(), config.maintenance_function.clone());
        let reminders = invoke::Function::new(lambda.clone(), config.reminders.function.clone());
        let expiry_scan = invoke::Function::new(lambda, config.expiry_function.clone());
        let schedule = scheduler::Schedule::new(aws, config.reminders.schedule.clone(), config.reminders.hours);
        Ok(Self { store, keys, tokens, jwt, maintenance, reminders, expiry_scan, schedule, config })
    }
}

/// Answers one request.
pub async fn handle(api: &AdminApi, request: Request, moment: Moment) -> Response<Body> {
    let route = Route::of_key(route_key(&request).as_deref());
    let response = answer(api, request, moment).await;
    let mut batch = Batch::default();
    batch.count(Point::Requests(route, StatusClass::of(response.status().as_u16())), 1);
    batch.measure(Point::RequestLatency, moment.stopwatch.elapsed_ms());
    batch.emit(moment.wall);
    response
}

async fn answer(api: &AdminApi, request: Request, moment: Moment) -> Response<Body> {
    let request_id = request_id(&request);
    let path = request.uri().path().to_owned();
    let method = request.method().as_str().to_owned();
    let segments: Vec<&str> = path.trim_start_matches('/').split('/').collect();
    let dialect = Dialect::of(&segments);
    let input = Input::read(&request).await;
    let answer = match (method.as_str(), segments.as_slice()) {
        ("GET", ["api", "webhooks", "health"]) => Ok(stats::health(api, moment).await),
        ("GET", ["checkout", token]) => return checkout::page(api, token, moment).await,
        _ => dispatch(api, (&method, &segments), &input, moment).await,
    };
    match answer {
        Ok(response) => auth::deprecate(response, &input),
        Err(failure) => auth::deprecate(failure.answer(dialect, &request_id), &input),
    }
}

/// API Gateway's key of the route that the request took.
fn route_key(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.route_key.clone(),
        _ => None,
    }
}

/// API Gateway's own id of the request, which its access log has too.
fn request_id(request: &Request) -> String {
    match request.request_context_ref() {
        Some(RequestContext::ApiGatewayV2(context)) => context.request_id.clone().unwrap_or_default(),
        _ => String::new(),
    }
}

/// A segment of the path as the caller meant it.
fn decoded(segment: &str) -> String {
    percent_decode_str(segment).decode_utf8_lossy().into_owned()
}

/// The routes that need a token.
async fn dispatch(
    api: &AdminApi,
    route: (&str, &[&str]),
    input: &Input,
    moment: Moment,
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
            institutions::route(api, (method, rest), input, (&by, moment)).await
        }
        (method, ["runs", rest @ ..]) => runs::route(api, (method, rest), input, moment).await,
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
    moment: Moment,
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
