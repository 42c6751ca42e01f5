//! Route of a page, in the form in which each area lists its own.

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::{MethodRouter, get, post};

use crate::api::ApiState;

/// Page or form of the console. It stands in template.yaml, too.
pub(crate) struct Page {
    pub(crate) method: &'static str,
    pub(crate) path: &'static str,
    pub(crate) handler: MethodRouter<Arc<ApiState>>,
}

impl Page {
    /// Page that is shown.
    pub(crate) fn get<T: 'static>(path: &'static str, handler: impl Handler<T, Arc<ApiState>>) -> Self {
        Self { method: "GET", path, handler: get(handler) }
    }

    /// Form that is posted.
    pub(crate) fn post<T: 'static>(path: &'static str, handler: impl Handler<T, Arc<ApiState>>) -> Self {
        Self { method: "POST", path, handler: post(handler) }
    }
}
