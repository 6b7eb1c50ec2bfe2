//! The commands: read, ask, word the answer.

mod azure_tools;
mod trace;

use std::{num::NonZeroUsize, path::Path};

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use vnetsim_analysis::{Setup, bill, judge, play, readings};
use vnetsim_data::Data;
use vnetsim_model::Network;
use vnetsim_report::{self as report, Sources};
use vnetsim_scenario::Scenario;
use vnetsim_throughput::{Options, Phase, measure};
use vnetsim_types::{IpProtocol, Problem, ProtoPort};

use crate::{
    Answer, End,
    args::{Args, CaptureArgs, Command, Output},
    captures,
    input::{Input, read},
    watch::Watch,
};

use azure_tools::Style;

/// Runs the command that was typed.
pub(crate) fn run(args: Args) -> Answer {
    let output = args.output.unwrap_or(Output::Table);
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
        Command::Trace { file, question } => with(&file, output, "trace", |input, scenario| {
            trace::trace(&file, input, &scenario.network, output, &question)
        }),
        Command::Routes { file, target, name, az } => {
            let target = target.or(name).unwrap_or_default();
            let style = Style::new(args.output, az.compat);
            with(&file, output, "routes", |_, scenario| {
                azure_tools::routes(&scenario.network, style, &target)
            })
        }
        Command::NextHop { file, nic, ip, vm, nic_of_vm, dest_ip, az, .. } => {
            let (nic, ip) =
                (nic_of_vm.or(nic).or(vm).unwrap_or_default(), ip.or(dest_ip).unwrap_or_default());
            let style = Style::new(args.output, az.compat);
            with(&file, output, "next-hop", |_, scenario| {
                azure_tools::next_hop(&scenario.network, style, &nic, &ip)
            })
        }
        Command::Nsg { file, nic, name, az } => {
            let nic = nic.or(name).unwrap_or_default();
            let style = Style::new(args.output, az.compat);
            with(&file, output, "nsg", |_, scenario| azure_tools::nsg(&scenario.network, style, &nic))
        }
        Command::IpFlowVerify {
            file,
            target,
            vm,
            nic,
            direction,
            protocol,
            local,
            remote,
            diagnostics,
            az,
        } => {
            let target = nic.or(target).or(vm).unwrap_or_default();
            let question = azure_tools::Flow { target, direction, protocol, local, remote, diagnostics };
            let style = Style::new(args.output, az.compat);
            with(&file, output, "ip-flow-verify", |input, scenario| {
                azure_tools::ip_flow_verify(input, &scenario.network, style, &question)
            })
        }
        Command::Connectivity {
            file,
            src,
            dst,
            protocol,
            source_resource,
            dest_resource,
            dest_address,
            dest_port,
            az,
        } => {
            let src = src.or(source_resource).unwrap_or_default();
            let dst = dst.or(dest_resource).or(dest_address).unwrap_or_default();
            let protocol = dest_port.map_or(protocol, |port| ProtoPort { protocol: IpProtocol::TCP, port });
            let style = Style::new(args.output, az.compat);
            with(&file, output, "connectivity", |input, scenario| {
                azure_tools::connectivity(input, &scenario.network, style, &src, &dst, protocol)
            })
        }
        Command::Peerings { file, vnet, vnet_name, az } => {
            let style = Style::new(args.output, az.compat);
            with(&file, output, "peerings", |input, scenario| {
                azure_tools::peerings(input, &scenario.network, style, vnet.or(vnet_name).as_deref())
            })
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
