//! The commands: read, ask, word the answer.
//!
//! Owns which command was typed, and what all of them need: reading a file with its problems, the forms of an answer. A
//! file for each command; [`azure_tools`] has those of the Azure CLI. Called by `main`. Must never decide what a network does.

mod azure_tools;
mod bench;
mod check;
mod completions;
mod data;
mod diff;
mod explain;
mod fix;
mod judged;
mod man;
mod matrix;
mod rules;
mod run;
mod test;
mod trace;

use std::path::Path;

use clap::ValueEnum;
use serde_json::Value;
use vnetsim_data::Data;
use vnetsim_report::{self as report, Sources};
use vnetsim_scenario::Scenario;
use vnetsim_throughput::Options;
use vnetsim_types::Problem;

use crate::{
    Answer, End,
    args::{Args, Command, Format, Output, cores},
    input::{Input, read},
};

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
        Command::Run { file, workers, taps } => with(&file, output, "run", |input, scenario| {
            run::run(&file, input, scenario, output, workers.number().get(), &taps)
        }),
        Command::Test { paths, filter, workers } => {
            test::test(&paths, filter.as_deref(), workers.number().get(), format)
        }
        Command::Trace { file, question } => with(&file, output, "trace", |input, scenario| {
            trace::trace(&file, input, scenario, output, &question)
        }),
        Command::Matrix { file, asked } => {
            with(&file, output, "matrix", |_, scenario| matrix::matrix(&scenario.network, output, asked))
        }
        Command::Diff { before, now, probing } => diff::diff([&before, &now], output, probing),
        Command::Routes(asked) => azure_tools::routes(&asked, plain),
        Command::NextHop(asked) => azure_tools::next_hop(&asked, plain),
        Command::Nsg(asked) => azure_tools::nsg(&asked, plain),
        Command::IpFlowVerify(asked) => azure_tools::ip_flow_verify(&asked, plain),
        Command::Connectivity(asked) => azure_tools::connectivity(&asked, plain),
        Command::Peerings(asked) => azure_tools::peerings(&asked, plain),
        Command::Check { file, fail_on } => check::check(&file, fail_on, format),
        Command::Fix { file, src, dst, protocol } => {
            let flow = src.zip(dst).map(|(src, dst)| fix::Flow { src, dst, protocol });
            with(&file, output, "fix", |input, scenario| {
                fix::fix(&file, input, scenario, flow.as_ref(), output)
            })
        }
        Command::Bench { file, flows, packet_size, workers, duration } => {
            let workers = workers.unwrap_or_else(|| cores().get());
            let options = Options { flows, packet_size, workers, duration };
            with(&file, output, "bench", |_, scenario| bench::bench(&scenario.network, output, &options))
        }
        Command::Explain { topic } => explain::explain(topic.as_deref(), output),
        Command::Rules { folder, uncited } => rules::rules(&folder, uncited, output),
        Command::Data => data::data(output),
        Command::Schema => Answer::text(pretty(&vnetsim_scenario::schema()), End::AsExpected),
        Command::Completions { shell } => completions::completions(shell),
        Command::Man { folder } => man::man(folder.as_deref()),
    }
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
