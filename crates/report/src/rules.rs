//! `vnetsim rules`: every rule of `docs/semantics.md`, and which scenarios show it.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::{explain::rule_ids, table::table};

/// Why no scenario cites a rule: `docs/uncited-rules.md`, a row `| ID | why |` per rule or family.
const UNCITED: &str = include_str!("../../../docs/uncited-rules.md");

/// A rule, the scenarios that cite it, and the reason when none does.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct RuleUse {
    /// `RT-11`.
    pub id: String,
    /// Files, sorted.
    pub scenarios: Vec<String>,
    /// Why no scenario shows it; `None` when nothing is said.
    pub why_not: Option<&'static str>,
}

/// Every rule in the order of the document; `cites` are the ids that each scenario names.
pub fn rule_uses(cites: &[(String, Vec<String>)]) -> Vec<RuleUse> {
    let mut by_rule: BTreeMap<String, Vec<String>> = BTreeMap::new();
    for (file, ids) in cites {
        for id in ids {
            by_rule.entry(id.to_ascii_uppercase()).or_default().push(file.clone());
        }
    }
    let one = |id: &str| {
        let mut scenarios = by_rule.remove(&id.to_ascii_uppercase()).unwrap_or_default();
        scenarios.sort();
        scenarios.dedup();
        RuleUse { id: id.to_owned(), scenarios, why_not: why_not(id) }
    };
    rule_ids().into_iter().map(one).collect()
}

/// The ids and families that `docs/uncited-rules.md` explains.
pub fn explained_uncited() -> impl Iterator<Item = &'static str> {
    UNCITED.lines().filter_map(uncited_row).map(|(id, _)| id)
}

fn why_not(id: &str) -> Option<&'static str> {
    let rows = UNCITED.lines().filter_map(uncited_row);
    rows.filter(|(row, _)| covers(row, id)).map(|(_, why)| why).next()
}

/// A row is for one rule, or for a family: `JSON-*`.
pub fn covers(row: &str, id: &str) -> bool {
    match row.strip_suffix('*') {
        Some(family) => id.starts_with(family),
        None => row == id,
    }
}

fn uncited_row(line: &'static str) -> Option<(&'static str, &'static str)> {
    let mut cells = line.strip_prefix('|')?.split('|').map(str::trim);
    let (id, why) = (cells.next()?, cells.next()?);
    let heading = id == "Rule" || id.starts_with('-');
    (!heading && !id.is_empty()).then_some((id, why))
}

/// The table; `uncited` leaves out what a scenario shows.
pub fn rules_text(uses: &[RuleUse], uncited: bool) -> String {
    let shown = uses.iter().filter(|rule| !uncited || rule.scenarios.is_empty());
    let rows: Vec<Vec<String>> = shown
        .map(|rule| {
            let why = rule.why_not.unwrap_or("not explained");
            let what =
                if rule.scenarios.is_empty() { format!("none: {why}") } else { rule.scenarios.join(" ") };
            vec![rule.id.clone(), what]
        })
        .collect();
    let cited = uses.iter().filter(|rule| !rule.scenarios.is_empty()).count();
    format!("{}\n{cited} of {} rules have a scenario\n", table(&["Rule", "Scenarios"], &rows), uses.len())
}

/// The same for machines.
pub fn rules_json(uses: &[RuleUse], uncited: bool) -> Value {
    let shown = uses.iter().filter(|rule| !uncited || rule.scenarios.is_empty());
    let rules: Vec<Value> = shown
        .map(|rule| json!({ "id": rule.id, "scenarios": rule.scenarios, "whyNot": rule.why_not }))
        .collect();
    crate::json::envelope("rules", json!({ "rules": rules }))
}
