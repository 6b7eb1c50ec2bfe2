//! Every scenario of the project runs and ends as it says it does; together they show every way to die.

use std::{
    collections::BTreeSet,
    fs,
    ops::ControlFlow,
    path::{Path, PathBuf},
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
    thread,
};

use vnetsim_analysis::{Played, Setup, judge, play, replays};
use vnetsim_scenario::{CaptureReplay, Scenario, load};
use vnetsim_types::{DropReason, FileId};

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of scenarios") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
        } else if path.file_name().is_some_and(|name| name == "broken.yaml") {
            // The gallery's broken networks must fail: tests/gallery.rs.
        } else if path.extension().is_some_and(|e| e == "yaml" || e == "json") {
            found.push(path);
        }
    }
}

fn all() -> Vec<PathBuf> {
    let mut found = Vec::new();
    files(&scenarios(), &mut found);
    found.sort();
    found
}

/// What came of a file.
#[derive(Clone, Default)]
struct Ran {
    wrong: Vec<String>,
    reasons: BTreeSet<DropReason>,
}

/// Every file, run once; the tests of this binary share it.
fn ran() -> &'static [(PathBuf, Ran)] {
    static RAN: OnceLock<Vec<(PathBuf, Ran)>> = OnceLock::new();
    RAN.get_or_init(|| on_all_cores(all(), run))
}

/// `work` on each path, in the order of the paths.
fn on_all_cores<T: Send>(paths: Vec<PathBuf>, work: impl Fn(&Path) -> T + Sync) -> Vec<(PathBuf, T)> {
    let next = AtomicUsize::new(0);
    let worker = || {
        let mut done = Vec::new();
        while let Some((ix, path)) =
            Some(next.fetch_add(1, Ordering::Relaxed)).and_then(|ix| Some((ix, paths.get(ix)?)))
        {
            done.push((ix, work(path)));
        }
        done
    };
    let threads = thread::available_parallelism().map_or(1, usize::from);
    let mut done: Vec<(usize, T)> = thread::scope(|scope| {
        let workers: Vec<_> = (0..threads).map(|_| scope.spawn(worker)).collect();
        workers.into_iter().flat_map(|w| w.join().expect("no panic")).collect()
    });
    done.sort_by_key(|(ix, _)| *ix);
    paths.iter().cloned().zip(done.into_iter().map(|(_, result)| result)).collect()
}

fn run(path: &Path) -> Ran {
    let bytes = fs::read(path).expect("a readable file");
    let loaded = load(&bytes, FileId(0));
    let mut ran = Ran {
        wrong: loaded.problems.iter().map(|p| format!("{}: {}", p.code, p.message)).collect(),
        ..Ran::default()
    };
    if let Some(scenario) = loaded.scenario {
        held(&scenario, setup(path, &scenario, &mut ran), &mut ran);
    }
    ran
}

/// With the captures, whose paths are relative to the file.
fn setup(path: &Path, scenario: &Scenario, ran: &mut Ran) -> Setup {
    let folder = path.parent().expect("a folder");
    let read = |capture: &CaptureReplay| fs::read(folder.join(&capture.file.value)).expect("a capture");
    let files: Vec<Vec<u8>> = scenario.captures.iter().map(read).collect();
    let (replays, warnings) = replays(scenario, &files).expect("captures");
    ran.wrong.extend(warnings.into_iter().map(|p| p.message));
    Setup { replays, ..Setup::default() }
}

/// The books balance, every expectation holds.
fn held(scenario: &Scenario, setup: Setup, ran: &mut Ran) {
    let played = play(scenario, setup, &mut |_| ControlFlow::Continue(()));
    let report = &played.report;
    ran.reasons = report.dropped.keys().copied().collect();
    let dropped: u64 = report.dropped.values().sum();
    if report.delivered + dropped != report.sent {
        ran.wrong.push(format!("{} sent, {} delivered, {dropped} dropped", report.sent, report.delivered));
    }
    let judged = judge(scenario, &played);
    if judged.is_empty() {
        ran.wrong.push("it expects nothing".to_owned());
    }
    for judgement in judged {
        ran.wrong.extend(judgement.failures.iter().map(|f| format!("{}: {f}", judgement.title)));
    }
}

#[test]
fn all_scenarios_hold_without_a_warning() {
    let wrong = ran().iter().flat_map(|(path, ran)| {
        ran.wrong.iter().map(move |failure| format!("{}: {failure}", path.display()))
    });
    let wrong: Vec<String> = wrong.collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_drop_reason_is_produced() {
    let produced: BTreeSet<DropReason> = ran().iter().flat_map(|(_, ran)| ran.reasons.clone()).collect();
    let missing: Vec<_> = DropReason::ALL.iter().filter(|reason| !produced.contains(reason)).collect();
    assert!(missing.is_empty(), "no scenario ends in {missing:?}");
}

#[test]
fn every_acceptance_vector_is_there() {
    let vectors = (1..=36).map(|n| format!("V-{n:02}")).chain(["V-35b".to_owned()]);
    let missing: Vec<String> =
        vectors.filter(|v| !scenarios().join("vectors").join(format!("{v}.yaml")).is_file()).collect();
    assert!(missing.is_empty(), "no file for {missing:?}");
}

/// The same input gives the same bytes.
#[test]
fn two_runs_are_identical() {
    /// Larger runs say nothing new here and take their time.
    const EVENTS_MAX: u64 = 100_000;
    let differs = |path: &Path| {
        let bytes = fs::read(path).expect("a readable file");
        let played = || {
            load(&bytes, FileId(0)).scenario.map(|scenario| {
                let setup = setup(path, &scenario, &mut Ran::default());
                play(&scenario, setup, &mut |_| ControlFlow::Continue(()))
            })
        };
        let text =
            |played: &Played| format!("{:?} {:?}", played.report.traffic, played.trace.conversations());
        let Some(first) = played().filter(|p| p.report.events <= EVENTS_MAX) else { return false };
        played().is_none_or(|second| text(&first) != text(&second))
    };
    let different: Vec<_> = on_all_cores(all(), differs).into_iter().filter(|(_, d)| *d).collect();
    assert!(different.is_empty(), "{different:?}");
}
