//! All kinds of disagreement at once: `cargo run --example survey -- 2000 [seed]`.
//!
//! A property stops at the first failure; this goes on, groups by the first line that differs, and prints one
//! small example of each group with its count.

use std::{collections::BTreeMap, io::Write};

use proptest::{
    collection::vec,
    strategy::{Strategy, ValueTree},
    test_runner::{Config, RngAlgorithm, TestRng, TestRunner},
};
use vnetsim_compile::compile;
use vnetsim_testkit::{compare, compare_routes, network, traffic};
use vnetsim_types::SubnetId;

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let (count, seed) = (args.next().unwrap_or(1_000), args.next().unwrap_or(1));
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (network(), vec(traffic(), 12));
    let mut groups: BTreeMap<String, (u64, String)> = BTreeMap::new();
    let mut note = |what: String, scenario: String| {
        let first = what.lines().find(|line| line.starts_with(['!', 'c', 'o'])).unwrap_or_default();
        let words = first.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
        let key = words.collect::<Vec<_>>().join(" ");
        let text = format!("{what}\n{scenario}");
        let entry = groups.entry(key).or_insert_with(|| (0, text.clone()));
        entry.0 += 1;
        if text.len() < entry.1.len() {
            entry.1 = text;
        }
    };
    for _ in 0..count {
        let Ok(tree) = strategy.new_tree(&mut runner) else { continue };
        let (random, plans) = tree.current();
        let compiled = compile(&random.network, 0);
        for ix in 0..random.network.subnets().len() {
            if let Err(what) = compare_routes(&random.network, &compiled, SubnetId::new(ix)) {
                note(what, random.scenario());
            }
        }
        for traffic in plans.iter().filter_map(|plan| plan.traffic(&random.network)) {
            if let Err(what) = compare(&random.network, &traffic) {
                note(what, random.scenario_with(&traffic));
            }
        }
    }
    let mut out = std::io::stdout().lock();
    for (key, (count, example)) in groups {
        writeln!(out, "=== {count} x {key}\n{example}\n")?;
    }
    Ok(())
}
