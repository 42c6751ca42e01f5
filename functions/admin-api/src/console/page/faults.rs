//! What is wrong with a form or a filter, on the page that shows it again.

use lambda_http::http::StatusCode;

use crate::billing::subscriptions::translations::Language;
use crate::console::page::failure::sentences;
use crate::http::response::Failure;

/// Sentences about a refused form or filter, and the status of the page that has them.
pub(crate) struct Faults {
    pub(crate) status: StatusCode,
    pub(crate) sentences: Vec<String>,
}

impl Faults {
    /// Of a page that was asked for, on which nothing is wrong so far.
    pub(crate) const fn none() -> Self {
        Self { status: StatusCode::OK, sentences: Vec::new() }
    }

    /// Of a form that was refused.
    pub(crate) fn of(language: Language, failure: &Failure) -> Self {
        Self { status: failure.status(), sentences: sentences(language, failure) }
    }

    /// Of a form with faults that the console finds itself.
    pub(crate) const fn invalid(sentences: Vec<String>) -> Self {
        Self { status: StatusCode::BAD_REQUEST, sentences }
    }

    /// Adds what is wrong with a filter, which then counts as empty. Any other failure is returned.
    pub(crate) fn or_default<T: Default>(
        &mut self,
        language: Language,
        read: Result<T, Failure>,
    ) -> Result<T, Failure> {
        match read {
            Err(failure) if failure.status() == StatusCode::BAD_REQUEST => {
                self.sentences.extend(sentences(language, &failure));
                self.status = StatusCode::BAD_REQUEST;
                Ok(T::default())
            }
            other => other,
        }
    }
}
