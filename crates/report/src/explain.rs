//! `vnetsim explain`: what a reason code or a rule id means, offline.
//!
//! Reason codes come from the table in `types`; rules from `docs/semantics.md`, which is compiled in. A rule there
//! is a bullet `- **ID** text` or a table row `| ID | ... |`.

use vnetsim_model::did_you_mean;
use vnetsim_types::DropReason;

use crate::{
    codes::{PROBLEMS, REFUSALS, RESULTS},
    wrap::wrap,
};

const SEMANTICS: &str = include_str!("../../../docs/semantics.md");

/// The meaning of `topic`: a reason code, the code of a problem or a refusal, a rule id (`PEER-08`), a statement
/// (`S15`), a disputed point (`U-02`),
/// a vector (`V-05`). `None` when there is no such thing.
pub fn explain(topic: &str) -> Option<String> {
    if let Ok(reason) = topic.parse::<DropReason>() {
        return Some(reason_text(reason));
    }
    let mut worded = PROBLEMS.iter().chain(RESULTS);
    if let Some((code, what, remedy)) = worded.find(|(code, ..)| code.eq_ignore_ascii_case(topic)) {
        return Some(format!("{code}\n\n{}{}", wrap("  ", what, 2), wrap("  Fix: ", remedy, 7)));
    }
    if let Some((code, what)) = REFUSALS.iter().find(|(code, _)| code.eq_ignore_ascii_case(topic)) {
        return Some(format!("{code}\n\n{}", wrap("  ", what, 2)));
    }
    rule_text(topic)
}

/// The nearest topic to a mistyped one.
pub fn topics_like(topic: &str) -> Option<String> {
    let codes = DropReason::ALL.iter().map(|r| r.code());
    let rules = SEMANTICS.lines().filter_map(rule_id);
    let problems = PROBLEMS.iter().chain(RESULTS).map(|(code, ..)| *code);
    let problems = problems.chain(REFUSALS.iter().map(|(code, _)| *code));
    did_you_mean(topic, codes.chain(problems).chain(rules)).map(str::to_owned)
}

fn reason_text(reason: DropReason) -> String {
    let mut out = format!("{}  ({})\n\n", reason.code(), reason.name());
    out.push_str(&wrap("  ", reason.sentence(), 2));
    out.push_str(&wrap("  Fix: ", reason.hint(), 7));
    if let Some(rule) = rule_text(reason.rule()) {
        out.push('\n');
        out.push_str(&rule);
    }
    out
}

fn rule_text(id: &str) -> Option<String> {
    let lines: Vec<&str> = SEMANTICS.lines().collect();
    let at =
        lines.iter().position(|line| rule_id(line).is_some_and(|other| other.eq_ignore_ascii_case(id)))?;
    let id = rule_id(lines[at])?;
    if lines[at].starts_with('|') {
        let header =
            lines[..at].iter().rev().skip_while(|l| !l.starts_with("|--") && !l.starts_with("|---")).nth(1);
        return Some(row_text(id, lines[at], header.copied()));
    }
    let mut out = format!("{id}\n\n");
    let text = lines[at].replacen("**", "", 2);
    let text = text.trim_start_matches("- ").trim_start_matches(id).trim();
    out.push_str(&wrap("  ", text, 2));
    // What belongs to the bullet: indented lines, and a table or listing right below.
    let rest = &lines[at + 1..];
    let until = rest.iter().position(|l| l.starts_with("- **") || l.starts_with('#')).unwrap_or(rest.len());
    for line in &rest[..until] {
        if line.starts_with('|') || line.starts_with('{') || line.trim().is_empty() {
            out.push_str(line.trim_end());
            out.push('\n');
        } else {
            out.push_str(&wrap("  ", line.trim(), 2));
        }
    }
    Some(format!("{}\n", out.trim_end()))
}

fn row_text(id: &str, row: &str, header: Option<&str>) -> String {
    let cells =
        |line: &str| line.trim_matches('|').split('|').map(|c| c.trim().to_owned()).collect::<Vec<_>>();
    let names = header.map(cells).unwrap_or_default();
    let mut out = format!("{id}\n\n");
    for (column, cell) in cells(row).into_iter().enumerate().skip(1) {
        let name = names.get(column).map_or_else(String::new, |n| format!("{n}: "));
        out.push_str(&wrap(&format!("  {name}"), &cell, 4));
    }
    out
}

