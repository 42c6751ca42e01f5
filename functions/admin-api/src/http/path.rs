//! Path of a request, rebuilt from API Gateway's route.

use lambda_http::request::RequestContext as EventContext;
use lambda_http::{Request, RequestExt};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use shared::domain::values::text::visible;

/// Every character but `/` and the unreserved ones of RFC 3986, 2.3.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~').remove(b'/');

/// API Gateway's route key, for example `GET /api/subscriptions/{id}`; `$default` where no route matches.
fn route_key(request: &Request) -> Option<String> {
    match request.request_context_ref() {
        Some(EventContext::ApiGatewayV2(context)) => context.route_key.clone(),
        _ => None,
    }
}

/// Path of the request's route, with the value of each variable segment percent-encoded and without invisible characters, which
/// are copied along with an id; `None` where no route matches.
///
/// The path in the event is decoded already (AWS, "Create routes for HTTP APIs"), so that a `/`, `?` or `#` of an id looks
/// there like one of the path, and decoding it again would lead to another id.
pub(crate) fn path(request: &Request) -> Option<String> {
    let key = route_key(request)?;
    let (_, route) = key.split_once(' ')?;
    let values = request.path_parameters();
    let rebuilt = |segment: &str| match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
        // Byte by byte, so that no id is read as a literal segment of another route, for example `import`.
        Some(name) => {
            visible(values.first(name).unwrap_or_default()).bytes().map(|byte| format!("%{byte:02X}")).collect()
        }
        None => segment.to_owned(),
    };
    Some(route.split('/').map(rebuilt).collect::<Vec<_>>().join("/"))
}

/// Percent-encodes a path but for its slashes.
pub(crate) fn encoded(path: &str) -> String {
    utf8_percent_encode(path, RESERVED).to_string()
}
