//! Search over subscriptions and customers by any value that staff may have at hand.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use shared::domain::values::ids::{EmailAddress, GatewayAuthorization, PaymentId, SubscriptionId, TradeNo, UserId};
use shared::domain::values::lookup::Lookup;
use shared::store::billing::find::search::SubscriptionSearch;
use utoipa::ToSchema;

use crate::api::ApiState;
use crate::auth::caller::AnyCaller;
use crate::auth::scope::Scope;
use crate::billing::subscriptions::summary::SubscriptionSummary;
use crate::http::given::Given;
use crate::http::refusals::Refusals;
use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};
use crate::http::search_query::SearchQuery;
use crate::workshop::lists::{CustomerSummary, customer_search, found_customers};

/// Most subscriptions, and most customers, in one response.
const MOST_SHOWN: usize = 50;

/// Route of the search.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(search))
}

/// Subscriptions and customers that were found, at most 50 of each.
#[derive(Serialize, ToSchema)]
pub(crate) struct SearchAnswer {
    /// Subscriptions, the latest change first; null if the token lacks the scope `read`.
    pub(crate) subscriptions: Option<Vec<SubscriptionSummary>>,
    /// Customers of the workshop, by their ids; null if the token lacks the scope `customers`.
    pub(crate) customers: Option<Vec<CustomerSummary>>,
    /// True if more was found than is shown.
    #[schema(example = false)]
    pub(crate) more: bool,
}

/// Searches subscriptions and customers.
///
/// `q` is the number of an order or of a payment, a user, a mail address, the last four digits of a card, a TradeNo or a gwsr of a
/// subscription; or the id, the phone number, the mail address, the plate or the beginnings of words of the name of a customer
/// of the workshop. A token sees what its scopes `read` and `customers` allow.
#[utoipa::path(
    get, path = "/search", tag = "search", operation_id = "search", params(SearchQuery),
    responses((status = 200, description = "What was found.", body = SearchAnswer), Refusals),
    security(("token" = ["read"]), ("token" = ["customers"])),
)]
pub(crate) async fn search(
    State(api): State<Arc<ApiState>>,
    caller: AnyCaller,
    given: Result<Given<SearchQuery>, Failure>,
) -> Result<Json<SearchAnswer>, Failure> {
    let reads_subscriptions = caller.token.require(Scope::Read).is_ok();
    let reads_customers = caller.token.require(Scope::Customers).is_ok();
    if !reads_customers {
        caller.token.require(Scope::Read)?;
    }
    // After the scope was checked.
    let q = given?.query.text()?;
    let (subscriptions, customers) = futures::try_join!(
        async {
            match reads_subscriptions {
                true => found_subscriptions(&api, &subscription_search(&q)).await.map(Some),
                false => Ok(None),
            }
        },
        async {
            match reads_customers {
                true => found_customers(&api, &caller.context, &customer_search(&q), MOST_SHOWN).await.map(Some),
                false => Ok(None),
            }
        }
    )?;
    let has_more = |more: Option<bool>| more.unwrap_or(false);
    let more =
        has_more(subscriptions.as_ref().map(|found| found.1)) || has_more(customers.as_ref().map(|found| found.1));
    Ok(Json(SearchAnswer {
        subscriptions: subscriptions.map(|found| found.0),
        customers: customers.map(|found| found.0),
        more,
    }))
}

/// Reads at most 50 subscriptions, and whether there are more.
pub(crate) async fn found_subscriptions(
    api: &ApiState,
    search: &SubscriptionSearch,
) -> Result<(Vec<SubscriptionSummary>, bool), Failure> {
    let mut found = api.store.billing.search(search).await?;
    let more = found.len() > MOST_SHOWN;
    found.truncate(MOST_SHOWN);
    Ok((found.into_iter().map(|listed| SubscriptionSummary::of(listed, &api.config.policy)).collect(), more))
}

/// Readings of a text as a value of a subscription.
fn subscription_search(q: &str) -> SubscriptionSearch {
    let of_payment = PaymentId::parse(q).ok().and_then(|id| id.subscription().ok());
    // Ids are issued in capitals.
    let upper = q.to_ascii_uppercase();
    let id = if SubscriptionId::is_misspelt(q) { upper.as_str() } else { q };
    let is_card = q.len() == 4 && q.bytes().all(|byte| byte.is_ascii_digit());
    let lookups = [
        EmailAddress::parse(q).ok().map(|address| Lookup::subscription_email(&address)),
        is_card.then(|| Lookup::card_last4(q)),
        GatewayAuthorization::parse(q).ok().map(|gwsr| Lookup::gwsr(&gwsr)),
        TradeNo::parse(q).ok().map(|number| Lookup::trade_no(&number)),
    ];
    SubscriptionSearch {
        id: of_payment.or_else(|| SubscriptionId::parse(id).ok()),
        user: UserId::parse(q).ok(),
        lookups: lookups.into_iter().flatten().collect(),
    }
}
