//! GitHub Actions: workflow commands, which mark the lines of a pull request.
//!
//! Format and escaping: <https://docs.github.com/en/actions/reference/workflows-and-actions/workflow-commands> and the
//! runner's toolkit. GitHub shows the first ten of each level of a step; all are in the log.

use vnetsim_types::Severity;

use super::{Card, Cards, Case, Suite, slashed};
use crate::Mark;

/// A command for each card and one line that sums up.
pub fn github_text(cards: &Cards<'_>) -> String {
    let mut out: String = cards.all().map(|(suite, case, card)| command(suite, case, card)).collect();
    out.push_str(&format!("vnetsim {}: {}\n", cards.command(), cards.summary()));
    out
}

fn command(suite: &Suite, case: &Case, card: &Card) -> String {
    let level = match card.level {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let start = Mark::start_of(&suite.file);
    let place = card.place.as_ref().or(case.place.as_ref()).unwrap_or(&start);
    let mut properties = vec![
        ("file", slashed(&place.file)),
        ("line", place.line.to_string()),
        ("col", place.column.to_string()),
    ];
    // Columns of two lines cannot be shown.
    if place.line == place.end_line && place.end_column > place.column {
        properties.push(("endColumn", place.end_column.to_string()));
    }
    properties.push(("title", card.code.to_owned()));
    let properties: Vec<String> =
        properties.iter().map(|(name, value)| format!("{name}={}", property(value))).collect();
    let lines = [vec![card.message.clone()], details(card)].concat().join("\n");
    format!("::{level} {}::{}\n", properties.join(","), data(&lines))
}

/// Object, reason and remedy, a line each.
fn details(card: &Card) -> Vec<String> {
    let object = (!card.object.is_empty()).then_some(&card.object).map(|object| format!("what: {object}"));
    let because = card.because.iter().map(|because| format!("expected because {because}"));
    let evidence = card.evidence.iter().map(|line| format!("cause: {line}"));
    let help = card.help.iter().map(|line| format!("fix: {line}"));
    object.into_iter().chain(because).chain(evidence).chain(help).collect()
}

/// The text behind `::`.
fn data(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// The value of a property.
fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cards::{CardKind, Standing};

    /// As `@actions/core` does it.
    #[test]
    fn escapes_what_ends_a_command() {
        assert_eq!(data("50 % lost\r\nfix: a, b"), "50 %25 lost%0D%0Afix: a, b");
        assert_eq!(property("c:\\a,b.yaml\n%0A"), "c%3A\\a%2Cb.yaml%0A%250A");
    }

    #[test]
    fn levels_have_their_commands_and_a_file_without_a_line_its_first() {
        let card = |level| Some(Card::new(level, "UDR_LOOP", "round and round\n::error::not a command"));
        let case = |level| Case { title: "t".to_owned(), place: None, expected: false, card: card(level) };
        let passed = Case { title: "fine".to_owned(), place: None, expected: false, card: None };
        let suite = Suite {
            file: "a,b.yaml".to_owned(),
            name: String::new(),
            standing: Standing::Failed,
            end: None,
            cases: vec![case(Severity::Error), passed, case(Severity::Warning), case(Severity::Note)],
        };
        let text = github_text(&Cards { kind: CardKind::Findings, suites: &[suite] });
        let rest = "file=a%2Cb.yaml,line=1,col=1,title=UDR_LOOP::round and round%0A::error::not a command";
        assert_eq!(
            text.lines().collect::<Vec<_>>(),
            [
                format!("::error {rest}"),
                format!("::warning {rest}"),
                format!("::notice {rest}"),
                "vnetsim check: 1 file: 1 error, 1 warning, 1 note".to_owned()
            ]
        );
    }
}
