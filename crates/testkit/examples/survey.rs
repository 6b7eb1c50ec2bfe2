//! All kinds of disagreement at once: `cargo run --release --example survey -- 2000 [seed] [steps of shrinking]`.
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
use vnetsim_testkit::{
    NOT_COMPARED, RandomNetwork, TrafficPlan, compare, compare_routes, network_without, traffic_without,
};
use vnetsim_types::SubnetId;

type Sample = (RandomNetwork, Vec<TrafficPlan>);

fn main() -> std::io::Result<()> {
    let mut args = std::env::args().skip(1).filter_map(|text| text.parse::<u64>().ok());
    let (count, seed) = (args.next().unwrap_or(1_000), args.next().unwrap_or(1));
    let steps = args.next().unwrap_or(0);
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&seed.to_le_bytes());
    let rng = TestRng::from_seed(RngAlgorithm::ChaCha, &bytes);
    let mut runner = TestRunner::new_with_rng(Config::default(), rng);
    let strategy = (network_without(NOT_COMPARED), vec(traffic_without(NOT_COMPARED), 12));
    let mut groups: BTreeMap<String, (u64, String)> = BTreeMap::new();
    for _ in 0..count {
        let Ok(mut tree) = strategy.new_tree(&mut runner) else { continue };
        let mut fresh = Vec::new();
        for (key, text) in disagreements(&tree.current()) {
            let entry = groups.entry(key.clone()).or_insert_with(|| {
                fresh.push(key);
                (0, text.clone())
            });
            entry.0 += 1;
            if text.len() < entry.1.len() {
                entry.1 = text;
            }
        }
        // One group of a sample is enough: shrinking uses the sample up.
        if let Some(key) = fresh.pop().filter(|_| steps > 0)
            && let Some(text) = shrunk(&mut tree, &key, steps)
        {
            groups.entry(key).and_modify(|entry| entry.1 = text);
        }
    }
    let mut out = std::io::stdout().lock();
    for (key, (count, example)) in groups {
        writeln!(out, "=== {count} x {key}\n{example}\n")?;
    }
    Ok(())
}

/// Every disagreement about one network: its group, and the whole story.
fn disagreements((random, plans): &Sample) -> Vec<(String, String)> {
    let compiled = compile(&random.network, 0);
    let mut all = Vec::new();
    for ix in 0..random.network.subnets().len() {
        if let Err(what) = compare_routes(&random.network, &compiled, SubnetId::new(ix)) {
            all.push((key(&what), format!("{what}\n{}", random.scenario())));
        }
    }
    for traffic in plans.iter().filter_map(|plan| plan.traffic(&random.network)) {
        if let Err(what) = compare(&random.network, &traffic) {
            all.push((key(&what), format!("{what}\n{}", random.scenario_with(&traffic))));
        }
    }
    all
}

/// The first line that differs, without names and numbers.
fn key(what: &str) -> String {
    let first = what.lines().find(|line| line.starts_with(['!', 'c', 'o'])).unwrap_or_default();
    let words = first.split_whitespace().filter(|word| !word.contains(|c: char| c.is_ascii_digit()));
    words.collect::<Vec<_>>().join(" ")
}

/// The smallest sample found in so many steps that still disagrees in the same way.
fn shrunk(tree: &mut impl ValueTree<Value = Sample>, wanted: &str, steps: u64) -> Option<String> {
    let told = |sample: &Sample| {
        let found = disagreements(sample).into_iter().find(|(key, _)| key == wanted);
        found.map(|(_, text)| text)
    };
    let mut best = told(&tree.current());
    let mut simpler = tree.simplify();
    for _ in 0..steps {
        if !simpler {
            break;
        }
        simpler = match told(&tree.current()) {
            Some(text) => {
                best = Some(text);
                tree.simplify()
            }
            None => tree.complicate(),
        };
    }
    best
}
