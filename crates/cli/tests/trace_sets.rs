//! A trace of sets says of each pair what a trace of that pair alone says.

use std::process::Command;

use serde_json::Value;

fn run(args: &[&str]) -> (i32, String, String) {
    let output = Command::new(env!("CARGO_BIN_EXE_vnetsim"))
        .args(args)
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("the program starts");
    let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
    (output.status.code().expect("an end"), text(output.stdout), text(output.stderr))
}

fn json(args: &[&str]) -> Value {
    let (code, out, err) = run(&[args, &["-o", "json"]].concat());
    assert_eq!(code, 0, "{args:?}: {err}");
    serde_json::from_str(&out).expect("JSON")
}

#[test]
fn every_pair_ends_as_it_does_alone() {
    let files = [
        "scenarios/hub-and-spoke.yaml",
        "crates/cli/tests/azure_cli/many.yaml",
        "scenarios/vectors/V-14.yaml",
    ];
    for file in files {
        let all = json(&["trace", file, "*", "*"]);
        let mut seen = Vec::new();
        for group in all["groups"].as_array().expect("groups") {
            let pairs = group["pairs"].as_array().expect("pairs");
            assert_eq!(group["count"], pairs.len());
            for pair in pairs {
                let (from, to) =
                    (pair["from"].as_str().expect("a name"), pair["to"].as_str().expect("a name"));
                let alone = json(&["trace", file, from, to]);
                assert_eq!(alone["verdict"], group["verdict"], "{file}: {from} -> {to}");
                assert_eq!(alone["drop"]["reason"], group["reason"], "{file}: {from} -> {to}");
                seen.push((from.to_owned(), to.to_owned()));
            }
        }
        assert_eq!(all["pairs"], seen.len());
        seen.sort();
        seen.dedup();
        assert_eq!(all["pairs"], seen.len(), "{file}: each pair is in one group");
    }
}

/// Machines of one subnet under one table go the same way, so there is one group for each fate and
/// each row of appliances.
#[test]
fn equal_ways_are_one_group() {
    let all = json(&["trace", "crates/cli/tests/azure_cli/many.yaml", "spoke/app", "*"]);
    let groups: Vec<(&Value, &Value, usize)> = all["groups"]
        .as_array()
        .expect("groups")
        .iter()
        .map(|g| (&g["reason"], &g["at"], g["pairs"].as_array().expect("pairs").len()))
        .collect();
    // Three senders: two databases denied; among themselves and to the appliance, directly; two web servers by the
    // appliance.
    let sizes: Vec<usize> = groups.iter().map(|(_, _, size)| *size).collect();
    assert_eq!(sizes, [6, 9, 6]);
    assert_eq!(groups[0].0, "NSG_DENY");
    assert_eq!(groups[0].1, "the receiver");
}

#[test]
fn what_is_for_one_flow_is_refused_for_many() {
    let (code, _, err) = run(&["trace", "scenarios/hub-and-spoke.yaml", "s1", "*", "--traceroute"]);
    assert_eq!(code, 2);
    assert!(err.contains("name two machines"), "{err}");
    let (code, _, err) = run(&["trace", "scenarios/hub-and-spoke.yaml", "nobody", "*"]);
    assert_eq!(code, 2);
    assert!(err.contains("`nobody`"), "{err}");
}

/// 120 machines are 14,280 pairs: the first 10,000 are asked, and that is said.
#[test]
fn more_pairs_than_the_limit_are_left_out_and_counted() {
    let vms: String = (0..120).map(|n| format!("    - {{name: vm{n:03}, subnet: v/a}}\n")).collect();
    let text = format!(
        "network:\n  virtualNetworks:\n    - name: v\n      addressSpace: {{addressPrefixes: [10.0.0.0/16]}}\n      \
         subnets: [{{name: a, addressPrefix: 10.0.0.0/24}}]\n  virtualMachines:\n{vms}"
    );
    let file = std::env::temp_dir().join(format!("vnetsim-trace-sets-{}.yaml", std::process::id()));
    std::fs::write(&file, text).expect("a file");
    let name = file.to_str().expect("a name");
    let all = json(&["trace", name, "v", "v/a"]);
    let (_, words, _) = run(&["trace", name, "v", "v/a"]);
    std::fs::remove_file(&file).expect("the file");
    assert_eq!((&all["pairs"], &all["leftOut"]), (&10_000.into(), &4_280.into()));
    assert!(words.contains("4,280 pairs more were not asked: the limit is 10,000 pairs"), "{words:.200}");
}
