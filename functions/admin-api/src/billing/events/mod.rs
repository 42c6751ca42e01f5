//! Events for the business's app: listed for an app that polls, requested again, tested; and the endpoints that they are posted to.

mod answers;
mod endpoints;
mod list;
pub(crate) mod payloads;
mod requests;

use crate::http::routes::{Routes, routes};

/// Routes of events.
pub(crate) fn routes() -> Routes {
    Routes::new()
        .routes(routes!(list::list))
        .routes(routes!(requests::test))
        .routes(routes!(requests::resend))
        .routes(routes!(endpoints::list))
        .routes(routes!(endpoints::enable))
}
