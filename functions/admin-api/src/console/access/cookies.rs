//! Cookies of the console: that of a session, and the chosen language.

use axum::response::Response;
use lambda_http::http::request::Parts;
use lambda_http::http::{HeaderValue, header};

use crate::api::ApiState;

/// Seconds for which a chosen language is kept: a year.
const LANGUAGE_SECONDS: u32 = 31_536_000;
/// Name of the cookie of the language.
const LANGUAGE: &str = "duekeeper-language";

/// Name and attributes of cookies, by the scheme of the API's address.
#[derive(Clone, Copy)]
pub(crate) struct Cookies {
    /// False for the sandbox alone, which is served over plain HTTP on 127.0.0.1, and from which browsers take no `Secure` cookie.
    is_secure: bool,
}

impl Cookies {
    /// Cookies of the API at its address.
    pub(crate) fn of(api: &ApiState) -> Self {
        Self { is_secure: api.config.urls.api.starts_with("https://") }
    }

    /// The prefix has browsers refuse the cookie from any other host and from any page over plain HTTP (RFC 6265bis, 4.1.3.2).
    const fn session_name(self) -> &'static str {
        if self.is_secure { "__Host-duekeeper" } else { "duekeeper" }
    }

    /// Value of the session's cookie.
    pub(crate) fn session(self, parts: &Parts) -> Option<&str> {
        sent(parts, self.session_name()).filter(|value| !value.is_empty())
    }

    /// Sets the session's cookie. It lives until the browser is closed: the session ends before a day is over.
    pub(crate) fn set_session(self, response: &mut Response, value: &str) {
        self.set(response, self.session_name(), value, "; HttpOnly; SameSite=Strict");
    }

    /// Deletes the session's cookie.
    pub(crate) fn delete_session(self, response: &mut Response) {
        self.set(response, self.session_name(), "", "; HttpOnly; SameSite=Strict; Max-Age=0");
    }

    /// Sets the cookie of the language.
    pub(crate) fn set_language(self, response: &mut Response, tag: &str) {
        let attributes = format!("; HttpOnly; SameSite=Lax; Max-Age={LANGUAGE_SECONDS}");
        self.set(response, LANGUAGE, tag, &attributes);
    }

    fn set(self, response: &mut Response, name: &str, value: &str, attributes: &str) {
        let secure = if self.is_secure { "; Secure" } else { "" };
        if let Ok(cookie) = HeaderValue::from_str(&format!("{name}={value}; Path=/{secure}{attributes}")) {
            response.headers_mut().append(header::SET_COOKIE, cookie);
        }
    }
}

/// Tag of the chosen language.
pub(crate) fn language(parts: &Parts) -> Option<&str> {
    sent(parts, LANGUAGE)
}

/// Value of a cookie that was sent once. A second one of the name is none that this site has set, so that neither counts.
fn sent<'a>(parts: &'a Parts, name: &str) -> Option<&'a str> {
    let headers = parts.headers.get_all(header::COOKIE).iter().filter_map(|value| value.to_str().ok());
    let pairs = headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='));
    let mut values = pairs.filter(|(sent, _)| *sent == name).map(|(_, value)| value);
    let value = values.next();
    if values.next().is_some() { None } else { value }
}

#[cfg(test)]
mod tests {
    use lambda_http::http::Request;

    use super::*;

    fn parts(cookies: &[&str]) -> Parts {
        let request = cookies.iter().fold(Request::builder(), |request, cookie| request.header("cookie", *cookie));
        request.body(()).unwrap().into_parts().0
    }

    #[test]
    fn a_cookie_is_read_by_its_whole_name_and_none_of_two() {
        let cookies = Cookies { is_secure: true };
        assert_eq!(cookies.session(&parts(&["a=1; __Host-duekeeper=abc;b=2"])), Some("abc"));
        assert_eq!(cookies.session(&parts(&["a=1", "__Host-duekeeper=abc"])), Some("abc"));
        for none in
            [&["duekeeper=abc"][..], &["x__Host-duekeeper=abc"], &["__Host-duekeeper="], &["__Host-duekeeper"], &[]]
        {
            assert_eq!(cookies.session(&parts(none)), None, "{none:?}");
        }
        assert_eq!(cookies.session(&parts(&["__Host-duekeeper=abc; __Host-duekeeper=def"])), None);
        assert_eq!(Cookies { is_secure: false }.session(&parts(&["duekeeper=abc"])), Some("abc"));
    }
}
