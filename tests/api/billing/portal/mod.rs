//! Customer page: a link that repairs, opened without a login.

mod buttons;
mod links;

use reqwest::header::HeaderMap;
use serde_json::{Value, json};
use testing::support::Sandbox;

const BEGIN: &str = "2025-01-15T10:00:00+08:00";
/// The bank declines for now, or for good.
const NO_CREDIT: &str = "10100252";
const EXPIRED_CARD: &str = "10100251";

/// Page as a browser gets it.
struct Page {
    url: String,
    status: u16,
    headers: HeaderMap,
    html: String,
}

impl Page {
    async fn open(sandbox: &Sandbox, url: &str) -> Self {
        let answer = sandbox.http.get(url).send().await.unwrap();
        let (status, headers) = (answer.status().as_u16(), answer.headers().clone());
        Self { url: url.to_owned(), status, headers, html: answer.text().await.unwrap() }
    }

    /// The page of a user, by a new link.
    async fn of(sandbox: &Sandbox, user: &str) -> Self {
        Self::open(sandbox, &link(sandbox, user).await).await
    }

    /// Address of the button of that name; `None` where the page has none.
    fn button(&self, name: &str) -> Option<String> {
        let actions =
            self.html.split("<form method=\"post\" action=\"").skip(1).map(|form| form.split('"').next().unwrap());
        let action = actions
            .map(|action| action.replace("&amp;", "&"))
            .find(|action| action.split('?').next().unwrap().ends_with(&format!("/{name}")))?;
        let (base, _) = self.url.rsplit_once('/').unwrap();
        Some(format!("{base}/{action}"))
    }

    /// Presses a button; gives the address to which it leads.
    async fn press(&self, sandbox: &Sandbox, name: &str) -> String {
        let address = self.button(name).unwrap_or_else(|| panic!("no {name} in {}", self.html));
        pressed(sandbox, &address).await
    }

    fn says(&self, words: &str) -> bool {
        self.html.contains(words)
    }
}

/// Presses the button of that address; gives the absolute address to which it leads.
async fn pressed(sandbox: &Sandbox, address: &str) -> String {
    let answer = sandbox.http.post(address).send().await.unwrap();
    assert_eq!(answer.status(), 303);
    let target = answer.headers()["location"].to_str().unwrap().to_owned();
    let mut base: Vec<&str> = address.split('?').next().unwrap().split('/').collect();
    base.pop();
    let mut rest = target.as_str();
    while let Some(upper) = rest.strip_prefix("../") {
        base.pop();
        rest = upper;
    }
    format!("{}/{rest}", base.join("/"))
}

async fn link(sandbox: &Sandbox, user: &str) -> String {
    let made = sandbox.post(&format!("/api/users/{user}/portal-link"), json!({})).await;
    made["url"].as_str().unwrap().to_owned()
}

/// The address behind the button of the latest mail with that subject.
async fn mailed(sandbox: &Sandbox, to: &str, subject: &str) -> String {
    let mails = sandbox.mails(to).await;
    let mail = mails.iter().rev().find(|mail| mail["subject"].as_str().unwrap().contains(subject)).unwrap();
    let text = mail["body"].as_str().unwrap();
    let url = text.split_whitespace().find(|word| word.contains("/portal/")).unwrap().to_owned();
    assert!(mail["html"].as_str().unwrap().contains(&format!("href=\"{url}\"")), "{mail}");
    url
}

async fn asked(sandbox: &Sandbox, operation: &str) -> u64 {
    sandbox.calls("ecpay").await.get(operation).copied().unwrap_or(0)
}

fn last(account: &Value) -> Value {
    account["history"].as_array().unwrap().last().unwrap().clone()
}
