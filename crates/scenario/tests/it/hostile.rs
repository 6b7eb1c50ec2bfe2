//! Files made to break the reader: it must answer, with problems, and soon.

use proptest::{prelude::*, sample::Index};
use vnetsim_scenario::load;
use vnetsim_types::FileId;

use crate::common::{FULL, problems, read};

fn codes(bytes: &[u8]) -> Vec<&'static str> {
    let loaded = load(bytes, FileId(0));
    assert_eq!(loaded.scenario.is_some(), loaded.problems.is_empty());
    loaded.problems.iter().map(|p| p.code).collect()
}

#[test]
fn ten_megabytes_of_brackets_end_at_the_depth_limit() {
    for unit in ["[", "{", "[{", "{a: ", "- ", "? ", "{? ", "[[a, "] {
        let text = unit.repeat((10 << 20) / unit.len());
        assert_eq!(codes(text.as_bytes()), ["TOO_DEEP"], "{unit}");
    }
    assert_eq!(problems(&"[".repeat(1000)), ["1:65 TOO_DEEP values are nested deeper than 64 levels"]);
}

#[test]
fn nested_indentation_ends_at_the_depth_limit() {
    let mut text = String::new();
    for depth in 0..4_500 {
        text.push_str(&" ".repeat(depth));
        text.push_str("a:\n");
    }
    assert!(text.len() > 10_000_000);
    assert_eq!(codes(text.as_bytes()), ["TOO_DEEP"]);
}

#[test]
fn mixed_nesting_counts_together() {
    let block: String = (0..40).map(|depth| format!("{}a:\n", " ".repeat(depth))).collect();
    let text = format!("{block}{}{}{}", " ".repeat(41), "[".repeat(40), "]".repeat(40));
    assert_eq!(codes(text.as_bytes()), ["TOO_DEEP"]);
}

#[test]
fn many_syntax_shapes_of_two_megabytes_return() {
    for unit in [
        "]", "\"", "'", "\t", "#", ":", "a: ", "&a ", "*a ", "!", "%", "|\n", "\n", "\r", "---\n", "a\n",
        "- a\n", "é",
    ] {
        let text = unit.repeat((2 << 20) / unit.len());
        assert!(!codes(text.as_bytes()).is_empty(), "{unit:?}");
    }
}

#[test]
fn a_million_laughs_hit_the_budget() {
    let mut text = String::from("a0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..40 {
        let aliases = vec![format!("*a{}", level - 1); 10].join(", ");
        text.push_str(&format!("a{level}: &a{level} [{aliases}]\n"));
    }
    assert_eq!(codes(text.as_bytes()), ["TOO_LARGE"]);
}

#[test]
fn copies_of_long_texts_hit_the_budget_too() {
    let text = format!("a: &a {}\nb: [{}]\n", "x".repeat(1 << 20), "*a, ".repeat(1000));
    assert_eq!(codes(text.as_bytes()), ["TOO_LARGE"]);
}

#[test]
fn chains_of_aliases_hit_the_depth_limit() {
    let mut text = String::from("- &a0 [x]\n");
    for level in 1..200 {
        text.push_str(&format!("- &a{level} [*a{}]\n", level - 1));
    }
    assert_eq!(codes(text.as_bytes()), ["TOO_DEEP"]);
}

#[test]
fn an_alias_inside_its_own_anchor_is_refused() {
    assert_eq!(problems("a: &a [1, *a]\n"), ["1:11 YAML_SYNTAX an alias inside its own anchor never ends"]);
}

#[test]
fn a_file_above_the_size_limit_is_refused_unread() {
    assert_eq!(codes(&vec![b' '; (64 << 20) + 1]), ["TOO_LARGE"]);
}

#[test]
fn a_hundred_thousand_bad_entries_are_all_reported() {
    let mut text = String::from("network: {}\ntraffic:\n");
    for ix in 0..50_000 {
        text.push_str(&format!("- {{name: t{ix}, from: nobody{ix}, to: 10.0.0.1, protocol: tcp/0}}\n"));
    }
    text.push_str("expect:\n");
    for ix in 0..50_000 {
        text.push_str(&format!("- {{traffic: u{ix}, verdict: Deliverd}}\n"));
    }
    assert_eq!(read(&text).problems.len(), 100_000);
}

#[test]
fn many_bad_operations_are_all_reported() {
    let mut text = String::from(
        "network:\n  virtualNetworks: [{name: v, addressSpace: {addressPrefixes: [10.0.0.0/8]}, subnets: []}]\n  \
         networkSecurityGroups: [{name: nsg}]\n  routeTables: [{name: rt}]\ntimeline:\n",
    );
    for ix in 0..5_000 {
        text.push_str(&format!("- {{at: 1s, name: a{ix}, deleteRoute: rt/r{ix}}}\n"));
        text.push_str(&format!("- {{at: 1s, name: A{ix}, deleteGateway: g{ix}}}\n"));
        text.push_str(&format!(
            "- {{at: 1s, setAddressSpace: {{virtualNetwork: w{ix}, addressPrefixes: []}}}}\n"
        ));
        text.push_str(&format!(
            "- {{at: 1s, putConnection: {{name: c{ix}, virtualNetworkGateway1: g, peer: p}}}}\n"
        ));
    }
    // A doubled name, the route, the gateway, the network, the circuit.
    assert_eq!(read(&text).problems.len(), 25_000);
}

