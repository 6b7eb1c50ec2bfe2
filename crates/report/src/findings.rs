//! What a check found: the worst first, each with place, evidence, flows and remedy.

use serde_json::{Value, json};
use vnetsim_analysis::{Checkup, Finding};
use vnetsim_types::{Problem, Severity};

use crate::{
    Sources,
    json::{envelope, problem_json, source},
    wrap::{COLUMNS, wrap},
};

/// Findings of `vnetsim check`, after the `problems` of the input itself, which are printed by `problems_text`.
pub fn findings_text(name: &str, checkup: &Checkup, problems: &[Problem], sources: &Sources) -> String {
    let mut out = String::new();
    for finding in &checkup.findings {
        out.push_str(&finding_text(finding, sources));
        out.push('\n');
    }
    let count = |severity: Severity| {
        let found = checkup.findings.iter().filter(|f| f.severity() == severity).count();
        found + problems.iter().filter(|p| p.severity == severity).count()
    };
    let counts = [Severity::Error, Severity::Warning, Severity::Note].map(|severity| {
        let n = count(severity);
        format!("{n} {}{}", severity.text(), if n == 1 { "" } else { "s" })
    });
    let all: usize = checkup.findings.len() + problems.len();
    let verdict = if all == 0 { "no problems".to_owned() } else { counts.join(", ") };
    out.push_str(&format!("{name}: {verdict}; {} probes sent\n", checkup.probes));
    if checkup.left_out > 0 {
        out.push_str(&format!("{} pairs were not probed: there are too many\n", checkup.left_out));
    }
    out
}

fn finding_text(finding: &Finding, sources: &Sources) -> String {
    let code = finding.code;
    let mut out =
        wrap("", &format!("{:<8}{code}  {}", finding.severity().text().to_uppercase(), finding.object), 8);
    out.push_str(&wrap("  what   ", &format!("{} ({})", finding.what, code.rule()), 9));
    let mut place = |label: &str, span, text: &str| {
        let Some(place) = sources.place(span) else { return };
        let head = format!("  {label:<7}{place}   ");
        let room = COLUMNS.saturating_sub(head.chars().count());
        let shown = if text.is_empty() { sources.excerpt(span, room) } else { text.to_owned() };
        out.push_str(format!("{head}{shown}").trim_end());
        out.push('\n');
    };
    place("where", finding.span, "");
    for (span, text) in &finding.related {
        place("", *span, text);
    }
    for because in &finding.because {
        out.push_str(&wrap("  cause  ", because, 9));
    }
    for flow in &finding.flows {
        out.push_str(&wrap("  flow   ", flow, 9));
    }
    for fix in &finding.fix {
        out.push_str(&wrap("  fix    ", fix, 9));
    }
    out
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
        "severity": finding.severity().text(),
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
        }),
    )
}
