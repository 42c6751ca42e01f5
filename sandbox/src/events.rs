//! Events as AWS hands them to the functions: whoever has one, the public port or a file, it takes the same way.

use lambda_http::{Body, Response};
use serde_json::json;

use crate::world::World;

impl World {
    /// Hands an event to a function, named as in the template. Gives the status and the body of its answer; those of
    /// Lambda's Invoke where the function does not speak HTTP.
    pub async fn deliver_event(&self, function: &str, event: &str) -> (u16, String) {
        if function == "SubscriptionMaintenance" {
            let Ok(event) = serde_json::from_str(event) else { return (400, "the event is not JSON".to_owned()) };
            return match self.invoke_maintenance(event).await {
                Ok(answer) => (200, answer.to_string()),
                Err(error) => (500, json!({ "errorMessage": error.to_string() }).to_string()),
            };
        }
        match answer(self, function, event).await {
            Some(answer) => (answer.status().as_u16(), String::from_utf8_lossy(answer.body().as_ref()).into_owned()),
            None => (400, format!("{function} takes no such event")),
        }
    }
}

/// A function's answer to an event of API Gateway; `None` when the event is none, or no such function takes it.
pub(crate) async fn answer(world: &World, function: &str, event: &str) -> Option<Response<Body>> {
    let functions = world.functions()?;
    let request = lambda_http::request::from_str(event).ok()?;
    match function {
        "EcpayWebhook" => Some(ecpay_webhook::handle(&functions.webhook, request, world.moment()).await),
        "AdminApi" => Some(admin_api::handle(&functions.admin, request, world.moment()).await),
        _ => None,
    }
}
