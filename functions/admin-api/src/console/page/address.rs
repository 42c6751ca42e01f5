//! Addresses of pages with parameters.

use form_urlencoded::Serializer;

use crate::console::page::visit::Visit;

/// Address of a page with those parameters that have a value.
pub(crate) fn with<'a>(path: &str, parameters: impl IntoIterator<Item = (&'a str, Option<String>)>) -> String {
    let mut query = Serializer::new(String::new());
    for (name, value) in parameters {
        if let Some(value) = value.filter(|value| !value.is_empty()) {
            query.append_pair(name, &value);
        }
    }
    let query = query.finish();
    if query.is_empty() { path.to_owned() } else { format!("{path}?{query}") }
}

/// Parameters of the visit's own address, to be kept in another one.
pub(crate) fn kept<'a>(visit: &Visit, names: &[&'a str]) -> Vec<(&'a str, Option<String>)> {
    names.iter().map(|name| (*name, visit.parameter(name))).collect()
}
