//! Subscriptions: orders, their state with payments and history, and the operations of staff on them.

pub(crate) mod answer;
pub(crate) mod bodies;
pub(crate) mod create;
pub(crate) mod explanation;
pub(crate) mod list;
pub(crate) mod messages;
pub(crate) mod names;
pub(crate) mod offers;
pub(crate) mod operate;
pub(crate) mod operations;
pub(crate) mod preview;
pub(crate) mod retry;
pub(crate) mod show;
pub(crate) mod summary;
pub(crate) mod translations;

use crate::http::routes::Routes;

/// Routes of subscriptions and of the operations on them.
pub(crate) fn routes() -> Routes {
    create::routes()
        .merge(show::routes())
        .merge(operations::routes())
        .merge(retry::routes())
        .merge(messages::routes())
        .merge(offers::routes())
}
