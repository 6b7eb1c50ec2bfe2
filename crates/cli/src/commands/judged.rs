//! A scenario that was played and held against its expectations: what `run` and `test` have in common.
//!
//! Owns how a verdict becomes an exit code. Must never judge itself. Costs the run.

use std::ops::ControlFlow;

use vnetsim_analysis::{Judgement, Played, Setup, judge, play};
use vnetsim_scenario::Scenario;
use vnetsim_sim::Progress;

use crate::End;

/// What came of a scenario.
pub(super) struct Judged {
    pub(super) played: Played,
    pub(super) judgements: Vec<Judgement>,
    pub(super) end: End,
}

/// Plays it and judges it. `progress` is told how far it is, and may break it off.
pub(super) fn judged(
    scenario: &Scenario,
    setup: Setup,
    progress: &mut dyn FnMut(Progress) -> ControlFlow<()>,
) -> Judged {
    let played = play(scenario, setup, progress);
    let stopped = played.report.stopped;
    // Half a run proves and refutes nothing.
    let judgements = if stopped { Vec::new() } else { judge(scenario, &played) };
    let failed = judgements.iter().any(|j| !j.failures.is_empty()) || played.report.stuck_at.is_some();
    let expected = judgements.iter().any(|j| j.expects_unmodelled);
    let end = match (failed, played.rests_on_unmodelled() && !expected) {
        _ if stopped => End::BrokenOff,
        (true, _) => End::ExpectationFailed,
        (false, true) => End::NotModelled,
        (false, false) => End::AsExpected,
    };
    Judged { played, judgements, end }
}
