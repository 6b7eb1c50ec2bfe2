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

/// What the Azure tools would have told is said of every dead flow, and of a living one when asked for.
#[test]
fn traces_say_what_azure_tools_would_tell() {
    const DEAD: &str = "trace scenarios/drops/IpForwardingDisabled.yaml vm1 vm2";
    check(DEAD, 0, expect_file!["golden/trace-ip-forwarding.txt"]);
    const LIVING: &str = "trace scenarios/hub-and-spoke.yaml vm1 vm2";
    let (asked, plain) = (prints(&format!("{LIVING} --azure-tools"), 0), prints(LIVING, 0));
    let more = asked.strip_prefix(&plain).expect("the block is added at the end");
    expect_file!["golden/trace-azure-tools.txt"].assert_eq(more);
}

/// A traceroute as the guest sees it beside what is there: an appliance, a silent gateway, an answer that dies, a loop.
#[test]
fn traceroutes_beside_the_truth() {
    let block = |args: &str| {
        let text = prints(&format!("trace {args} --traceroute"), 0);
        let at = text.find("traceroute from").expect("the block");
        text[at..].to_owned()
    };
    let blocks = [
        block("scenarios/time/traceroute.yaml vm1 vm2 -p udp/33434"),
        block("scenarios/time/traceroute.yaml vm1 192.168.1.1 -p icmp"),
        block("scenarios/hub-and-spoke.yaml vm1 vm2"),
        block("scenarios/vectors/V-35.yaml vm1 vm2"),
    ];
    let text = blocks.join("\n");
    expect_file!["golden/traceroute.txt"].assert_eq(&text);
    assert_eq!(long_lines(&text), Vec::<&str>::new());
    let json = prints("trace scenarios/time/traceroute.yaml vm1 192.168.1.1 -p icmp --traceroute -o json", 0);
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    expect_file!["golden/traceroute.json"].assert_eq(&format!("{:#}\n", json["traceroute"]));
}

/// Pairs of two sets, put together by their way.
#[test]
fn traces_of_sets() {
    const FILE: &str = "crates/cli/tests/azure_cli/many.yaml";
    check(&format!("trace {FILE} spoke/app *"), 0, expect_file!["golden/trace-sets.txt"]);
    check(&format!("trace {FILE} spoke/app hub -o json"), 0, expect_file!["golden/trace-sets.json"]);
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
    check("check crates/cli/tests/golden/broken.yaml", 2, expect_file!["golden/check-broken.txt"]);
}

/// A drop reason, a finding, and the list; `report` measures the pages' columns, whose listings are not broken.
#[test]
fn explanations() {
    check("explain FORWARDED_TRAFFIC_BLOCKED", 0, expect_file!["golden/explain.txt"]);
    check("explain UDR_LOSES_LPM", 0, expect_file!["golden/explain-finding.txt"]);
    check("explain UDR_LOSES_LPM -o json", 0, expect_file!["golden/explain-finding.json"]);
    check("explain", 0, expect_file!["golden/explain-all.txt"]);
    check("explain UDR_LOSES_LMP", 2, expect_file!["golden/explain-unknown.txt"]);
    assert_eq!(long_lines(&prints("explain", 0)), Vec::<&str>::new());
}

