//! The workshop's staff: calls with a JWT.

use std::time::Duration;

use reqwest::header::HeaderMap;
use reqwest::{Method, StatusCode};
use serde_json::{Value, json};
use shared::platform::phone_keys::PhoneHasher;

use super::Sandbox;

impl Sandbox {
    /// A JWT that may do everything, valid at the sandbox's time.
    pub async fn jwt(&self) -> String {
        self.get("/sandbox/credentials").await["jwt"].as_str().unwrap().to_owned()
    }

    /// Keys of the sandbox under which numbers are hashed.
    pub fn phone_hasher(&self) -> PhoneHasher {
        PhoneHasher::new(&[sandbox::world::credentials::PHONE_KEY.to_owned()]).unwrap()
    }

    /// Any request with the JWT; the answer as JSON.
    pub async fn staff(&self, method: Method, path: &str, body: Option<Value>) -> (StatusCode, Value) {
        let mut request = self.http.request(method, format!("{}{path}", self.base)).bearer_auth(self.jwt().await);
        if let Some(body) = body {
            request = request.header("content-type", "application/json").body(body.to_string());
        }
        let answer = request.send().await.unwrap();
        let status = answer.status();
        let text = answer.text().await.unwrap();
        (status, serde_json::from_str(&text).unwrap_or(Value::String(text)))
    }

    /// Reads as staff, which must be answered 200.
    pub async fn seen(&self, path: &str) -> Value {
        let (status, body) = self.staff(Method::GET, path, None).await;
        assert_eq!(status, 200, "GET {path}: {body}");
        body
    }

    /// Staff put something, and it is taken.
    pub async fn keep(&self, path: &str, body: Value) -> Value {
        let (status, answer) = self.staff(Method::PUT, path, Some(body)).await;
        assert!(status.is_success(), "PUT {path}: {status} {answer}");
        answer
    }

    /// Staff erase a customer.
    pub async fn forget(&self, customer: &str, why: &str) -> (StatusCode, Value) {
        self.staff(Method::DELETE, &format!("/customers/{customer}"), Some(json!({ "why": why }))).await
    }

    /// Staff import a list; the answer is there before API Gateway gives up.
    pub async fn import(&self, list: impl Into<Vec<u8>>) -> (StatusCode, Value) {
        self.import_as(list, "text/csv", "").await
    }

    /// Staff import a list with a content type and a query.
    pub async fn import_as(&self, list: impl Into<Vec<u8>>, kind: &str, query: &str) -> (StatusCode, Value) {
        let request = self.http.post(format!("{}/customers/import{query}", self.base)).bearer_auth(self.jwt().await);
        let request = request.timeout(Duration::from_secs(29)).header("content-type", kind);
        let answer = request.body(list.into()).send().await.unwrap();
        (answer.status(), serde_json::from_str(&answer.text().await.unwrap()).unwrap())
    }

    /// A customer as a list, with the headers of the answer.
    pub async fn exported(&self, customer: &str) -> (HeaderMap, String) {
        self.exported_as(customer, "").await
    }

    /// A customer as a list in the form that a query asks for, with its byte order mark.
    pub async fn exported_as(&self, customer: &str, query: &str) -> (HeaderMap, String) {
        let request = self.http.get(format!("{}/customers/{customer}/export{query}", self.base));
        let answer = request.bearer_auth(self.jwt().await).send().await.unwrap();
        assert_eq!(answer.status(), 200);
        let headers = answer.headers().clone();
        // `text` would drop the byte order mark.
        (headers, String::from_utf8(answer.bytes().await.unwrap().to_vec()).unwrap())
    }
}
