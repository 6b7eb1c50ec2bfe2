//! The files of captures: those that a scenario replays, and the one that a run writes.

use std::{
    fs::File,
    io::BufWriter,
    path::{Path, PathBuf},
};

use vnetsim_analysis::{Played, Replays, replays};
use vnetsim_model::Network;
use vnetsim_report::{Sources, write_taps};
use vnetsim_scenario::Scenario;
use vnetsim_trace::{TapFilter, TapRecorder};
use vnetsim_types::Problem;

use crate::{args::CaptureArgs, input};

/// Largest capture that is replayed.
const CAPTURE_BYTES_MAX: u64 = 1 << 30;

/// What the captures of a scenario send, and warnings; or why they cannot be read. Their paths are relative to `file`.
pub(crate) fn recorded(file: &Path, scenario: &Scenario) -> Result<(Replays, Vec<Problem>), Vec<Problem>> {
    let (mut contents, mut problems) = (Vec::new(), Vec::new());
    for (capture, path) in scenario.captures.iter().zip(paths(file, scenario)) {
        match input::bytes(&path, CAPTURE_BYTES_MAX) {
            Ok(bytes) => contents.push(bytes),
            Err(why) => {
                let message =
                    format!("capture {}: cannot read {}: {why}", capture.name.value, path.display());
                let problem = Problem::error("CANNOT_READ", capture.file.span, message);
                problems.push(
                    problem.help("name a pcap or pcapng file; its path is relative to the scenario's folder"),
                );
            }
        }
    }
    if problems.is_empty() { replays(scenario, &contents) } else { Err(problems) }
}

fn paths(file: &Path, scenario: &Scenario) -> impl Iterator<Item = PathBuf> {
    let folder = file.parent().unwrap_or(Path::new("")).to_path_buf();
    scenario.captures.iter().map(move |capture| folder.join(&capture.file.value))
}

/// A file to be written.
pub(crate) struct Output {
    path: PathBuf,
    file: File,
}

/// The taps that were asked for, and the file for what they see. An input is never overwritten.
pub(crate) fn asked_for(
    args: &CaptureArgs,
    network: &Network,
    inputs: impl IntoIterator<Item = PathBuf>,
) -> Result<Option<(TapRecorder, Output)>, String> {
    let Some(path) = args.capture.clone() else { return Ok(None) };
    let filter = TapFilter::named(network, &args.capture_at).map_err(|why| format!("--capture-at: {why}"))?;
    let same =
        |input: &PathBuf| path.canonicalize().is_ok_and(|out| input.canonicalize().is_ok_and(|i| i == out));
    if inputs.into_iter().any(|input| same(&input)) {
        return Err(format!("--capture: {} is an input of this run; name another file", path.display()));
    }
    let file = File::create(&path).map_err(|e| cannot_write(&path, &e))?;
    Ok(Some((TapRecorder::new(filter, args.capture_limit), Output { path, file })))
}

/// The files that a run of `scenario` reads.
pub(crate) fn inputs(file: &Path, scenario: &Scenario) -> Vec<PathBuf> {
    std::iter::once(file.to_path_buf()).chain(paths(file, scenario)).collect()
}

impl Output {
    /// Writes what was recorded; a line about it.
    pub(crate) fn write(self, played: &Played, sources: &Sources) -> Result<String, String> {
        let written = write_taps(BufWriter::new(self.file), played, sources);
        let written = written.map_err(|e| cannot_write(&self.path, &e))?;
        let mut line = format!(
            "wrote {}: {} frames of {} packets at {} taps\n",
            self.path.display(),
            written.frames,
            written.packets,
            written.taps
        );
        if written.left_out > 0 {
            line.push_str(&format!(
                "note: {} more packets are not in it; --capture-limit N makes room for N packets\n",
                written.left_out
            ));
        }
        Ok(line)
    }
}

fn cannot_write(path: &Path, why: &std::io::Error) -> String {
    format!("--capture: cannot write {}: {why}", path.display())
}
