//! A comment for a pull request: verdicts in a table, failures with their traces folded away, one picture.
//!
//! Owns what fits into a comment, and that no text becomes markup. Called by `cli`. Must never decide what fails.

use super::{Card, Cards, Case, Suite, diagram::mermaid, slashed};
use crate::Mark;

/// GitHub refuses comments of more than 65,536 characters; what is over is left out, and said.
const BYTES_MAX: usize = 60_000;

/// The whole comment.
pub fn markdown_text(cards: &Cards<'_>) -> String {
    let mut out = format!("### vnetsim {}: {}\n\n", cards.command(), escaped(&cards.summary()));
    out.push_str("| | File | Result |\n|---|---|---|\n");
    let mut left_out = 0;
    for suite in cards.suites {
        let (word, tally) = (suite.standing.word(), suite.tally(cards.kind));
        let row = format!("| {word} | {} | {} |\n", in_cell(&code(&slashed(&suite.file))), escaped(&tally));
        if out.len() + row.len() > BYTES_MAX / 2 { left_out += 1 } else { out.push_str(&row) }
    }
    let (mut drawn, mut not_told, mut traced) = (false, 0, Vec::new());
    for (suite, case, card) in cards.all() {
        let picture = mermaid(&card.steps).filter(|_| !drawn);
        let mut text = told(suite, case, card, picture.as_deref());
        // Several expectations may be about one packet; its way is told once.
        if !traced.contains(&&card.trace) {
            text.push_str(&folded(card));
        }
        if out.len() + text.len() > BYTES_MAX {
            not_told += 1;
            continue;
        }
        drawn |= picture.is_some();
        traced.extend(Some(&card.trace).filter(|trace| !trace.is_empty()));
        out.push_str(&text);
    }
    if left_out + not_told > 0 {
        out.push_str(&format!("\nNot shown, for want of room: {left_out} files, {not_told} messages.\n"));
    }
    out
}

fn told(suite: &Suite, case: &Case, card: &Card, picture: Option<&str>) -> String {
    let start = Mark::start_of(&suite.file);
    let place = card.place.as_ref().or(case.place.as_ref()).unwrap_or(&start);
    let place = format!("{}:{}:{}", slashed(&place.file), place.line, place.column);
    let mut out = format!("\n#### {} {}\n\n{}\n", code(card.code), code(&place), escaped(&card.message));
    let lines = |head: &'static str, lines: &[String]| {
        lines.iter().map(move |line| format!("- **{head}:** {}\n", escaped(line))).collect::<String>()
    };
    let object = if card.object.is_empty() { Vec::new() } else { vec![card.object.clone()] };
    let list = [
        lines("what", &object),
        lines("because", card.because.as_slice()),
        lines("cause", &card.evidence),
        lines("fix", &card.help),
    ];
    if list.iter().any(|lines| !lines.is_empty()) {
        out.push_str(&format!("\n{}", list.concat()));
    }
    if let Some(picture) = picture {
        out.push_str(&format!("\n{}", fenced("mermaid", picture)));
    }
    out
}

/// The explanation and the hops, as a terminal shows them.
fn folded(card: &Card) -> String {
    let whole = [card.text.as_str(), card.trace.as_str()].join("\n");
    let text = whole.trim_matches('\n');
    if text.is_empty() {
        return String::new();
    }
    let summary = if card.trace.is_empty() { "Details" } else { "Trace" };
    format!("\n<details><summary>{summary}</summary>\n\n{}\n</details>\n", fenced("text", text))
}

/// Text that means nothing to Markdown, to HTML or to GitHub's mentions.
fn escaped(text: &str) -> String {
    let mut out = String::new();
    for c in text.chars() {
        match c {
            c if c.is_control() => out.push(' '),
            '@' => out.push_str("&#64;"),
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '#' => out.push_str("&#35;"),
            '\\' | '`' | '*' | '_' | '[' | ']' | '|' | '~' | '!' | '$' => out.extend(['\\', c]),
            c => out.push(c),
        }
    }
    out
}

/// A code span: more backticks around it than in it.
fn code(text: &str) -> String {
    let text = text.replace(char::is_control, " ");
    let ticks = "`".repeat(longest_run(&text) + 1);
    let pad = if text.starts_with('`') || text.ends_with('`') { " " } else { "" };
    format!("{ticks}{pad}{text}{pad}{ticks}")
}

/// In a table a pipe ends a cell, even within code.
fn in_cell(text: &str) -> String {
    text.replace('|', "\\|")
}

/// A block whose fence is longer than any run of backticks in it.
fn fenced(language: &str, text: &str) -> String {
    let ticks = "`".repeat(longest_run(text).max(2) + 1);
    let text = text.replace(|c: char| c.is_control() && c != '\n', " ");
    format!("{ticks}{language}\n{}\n{ticks}\n", text.trim_end_matches('\n'))
}

fn longest_run(text: &str) -> usize {
    text.split(|c| c != '`').map(str::len).max().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use vnetsim_types::Severity;

    use super::*;
    use crate::cards::{CardKind, Standing};

    #[test]
    fn nothing_of_a_text_is_markup() {
        assert_eq!(escaped("a|b `c` <d> @team #1 _e_"), "a\\|b \\`c\\` &lt;d&gt; &#64;team &#35;1 \\_e\\_");
        assert_eq!(code("a`b"), "``a`b``");
        assert_eq!(code("`"), "`` ` ``");
        assert_eq!(in_cell(&code("a|b")), "`a\\|b`");
        assert_eq!(fenced("text", "```\nx"), "````text\n```\nx\n````\n");
    }

    #[test]
    fn a_comment_fits_into_githubs_limit() {
        let mut card = Card::new(Severity::Error, "NSG_DENY", "m");
        card.trace = "hop\n".repeat(500);
        let case = Case { title: "t".to_owned(), place: None, expected: false, card: Some(card) };
        let suite = |ix: usize| Suite {
            file: format!("{ix}-{}.yaml", "x".repeat(100)),
            name: String::new(),
            standing: Standing::Failed,
            end: None,
            cases: vec![case.clone()],
        };
        let suites: Vec<Suite> = (0..1000).map(suite).collect();
        let text = markdown_text(&Cards { kind: CardKind::Findings, suites: &suites });
        assert!(text.len() < 65_536, "{}", text.len());
        assert!(text.contains("Not shown, for want of room: "), "{text}");
    }
}