#[test]
fn numbers_without_end_are_refused() {
    let digits = "9".repeat(1 << 20);
    let (short, long) = (&digits[..400], &digits);
    for number in [short, long, &format!("0.{long}x"), &format!("-{short}"), "1e999", "inf", "NaN", "."] {
        let text = format!("network: {{}}\nexpect:\n- {{bill: v/l, costUsd: {{max: {number}}}}}\n");
        assert_eq!(codes(text.as_bytes()), ["BAD_VALUE"], "{}", &number[..number.len().min(9)]);
        let text = format!("network: {{}}\nexpect:\n- {{bill: v/l, egressBytes: {number}}}\n");
        assert_eq!(codes(text.as_bytes()), ["BAD_VALUE"], "{}", &number[..number.len().min(9)]);
    }
}

#[test]
fn quantities_without_end_are_refused() {
    let digits = "9".repeat(1 << 20);
    for speed in [&digits, "1e9", "-1", ".", "inf", "1000.001"] {
        let text = format!("network: {{}}\ncaptures: [{{name: c, file: f, speed: {speed}}}]\n");
        assert_eq!(codes(text.as_bytes()), ["BAD_VALUE"], "speed");
    }
    let net = "network: {virtualNetworks: [{name: v, addressSpace: {addressPrefixes: [10.0.0.0/8]}, subnets: []}]}\n";
    for number in [&digits[..60], &digits, &format!("0.{}", &digits[..70]), "1e9", "-1", ".", "1..0"] {
        for unit in ["", "B", "MB", "TiB", "Gbps", "%"] {
            let value = format!("'{number}{unit}'");
            let traffic =
                format!("traffic: [{{name: t, from: a, to: b, protocol: tcp/1, transfer: {value}}}]\n");
            assert_eq!(codes(format!("{net}{traffic}").as_bytes()), ["BAD_VALUE"], "transfer");
            let stream = format!("protocol: udp/1, stream: 1s, bandwidth: {value}");
            let traffic = format!("traffic: [{{name: t, from: a, to: b, {stream}}}]\n");
            assert_eq!(codes(format!("{net}{traffic}").as_bytes()), ["BAD_VALUE"], "bandwidth");
            let fault = format!("timeline: [{{at: 1s, setLink: {{at: v, loss: {value}}}}}]\n");
            assert_eq!(codes(format!("{net}{fault}").as_bytes()), ["BAD_VALUE"], "share");
        }
    }
}

#[test]
fn a_hundred_thousand_keys_in_one_mapping_return() {
    let keys: String = (0..100_000).map(|ix| format!("nam{ix}: 1\n")).collect();
    assert_eq!(read(&keys).problems.len(), 100_001);
}

#[derive(Clone, Debug)]
enum Mutation {
    DeleteLine(Index),
    DoubleLine(Index),
    SwapLines(Index, Index),
    InsertLine(Index, String),
    FlipByte(Index, u8),
    Cut(Index),
    Indent(Index),
}

fn mutation() -> impl Strategy<Value = Mutation> {
    let line = any::<Index>;
    prop_oneof![
        line().prop_map(Mutation::DeleteLine),
        line().prop_map(Mutation::DoubleLine),
        (line(), line()).prop_map(|(a, b)| Mutation::SwapLines(a, b)),
        (line(), "[ -~]{0,30}").prop_map(|(at, text)| Mutation::InsertLine(at, text)),
        (line(), 1u8..).prop_map(|(at, bits)| Mutation::FlipByte(at, bits)),
        line().prop_map(Mutation::Cut),
        line().prop_map(Mutation::Indent),
    ]
}

fn apply(mutation: &Mutation, bytes: &mut Vec<u8>) {
    if bytes.is_empty() {
        return;
    }
    let mut lines: Vec<Vec<u8>> = bytes.split_inclusive(|b| *b == b'\n').map(<[u8]>::to_vec).collect();
    let count = lines.len();
    match mutation {
        Mutation::DeleteLine(at) => drop(lines.remove(at.index(count))),
        Mutation::DoubleLine(at) => lines.insert(at.index(count), lines[at.index(count)].clone()),
        Mutation::SwapLines(a, b) => lines.swap(a.index(count), b.index(count)),
        Mutation::InsertLine(at, text) => lines.insert(at.index(count), format!("{text}\n").into_bytes()),
        Mutation::Indent(at) => lines[at.index(count)].splice(0..0, *b"  ").for_each(drop),
        Mutation::FlipByte(at, bits) => {
            let at = at.index(bytes.len());
            bytes[at] ^= bits;
            return;
        }
        Mutation::Cut(at) => return bytes.truncate(at.index(bytes.len())),
    }
    *bytes = lines.concat();
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 3000, failure_persistence: None, ..ProptestConfig::default() })]

    /// Whatever is done to a good file, loading answers: a scenario, or at least one error, and every
    /// place lies inside the file.
    #[test]
    fn mutated_files_never_panic(mutations in prop::collection::vec(mutation(), 1..6)) {
        let mut bytes = FULL.as_bytes().to_vec();
        mutations.iter().for_each(|mutation| apply(mutation, &mut bytes));
        let loaded = load(&bytes, FileId(0));
        let errors = loaded.problems.iter().filter(|p| p.severity == vnetsim_types::Severity::Error).count();
        prop_assert_eq!(loaded.scenario.is_none(), errors > 0);
        for problem in &loaded.problems {
            let span = problem.span;
            prop_assert!(span.start <= span.end && span.end as usize <= bytes.len(), "{:?}", problem);
            if let Ok(text) = std::str::from_utf8(&bytes) {
                prop_assert!(text.get(span.start as usize..span.end as usize).is_some(), "{:?}", problem);
            }
        }
    }
}
