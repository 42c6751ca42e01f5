//! Text that is searched for.

use serde::Deserialize;
use utoipa::IntoParams;

use crate::http::response::Failure;

/// Query of a search.
#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct SearchQuery {
    /// Text that is searched for.
    #[param(value_type = String, min_length = 2, max_length = 254, example = "mei@customer.example")]
    q: String,
}

impl SearchQuery {
    /// The text without surrounding blanks.
    pub(crate) fn text(&self) -> Result<String, Failure> {
        let text = self.q.trim();
        if text.chars().filter(|sign| sign.is_alphanumeric()).nth(1).is_none() {
            return Err(Failure::invalid("q", "must have at least two letters or digits"));
        }
        Ok(text.to_owned())
    }
}
