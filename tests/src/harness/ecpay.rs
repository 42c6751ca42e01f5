//! ECPay's server APIs, StarSender, MMS, Slack and the business's app over real HTTP: the product's clients have no other transport. Each
//! instance has an address of its own, which identifies the caller.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use tokio::net::TcpListener;

use super::call::{Call, Lost, Service};
use super::tasks::Shared;

/// Serves all in this thread; gives their address.
pub(crate) async fn serve(shared: Arc<Shared>) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.expect("a port");
    let address = format!("http://{}", listener.local_addr().expect("an address"));
    let router = Router::new().fallback(answer).with_state(shared);
    tokio::spawn(async move { axum::serve(listener, router).await });
    address
}

async fn answer(State(shared): State<Arc<Shared>>, uri: Uri, body: Bytes) -> Response {
    let mut segments = uri.path().trim_matches('/').split('/');
    let gate = segments.next().and_then(|number| shared.gate(number.parse().ok()?)).expect("an instance's address");
    let (service, action) = match (segments.next(), segments.next()) {
        (Some("app"), Some("events")) => (Service::App, "post"),
        (Some("api"), Some("send")) => (Service::StarSender, "send"),
        (Some("api"), Some("chat.postMessage")) => (Service::Slack, "chat.postMessage"),
        (Some("mms"), Some("admin%2Forganization%2Fget%2Finfo%2FbyPage")) => (Service::Mms, "byPage"),
        (_, Some("CreditCardPeriodAction")) if body.windows(13).any(|part| part == b"Action=Cancel") => {
            (Service::Ecpay, "Cancel")
        }
        (_, Some("CreditCardPeriodAction")) => (Service::Ecpay, "ReAuth"),
        (_, Some(query)) => (Service::Ecpay, query),
        (_, None) => panic!("{uri} is not simulated"),
    };
    let call = Call { service, action: action.to_owned(), body: body.to_vec() };
    match shared.pass(&gate, call).await {
        Ok(reply) => (StatusCode::from_u16(reply.status).expect("a status"), Html(reply.body)).into_response(),
        Err(Lost) => sandbox::world::faults::lost_response(),
    }
}
