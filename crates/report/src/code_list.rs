//! Every code that vnetsim prints, with its kind: what `vnetsim explain` lists, and finds a code in.
//!
//! Drop reasons and findings come from the tables in `types`, the rest from `codes.rs`. Called by `explain` and `cli`.
//! Must never hold a text of its own but the headings. Costs a vector of some two hundred rows for each call.

use serde_json::{Value, json};
use vnetsim_types::{DropReason, FindingCode, Severity};

use crate::{
    codes::{ENDINGS, PROBLEMS, REFUSALS, RESULTS},
    json::envelope,
    wrap::wrap,
};

/// What a code is a code of.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Kind {
    DropReason,
    Finding,
    Ending,
    Result,
    Problem,
    Refusal,
}

impl Kind {
    const ALL: [Self; 6] =
        [Self::DropReason, Self::Finding, Self::Ending, Self::Result, Self::Problem, Self::Refusal];

    /// As a line of text says it.
    pub(crate) fn words(self) -> &'static str {
        match self {
            Self::DropReason => "drop reason",
            Self::Finding => "finding",
            Self::Ending => "ending",
            Self::Result => "result of a test",
            Self::Problem => "problem of an input",
            Self::Refusal => "refusal",
        }
    }

    /// As JSON says it.
    pub(crate) fn key(self) -> &'static str {
        match self {
            Self::DropReason => "dropReason",
            Self::Finding => "finding",
            Self::Ending => "ending",
            Self::Result => "result",
            Self::Problem => "problem",
            Self::Refusal => "refusal",
        }
    }

    fn heading(self) -> &'static str {
        match self {
            Self::DropReason => "Drop reasons: why a packet died",
            Self::Finding => "Findings: what a check sees in a network without its traffic",
            Self::Ending => "Endings: how a conversation ends, although none of its packets died",
            Self::Result => "Results: what a test says that no packet's death says",
            Self::Problem => "Problems of an input: why a file cannot be used, or not believed",
            Self::Refusal => "Refusals: why the control plane does not accept a change",
        }
    }
}

/// One code.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Code {
    pub(crate) code: &'static str,
    pub(crate) kind: Kind,
    /// The other spelling of a drop reason, as in `RouteNone`.
    pub(crate) name: Option<&'static str>,
    /// Of findings only.
    pub(crate) severity: Option<Severity>,
    pub(crate) rule: Option<&'static str>,
    pub(crate) sentence: &'static str,
    /// What has to change; a refusal says it in its sentence.
    pub(crate) hint: Option<&'static str>,
}

impl From<DropReason> for Code {
    fn from(reason: DropReason) -> Self {
        let name = Some(reason.name());
        let of_a_table = Self::plain(Kind::DropReason, reason.code(), reason.sentence(), Some(reason.hint()));
        Self { name, rule: Some(reason.rule()), ..of_a_table }
    }
}

impl From<FindingCode> for Code {
    fn from(finding: FindingCode) -> Self {
        let severity = Some(finding.severity());
        let of_a_table = Self::plain(Kind::Finding, finding.code(), finding.sentence(), Some(finding.hint()));
        Self { severity, rule: Some(finding.rule()), ..of_a_table }
    }
}

impl Code {
    fn plain(kind: Kind, code: &'static str, sentence: &'static str, hint: Option<&'static str>) -> Self {
        Self { code, kind, name: None, severity: None, rule: None, sentence, hint }
    }

    /// Whether `topic` means this code; case does not count.
    fn is(&self, topic: &str) -> bool {
        self.code.eq_ignore_ascii_case(topic) || self.name.is_some_and(|n| n.eq_ignore_ascii_case(topic))
    }

    pub(crate) fn json(&self) -> Value {
        json!({
            "code": self.code, "kind": self.kind.key(), "severity": self.severity.map(Severity::text),
            "rule": self.rule, "sentence": self.sentence, "hint": self.hint,
        })
    }
}

/// All codes, by kind, in the order of their tables.
pub(crate) fn all_codes() -> Vec<Code> {
    let reasons = DropReason::ALL.iter().map(|r| Code::from(*r));
    let findings = FindingCode::ALL.iter().map(|f| Code::from(*f));
    let endings = ENDINGS.iter().map(|(code, rule, sentence, hint)| Code {
        rule: *rule,
        ..Code::plain(Kind::Ending, code, sentence, Some(hint))
    });
    let results =
        RESULTS.iter().map(|(code, what, remedy)| Code::plain(Kind::Result, code, what, Some(remedy)));
    let problems =
        PROBLEMS.iter().map(|(code, what, remedy)| Code::plain(Kind::Problem, code, what, Some(remedy)));
    let refusals = REFUSALS.iter().map(|(code, what)| Code::plain(Kind::Refusal, code, what, None));
    reasons.chain(findings).chain(endings).chain(results).chain(problems).chain(refusals).collect()
}

/// The code that `topic` means.
pub(crate) fn find_code(topic: &str) -> Option<Code> {
    all_codes().into_iter().find(|code| code.is(topic))
}

/// `vnetsim explain` without a topic: every code with its sentence.
pub fn codes_text() -> String {
    let codes = all_codes();
    let mut out = String::new();
    for kind in Kind::ALL {
        let of_kind: Vec<&Code> = codes.iter().filter(|c| c.kind == kind).collect();
        let width = of_kind.iter().map(|c| c.code.len()).max().unwrap_or_default();
        out.push_str(&format!("{}\n\n", kind.heading()));
        out.extend(of_kind.iter().map(|code| row(code, width)));
        out.push('\n');
    }
    out.push_str("`vnetsim explain CODE` says more; it knows rules too: PEER-08, S15, U-02.\n");
    out
}

fn row(code: &Code, width: usize) -> String {
    // The longest severity is `warning`.
    let severity = code.severity.map_or_else(String::new, |s| format!("{:<9}", s.text()));
    let first = format!("  {:<width$}  {severity}", code.code);
    wrap(&first, code.sentence, first.len())
}

/// The same as JSON.
pub fn codes_json() -> Value {
    envelope("explain", json!({ "codes": all_codes().iter().map(Code::json).collect::<Vec<_>>() }))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use vnetsim_sim::Outcome;

    use super::*;
    use crate::{run::verdict_word, wrap::COLUMNS};

    #[test]
    fn endings_are_the_outcomes_without_a_death() {
        let outcomes = [Outcome::TimedOut, Outcome::Reset, Outcome::Unfinished];
        let verdicts: Vec<String> = outcomes.iter().map(|o| verdict_word(*o).to_uppercase()).collect();
        let endings: Vec<String> = ENDINGS.iter().map(|(code, ..)| code.replace('_', "")).collect();
        assert_eq!(endings, verdicts);
    }

    #[test]
    fn the_list_has_every_code_once_in_100_columns() {
        let codes = all_codes();
        let names: BTreeSet<&str> = codes.iter().map(|c| c.code).collect();
        assert_eq!(names.len(), codes.len(), "a code has two meanings");
        let text = codes_text();
        for code in &codes {
            let lines = text.lines().filter(|l| l.trim_start().split(' ').next() == Some(code.code));
            assert_eq!(lines.count(), 1, "{}", code.code);
        }
        let long: Vec<&str> = text.lines().filter(|l| l.chars().count() > COLUMNS).collect();
        assert!(long.is_empty(), "{long:?}");
        assert_eq!(codes_json()["codes"].as_array().map(Vec::len), Some(codes.len()));
    }
}
