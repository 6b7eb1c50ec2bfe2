//! `vnetsim trace`: one flow hop by hop, or many between two sets, put together by their way.
//!
//! Called by `run`. Must never decide: `analysis` asks, `report` words.

use std::path::Path;

use vnetsim_analysis::{
    EndSet, Finding, all_readings, azure_verdicts, end_set, findings_of, other_ports, pairs, path_groups,
    probe, probe_readings, quick_fix, sweep, traceroute,
};
use vnetsim_model::{Network, Traffic};
use vnetsim_report as report;
use vnetsim_scenario::Scenario;
use vnetsim_types::TrafficId;

use super::{Asked, pretty};
use crate::{
    Answer, End,
    args::{Output, TraceArgs},
    captures,
    input::Input,
};

/// `vnetsim trace`.
pub(super) fn trace(
    file: &Path,
    input: &Input,
    scenario: &Scenario,
    output: Output,
    question: &TraceArgs,
) -> Asked {
    let network = &scenario.network;
    match (end_set(network, &question.src), end_set(network, &question.dst)) {
        (EndSet::One(_), EndSet::One(_)) => one(file, input, scenario, output, question),
        (from, to) => sets(input, network, output, question, &from, &to),
    }
}

fn one(file: &Path, input: &Input, scenario: &Scenario, output: Output, question: &TraceArgs) -> Asked {
    let network = &scenario.network;
    let TraceArgs { src, dst, protocol, source_port, .. } = question;
    let (from, to) = network.endpoints(src, dst)?;
    let traffic = Traffic { source_port: *source_port, ..Traffic::probe("trace", from, to, *protocol) };
    let (taps, capture) = captures::asked_for(&question.taps, network, [file.to_path_buf()])?.unzip();
    let played = probe(network, &traffic, taps);
    let end = if played.rests_on_unmodelled() { End::NotModelled } else { End::AsExpected };
    let disputed = probe_readings(network, &traffic, &played.report);
    let combinations = question.all_readings.then(|| all_readings(network, &traffic));
    let seen = question.traceroute.then(|| traceroute(network, from, to, *protocol));
    let explainer = played.explainer();
    let says = question.azure_tools || !played.all_completed();
    let tools = if says { azure_verdicts(&played, TrafficId(0)) } else { Vec::new() };
    let ports = other_ports(network, &played);
    let mut causes = findings_of(scenario, &played, TrafficId(0));
    for ix in 0..ports.traffic.len() {
        let more = findings_of(scenario, &ports, TrafficId::new(ix));
        let new = |finding: &Finding| {
            causes.iter().all(|known| known.code != finding.code || known.object != finding.object)
        };
        let more: Vec<Finding> = more.into_iter().filter(new).collect();
        causes.extend(more);
    }
    let all_arrive = played.all_completed() && ports.all_completed();
    let answer = report::TraceAnswer {
        played: &played,
        from: src,
        to: dst,
        causes: &causes,
        repairs: &if all_arrive { Vec::new() } else { quick_fix(scenario, &traffic).repairs },
        ports: &ports,
        readings: &disputed,
        tools: &tools,
    };
    let out = match output {
        Output::Table => {
            let mut text = report::trace_text(&answer, &input.sources);
            text.extend(combinations.map(|all| report::readings_text(&all, &explainer)));
            text.extend(seen.map(|seen| report::traceroute_text(&seen, src, dst)));
            text
        }
        Output::Json => {
            let mut body = report::trace_json(&answer, &input.sources);
            if let Some(all) = combinations {
                body["readings"] = report::combinations_json(&all, &explainer);
            }
            if let Some(seen) = seen {
                body["traceroute"] = report::traceroute_json(&seen);
            }
            pretty(&body)
        }
    };
    let notes = capture.map(|capture| capture.write(&played, &input.sources)).transpose()?;
    Ok(Answer { err: notes.unwrap_or_default(), ..Answer::text(out, end) })
}

fn sets(
    input: &Input,
    network: &Network,
    output: Output,
    question: &TraceArgs,
    from: &EndSet,
    to: &EndSet,
) -> Asked {
    let TraceArgs { src, dst, protocol, .. } = question;
    if question.all_readings || question.traceroute || question.taps.capture.is_some() {
        return Err(format!(
            "--all-readings, --traceroute and --capture are for one flow; {src} -> {dst} are many: name two machines"
        ));
    }
    let pairs = pairs(network, from, to, *protocol)?;
    if pairs.probes.is_empty() {
        return Err(format!("{src} -> {dst}: no two different machines that could talk"));
    }
    let played = sweep(network, &pairs.probes);
    let tools = |id: Option<TrafficId>| match id {
        Some(id) if question.azure_tools => azure_verdicts(&played, id),
        _ => Vec::new(),
    };
    let groups: Vec<_> = path_groups(&played)
        .into_iter()
        .map(|group| {
            let tools = tools(group.entries.first().copied());
            (group, tools)
        })
        .collect();
    let answer = report::GroupsAnswer {
        sets: (src, dst),
        protocol: *protocol,
        pairs: &pairs.names,
        left_out: pairs.left_out,
        played: &played,
        all: question.all_groups,
        groups: &groups,
    };
    let out = match output {
        Output::Table => report::groups_text(&answer, &input.sources),
        Output::Json => pretty(&report::groups_json(&answer, &input.sources)),
    };
    let end = if played.rests_on_unmodelled() { End::NotModelled } else { End::AsExpected };
    Ok(Answer::text(out, end))
}
