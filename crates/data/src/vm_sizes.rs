//! Machine sizes: processors, interfaces, egress bandwidth (VM-04, VM-05).

use std::collections::BTreeMap;

use serde::Deserialize;
use toml::Spanned;

use crate::file::{Header, Parsed, Text, unless};

/// One machine size.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmSize {
    /// The name as ARM spells it, such as `Standard_DS1_v2`.
    pub name: String,
    /// Virtual processors.
    pub vcpus: u32,
    /// Most network interfaces.
    pub max_nics: u32,
    /// Egress bandwidth of the whole machine in Mbps (VM-01); `None` where no page states one.
    pub mbps: Option<u64>,
    /// `mbps` is this project's choice, not Microsoft's figure (VM-05).
    pub placeholder: bool,
    /// The page that the figures are from.
    pub source: String,
}

/// All sizes by their name in lower case.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct VmSizes {
    by_name: BTreeMap<String, VmSize>,
}

impl VmSizes {
    pub(crate) fn get(&self, name: &str) -> Option<&VmSize> {
        self.by_name.get(&name.to_ascii_lowercase())
    }

    pub(crate) fn iter(&self) -> impl Iterator<Item = &VmSize> {
        self.by_name.values()
    }
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Raw {
    date: Spanned<String>,
    sources: Spanned<Vec<String>>,
    sizes: Vec<RawSize>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct RawSize {
    name: Spanned<String>,
    vcpus: u32,
    nics: u32,
    mbps: Option<u64>,
    #[serde(default)]
    placeholder: bool,
    source: String,
}

/// The sizes of a file.
pub(crate) fn read(text: &Text<'_>) -> Parsed<VmSizes> {
    let raw: Raw = text.parse()?;
    let mut problems = Vec::new();
    let mut by_name = BTreeMap::new();
    for written in raw.sizes {
        let span = written.name.span();
        let name = written.name.into_inner();
        if written.vcpus == 0 || written.nics == 0 || written.mbps == Some(0) {
            let wrong = format!("{name} has a figure of 0");
            problems.push(text.problem(&span, &wrong, "write the figure, or leave out an unknown `mbps`"));
        }
        if written.placeholder && written.mbps.is_none() {
            let wrong = format!("{name} is a placeholder for nothing");
            problems.push(text.problem(&span, &wrong, "give it `mbps`, or remove `placeholder`"));
        }
        let RawSize { vcpus, nics: max_nics, mbps, placeholder, source, .. } = written;
        let size = VmSize { name, vcpus, max_nics, mbps, placeholder, source };
        if let Some(twice) = by_name.insert(size.name.to_ascii_lowercase(), size) {
            problems.push(text.problem(&span, &format!("{} stands here twice", twice.name), "remove one"));
        }
    }
    unless(problems, (Header { date: raw.date, sources: raw.sources }, VmSizes { by_name }))
}
