//! Problems of an input, each with the place underlined.

use annotate_snippets::{AnnotationKind, Group, Level, Renderer, Snippet};
use vnetsim_types::{Problem, Severity, Span, limits::PROBLEMS_MAX};

use crate::{Sources, units::counted};

/// Longer lines are not shown: the place is given in words.
const LINE_BYTES_MAX: usize = 400;

/// All problems (the first hundred in full), and how many there are.
pub fn problems_text(problems: &[Problem], sources: &Sources) -> String {
    let mut out = String::new();
    for problem in problems.iter().take(PROBLEMS_MAX) {
        out.push_str(&problem_text(problem, sources));
        out.push_str("\n\n");
    }
    let errors = problems.iter().filter(|p| p.severity == Severity::Error).count();
    if problems.len() > PROBLEMS_MAX {
        out.push_str(&format!(
            "{} more not shown\n",
            counted((problems.len() - PROBLEMS_MAX) as u64, "problem")
        ));
    }
    if !problems.is_empty() {
        let (errors, warnings) = (errors as u64, (problems.len() - errors) as u64);
        out.push_str(&format!("{}, {}\n", counted(errors, "error"), counted(warnings, "warning")));
    }
    out
}

/// One problem with its place underlined, without an end of line.
pub(crate) fn problem_text(problem: &Problem, sources: &Sources) -> String {
    let level = match problem.severity {
        Severity::Error => Level::ERROR,
        Severity::Warning => Level::WARNING,
        Severity::Note => Level::NOTE,
    };
    let mut group = level
        .primary_title(problem.message.as_str())
        .id(problem.code)
        .elements([] as [annotate_snippets::Message<'_>; 0]);
    for (span, label, kind) in marks(problem) {
        group = match shown(span, sources) {
            Some((path, first_line, text, range)) => {
                let mark = kind.span(range).label((!label.is_empty()).then_some(label));
                group.element(Snippet::source(text).line_start(first_line).path(path).annotation(mark))
            }
            None => match sources.place(span) {
                Some(place) => group.element(Level::NOTE.message(format!("{label} at {place}"))),
                None => group,
            },
        };
    }
    if !problem.help.is_empty() {
        group = group.element(Level::HELP.message(problem.help.as_str()));
    }
    let report: [Group<'_>; 1] = [group];
    Renderer::plain().render(&report)
}

fn marks(problem: &Problem) -> Vec<(Span, &str, AnnotationKind)> {
    let mut marks = vec![(problem.span, problem.label.as_str(), AnnotationKind::Primary)];
    marks.extend(problem.related.iter().map(|(span, text)| (*span, text.as_str(), AnnotationKind::Context)));
    marks.retain(|(span, ..)| !span.is_none());
    marks
}

/// Path, number and text of the first line of `span`, and the marked range within that text.
fn shown(span: Span, sources: &Sources) -> Option<(&str, usize, &str, std::ops::Range<usize>)> {
    let (path, text) = sources.file(span.file)?;
    let (line, _) = sources.line_column(span)?;
    let start = text.get(..span.start as usize)?.rfind('\n').map_or(0, |at| at + 1);
    let end = text[start..].find('\n').map_or(text.len(), |at| start + at);
    if end - start > LINE_BYTES_MAX {
        return None;
    }
    let from = span.start as usize - start;
    let to = (span.end as usize).min(end).max(span.start as usize + usize::from(from < end - start)) - start;
    let source = &text[start..end];
    (source.is_char_boundary(from) && source.is_char_boundary(to)).then_some((path, line, source, from..to))
}
