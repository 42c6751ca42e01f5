//! Subject of a call in words that are the same in every run: orders by number, nothing random.

use serde_json::Value;

use super::call::{Call, Service};

/// The orders in which they were first seen.
#[derive(Clone, Default)]
pub(crate) struct Orders(Vec<String>);

impl Orders {
    /// An order's name here, which is its from the first mention on.
    fn name(&mut self, id: &str) -> String {
        let known = self.0.iter().position(|order| order == id);
        let place = known.unwrap_or_else(|| {
            self.0.push(id.to_owned());
            self.0.len() - 1
        });
        format!("order{place}")
    }

    /// A text with the orders' numbers for their ids: it sorts as the orders were made.
    pub(crate) fn mask(&self, text: &str) -> String {
        let mut masked = text.to_owned();
        for (place, id) in self.0.iter().enumerate() {
            if masked.contains(id) {
                masked = masked.replace(id, &format!("{place:08}"));
            }
        }
        masked
    }

    /// The ids, in the order in which they were first seen.
    pub(crate) fn ids(&self) -> &[String] {
        &self.0
    }

    /// Describes the subject of a call.
    pub(crate) fn subject(&mut self, call: &Call) -> String {
        match call.service {
            Service::DynamoDb => self.of_table(&json(call)),
            Service::SecretsManager => {
                let request = json(call);
                format!("{} {}", string(&request["SecretId"]), string(&request["VersionStage"]))
            }
            Service::Ses => string(&json(call)["Destination"]["ToAddresses"][0]).to_owned(),
            Service::Lambda => "SubscriptionMaintenance".to_owned(),
            Service::StarSender => string(&json(call)["to"]).to_owned(),
            Service::App => {
                let event = json(call);
                let order = string(&event["data"]["subscription_id"]).to_owned();
                format!("{} {}", self.name(&order), string(&event["type"]))
            }
            Service::Mms => format!("page {}", json(call)["pageNumber"]),
            Service::Slack => string(&json(call)["text"]).lines().next().unwrap_or_default().to_owned(),
            Service::Ecpay => {
                let fields = sandbox::ecpay::parse_form(&call.body).expect("a form");
                let order = fields.iter().find(|(name, _)| name == "MerchantTradeNo").expect("an order");
                self.name(&order.1)
            }
        }
    }

    fn of_table(&mut self, request: &Value) -> String {
        if let Some(actions) = request["TransactItems"].as_array() {
            let all: Vec<String> = actions.iter().map(|action| self.of_action(action)).collect();
            return format!("{} +{}", all[0], all.len() - 1);
        }
        let values = &request["ExpressionAttributeValues"];
        match (&values[":queue"]["S"], &values[":pk"]["S"]) {
            (Value::String(queue), _) => queue.clone(),
            (_, Value::String(pk)) => self.of_partition(pk),
            _ => self.of_action(&serde_json::json!({ "": request })),
        }
    }

    /// An item, from the object in an action that holds it or its key.
    fn of_action(&mut self, action: &Value) -> String {
        let body = action.as_object().and_then(|action| action.values().next()).unwrap_or(&Value::Null);
        let key = if body["Key"].is_object() { &body["Key"] } else { &body["Item"] };
        let (pk, sk) = (string(&key["pk"]["S"]), string(&key["sk"]["S"]));
        let partition = self.of_partition(pk);
        match sk.split('#').next() {
            Some(kind) if pk.starts_with("SUB#") => format!("{partition} {kind}"),
            _ => partition,
        }
    }

    /// Behind the first `#` there may be something random; an order's id has a name, and users' are the test's own.
    fn of_partition(&mut self, pk: &str) -> String {
        match pk.split_once('#') {
            Some(("SUB", id)) => self.name(id),
            Some(("USER", _)) | None => pk.to_owned(),
            Some((kind, _)) => kind.to_owned(),
        }
    }
}

/// Number of actions of a transaction; `None` for another call.
pub(crate) fn actions(call: &Call) -> Option<usize> {
    json(call)["TransactItems"].as_array().map(Vec::len)
}

fn json(call: &Call) -> Value {
    serde_json::from_slice(&call.body).expect("a request of the SDK")
}

fn string(value: &Value) -> &str {
    value.as_str().unwrap_or_default()
}
