//! Every scenario of the project runs and ends as it says it does.

use std::{
    fs,
    path::{Path, PathBuf},
};

use vnetsim_analysis::{judge, play};
use vnetsim_scenario::load;
use vnetsim_types::FileId;

fn scenarios() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios")
}

fn files(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of scenarios") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            files(&path, found);
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

/// What does not hold in a file; empty when all does.
fn failures(path: &Path) -> Vec<String> {
    let bytes = fs::read(path).expect("a readable file");
    let loaded = load(&bytes, FileId(0));
    let mut wrong: Vec<String> =
        loaded.problems.iter().map(|p| format!("{}: {}", p.code, p.message)).collect();
    if let Some(scenario) = loaded.scenario {
        let played = play(&scenario);
        let report = &played.report;
        let dropped: u64 = report.dropped.values().sum();
        if report.delivered + dropped != report.sent {
            wrong.push(format!("{} sent, {} delivered, {dropped} dropped", report.sent, report.delivered));
        }
        let judged = judge(&scenario, &played);
        if judged.is_empty() {
            wrong.push("it expects nothing".to_owned());
        }
        for judgement in judged {
            wrong.extend(judgement.failures.iter().map(|f| format!("{}: {f}", judgement.title)));
        }
    }
    wrong
}

#[test]
fn all_scenarios_hold_without_a_warning() {
    let wrong: Vec<String> = all()
        .iter()
        .flat_map(|path| failures(path).into_iter().map(move |f| format!("{}: {f}", path.display())))
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_acceptance_vector_of_this_stage_is_there() {
    let vectors = (1..=22).map(|n| format!("V-{n:02}")).chain(["V-35".to_owned(), "V-35b".to_owned()]);
    let missing: Vec<String> =
        vectors.filter(|v| !scenarios().join("vectors").join(format!("{v}.yaml")).is_file()).collect();
    assert!(missing.is_empty(), "no file for {missing:?}");
}

/// The same input gives the same bytes.
#[test]
fn two_runs_are_identical() {
    for path in all() {
        let bytes = fs::read(&path).expect("a readable file");
        let text = || {
            let scenario = load(&bytes, FileId(0)).scenario.expect("a scenario without errors");
            let played = play(&scenario);
            format!("{:?} {:?}", played.report.traffic, played.trace.conversations())
        };
        assert_eq!(text(), text(), "{}", path.display());
    }
}
