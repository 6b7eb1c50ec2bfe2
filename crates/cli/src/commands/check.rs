//! `vnetsim check`: every problem of a file, and every mistake of its network that can be seen without its traffic.
//!
//! Owns which formats say it and how the command ends. Must never judge a finding: its severity comes from `analysis`, the limit
//! from whoever typed the command.

use std::path::Path;

use vnetsim_analysis::{Checkup, Finding};
use vnetsim_report::{self as report, CardKind, Cards, Standing, Suite};
use vnetsim_types::Severity;

use super::pretty;
use crate::{
    Answer, End,
    args::{FailOn, Format, Output},
    captures,
    input::read,
};

/// Checks `file`. Problems of the input end with 2, findings as bad as `fail_on` with 1.
pub(super) fn check(file: &Path, fail_on: FailOn, format: Format) -> Answer {
    let input = read(file);
    let of_captures = input.loaded.scenario.as_ref().map(|scenario| captures::recorded(file, scenario));
    let ok = of_captures.as_ref().is_some_and(Result::is_ok);
    let more = of_captures.map(|read| read.map_or_else(|errors| errors, |(_, warnings)| warnings));
    let problems = [&input.loaded.problems[..], &more.unwrap_or_default()].concat();
    let scenario = input.loaded.scenario.as_ref().filter(|_| ok);
    let name = file.display().to_string();
    let of_file = |title: &str, standing, findings: &[Finding]| {
        report::finding_suite(&name, title, standing, &problems, findings, &input.sources)
    };
    let Some(scenario) = scenario else {
        return match format.plain() {
            Some(output) => Answer::problems("check", &problems, &input.sources, output),
            None => Answer::text(written(&of_file("", Standing::Unreadable, &[]), format), End::BadInput),
        };
    };
    let checkup = vnetsim_analysis::check(scenario);
    let (end, standing) = match fails(&checkup, fail_on) {
        true => (End::ExpectationFailed, Standing::Failed),
        false => (End::AsExpected, Standing::Holds),
    };
    match format.plain() {
        None => {
            let title = scenario.name.as_deref().unwrap_or_default();
            Answer::text(written(&of_file(title, standing, &checkup.findings), format), end)
        }
        Some(Output::Json) => {
            Answer::text(pretty(&report::check_json(&checkup, &problems, &input.sources)), end)
        }
        Some(Output::Table) => {
            let err = report::problems_text(&problems, &input.sources);
            let out = report::findings_text(&name, &checkup, &problems, &input.sources);
            Answer { err, ..Answer::text(out, end) }
        }
    }
}

/// The formats of CI services.
fn written(suite: &Suite, format: Format) -> String {
    let cards = Cards { kind: CardKind::Findings, suites: std::slice::from_ref(suite) };
    match format {
        Format::Junit => report::junit_xml(&cards),
        Format::Sarif => pretty(&report::sarif_json(&cards)),
        Format::Github => report::github_text(&cards),
        Format::Markdown => report::markdown_text(&cards),
        Format::Table | Format::Json => unreachable!("plain formats are written by whoever asked"),
    }
}

fn fails(checkup: &Checkup, fail_on: FailOn) -> bool {
    let worst = match fail_on {
        FailOn::Never => return false,
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Note => Severity::Note,
    };
    checkup.findings.iter().any(|finding| finding.severity <= worst)
}
