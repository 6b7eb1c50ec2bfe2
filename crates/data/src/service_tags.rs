//! Service tags and their prefixes (NSG-18, RT-13), as far as the file knows them.

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;
use vnetsim_types::IpNet;

use crate::file::{Header, Parsed, Text, unless};

/// One service tag.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceTag {
    /// The name as Microsoft spells it, such as `Storage.KoreaCentral`.
    pub name: String,
    /// Which edition of Microsoft's list the prefixes are from.
    pub edition: String,
    /// The IPv6 prefixes are among `prefixes`; otherwise they are unknown, not absent.
    pub ipv6_known: bool,
    /// The prefixes, in the order of the file.
    pub prefixes: Vec<IpNet>,
}

/// All service tags by their name in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ServiceTags {
    by_name: BTreeMap<String, ServiceTag>,
}

impl ServiceTags {
    pub(crate) fn get(&self, name: &str) -> Option<&ServiceTag> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &ServiceTag> {
        self.by_name.values()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    date: Spanned<String>,
    sources: Spanned<Vec<String>>,
    tag: Vec<RawTag>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawTag {
    name: Spanned<String>,
    edition: String,
    ipv6: bool,
    prefixes: Vec<Spanned<String>>,
}

/// The tags of a file.
pub(crate) fn read(text: &Text<'_>) -> Parsed<ServiceTags> {
    let raw: Raw = text.parse()?;
    let mut problems = Vec::new();
    let mut by_name = BTreeMap::new();
    for written in raw.tag {
        let span = written.name.span();
        let name = written.name.into_inner();
        let prefixes = text.prefixes(&written.prefixes, &mut problems);
        if prefixes.is_empty() {
            let remedy = "give it prefixes, or remove it so that it counts as unknown";
            problems.push(text.problem(&span, &format!("tag {name} has no prefixes"), remedy));
        }
        let tag = ServiceTag { name, edition: written.edition, ipv6_known: written.ipv6, prefixes };
        if let Some(twice) = by_name.insert(tag.name.to_ascii_lowercase(), tag) {
            problems.push(text.problem(
                &span,
                &format!("tag {} stands here twice", twice.name),
                "remove one",
            ));
        }
    }
    unless(problems, (Header { date: raw.date, sources: raw.sources }, ServiceTags { by_name }))
}
