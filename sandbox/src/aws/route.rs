//! Routes of the HTTP API, as API Gateway matches them.

use percent_encoding::percent_decode_str;

/// A route of the HTTP API.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Route {
    /// The method, in capitals.
    pub method: String,
    /// The path, with `{name}` for a segment that varies.
    pub path: String,
    /// The function behind it, by its logical name.
    pub function: String,
}

impl Route {
    /// True for a request with that method and path, which is as the client sent it.
    #[must_use]
    pub fn matches(&self, method: &str, path: &str) -> bool {
        self.method == method && path_matches(&self.path, path)
    }

    /// Values of the path's variable segments, percent-decoded once.
    pub fn parameters<'a>(&'a self, path: &'a str) -> impl Iterator<Item = (&'a str, String)> {
        let names = self.path.split('/').map(|segment| segment.strip_prefix('{')?.strip_suffix('}'));
        names.zip(path.split('/')).filter_map(|(name, value)| Some((name?, decoded(value))))
    }
}

/// Percent-decodes a path or a segment of one.
pub(crate) fn decoded(text: &str) -> String {
    percent_decode_str(text).decode_utf8_lossy().into_owned()
}

fn path_matches(pattern: &str, path: &str) -> bool {
    let (pattern, path): (Vec<_>, Vec<_>) = (pattern.split('/').collect(), path.split('/').collect());
    pattern.len() == path.len()
        && pattern.iter().zip(&path).all(|(want, is)| want == is || (want.starts_with('{') && !is.is_empty()))
}
