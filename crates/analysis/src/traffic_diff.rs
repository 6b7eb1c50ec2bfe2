//! Traffic entries that two scenarios play to different ends.
//!
//! Called for `vnetsim diff`. Entries are the same if they bear one name. Costs a run of each scenario.

use std::{collections::BTreeMap, ops::ControlFlow};

use vnetsim_scenario::Scenario;
use vnetsim_sim::Outcome;

use crate::{Played, Setup, play};

/// A traffic entry that ends in another way.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct TrafficChange {
    /// The entry.
    pub name: String,
    /// What became of its conversations in the first scenario.
    pub was: String,
    /// The same in the second one.
    pub now: String,
}

/// The entries of both scenarios whose conversations end differently, in the order of the first one. Captures are not
/// sent.
pub fn traffic_diff(before: &Scenario, now: &Scenario) -> Vec<TrafficChange> {
    let named =
        |scenario: &Scenario, name: &str| scenario.traffic.iter().any(|entry| entry.name.value == name);
    if !before.traffic.iter().any(|entry| named(now, &entry.name.value)) {
        return Vec::new();
    }
    let [was, is] = [before, now]
        .map(|scenario| endings(&play(scenario, Setup::default(), &mut |_| ControlFlow::Continue(()))));
    let is: BTreeMap<&str, &str> = is.iter().map(|(name, ending)| (name.as_str(), ending.as_str())).collect();
    let changes = was.iter().filter_map(|(name, was)| {
        let now = is.get(name.as_str()).filter(|now| *now != was)?;
        Some(TrafficChange { name: name.clone(), was: was.clone(), now: (*now).to_owned() })
    });
    changes.collect()
}

/// By entry: `18 delivered, 2 NSG_DENY at vm2`.
fn endings(played: &Played) -> Vec<(String, String)> {
    let explainer = played.explainer();
    let all = played.traffic.iter().zip(&played.report.traffic);
    all.map(|(entry, report)| {
        let mut groups: BTreeMap<String, u64> = BTreeMap::new();
        for group in &report.outcomes {
            let words = match group.outcome {
                Outcome::Dropped { at, reason, part } => {
                    let back = if part.is_forward() { "" } else { " on the way back" };
                    format!("{reason} at {}{back}", explainer.place(at))
                }
                other => other.words().unwrap_or_default().to_owned(),
            };
            *groups.entry(words).or_default() += group.count;
        }
        let words: Vec<String> =
            groups.into_iter().map(|(words, count)| format!("{count} {words}")).collect();
        let words = if words.is_empty() { "nothing sent".to_owned() } else { words.join(", ") };
        (entry.name.value.clone(), words)
    })
    .collect()
}
