//! Posted forms.

use std::str::FromStr;

use crate::ecpay::{Fields, parse_form};

/// Fields of a posted form.
pub(crate) struct Form(Fields);

impl Form {
    /// Reads a body; one that is no form has no fields.
    pub(crate) fn read(body: &[u8]) -> Self {
        Self(parse_form(body).unwrap_or_default())
    }

    /// Text of a field without spaces at its ends; empty where the form has no such field.
    pub(crate) fn text(&self, name: &str) -> &str {
        self.0.iter().find(|(known, _)| known == name).map_or("", |(_, value)| value.trim())
    }

    /// Value of a field; `None` for an empty one.
    ///
    /// # Errors
    /// The field has another form; the sentence says that it is not `kind`.
    pub(crate) fn value<T: FromStr>(&self, name: &str, kind: &str) -> Result<Option<T>, String> {
        match self.text(name) {
            "" => Ok(None),
            text => text.parse().map(Some).map_err(|_| format!("{name}: \u{201c}{text}\u{201d} is not {kind}.")),
        }
    }
}
