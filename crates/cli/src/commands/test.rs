//! `vnetsim test`: many scenarios, held against what they expect.
//!
//! Owns which files are run, on which threads, and how the command ends. Each file is played as `run` plays it. Files are
//! told in their order, whatever thread ran them. Costs the runs; of each only the words are kept. Ctrl-C ends the program
//! at once: half of the files would prove nothing.

use std::{
    num::NonZeroUsize,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::atomic::{AtomicUsize, Ordering},
    thread,
};

use vnetsim_analysis::Setup;
use vnetsim_report::{self as report, CardKind, Cards, Standing, Suite};
use vnetsim_types::Problem;

use super::{
    judged::{Judged, judged},
    pretty,
};
use crate::{
    Answer, End,
    args::Format,
    captures,
    input::{read, scenario_files},
};

pub(super) fn test(paths: &[PathBuf], filter: Option<&str>, workers: usize, format: Format) -> Answer {
    let files = match files(paths, filter) {
        Ok(files) => files,
        Err(message) => return Answer::usage(message),
    };
    let ran = on_threads(&files, workers);
    let end = ran.iter().map(|ran| ran.end).max_by_key(|end| weight(*end)).unwrap_or(End::AsExpected);
    let err = ran.iter().map(|ran| ran.warnings.as_str()).collect();
    let suites: Vec<Suite> = ran.into_iter().map(|ran| ran.suite).collect();
    let cards = Cards { kind: CardKind::Expectations, suites: &suites };
    let out = match format {
        Format::Table => report::test_text(&cards),
        Format::Json => pretty(&report::test_json(&cards)),
        Format::Junit => report::junit_xml(&cards),
        Format::Sarif => pretty(&report::sarif_json(&cards)),
        Format::Github => report::github_text(&cards),
        Format::Markdown => report::markdown_text(&cards),
    };
    Answer { err, ..Answer::text(out, end) }
}

/// A file that nobody could read says the least, so it counts most.
fn weight(end: End) -> u8 {
    match end {
        End::AsExpected => 0,
        End::NotModelled => 1,
        End::ExpectationFailed => 2,
        End::BadInput | End::BrokenOff => 3,
    }
}

/// The files that `paths` mean, each once, in their order. A folder without one is a mistake of whoever typed it.
fn files(paths: &[PathBuf], filter: Option<&str>) -> Result<Vec<PathBuf>, String> {
    let mut files: Vec<PathBuf> = Vec::new();
    for path in paths {
        let path = from_here(path);
        let found = match path.is_dir() {
            true => {
                scenario_files(&path).map_err(|e| format!("cannot read folder {}: {e}", path.display()))?
            }
            false => vec![path.clone()],
        };
        if found.is_empty() {
            return Err(format!("no scenario file (*.yaml, *.json) in {} or its subfolders", path.display()));
        }
        for file in found {
            if !files.contains(&file) {
                files.push(file);
            }
        }
    }
    let Some(text) = filter else { return Ok(files) };
    let lower = text.to_lowercase();
    let all = files.len();
    files.retain(|file| file.to_string_lossy().to_lowercase().contains(&lower));
    if files.is_empty() {
        return Err(format!("--filter: none of {all} files has `{text}` in its path"));
    }
    Ok(files)
}

/// Relative to the current folder where it lies in it: what reads the answer knows a repository's own paths only.
fn from_here(path: &Path) -> PathBuf {
    let here = std::env::current_dir().ok();
    let inside = here.as_deref().and_then(|here| path.strip_prefix(here).ok());
    match inside {
        Some(inside) if inside.as_os_str().is_empty() => PathBuf::from("."),
        Some(inside) => inside.to_path_buf(),
        None => path.to_path_buf(),
    }
}

/// What came of a file.
struct Ran {
    suite: Suite,
    end: End,
    warnings: String,
}

/// Every file, in the order of `files`. Threads that no file needs help to play one.
fn on_threads(files: &[PathBuf], workers: usize) -> Vec<Ran> {
    let threads = workers.clamp(1, files.len().max(1));
    let each = NonZeroUsize::new(workers / threads).map_or(1, NonZeroUsize::get);
    let next = AtomicUsize::new(0);
    let work = || {
        let mut done = Vec::new();
        loop {
            let ix = next.fetch_add(1, Ordering::Relaxed);
            let Some(file) = files.get(ix) else { return done };
            done.push((ix, run(file, each)));
        }
    };
    let mut done: Vec<(usize, Ran)> = thread::scope(|scope| {
        let threads: Vec<_> = (0..threads).map(|_| scope.spawn(work)).collect();
        threads.into_iter().flat_map(|thread| thread.join().expect("a run does not panic")).collect()
    });
    done.sort_by_key(|(ix, _)| *ix);
    done.into_iter().map(|(_, ran)| ran).collect()
}

fn run(file: &Path, workers: usize) -> Ran {
    let input = read(file);
    let name = file.display().to_string();
    let unreadable = |title: &str, problems: &[Problem]| {
        let suite = report::finding_suite(&name, title, Standing::Unreadable, problems, &[], &input.sources);
        Ran { suite, end: End::BadInput, warnings: String::new() }
    };
    let Some(scenario) = &input.loaded.scenario else { return unreadable("", &input.loaded.problems) };
    let title = scenario.name.as_deref().unwrap_or_default();
    let (replays, warnings) = match captures::recorded(file, scenario) {
        Ok(recorded) => recorded,
        Err(problems) => return unreadable(title, &problems),
    };
    let setup = Setup { workers, replays, taps: None };
    let Judged { played, judgements, end } = judged(scenario, setup, &mut |_| ControlFlow::Continue(()));
    let standing = match end {
        End::AsExpected => Standing::Holds,
        End::NotModelled => Standing::NotModelled,
        _ => Standing::Failed,
    };
    let suite = report::expectation_suite(&name, title, standing, &played, &judgements, &input.sources);
    let warnings = [&input.loaded.problems[..], &warnings].concat();
    Ran { suite, end, warnings: report::problems_text(&warnings, &input.sources) }
}
