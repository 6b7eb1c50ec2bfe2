//! What a check found: the worst first, each with place, evidence, flows and remedy.
//!
//! Owns how many of one kind are told in full. Called by `cli`; `trace` shows the lines of findings that explain it. Must never judge
//! a finding.

use serde_json::{Value, json};
use vnetsim_analysis::{Checkup, Finding};
use vnetsim_types::{Problem, Severity};

use crate::{
    Sources,
    json::{envelope, problem_json, source},
    units::counted,
    wrap::{COLUMNS, wrap},
};

/// So many findings of one kind are told in full.
const SHOWN_OF_A_KIND: usize = 3;
/// So many notes of one kind.
const NOTES_OF_A_KIND: usize = 1;
/// Lines of each kind of evidence that a note has.
const NOTE_LINES: usize = 2;
/// So many more are named.
const NAMED_OF_A_KIND: usize = 30;

/// Findings of `vnetsim check`, after the `problems` of the input itself, which are printed by `problems_text`.
pub fn findings_text(name: &str, checkup: &Checkup, problems: &[Problem], sources: &Sources) -> String {
    let count = |severity: Severity| {
        let found = checkup.findings.iter().filter(|f| f.severity == severity).count();
        found + problems.iter().filter(|p| p.severity == severity).count()
    };
    let counts = [Severity::Error, Severity::Warning, Severity::Note]
        .map(|severity| counted(count(severity) as u64, severity.text()));
    let all: usize = checkup.findings.len() + problems.len();
    let verdict = if all == 0 { "no problems".to_owned() } else { counts.join(", ") };
    let mut out = wrap("", &format!("{name}: {verdict}"), 2);
    for alike in checkup.findings.chunk_by(|a, b| a.code == b.code && a.severity == b.severity) {
        let most = if alike[0].severity == Severity::Note { NOTES_OF_A_KIND } else { SHOWN_OF_A_KIND };
        let (shown, rest) = alike.split_at(alike.len().min(most));
        for finding in shown {
            out.push('\n');
            out.push_str(&finding_text(finding, sources));
        }
        if !rest.is_empty() {
            out.push_str(&rest_text(rest, sources));
        }
    }
    out.push_str(&format!("\n{} probes were sent", checkup.probes));
    if checkup.left_out > 0 {
        out.push_str(&format!("; {} pairs were not probed: there are too many", checkup.left_out));
    }
    if checkup.changes > 0 {
        let changes = counted(checkup.changes as u64, "change");
        out.push_str(&format!("; the network at its start, {changes} of the timeline not checked"));
    }
    out.push('\n');
    out
}

/// The objects of further findings of one kind, in one paragraph.
fn rest_text(rest: &[Finding], sources: &Sources) -> String {
    let Some(first) = rest.first() else { return String::new() };
    let object = |finding: &Finding| match sources.line_column(finding.span) {
        Some((line, _)) => format!("{} (line {line})", finding.object),
        None => finding.object.clone(),
    };
    let named: Vec<String> = rest.iter().take(NAMED_OF_A_KIND).map(object).collect();
    let more = rest.len() - named.len();
    let more = if more > 0 { format!(" and {more} others") } else { String::new() };
    let head = format!("{:<8}{} {} more: ", first.severity.text().to_uppercase(), first.code, rest.len());
    wrap("", &format!("{head}{}{more}", named.join(", ")), 8)
}

fn finding_text(finding: &Finding, sources: &Sources) -> String {
    let code = finding.code;
    let mut out =
        wrap("", &format!("{:<8}{code}  {}", finding.severity.text().to_uppercase(), finding.object), 8);
    out.push_str(&wrap("  what   ", &format!("{} ({})", finding.what, code.rule()), 9));
    if let Some(place) = sources.place(finding.span) {
        let head = format!("  where  {place}   ");
        let room = COLUMNS.saturating_sub(head.chars().count());
        out.push_str(format!("{head}{}", sources.excerpt(finding.span, room)).trim_end());
        out.push('\n');
    }
    let most = if finding.severity == Severity::Note { NOTE_LINES } else { usize::MAX };
    for (span, text) in finding.related.iter().take(most) {
        if let Some((line, _)) = sources.line_column(*span) {
            out.push_str(&wrap("         ", &format!("line {line}: {text}"), 9));
        }
    }
    for because in finding.because.iter().take(most) {
        out.push_str(&wrap("  cause  ", because, 9));
    }
    for flow in finding.flows.iter().take(most) {
        out.push_str(&wrap("  flow   ", flow, 9));
    }
    for fix in finding.fix.iter().take(most) {
        out.push_str(&wrap("  fix    ", fix, 9));
    }
    out
}

/// A line for each finding that is worse than a note, for those who asked something else.
pub fn headlines_text(checkup: &Checkup, sources: &Sources) -> String {
    let worse: Vec<Finding> =
        checkup.findings.iter().filter(|f| f.severity != Severity::Note).cloned().collect();
    if worse.is_empty() {
        String::new()
    } else {
        format!("what vnetsim check sees:\n{}", causes_text(&worse, sources))
    }
}

/// One line for each finding that explains a trace.
pub(crate) fn causes_text(findings: &[Finding], sources: &Sources) -> String {
    let mut out = String::new();
    for finding in findings {
        let place = sources.place(finding.span).map(|place| format!("  {place}")).unwrap_or_default();
        out.push_str(&wrap("  check  ", &format!("{}  {}{place}", finding.code, finding.what), 9));
    }
    out
}

/// A finding as JSON.
pub(crate) fn finding_json(finding: &Finding, sources: &Sources) -> Value {
    let related = |(span, text): &(vnetsim_types::Span, String)| json!({ "text": text, "source": source(*span, sources) });
    json!({
        "severity": finding.severity.text(),
        "code": finding.code.code(),
        "rule": finding.code.rule(),
        "object": finding.object,
        "message": finding.what,
        "because": finding.because,
        "flows": finding.flows,
        "fix": finding.fix,
        "source": source(finding.span, sources),
        "related": finding.related.iter().map(related).collect::<Vec<_>>(),
    })
}

/// `vnetsim check -o json`.
pub fn check_json(checkup: &Checkup, problems: &[Problem], sources: &Sources) -> Value {
    envelope(
        "check",
        json!({
            "problems": problems.iter().map(|p| problem_json(p, sources)).collect::<Vec<_>>(),
            "findings": checkup.findings.iter().map(|f| finding_json(f, sources)).collect::<Vec<_>>(),
            "probes": checkup.probes,
            "pairsLeftOut": checkup.left_out,
            "changesNotChecked": checkup.changes,
        }),
    )
}
