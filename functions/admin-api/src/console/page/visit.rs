//! A visit of a member of staff to a page: who it is, and what was asked for or posted.

use std::sync::Arc;

use axum::extract::FromRequestParts;
use axum::response::Response;
use lambda_http::http::request::Parts;
use lambda_http::http::{Method, StatusCode};
use serde::de::DeserializeOwned;
use serde_json::Value;
use shared::domain::billing::decision::Actor;
use shared::domain::values::time::{Timestamp, Zone};
use shared::platform::random::random_id;
use utoipa::{IntoParams, ToSchema};

use crate::api::ApiState;
use crate::auth::caller::{AnyCaller, Caller, Needs};
use crate::auth::scope::Scope;
use crate::billing::subscriptions::translations::Language;
use crate::console::page::address;
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::moment::Moment;
use crate::console::page::visitor::Visitor;
use crate::http::context::RequestContext;
use crate::http::fields::Fields;
use crate::http::given::{Given, Nothing};
use crate::http::idempotency::SentKey;
use crate::http::request::{Input, Sent};
use crate::http::response::{Failure, Fault};

/// Header of requests for a part of a page (htmx, "Request headers").
pub(crate) const FRAGMENT: &str = "hx-request";
/// Field with the key under which a form is sent once, however often its button is pressed.
pub(crate) const KEY_FIELD: &str = "idempotency_key";
/// Field of the second form of an operation, which was shown what it does.
pub(crate) const CONFIRMED_FIELD: &str = "confirmed";
/// Field with the address of the page that has the form.
pub(crate) const BACK_FIELD: &str = "back";
/// Fields that no route of the API has.
const OWN_FIELDS: [&str; 3] = [KEY_FIELD, CONFIRMED_FIELD, BACK_FIELD];

/// Visit to a page.
pub(crate) struct Visit {
    pub(crate) api: Arc<ApiState>,
    pub(crate) visitor: Visitor,
    /// Path of the page.
    pub(crate) path: String,
    input: Arc<Input>,
    query: Sent,
    is_fragment: bool,
    /// True for a form that was posted.
    is_posted: bool,
}

impl FromRequestParts<Arc<ApiState>> for Visit {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, api: &Arc<ApiState>) -> Result<Self, Failure> {
        let visitor = parts.extensions.get::<Visitor>().cloned();
        let visitor = visitor.ok_or_else(|| Failure::defect("a page of the console is not guarded"))?;
        let input = Input::of(parts)?;
        let query = input.sent_query();
        let is_fragment = parts.headers.contains_key(FRAGMENT);
        let is_posted = parts.method == Method::POST;
        Ok(Self { api: Arc::clone(api), visitor, path: address::path_of(parts), input, query, is_fragment, is_posted })
    }
}

impl Visit {
    /// True if the visitor may do what the scope allows.
    pub(crate) fn may(&self, scope: Scope) -> bool {
        self.visitor.may(scope)
    }

    /// Refuses a visitor who lacks the scope.
    pub(crate) fn may_or_refuse(&self, scope: Scope) -> Result<(), Failure> {
        self.visitor.token.require(scope)
    }

    /// True if a part of the page is wanted, in place of one that the browser shows (htmx, "Request headers").
    pub(crate) const fn is_fragment(&self) -> bool {
        self.is_fragment
    }

    /// Key under which the posted form is sent once.
    pub(crate) fn key(&self) -> Option<String> {
        self.field(KEY_FIELD)
    }

    /// Language of the page.
    pub(crate) const fn language(&self) -> Language {
        self.visitor.language
    }

    /// Logical time of the visit.
    pub(crate) const fn now(&self) -> Timestamp {
        self.visitor.time.logical
    }

    /// The visitor as the caller of a route of the API.
    pub(crate) fn caller(&self) -> AnyCaller {
        let token = self.visitor.token.clone();
        let key = self.input.sent_body().ok().and_then(|body| text_of(&body, KEY_FIELD));
        let context = RequestContext {
            by: Actor::Staff(token.name.clone()),
            key_scope: token.key_scope.clone(),
            sent_key: key.map(SentKey::own).unwrap_or_default(),
            time: self.visitor.time,
        };
        AnyCaller { token, context }
    }

    /// The visitor as the caller of a route that needs a scope.
    pub(crate) fn caller_with<S: Needs>(&self) -> Result<Caller<S>, Failure> {
        self.caller().with()
    }

