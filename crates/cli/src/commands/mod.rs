//! The commands: read, ask, word the answer.

mod azure_tools;
mod check;
mod completions;
mod diff;
mod explain;
mod fix;
mod judged;
mod man;
mod matrix;
mod test;
mod trace;

use std::{num::NonZeroUsize, path::Path};

use clap::ValueEnum;

use indicatif::{ProgressBar, ProgressStyle};
use serde_json::Value;
use vnetsim_analysis::{DiffQuestion, Grouping, MatrixQuestion, Setup, bill, readings};
use vnetsim_data::Data;
use vnetsim_model::Network;
use vnetsim_report::{self as report, Sources};
use vnetsim_scenario::Scenario;
use vnetsim_throughput::{Options, Phase, measure};
use vnetsim_types::{IpProtocol, Problem, ProtoPort};

use crate::{
    Answer, End,
    args::{Args, CaptureArgs, Command, Format, Output},
    captures,
    input::{Input, read},
    watch::Watch,
};
use judged::{Judged, judged};

use azure_tools::Style;

/// Runs the command that was typed.
pub(crate) fn run(args: Args) -> Answer {
    if let Some(answer) = lacks(&args) {
        return answer;
    }
    // A command that has more takes `format` itself.
    let format = args.output.unwrap_or(Format::Table);
    let plain = args.output.and_then(Format::plain);
    let output = plain.unwrap_or(Output::Table);
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
        Command::Test { paths, filter, workers } => {
            let workers = workers.map_or_else(cores, NonZeroUsize::get);
            test::test(&paths, filter.as_deref(), workers, format)
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
        Command::Trace { file, question } => with(&file, output, "trace", |input, scenario| {
            trace::trace(&file, input, scenario, output, &question)
        }),
        Command::Routes { file, target, name, az } => {
            let target = target.or(name).unwrap_or_default();
            let style = Style::new(plain, az.compat);
            with(&file, output, "routes", |_, scenario| {
                azure_tools::routes(&scenario.network, style, &target)
            })
        }
        Command::NextHop { file, nic, ip, vm, nic_of_vm, dest_ip, az, .. } => {
            let (nic, ip) =
                (nic_of_vm.or(nic).or(vm).unwrap_or_default(), ip.or(dest_ip).unwrap_or_default());
            let style = Style::new(plain, az.compat);
            with(&file, output, "next-hop", |_, scenario| {
                azure_tools::next_hop(&scenario.network, style, &nic, &ip)
            })
        }
        Command::Nsg { file, nic, name, az } => {
            let nic = nic.or(name).unwrap_or_default();
            let style = Style::new(plain, az.compat);
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
            let style = Style::new(plain, az.compat);
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
            let style = Style::new(plain, az.compat);
            with(&file, output, "connectivity", |input, scenario| {
                azure_tools::connectivity(input, &scenario.network, style, &src, &dst, protocol)
            })
        }
        Command::Peerings { file, vnet, vnet_name, az } => {
            let style = Style::new(plain, az.compat);
            with(&file, output, "peerings", |input, scenario| {
                azure_tools::peerings(input, &scenario.network, style, vnet.or(vnet_name).as_deref())
            })
        }
        Command::Bench { file, flows, packet_size, workers, duration } => {
            let workers = workers.unwrap_or_else(cores);
            let options = Options { flows, packet_size, workers, duration };
            with(&file, output, "bench", |_, scenario| bench(&scenario.network, output, &options))
        }
        Command::Check { file, fail_on } => check::check(&file, fail_on, format),
        Command::Fix { file, src, dst, protocol } => {
            let flow = src.zip(dst).map(|(src, dst)| fix::Flow { src, dst, protocol });
            with(&file, output, "fix", |input, scenario| {
                fix::fix(&file, input, scenario, flow.as_ref(), output)
            })
        }
        Command::Explain { topic } => explain::explain(topic.as_deref(), output),
        Command::Rules { folder, uncited } => rules(&folder, uncited, output),
        Command::Data => Answer::text(data(output), End::AsExpected),
        Command::Schema => Answer::text(pretty(&vnetsim_scenario::schema()), End::AsExpected),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { folder } => man::man(folder.as_deref()),
    }
}

fn threads(asked: Option<NonZeroUsize>) -> NonZeroUsize {
    asked.or_else(|| std::thread::available_parallelism().ok()).unwrap_or(NonZeroUsize::MIN)
}

/// A command and a format that it does not have.
fn lacks(args: &Args) -> Option<Answer> {
    let name =
        |format: &Format| format.to_possible_value().map(|v| v.get_name().to_owned()).unwrap_or_default();
    let formats = args.command.formats();
    let has: Vec<String> = formats.iter().map(|format| format!("`{}`", name(format))).collect();
    let wanted = args.output.filter(|wanted| !formats.contains(wanted))?;
    let message = format!("this command has no output `{}`; it has {}", name(&wanted), has.join(" and "));
    Some(Answer::usage(message))
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

/// Reads the `cites` of every scenario file under `folder`; one that cannot be read stops the answer.
fn rules(folder: &Path, uncited: bool, output: Output) -> Answer {
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

/// The scenario files of a folder and its subfolders, sorted.
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
    found.sort();
    Ok(found)
}

fn data(output: Output) -> String {
    let sources = Data::current().sources();
    match output {
        Output::Table => report::data_text(sources),
        Output::Json => pretty(&report::data_json(sources)),
    }
}
