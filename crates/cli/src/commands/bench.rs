//! `vnetsim bench`: how fast this machine forwards through a network. Progress goes to a terminal only.

use indicatif::{ProgressBar, ProgressStyle};
use vnetsim_model::Network;
use vnetsim_report as report;
use vnetsim_throughput::{Options, Phase, measure};

use super::{Asked, pretty};
use crate::{Answer, End, args::Output};

/// Measures, and words the figures.
pub(super) fn bench(network: &Network, output: Output, options: &Options) -> Asked {
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
