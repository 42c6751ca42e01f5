//! Parsed request: query, body fields and bearer token. A body may be JSON, a form or a multipart form.

use std::collections::BTreeMap;

use lambda_http::http::Method;
use lambda_http::{Request, RequestExt};
use serde_json::Value;
use shared::domain::billing::operations::OperationContext;
use shared::domain::values::ids::OperationKey;
use shared::platform::hash::short_id;

use crate::http::context::RequestContext;
use crate::http::response::Failure;

/// Largest body in bytes, except of an import.
const LARGEST_BODY: usize = 64 * 1024;
/// Largest imported list in bytes: in base64 it fits the 6 MB of a Lambda event (Lambda quotas).
const LARGEST_LIST: usize = 4 * 1024 * 1024;
/// Path of the import, whose body is a list.
const LIST_PATH: &str = "/customers/import";
/// Longest `Idempotency-Key` in bytes.
const LONGEST_KEY: usize = 255;
/// Longest `why` in characters.
const LONGEST_REASON: usize = 500;

/// The parts of a request that handlers use.
pub(crate) struct Input {
    pub(crate) bearer: Option<String>,
    key: Option<String>,
    query: BTreeMap<String, String>,
    body: Content,
    fault: Option<Failure>,
}

/// Parsed body: fields, or the bytes of an imported list.
#[derive(Default)]
struct Content {
    fields: BTreeMap<String, Value>,
    list: Vec<u8>,
}

impl Input {
    /// Parses a request. The content type decides how the body is read: JSON, a form or a multipart form (`curl -F`).
    ///
    /// A malformed body is reported by [`Input::validated`], which is called after authorization, so that a caller without a
    /// token gets 401 and no details.
    pub(crate) async fn read(request: &Request) -> Self {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let bearer = header("authorization").and_then(|value| value.split_once(' '));
        let bearer = bearer
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().to_owned());
        let key = request.headers().get("idempotency-key");
        // A header that is not text becomes a control character, which `key` refuses after authorization.
        let key = key.map(|value| value.to_str().unwrap_or("\u{7f}").to_owned());
        let parameters = request.query_string_parameters();
        let query = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        let content_type = header("content-type").unwrap_or_default();
        // The import takes bytes: its encoding is checked row by row, with line numbers.
        let content = if request.method() == Method::POST && request.uri().path() == LIST_PATH {
            list(request.body().as_ref(), content_type)
        } else {
            fields(request.body().as_ref(), content_type).await
        };
        match content {
            Ok(body) => Self { bearer, key, query, body, fault: None },
            Err(fault) => Self { bearer, key, query, body: Content::default(), fault: Some(fault) },
        }
    }

    /// Returns the error of a malformed body.
    pub(crate) fn validated(&self) -> Result<(), Failure> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// `Idempotency-Key` as stored: hashed together with the caller, since two callers may send the same key.
    pub(crate) fn key(&self, context: &RequestContext) -> Result<Option<OperationKey>, Failure> {
        let Some(key) = &self.key else { return Ok(None) };
        if key.is_empty() || key.len() > LONGEST_KEY || !key.bytes().all(|byte| byte.is_ascii_graphic()) {
            return Err(Failure::invalid("Idempotency-Key", "must be 1 to 255 visible ASCII characters"));
        }
        let stored = short_id(&format!("{}|{key}", context.key_scope));
        OperationKey::parse(&stored).map(Some).map_err(|error| Failure::upstream(&error))
    }

    /// Caller, reason and idempotency key of an operation.
    pub(crate) fn cause(&self, context: &RequestContext) -> Result<OperationContext, Failure> {
        let why = self.why()?.map(str::to_owned);
        Ok(OperationContext { by: context.actor.clone(), why, key: self.key(context)? })
    }

    /// Field `why`: one line of up to 500 characters; `None` if it is missing or blank.
    pub(crate) fn why(&self) -> Result<Option<&str>, Failure> {
        let why = self.optional("why")?.map(str::trim).filter(|why| !why.is_empty());
        if why.is_some_and(|why| why.chars().count() > LONGEST_REASON || why.chars().any(char::is_control)) {
            return Err(Failure::invalid("why", "must be a text of at most 500 characters in one line"));
        }
        Ok(why)
    }

    /// Body of the import; empty on every other route.
    pub(crate) fn list(&self) -> &[u8] {
        &self.body.list
    }

    /// Query parameter, decoded.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// Text field of the body; `None` if it is missing or of another type.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.body.fields.get(name).and_then(Value::as_str)
    }

    /// Text field that must be present and not empty.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Failure> {
        match self.body.fields.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            Some(Value::String(_)) | Some(Value::Null) | None => Err(Failure::invalid(name, "is missing")),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Failure::invalid(name, "must be a text"))
            }
        }
    }

    /// Text field that may be missing; any other type, and `null`, is refused.
    pub(crate) fn optional(&self, name: &str) -> Result<Option<&str>, Failure> {
        if self.body.fields.contains_key(name) { self.required(name).map(Some) } else { Ok(None) }
    }

    /// Text field that may be missing or `null`; any other type is refused.
    pub(crate) fn given(&self, name: &str) -> Result<Option<&str>, Failure> {
        if matches!(self.body.fields.get(name), Some(Value::Null)) { Ok(None) } else { self.optional(name) }
    }

    /// Boolean field that may be missing or `null`. Forms send `true` and `false` as text.
    pub(crate) fn boolean(&self, name: &str) -> Result<Option<bool>, Failure> {
        match self.body.fields.get(name) {
            None | Some(Value::Null) => Ok(None),
            Some(Value::Bool(value)) => Ok(Some(*value)),
            Some(Value::String(text)) if text == "true" => Ok(Some(true)),
            Some(Value::String(text)) if text == "false" => Ok(Some(false)),
            Some(_) => Err(Failure::invalid(name, "must be true or false")),
        }
    }

    /// Whole number from 1 to `most` that may be missing. Forms send it as text.
    pub(crate) fn number(&self, name: &str, most: u32) -> Result<Option<u32>, Failure> {
        let Some(value) = self.body.fields.get(name) else { return Ok(None) };
        let number = value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()));
        let number = number.and_then(|number| u32::try_from(number).ok()).filter(|number| (1..=most).contains(number));
        number.map(Some).ok_or_else(|| Failure::invalid(name, format!("must be a whole number from 1 to {most}")))
    }

    /// Query parameter `true` or `false`; `false` if it is missing.
    pub(crate) fn flag(&self, name: &str) -> Result<bool, Failure> {
        match self.query(name) {
            None | Some("false") => Ok(false),
            Some("true") => Ok(true),
            Some(_) => Err(Failure::invalid(name, "must be true or false")),
        }
    }

    /// Query parameter `limit`: a page size from 1 to `most`; `default` if it is missing.
    pub(crate) fn limit(&self, default: usize, most: usize) -> Result<usize, Failure> {
        let limit = self.query("limit").map_or(Some(default), |text| text.parse().ok());
        let limit = limit.filter(|limit| (1..=most).contains(limit));
        limit.ok_or_else(|| Failure::invalid("limit", format!("must be 1 to {most}")))
    }

    /// Refuses unknown fields: a misspelt optional field would be ignored silently.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        match self.body.fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Failure::invalid(name, "is not a field of this request")),
            None => Ok(()),
        }
    }
}

