//! Static files of the pages. The digest in an address changes with the file, so that browsers keep it for ever.

use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use lambda_http::http::header::{CACHE_CONTROL, CONTENT_TYPE, X_CONTENT_TYPE_OPTIONS};
use shared::platform::hash::short_id;

use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// Style sheet of the pages that buyers and customers see.
const BUYER: &str = include_str!("../../assets/buyer.css");

/// Digest of the style sheet, for its address.
pub(crate) static BUYER_DIGEST: LazyLock<String> = LazyLock::new(|| short_id(BUYER));

/// Route of the files.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(show))
}

/// Serves a style sheet of the pages.
///
/// Any digest leads to the present file, so that a page which was opened before a deployment keeps a look.
#[utoipa::path(
    get, path = "/assets/{digest}/{name}", tag = "checkout", operation_id = "show_asset",
    params(
        ("digest" = String, Path, description = "Digest of the file, from a page.", example = "0123456789abcdef0123456789abcdef"),
        ("name" = String, Path, description = "Name of the file.", example = "buyer.css"),
    ),
    responses(
        (status = 200, description = "The file.", body = String, content_type = "text/css"),
        (status = 404, description = "There is no such file."),
    ),
    security(()),
)]
async fn show(Path((digest, name)): Path<(String, String)>) -> Response {
    if name != "buyer.css" {
        return Failure::not_found("name", "There is no such file.").into_response();
    }
    // An instance of an earlier deployment may get the address of a later file, which browsers must not keep with its content.
    let is_present = digest == *BUYER_DIGEST;
    let headers = [
        (CONTENT_TYPE, "text/css; charset=utf-8"),
        (CACHE_CONTROL, if is_present { "public, max-age=31536000, immutable" } else { "no-cache" }),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ];
    (headers, Body::from(BUYER)).into_response()
}
