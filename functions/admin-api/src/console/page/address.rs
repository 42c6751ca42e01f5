//! Addresses of the console's pages: how they are put together, and which are its own.

use lambda_http::http::request::Parts;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::http::path::encoded;
use crate::http::request::Input;

/// Path of the first page, with which those of all others begin.
pub(crate) const FIRST: &str = "/console";
/// Parameter that says which form was sent before.
pub(crate) const SAID: &str = "said";
/// All but the unreserved characters of RFC 3986.
const RESERVED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A value as a segment of a path, or as a name or value of a query.
pub(crate) fn segment(value: &str) -> String {
    utf8_percent_encode(value, RESERVED).to_string()
}

/// Address of the page of one record below its list: `/console/users/a%2Fb`.
pub(crate) fn below(list: &str, id: &str) -> String {
    format!("{list}/{}", segment(id))
}

/// Address of a page with those parameters that have a value, behind those that it has.
pub(crate) fn with<'a>(page: &str, parameters: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let mut address = page.to_owned();
    for (name, value) in parameters {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            address.push(if address.contains('?') { '&' } else { '?' });
            address.push_str(&format!("{}={}", segment(name), segment(&value)));
        }
    }
    address
}

/// Address of a page that says the outcome of a form, by its name in the table of outcomes.
pub(crate) fn saying(page: &str, said: &str) -> String {
    with(page, [(SAID, Some(said.to_owned()))])
}

/// True for the address of a page of the console: a form or a link must not lead anywhere else.
pub(crate) fn is_own(address: &str) -> bool {
    let rest = address.strip_prefix(FIRST);
    let begins_well = rest.is_some_and(|rest| rest.is_empty() || rest.starts_with(['/', '?']));
    begins_well && address.bytes().all(|byte| byte.is_ascii_graphic() && byte != b'\\')
}

/// Path of a request, as an address of the same site. The router's path has ids percent-encoded byte by byte (see
/// [`crate::http::path`]), which is no address to show.
pub(crate) fn path_of(parts: &Parts) -> String {
    let path = parts.uri.path();
    percent_decode_str(path).decode_utf8().map_or_else(|_| path.to_owned(), |path| encoded(&path))
}

/// Path and query of a request, as an address of the same site.
pub(crate) fn whole_of(parts: &Parts) -> String {
    let query = Input::of(parts).map(|input| input.sent_query().values).unwrap_or_default();
    let parameters = query.iter().map(|(name, value)| (name.as_str(), value.as_str().map(str::to_owned)));
    with(&path_of(parts), parameters)
}

/// Path of the page that has the form of a posted path, for example that of a subscription for one of its operations.
pub(crate) fn page_of_form(path: &str) -> String {
    let parts: Vec<&str> = path.split('/').skip(1).collect();
    match parts.as_slice() {
        [console, area @ ("subscriptions" | "users" | "customers"), id, _] => format!("/{console}/{area}/{id}"),
        [console, area, ..] => format!("/{console}/{area}"),
        _ => path.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_encoded_and_empty_ones_left_out() {
        assert_eq!(below("/console/users", "a/b c"), "/console/users/a%2Fb%20c");
        let parameters = [("q", Some("a&b c".to_owned())), ("after", None), ("state", Some(String::new()))];
        assert_eq!(with("/console/search", parameters), "/console/search?q=a%26b%20c");
        assert_eq!(saying("/console/vehicles?state=sold", "saved"), "/console/vehicles?state=sold&said=saved");
    }

    #[test]
    fn only_pages_of_the_console_are_its_own() {
        for page in ["/console", "/console/runs", "/console?lang=en", "/console/search?q=%22a%22"] {
            assert!(is_own(page), "{page}");
        }
        for other in
            ["", "/", "//evil.example", "https://evil.example/console", "/consolex", "/console\\evil", "/console/\n"]
        {
            assert!(!is_own(other), "{other}");
        }
    }

    #[test]
    fn a_form_belongs_to_the_page_that_shows_it() {
        for (form, page) in [
            ("/console/subscriptions/DK1/note", "/console/subscriptions/DK1"),
            ("/console/users/a%2Fb/erase", "/console/users/a%2Fb"),
            ("/console/customers/C-1/edit", "/console/customers/C-1"),
            ("/console/vehicles/B%201/visit", "/console/vehicles"),
            ("/console/messages/x/resend", "/console/messages"),
            ("/console/runs/retry", "/console/runs"),
            ("/console/import", "/console/import"),
        ] {
            assert_eq!(page_of_form(form), page);
        }
    }
}
