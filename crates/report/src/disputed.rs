//! Words for verdicts that depend on a disputed point: which switch, what it says here, what happens otherwise.

use serde_json::{Value, json};
use vnetsim_analysis::{Combination, Reading};
use vnetsim_sim::Outcome;
use vnetsim_trace::Explainer;
use vnetsim_types::TrafficId;

use crate::{table::table, wrap::wrap};

/// A paragraph per reading that ends traffic entry `traffic` otherwise; empty when none does.
pub(crate) fn disputed_text(readings: &[Reading], traffic: TrafficId, explainer: &Explainer<'_>) -> String {
    let mut out = String::new();
    for reading in readings.iter().filter(|r| r.traffic == traffic) {
        let Reading { switch, point, ours, other, .. } = reading;
        let text = format!(
            "by the other reading of {point} ({switch}: {other}, not {ours}) it would end otherwise: {}",
            endings(reading, explainer)
        );
        out.push_str(&wrap("  but    ", &text, 9));
    }
    out
}

/// `vnetsim trace --all-readings`: a line per combination of readings that matters, this run's own first.
pub fn readings_text(combinations: &[Combination], explainer: &Explainer<'_>) -> String {
    if combinations.len() < 2 {
        return "\nno disputed point changes this verdict\n".to_owned();
    }
    let row = |combination: &Combination| {
        let changed = combination.changed.iter();
        let words: Vec<String> =
            changed.map(|(point, switch, value)| format!("{switch} {value} ({point})")).collect();
        let words = if words.is_empty() { "as in this run".to_owned() } else { words.join(", ") };
        vec![words, outcomes_words(&combination.outcomes, explainer)]
    };
    let rows: Vec<Vec<String>> = combinations.iter().map(row).collect();
    format!("\n{}", table(&["Reading", "Verdict"], &rows))
}

/// The same for machines.
pub fn combinations_json(combinations: &[Combination], explainer: &Explainer<'_>) -> Value {
    let switch = |(point, switch, value): &(&str, &str, &str)| json!({ "point": point, "switch": switch, "value": value });
    let one = |c: &Combination| {
        json!({ "switches": c.changed.iter().map(switch).collect::<Vec<_>>(),
                "verdict": outcomes_words(&c.outcomes, explainer) })
    };
    combinations.iter().map(one).collect()
}

fn endings(reading: &Reading, explainer: &Explainer<'_>) -> String {
    outcomes_words(&reading.outcomes, explainer)
}

fn outcomes_words(outcomes: &[(Outcome, u64)], explainer: &Explainer<'_>) -> String {
    let one = |(outcome, count): &(Outcome, u64)| {
        let words = outcome_words(*outcome, explainer);
        if outcomes.len() == 1 { words } else { format!("{count} x {words}") }
    };
    outcomes.iter().map(one).collect::<Vec<_>>().join(", ")
}

/// `delivered`, or `NSG_DENY at vm2`.
fn outcome_words(outcome: Outcome, explainer: &Explainer<'_>) -> String {
    match outcome {
        Outcome::Dropped { reason, at, part } if part.is_forward() => {
            format!("{reason} at {}", explainer.place(at))
        }
        Outcome::Dropped { reason, at, .. } => {
            format!("{reason} at {}, on the way back", explainer.place(at))
        }
        other => other.words().unwrap_or_default().to_owned(),
    }
}

/// The same for machines.
pub(crate) fn readings_json(readings: &[Reading], traffic: TrafficId, explainer: &Explainer<'_>) -> Value {
    let of_entry = readings.iter().filter(|r| r.traffic == traffic);
    let one = |r: &Reading| {
        json!({ "point": r.point, "switch": r.switch, "value": r.ours, "otherValue": r.other,
                "otherVerdict": endings(r, explainer) })
    };
    of_entry.map(one).collect()
}
