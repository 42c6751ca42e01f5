//! Routes and their description. A handler's `#[utoipa::path]` declares both. The router is built at each start of an instance,
//! the description only at the first request for it, because it takes more than half as long as all the rest of a cold start.

use std::sync::Arc;

use axum::Router;
use axum::handler::Handler;
use axum::routing::MethodRouter;
use utoipa::openapi::OpenApi as Description;
use utoipa_axum::PathItemExt;
use utoipa_axum::router::{OpenApiRouter, UtoipaMethodRouter};

use crate::api::ApiState;

/// Routes of an area.
#[derive(Default)]
pub(crate) struct Routes(Vec<Handlers>);

/// Handlers of one path, one for each method.
pub(crate) struct Handlers {
    path: String,
    methods: MethodRouter<Arc<ApiState>>,
    /// Builds the same handlers with their description.
    described: fn() -> UtoipaMethodRouter<Arc<ApiState>>,
}

/// Handlers of one path, which their `#[utoipa::path]` names with the method: `routes!(show, put, erasure::erase)`.
macro_rules! routes {
    ($($($name:ident)::+),+) => {
        $crate::http::routes::Handlers::described(|| utoipa_axum::routes!($($($name)::+),+))
            $(.on::<$crate::http::routes::path_of!($($name)::+), _>($($name)::+))+
    };
}

/// Type with which `#[utoipa::path]` describes a handler.
macro_rules! path_of {
    ($handler:ident) => { utoipa_axum::paste!([<__path_ $handler>]) };
    ($module:ident :: $handler:ident) => { utoipa_axum::paste!($module::[<__path_ $handler>]) };
}

pub(crate) use {path_of, routes};

impl Handlers {
    /// No handlers yet, of those that `described` describes.
    pub(crate) fn described(described: fn() -> UtoipaMethodRouter<Arc<ApiState>>) -> Self {
        Self { path: String::new(), methods: MethodRouter::new(), described }
    }

    /// Adds a handler under the path and the methods of its description.
    pub(crate) fn on<Described: utoipa::Path, T: 'static>(self, handler: impl Handler<T, Arc<ApiState>>) -> Self {
        let methods = Described::methods();
        let on = |all: MethodRouter<_>, method: &utoipa::openapi::HttpMethod| {
            all.on(method.to_method_filter(), handler.clone())
        };
        Self { path: Described::path(), methods: methods.iter().fold(self.methods, on), ..self }
    }
}

impl Routes {
    /// No routes yet.
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Adds the handlers of one path.
    pub(crate) fn routes(mut self, handlers: Handlers) -> Self {
        self.0.push(handlers);
        self
    }

    /// Adds the routes of another area.
    pub(crate) fn merge(mut self, others: Self) -> Self {
        self.0.extend(others.0);
        self
    }

    /// Router of all routes.
    pub(crate) fn router(self) -> Router<Arc<ApiState>> {
        self.0.into_iter().fold(Router::new(), |router, one| router.route(&one.path, one.methods))
    }

    /// Description of all routes, after what they have in common.
    pub(crate) fn description(self, common: Description) -> Description {
        let all = OpenApiRouter::with_openapi(common);
        self.0.into_iter().fold(all, |all, one| all.routes((one.described)())).into_openapi()
    }
}
