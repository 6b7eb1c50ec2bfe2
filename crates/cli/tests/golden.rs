//! What people see, kept in files. `UPDATE_EXPECT=1 cargo test -p vnetsim --test golden` writes them anew.

use std::process::Command;

use expect_test::{ExpectFile, expect_file};

/// Standard output of a command at the project's top, which must end with `code`.
fn prints(args: &str, code: i32) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_vnetsim"))
        .args(args.split(' '))
        .current_dir(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
        .output()
        .expect("the program starts");
    let err = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(code), "vnetsim {args}: {err}");
    let out = String::from_utf8(output.stdout).expect("UTF-8");
    format!("{out}{err}")
}

fn check(args: &str, code: i32, file: ExpectFile) {
    let text = prints(args, code);
    assert_eq!(text, prints(args, code), "two runs of {args} differ");
    file.assert_eq(&text);
}

/// Lines of more than 100 columns, but for tables, whose cells are not broken.
fn long_lines(text: &str) -> Vec<&str> {
    text.lines().filter(|line| line.chars().count() > 100).collect()
}

#[test]
fn run_of_the_showcase() {
    check("run scenarios/hub-and-spoke.yaml", 0, expect_file!["golden/run-hub-and-spoke.txt"]);
}

/// What a person on call reads: what happened when, what the probe noticed, whom it hit.
#[test]
fn run_of_a_failover() {
    const FILE: &str = "scenarios/time/firewall-failover.yaml";
    let text = prints(&format!("run {FILE}"), 0);
    expect_file!["golden/run-failover.txt"].assert_eq(&text);
    assert_eq!(long_lines(&text), Vec::<&str>::new());
}

#[test]
fn run_of_applications() {
    const FILE: &str = "scenarios/time/hub-under-load.yaml";
    check(&format!("run {FILE}"), 0, expect_file!["golden/run-applications.txt"]);
    let json = prints(&format!("run {FILE} -o json"), 0);
    expect_file!["golden/run-applications.json"].assert_eq(&without_packets(&json));
    let text = prints(&format!("run {FILE} --workers 1"), 0);
    assert_eq!(text, prints(&format!("run {FILE} --workers 3"), 0), "workers change the answer");
    assert_eq!(long_lines(&text), Vec::<&str>::new());
}

/// JSON of a run, with the number of its recorded packets instead of all their hops.
fn without_packets(json: &str) -> String {
    let mut run: serde_json::Value = serde_json::from_str(json).expect("JSON");
    for flow in run["flows"].as_array_mut().expect("flows") {
        for outcome in flow["outcomes"].as_array_mut().expect("outcomes") {
            outcome["packets"] = outcome["packets"].as_array().map_or(0, Vec::len).into();
        }
    }
    format!("{run:#}\n")
}

#[test]
fn trace_through_the_firewall() {
    check(
        "trace scenarios/hub-and-spoke.yaml vm1 vm2 -p tcp/443",
        0,
        expect_file!["golden/trace-hub-and-spoke.txt"],
    );
}

#[test]
fn traces_of_the_dead() {
    check("trace scenarios/vectors/V-04.yaml vm1 vm2", 0, expect_file!["golden/trace-no-transit.txt"]);
    check("trace scenarios/vectors/V-06.yaml vm1 vm2", 0, expect_file!["golden/trace-forwarded-blocked.txt"]);
    check("trace scenarios/vectors/V-12.yaml vm1 vm2", 0, expect_file!["golden/trace-nsg-deny.txt"]);
    check("trace scenarios/vectors/V-14.yaml vm1 shared", 0, expect_file!["golden/trace-asymmetric.txt"]);
    check(
        "trace scenarios/vectors/V-22.yaml vm1 192.168.1.1",
        0,
        expect_file!["golden/trace-gateway-flags.txt"],
    );
    check("trace scenarios/vectors/V-35.yaml vm1 vm2", 0, expect_file!["golden/trace-loop.txt"]);
}

/// RT-35: the documented tables, letter by letter.
#[test]
fn routes_of_the_worked_example() {
    check("routes scenarios/udr-precedence.yaml VNet1/Subnet1", 0, expect_file!["golden/routes-subnet1.txt"]);
    check("routes scenarios/udr-precedence.yaml VNet1/Subnet2", 0, expect_file!["golden/routes-subnet2.txt"]);
    check("next-hop scenarios/udr-precedence.yaml vm1 10.3.0.1", 0, expect_file!["golden/next-hop.txt"]);
}

