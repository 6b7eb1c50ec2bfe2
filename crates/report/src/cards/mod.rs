//! What machines that watch a repository are told: JUnit, SARIF, GitHub annotations, Markdown for a pull request.
//!
//! Owns the one form from which all four are written: a [`Suite`] for each file, a [`Case`] for each thing judged, a
//! [`Card`] for each that deserves a word. `vnetsim test` fills it from expectations ([`expectation_suite`]), `vnetsim
//! check` from findings ([`finding_suite`]). Called by `cli`. Must never decide what fails: whoever fills a suite says so.
//! Costs strings, so that the run behind a suite can be forgotten.

mod diagram;
mod expectations;
mod findings;
mod github;
mod junit;
mod markdown;
mod sarif;
mod test;

pub use expectations::expectation_suite;
pub use findings::finding_suite;
pub use github::github_text;
pub use junit::junit_xml;
pub use markdown::markdown_text;
pub use sarif::sarif_json;
pub use test::{test_json, test_text};

use vnetsim_trace::HopKind;
use vnetsim_types::{DropReason, FindingCode, Severity, SimTime};

use crate::{
    Mark,
    codes::{PROBLEMS, RESULTS},
    units::counted,
};

/// All that a command has to say about files.
#[derive(Clone, Copy, Debug)]
pub struct Cards<'a> {
    /// What is judged.
    pub kind: CardKind,
    /// The files, in the order in which they are told.
    pub suites: &'a [Suite],
}

/// What cases are.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum CardKind {
    /// Expectations of scenarios: `vnetsim test`.
    Expectations,
    /// Findings of a check: `vnetsim check`.
    Findings,
}

/// What is to be said about one file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Suite {
    /// The file, as it was named.
    pub file: String,
    /// Title of the scenario; empty when it has none.
    pub name: String,
    /// How it stands.
    pub standing: Standing,
    /// Virtual time at the end of the run, if it was run.
    pub end: Option<SimTime>,
    /// What was judged, in the order of the file.
    pub cases: Vec<Case>,
}

/// How a file stands.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Standing {
    /// Nothing is wrong.
    Holds,
    /// An expectation failed, or something was found that is an error.
    Failed,
    /// A verdict rests on something that is not modelled.
    NotModelled,
    /// It could not be read.
    Unreadable,
}

/// One thing judged: an expectation, a finding, a problem of the file.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Case {
    /// `traffic web`, `UDR_LOSES_LPM rt-s1/to-s2`.
    pub title: String,
    /// Where it stands.
    pub place: Option<Mark>,
    /// The scenario expects it; false for findings, problems, and what is wrong with the run itself.
    pub expected: bool,
    /// What is to be said about it; `None` when all is well.
    pub card: Option<Card>,
}

/// Something that deserves a word.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Card {
    /// Errors fail a build.
    pub level: Severity,
    /// Reason, finding, problem, or `EXPECTATION_FAILED`; `vnetsim explain` knows it.
    pub code: &'static str,
    /// All of it in one line.
    pub message: String,
    /// What is wrong, a sentence each.
    pub what: Vec<String>,
    /// Why the scenario expects something else, in its own words.
    pub because: Option<String>,
    /// The object at fault; empty when it is not known.
    pub object: String,
    /// The line to look at: of the route, the rule, the flag.
    pub place: Option<Mark>,
    /// Other places that matter, each with a short text.
    pub related: Vec<(Mark, String)>,
    /// What shows it, a line each.
    pub evidence: Vec<String>,
    /// What to change, a line each.
    pub help: Vec<String>,
    /// The packet's way, if a packet shows it.
    pub steps: Vec<Step>,
    /// The whole explanation as a terminal shows it.
    pub text: String,
    /// The hops as a terminal shows them.
    pub trace: String,
}

/// A hop of the packet that shows it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Step {
    /// From the one who opened the conversation.
    pub forward: bool,
    /// What kind of decision.
    pub kind: HopKind,
    /// A NIC, a subnet, a pair of networks, a machine.
    pub at: String,
    /// What was decided, and by what.
    pub text: String,
    /// The line that decided.
    pub place: Option<Mark>,
}

impl Card {
    /// One that says `message` and nothing else.
    pub fn new(level: Severity, code: &'static str, message: impl Into<String>) -> Self {
        let message = message.into();
        Self {
            level,
            code,
            what: vec![message.clone()],
            message,
            because: None,
            object: String::new(),
            place: None,
            related: Vec::new(),
            evidence: Vec::new(),
            help: Vec::new(),
            steps: Vec::new(),
            text: String::new(),
            trace: String::new(),
        }
    }
}

