//! The commands: read, ask, word the answer.

mod diff;
mod matrix;

use std::{num::NonZeroUsize, path::Path};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use vnetsim_analysis::{
    DiffQuestion, Grouping, MatrixQuestion, Setup, all_readings, bill, effective_rows, judge, play, probe,
    probe_readings, readings,
};
use vnetsim_compile::{Epoch, compile};
use vnetsim_data::Data;
use vnetsim_model::{Network, Traffic, did_you_mean};
use vnetsim_report::{self as report, Sources};
use vnetsim_scenario::Scenario;
use vnetsim_throughput::{Options, Phase, measure};
use vnetsim_trace::Explainer;
use vnetsim_types::{Problem, ProtoPort, SimTime, SubnetId};

use crate::{
    Answer, End,
    args::{Args, CaptureArgs, Command, Output},
    captures,
    input::{Input, read},
    watch::Watch,
};

/// Runs the command that was typed.
pub(crate) fn run(args: Args) -> Answer {
    let output = args.output;
    if let Some(folder) = &args.data {
        match Data::load(folder) {
            Ok(data) => drop(Data::choose(data)),
            Err(problems) => return Answer::usage(problems.join("\nerror: ")),
        }
    }
    match args.command {
        Command::Run { file, workers, taps } => {
            let workers = workers.map_or_else(cores, NonZeroUsize::get);
            with(&file, output, "run", |input, scenario| {
                run_all(&file, input, scenario, output, workers, &taps)
            })
        }
        Command::Trace { file, src, dst, protocol, source_port, all_readings, taps } => {
            let question = Question { src, dst, protocol, source_port, all_readings, taps };
            with(&file, output, "trace", |input, scenario| trace(&file, input, scenario, output, &question))
        }
        Command::Matrix { file, protocols, vms, subnets, from, to, probing } => {
            let grouping = match (vms, subnets) {
                (true, _) => Grouping::Vms,
                (_, true) => Grouping::Subnets,
                _ => Grouping::Classes,
            };
            let (internet, workers) = (probing.internet, threads(probing.workers));
            let question = MatrixQuestion { grouping, protocols, from, to, internet, workers };
            with(&file, output, "matrix", |_, scenario| matrix::run(&scenario.network, output, &question))
        }
        Command::Diff { before, now, protocols, probing } => {
            let (internet, workers) = (probing.internet, threads(probing.workers));
            diff::run([&before, &now], output, &DiffQuestion { protocols, internet, workers })
        }
        Command::Routes { file, target } => {
            with(&file, output, "routes", |_, scenario| routes(&scenario.network, output, &target))
        }
        Command::NextHop { file, nic, ip } => {
            with(&file, output, "next-hop", |_, scenario| next_hop(&scenario.network, output, &nic, &ip))
        }
        Command::Nsg { file, nic } => {
            with(&file, output, "nsg", |_, scenario| nsg(&scenario.network, output, &nic))
        }
        Command::Bench { file, flows, packet_size, workers, duration } => {
            let workers = workers.unwrap_or_else(cores);
            let options = Options { flows, packet_size, workers, duration };
            with(&file, output, "bench", |_, scenario| bench(&scenario.network, output, &options))
        }
        Command::Check { file } => check(&file, output),
        Command::Explain { topic } => explain(&topic, output),
        Command::Rules { folder, uncited } => rules(&folder, uncited, output),
        Command::Data => Answer::text(data(output), End::AsExpected),
        Command::Schema => Answer::text(pretty(&vnetsim_scenario::schema()), End::AsExpected),
    }
}

