//! `vnetsim fix`: the smallest change that makes a scenario's expectations hold.

use std::{ops::ControlFlow, path::Path};

use indicatif::{ProgressBar, ProgressStyle};
use vnetsim_analysis::{Effort, fix as search, wishing};
use vnetsim_model::Traffic;
use vnetsim_report as report;
use vnetsim_scenario::Scenario;
use vnetsim_types::ProtoPort;

use super::{Asked, pretty};
use crate::{Answer, End, args::Output, captures, input::Input};

/// A flow that should arrive, beside what the scenario expects.
pub(crate) struct Flow {
    pub(crate) src: String,
    pub(crate) dst: String,
    pub(crate) protocol: ProtoPort,
}

/// Ends with 0 when a change works, or nothing has to be changed.
pub(crate) fn fix(
    file: &Path,
    input: &Input,
    scenario: &Scenario,
    flow: Option<&Flow>,
    output: Output,
) -> Asked {
    let replays = match captures::recorded(file, scenario) {
        Ok((replays, _)) => replays,
        Err(problems) => return Ok(Answer::problems("fix", &problems, &input.sources, output)),
    };
    let wished = flow.map(|flow| with_flow(scenario, flow)).transpose()?;
    let bar = ProgressBar::new_spinner()
        .with_style(ProgressStyle::with_template("{spinner} {msg}").expect("a template written here"));
    let only = wished.as_ref().map(|wished| wished.expect.len() - 1);
    let scenario = wished.as_ref().unwrap_or(scenario);
    let found = search(scenario, &replays, only, Effort::THOROUGH, &mut |tried| {
        bar.set_message(format!("{tried} changes tried"));
        bar.tick();
        ControlFlow::Continue(())
    });
    bar.finish_and_clear();
    let works = found.failing.is_empty() || !found.repairs.is_empty();
    let end = if works { End::AsExpected } else { End::ExpectationFailed };
    let out = match output {
        Output::Table => report::fix_text(&found),
        Output::Json => pretty(&report::fix_json(&found)),
    };
    Ok(Answer::text(out, end))
}

fn with_flow(scenario: &Scenario, flow: &Flow) -> Result<Scenario, String> {
    let network = &scenario.network;
    let from = network.sender(&flow.src, flow.dst.parse().ok())?;
    let to = network.endpoint(&flow.dst, Some(from.address))?;
    if from.address.is_ipv4() != to.address.is_ipv4() {
        return Err(format!("{} and {} are of different address families", from.address, to.address));
    }
    let name = format!("{} -> {} {}", flow.src, flow.dst, flow.protocol);
    Ok(wishing(scenario, Traffic::probe(&name, from, to, flow.protocol)))
}
