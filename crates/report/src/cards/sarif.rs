//! SARIF 2.1.0, as code scanning and editors read it.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/sarif-v2.1.0.html>. GitHub refuses a result without a file, so each has
//! one; its reader shows `relatedLocations` and the steps of `codeFlows` as links.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use vnetsim_types::{FindingCode, Severity};

use super::{Card, Cards, Case, Step, Suite, meaning, slashed};
use crate::Mark;

const SCHEMA: &str = "https://json.schemastore.org/sarif-2.1.0.json";

/// One run with a result for each card.
pub fn sarif_json(cards: &Cards<'_>) -> Value {
    let mut codes: Vec<&str> = cards.all().map(|(.., card)| card.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let mut prints = BTreeMap::new();
    let one = |(suite, case, card): (&Suite, &Case, &Card)| {
        let mut result = result(suite, case, card);
        result["ruleIndex"] = json!(codes.binary_search(&card.code).unwrap_or_default());
        let print = fingerprint(&[&slashed(&suite.file), &case.title, card.code, &card.object]);
        // Two that nothing distinguishes are told apart by their order.
        let number = prints.entry(print.clone()).and_modify(|n| *n += 1).or_insert(1);
        result["partialFingerprints"] = json!({ "vnetsim/v1": format!("{print}:{number}") });
        result
    };
    let results: Vec<Value> = cards.all().map(one).collect();
    let driver = json!({
        "name": "vnetsim",
        "version": env!("CARGO_PKG_VERSION"),
        "semanticVersion": env!("CARGO_PKG_VERSION"),
        "rules": codes.iter().map(|code| rule(code)).collect::<Vec<_>>(),
    });
    json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": { "driver": driver },
            // Distinguishes the two commands where both are uploaded.
            "automationDetails": { "id": format!("vnetsim/{}/", cards.command()) },
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    })
}

fn rule(code: &str) -> Value {
    let (sentence, hint) = meaning(code);
    let level = code.parse::<FindingCode>().map_or(Severity::Error, FindingCode::severity);
    json!({
        "id": code,
        "shortDescription": { "text": or(sentence, code) },
        "help": { "text": format!("{} More: vnetsim explain {code}", or(hint, "See the message.")) },
        "defaultConfiguration": { "level": level.text() },
    })
}

fn or<'a>(text: &'a str, instead: &'a str) -> &'a str {
    if text.is_empty() { instead } else { text }
}

fn result(suite: &Suite, case: &Case, card: &Card) -> Value {
    let start = Mark::start_of(&suite.file);
    let place = card.place.as_ref().or(case.place.as_ref()).unwrap_or(&start);
    let mut out = json!({
        "ruleId": card.code,
        "level": card.level.text(),
        "message": { "text": message(card) },
        "locations": [{ "physicalLocation": physical(place) }],
    });
    if !card.related.is_empty() {
        let one = |(ix, (mark, text)): (usize, &(Mark, String))| json!({ "id": ix, "physicalLocation": physical(mark), "message": { "text": or(text, "see also") } });
        out["relatedLocations"] = card.related.iter().enumerate().map(one).collect();
    }
    if !card.steps.is_empty() {
        let steps: Vec<Value> = card.steps.iter().map(|step| hop(step, &suite.file)).collect();
        out["codeFlows"] = json!([{ "threadFlows": [{ "locations": steps }] }]);
    }
    out
}

/// The sentence, the object and the remedies. Braces would be placeholders, so they are doubled.
fn message(card: &Card) -> String {
    let mut lines = vec![card.message.clone()];
    lines.extend((!card.object.is_empty()).then(|| format!("What: {}", card.object)));
    lines.extend(card.because.iter().map(|because| format!("Expected because: {because}")));
    lines.extend(card.evidence.iter().map(|line| format!("Cause: {line}")));
    lines.extend(card.help.iter().map(|line| format!("Fix: {line}")));
    plain(&lines.join("\n"))
}

fn plain(text: &str) -> String {
    text.replace('{', "{{").replace('}', "}}")
}

/// A hop without a line of its own is somewhere in the file.
fn hop(step: &Step, file: &str) -> Value {
    let place = match &step.place {
        Some(mark) => physical(mark),
        None => json!({ "artifactLocation": { "uri": uri(file) } }),
    };
    let way = if step.forward { "forward" } else { "return" };
    let text = plain(&format!("{way}  {}: {}", step.at, step.text));
    json!({ "location": { "physicalLocation": place, "message": { "text": text } } })
}

fn physical(mark: &Mark) -> Value {
    let region = json!({
        "startLine": mark.line, "startColumn": mark.column,
        "endLine": mark.end_line, "endColumn": mark.end_column,
    });
    json!({ "artifactLocation": { "uri": uri(&mark.file) }, "region": region })
}

/// A relative reference with forward slashes; everything else than letters, digits and `-._~/` as percent codes.
fn uri(file: &str) -> String {
    let file = slashed(file);
    let mut out = if file.starts_with('/') { "file://".to_owned() } else { String::new() };
    for byte in file.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}

/// The same for the same thing, wherever its line moves to: FNV-1a of 64 bits over the parts, each ended by a zero.
fn fingerprint(parts: &[&str]) -> String {
    let mut hash: u64 = 0xcbf2_9ce4_8422_2325;
    for byte in parts.iter().flat_map(|part| part.bytes().chain([0])) {
        hash = (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
    }
    format!("{hash:016x}")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Known answers of FNV-1a: <http://www.isthe.com/chongo/tech/comp/fnv/>.
    #[test]
    fn fingerprints_are_those_of_fnv() {
        assert_eq!(fingerprint(&[]), "cbf29ce484222325");
        assert_eq!(fingerprint(&["a"]), fnv(b"a\0"));
        assert_eq!(fnv(b"a"), "af63dc4c8601ec8c");
        assert_eq!(fnv(b"foobar"), "85944171f73967e8");
        assert_ne!(fingerprint(&["ab", "c"]), fingerprint(&["a", "bc"]));
    }

    fn fnv(bytes: &[u8]) -> String {
        let hash = bytes.iter().fold(0xcbf2_9ce4_8422_2325_u64, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3)
        });
        format!("{hash:016x}")
    }

    #[test]
    fn files_become_relative_references() {
        assert_eq!(uri("./a b/c.yaml"), "a%20b/c.yaml");
        assert_eq!(uri("../x:y.yaml"), "../x%3Ay.yaml");
        assert_eq!(uri("/tmp/ä.yaml"), "file:///tmp/%C3%A4.yaml");
    }
}
