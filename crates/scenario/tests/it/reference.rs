//! The written reference: its example loads, and it names every property.

use crate::{common::good, schema::meaningful};

const README: &str = include_str!("../../../../scenarios/README.md");

#[test]
fn the_example_of_the_reference_loads() {
    let blocks: Vec<&str> =
        README.split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()).collect();
    assert_eq!(blocks.len(), 1);
    let scenario = good(blocks[0]);
    assert_eq!((scenario.traffic.len(), scenario.timeline.len(), scenario.expect.len()), (2, 1, 4));
}

#[test]
fn the_reference_names_every_property() {
    let mut names = Vec::new();
    meaningful(&vnetsim_scenario::schema(), &mut names);
    names.sort();
    names.dedup();
    let words: Vec<&str> = README.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let missing: Vec<_> = names.iter().filter(|name| !words.contains(&name.as_str())).collect();
    assert!(missing.is_empty(), "{missing:?}");
}
