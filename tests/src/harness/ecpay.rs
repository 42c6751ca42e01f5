//! ECPay's server APIs over real HTTP: the product's client has no other transport. Each instance has an address of its
//! own, which tells whose call it is.

use std::sync::Arc;

use axum::Router;
use axum::body::Bytes;
use axum::extract::State;
use axum::http::{StatusCode, Uri};
use axum::response::{Html, IntoResponse, Response};
use tokio::net::TcpListener;

use super::call::{Call, Lost, Service};
use super::tasks::Shared;

/// Serves ECPay in this thread; gives its address.
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
    let action = match segments.nth(1) {
        Some("CreditCardPeriodAction") if body.windows(13).any(|part| part == b"Action=Cancel") => "Cancel",
        Some("CreditCardPeriodAction") => "ReAuth",
        Some(query) => query,
        None => panic!("{uri} is not ECPay's"),
    };
    let call = Call { service: Service::Ecpay, action: action.to_owned(), body: body.to_vec() };
    match shared.pass(&gate, call).await {
        Ok(reply) => (StatusCode::from_u16(reply.status).expect("a status"), Html(reply.body)).into_response(),
        Err(Lost) => sandbox::aws::broken(),
    }
}
