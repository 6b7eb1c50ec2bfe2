//! `vnetsim explain`: what a code or a rule id means, offline.
//!
//! Codes come from `code_list.rs`, their pages from `code_pages.rs`; rules from `docs/semantics.md`, which is compiled
//! in. A rule there is a bullet `- **ID** text` or a table row `| ID | ... |`. Called by `cli`.

use serde_json::{Value, json};
use vnetsim_model::did_you_mean;
use vnetsim_types::Severity;

use crate::{
    code_list::{Code, all_codes, find_code},
    code_pages::page,
    json::envelope,
    wrap::wrap,
};

const SEMANTICS: &str = include_str!("../../../docs/semantics.md");

/// The meaning of `topic`: the code of a drop reason, a finding, an ending, a problem or a refusal, a rule id
/// (`PEER-08`), a statement (`S15`), a disputed point (`U-02`), a vector (`V-05`). `None` when there is no such thing.
pub fn explain(topic: &str) -> Option<String> {
    find_code(topic).map(|code| code_text(&code)).or_else(|| rule_text(topic))
}

/// The same as JSON: the text, and of a code everything that it is made of.
pub fn explain_json(topic: &str) -> Option<Value> {
    let mut body = json!({ "topic": topic, "text": explain(topic)? });
    if let (Some(code), Some(body)) = (find_code(topic), body.as_object_mut()) {
        body.extend(code.json().as_object().cloned().unwrap_or_default());
        body.extend(page(code.code).map(|page| page.json()).unwrap_or_default());
    }
    Some(envelope("explain", body))
}

/// The nearest topic to a mistyped one.
pub fn topics_like(topic: &str) -> Option<String> {
    let codes = all_codes().into_iter().map(|code| code.code);
    did_you_mean(topic, codes.chain(SEMANTICS.lines().filter_map(rule_id))).map(str::to_owned)
}

fn code_text(code: &Code) -> String {
    let kind = code.kind.words();
    let more = code.severity.map(Severity::text).or(code.name).map(|more| format!(", {more}"));
    let mut out = format!("{}  ({kind}{})\n\n", code.code, more.unwrap_or_default());
    out.push_str(&wrap("  ", code.sentence, 2));
    if let Some(hint) = code.hint {
        out.push_str(&wrap("  Fix: ", hint, 7));
    }
    if let Some(page) = page(code.code) {
        out.push_str(&format!("\n{}", page.text()));
    }
    if let Some(rule) = code.rule.and_then(rule_text) {
        out.push_str(&format!("\n{rule}"));
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
    use crate::codes::{PROBLEMS, REFUSALS};

    #[test]
    fn every_code_names_a_rule_that_is_there() {
        for code in all_codes() {
            assert!(code.rule.is_none_or(|rule| rule_text(rule).is_some()), "{code:?}");
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
        assert_eq!(topics_like("UDR_LOSES_LMP").as_deref(), Some("UDR_LOSES_LPM"));
        assert_eq!(topics_like("TIMED_OUTT").as_deref(), Some("TIMED_OUT"));
    }

    #[test]
    fn codes_say_what_they_are() {
        let head = |topic| explain(topic).and_then(|t| t.lines().next().map(str::to_owned));
        assert_eq!(head("routenone").as_deref(), Some("ROUTE_NONE  (drop reason, RouteNone)"));
        assert_eq!(head("udr_loses_lpm").as_deref(), Some("UDR_LOSES_LPM  (finding, warning)"));
        assert_eq!(head("RESET").as_deref(), Some("RESET  (ending)"));
        assert_eq!(head("YAML_SYNTAX").as_deref(), Some("YAML_SYNTAX  (problem of an input)"));
        assert_eq!(head("SecurityRuleConflict").as_deref(), Some("SecurityRuleConflict  (refusal)"));
        let json = explain_json("UDR_LOSES_LPM").expect("JSON");
        assert_eq!((&json["severity"], &json["rule"]), (&json!("warning"), &json!("FAIL-10")));
        assert!(
            json["azureCli"].as_str().is_some_and(|az| az.contains("az network route-table route create")),
            "{json:#}"
        );
        assert_eq!(json["fix"], Value::Null);
        let rule = explain_json("PEER-08").expect("JSON");
        assert!(rule["text"].is_string() && rule.get("meaning").is_none());
    }
}
