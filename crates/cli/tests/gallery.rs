//! The gallery: every broken network fails for the stated cause, its twin holds, and `vnetsim fix` finds most remedies.
//!
//! What is stated stands in the table of scenarios/gallery/README.md: folder, cause, and the command that names it.

use std::{fs, path::PathBuf, process::Command};

/// The issue asks for 15.
const REPAIRED_MIN: usize = 24;

/// Rows whose twin differs in its traffic: what was wrong is the question, not the network.
const OTHER_TRAFFIC: [&str; 1] = ["25"];

/// One row of the table.
struct Problem {
    number: String,
    folder: PathBuf,
    cause: String,
    named_by: String,
}

fn top() -> PathBuf {
    PathBuf::from(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

fn problems() -> Vec<Problem> {
    let gallery = top().join("scenarios/gallery");
    let readme = fs::read_to_string(gallery.join("README.md")).expect("the gallery's README");
    let rows = readme.lines().filter(|line| {
        line.strip_prefix("| ").is_some_and(|rest| rest.starts_with(|c: char| c.is_ascii_digit()))
    });
    let one = |row: &str| {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [number, _, _, cause, named_by, _] = cells[..] else { panic!("six cells: {row}") };
        let mut folders = fs::read_dir(&gallery).expect("the gallery").map(|e| e.expect("an entry").path());
        let is = |path: &PathBuf| {
            path.file_name().is_some_and(|name| name.to_string_lossy().starts_with(&format!("{number}-")))
        };
        let plain = |cell: &str| cell.trim_matches('`').to_owned();
        let folder = folders.find(is).unwrap_or_else(|| panic!("no folder {number}-..."));
        Problem { number: number.to_owned(), folder, cause: plain(cause), named_by: plain(named_by) }
    };
    rows.map(one).collect()
}

/// What a file says under `traffic` and `expect`; its network, and a timeline that mends something, may differ.
fn stated(path: &PathBuf) -> String {
    let text = fs::read_to_string(path).expect("a scenario");
    let (mut kept, mut keeps) = (String::new(), false);
    for line in text.lines() {
        if line.starts_with(|c: char| c.is_ascii_alphabetic()) {
            keeps = line.starts_with("traffic:") || line.starts_with("expect:");
        }
        if keeps && !line.starts_with('#') && !line.trim().is_empty() {
            kept.push_str(line);
            kept.push('\n');
        }
    }
    assert!(kept.contains("traffic:") && kept.contains("expect:"), "{}", path.display());
    kept
}

/// Exit code and everything printed.
fn vnetsim(args: &[&str]) -> (i32, String) {
    let run = Command::new(env!("CARGO_BIN_EXE_vnetsim")).args(args).current_dir(top()).output();
    let run = run.expect("the program starts");
    let text = [run.stdout, run.stderr].concat();
    (run.status.code().unwrap_or(-1), String::from_utf8(text).expect("UTF-8"))
}

#[test]
fn the_table_is_the_gallery() {
    let rows: Vec<String> = problems().iter().map(|problem| problem.number.clone()).collect();
    let folders = fs::read_dir(top().join("scenarios/gallery")).expect("the gallery");
    let folders = folders.filter(|e| e.as_ref().expect("an entry").path().is_dir()).count();
    assert!(rows.len() >= 25, "the 25 problems that users hit most: {rows:?}");
    assert_eq!(rows.len(), folders, "a row for each folder");
}

#[test]
fn broken_ones_fail_and_their_cause_is_named() {
    for problem in problems() {
        let file = problem.folder.join("broken.yaml").display().to_string();
        let (code, text) = vnetsim(&["run", &file]);
        assert_eq!(code, 1, "{file} should fail an expectation:\n{text}");
        let command = problem.named_by.replace("FILE", &file);
        let (_, text) = vnetsim(&command.split(' ').collect::<Vec<_>>());
        let named = text.split_whitespace().any(|word| word == problem.cause);
        assert!(named, "`vnetsim {command}` does not name {}:\n{text}", problem.cause);
    }
}

#[test]
fn fixed_twins_hold_and_expect_the_same() {
    for problem in problems() {
        let [broken, fixed] = ["broken.yaml", "fixed.yaml"].map(|name| problem.folder.join(name));
        let (code, text) = vnetsim(&["run", &fixed.display().to_string()]);
        assert_eq!(code, 0, "{} should hold:\n{text}", fixed.display());
        if !OTHER_TRAFFIC.contains(&&problem.number[..]) {
            let folder = problem.folder.display();
            assert_eq!(stated(&broken), stated(&fixed), "{folder}: other traffic or expectations");
        }
    }
}

/// Every remedy that `fix` prints was played by it; here it only has to find one.
#[test]
fn fix_repairs_most() {
    let mut left = Vec::new();
    for problem in problems() {
        let file = problem.folder.join("broken.yaml").display().to_string();
        let (code, text) = vnetsim(&["fix", &file]);
        if code != 0 || !text.contains("\nFIX ") {
            left.push(problem.number);
        }
    }
    let repaired = problems().len() - left.len();
    assert!(repaired >= REPAIRED_MIN, "fix repairs {repaired}; not {left:?}");
}