fn threads(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

fn cores() -> usize {
    std::thread::available_parallelism().map_or(1, NonZeroUsize::get)
}

impl Answer {
    fn text(out: String, end: End) -> Self {
        Self { out, err: String::new(), end }
    }

    fn problems(command: &str, problems: &[Problem], sources: &Sources, output: Output) -> Self {
        let end = End::BadInput;
        match output {
            Output::Table => Self { out: String::new(), err: report::problems_text(problems, sources), end },
            Output::Json => Self::text(pretty(&report::problems_json(command, problems, sources)), end),
        }
    }

    fn usage(message: String) -> Self {
        Self { out: String::new(), err: format!("error: {message}\n"), end: End::BadInput }
    }
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

type Asked = Result<Answer, String>;

/// Reads the file and, if it has no error, asks. Warnings go to standard error and never stop an answer.
fn with(file: &Path, output: Output, command: &str, ask: impl FnOnce(&Input, &Scenario) -> Asked) -> Answer {
    let input = read(file);
    let problems = &input.loaded.problems;
    let Some(scenario) = &input.loaded.scenario else {
        return Answer::problems(command, problems, &input.sources, output);
    };
    let warnings = report::problems_text(problems, &input.sources);
    match ask(&input, scenario) {
        Ok(answer) => Answer { err: warnings + &answer.err, ..answer },
        Err(message) => {
            Answer { err: format!("{warnings}error: {message}\n"), ..Answer::usage(String::new()) }
        }
    }
}

fn check(file: &Path, output: Output) -> Answer {
    let input = read(file);
    let of_captures = input.loaded.scenario.as_ref().map(|scenario| captures::recorded(file, scenario));
    let ok = of_captures.as_ref().is_some_and(Result::is_ok);
    let more = of_captures.map(|read| read.map_or_else(|errors| errors, |(_, warnings)| warnings));
    let problems = &[&input.loaded.problems[..], &more.unwrap_or_default()].concat();
    let end = if ok { End::AsExpected } else { End::BadInput };
    match (output, problems.is_empty()) {
        (Output::Json, _) => {
            Answer::text(pretty(&report::problems_json("check", problems, &input.sources)), end)
        }
        (Output::Table, true) => Answer::text(format!("{}: no problems\n", file.display()), end),
        (Output::Table, false) => {
            Answer { out: String::new(), err: report::problems_text(problems, &input.sources), end }
        }
    }
}

fn bench(network: &Network, output: Output, options: &Options) -> Asked {
    let style =
        ProgressStyle::with_template("{bar:40} {percent:>3} %  {msg}").expect("a template written here");
    let bar = ProgressBar::new(1_000).with_style(style);
    let measured = measure(network, options, &mut |progress| {
        let phase = match progress.phase {
            Phase::KnownAlone => "known connections, one worker",
            Phase::Known => "known connections, all workers",
            Phase::New => "new connections",
        };
        bar.set_position((progress.done * 1_000.0) as u64);
        bar.set_message(format!("{phase}: {} M packets", progress.packets / 1_000_000));
    });
    bar.finish_and_clear();
    let measured = measured.map_err(|error| error.to_string())?;
    let text = match output {
        Output::Table => report::bench_text(&measured),
        Output::Json => pretty(&report::bench_json(&measured)),
    };
    Ok(Answer::text(text, End::AsExpected))
}

fn run_all(
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
    let played = play(scenario, setup, &mut |so_far| watch.look(so_far));
    watch.end();
    let stopped = played.report.stopped;
    let mut notes = report::problems_text(&warnings, &input.sources);
    if let Some(capture) = capture {
        notes.push_str(&capture.write(&played, &input.sources)?);
    }
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

/// What `trace` was asked.
struct Question {
    src: String,
    dst: String,
    protocol: ProtoPort,
    source_port: u16,
    all_readings: bool,
    taps: CaptureArgs,
}

fn trace(file: &Path, input: &Input, scenario: &Scenario, output: Output, question: &Question) -> Asked {
    let Question { src, dst, protocol, source_port, .. } = question;
    let network = &scenario.network;
    let like = dst.parse().ok();
    let from = network.endpoint(src, like)?;
    let to = network.endpoint(dst, Some(from.address))?;
    if from.address.is_ipv4() != to.address.is_ipv4() {
        return Err(format!("{} and {} are of different address families", from.address, to.address));
    }
    let traffic = Traffic { source_port: *source_port, ..Traffic::probe("trace", from, to, *protocol) };
    let (taps, capture) = captures::asked_for(&question.taps, network, [file.to_path_buf()])?.unzip();
    let played = probe(network, &traffic, taps);
    let end = if played.rests_on_unmodelled() { End::NotModelled } else { End::AsExpected };
    let disputed = probe_readings(network, &traffic, &played.report);
    let combinations = question.all_readings.then(|| all_readings(network, &traffic));
    let explainer = played.explainer();
    let out = match output {
        Output::Table => {
            let mut text = report::trace_text(&played, src, dst, &disputed, &input.sources);
            text.extend(combinations.map(|all| report::readings_text(&all, &explainer)));
            text
        }
        Output::Json => {
            let mut body = report::trace_json(&played, &disputed, &input.sources);
            if let Some(all) = combinations {
                body["readings"] = report::combinations_json(&all, &explainer);
            }
            pretty(&body)
        }
    };
    let notes = capture.map(|capture| capture.write(&played, &input.sources)).transpose()?;
    Ok(Answer { err: notes.unwrap_or_default(), ..Answer::text(out, end) })
}

/// Reads the `cites` of every scenario file under `folder`; one that cannot be read stops the answer.
fn rules(folder: &Path, uncited: bool, output: Output) -> Answer {
    let mut files = match scenario_files(folder) {
        Ok(files) => files,
        Err(e) => return Answer::usage(format!("cannot read {}: {e}", folder.display())),
    };
    files.sort();
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

fn scenario_files(folder: &Path) -> std::io::Result<Vec<std::path::PathBuf>> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            found.extend(scenario_files(&path)?);
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "json") {
            found.push(path);
        }
    }
    Ok(found)
}

fn data(output: Output) -> String {
    let sources = Data::current().sources();
    match output {
        Output::Table => report::data_text(sources),
        Output::Json => pretty(&report::data_json(sources)),
    }
}

/// The subnet that `name` means: `vnet/subnet`, or that of a NIC or VM.
fn subnet_named(network: &Network, name: &str) -> Result<SubnetId, String> {
    let paths: Vec<String> =
        (0..network.subnets().len()).map(|ix| network.subnet_path(SubnetId::new(ix))).collect();
    if let Some(ix) = paths.iter().position(|path| path.eq_ignore_ascii_case(name)) {
        return Ok(SubnetId::new(ix));
    }
    if let Some(nic) = network.nic_named(name) {
        return Ok(network[nic].subnet);
    }
    let nics = network.nics().iter().map(|n| n.name.value.as_str());
    let vms = network.vms().iter().map(|v| v.name.value.as_str());
    Err(match did_you_mean(name, paths.iter().map(String::as_str).chain(nics).chain(vms)) {
        Some(near) => format!("no subnet, NIC or VM `{name}`; did you mean `{near}`?"),
        None => format!("no subnet, NIC or VM `{name}`; subnets are named vnet/subnet: {}", paths.join(", ")),
    })
}

fn routes(network: &Network, output: Output, target: &str) -> Asked {
    let subnet = subnet_named(network, target)?;
    let rows = effective_rows(&compile(network, 0), subnet);
    let out = match output {
        Output::Table => report::routes_text(&rows),
        Output::Json => pretty(&report::routes_json(&rows)),
    };
    Ok(Answer::text(out, End::AsExpected))
}

fn next_hop(network: &Network, output: Output, nic: &str, ip: &str) -> Asked {
    let subnet = subnet_named(network, nic)?;
    let dst = network.endpoint(ip, None)?.address;
    let answer = next_hop_answer(network, subnet, dst);
    let out = match output {
        Output::Table => report::next_hop_text(&answer),
        Output::Json => pretty(&report::next_hop_json(&answer)),
    };
    Ok(Answer::text(out, End::AsExpected))
}

fn next_hop_answer(network: &Network, subnet: SubnetId, dst: std::net::IpAddr) -> report::NextHopAnswer {
    let epochs = [Epoch::new(0, SimTime::ZERO, network.clone())];
    let explainer = Explainer::new(&epochs);
    let compiled = epochs[0].compiled();
    let winner = compiled.tables.route(subnet, dst).map(|(ix, _)| ix);
    let hop = explainer.route_contest(SimTime::ZERO, subnet, dst, winner);
    let mut contest = vec![format!("{}  wins  {}", hop.decision, hop.by)];
    contest.extend(
        hop.losers
            .iter()
            .map(|l| format!("{}  {}: {}", l.route, if l.listed { "loses" } else { "gone" }, l.why)),
    );
    let route = winner.map(|ix| compiled.route(ix));
    let user_table = route.and_then(|r| match &r.origin {
        vnetsim_compile::RouteOrigin::User { table, .. } => Some(network[*table].name.value.clone()),
        _ => None,
    });
    report::NextHopAnswer {
        subnet: network.subnet_path(subnet),
        dst,
        ip: route.and_then(|r| r.next_hop_ip),
        kind: route.map_or_else(|| "None".to_owned(), |r| r.next_hop_type.to_string()),
        route_table: user_table.unwrap_or_else(|| "System Route".to_owned()),
        contest,
    }
}

fn nsg(network: &Network, output: Output, name: &str) -> Asked {
    let Some(nic) = network.nic_named(name) else {
        let nics = network.nics().iter().map(|n| n.name.value.as_str());
        let vms = network.vms().iter().map(|v| v.name.value.as_str());
        let near = did_you_mean(name, nics.chain(vms)).map(|n| format!("; did you mean `{n}`?"));
        return Err(format!("no NIC or VM `{name}`{}", near.unwrap_or_default()));
    };
    let compiled = compile(network, 0);
    let listings = report::nsg_listings(network, &compiled, nic);
    let out = match output {
        Output::Table => report::nsg_text(&network[nic].name.value, &listings),
        Output::Json => pretty(&report::nsg_json(&listings)),
    };
    Ok(Answer::text(out, End::AsExpected))
}

fn explain(topic: &str, output: Output) -> Answer {
    if let Some(text) = report::explain(topic) {
        let out = match output {
            Output::Table => text,
            Output::Json => pretty(&report::explain_json(topic, &text)),
        };
        return Answer::text(out, End::AsExpected);
    }
    let near = report::topics_like(topic).map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
    Answer::usage(format!("nothing is called `{topic}`{near}"))
}
