//! Findings are found where they are, and nowhere else: scenarios/findings has a file for each code, and networks that are right.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use vnetsim_analysis::{Finding, check};
use vnetsim_scenario::{Scenario, load};
use vnetsim_types::{FileId, FindingCode, Severity};

fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

fn scenario(path: &Path) -> Scenario {
    let bytes = fs::read(path).expect("a scenario");
    load(&bytes, FileId(0)).scenario.unwrap_or_else(|| panic!("{} has errors", path.display()))
}

/// YAML files directly in `folder`, sorted.
fn files(folder: &str) -> Vec<PathBuf> {
    let entries = fs::read_dir(top().join(folder)).expect("a folder of scenarios");
    let paths = entries.map(|entry| entry.expect("an entry").path());
    let mut paths: Vec<PathBuf> =
        paths.filter(|path| path.extension().is_some_and(|e| e == "yaml")).collect();
    paths.sort();
    paths
}

fn found(path: &Path) -> Vec<Finding> {
    check(&scenario(path)).findings
}

#[test]
fn every_code_has_a_file_that_shows_it() {
    let mut shown = BTreeSet::new();
    for path in files("scenarios/findings") {
        let name = path.file_stem().expect("a name").to_string_lossy().replace('-', "_");
        let code: FindingCode = name.parse().unwrap_or_else(|_| panic!("{name} is no finding's code"));
        let codes: Vec<FindingCode> = found(&path).iter().map(|finding| finding.code).collect();
        assert!(codes.contains(&code), "{} shows {codes:?}", path.display());
        shown.insert(code);
    }
    let missing: Vec<_> = FindingCode::ALL.iter().filter(|code| !shown.contains(code)).collect();
    assert!(missing.is_empty(), "no file in scenarios/findings shows {missing:?}");
}

#[test]
fn right_networks_have_no_errors_and_no_warnings() {
    let clean = files("scenarios/findings/clean");
    assert!(clean.len() >= 10, "{} networks", clean.len());
    for path in clean {
        let bad: Vec<_> = found(&path).into_iter().filter(|f| f.severity != Severity::Note).collect();
        assert!(bad.is_empty(), "{}: {bad:#?}", path.display());
    }
}

/// Mending brings no findings worse than a note that the broken network did not have.
#[test]
fn mending_breaks_nothing() {
    let gallery = fs::read_dir(top().join("scenarios/gallery")).expect("the gallery");
    for folder in gallery.map(|entry| entry.expect("an entry").path()).filter(|path| path.is_dir()) {
        let before: BTreeSet<FindingCode> =
            found(&folder.join("broken.yaml")).iter().map(|f| f.code).collect();
        let after = found(&folder.join("fixed.yaml"));
        let new: Vec<_> =
            after.iter().filter(|f| f.severity != Severity::Note && !before.contains(&f.code)).collect();
        assert!(new.is_empty(), "{}: {new:#?}", folder.display());
        let errors: Vec<_> = after.iter().filter(|f| f.severity == Severity::Error).collect();
        assert!(errors.is_empty(), "{}: {errors:#?}", folder.display());
    }
}

/// Every finding says what to do, where, and nothing twice; so do those of all other scenarios.
#[test]
fn findings_say_what_to_do() {
    let mut all = Vec::new();
    for folder in ["findings", "vectors", "hubs", "gateways", "balancers", "rules", "published", "drops"] {
        all.extend(files(&format!("scenarios/{folder}")));
    }
    for path in all {
        for finding in found(&path) {
            let at = format!("{} {} {}", path.display(), finding.code, finding.object);
            assert!(!finding.fix.is_empty(), "{at}: no remedy");
            assert!(!finding.span.is_none(), "{at}: no place");
            assert!(!finding.what.is_empty() && !finding.object.is_empty(), "{at}: no words");
            let lines = [&finding.because, &finding.fix, &finding.flows];
            for lines in lines {
                let unique: BTreeSet<&String> = lines.iter().collect();
                assert_eq!(unique.len(), lines.len(), "{at}: {lines:?}");
            }
            let first = finding.fix[0].trim_start();
            assert!(!first.starts_with("or ") && !first.starts_with("and "), "{at}: {:?}", finding.fix);
        }
    }
}
