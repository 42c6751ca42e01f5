//! Routes of the older system, in the shapes of the ECPay document: health and statistics of callbacks, state of a user,
//! retries and maintenance by hand.

use crate::http::routes::Routes;

pub(crate) mod health;
pub(crate) mod health_report;
pub(crate) mod kpis;
pub(crate) mod maintenance;
pub(crate) mod refusals;
pub(crate) mod retry;
pub(crate) mod stats;
pub(crate) mod status;

/// Routes of this folder.
pub(crate) fn routes() -> Routes {
    let shown = health::routes().merge(stats::routes()).merge(status::routes());
    shown.merge(retry::routes()).merge(maintenance::routes())
}
