//! `vnetsim check`: every problem of a file, and every mistake of its network that can be seen without its traffic.

use std::path::Path;

use vnetsim_analysis::Checkup;
use vnetsim_report as report;
use vnetsim_types::Severity;

use super::pretty;
use crate::{
    Answer, End,
    args::{FailOn, Output},
    captures,
    input::read,
};

/// Checks `file`. Problems of the input end with 2, findings as bad as `fail_on` with 1.
pub(crate) fn check(file: &Path, fail_on: FailOn, output: Output) -> Answer {
    let input = read(file);
    let of_captures = input.loaded.scenario.as_ref().map(|scenario| captures::recorded(file, scenario));
    let ok = of_captures.as_ref().is_some_and(Result::is_ok);
    let more = of_captures.map(|read| read.map_or_else(|errors| errors, |(_, warnings)| warnings));
    let problems = [&input.loaded.problems[..], &more.unwrap_or_default()].concat();
    let scenario = input.loaded.scenario.as_ref().filter(|_| ok);
    let Some(scenario) = scenario else {
        return Answer::problems("check", &problems, &input.sources, output);
    };
    let checkup = vnetsim_analysis::check(scenario);
    let end = if fails(&checkup, fail_on) { End::ExpectationFailed } else { End::AsExpected };
    match output {
        Output::Json => Answer::text(pretty(&report::check_json(&checkup, &problems, &input.sources)), end),
        Output::Table => {
            let err = report::problems_text(&problems, &input.sources);
            let name = file.display().to_string();
            let out = report::findings_text(&name, &checkup, &problems, &input.sources);
            Answer { err, ..Answer::text(out, end) }
        }
    }
}

fn fails(checkup: &Checkup, fail_on: FailOn) -> bool {
    let worst = match fail_on {
        FailOn::Never => return false,
        FailOn::Error => Severity::Error,
        FailOn::Warning => Severity::Warning,
        FailOn::Note => Severity::Note,
    };
    checkup.findings.iter().any(|finding| finding.severity() <= worst)
}