/// What is wrong with a network, and what would mend it.
#[test]
fn checks_and_fixes() {
    const GALLERY: &str = "scenarios/gallery/01-onprem-return-skips-firewall/broken.yaml";
    check(&format!("check {GALLERY}"), 1, expect_file!["golden/check-gallery.txt"]);
    check(&format!("check {GALLERY} -o json"), 1, expect_file!["golden/check-gallery.json"]);
    check(&format!("fix {GALLERY}"), 0, expect_file!["golden/fix-gallery.txt"]);
    check(&format!("fix {GALLERY} -o json"), 0, expect_file!["golden/fix-gallery.json"]);
    const PAIR: &str = "scenarios/gallery/02-peering-beats-default-route/broken.yaml";
    check(&format!("fix {PAIR}"), 0, expect_file!["golden/fix-pair.txt"]);
    check(
        "check scenarios/hub-and-spoke.yaml --fail-on warning",
        1,
        expect_file!["golden/check-showcase.txt"],
    );
    check("fix scenarios/vectors/V-06.yaml vm1 vm2", 0, expect_file!["golden/fix-flow.txt"]);
    for args in [format!("check {GALLERY}"), format!("fix {GALLERY}"), format!("fix {PAIR}")] {
        let code = i32::from(args.starts_with("check"));
        assert_eq!(long_lines(&prints(&args, code)), Vec::<&str>::new());
    }
}

/// What Azure's tools answer: in vnetsim's words, and as the Azure CLI prints it.
#[test]
fn answers_of_azure_tools() {
    const HUB: &str = "scenarios/hub-and-spoke.yaml";
    let golden = |args: &str, file: ExpectFile| check(args, 0, file);
    golden(&format!("routes {HUB} vm1 --compat az"), expect_file!["golden/az/routes.json"]);
    golden(&format!("routes {HUB} vm1 --compat az -o table"), expect_file!["golden/az/routes.txt"]);
    golden(&format!("nsg {HUB} nva --compat az"), expect_file!["golden/az/nsg.json"]);
    golden(&format!("nsg {HUB} vm2 --compat az -o table"), expect_file!["golden/az/nsg.txt"]);
    golden(&format!("next-hop {HUB} vm1 vm2 --compat az"), expect_file!["golden/az/next-hop.json"]);
    golden(&format!("next-hop {HUB} vm1 vm2 --compat az -o table"), expect_file!["golden/az/next-hop.txt"]);
    let flow = "--direction Inbound --protocol TCP --local 10.30.0.4:3389 --remote 10.20.0.4:*";
    let verify = format!("ip-flow-verify {HUB} vm2 {flow}");
    golden(&verify, expect_file!["golden/az/ip-flow-own.txt"]);
    golden(&format!("{verify} -o json"), expect_file!["golden/az/ip-flow-own.json"]);
    golden(&format!("{verify} --compat az"), expect_file!["golden/az/ip-flow.json"]);
    golden(&format!("{verify} --compat az -o table"), expect_file!["golden/az/ip-flow.txt"]);
    golden(&format!("{verify} --compat az --diagnostics"), expect_file!["golden/az/diagnostics.json"]);
    let rdp = format!("connectivity {HUB} vm1 vm2 -p tcp/3389");
    golden(&rdp, expect_file!["golden/az/connectivity-own.txt"]);
    golden(&format!("{rdp} --compat az"), expect_file!["golden/az/connectivity-denied.json"]);
    golden(&format!("{rdp} --compat az -o table"), expect_file!["golden/az/connectivity.txt"]);
    golden(&format!("connectivity {HUB} vm1 vm2 --compat az"), expect_file!["golden/az/connectivity.json"]);
    golden(&format!("peerings {HUB}"), expect_file!["golden/az/peerings-own.txt"]);
    golden(&format!("peerings {HUB} -o json"), expect_file!["golden/az/peerings-own.json"]);
    golden(&format!("peerings {HUB} s1 --compat az"), expect_file!["golden/az/peerings.json"]);
    golden(&format!("peerings {HUB} --compat az -o table"), expect_file!["golden/az/peerings.txt"]);
    let no_route = "connectivity scenarios/vectors/V-04.yaml vm1 vm2";
    golden(&format!("{no_route} --compat az"), expect_file!["golden/az/connectivity-no-route.json"]);
    golden(&format!("{no_route} -o json"), expect_file!["golden/az/connectivity-own.json"]);
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
    assert_eq!(same, "none of 9 traffic entries changes; none of 25 flows between ends changes\n");
}
