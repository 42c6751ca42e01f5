//! Origin of what is posted to the console: only its own pages may.

use lambda_http::http::request::Parts;

/// True for a request that a page of the API at `own` has made. Browsers name the relation to it in `Sec-Fetch-Site` (W3C, Fetch
/// Metadata), which no page can set; older ones name the origin.
pub(crate) fn is_own(parts: &Parts, own: &str) -> bool {
    let header = |name: &str| {
        let mut values = parts.headers.get_all(name).iter();
        let first = values.next().map(|value| value.to_str().unwrap_or_default());
        // Of a repeated header none counts.
        if values.next().is_some() { Some("") } else { first }
    };
    match header("sec-fetch-site") {
        Some(site) => site == "same-origin",
        None => header("origin").is_some_and(|origin| !origin.is_empty() && origin == origin_of(own)),
    }
}

/// Origin of an address: scheme, host and port.
fn origin_of(address: &str) -> &str {
    let after_scheme = address.find("://").map_or(0, |at| at + 3);
    let path = address.get(after_scheme..).and_then(|rest| rest.find('/')).map(|at| after_scheme + at);
    path.and_then(|end| address.get(..end)).unwrap_or(address)
}

#[cfg(test)]
mod tests {
    use lambda_http::http::Request;

    use super::*;

    #[test]
    fn only_a_page_of_the_same_origin_may_post() {
        const OWN: &str = "https://api.shop.example/prod";
        for (headers, is_allowed) in [
            (&[("sec-fetch-site", "same-origin")][..], true),
            (&[("sec-fetch-site", "same-origin"), ("origin", "https://evil.example")], true),
            (&[("sec-fetch-site", "same-site")], false),
            (&[("sec-fetch-site", "cross-site"), ("origin", "https://api.shop.example")], false),
            (&[("sec-fetch-site", "none")], false),
            (&[("sec-fetch-site", "")], false),
            (&[("sec-fetch-site", "same-origin"), ("sec-fetch-site", "same-origin")], false),
            (&[("origin", "https://api.shop.example")], true),
            (&[("origin", "https://api.shop.example:8443")], false),
            (&[("origin", "http://api.shop.example")], false),
            (&[("origin", "https://api.shop.example/")], false),
            (&[("origin", "null")], false),
            (&[("origin", "")], false),
            (&[], false),
        ] {
            let request =
                headers.iter().fold(Request::builder(), |request, (name, value)| request.header(*name, *value));
            let parts = request.body(()).unwrap().into_parts().0;
            assert_eq!(is_own(&parts, OWN), is_allowed, "{headers:?}");
        }
        assert_eq!(origin_of("http://127.0.0.1:8787"), "http://127.0.0.1:8787");
    }
}
