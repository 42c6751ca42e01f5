//! Parsed request: query, body fields and bearer token. A body may be JSON, a form or a multipart form.

use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;

use axum::extract::FromRequestParts;
use lambda_http::http::request::Parts;
use lambda_http::http::{HeaderValue, Method};
use lambda_http::{Request, RequestExt};
use serde::de::{MapAccess, Visitor};
use serde::{Deserialize, Deserializer};
use serde_json::{Map, Value};
use shared::domain::values::text::visible;
use shared::platform::clock::InvocationTime;

use crate::http::idempotency::SentKey;
use crate::http::response::{Failure, Fault};
use crate::workshop::import::upload;
use crate::workshop::import::upload::UploadForm;

/// Form or query field in which callers of the older system send their token.
const FIELD: &str = "admin_token";
/// Largest body in bytes, except of a list.
const LARGEST_BODY: usize = 64 * 1024;
/// Paths whose body is a list.
const LIST_PATHS: [&str; 2] = ["/customers/import", "/api/adoptions"];
/// Path of a form with a file and other fields.
const UPLOAD_PATH: &str = "/console/import";
/// Beginning of the paths of callbacks of WhatsApp providers and Slack, whose bodies are read as they were sent.
const CALLBACK_PATHS: &str = "/webhooks/";
/// Largest callback in bytes, as Meta sends them.
const LARGEST_CALLBACK: usize = 3 * 1024 * 1024;

/// A request as it was sent: token, query and body. The types of its route are read from it after authorization.
pub(crate) struct Input {
    pub(crate) bearer: Bearer,
    /// True if the token stands in the field of the older system.
    pub(crate) is_token_in_field: bool,
    pub(crate) key: SentKey,
    query: Sent,
    body: Content,
    fault: Option<Fault>,
}

/// Token of a request.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Bearer {
    Token(String),
    None,
    /// The `Authorization` header has another scheme or no token.
    Malformed,
}

/// Fields as they were sent, their texts without invisible characters.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    /// Values by name. Of a repeated field the last one.
    pub(crate) values: Map<String, Value>,
    /// Names that were sent more than once.
    pub(crate) repeated: Vec<String>,
    /// True if values are texts because the format has no types: a query and a form.
    pub(crate) is_text: bool,
}

impl Sent {
    /// Fields of a query or form.
    pub(crate) fn of_pairs<'a>(pairs: impl IntoIterator<Item = (Cow<'a, str>, Cow<'a, str>)>) -> Self {
        let mut sent = Self { is_text: true, ..Self::default() };
        for (name, value) in pairs {
            if sent.values.insert(name.to_string(), Value::String(visible(&value).into_owned())).is_some() {
                sent.repeated.push(name.into_owned());
            }
        }
        sent
    }
}

/// Parsed body: fields, or the bytes of a list or a callback.
#[derive(Default)]
struct Content {
    fields: Sent,
    bytes: Vec<u8>,
}

impl From<UploadForm> for Content {
    fn from(form: UploadForm) -> Self {
        let fields = form.fields.into_iter().map(|(name, value)| (Cow::Owned(name), Cow::Owned(value)));
        Self { fields: Sent::of_pairs(fields), bytes: form.file }
    }
}

/// Start of the invocation.
pub(crate) fn time(parts: &Parts) -> Result<InvocationTime, Failure> {
    parts.extensions.get::<InvocationTime>().copied().ok_or_else(|| Failure::defect("the request has no time"))
}

/// List as it was sent.
pub(crate) struct UploadedList(Arc<Input>);

impl UploadedList {
    pub(crate) fn bytes(&self) -> &[u8] {
        self.0.bytes()
    }
}

impl<S: Sync> FromRequestParts<S> for UploadedList {
    type Rejection = Failure;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Failure> {
        Input::of(parts).map(Self)
    }
}

impl Input {
    /// The input that stands with a request on its way to the handler.
    pub(crate) fn of(parts: &Parts) -> Result<Arc<Self>, Failure> {
        parts.extensions.get::<Arc<Self>>().cloned().ok_or_else(|| Failure::defect("the request was not read"))
    }

    /// Parses a request. The content type decides how the body is read: JSON, a form or a multipart form (`curl -F`).
    ///
    /// A malformed body is reported by [`Input::sent_body`], which is called after authorization, so that a caller without a
    /// token gets 401 and no details.
    pub(crate) async fn read(request: &Request) -> Self {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let key = SentKey::of(request.headers().get("idempotency-key"));
        let content_type = header("content-type").unwrap_or_default();
        let path = request.uri().path();
        let bytes = |bytes| Content { bytes, ..Content::default() };
        let content = if request.method() == Method::POST && LIST_PATHS.contains(&path) {
            upload::file(request.body().as_ref(), content_type).await.map(bytes)
        } else if path == UPLOAD_PATH && media_type(content_type) == "multipart/form-data" {
            upload::form(request.body().as_ref(), content_type).await.map(Content::from)
        } else if path.starts_with(CALLBACK_PATHS) {
            callback(request.body().as_ref()).map(bytes)
        } else {
            fields(request.body().as_ref(), content_type).await
        };
        let (body, fault) = match content {
            Ok(body) => (body, None),
            Err(fault) => (Content::default(), Some(fault)),
        };
        // Not from the address, in which a `?` of an id begins the query (see `path`).
        let parameters = request.query_string_parameters();
        let query = Sent::of_pairs(parameters.iter().map(|(name, value)| (name.into(), value.into())));
        let bearer = match request.headers().get("authorization") {
            Some(value) => bearer(value),
            None => Bearer::None,
        };
        let mut input = Self { bearer, is_token_in_field: false, key, query, body, fault };
        input.take_field_token();
        input
    }

