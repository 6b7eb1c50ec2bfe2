//! The pages of `docs/codes.md`, which is compiled in: one for each drop reason, finding and ending.
//!
//! A page is a section `## CODE`. Its meaning comes first; then parts under a line in bold, in the order of
//! [`Part::ALL`]: either Azure CLI, Bicep and Terraform, each one fenced listing, or Fix in words. Called by `explain`.
//! Must never reword the document. Costs one pass over it for each page.

use serde_json::{Map, Value};

use crate::wrap::wrap;

const DOCUMENT: &str = include_str!("../../../docs/codes.md");

/// A part of a page.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub(crate) enum Part {
    Meaning,
    Portal,
    AzureCli,
    Bicep,
    Terraform,
    Fix,
    Sources,
}

impl Part {
    /// In the order in which they stand.
    const ALL: [Self; 7] =
        [Self::Meaning, Self::Portal, Self::AzureCli, Self::Bicep, Self::Terraform, Self::Fix, Self::Sources];

    /// The bold line above it; the meaning has none.
    fn title(self) -> &'static str {
        match self {
            Self::Meaning => "",
            Self::Portal => "In the portal",
            Self::AzureCli => "Azure CLI",
            Self::Bicep => "Bicep",
            Self::Terraform => "Terraform",
            Self::Fix => "Fix",
            Self::Sources => "Sources",
        }
    }

    /// Its name in JSON.
    fn key(self) -> &'static str {
        match self {
            Self::Meaning => "meaning",
            Self::Portal => "portal",
            Self::AzureCli => "azureCli",
            Self::Bicep => "bicep",
            Self::Terraform => "terraform",
            Self::Fix => "fix",
            Self::Sources => "sources",
        }
    }

    fn of_title(line: &str) -> Option<Self> {
        let title = line.strip_prefix("**")?.strip_suffix("**")?;
        Self::ALL.into_iter().find(|part| part.title() == title)
    }
}

/// A section of the document.
#[derive(Clone, Debug)]
pub(crate) struct Page {
    pub(crate) code: &'static str,
    /// Each part with its lines, as they stand.
    parts: Vec<(Part, Vec<&'static str>)>,
}

/// The page of a code.
pub(crate) fn page(code: &str) -> Option<Page> {
    pages().into_iter().find(|page| page.code == code)
}

fn pages() -> Vec<Page> {
    let mut pages: Vec<Page> = Vec::new();
    let (mut fenced, mut inside) = (false, false);
    for line in DOCUMENT.lines() {
        fenced ^= line.starts_with("```");
        if !fenced && line.starts_with("# ") {
            inside = false; // what stands under a title is about the document
        } else if let Some(code) = line.strip_prefix("## ").filter(|_| !fenced) {
            inside = true;
            pages.push(Page { code, parts: vec![(Part::Meaning, Vec::new())] });
        } else if let Some(page) = pages.last_mut().filter(|_| inside) {
            match Part::of_title(line).filter(|_| !fenced) {
                Some(part) => page.parts.push((part, Vec::new())),
                None => page.parts.last_mut().expect("a meaning").1.push(line),
            }
        }
    }
    pages
}

impl Page {
    /// As text of 100 columns; listings keep their lines.
    pub(crate) fn text(&self) -> String {
        let mut out = String::new();
        for (part, lines) in &self.parts {
            if *part == Part::Meaning {
                out.push_str(&body(lines, 2));
            } else {
                out.push_str(&format!("\n  {}\n{}", part.title(), body(lines, 4)));
            }
        }
        out
    }

    /// Every part by its name, `null` where there is none: listings without their fences, sources as a list.
    pub(crate) fn json(&self) -> Map<String, Value> {
        let of = |part: Part| self.parts.iter().find(|(p, _)| *p == part).map(|(_, lines)| lines);
        let value = |part: Part| match (part, of(part)) {
            (_, None) => Value::Null,
            (Part::Sources, Some(lines)) => paragraphs(lines).into_iter().map(|p| p.text).collect(),
            (_, Some(lines)) => match listing(lines) {
                Some(code) => code.join("\n").into(),
                None => paragraphs(lines).into_iter().map(|p| p.text).collect::<Vec<_>>().join("\n").into(),
            },
        };
        Part::ALL.into_iter().map(|part| (part.key().to_owned(), value(part))).collect()
    }
}

/// The lines between two fences.
fn listing<'a>(lines: &[&'a str]) -> Option<Vec<&'a str>> {
    let from = lines.iter().position(|l| l.starts_with("```"))? + 1;
    let until = lines.iter().rposition(|l| l.starts_with("```"))?;
    (from <= until).then(|| lines[from..until].to_vec())
}

/// Text that is wrapped as a whole.
struct Paragraph {
    bullet: bool,
    text: String,
}

/// Consecutive lines make one paragraph; each `- ` begins one.
fn paragraphs(lines: &[&str]) -> Vec<Paragraph> {
    let mut out: Vec<Paragraph> = Vec::new();
    let mut apart = true;
    for line in lines.iter().map(|l| l.trim()) {
        let bullet = line.starts_with("- ");
        let words = line.trim_start_matches("- ");
        match out.last_mut().filter(|_| !apart && !bullet) {
            Some(last) => last.text.push_str(&format!(" {words}")),
            None if line.is_empty() => {}
            None => out.push(Paragraph { bullet, text: words.to_owned() }),
        }
        apart = line.is_empty();
    }
    // A blank line after text was joined as an empty word.
    out.iter_mut().for_each(|p| p.text.truncate(p.text.trim_end().len()));
    out
}

