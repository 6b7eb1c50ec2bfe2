//! What the tests share.

use vnetsim_scenario::{Loaded, Scenario, load};
use vnetsim_types::{FileId, Problem, Span};

/// A scenario with every property of the format.
pub(crate) const FULL: &str = include_str!("data/full.yaml");

/// Loads text.
pub(crate) fn read(text: &str) -> Loaded {
    load(text.as_bytes(), FileId(3))
}

/// Loads text that must be free of problems.
#[track_caller]
pub(crate) fn good(text: &str) -> Scenario {
    let loaded = read(text);
    assert!(loaded.problems.is_empty(), "{}", show(text, &loaded.problems).join("\n"));
    loaded.scenario.unwrap()
}

/// 1-based line and column in characters.
pub(crate) fn line_column(text: &str, span: Span) -> (usize, usize) {
    let before = &text[..span.start as usize];
    let line_start = before.rfind('\n').map_or(0, |at| at + 1);
    (before.matches('\n').count() + 1, before[line_start..].chars().count() + 1)
}

/// `line:column CODE message (help)`, one line each.
pub(crate) fn show(text: &str, problems: &[Problem]) -> Vec<String> {
    let show = |p: &Problem| {
        let (line, column) = line_column(text, p.span);
        let help = if p.help.is_empty() { String::new() } else { format!(" ({})", p.help) };
        format!("{line}:{column} {} {}{help}", p.code, p.message)
    };
    problems.iter().map(show).collect()
}

/// The problems of `text`, shown.
pub(crate) fn problems(text: &str) -> Vec<String> {
    show(text, &read(text).problems)
}

/// Debug text without places, to compare what two spellings mean.
pub(crate) fn meaning(value: &impl std::fmt::Debug) -> String {
    let text = format!("{value:?}");
    let mut out = String::new();
    let mut rest = text.as_str();
    while let Some(at) = rest.find("Span { ") {
        out.push_str(&rest[..at]);
        let close = rest[at..].find(" }").unwrap();
        rest = &rest[at + close + 2..];
    }
    out + rest
}
