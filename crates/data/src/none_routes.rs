//! Prefixes whose default next hop is None (RT-02, FE-11).

use serde::Deserialize;
use toml::Spanned;
use vnetsim_types::IpNet;

use crate::file::{Header, Parsed, Text, unless};

/// None prefixes, kept apart by how sure they are.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct NoneRoutes {
    /// Stated by Microsoft's pages (RT-02).
    pub documented: Vec<IpNet>,
    /// Seen in most captured tables of recent years (FE-11); a comparison treats them as optional.
    pub extra: Vec<IpNet>,
    /// Seen in some tables only, some of them in the place of a row of `extra` (FE-11).
    pub extra_in_places: Vec<IpNet>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    date: Spanned<String>,
    sources: Spanned<Vec<String>>,
    documented: Vec<Spanned<String>>,
    extra: Vec<Spanned<String>>,
    extra_in_places: Vec<Spanned<String>>,
}

/// The None prefixes of a file.
pub(crate) fn read(text: &Text<'_>) -> Parsed<NoneRoutes> {
    let raw: Raw = text.parse()?;
    let mut problems = Vec::new();
    let routes = NoneRoutes {
        documented: text.prefixes(&raw.documented, &mut problems),
        extra: text.prefixes(&raw.extra, &mut problems),
        extra_in_places: text.prefixes(&raw.extra_in_places, &mut problems),
    };
    unless(problems, (Header { date: raw.date, sources: raw.sources }, routes))
}