/// Every rule, statement, vector and point of the document, in its order.
pub(crate) fn rule_ids() -> Vec<&'static str> {
    let mut ids: Vec<&str> = Vec::new();
    for id in SEMANTICS.lines().filter_map(rule_id) {
        if !ids.contains(&id) {
            ids.push(id);
        }
    }
    ids
}

/// The id that a line defines.
fn rule_id(line: &str) -> Option<&str> {
    let id = match line.strip_prefix("- **") {
        // `**FAIL-03 Title.** text` has a title as well.
        Some(rest) => rest.split_once("**")?.0.split(' ').next()?,
        None => line.strip_prefix("| ")?.split_once(" |")?.0,
    };
    let known = id.split_once('-').is_some_and(|(family, number)| {
        family.chars().all(|c| c.is_ascii_uppercase()) && number.starts_with(|c: char| c.is_ascii_digit())
    });
    let statement =
        id.strip_prefix('S').is_some_and(|n| !n.is_empty() && n.chars().all(|c| c.is_ascii_digit()));
    (known || statement).then_some(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_reason_names_a_rule_that_is_there() {
        for reason in DropReason::ALL {
            assert!(rule_text(reason.rule()).is_some(), "{reason} cites {}", reason.rule());
        }
    }

    /// Every code that the sources give to a problem or a refusal is explained, and nothing else is.
    #[test]
    fn codes_in_the_sources_are_the_codes_explained() {
        let mut used = std::collections::BTreeSet::new();
        for room in ["model", "scenario", "cli"] {
            let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(room).join("src");
            collect(&folder, &mut used);
        }
        let known = PROBLEMS.iter().map(|(code, ..)| *code).chain(REFUSALS.iter().map(|(code, _)| *code));
        let known: std::collections::BTreeSet<String> = known.map(str::to_owned).collect();
        let missing: Vec<_> = used.difference(&known).collect();
        assert!(missing.is_empty(), "not explained: {missing:?}");
        let stale: Vec<_> = known.iter().filter(|code| !used.contains(*code)).collect();
        assert!(stale.is_empty(), "explained, but nowhere used: {stale:?}");
    }

    /// Codes are the string literals in capitals, and the literals that a refusal carries.
    fn collect(folder: &std::path::Path, used: &mut std::collections::BTreeSet<String>) {
        for entry in std::fs::read_dir(folder).expect("a folder of sources") {
            let path = entry.expect("an entry").path();
            if path.is_dir() {
                collect(&path, used);
                continue;
            }
            let text = std::fs::read_to_string(&path).expect("a source");
            used.extend(refusals(&text));
            for literal in text.split('"').skip(1).step_by(2) {
                let capitals = literal.len() > 4
                    && literal.contains('_')
                    && literal.chars().all(|c| c.is_ascii_uppercase() || c == '_' || c.is_ascii_digit());
                let computed =
                    ["VIRTUAL_NETWORK", "AZURE_LOADBALANCER", "CARGO_MANIFEST_DIR"].contains(&literal);
                if capitals && !computed {
                    used.insert(literal.to_owned());
                }
            }
        }
    }

    /// The literals that stand where a refusal has its code.
    fn refusals(text: &str) -> Vec<String> {
        let parts: Vec<&str> = text.split('"').collect();
        let places = ["refuse(", "code: ", "code = ", "refusal: ", "linked {", "OVER_LIMIT {", "} else {"];
        let one = |ix: usize| {
            let before = parts[ix - 1].trim_end_matches(['\n', ' ']);
            let code = parts[ix].chars().all(|c| c.is_ascii_alphanumeric())
                && parts[ix].chars().filter(|c| c.is_ascii_uppercase()).count() > 1
                && parts[ix].chars().any(|c| c.is_ascii_lowercase());
            let pair = ix > 1 && before == "," && parts[ix - 2].ends_with("_SUBNET");
            (code && (pair || places.iter().any(|place| before.ends_with(place.trim_end()))))
                .then(|| parts[ix].to_owned())
        };
        (1..parts.len()).step_by(2).filter_map(one).collect()
    }

    #[test]
    fn bullets_rows_and_near_misses() {
        assert!(explain("peer-08").is_some_and(|t| t.contains("forwarded :=")));
        assert!(explain("S15").is_some_and(|t| t.contains("never transitive")));
        assert!(explain("U-02").is_some());
        assert!(explain("FAIL-03").is_some_and(|t| t.starts_with("FAIL-03\n\n  ") && !t.contains("**")));
        assert!(explain("NSG_DENY").is_some());
        assert_eq!(explain("PEER-999"), None);
        assert_eq!(topics_like("ROUTE_NON").as_deref(), Some("ROUTE_NONE"));
    }
}
