//! Whatever is fed to the program, it ends with code 2 and a message: no panic, no hang.

use std::{
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

fn vnetsim(args: &[&str]) -> Output {
    Command::new(env!("CARGO_BIN_EXE_vnetsim")).args(args).output().expect("the program starts")
}

fn file(name: &str, bytes: &[u8]) -> PathBuf {
    let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    fs::write(&path, bytes).expect("a file in the target folder");
    path
}

/// Asks every command that reads a file; all must refuse with code 2 and say `code` and nothing on standard output.
fn refused(name: &str, bytes: &[u8], code: &str) {
    refused_path(&file(name, bytes), code);
}

fn refused_path(path: &Path, code: &str) {
    let path = path.to_str().expect("a path in UTF-8");
    for args in
        [vec!["run", path], vec!["check", path], vec!["trace", path, "a", "b"], vec!["routes", path, "x/y"]]
    {
        let output = vnetsim(&args);
        let err = String::from_utf8_lossy(&output.stderr);
        assert_eq!(output.status.code(), Some(2), "{args:?}: {err}");
        assert!(
            err.contains(code),
            "{args:?} does not say {code}: {}",
            err.chars().take(500).collect::<String>()
        );
        assert!(!err.contains("panicked"), "{err}");
        assert!(output.stdout.is_empty());
    }
}

#[test]
fn files_that_are_no_scenarios() {
    refused("empty.yaml", b"", "EMPTY_FILE");
    refused("blank.yaml", b"\n\n  # only a comment\n", "EMPTY_FILE");
    refused("not-utf8.yaml", b"name: \xff\xfe\n", "NOT_UTF8");
    refused("binary.yaml", &[0u8; 4096], "error[");
    refused("list.yaml", b"- a\n- b\n", "WRONG_TYPE");
    refused("scalar.yaml", b"hello\n", "WRONG_TYPE");
    refused("syntax.yaml", b"network: [\n", "YAML_SYNTAX");
    refused(
        "wrong-types.yaml",
        b"network: { virtualNetworks: 7, routeTables: { a: 1 } }\ntraffic: yes\n",
        "WRONG_TYPE",
    );
    refused_path(Path::new(env!("CARGO_TARGET_TMPDIR")), "CANNOT_READ");
    refused_path(&Path::new(env!("CARGO_TARGET_TMPDIR")).join("no-such-file.yaml"), "CANNOT_READ");
}

#[test]
fn ten_megabytes_of_nesting() {
    refused("brackets.yaml", "[".repeat(10 << 20).as_bytes(), "TOO_DEEP");
    refused("braces.yaml", "{a: ".repeat(10 << 18).as_bytes(), "TOO_DEEP");
    let mut indented = String::new();
    for depth in 0..4_000 {
        indented.push_str(&" ".repeat(depth));
        indented.push_str("a:\n");
    }
    refused("indented.yaml", indented.as_bytes(), "TOO_DEEP");
}

#[test]
fn references_and_overlaps() {
    let unknown = b"network:\n  virtualNetworks:\n    - { name: a, addressSpace: { addressPrefixes: [10.0.0.0/16] },\n        subnets: [{ name: s, addressPrefix: 10.0.0.0/24, routeTable: nope }] }\n";
    refused("unknown.yaml", unknown, "UNKNOWN_REFERENCE");
    let overlap = b"network:\n  virtualNetworks:\n    - { name: a, addressSpace: { addressPrefixes: [10.0.0.0/16] },\n        virtualNetworkPeerings: [{ name: ab, remoteVirtualNetwork: b }] }\n    - { name: b, addressSpace: { addressPrefixes: [10.0.1.0/24] } }\n";
    refused("overlap.yaml", overlap, "VnetAddressSpacesOverlap");
}

#[test]
fn bad_usage_ends_with_code_2() {
    for args in [
        &["run"][..],
        &["no-such-command"],
        &["trace", "x"],
        &["explain", "NOTHING_LIKE_IT"],
        &["run", "-o", "xml", "x"],
    ] {
        assert_eq!(vnetsim(args).status.code(), Some(2), "{args:?}");
    }
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/hub-and-spoke.yaml");
    let good = good.to_str().expect("a path in UTF-8");
    for args in
        [&["trace", good, "vm1", "nobody"][..], &["routes", good, "nothing"], &["nsg", good, "nothing"]]
    {
        let output = vnetsim(args);
        assert_eq!(output.status.code(), Some(2), "{args:?}");
        assert!(String::from_utf8_lossy(&output.stderr).starts_with("error: no "), "{args:?}");
    }
}

/// A good scenario with lines taken out, doubled, swapped or cut: never anything but an ordinary ending.
#[test]
fn mutated_scenarios_end_ordinarily() {
    let good = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../scenarios/hub-and-spoke.yaml");
    let text = fs::read_to_string(good).expect("the showcase");
    let lines: Vec<&str> = text.lines().collect();
    let mut seed: u64 = 0x5eed;
    let mut next = |below: usize| {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (seed >> 33) as usize % below
    };
    for round in 0..120 {
        let mut mutated: Vec<String> = lines.iter().map(|l| (*l).to_owned()).collect();
        for _ in 0..=next(4) {
            let at = next(mutated.len());
            match next(5) {
                0 => drop(mutated.remove(at)),
                1 => mutated.insert(at, mutated[at].clone()),
                2 => mutated.truncate(at.max(1)),
                3 => mutated[at] = mutated[at].replace("10.", "10.999."),
                _ => {
                    let other = next(mutated.len());
                    mutated.swap(at, other);
                }
            }
        }
        let path = file(&format!("mutated-{round}.yaml"), mutated.join("\n").as_bytes());
        let output = vnetsim(&["run", path.to_str().expect("a path in UTF-8")]);
        let err = String::from_utf8_lossy(&output.stderr);
        let code = output.status.code();
        assert!(
            matches!(code, Some(0..=3)) && !err.contains("panicked"),
            "round {round}, code {code:?}: {err}"
        );
    }
}
