//! What code, scenarios and documents cite exists; what no scenario shows is explained.

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
};

use vnetsim_report::{RuleUse, covers, explained_uncited, rule_uses};
use vnetsim_scenario::load;
use vnetsim_types::FileId;

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../..")
}

/// Files below `folder` with one of the extensions, sorted; build output is not ours.
fn files(folder: &Path, extensions: &[&str], found: &mut Vec<PathBuf>) {
    let mut entries: Vec<_> =
        fs::read_dir(folder).expect("a folder").map(|e| e.expect("an entry").path()).collect();
    entries.sort();
    for path in entries {
        let name = path.file_name().and_then(|n| n.to_str()).unwrap_or_default();
        if path.is_dir() && name != "target" && !name.starts_with('.') {
            files(&path, extensions, found);
        } else if path.extension().and_then(|e| e.to_str()).is_some_and(|e| extensions.contains(&e)) {
            found.push(path);
        }
    }
}

/// The rules as scenarios cite them.
fn uses() -> Vec<RuleUse> {
    let mut scenarios = Vec::new();
    files(&root().join("scenarios"), &["yaml", "json"], &mut scenarios);
    let cites = scenarios.iter().map(|path| {
        let loaded = load(&fs::read(path).expect("a readable file"), FileId(0));
        let cites =
            loaded.scenario.map(|s| s.cites.into_iter().map(|c| c.value).collect()).unwrap_or_default();
        (path.display().to_string(), cites)
    });
    rule_uses(&cites.collect::<Vec<_>>())
}

/// `RT-11` in `see RT-11`: capitals, a hyphen, a number and perhaps a letter.
fn ids_in(text: &str) -> BTreeSet<&str> {
    let words = text.split(|c: char| !c.is_ascii_alphanumeric() && c != '-' && c != '_');
    words.filter(|word| is_id(word)).collect()
}

fn is_id(word: &str) -> bool {
    let Some((family, number)) = word.split_once('-') else { return false };
    let digits = number.trim_end_matches(|c: char| c.is_ascii_lowercase());
    !family.is_empty()
        && family.chars().all(|c| c.is_ascii_uppercase())
        && !digits.is_empty()
        && digits.chars().all(|c| c.is_ascii_digit())
        && number.len() <= digits.len() + 1
}

#[test]
fn every_cited_rule_exists() {
    let known: BTreeSet<String> = uses().into_iter().map(|rule| rule.id).collect();
    let families: BTreeSet<&str> = known.iter().filter_map(|id| Some(id.split_once('-')?.0)).collect();
    let mut found = Vec::new();
    files(&root(), &["rs", "yaml", "json", "toml", "md"], &mut found);
    let mut wrong = Vec::new();
    for path in found.iter().filter(|path| !path.ends_with("docs/semantics.md")) {
        let text = String::from_utf8_lossy(&fs::read(path).expect("a readable file")).into_owned();
        for id in ids_in(&text) {
            let ours = id.split_once('-').is_some_and(|(family, _)| families.contains(family));
            // V-14b and FE-04b are the second halves of V-14 and FE-04.
            let halved = id.starts_with("V-") || id.starts_with("FE-");
            let whole = if halved { id.trim_end_matches(|c: char| c.is_ascii_lowercase()) } else { id };
            let invented = id == "PEER-999"; // a test's example of a rule that does not exist
            let exists = known.contains(id) || known.contains(whole) || invented;
            if ours && !exists {
                wrong.push(format!("{}: {id}", path.display()));
            }
        }
    }
    assert!(wrong.is_empty(), "not in docs/semantics.md:\n{}", wrong.join("\n"));
}

#[test]
fn what_scenarios_cite_exists() {
    let known: BTreeSet<String> = uses().into_iter().map(|rule| rule.id).collect();
    let mut scenarios = Vec::new();
    files(&root().join("scenarios"), &["yaml", "json"], &mut scenarios);
    for path in scenarios {
        let Some(scenario) = load(&fs::read(&path).expect("a readable file"), FileId(0)).scenario else {
            continue;
        };
        for id in &scenario.cites {
            let whole = id.value.trim_end_matches(|c: char| c.is_ascii_lowercase());
            assert!(known.contains(&id.value) || known.contains(whole), "{}: {}", path.display(), id.value);
        }
    }
}

#[test]
fn rules_without_a_scenario_are_explained() {
    let uses = uses();
    let uncited: Vec<&RuleUse> = uses.iter().filter(|rule| rule.scenarios.is_empty()).collect();
    let silent: Vec<&str> = uncited.iter().filter(|r| r.why_not.is_none()).map(|r| r.id.as_str()).collect();
    assert!(silent.is_empty(), "neither in a scenario nor in docs/uncited-rules.md: {silent:?}");
    let stale: Vec<&str> =
        explained_uncited().filter(|row| !uncited.iter().any(|rule| covers(row, &rule.id))).collect();
    assert!(stale.is_empty(), "in docs/uncited-rules.md, but shown by a scenario or unknown: {stale:?}");
}

/// The table of docs/peering-document.md has a row for every statement, and each leads to a scenario that cites the
/// statement, or says that it is a pointer.
#[test]
fn every_statement_of_the_founding_document_has_a_scenario() {
    let table = fs::read_to_string(root().join("docs/peering-document.md")).expect("the table");
    let uses = uses();
    let mut wrong = Vec::new();
    for statement in uses.iter().filter(|rule| rule.id.starts_with('S') && !rule.id.contains('-')) {
        let row = table.lines().find(|line| line.starts_with(&format!("| {} |", statement.id)));
        let Some(row) = row else {
            wrong.push(format!("{}: no row", statement.id));
            continue;
        };
        let name = format!("S{:0>2}.yaml", &statement.id[1..]);
        let cited =
            statement.scenarios.iter().any(|path| path.ends_with(&format!("peering-document/{name}")));
        if row.contains(&name) != cited || !(cited || row.contains("pointer")) {
            wrong.push(format!("{}: {row}", statement.id));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
