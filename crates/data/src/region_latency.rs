//! Measured round trips between regions.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::{
    file::{Header, Parsed, Text, unless},
    regions::normal,
};

/// Round trips between regions, as far as they were measured.
#[derive(Clone, PartialEq, Debug)]
pub struct RegionLatency {
    /// In milliseconds, by the names of both regions, the lesser one first.
    round_trips_ms: BTreeMap<(String, String), u32>,
}

impl RegionLatency {
    /// The round trip between two regions in milliseconds, either way.
    pub(crate) fn round_trip_ms(&self, a: &str, b: &str) -> Option<u32> {
        self.round_trips_ms.get(&pair(&normal(a), &normal(b))).copied()
    }

    /// How many pairs were measured.
    pub fn pairs(&self) -> usize {
        self.round_trips_ms.len()
    }
}

fn pair(a: &str, b: &str) -> (String, String) {
    (a.min(b).to_owned(), a.max(b).to_owned())
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    date: Spanned<String>,
    sources: Spanned<Vec<String>>,
    regions: Vec<RawRegion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRegion {
    name: Spanned<String>,
    ms: Spanned<Vec<u32>>,
}

/// The round trips of a file; 0 is one that is not known.
pub(crate) fn read(text: &Text<'_>) -> Parsed<RegionLatency> {
    let raw: Raw = text.parse()?;
    let (mut problems, mut round_trips_ms) = (Vec::new(), BTreeMap::new());
    for (above, region) in raw.regions.iter().enumerate() {
        let (name, ms) = (region.name.get_ref(), region.ms.get_ref());
        if normal(name) != *name || name.is_empty() {
            let wrong = format!("region \"{name}\" is not in lower case without blanks");
            problems.push(text.problem(&region.name.span(), &wrong, &format!("write \"{}\"", normal(name))));
        }
        if raw.regions[..above].iter().any(|other| other.name.get_ref() == name) {
            problems.push(text.problem(
                &region.name.span(),
                &format!("{name} stands here twice"),
                "remove one",
            ));
        }
        if ms.len() != above {
            let wrong = format!("{name} has {} round trips, and {above} regions stand above it", ms.len());
            let remedy = "write one for each of them, 0 where it is not known";
            problems.push(text.problem(&region.ms.span(), &wrong, remedy));
        }
        for (other, ms) in raw.regions.iter().zip(ms).filter(|(_, ms)| **ms > 0) {
            round_trips_ms.insert(pair(name, other.name.get_ref()), *ms);
        }
    }
    unless(problems, (Header { date: raw.date, sources: raw.sources }, RegionLatency { round_trips_ms }))
}