    /// Parameter of the page's address; `None` where it is absent or empty.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        text_of(&self.query, name)
    }

    /// Parameters of the page's address, to be kept in another one.
    pub(crate) fn kept<'a>(&self, names: &[&'a str]) -> Vec<(&'a str, Option<String>)> {
        names.iter().map(|name| (*name, self.parameter(name))).collect()
    }

    /// Field of the posted form; `None` where it is absent or empty.
    pub(crate) fn field(&self, name: &str) -> Option<String> {
        self.input.sent_body().ok().and_then(|body| text_of(&body, name))
    }

    /// True if the visitor was shown what the operation does, and wants it.
    pub(crate) fn is_confirmed(&self) -> bool {
        self.field(CONFIRMED_FIELD).is_some()
    }

    /// Address of the page of the console that has the posted form; `other` where the form names none.
    pub(crate) fn back(&self, other: &str) -> String {
        self.field(BACK_FIELD).filter(|page| address::is_own(page)).unwrap_or_else(|| other.to_owned())
    }

    /// The visit to a form as one to the page that has it, with the parameters of that page's address and with what was typed.
    pub(crate) fn of_page(mut self, page: &str) -> Self {
        let back = self.back(page);
        let (_, query) = back.split_once('?').unwrap_or_default();
        self.query = Sent::of_pairs(form_urlencoded::parse(query.as_bytes()));
        page.clone_into(&mut self.path);
        self.is_posted = false;
        self
    }

    /// Bytes of the uploaded file.
    pub(crate) fn file(&self) -> Result<&[u8], Failure> {
        self.input.received()
    }

    /// The page's parameters as the query of a route of the API. Others are ignored, and one that is empty is absent.
    pub(crate) fn query<Q: IntoParams + DeserializeOwned>(&self) -> Result<Given<Q>, Failure> {
        let fields = Fields::of_query::<Q>();
        let mut sent = self.query.clone();
        keep(&mut sent, |name, value| fields.has(name) && !is_empty(value));
        let mut faults = Vec::new();
        let query = fields.read(sent, &mut faults);
        query.map(|query| Given { query, body: Nothing {} }).ok_or_else(|| Failure::faults(faults))
    }

    /// The posted fields as query and body of a route of the API, which have the same names. A field that is empty is absent; one
    /// that the route does not have is refused.
    pub(crate) fn posted<Q, B>(&self) -> Result<Given<Q, B>, Failure>
    where
        Q: IntoParams + DeserializeOwned,
        B: ToSchema + DeserializeOwned,
    {
        let mut sent = self.input.sent_body().map_err(|fault: Fault| Failure::faults(vec![fault]))?;
        keep(&mut sent, |name, value| !OWN_FIELDS.contains(&name) && !is_empty(value));
        let (query_fields, body_fields) = (Fields::of_query::<Q>(), Fields::of_body::<B>());
        let mut query = sent.clone();
        keep(&mut query, |name, _| query_fields.has(name));
        keep(&mut sent, |name, _| !query_fields.has(name));
        let mut faults = Vec::new();
        let (query, body) = (query_fields.read(query, &mut faults), body_fields.read(sent, &mut faults));
        query.zip(body).map(|(query, body)| Given { query, body }).ok_or_else(|| Failure::faults(faults))
    }

    /// Posted fields by name, to be shown again: all but the key and the confirmation.
    pub(crate) fn fields(&self) -> Vec<(String, String)> {
        let sent = self.input.sent_body().unwrap_or_default();
        let texts = sent.values.into_iter().filter_map(|(name, value)| Some((name, value.as_str()?.to_owned())));
        texts.filter(|(name, _)| !OWN_FIELDS.contains(&name.as_str())).collect()
    }

    /// Frame of the page. Links to other languages lead from the answer to a form to the page that has the form.
    pub(crate) fn frame(&self) -> Frame {
        let page = if self.is_posted { address::page_of_form(&self.path) } else { self.path.clone() };
        Frame::of(&self.api, &self.visitor, &page, &self.query)
    }

    /// Time as the page shows it.
    pub(crate) const fn moment(&self, at: Timestamp, zone: Zone) -> Moment {
        Moment { at, zone, language: self.visitor.language }
    }

    /// Time of a subscription or run as the page shows it.
    pub(crate) const fn taipei(&self, at: Timestamp) -> Moment {
        self.moment(at, Zone::Taipei)
    }

    /// Answers with a page.
    pub(crate) fn page(&self, page: &impl askama::Template) -> Result<Response, Failure> {
        html::page(StatusCode::OK, page)
    }

    /// Key for the forms of one page.
    pub(crate) fn new_key() -> Result<String, Failure> {
        random_id(26).map_err(|error| Failure::upstream(&error))
    }
}

/// Keeps the fields that a rule takes by name and value; of the others also a repetition is forgotten.
fn keep(sent: &mut Sent, rule: impl Fn(&str, &Value) -> bool) {
    sent.values.retain(|name, value| rule(name, value));
    let Sent { values, repeated, .. } = sent;
    repeated.retain(|name| values.contains_key(name));
}

fn text_of(sent: &Sent, name: &str) -> Option<String> {
    sent.values.get(name).and_then(Value::as_str).filter(|text| !text.is_empty()).map(str::to_owned)
}

fn is_empty(value: &Value) -> bool {
    value.as_str() == Some("")
}
