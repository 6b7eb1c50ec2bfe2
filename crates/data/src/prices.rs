//! What peered traffic costs (PEER-39), and which pricing zone a geography belongs to.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::file::{Header, Parsed, Text, unless};

/// The price of peered traffic at one end.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Price {
    /// US dollars per gigabyte, for traffic that leaves this end and for traffic that enters it.
    pub usd_per_gb: f64,
    /// Pricing zone of this end; `None` if it is not known, which only a regional peering allows.
    pub zone: Option<u8>,
    /// Both ends are in one region.
    pub regional: bool,
}

/// The price list.
#[derive(Clone, PartialEq, Debug)]
pub struct Prices {
    /// How far to trust the figures, in one sentence for reports.
    pub note: String,
    /// US dollars per gigabyte and direction inside a region.
    pub regional_usd_per_gb: f64,
    /// Between regions, by zone number.
    pub zones: Vec<PricingZone>,
    zone_of: BTreeMap<String, u8>,
}

/// One pricing zone.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct PricingZone {
    /// Its number, from 1.
    pub zone: u8,
    /// US dollars per gigabyte and direction between regions, at an end in this zone.
    pub usd_per_gb: f64,
}

impl Prices {
    /// The pricing zone of a geography as `regions.toml` spells it.
    pub fn zone(&self, geography: &str) -> Option<u8> {
        self.zone_of.get(geography).copied()
    }

    /// The price at an end in this geography.
    pub(crate) fn of(&self, geography: &str, regional: bool) -> Option<Price> {
        let zone = self.zone(geography);
        if regional {
            return Some(Price { usd_per_gb: self.regional_usd_per_gb, zone, regional });
        }
        let listed = self.zones.iter().find(|listed| Some(listed.zone) == zone)?;
        Some(Price { usd_per_gb: listed.usd_per_gb, zone, regional })
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    date: Spanned<String>,
    sources: Spanned<Vec<String>>,
    note: String,
    regional_usd_per_gb: Spanned<f64>,
    zone: Vec<RawZone>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawZone {
    number: Spanned<u8>,
    usd_per_gb: Spanned<f64>,
    geographies: Vec<Spanned<String>>,
}

/// The price list of a file.
pub(crate) fn read(text: &Text<'_>) -> Parsed<Prices> {
    let raw: Raw = text.parse()?;
    let mut problems = Vec::new();
    let price = |written: &Spanned<f64>, problems: &mut Vec<String>| {
        let usd = *written.get_ref();
        if !usd.is_finite() || usd < 0.0 {
            problems.push(text.problem(
                &written.span(),
                &format!("{usd} is not a price"),
                "write dollars per GB",
            ));
        }
        usd
    };
    let regional_usd_per_gb = price(&raw.regional_usd_per_gb, &mut problems);
    let mut zones: Vec<PricingZone> = Vec::new();
    let mut zone_of = BTreeMap::new();
    for written in &raw.zone {
        let zone = *written.number.get_ref();
        if zones.iter().any(|known| known.zone == zone) {
            let wrong = format!("zone {zone} stands here twice");
            problems.push(text.problem(&written.number.span(), &wrong, "remove one"));
        }
        zones.push(PricingZone { zone, usd_per_gb: price(&written.usd_per_gb, &mut problems) });
        for geography in &written.geographies {
            if zone_of.insert(geography.get_ref().clone(), zone).is_some() {
                let wrong = format!("\"{}\" has two zones", geography.get_ref());
                problems.push(text.problem(&geography.span(), &wrong, "remove one"));
            }
        }
    }
    zones.sort_by_key(|zone| zone.zone);
    let prices = Prices { note: raw.note, regional_usd_per_gb, zones, zone_of };
    unless(problems, (Header { date: raw.date, sources: raw.sources }, prices))
}
