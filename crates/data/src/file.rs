//! What all data files share: the header, the reading of TOML, and messages with file, line and remedy.

use std::ops::Range;

use serde::{Deserialize, de::DeserializeOwned};
use toml::Spanned;
use vnetsim_types::IpNet;

/// Where the figures of one file come from.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Source {
    /// Name of the file, such as `limits.toml`.
    pub file: String,
    /// The day the figures were put together, `YYYY-MM-DD`.
    pub date: String,
    /// Pages, rule ids and notes that the figures come from.
    pub sources: Vec<String>,
    /// The file comes with the program; otherwise the user gave it.
    pub builtin: bool,
}

/// `date` and `sources`, with which every file begins.
#[derive(Deserialize)]
pub(crate) struct Header {
    pub(crate) date: Spanned<String>,
    pub(crate) sources: Spanned<Vec<String>>,
}

/// What a file holds, or what is wrong with it.
pub(crate) type Parsed<T> = Result<(Header, T), Vec<String>>;

/// The contents of a file, and its name as shown in messages.
pub(crate) struct Text<'a> {
    pub(crate) name: &'a str,
    pub(crate) text: &'a str,
}

impl Text<'_> {
    /// Parses the whole file.
    pub(crate) fn parse<T: DeserializeOwned>(&self) -> Result<T, Vec<String>> {
        toml::from_str(self.text).map_err(|e| {
            let remedy = "correct it, or remove the file to use the built-in one";
            vec![self.problem(&e.span().unwrap_or(0..0), e.message(), remedy)]
        })
    }

    /// One message: the file and line, what is wrong, what to do.
    pub(crate) fn problem(&self, span: &Range<usize>, wrong: &str, remedy: &str) -> String {
        let before = &self.text.as_bytes()[..span.start.min(self.text.len())];
        let line = 1 + before.iter().filter(|b| **b == b'\n').count();
        let wrong = wrong.lines().map(str::trim).collect::<Vec<_>>().join("; ");
        format!("{}:{line}: {wrong}; {remedy}", self.name)
    }

    /// The header as a `Source`, checked.
    pub(crate) fn source(&self, file: &str, header: Header) -> Result<Source, Vec<String>> {
        let mut problems = Vec::new();
        let date = header.date.get_ref();
        if !is_date(date) {
            let wrong = format!("`date` is \"{date}\", not a day");
            problems.push(self.problem(&header.date.span(), &wrong, "write it as \"2026-01-31\""));
        }
        if header.sources.get_ref().is_empty() {
            problems.push(self.problem(
                &header.sources.span(),
                "`sources` is empty",
                "say where the figures are from",
            ));
        }
        if !problems.is_empty() {
            return Err(problems);
        }
        let (date, sources) = (header.date.into_inner(), header.sources.into_inner());
        Ok(Source { file: file.to_owned(), date, sources, builtin: true })
    }

    /// A prefix without host bits; otherwise a message is added.
    pub(crate) fn prefix(&self, written: &Spanned<String>, problems: &mut Vec<String>) -> Option<IpNet> {
        let text = written.get_ref();
        match text.parse::<IpNet>() {
            Ok(net) if net.trunc() == net => Some(net),
            Ok(net) => {
                let remedy = format!("write {}", net.trunc());
                problems.push(self.problem(&written.span(), &format!("{text} has host bits"), &remedy));
                None
            }
            Err(_) => {
                let wrong = format!("\"{text}\" is not a prefix");
                problems.push(self.problem(
                    &written.span(),
                    &wrong,
                    "write it as \"10.0.0.0/8\" or \"fd00::/8\"",
                ));
                None
            }
        }
    }

    /// The prefixes of a list, in its order, each once.
    pub(crate) fn prefixes(&self, written: &[Spanned<String>], problems: &mut Vec<String>) -> Vec<IpNet> {
        let mut seen = std::collections::BTreeSet::new();
        let mut nets = Vec::with_capacity(written.len());
        for item in written {
            let Some(net) = self.prefix(item, problems) else { continue };
            if seen.insert(net) {
                nets.push(net);
            } else {
                problems.push(self.problem(&item.span(), &format!("{net} stands here twice"), "remove one"));
            }
        }
        nets
    }
}

/// `value`, unless something is wrong.
pub(crate) fn unless<T>(problems: Vec<String>, value: T) -> Result<T, Vec<String>> {
    if problems.is_empty() { Ok(value) } else { Err(problems) }
}

fn is_date(text: &str) -> bool {
    let parts: Vec<_> = text.split('-').collect();
    let digits = |part: &str, len| part.len() == len && part.bytes().all(|b| b.is_ascii_digit());
    let [year, month, day] = parts.as_slice() else { return false };
    let within = |part: &str, last: u32| part.parse::<u32>().is_ok_and(|n| (1..=last).contains(&n));
    digits(year, 4) && digits(month, 2) && digits(day, 2) && within(month, 12) && within(day, 31)
}
