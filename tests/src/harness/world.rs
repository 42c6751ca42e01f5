//! The outside: the table, the secrets, the mail and ECPay. A call is done whole or not at all.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use dynoxide::Database;
use sandbox::ecpay::Ecpay;
use sandbox::world::credentials;
use sandbox::world::state::{Body, MailParts, Message, Secret, test_merchant};
use serde_json::{Value, json};

use super::call::{Call, Reply, Service};
use super::dynamodb;
use super::instances::template;
use super::subject::Orders;

pub(crate) struct World {
    pub(crate) now: DateTime<Utc>,
    pub(crate) database: Database,
    pub(crate) secrets: BTreeMap<String, Secret>,
    pub(crate) ecpay: Ecpay,
    /// Institutions that MMS lists.
    pub(crate) institutions: Vec<Value>,
    pub(crate) messages: Vec<Message>,
    /// Events that the business's app got, in the order of their arrival.
    pub(crate) posted: Vec<Value>,
    pub(crate) calls: BTreeMap<String, u64>,
    pub(crate) orders: Orders,
    /// Partitions that were written to since they were last taken.
    pub(crate) written: BTreeSet<String>,
}

impl World {
    pub(crate) fn new(now: DateTime<Utc>) -> Self {
        let database = Database::memory().expect("a database in memory");
        sandbox::world::boot::create_table(&database, template()).expect("a table");
        let mut secrets = credentials::secrets(now, &test_merchant());
        // By a bot's token, for then the instance's address is a variable and not in the secret.
        let of_expiry = secrets.get_mut(credentials::EXPIRY_SECRET).expect("the secret of the expiry scan");
        let token = credentials::SLACK_BOT_TOKEN;
        of_expiry.current = json!({ "mms_api_key": credentials::MMS_KEY, "slack_bot_token": token }).to_string();
        Self {
            now,
            database,
            secrets,
            ecpay: Ecpay::new(test_merchant()),
            institutions: Vec::new(),
            messages: Vec::new(),
            posted: Vec::new(),
            calls: BTreeMap::new(),
            orders: Orders::default(),
            written: BTreeSet::new(),
        }
    }

    /// Another world in the same state.
    pub(crate) fn copy(&self) -> Self {
        let other = Self::new(self.now);
        dynamodb::copy(&self.database, &other.database);
        Self {
            database: other.database,
            now: self.now,
            secrets: self.secrets.clone(),
            ecpay: self.ecpay.clone(),
            institutions: self.institutions.clone(),
            messages: self.messages.clone(),
            posted: self.posted.clone(),
            calls: self.calls.clone(),
            orders: self.orders.clone(),
            written: self.written.clone(),
        }
    }

    /// Performs a call on the service that it names.
    pub(crate) fn perform(&mut self, call: &Call) -> Reply {
        let body = call.body.as_slice();
        match call.service {
            Service::DynamoDb => {
                let reply = dynamodb::perform(&self.database, &call.action, body, &self.orders);
                if reply.status == 200 {
                    self.written.extend(dynamodb::partitions(&call.action, body));
                }
                reply
            }
            Service::SecretsManager => self.secret(body),
            Service::Ses => self.send_email(body),
            Service::Lambda => panic!("an invocation is a task of its own"),
            Service::Ecpay => Reply::new(200, self.ecpay_call(&call.action, body)),
            Service::StarSender => self.whatsapp(body),
            Service::Mms => self.institutions(body),
            Service::Slack => self.slack(body),
            Service::App => {
                self.posted.push(serde_json::from_slice(body).expect("an event as JSON"));
                Reply::new(204, "")
            }
        }
    }

    fn secret(&self, body: &[u8]) -> Reply {
        let request: Value = serde_json::from_slice(body).expect("a request of the SDK");
        let (id, stage) = (&request["SecretId"], &request["VersionStage"]);
        let secret = id.as_str().and_then(|id| self.secrets.get(id));
        let version = secret.and_then(|secret| match stage.as_str() {
            Some("AWSCURRENT") => Some((&secret.current, secret.created)),
            Some("AWSPREVIOUS") => secret.previous.as_ref().map(|previous| (previous, secret.created)),
            _ => None,
        });
        let Some((text, created)) = version else { return Reply::error(400, "ResourceNotFoundException") };
        Reply::new(
            200,
            json!({ "Name": id, "SecretString": text, "VersionStages": [stage], "CreatedDate": created.timestamp() })
                .to_string(),
        )
    }

    fn send_email(&mut self, body: &[u8]) -> Reply {
        let request: Value = serde_json::from_slice(body).expect("a request of the SDK");
        let text = |path: &str| request.pointer(path).and_then(Value::as_str).expect("a whole mail").to_owned();
        self.messages.push(Message {
            channel: "mail".to_owned(),
            to: text("/Destination/ToAddresses/0"),
            subject: Some(text("/Content/Simple/Subject/Data")),
            body: text("/Content/Simple/Body/Text/Data").into(),
            sent_at: self.now,
            mail: Some(MailParts::of(&request)),
        });
        Reply::new(200, json!({ "MessageId": format!("mail-{:06}", self.messages.len()) }).to_string())
    }

    fn whatsapp(&mut self, body: &[u8]) -> Reply {
        let request: Value = serde_json::from_slice(body).expect("a message as JSON");
        let text = |name: &str| request[name].as_str().expect("a whole message").to_owned();
        let (to, body) = (text("to"), text("body").into());
        self.messages.push(Message {
            channel: "whatsapp".to_owned(),
            to,
            subject: None,
            body,
            sent_at: self.now,
            mail: None,
        });
        Reply::new(200, r#"{"success":true,"data":{},"message":"Success sent message"}"#)
    }

    fn institutions(&self, body: &[u8]) -> Reply {
        let request: Value = serde_json::from_slice(body).expect("a request as JSON");
        let number = |name: &str| usize::try_from(request[name].as_u64().expect("a number")).expect("a small one");
        let page = self.institutions.chunks(number("pageSize")).nth(number("pageNumber") - 1).unwrap_or_default();
        Reply::new(200, json!({ "status": "success", "data": { "data": { "pageData": page } } }).to_string())
    }

    fn slack(&mut self, body: &[u8]) -> Reply {
        let payload: Value = serde_json::from_slice(body).expect("a message as JSON");
        let to = payload["channel"].as_str().expect("a channel").to_owned();
        let body = Body::Payload(payload);
        self.messages.push(Message {
            channel: "slack".to_owned(),
            to,
            subject: None,
            body,
            sent_at: self.now,
            mail: None,
        });
        Reply::new(200, r#"{"ok":true,"channel":"C0INVENTED","ts":"1.000001"}"#)
    }

    fn ecpay_call(&mut self, action: &str, body: &[u8]) -> String {
        match action {
            "Cancel" | "ReAuth" => self.ecpay.period_action(body, self.now),
            "QueryCreditCardPeriodInfo" => self.ecpay.query_period(body, self.now),
            "QueryTradeInfo" => self.ecpay.query_trade(body, self.now),
            other => panic!("ECPay's {other} is not simulated"),
        }
    }
}
