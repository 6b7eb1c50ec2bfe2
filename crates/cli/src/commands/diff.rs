//! `vnetsim diff`: which flows two scenario files treat differently.
//!
//! Owns which file is which. Must never compare texts: `analysis` asks both networks. Costs a reading and all probes of both.

use std::path::Path;

use vnetsim_analysis::{DiffQuestion, traffic_diff};
use vnetsim_report as report;

use super::pretty;
use crate::{
    Answer, End,
    args::{Output, ProbingArgs},
    input::read,
};

/// Reads both files, asks both networks, words what differs. Warnings go to standard error.
pub(super) fn diff(files: [&Path; 2], output: Output, probing: ProbingArgs) -> Answer {
    let inputs = files.map(read);
    let (mut warnings, mut scenarios) = (String::new(), Vec::new());
    for input in &inputs {
        match &input.loaded.scenario {
            Some(scenario) => scenarios.push(scenario),
            None => return Answer::problems("diff", &input.loaded.problems, &input.sources, output),
        }
        warnings.push_str(&report::problems_text(&input.loaded.problems, &input.sources));
    }
    let [before, now] = scenarios.as_slice() else { return Answer::usage("two files are needed".to_owned()) };
    let ProbingArgs { protocols, internet, workers } = probing;
    let question = DiffQuestion { protocols, internet, workers: workers.number() };
    let changes = vnetsim_analysis::diff(&before.network, &now.network, &question);
    let traffic = traffic_diff(before, now);
    let same = changes.is_empty() && traffic.changes.is_empty();
    let end = if same { End::AsExpected } else { End::ExpectationFailed };
    let out = match output {
        Output::Table => report::diff_text(&changes, &traffic),
        Output::Json => pretty(&report::diff_json(&changes, &traffic)),
    };
    Answer { err: warnings, ..Answer::text(out, end) }
}
