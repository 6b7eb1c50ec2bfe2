//! The "Never" list of ARCHITECTURE.md, checked against `cargo metadata`.

use std::{collections::BTreeMap, process::Command};

use serde_json::Value;

/// Own crates that each crate may depend on (rooms of ARCHITECTURE.md). Tests may depend on more.
const MAY_IMPORT: &[(&str, &[&str])] = &[
    ("vnetsim-types", &[]),
    ("vnetsim-packet", &["types"]),
    ("vnetsim-capture", &["types", "packet"]),
    ("vnetsim-data", &["types"]),
    ("vnetsim-model", &["types", "data"]),
    ("vnetsim-scenario", &["model", "types", "data"]),
    ("vnetsim-dataplane", &["types", "packet"]),
    ("vnetsim-compile", &["model", "types", "data", "dataplane"]),
    ("vnetsim-host", &["types", "packet"]),
    ("vnetsim-sim", &["dataplane", "compile", "host", "model", "packet", "types", "data"]),
    ("vnetsim-throughput", &["dataplane", "compile", "model", "packet", "types"]),
    ("vnetsim-trace", &["types", "model", "compile"]),
    (
        "vnetsim-analysis",
        &["types", "packet", "capture", "data", "model", "scenario", "compile", "dataplane", "sim", "trace"],
    ),
    (
        "vnetsim-report",
        &["types", "capture", "data", "model", "compile", "sim", "trace", "analysis", "throughput"],
    ),
    ("vnetsim-oracle", &["model", "types", "packet"]),
    (
        "vnetsim",
        &[
            "types",
            "data",
            "model",
            "scenario",
            "compile",
            "sim",
            "trace",
            "analysis",
            "report",
            "throughput",
        ],
    ),
];

/// Crates that only tests and benches use: they may import everything.
const TESTS_ONLY: &[&str] = &["vnetsim-testkit", "vnetsim-benches"];

/// Foreign crates that a room may depend on; rooms not named here may depend on none.
const MAY_USE: &[(&str, &[&str])] = &[
    ("vnetsim-types", &["ipnet"]),
    ("vnetsim-packet", &["etherparse"]),
    ("vnetsim-capture", &["etherparse", "pcap-parser"]),
    ("vnetsim-dataplane", &["libc", "rustc-hash"]),
    ("vnetsim-host", &["rustc-hash", "smoltcp"]),
    ("vnetsim-sim", &["crossbeam-channel", "rand_pcg", "rustc-hash"]),
    ("vnetsim-throughput", &["crossbeam-channel"]),
    ("vnetsim-data", &["serde", "toml"]),
    ("vnetsim-model", &["strsim"]),
    ("vnetsim-scenario", &["granit-parser", "serde_json"]),
    ("vnetsim-report", &["annotate-snippets", "quick-junit", "serde_json"]),
    ("vnetsim", &["clap", "clap_complete", "clap_mangen", "indicatif", "serde_json", "signal-hook"]),
];

/// Package name -> its normal dependencies, from `cargo metadata`.
fn dependencies() -> BTreeMap<String, Vec<String>> {
    let output = Command::new(env!("CARGO"))
        .args(["metadata", "--format-version", "1", "--no-deps", "--offline"])
        .current_dir(env!("CARGO_MANIFEST_DIR"))
        .output()
        .expect("cargo runs");
    let metadata: Value = serde_json::from_slice(&output.stdout).expect("cargo metadata prints JSON");
    let packages = metadata["packages"].as_array().expect("a list of packages");
    let names = |package: &Value| -> Vec<String> {
        let all = package["dependencies"].as_array().expect("a list of dependencies");
        let normal = all.iter().filter(|d| d["kind"].is_null());
        normal.map(|d| d["name"].as_str().expect("a name").to_owned()).collect()
    };
    packages.iter().map(|p| (p["name"].as_str().expect("a name").to_owned(), names(p))).collect()
}

#[test]
fn rooms_import_only_what_the_architecture_allows() {
    let mut wrong = Vec::new();
    for (package, used) in dependencies() {
        if TESTS_ONLY.contains(&package.as_str()) {
            continue;
        }
        let Some((_, own)) = MAY_IMPORT.iter().find(|(name, _)| *name == package) else {
            wrong.push(format!("{package} is not in ARCHITECTURE.md"));
            continue;
        };
        let foreign = MAY_USE.iter().find(|(name, _)| *name == package).map_or(&[][..], |(_, list)| list);
        for name in used {
            let allowed = match name.strip_prefix("vnetsim-") {
                Some(short) => own.contains(&short),
                None => foreign.contains(&name.as_str()),
            };
            if !allowed {
                wrong.push(format!("{package} must not depend on {name}"));
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_list_exists() {
    let all = dependencies();
    for (name, _) in MAY_IMPORT {
        assert!(all.contains_key(*name), "{name} is gone; take it off the list and out of ARCHITECTURE.md");
    }
}

/// The modules that may say `unsafe`, each with its invariants and a bench that shows what it buys.
const UNSAFE: &[&str] =
    &["benches/tests/alloc.rs", "benches/tests/memory.rs", "crates/dataplane/src/memory.rs"];

#[test]
fn unsafe_code_stays_in_its_modules() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let manifest = std::fs::read_to_string(root.join("Cargo.toml")).expect("the root manifest");
    assert!(manifest.contains("unsafe_code = \"deny\""));
    let mut allowed = Vec::new();
    for name in dependencies().keys() {
        let short = name.strip_prefix("vnetsim-").unwrap_or("cli");
        let folder = if short == "benches" { root.join("benches") } else { root.join("crates").join(short) };
        let manifest = std::fs::read_to_string(folder.join("Cargo.toml")).expect("a crate's manifest");
        assert!(manifest.contains("[lints]\nworkspace = true"), "{name} does not take the workspace's lints");
        sources(&folder, &mut |path, text| {
            if text.contains("allow(unsafe_code)") && !path.ends_with("cli/tests/architecture.rs") {
                let path = path.strip_prefix(&root).unwrap_or(path);
                allowed.push(path.to_string_lossy().replace("crates/cli/../../", ""));
            }
        });
    }
    allowed.sort_unstable();
    assert_eq!(allowed, UNSAFE);
}

/// Every Rust file under `folder`.
fn sources(folder: &std::path::Path, read: &mut dyn FnMut(&std::path::Path, &str)) {
    for entry in std::fs::read_dir(folder).expect("a folder of the project") {
        let path = entry.expect("an entry").path();
        if path.is_dir() {
            sources(&path, read);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            read(&path, &std::fs::read_to_string(&path).expect("a source file"));
        }
    }
}
