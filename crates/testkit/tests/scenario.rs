//! What a failing case prints is a scenario file that loads and means the same network and traffic.

use proptest::{collection::vec, prelude::*};
use vnetsim_model::Traffic;
use vnetsim_scenario::load;
use vnetsim_testkit::{network, traffic};
use vnetsim_types::{FileId, Place};

/// `value` as text, without the places in the file.
fn meaning(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:#?}");
    let mut kept = String::new();
    let mut in_span = false;
    for line in text.lines() {
        in_span |= line.contains("span: Span {");
        if !in_span {
            kept.push_str(line);
            kept.push('\n');
        }
        // A span is a struct of its own lines; its file number is a struct of one field.
        in_span &= !(in_span && line.trim() == "},");
    }
    kept
}

fn first_difference(a: &str, b: &str) -> String {
    let lines: Vec<&str> = a.lines().collect();
    let differs = lines.iter().zip(b.lines()).position(|(a, b)| *a != b).unwrap_or(lines.len());
    let near = |text: &str| {
        let around = text.lines().skip(differs.saturating_sub(12)).take(16);
        around.collect::<Vec<_>>().join("\n")
    };
    format!("made:\n{}\nloaded:\n{}", near(a), near(b))
}

proptest! {
    #[test]
    fn printed_networks_load_again(random in network(), plans in vec(traffic(), 3)) {
        let traffic = plans.iter().find_map(|plan| plan.traffic(&random.network));
        let text = match &traffic {
            Some(traffic) => random.scenario_with(traffic),
            None => random.scenario(),
        };
        let loaded = load(text.as_bytes(), FileId(0));
        let Some(scenario) = loaded.scenario else {
            return Err(TestCaseError::fail(format!("{:#?}\n{text}", loaded.problems)));
        };
        let (made, read) = (meaning(&random.network), meaning(&scenario.network));
        prop_assert!(made == read, "{}\n{text}", first_difference(&made, &read));
        if let (Some(ours), Some(theirs)) = (&traffic, scenario.traffic.first()) {
            // Of several that have an address a file cannot choose one, nor a sender that a site covers.
            let theirs = Traffic { to: ours.to, ..theirs.clone() };
            if theirs.from.place != ours.from.place && !matches!(ours.from.place, Place::Nic(_)) {
                return Ok(());
            }
            let (made, read) = (meaning(ours), meaning(&theirs));
            prop_assert!(made == read, "{}\n{text}", first_difference(&made, &read));
        }
    }
}