fn body(lines: &[&str], indent: usize) -> String {
    let blank = " ".repeat(indent);
    if let Some(code) = listing(lines) {
        return code.iter().map(|l| format!("{}\n", format!("{blank}{l}").trim_end())).collect();
    }
    let one = |p: Paragraph| {
        let (mark, hang) = if p.bullet { ("- ", indent + 2) } else { ("", indent) };
        wrap(&format!("{blank}{mark}"), &p.text, hang)
    };
    paragraphs(lines).into_iter().map(one).collect()
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;
    use crate::{
        code_list::{Kind, all_codes},
        explain::rule_ids,
        wrap::COLUMNS,
    };

    /// With listings, and with words instead.
    const WITH_LISTINGS: &[Part] =
        &[Part::Meaning, Part::Portal, Part::AzureCli, Part::Bicep, Part::Terraform, Part::Sources];
    const IN_WORDS: &[Part] = &[Part::Meaning, Part::Portal, Part::Fix, Part::Sources];

    #[test]
    fn every_reason_finding_and_ending_has_a_page_and_no_page_is_left_over() {
        let paged = |kind| matches!(kind, Kind::DropReason | Kind::Finding | Kind::Ending);
        let codes: Vec<_> = all_codes().into_iter().filter(|c| paged(c.kind)).map(|c| c.code).collect();
        let found: Vec<_> = pages().iter().map(|p| p.code).collect();
        // In the order of the tables, too.
        assert_eq!(found, codes);
    }

    #[test]
    fn every_page_has_all_parts_in_order() {
        for page in pages() {
            let parts: Vec<Part> = page.parts.iter().map(|(part, _)| *part).collect();
            assert!(parts == WITH_LISTINGS || parts == IN_WORDS, "{}: {parts:?}", page.code);
            for (part, lines) in &page.parts {
                let place = format!("{}, {part:?}", page.code);
                assert!(!body(lines, 0).trim().is_empty(), "{place} says nothing");
                // Of a title that is none.
                assert!(!lines.iter().any(|l| l.starts_with("**")), "{place}: {lines:?}");
            }
        }
    }

    #[test]
    fn listings_are_one_fence_of_the_right_language_and_stand_only_there() {
        let language = |part| match part {
            Part::AzureCli => Some("```sh"),
            Part::Bicep => Some("```bicep"),
            Part::Terraform => Some("```hcl"),
            _ => None,
        };
        for page in pages() {
            for (part, lines) in &page.parts {
                let place = format!("{}, {part:?}", page.code);
                let text: Vec<_> = lines.iter().filter(|l| !l.is_empty()).collect();
                let fences = text.iter().filter(|l| l.starts_with("```")).count();
                let Some(language) = language(*part) else {
                    assert_eq!(fences, 0, "{place}");
                    continue;
                };
                assert_eq!((fences, *text[0], *text[text.len() - 1]), (2, language, "```"), "{place}");
                assert!(listing(lines).is_some_and(|code| !code.concat().trim().is_empty()), "{place}");
            }
        }
    }

    #[test]
    fn meanings_are_not_the_sentence_again() {
        for code in all_codes() {
            let Some(page) = page(code.code) else { continue };
            let meaning = page.json()["meaning"].as_str().expect("text").to_owned();
            assert!(!meaning.contains(code.sentence), "{}", code.code);
            let sentences = meaning.matches(". ").count() + 1;
            assert!((2..=6).contains(&sentences), "{}: {sentences} sentences", code.code);
        }
    }

    /// The rule of the table is among the sources; every rule named there exists; the rest are pages.
    #[test]
    fn sources_exist() {
        let known: BTreeSet<&str> = rule_ids().into_iter().collect();
        for code in all_codes() {
            let Some(page) = page(code.code) else { continue };
            let sources = page.json()["sources"].clone();
            let mut cited = Vec::new();
            for source in sources.as_array().expect("a list").iter().filter_map(Value::as_str) {
                if source.starts_with("https://") || source.starts_with("docs/") {
                    assert!(!source.contains(' '), "{}: {source}", code.code);
                    continue;
                }
                cited.extend(source.split(", ").map(str::to_owned));
            }
            for rule in &cited {
                assert!(known.contains(rule.as_str()), "{} cites {rule}", code.code);
            }
            assert!(code.rule.is_none_or(|rule| cited.iter().any(|c| c == rule)), "{}", code.code);
        }
    }

    #[test]
    fn pages_fit_100_columns_but_for_listings() {
        for page in pages() {
            let listed: BTreeSet<String> = page
                .parts
                .iter()
                .filter_map(|(_, lines)| listing(lines))
                .flatten()
                .map(|l| format!("    {l}"))
                .collect();
            for line in page.text().lines().filter(|l| !listed.contains(*l)) {
                assert!(line.chars().count() <= COLUMNS, "{}: {line}", page.code);
            }
        }
    }

    #[test]
    fn paragraphs_join_lines_and_keep_bullets_apart() {
        let lines = ["One", "two.", "", "- a", "  b", "- c"];
        let texts: Vec<_> = paragraphs(&lines).into_iter().map(|p| (p.bullet, p.text)).collect();
        let expected = [(false, "One two."), (true, "a b"), (true, "c")];
        assert_eq!(texts, expected.map(|(b, t)| (b, t.to_owned())));
        assert_eq!(body(&["```sh", "az x", "  y", "```"], 4), "    az x\n      y\n");
    }
}