impl Standing {
    /// One word for machines.
    pub(crate) fn code(self) -> &'static str {
        match self {
            Self::Holds => "holds",
            Self::Failed => "failed",
            Self::NotModelled => "notModelled",
            Self::Unreadable => "unreadable",
        }
    }

    /// One word for people.
    pub(crate) fn word(self) -> &'static str {
        match self {
            Self::Holds => "ok",
            Self::Failed => "FAIL",
            Self::NotModelled => "UNSURE",
            Self::Unreadable => "ERROR",
        }
    }
}

impl Suite {
    /// What deserves a word, each with its case.
    pub(crate) fn cards(&self) -> impl Iterator<Item = (&Case, &Card)> {
        self.cases.iter().filter_map(|case| Some((case, case.card.as_ref()?)))
    }

    fn count(&self, level: Severity) -> u64 {
        self.cards().filter(|(_, card)| card.level == level).count() as u64
    }

    /// Expectations, and how many of them hold.
    fn held(&self) -> (u64, u64) {
        let expected = self.cases.iter().filter(|case| case.expected);
        (expected.clone().count() as u64, expected.filter(|case| case.card.is_none()).count() as u64)
    }

    /// `2 of 3 expectations hold`; `1 error, 2 warnings`.
    pub(crate) fn tally(&self, kind: CardKind) -> String {
        match (kind, self.standing, self.held()) {
            (_, Standing::Unreadable, _) | (CardKind::Findings, ..) => {
                levels([Severity::Error, Severity::Warning, Severity::Note].map(|l| self.count(l)))
            }
            (_, _, (0, _)) => "no expectations".to_owned(),
            (_, _, (all, held)) => format!("{held} of {all} expectations hold"),
        }
    }
}

/// `1 error, 2 warnings`; `nothing found`.
fn levels([errors, warnings, notes]: [u64; 3]) -> String {
    let some = [(errors, "error"), (warnings, "warning"), (notes, "note")];
    let words: Vec<String> =
        some.iter().filter(|(number, _)| *number > 0).map(|(number, what)| counted(*number, what)).collect();
    if words.is_empty() { "nothing found".to_owned() } else { words.join(", ") }
}

impl Cards<'_> {
    /// `test` or `check`.
    pub(crate) fn command(&self) -> &'static str {
        match self.kind {
            CardKind::Expectations => "test",
            CardKind::Findings => "check",
        }
    }

    /// All that deserves a word, each with its file and case.
    pub(crate) fn all(&self) -> impl Iterator<Item = (&Suite, &Case, &Card)> {
        self.suites.iter().flat_map(|suite| suite.cards().map(move |(case, card)| (suite, case, card)))
    }

    /// One line about all files.
    pub(crate) fn summary(&self) -> String {
        let files = counted(self.suites.len() as u64, "file");
        let mut words: Vec<String> = Vec::new();
        for standing in [Standing::Failed, Standing::NotModelled, Standing::Unreadable] {
            let number = self.suites.iter().filter(|suite| suite.standing == standing).count();
            let what = match standing {
                Standing::Failed => "FAILED",
                Standing::NotModelled => "not modelled",
                _ => "not read",
            };
            if number > 0 {
                words.push(format!("{number} {what}"));
            }
        }
        let standing = if words.is_empty() { "all ok".to_owned() } else { words.join(", ") };
        let sum = |count: &dyn Fn(&Suite) -> u64| self.suites.iter().map(count).sum::<u64>();
        match self.kind {
            CardKind::Expectations => {
                let (all, held) = (sum(&|suite| suite.held().0), sum(&|suite| suite.held().1));
                match all {
                    0 => format!("{files}: {standing}; no expectations"),
                    _ => format!("{files}: {standing}; {held} of {all} expectations hold"),
                }
            }
            CardKind::Findings => {
                let number =
                    [Severity::Error, Severity::Warning, Severity::Note].map(|l| sum(&|s| s.count(l)));
                format!("{files}: {}", levels(number))
            }
        }
    }
}

/// What a code means, and what to do about it.
pub(crate) fn meaning(code: &str) -> (&'static str, &'static str) {
    if let Ok(reason) = code.parse::<DropReason>() {
        return (reason.sentence(), reason.hint());
    }
    if let Ok(finding) = code.parse::<FindingCode>() {
        return (finding.sentence(), finding.hint());
    }
    let known = PROBLEMS.iter().chain(RESULTS).find(|(known, ..)| *known == code);
    known.map_or(("", ""), |(_, what, remedy)| (what, remedy))
}

/// The file with forward slashes, as the other tools of a repository name it.
pub(crate) fn slashed(file: &str) -> String {
    let file = if std::path::MAIN_SEPARATOR == '\\' { file.replace('\\', "/") } else { file.to_owned() };
    file.strip_prefix("./").map_or(file.clone(), str::to_owned)
}
