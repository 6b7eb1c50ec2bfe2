//! `vnetsim rules`: the rules of docs/semantics.md, and the scenarios that show them.

use std::path::Path;

use vnetsim_report as report;

use super::pretty;
use crate::{
    Answer, End,
    args::Output,
    input::{read, scenario_files},
};

/// Reads the `cites` of every scenario file under `folder`; one that cannot be read stops the answer.
pub(super) fn rules(folder: &Path, uncited: bool, output: Output) -> Answer {
    let files = match scenario_files(folder) {
        Ok(files) => files,
        Err(e) => return Answer::usage(format!("cannot read {}: {e}", folder.display())),
    };
    let mut cites = Vec::new();
    for file in &files {
        let input = read(file);
        let Some(scenario) = input.loaded.scenario else {
            let err = report::problems_text(&input.loaded.problems, &input.sources);
            return Answer { out: String::new(), err, end: End::BadInput };
        };
        let name = file.strip_prefix(folder).unwrap_or(file).display().to_string();
        cites.push((name, scenario.cites.into_iter().map(|id| id.value).collect()));
    }
    let uses = report::rule_uses(&cites);
    let out = match output {
        Output::Table => report::rules_text(&uses, uncited),
        Output::Json => pretty(&report::rules_json(&uses, uncited)),
    };
    Answer::text(out, End::AsExpected)
}
