//! Forms of operations: a page of its own for each that was refused, or that is to be confirmed.

use askama::Template;
use axum::response::Response;
use lambda_http::http::StatusCode;

use crate::console::page::failure;
use crate::console::page::field::{Field, FieldKind};
use crate::console::page::frame::Frame;
use crate::console::page::html;
use crate::console::page::visit::Visit;
use crate::console::words::workshop::InputRules;
use crate::http::response::Failure;

/// Fact on the page of a form.
pub(crate) struct Fact {
    pub(crate) label: &'static str,
    pub(crate) value: String,
}

/// Form of an operation.
pub(crate) struct Operation {
    pub(crate) title: &'static str,
    pub(crate) note: Option<&'static str>,
    pub(crate) facts: Vec<Fact>,
    /// Address to which the form is posted.
    pub(crate) action: String,
    pub(crate) fields: Vec<Field>,
    pub(crate) button: &'static str,
    pub(crate) is_confirmation: bool,
    /// Page to which the way back leads.
    pub(crate) back: String,
}

/// Page of a form.
#[derive(Template)]
#[template(path = "console/workshop/operation.html")]
struct OperationHtml<'a> {
    frame: Frame,
    fault: Vec<String>,
    form: &'a Operation,
    key: String,
}

impl Operation {
    /// The form with what was typed before.
    fn filled(mut self, visit: &Visit) -> Self {
        self.fields = self.fields.into_iter().map(|field| field.typed(visit)).collect();
        self
    }

    /// Page of the form.
    pub(crate) fn page(&self, visit: &Visit, status: StatusCode, fault: Vec<String>) -> Result<Response, Failure> {
        let (frame, key) = (visit.frame(), Visit::new_key()?);
        html::page(status, &OperationHtml { frame, fault, form: self, key })
    }

    /// Page of the form after it was refused, with what was typed. Other failures are not about the form.
    pub(crate) fn refused(self, visit: &Visit, failure: Failure) -> Result<Response, Failure> {
        if !is_about_form(&failure) {
            return Err(failure);
        }
        self.filled(visit).page(visit, failure.status(), sentences(visit, &failure))
    }
}

/// True for a failure that the same form may correct.
pub(crate) fn is_about_form(failure: &Failure) -> bool {
    matches!(failure.status(), StatusCode::BAD_REQUEST | StatusCode::CONFLICT)
}

/// Sentences about a refused form: of a field the rule in the language of the page, where the console has words for it.
pub(crate) fn sentences(visit: &Visit, failure: &Failure) -> Vec<String> {
    let rules = InputRules::of(visit.language());
    let of_fields: Vec<String> = failure
        .faults_by_param()
        .map(|(param, sentence)| rules.get(param).map_or_else(|| sentence.to_owned(), str::to_owned))
        .collect();
    if of_fields.is_empty() { failure::sentences(visit.language(), failure) } else { of_fields }
}
