//! Findings and problems of a file as cards.

use vnetsim_analysis::Finding;
use vnetsim_types::{Problem, Severity, Span};

use super::{Card, Case, Standing, Suite};
use crate::{Mark, Sources, problems::problem_text, wrap::wrap};

/// What a check found in a file: the problems of its text first, then the findings, each in the order given.
///
/// `standing` is the verdict of whoever checked; [`Standing::Unreadable`] makes JUnit say *error* instead of *failure*.
pub fn finding_suite(
    file: &str,
    name: &str,
    standing: Standing,
    problems: &[Problem],
    findings: &[Finding],
    sources: &Sources,
) -> Suite {
    let problems = problems.iter().map(|problem| of_problem(problem, file, sources));
    let cases = problems.chain(findings.iter().map(|finding| of_finding(finding, sources))).collect();
    Suite { file: file.to_owned(), name: name.to_owned(), standing, end: None, cases }
}

/// A problem without a place, such as a file that cannot be opened, is one of the file's first line.
fn of_problem(problem: &Problem, file: &str, sources: &Sources) -> Case {
    let place = Some(sources.mark(problem.span).unwrap_or_else(|| Mark::start_of(file)));
    let help = problem.help.lines().map(str::to_owned).collect();
    let card = Card {
        place: place.clone(),
        related: related(&problem.related, sources),
        help,
        text: format!("{}\n", problem_text(problem, sources)),
        ..Card::new(problem.severity, problem.code, problem.message.clone())
    };
    Case { title: format!("{} {}", problem.code, problem.message), place, expected: false, card: Some(card) }
}

fn of_finding(finding: &Finding, sources: &Sources) -> Case {
    let place = sources.mark(finding.span);
    let card = Card {
        object: finding.object.clone(),
        place: place.clone(),
        related: related(&finding.related, sources),
        evidence: finding.because.clone(),
        help: finding.fix.clone(),
        text: finding_text(finding, sources),
        ..Card::new(finding.severity, finding.code.code(), finding.what.clone())
    };
    Case { title: format!("{} {}", finding.code, finding.object), place, expected: false, card: Some(card) }
}

/// The same lines as those of a diagnosis.
fn finding_text(finding: &Finding, sources: &Sources) -> String {
    let code = finding.code;
    let mut out = wrap("", &format!("{code}  {}  {}", finding.severity.text(), finding.object), 2);
    out.push_str(&wrap("  why    ", &format!("{} ({})", code.sentence(), code.rule()), 9));
    out.push_str(&wrap("  what   ", &finding.what, 9));
    if let Some(place) = sources.place(finding.span) {
        out.push_str(&wrap("  where  ", &place, 9));
    }
    let lines = |head: &str, lines: &[String]| lines.iter().map(|l| wrap(head, l, 9)).collect::<String>();
    out.push_str(&lines("  cause  ", &finding.because));
    out.push_str(&lines("  fix    ", &finding.fix));
    out
}

fn related(places: &[(Span, String)], sources: &Sources) -> Vec<(Mark, String)> {
    places.iter().filter_map(|(span, text)| Some((sources.mark(*span)?, text.clone()))).collect()
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
