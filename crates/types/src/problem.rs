//! What is wrong with an input, in a form that any front end can print.

use crate::Span;

/// How bad a problem is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Severity {
    /// The input cannot be used.
    Error,
    /// The input can be used, but the reader should know before believing a result.
    Warning,
    /// Worth knowing; nothing is wrong for certain.
    Note,
}

impl Severity {
    /// `error`, `warning`, `note`.
    pub fn text(self) -> &'static str {
        match self {
            Self::Error => "error",
            Self::Warning => "warning",
            Self::Note => "note",
        }
    }
}

/// One thing wrong with the input: what, where and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Error or warning.
    pub severity: Severity,
    /// Stable code such as `UNKNOWN_PROPERTY`; `vnetsim explain` knows it.
    pub code: &'static str,
    /// The place to look at; the empty span when there is none.
    pub span: Span,
    /// One sentence: the object and what is wrong with it.
    pub message: String,
    /// A short text printed under the marked place; may be empty.
    pub label: String,
    /// What to do; may be empty.
    pub help: String,
    /// Other places that matter, each with a short text.
    pub related: Vec<(Span, String)>,
}

impl Problem {
    /// An error at `span`.
    pub fn error(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self {
            severity: Severity::Error,
            code,
            span,
            message: message.into(),
            label: String::new(),
            help: String::new(),
            related: Vec::new(),
        }
    }

    /// A warning at `span`.
    pub fn warning(code: &'static str, span: Span, message: impl Into<String>) -> Self {
        Self { severity: Severity::Warning, ..Self::error(code, span, message) }
    }

    /// With a text under the marked place.
    #[must_use]
    pub fn label(mut self, text: impl Into<String>) -> Self {
        self.label = text.into();
        self
    }

    /// With a remedy.
    #[must_use]
    pub fn help(mut self, text: impl Into<String>) -> Self {
        self.help = text.into();
        self
    }

    /// With another place that matters.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push((span, text.into()));
        self
    }
}
