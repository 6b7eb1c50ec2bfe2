//! JUnit XML, as Azure DevOps, GitLab, Jenkins and others read it. No times: the same input gives the same bytes.
//!
//! quick-junit writes it and leaves out what XML cannot hold.

use std::collections::BTreeMap;

use quick_junit::{NonSuccessKind, Report, TestCase, TestCaseStatus, TestSuite};
use vnetsim_types::Severity;

use super::{Card, Cards, Case, Standing, Suite, slashed};

/// A test suite for each file, a test case for each thing judged. Warnings and notes are passed cases that say something.
pub fn junit_xml(cards: &Cards<'_>) -> String {
    let mut report = Report::new(format!("vnetsim {}", cards.command()));
    for suite in cards.suites {
        report.add_test_suite(of_suite(suite));
    }
    report.to_string().expect("writing to memory does not fail")
}

fn of_suite(suite: &Suite) -> TestSuite {
    let file = slashed(&suite.file);
    let mut out = TestSuite::new(file.as_str());
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for case in &suite.cases {
        // Readers take cases of one name for one case.
        let number = names.entry(&case.title).and_modify(|number| *number += 1).or_insert(1);
        let name = if *number == 1 { case.title.clone() } else { format!("{} ({number})", case.title) };
        out.add_test_case(of_case(name, case, suite, &file));
    }
    if suite.cases.is_empty() {
        out.set_system_out("nothing to judge");
    }
    out
}

fn of_case(name: String, case: &Case, suite: &Suite, file: &str) -> TestCase {
    let mut status = TestCaseStatus::success();
    let failed = case.card.as_ref().filter(|card| card.level == Severity::Error);
    if let Some(card) = failed {
        let kind = match suite.standing {
            Standing::Unreadable => NonSuccessKind::Error,
            _ => NonSuccessKind::Failure,
        };
        status = TestCaseStatus::non_success(kind);
        status.set_type(card.code).set_message(one_line(&card.message)).set_description(body(card));
    }
    let mut out = TestCase::new(name, status);
    out.set_classname(file);
    if let (Some(card), None) = (&case.card, failed) {
        out.set_system_out(format!("{}: {} {}\n{}", card.level.text(), card.code, card.message, card.text));
    }
    if let Some(place) = &case.place {
        out.extra.insert("file".into(), slashed(&place.file).into());
        out.extra.insert("line".into(), place.line.to_string().into());
    }
    out
}

fn one_line(text: &str) -> String {
    text.lines().map(str::trim).collect::<Vec<_>>().join(" ")
}

/// What a person reads who opens the failed case.
fn body(card: &Card) -> String {
    let news = card.what.iter().filter(|what| !card.text.contains(what.as_str()));
    let mut parts: Vec<String> = news.map(|what| format!("{what}\n")).collect();
    parts.extend(card.because.iter().map(|because| format!("because {because}\n")));
    for text in [&card.text, &card.trace].into_iter().filter(|text| !text.is_empty()) {
        parts.push(format!("\n{text}"));
    }
    parts.concat().trim_start_matches('\n').to_owned()
}
