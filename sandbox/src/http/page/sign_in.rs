//! Sign-ins to the staff console in one click, each with an invented token.

use axum::extract::{Path, State};
use axum::response::Response;
use http::header::{ACCEPT, CONTENT_TYPE, COOKIE, HOST, LOCATION, ORIGIN, SET_COOKIE, USER_AGENT};
use http::{HeaderMap, Request, StatusCode};
use reqwest::Url;

use crate::http::answers::Shared;
use crate::http::page::{call, html};
use crate::world::World;
use crate::world::credentials::{ROLES, Role};

/// Path of the console's form.
const LOGIN: &str = "/console/login";

/// Cookie with the role that was signed in last in this browser.
const ROLE_COOKIE: &str = "duekeeper-sandbox-role";

/// Posts a role's token to the console as a browser posts its form, and passes the answer on.
pub(crate) async fn sign_in(State(world): Shared, Path(role): Path<String>, headers: HeaderMap) -> Response {
    let Some(role) = role_of(&role) else {
        return html::notice(StatusCode::NOT_FOUND, "Not signed in", "There is no such role.");
    };
    let Some(request) = login(&world, role, &headers) else {
        return html::notice(StatusCode::BAD_REQUEST, "Not signed in", "The browser's request has odd headers.");
    };
    let mut passed = passed_on(&world, &call::answer(&world, request).await);
    let cookie = format!("{ROLE_COOKIE}={}; Path=/sandbox; HttpOnly; SameSite=Strict", role.name);
    if let (StatusCode::SEE_OTHER, Ok(cookie)) = (passed.status(), cookie.parse()) {
        passed.headers_mut().append(SET_COOKIE, cookie);
    }
    passed
}

/// Signs the browser in again with the role of its latest sign-in, because its session has ended on a clock that was moved.
pub(crate) async fn renew(world: &World, headers: &HeaderMap, response: &mut Response) {
    let cookies =
        headers.get_all(COOKIE).iter().filter_map(|value| value.to_str().ok()).flat_map(|all| all.split("; "));
    let role = cookies.filter_map(|pair| pair.split_once('=')).find(|(name, _)| *name == ROLE_COOKIE);
    let Some(request) = role.and_then(|(_, role)| login(world, role_of(role)?, headers)) else { return };
    for cookie in call::answer(world, request).await.headers().get_all(SET_COOKIE) {
        response.headers_mut().append(SET_COOKIE, cookie.clone());
    }
}

fn role_of(name: &str) -> Option<&'static Role> {
    ROLES.iter().find(|known| known.name == name)
}

/// The console's form as a browser posts it, with the token of a role.
fn login(world: &World, role: &Role, headers: &HeaderMap) -> Option<Request<String>> {
    let header = |name| headers.get(name).and_then(|value| value.to_str().ok());
    let host = header(HOST).unwrap_or_else(|| call::host(world));
    let form = form_urlencoded::Serializer::new(String::new()).append_pair("token", role.token).finish();
    let request = Request::post(LOGIN)
        .header(HOST, host)
        .header(ORIGIN, format!("http://{host}"))
        .header("sec-fetch-site", "same-origin")
        .header("sec-fetch-mode", "navigate")
        .header("sec-fetch-dest", "document")
        .header(USER_AGENT, header(USER_AGENT).unwrap_or("sandbox"))
        .header(ACCEPT, "text/html")
        .header(CONTENT_TYPE, "application/x-www-form-urlencoded")
        .body(form);
    request.ok()
}

/// The console's answer, with an address that holds for a browser at another path than the console's form.
fn passed_on(world: &World, answer: &Response) -> Response {
    let status = answer.status();
    let target = answer.headers().get(LOCATION).and_then(|target| target.to_str().ok());
    let Some(target) = target.filter(|_| status == StatusCode::SEE_OTHER) else {
        return match status {
            StatusCode::NOT_FOUND | StatusCode::METHOD_NOT_ALLOWED => {
                html::notice(StatusCode::BAD_GATEWAY, "Not signed in", "The console does not answer.")
            }
            _ => html::notice(StatusCode::BAD_GATEWAY, "Not signed in", &format!("The console answers {status}.")),
        };
    };
    let mut passed = html::see_other(&resolved(&world.base_url, target));
    for cookie in answer.headers().get_all(SET_COOKIE) {
        passed.headers_mut().append(SET_COOKIE, cookie.clone());
    }
    passed
}

/// Address in an answer of the console's form; one of this sandbox as a path, because a browser may know it by another name.
fn resolved(base_url: &str, target: &str) -> String {
    let form = Url::parse(base_url).and_then(|base| base.join(LOGIN));
    let Ok((form, address)) = form.and_then(|form| form.join(target).map(|address| (form, address))) else {
        return target.to_owned();
    };
    if form.origin() != address.origin() {
        return address.into();
    }
    let query = address.query().map(|query| format!("?{query}")).unwrap_or_default();
    let fragment = address.fragment().map(|fragment| format!("#{fragment}")).unwrap_or_default();
    format!("{}{query}{fragment}", address.path())
}

#[cfg(test)]
mod tests {
    use axum::response::IntoResponse;

    use super::*;

    #[test]
    fn addresses_are_those_that_the_console_means() {
        for (target, expected) in [
            ("/console", "/console"),
            ("../console", "/console"),
            ("subscriptions?state=open#first", "/console/subscriptions?state=open#first"),
            ("?again", "/console/login?again"),
            ("http://127.0.0.1:8787/console", "/console"),
            ("https://shop.example/a", "https://shop.example/a"),
        ] {
            assert_eq!(resolved("http://127.0.0.1:8787", target), expected, "{target}");
        }
    }

    #[tokio::test]
    async fn a_browser_gets_the_consoles_cookies_and_way() {
        let world = crate::test_support::sandbox().await;
        let cookies = [(SET_COOKIE, "a=1; Path=/console; HttpOnly"), (SET_COOKIE, "b=2")];
        let mut answer = (StatusCode::SEE_OTHER, [(LOCATION, "../console")]).into_response();
        for (name, cookie) in cookies {
            answer.headers_mut().append(name, cookie.parse().unwrap());
        }
        let passed = passed_on(&world, &answer);
        assert_eq!(
            (passed.status(), &passed.headers()[LOCATION]),
            (StatusCode::SEE_OTHER, &"/console".parse().unwrap())
        );
        let passed: Vec<_> = passed.headers().get_all(SET_COOKIE).iter().collect();
        assert_eq!(passed, ["a=1; Path=/console; HttpOnly", "b=2"]);
        for (status, sentence) in [
            (StatusCode::NOT_FOUND, "The console does not answer."),
            (StatusCode::UNAUTHORIZED, "The console answers 401 Unauthorized."),
        ] {
            let refused = passed_on(&world, &status.into_response());
            assert_eq!(refused.status(), StatusCode::BAD_GATEWAY);
            let page = axum::body::to_bytes(refused.into_body(), 10_000).await.unwrap();
            assert!(String::from_utf8_lossy(&page).contains(sentence), "{page:?}");
        }
    }
}