#[test]
fn tables_and_words() {
    check("nsg scenarios/hub-and-spoke.yaml vm2", 0, expect_file!["golden/nsg.txt"]);
    check("nsg scenarios/hub-and-spoke.yaml vm2 -o json", 0, expect_file!["golden/nsg.json"]);
    check("routes scenarios/hub-and-spoke.yaml vm1 -o json", 0, expect_file!["golden/routes.json"]);
    check("trace scenarios/vectors/V-06.yaml vm1 vm2 -o json", 0, expect_file!["golden/trace.json"]);
    check("explain FORWARDED_TRAFFIC_BLOCKED", 0, expect_file!["golden/explain.txt"]);
    check("check crates/cli/tests/golden/broken.yaml", 2, expect_file!["golden/check-broken.txt"]);
}

#[test]
fn traces_fit_100_columns() {
    for args in ["trace scenarios/hub-and-spoke.yaml vm1 vm2", "trace scenarios/vectors/V-35.yaml vm1 vm2"] {
        let text = prints(args, 0);
        assert_eq!(long_lines(&text), Vec::<&str>::new());
    }
}

/// The README shows what the program prints: the block between its two `trace` marks.
#[test]
fn readme_shows_the_real_trace() {
    const MARKS: (&str, &str) = ("<!-- trace -->\n", "<!-- /trace -->");
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../README.md");
    let readme = std::fs::read_to_string(path).expect("README.md");
    let (before, rest) = readme.split_once(MARKS.0).expect("the first mark");
    let (_, after) = rest.split_once(MARKS.1).expect("the second mark");
    let text = prints("trace scenarios/vectors/V-06.yaml vm1 vm2", 0);
    let shown = format!("```text\n{text}```\n");
    let wanted = format!("{before}{}{shown}{}{after}", MARKS.0, MARKS.1);
    if std::env::var_os("UPDATE_EXPECT").is_some() {
        std::fs::write(path, wanted).expect("README.md is writable");
    } else {
        assert_eq!(readme, wanted, "run UPDATE_EXPECT=1 cargo test -p vnetsim --test golden");
    }
}

#[test]
fn matrix_of_the_showcase() {
    const ASKED: &str = "matrix scenarios/hub-and-spoke.yaml -p tcp/443,tcp/22,icmp";
    let text = prints(ASKED, 0);
    expect_file!["golden/matrix-hub-and-spoke.txt"].assert_eq(&text);
    assert_eq!(long_lines(&text), Vec::<&str>::new());
    assert_eq!(text, prints(&format!("{ASKED} --workers 3"), 0), "workers change the answer");
    check("matrix scenarios/vectors/V-14.yaml", 0, expect_file!["golden/matrix-asymmetric.txt"]);
    const BY_PORT: &str = "matrix scenarios/balancers/ha-ports-asymmetric.yaml";
    check(BY_PORT, 0, expect_file!["golden/matrix-by-source-port.txt"]);
    let part = "matrix scenarios/hub-and-spoke.yaml --from s1 --to vm2,internet -o json";
    check(part, 0, expect_file!["golden/matrix-part.json"]);
    let err = prints("matrix scenarios/hub-and-spoke.yaml --from vm11", 2);
    assert!(err.contains("did you mean `vm1`?"), "{err}");
}

/// A pipeline lost a route: what that means, not which line it is.
#[test]
fn diff_of_a_lost_route() {
    const FILES: &str = "scenarios/hub-and-spoke.yaml crates/cli/tests/golden/route-removed.yaml";
    let text = prints(&format!("diff {FILES} -p tcp/443,icmp"), 1);
    expect_file!["golden/diff-route-removed.txt"].assert_eq(&text);
    assert_eq!(long_lines(&text), Vec::<&str>::new());
    check(&format!("diff {FILES} -o json"), 1, expect_file!["golden/diff-route-removed.json"]);
    let same = prints("diff scenarios/hub-and-spoke.yaml scenarios/hub-and-spoke.yaml", 0);
    assert_eq!(same, "none of 25 flows changes\n");
}
