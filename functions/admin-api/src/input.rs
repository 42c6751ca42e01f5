//! What a request brings: query, body fields and the bearer token, whichever way the body is encoded.

use std::collections::BTreeMap;

use lambda_http::{Request, RequestExt};
use serde_json::Value;

use crate::reply::Failure;

/// The largest body that is read, in bytes.
const LARGEST_BODY: usize = 64 * 1024;

/// The parts of a request that handlers look at.
pub(crate) struct Input {
    pub(crate) bearer: Option<String>,
    query: BTreeMap<String, String>,
    fields: BTreeMap<String, Value>,
    fault: Option<Failure>,
}

impl Input {
    /// Reads a request; a body is JSON, a form or a multipart form (`curl -F`), by its content type.
    ///
    /// A body that cannot be read is told by [`Input::sound`], so that nobody without a token learns of it.
    pub(crate) async fn read(request: &Request) -> Self {
        let header = |name: &str| request.headers().get(name).and_then(|value| value.to_str().ok());
        let bearer = header("authorization").and_then(|value| value.split_once(' '));
        let bearer = bearer
            .filter(|(scheme, _)| scheme.eq_ignore_ascii_case("bearer"))
            .map(|(_, token)| token.trim().to_owned());
        let parameters = request.query_string_parameters();
        let query = parameters.iter().map(|(name, value)| (name.to_owned(), value.to_owned())).collect();
        match fields(request.body().as_ref(), header("content-type").unwrap_or_default()).await {
            Ok(fields) => Self { bearer, query, fields, fault: None },
            Err(fault) => Self { bearer, query, fields: BTreeMap::new(), fault: Some(fault) },
        }
    }

    /// Whether the body could be read.
    pub(crate) fn sound(&self) -> Result<(), Failure> {
        self.fault.clone().map_or(Ok(()), Err)
    }

    /// A parameter of the query.
    pub(crate) fn query(&self, name: &str) -> Option<&str> {
        self.query.get(name).map(String::as_str)
    }

    /// A field of the body that is a text.
    pub(crate) fn text(&self, name: &str) -> Option<&str> {
        self.fields.get(name).and_then(Value::as_str)
    }

    /// A field of the body that must be a text.
    pub(crate) fn required(&self, name: &str) -> Result<&str, Failure> {
        match self.fields.get(name) {
            Some(Value::String(text)) if !text.is_empty() => Ok(text),
            Some(Value::String(_)) | Some(Value::Null) | None => Err(Failure::invalid(name, "is missing")),
            Some(Value::Bool(_) | Value::Number(_) | Value::Array(_) | Value::Object(_)) => {
                Err(Failure::invalid(name, "must be a text"))
            }
        }
    }

    /// A field of the body that must be a whole number.
    pub(crate) fn number(&self, name: &str) -> Option<u64> {
        let value = self.fields.get(name)?;
        value.as_u64().or_else(|| value.as_str().and_then(|text| text.parse().ok()))
    }

    /// Refuses fields that nobody reads: a misspelt one would be lost.
    pub(crate) fn only(&self, known: &[&str]) -> Result<(), Failure> {
        match self.fields.keys().find(|name| !known.contains(&name.as_str())) {
            Some(name) => Err(Failure::invalid(name, "is not a field of this request")),
            None => Ok(()),
        }
    }
}

async fn fields(body: &[u8], content_type: &str) -> Result<BTreeMap<String, Value>, Failure> {
    if body.len() > LARGEST_BODY {
        return Err(Failure::invalid("body", "is larger than 64 KB"));
    }
    let kind = content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    match kind.as_str() {
        _ if body.is_empty() => Ok(BTreeMap::new()),
        "application/x-www-form-urlencoded" => Ok(form(body)),
        "multipart/form-data" => multipart(content_type, body).await,
        "application/json" => json(body),
        _ => Err(Failure::invalid("Content-Type", "must be application/json or a form")),
    }
}

fn form(body: &[u8]) -> BTreeMap<String, Value> {
    form_urlencoded::parse(body).map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect()
}

fn json(body: &[u8]) -> Result<BTreeMap<String, Value>, Failure> {
    serde_json::from_slice(body).map_err(|_| Failure::invalid("body", "is not a JSON object"))
}

async fn multipart(content_type: &str, body: &[u8]) -> Result<BTreeMap<String, Value>, Failure> {
    let malformed = |_| Failure::invalid("body", "is not the multipart form it says it is");
    let boundary = multer::parse_boundary(content_type).map_err(malformed)?;
    let whole = futures::stream::iter([Ok::<_, std::convert::Infallible>(body.to_vec())]);
    let mut parts = multer::Multipart::new(whole, boundary);
    let mut fields = BTreeMap::new();
    while let Some(part) = parts.next_field().await.map_err(malformed)? {
        let name = part.name().unwrap_or_default().to_owned();
        fields.insert(name, Value::String(part.text().await.map_err(malformed)?));
    }
    Ok(fields)
}
