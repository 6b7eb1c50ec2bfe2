//! `vnetsim run`: one scenario, played and judged, with captures in and out. Ctrl-C ends it with what is known so far.
//!
//! Called by `mod.rs`, judged as `test` judges. Must never decide whether an expectation holds. Costs the run, and one for each other
//! reading of a disputed point.

use std::path::Path;

use vnetsim_analysis::{Setup, bill, readings};
use vnetsim_report as report;
use vnetsim_scenario::Scenario;

use super::{
    Asked,
    judged::{Judged, judged},
    pretty,
};
use crate::{
    Answer,
    args::{CaptureArgs, Output},
    captures,
    input::Input,
    watch::Watch,
};

/// Plays and judges `scenario`, which stands in `file`.
pub(super) fn run(
    file: &Path,
    input: &Input,
    scenario: &Scenario,
    output: Output,
    workers: usize,
    taps: &CaptureArgs,
) -> Asked {
    let (replays, warnings) = match captures::recorded(file, scenario) {
        Ok(recorded) => recorded,
        Err(problems) => return Ok(Answer::problems("run", &problems, &input.sources, output)),
    };
    let inputs = captures::inputs(file, scenario);
    let (taps, capture) = captures::asked_for(taps, &scenario.network, inputs)?.unzip();
    let setup = Setup { workers, replays, taps };
    let mut watch = Watch::new(scenario, &setup.replays);
    let Judged { played, judgements, end } = judged(scenario, setup, &mut |so_far| watch.look(so_far));
    watch.end();
    let stopped = played.report.stopped;
    let mut notes = report::problems_text(&warnings, &input.sources);
    if let Some(capture) = capture {
        notes.push_str(&capture.write(&played, &input.sources)?);
    }
    let last = played.report.epochs.last().expect("every run has an epoch");
    let answer = report::RunAnswer {
        name: scenario.name.as_deref().unwrap_or("scenario"),
        played: &played,
        judgements: &judgements,
        readings: &readings(scenario, &played).unwrap_or_default(),
        bill: &bill(&last.network, &played.report.meter),
    };
    let out = match output {
        Output::Table => report::run_text(&answer, &input.sources),
        Output::Json => pretty(&report::run_json(&answer, &input.sources)),
    };
    if stopped {
        notes.push_str(&format!("stopped by Ctrl-C at {} of virtual time\n", played.report.end));
    }
    Ok(Answer { err: notes, ..Answer::text(out, end) })
}
