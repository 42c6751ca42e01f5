//! Fields of forms and filters, which the macros of `fields.html` show.

use std::fmt::Display;

use shared::domain::values::time::LocalDate;

use crate::billing::subscriptions::translations::Language;
use crate::console::page::visit::Visit;
use crate::console::words::common::CommonWords;

/// Longest mail address in characters (RFC 5321, 4.5.3.1.3, without the brackets).
const LONGEST_ADDRESS: usize = 254;
/// Longest reason or note in characters, as in the API.
const LONGEST_REASON: usize = 500;

/// Field of a form.
pub(crate) struct Field {
    /// The API's name.
    pub(crate) name: &'static str,
    pub(crate) label: &'static str,
    pub(crate) kind: FieldKind,
    pub(crate) value: String,
    pub(crate) is_required: bool,
    /// Sentence below the field; empty where there is none.
    pub(crate) hint: &'static str,
}

/// Kind of a field.
pub(crate) enum FieldKind {
    /// One line of an input element's type, with its longest text in characters.
    Line { of: &'static str, longest: usize },
    /// Whole number of this range.
    Number { least: u32, most: u32 },
    /// Day, with the last one that can be chosen.
    Day { last: Option<LocalDate> },
    /// Month as `2025-03`.
    Month,
    /// One of these values.
    Choice(Vec<Choice>),
    /// Sent as `true` where it is marked.
    Check,
    /// Value that the visitor does not see.
    Hidden,
}

/// Value of which one is chosen.
pub(crate) struct Choice {
    pub(crate) value: String,
    pub(crate) label: String,
}

impl Choice {
    /// The choice of a value.
    pub(crate) fn new(value: impl Into<String>, label: impl Into<String>) -> Self {
        Self { value: value.into(), label: label.into() }
    }

    /// The choice of no value, before all others.
    pub(crate) fn none(label: &str, others: impl IntoIterator<Item = Self>) -> Vec<Self> {
        std::iter::once(Self::new("", label)).chain(others).collect()
    }
}

impl Field {
    /// Field of a kind, empty.
    pub(crate) const fn new(name: &'static str, label: &'static str, kind: FieldKind) -> Self {
        Self { name, label, kind, value: String::new(), is_required: false, hint: "" }
    }

    /// Line of text.
    pub(crate) const fn text(name: &'static str, label: &'static str, longest: usize) -> Self {
        Self::new(name, label, FieldKind::Line { of: "text", longest })
    }

    /// Mail address.
    pub(crate) const fn email(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, FieldKind::Line { of: "email", longest: LONGEST_ADDRESS })
    }

    /// Text that is kept with what the form does, with the label of its kind.
    pub(crate) const fn note(name: &'static str, label: &'static str) -> Self {
        Self::text(name, label, LONGEST_REASON).required()
    }

    /// Reason, which the API keeps.
    pub(crate) const fn why(language: Language) -> Self {
        Self::note("why", CommonWords::of(language).why)
    }

    /// Day.
    pub(crate) const fn day(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, FieldKind::Day { last: None })
    }

    /// One of some values.
    pub(crate) const fn choice(name: &'static str, label: &'static str, choices: Vec<Choice>) -> Self {
        Self::new(name, label, FieldKind::Choice(choices))
    }

    /// Value that the visitor does not see.
    pub(crate) fn hidden(name: &'static str, value: impl Into<String>) -> Self {
        Self::new(name, "", FieldKind::Hidden).with(value)
    }

    /// The field with a value.
    pub(crate) fn with(self, value: impl Into<String>) -> Self {
        Self { value: value.into(), ..self }
    }

    /// The field with what was typed into the posted form; empty where that has no such field.
    pub(crate) fn typed(self, visit: &Visit) -> Self {
        let typed = visit.field(self.name).unwrap_or_default();
        self.with(typed)
    }

    /// The field with the parameter of the page's address.
    pub(crate) fn asked(self, visit: &Visit) -> Self {
        let asked = visit.parameter(self.name).unwrap_or_default();
        self.with(asked)
    }

    /// The field as one without which the form is not sent.
    pub(crate) const fn required(mut self) -> Self {
        self.is_required = true;
        self
    }

    /// The field with a hint.
    pub(crate) const fn hinted(mut self, hint: &'static str) -> Self {
        self.hint = hint;
        self
    }

    /// Id of the field's element, of which a page has one; an empty prefix leaves the name.
    pub(crate) fn id(&self, prefix: impl Display) -> String {
        let prefix = prefix.to_string();
        if prefix.is_empty() { self.name.to_owned() } else { format!("{prefix}-{}", self.name) }
    }
}
