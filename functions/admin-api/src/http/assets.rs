//! Static files of the pages. The digest in an address changes with the file, so that browsers keep it for ever.

use std::io::Write;
use std::sync::LazyLock;

use axum::body::Body;
use axum::extract::Path;
use axum::response::{IntoResponse, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use lambda_http::http::HeaderMap;
use lambda_http::http::header::{
    ACCEPT_ENCODING, CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE, HeaderValue, VARY, X_CONTENT_TYPE_OPTIONS,
};
use shared::platform::hash::short_id;

use crate::http::response::Failure;
use crate::http::routes::{Routes, routes};

/// A file that pages refer to.
pub(crate) struct Asset {
    name: &'static str,
    content_type: &'static str,
    content: &'static str,
    digest: LazyLock<String>,
    compressed: LazyLock<Vec<u8>>,
}

/// Makes a file of `assets/`.
macro_rules! asset {
    ($name:literal, $file:literal, $content_type:literal) => {
        Asset {
            name: $name,
            content_type: $content_type,
            content: include_str!(concat!("../../assets/", $file)),
            digest: LazyLock::new(|| short_id(include_str!(concat!("../../assets/", $file)))),
            compressed: LazyLock::new(|| compressed(include_str!(concat!("../../assets/", $file)))),
        }
    };
}

/// Style sheet of the pages that buyers and customers see.
pub(crate) static BUYER_STYLE: Asset = asset!("buyer.css", "buyer.css", "text/css; charset=utf-8");
/// Style sheet of the console.
pub(crate) static CONSOLE_STYLE: Asset = asset!("console.css", "console.css", "text/css; charset=utf-8");
/// htmx 2.0.11 (0BSD), which replaces parts of the console's pages.
pub(crate) static HTMX: Asset = asset!("htmx.js", "htmx-2.0.11.min.js", "text/javascript; charset=utf-8");

/// Icon of the console.
pub(crate) static ICON: Asset = asset!("icon.svg", "icon.svg", "image/svg+xml");

impl Asset {
    fn all() -> [&'static Self; 4] {
        [&BUYER_STYLE, &CONSOLE_STYLE, &HTMX, &ICON]
    }

    /// Digest of the file, for its address.
    pub(crate) fn digest(&self) -> &str {
        &self.digest
    }

    /// Address from any page of the API's host.
    pub(crate) fn address(&self) -> String {
        format!("/assets/{}/{}", self.digest(), self.name)
    }
}

/// Route of the files.
pub(crate) fn routes() -> Routes {
    Routes::new().routes(routes!(show))
}

/// Serves a style sheet, script or icon of the pages.
///
/// Any digest leads to the present file, so that a page which was opened before a deployment keeps a look.
#[utoipa::path(
    get, path = "/assets/{digest}/{name}", tag = "checkout", operation_id = "show_asset",
    params(
        ("digest" = String, Path, description = "Digest of the file, from a page.", example = "0123456789abcdef0123456789abcdef"),
        ("name" = String, Path, description = "Name of the file.", example = "buyer.css"),
    ),
    responses(
        (
            status = 200, description = "The file.",
            content((String = "text/css"), (String = "text/javascript"), (String = "image/svg+xml")),
        ),
        (status = 404, description = "There is no such file."),
    ),
    security(()),
)]
async fn show(Path((digest, name)): Path<(String, String)>, headers: HeaderMap) -> Response {
    let Some(asset) = Asset::all().into_iter().find(|asset| asset.name == name) else {
        return Failure::not_found("name", "There is no such file.").into_response();
    };
    // An instance of an earlier deployment may get the address of a later file, which browsers must not keep with its content.
    let is_present = digest == asset.digest();
    let mut response = if takes_gzip(&headers) {
        let mut response = Body::from(asset.compressed.as_slice()).into_response();
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        response
    } else {
        Body::from(asset.content).into_response()
    };
    for (name, value) in [
        (CONTENT_TYPE, asset.content_type),
        (CACHE_CONTROL, if is_present { "public, max-age=31536000, immutable" } else { "no-cache" }),
        (VARY, "Accept-Encoding"),
        (X_CONTENT_TYPE_OPTIONS, "nosniff"),
    ] {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}

/// API Gateway compresses nothing. A client that takes gzip with a weight of zero takes none.
fn takes_gzip(headers: &HeaderMap) -> bool {
    let accepted = headers.get(ACCEPT_ENCODING).and_then(|value| value.to_str().ok()).unwrap_or_default();
    accepted.split(',').any(|coding| {
        let (name, weight) = coding.split_once(';').unwrap_or((coding, ""));
        let weight = weight.trim().strip_prefix("q=").unwrap_or("1").trim();
        name.trim().eq_ignore_ascii_case("gzip") && weight.parse::<f32>().is_ok_and(|weight| weight > 0.0)
    })
}

/// The text in gzip; empty where that fails, which it cannot in memory.
fn compressed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    let written = encoder.write_all(text.as_bytes());
    written.and_then(|()| encoder.finish()).unwrap_or_default()
}
