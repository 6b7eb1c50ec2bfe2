//! Azure's regions: where they are, which cloud they belong to, and how long a bit travels between them.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use vnetsim_types::named_enum;

use crate::file::{Header, Parsed, Text, unless};

const EARTH_RADIUS_KM: f64 = 6371.0;

named_enum! {
    /// Clouds that are strangers to each other (PEER-31).
    Cloud {
        /// The public cloud.
        Public = "public",
        /// China, run by 21Vianet.
        China = "china",
        /// US Government.
        Government = "government",
    }
}

/// One region.
#[derive(Clone, PartialEq, Debug)]
pub struct Region {
    /// The name as ARM spells it, such as `koreacentral`.
    pub name: String,
    /// The name as the portal spells it, such as `Korea Central`.
    pub display_name: String,
    /// Latitude of the metropolis, degrees north.
    pub latitude: f64,
    /// Longitude of the metropolis, degrees east.
    pub longitude: f64,
    /// Country, as `prices.toml` spells it.
    pub geography: String,
    /// The cloud it belongs to.
    pub cloud: Cloud,
    /// One of the three regions of the global-peering preview of 2017 (ERA-01, PEER-33).
    pub preview_2017: bool,
}

/// All regions, and the speed of light between them.
#[derive(Clone, PartialEq, Debug)]
pub struct Regions {
    by_name: BTreeMap<String, Region>,
    km_per_ms: u64,
    route_percent: u64,
    least_km: u64,
}

impl Regions {
    pub(crate) fn get(&self, name: &str) -> Option<&Region> {
        self.by_name.get(&normal(name))
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &Region> {
        self.by_name.values()
    }

    /// Whole kilometres first, then integers only: the same on every machine.
    pub(crate) fn one_way_latency_ns(&self, a: &str, b: &str) -> Option<u64> {
        let km = great_circle_km(self.get(a)?, self.get(b)?).max(self.least_km);
        let ns = u128::from(km) * u128::from(self.route_percent) * 10_000 / u128::from(self.km_per_ms);
        Some(u64::try_from(ns).unwrap_or(u64::MAX))
    }
}

/// The name without blanks, in lower case.
pub(crate) fn normal(name: &str) -> String {
    name.chars().filter(|c| !c.is_whitespace()).flat_map(char::to_lowercase).collect()
}

/// Distance on the sphere, rounded to kilometres.
fn great_circle_km(a: &Region, b: &Region) -> u64 {
    let (lat_a, lat_b) = (a.latitude.to_radians(), b.latitude.to_radians());
    let (d_lat, d_lon) = (lat_b - lat_a, (b.longitude - a.longitude).to_radians());
    let h = (d_lat / 2.0).sin().powi(2) + lat_a.cos() * lat_b.cos() * (d_lon / 2.0).sin().powi(2);
    (2.0 * EARTH_RADIUS_KM * h.clamp(0.0, 1.0).sqrt().asin()).round() as u64
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    date: Spanned<String>,
    sources: Spanned<Vec<String>>,
    km_per_ms: Spanned<u32>,
    route_percent: Spanned<u32>,
    least_km: u32,
    regions: Vec<RawRegion>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawRegion {
    name: Spanned<String>,
    display: String,
    lat: Spanned<f64>,
    lon: Spanned<f64>,
    geography: String,
    cloud: Option<Spanned<String>>,
    #[serde(default)]
    preview_2017: bool,
}

/// The regions of a file.
pub(crate) fn read(text: &Text<'_>) -> Parsed<Regions> {
    let raw: Raw = text.parse()?;
    let mut problems = Vec::new();
    if *raw.km_per_ms.get_ref() == 0 {
        problems.push(text.problem(
            &raw.km_per_ms.span(),
            "`km_per_ms` is 0",
            "light in fibre makes about 200",
        ));
    }
    if *raw.route_percent.get_ref() < 100 {
        let wrong = "`route_percent` is below 100, shorter than the straight line";
        problems.push(text.problem(&raw.route_percent.span(), wrong, "write 100 or more"));
    }
    let mut by_name = BTreeMap::new();
    for written in raw.regions {
        let span = written.name.span();
        let region = region(text, written, &mut problems);
        if let Some(region) = region
            && let Some(twice) = by_name.insert(region.name.clone(), region)
        {
            problems.push(text.problem(&span, &format!("{} stands here twice", twice.name), "remove one"));
        }
    }
    let regions = Regions {
        by_name,
        km_per_ms: u64::from(*raw.km_per_ms.get_ref()),
        route_percent: u64::from(*raw.route_percent.get_ref()),
        least_km: u64::from(raw.least_km),
    };
    unless(problems, (Header { date: raw.date, sources: raw.sources }, regions))
}

fn region(text: &Text<'_>, written: RawRegion, problems: &mut Vec<String>) -> Option<Region> {
    let before = problems.len();
    let name = normal(written.name.get_ref());
    if name != *written.name.get_ref() || name.is_empty() {
        let wrong = format!("region \"{}\" is not in lower case without blanks", written.name.get_ref());
        problems.push(text.problem(&written.name.span(), &wrong, &format!("write \"{name}\"")));
    }
    for (angle, limit) in [(&written.lat, 90.0), (&written.lon, 180.0)] {
        if !(-limit..=limit).contains(angle.get_ref()) {
            let wrong = format!("{} is not an angle between -{limit} and {limit}", angle.get_ref());
            problems.push(text.problem(&angle.span(), &wrong, "write degrees north and east"));
        }
    }
    let cloud = match &written.cloud {
        None => Some(Cloud::Public),
        Some(spelt) => {
            let known = Cloud::ALL.iter().find(|(name, _)| name == spelt.get_ref());
            if known.is_none() {
                let wrong = format!("unknown cloud \"{}\"", spelt.get_ref());
                problems.push(text.problem(&spelt.span(), &wrong, "write public, china or government"));
            }
            known.map(|(_, cloud)| *cloud)
        }
    };
    (problems.len() == before).then_some(Region {
        name,
        display_name: written.display,
        latitude: written.lat.into_inner(),
        longitude: written.lon.into_inner(),
        geography: written.geography,
        cloud: cloud?,
        preview_2017: written.preview_2017,
    })
}