async fn fields(body: &[u8], content_type: &str) -> Result<Content, Failure> {
    if body.len() > LARGEST_BODY {
        return Err(Failure::invalid("body", "is larger than 64 KB"));
    }
    let fields = match media_type(content_type).as_str() {
        // A POST without a body often has no content type, or that of a form.
        _ if body.is_empty() => BTreeMap::new(),
        "application/x-www-form-urlencoded" => form(body),
        "multipart/form-data" => multipart(content_type, body).await?,
        "application/json" => json(body)?,
        _ => return Err(Failure::invalid("Content-Type", "must be application/json or a form")),
    };
    Ok(Content { fields, ..Content::default() })
}

fn list(body: &[u8], content_type: &str) -> Result<Content, Failure> {
    if body.len() > LARGEST_LIST {
        return Err(Failure::invalid("body", "is larger than 4 MB: import it in parts"));
    }
    if media_type(content_type) != "text/csv" {
        return Err(Failure::invalid("Content-Type", "must be text/csv"));
    }
    Ok(Content { list: body.to_vec(), ..Content::default() })
}

fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn form(body: &[u8]) -> BTreeMap<String, Value> {
    form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

fn json(body: &[u8]) -> Result<BTreeMap<String, Value>, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::invalid("body", "is not a JSON object"))
}

async fn multipart(content_type: &str, body: &[u8]) -> Result<BTreeMap<String, Value>, Failure> {
    let malformed = |_| Failure::invalid("body", "is not a valid multipart form");
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    // multer reads a stream; the whole body is one chunk.
    let whole = futures::stream::iter([Ok::<_, std::convert::Infallible>(body.to_vec())]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut fields = BTreeMap::new();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        fields.insert(name, Value::String(part.text().await.map_err(malformed)?));
    }
    Ok(fields)
}
