//! A member of staff at the console, without a browser: a cookie, pages and forms.

use std::collections::BTreeMap;

use reqwest::header::HeaderMap;
use reqwest::{Client, RequestBuilder};

use super::Sandbox;

/// Session of the console, or the lack of one.
#[derive(Clone, Debug)]
pub struct Staff {
    base: String,
    http: Client,
    /// `Cookie` header; empty without a session.
    pub cookie: String,
}

/// Answer of the console.
#[derive(Clone, Debug)]
pub struct Page {
    /// Status code.
    pub status: u16,
    /// Headers of the answer.
    pub headers: HeaderMap,
    /// HTML, or a file.
    pub body: String,
}

impl Sandbox {
    /// A visitor without a session.
    pub fn visitor(&self) -> Staff {
        Staff { base: self.base.clone(), http: self.http.clone(), cookie: String::new() }
    }

    /// Signs in by the sandbox's link: `support`, `read-only`, `workshop`, `sales` or `owner`.
    pub async fn signed_in(&self, role: &str) -> Staff {
        let mut staff = self.visitor();
        let page = staff.get(&format!("/sandbox/sign-in/{role}")).await;
        assert_eq!((page.status, page.location()), (303, "/console"), "{role}");
        staff.cookie = page.cookie().unwrap();
        staff
    }
}

impl Staff {
    /// A page of the same session.
    pub async fn get(&self, path: &str) -> Page {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    /// What a script of a page of the same session asks for.
    pub async fn get_part(&self, path: &str) -> Page {
        self.send(self.http.get(format!("{}{path}", self.base)).header("hx-request", "true")).await
    }

    /// A form as a browser posts it from a page of the console.
    pub async fn post(&self, path: &str, fields: &[(&str, &str)]) -> Page {
        self.post_with(path, fields, &[("sec-fetch-site", "same-origin")]).await
    }

    /// A form with other headers.
    pub async fn post_with(&self, path: &str, fields: &[(&str, &str)], headers: &[(&str, &str)]) -> Page {
        let request = self.http.post(format!("{}{path}", self.base)).form(fields);
        let request = headers.iter().fold(request, |request, (name, value)| request.header(*name, *value));
        self.send(request).await
    }

    /// Sends a request with the session's cookie.
    pub async fn send(&self, request: RequestBuilder) -> Page {
        let request = if self.cookie.is_empty() { request } else { request.header("cookie", &self.cookie) };
        let answer = request.send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Page { status, headers, body: answer.text().await.unwrap() }
    }

    /// Shows a page, which must be there, and posts the form whose address ends so, with its hidden fields and these.
    pub async fn submit(&self, page: &str, action: &str, fields: &[(&str, &str)]) -> Page {
        let shown = self.get(page).await;
        assert_eq!(shown.status, 200, "{page}: {}", shown.body);
        let (address, hidden) =
            shown.form(action).unwrap_or_else(|| panic!("{page} has no form {action}: {}", shown.body));
        let hidden = hidden.iter().map(|(name, value)| (name.as_str(), value.as_str()));
        let all: Vec<(&str, &str)> = hidden.chain(fields.iter().copied()).collect();
        self.post(&address, &all).await
    }
}

impl Page {
    /// Address to which the answer leads.
    pub fn location(&self) -> &str {
        self.headers.get("location").map_or("", |value| value.to_str().unwrap())
    }

    /// `Cookie` header with what the answer sets, if it is a session.
    pub fn cookie(&self) -> Option<String> {
        let set = self.headers.get_all("set-cookie").iter().map(|value| value.to_str().unwrap());
        let pair = set
            .map(|cookie| cookie.split(';').next().unwrap())
            .find(|pair| !pair.contains("language") && !pair.contains("role"))?;
        Some(pair.to_owned())
    }

    /// Address and hidden fields of the first form whose address ends so.
    pub fn form(&self, action: &str) -> Option<(String, BTreeMap<String, String>)> {
        let forms = self.body.split("<form ").skip(1).filter_map(|rest| rest.split("</form>").next());
        let with_address = forms.filter_map(|form| Some((attribute(form, "action")?, form)));
        let (address, form) = with_address.into_iter().find(|(address, _)| address.ends_with(action))?;
        let inputs =
            form.split("<input ").skip(1).filter(|input| attribute(input, "type").as_deref() == Some("hidden"));
        let hidden = inputs.filter_map(|input| Some((attribute(input, "name")?, attribute(input, "value")?)));
        Some((address, hidden.collect()))
    }

    /// Text of the page without its markup.
    pub fn text(&self) -> String {
        let parts = self.body.split('<').map(|part| part.split_once('>').map_or(part, |(_, text)| text));
        let text: Vec<String> = parts.map(|part| unescaped(part.trim())).filter(|part| !part.is_empty()).collect();
        text.join(" ")
    }
}

/// Value of an attribute of the first tag in a text.
fn attribute(html: &str, name: &str) -> Option<String> {
    let tag = html.split('>').next()?;
    let value = tag.split(&format!("{name}=\"")).nth(1)?;
    value.split('"').next().map(unescaped)
}

fn unescaped(text: &str) -> String {
    let signs = [("&#60;", "<"), ("&#62;", ">"), ("&#34;", "\""), ("&#39;", "'"), ("&#38;", "&")];
    signs.iter().fold(text.to_owned(), |text, (escaped, sign)| text.replace(escaped, sign))
}
