//! What a check finds: a mistake of the design, with its place and its remedy.
//!
//! Only the types; `check` makes them, `trace` shows those that explain a death, `report` words them.

use vnetsim_types::{FindingCode, Problem, Severity, Span};

/// A mistake in a network, or something worth knowing about it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Finding {
    /// How bad it is here: as bad as its kind, or milder.
    pub severity: Severity,
    /// Which kind.
    pub code: FindingCode,
    /// The object at fault, as people call it: `rt-s1/to-s2`, `hub/hub-to-s1`, `nva-nic`, `s1/app`.
    pub object: String,
    /// Where the input says it; the empty span for the platform's own defaults.
    pub span: Span,
    /// What is wrong with this object here, in a sentence.
    pub what: String,
    /// What shows it, a line each: the contest of routes, the two ways, the expansion of a tag.
    pub because: Vec<String>,
    /// Flows that meet it, a line each.
    pub flows: Vec<String>,
    /// What to change, a line each; alternatives start with "or".
    pub fix: Vec<String>,
    /// Other places that matter, each with a short text.
    pub related: Vec<(Span, String)>,
}

impl Finding {
    /// A finding without evidence and remedies yet.
    pub fn new(code: FindingCode, object: impl Into<String>, span: Span, what: impl Into<String>) -> Self {
        let (object, what) = (object.into(), what.into());
        let lists = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
        let (because, flows, fix, related) = lists;
        Self { severity: code.severity(), code, object, span, what, because, flows, fix, related }
    }

    /// With a line of evidence.
    #[must_use]
    pub fn because(mut self, line: impl Into<String>) -> Self {
        self.because.push(line.into());
        self
    }

    /// With a flow that meets it.
    #[must_use]
    pub fn flow(mut self, line: impl Into<String>) -> Self {
        self.flows.push(line.into());
        self
    }

    /// With a remedy.
    #[must_use]
    pub fn fix(mut self, line: impl Into<String>) -> Self {
        self.fix.push(line.into());
        self
    }

    /// With remedies, if there are any.
    #[must_use]
    pub fn fixes(mut self, lines: impl IntoIterator<Item = String>) -> Self {
        self.fix.extend(lines);
        self
    }

    /// With another place that matters.
    #[must_use]
    pub fn related(mut self, span: Span, text: impl Into<String>) -> Self {
        self.related.push((span, text.into()));
        self
    }

    /// The same, but not worse than a note: somebody may want it so.
    #[must_use]
    pub fn as_note(mut self) -> Self {
        self.severity = Severity::Note;
        self
    }

    /// The same in the form of an input's problems.
    pub fn problem(&self) -> Problem {
        Problem {
            severity: self.severity,
            code: self.code.code(),
            span: self.span,
            message: self.what.clone(),
            label: String::new(),
            help: self.fix.join("\n"),
            related: self.related.clone(),
        }
    }
}