    /// Moves the token of the older system's field to where others send it. With an `Authorization` header it is ignored.
    fn take_field_token(&mut self) {
        let fields = [self.body.fields.values.remove(FIELD), self.query.values.remove(FIELD)];
        let mut tokens = fields.into_iter().flatten().filter_map(|value| value.as_str().map(str::to_owned));
        if self.bearer == Bearer::None
            && let Some(token) = tokens.find(|token| !token.is_empty())
        {
            self.bearer = Bearer::Token(token);
            self.is_token_in_field = true;
        }
    }

    /// Query as it was sent.
    pub(crate) fn sent_query(&self) -> Sent {
        self.query.clone()
    }

    /// Body as it was sent.
    pub(crate) fn sent_body(&self) -> Result<Sent, Fault> {
        self.fault.clone().map_or_else(|| Ok(self.body.fields.clone()), Err)
    }

    /// Parameter of the query on a route that ignores the others.
    pub(crate) fn parameter(&self, name: &str) -> Option<String> {
        self.query.values.get(name).and_then(Value::as_str).map(str::to_owned)
    }

    /// File of a list, or body of a callback; empty on every other route.
    pub(crate) fn bytes(&self) -> &[u8] {
        &self.body.bytes
    }

    /// Body of a callback as it was sent.
    pub(crate) fn received(&self) -> Result<&[u8], Failure> {
        self.fault.clone().map_or(Ok(&self.body.bytes), |fault| Err(Failure::faults(vec![fault])))
    }
}

/// Token of an `Authorization` header.
fn bearer(value: &HeaderValue) -> Bearer {
    let parts = value.to_str().ok().and_then(|value| value.trim().split_once(' '));
    let token = parts.filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer")).map(|(_, token)| token.trim());
    token.filter(|token| !token.is_empty()).map_or(Bearer::Malformed, |token| Bearer::Token(token.to_owned()))
}

fn callback(body: &[u8]) -> Result<Vec<u8>, Fault> {
    if body.len() > LARGEST_CALLBACK { Err(Fault::new("body", "is larger than 3 MB")) } else { Ok(body.to_vec()) }
}

async fn fields(body: &[u8], content_type: &str) -> Result<Content, Fault> {
    if body.len() > LARGEST_BODY {
        return Err(Fault::new("body", "is larger than 64 KB"));
    }
    let fields = match media_type(content_type).as_str() {
        // A POST without a body often has no content type, or that of a form.
        _ if body.is_empty() => Sent::default(),
        "application/json" => json(body)?,
        // curl calls what follows `-d` a form unless another type is given.
        "application/x-www-form-urlencoded" if body.trim_ascii_start().starts_with(b"{") => {
            return Err(Fault::new("Content-Type", "must be application/json for a body in JSON"));
        }
        "application/x-www-form-urlencoded" => Sent::of_pairs(form_urlencoded::parse(body)),
        "multipart/form-data" => multipart(content_type, body).await?,
        _ => return Err(Fault::new("Content-Type", "must be application/json or a form")),
    };
    Ok(Content { fields, ..Content::default() })
}

fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn json(body: &[u8]) -> Result<Sent, Fault> {
    let Repeatable { values, repeated } =
        serde_json::from_slice(body).map_err(|_| Fault::new("body", "must be a JSON object"))?;
    Ok(Sent { values, repeated, is_text: false })
}

/// JSON object in which a name may stand twice, which a map would hide.
struct Repeatable {
    values: Map<String, Value>,
    repeated: Vec<String>,
}

impl<'de> Deserialize<'de> for Repeatable {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        struct Entries;

        impl<'de> Visitor<'de> for Entries {
            type Value = Repeatable;

            fn expecting(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
                formatter.write_str("an object")
            }

            fn visit_map<A: MapAccess<'de>>(self, mut map: A) -> Result<Repeatable, A::Error> {
                let mut read = Repeatable { values: Map::new(), repeated: Vec::new() };
                while let Some((name, mut value)) = map.next_entry::<String, Value>()? {
                    if let Value::String(text) = &mut value {
                        *text = visible(text).into_owned();
                    }
                    if read.values.insert(name.clone(), value).is_some() {
                        read.repeated.push(name);
                    }
                }
                Ok(read)
            }
        }

        deserializer.deserialize_map(Entries)
    }
}

async fn multipart(content_type: &str, body: &[u8]) -> Result<Sent, Fault> {
    let malformed = |_| Fault::new("body", "is not a valid multipart form");
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    // multer reads a stream; the whole body is one chunk.
    let whole = futures::stream::iter([Ok::<_, std::convert::Infallible>(body.to_vec())]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut pairs = Vec::new();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        pairs.push((Cow::Owned(name), Cow::Owned(part.text().await.map_err(malformed)?)));
    }
    Ok(Sent::of_pairs(pairs))
}
