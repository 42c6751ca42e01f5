//! A rendered mail, and the reasons for which there is none or no template for it.

/// A mail, ready to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Mail {
    /// Subject in one line.
    pub subject: String,
    /// Plain text.
    pub text: String,
    /// The same as HTML; none of a mail to staff.
    pub html: Option<String>,
}

/// Reasons why a template cannot be filled.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
pub enum Error {
    /// The notice has no value for a variable.
    #[error("template {template}: variable {variable} has no value")]
    MissingVariable {
        /// Name of the notice's kind.
        template: &'static str,
        /// Name between the braces.
        variable: String,
    },
    /// A value would end the subject and begin a header.
    #[error("template {template}: the subject is not one line")]
    BrokenSubject {
        /// Name of the notice's kind.
        template: &'static str,
    },
    /// The text leads nowhere, or to more than one place.
    #[error("template {template}: the text needs exactly one paragraph [[ label ]], which becomes its button")]
    Button {
        /// Name of the notice's kind.
        template: &'static str,
    },
    /// The template engine refused an expression.
    #[error("template {file}, line {line}: {reason}")]
    Unusable {
        /// File below the folder of templates.
        file: String,
        /// Line of the expression.
        line: usize,
        /// Kind of the engine's error.
        reason: String,
    },
}

/// Rejection of a template, with its file and line.
#[derive(Debug, thiserror::Error, PartialEq, Eq)]
#[error("mail template {file}, line {line}: {reason}")]
pub struct InvalidTemplate {
    /// File below the folder of templates.
    pub file: String,
    /// Line of the fault, from 1.
    pub line: usize,
    /// Rule that is broken.
    pub reason: String,
}
