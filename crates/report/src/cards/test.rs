//! `vnetsim test` for people, and as JSON.
//!
//! Owns which lines of a card a terminal shows. Called by `cli`. Must never decide what fails.

use serde_json::{Value, json};
use vnetsim_types::Severity;

use super::{Card, CardKind, Cards, Case, Standing, Suite, meaning};
use crate::{Mark, json::envelope, wrap::wrap};

/// A line for each file; under one that does not hold what failed, and why the traffic died; a line at the end.
pub fn test_text(cards: &Cards<'_>) -> String {
    let widest = cards.suites.iter().map(|suite| suite.standing.word().len()).max().unwrap_or_default();
    let mut out = String::new();
    for suite in cards.suites {
        let head = format!("{:<widest$}  ", suite.standing.word());
        out.push_str(&wrap(&head, &format!("{}  {}", suite.file, result(suite)), widest + 4));
        out.push_str(&failures(suite));
    }
    out.push_str(&format!("{}\n", cards.summary()));
    out
}

fn result(suite: &Suite) -> String {
    let tally = suite.tally(CardKind::Expectations);
    match (suite.standing, suite.end) {
        (Standing::Unreadable, _) => format!("not read: {tally}"),
        (_, Some(end)) => format!("{tally}, ends at {end}"),
        _ => tally,
    }
}

fn failures(suite: &Suite) -> String {
    let mut out = String::new();
    let mut told: Vec<&str> = Vec::new();
    for (case, card) in suite.cards() {
        if suite.standing == Standing::Unreadable {
            out.push_str(&format!("\n{}", card.text));
            continue;
        }
        let place = case.place.as_ref().map(place).unwrap_or_default();
        let word = if suite.standing == Standing::NotModelled { "UNSURE" } else { "FAILED" };
        out.push_str(&wrap(&format!("\n  {word}  "), &format!("{}  {place}", case.title), 10));
        for what in &card.what {
            out.push_str(&wrap("          ", what, 12));
        }
        out.extend(card.because.iter().map(|text| wrap("          ", &format!("because {text}"), 12)));
        // Several expectations may be about one death; it is told once.
        if !card.text.is_empty() && !told.contains(&card.text.as_str()) {
            told.push(&card.text);
            let (head, rest) = card.text.split_once('\n').unwrap_or((&card.text, ""));
            out.push_str(&wrap("  ", head, 4));
            out.push_str(rest);
        }
    }
    if !out.is_empty() {
        out.push('\n');
    }
    out
}

fn place(mark: &Mark) -> String {
    format!("{}:{}:{}", mark.file, mark.line, mark.column)
}

/// `vnetsim test -o json`.
pub fn test_json(cards: &Cards<'_>) -> Value {
    let files: Vec<Value> = cards.suites.iter().map(suite_json).collect();
    envelope(cards.command(), json!({ "summary": cards.summary(), "files": files }))
}

fn suite_json(suite: &Suite) -> Value {
    let cases = suite.cases.iter();
    let (what, cases): (_, Vec<Value>) = match suite.standing {
        Standing::Unreadable => {
            ("problems", cases.filter_map(|case| case.card.as_ref()).map(problem).collect())
        }
        _ => ("expectations", cases.map(expectation).collect()),
    };
    let mut out = json!({ "file": suite.file, "name": suite.name, "verdict": suite.standing.code() });
    if let Some(end) = suite.end {
        out["endNs"] = json!(end.0);
    }
    out[what] = Value::Array(cases);
    out
}

fn expectation(case: &Case) -> Value {
    let mut out =
        json!({ "title": case.title, "holds": case.card.is_none(), "source": source(case.place.as_ref()) });
    if let Some(card) = &case.card {
        out["failures"] = json!(card.what);
        out["because"] = json!(card.because);
        out["cause"] = json!({
            "code": card.code, "sentence": meaning(card.code).0, "object": card.object,
            "source": source(card.place.as_ref()), "because": card.evidence, "fix": card.help,
        });
    }
    out
}

fn problem(card: &Card) -> Value {
    let level: Severity = card.level;
    json!({
        "severity": level.text(), "code": card.code, "message": card.message,
        "help": card.help.join("\n"), "source": source(card.place.as_ref()),
    })
}

fn source(mark: Option<&Mark>) -> Value {
    mark.map_or(Value::Null, |m| json!({ "file": m.file, "line": m.line, "column": m.column }))
}
