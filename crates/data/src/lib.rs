//! Azure's figures that change over time: limits, machine sizes, prices, regions and the latency between them, None
//! routes, service tags.
//!
//! Owns the dated files in `files/` and the reading of files that replace them. Each file says its date and
//! where its figures come from; figures that nobody published are marked in the file. Called by `model`,
//! `compile`, `sim`, `report` and `cli`. Must never know a network or a packet, and must never decide what a
//! figure is used for. What a file does not know is `None`, never a guess. Only `Data::load` opens files.

mod file;
mod limits;
mod none_routes;
mod prices;
mod region_latency;
mod regions;
mod service_tags;
mod vm_sizes;

use std::{collections::BTreeMap, fs, path::Path, sync::OnceLock};

use vnetsim_types::IpNet;

pub use file::Source;
pub use limits::{Limit, Limits, SnatPreallocation, SnatStep};
pub use none_routes::NoneRoutes;
pub use prices::{Price, Prices, PricingZone};
pub use region_latency::RegionLatency;
pub use regions::{Cloud, Region, Regions};
pub use service_tags::{ServiceTag, ServiceTags};
pub use vm_sizes::{VmSize, VmSizes};

use file::{Parsed, Text};

/// Names and built-in contents of the data files, in the order of `sources`.
const FILES: [(&str, &str); 7] = [
    ("limits.toml", include_str!("../files/limits.toml")),
    ("none-routes.toml", include_str!("../files/none-routes.toml")),
    ("prices.toml", include_str!("../files/prices.toml")),
    ("region-latency.toml", include_str!("../files/region-latency.toml")),
    ("regions.toml", include_str!("../files/regions.toml")),
    ("service-tags.toml", include_str!("../files/service-tags.toml")),
    ("vm-sizes.toml", include_str!("../files/vm-sizes.toml")),
];

static CHOSEN: OnceLock<Data> = OnceLock::new();

/// All figures, checked.
#[derive(Clone, PartialEq, Debug)]
pub struct Data {
    limits: BTreeMap<String, Limits>,
    none_routes: NoneRoutes,
    prices: Prices,
    region_latency: RegionLatency,
    regions: Regions,
    service_tags: ServiceTags,
    vm_sizes: VmSizes,
    sources: Vec<Source>,
}

/// A file of the user's that stands in for a built-in one: name as shown in messages, and contents.
type Replacements = BTreeMap<&'static str, (String, String)>;

impl Data {
    /// The figures that come with the program, parsed once.
    pub fn builtin() -> &'static Self {
        static BUILTIN: OnceLock<Data> = OnceLock::new();
        BUILTIN.get_or_init(|| Self::parse(&Replacements::new()).expect("the built-in files are tested"))
    }

    /// The figures in use: those of [`Data::choose`], else the built-in ones.
    pub fn current() -> &'static Self {
        CHOSEN.get().unwrap_or_else(|| Self::builtin())
    }

    /// Uses `data` from now on, once per process and before anything asks; false when it was too late.
    pub fn choose(data: Self) -> bool {
        CHOSEN.set(data).is_ok()
    }

    /// The figures of the files in `dir`; those that are not there are the built-in ones.
    ///
    /// # Errors
    /// One message per problem: the file, the line where there is one, and what to do.
    pub fn load(dir: &Path) -> Result<Self, Vec<String>> {
        let mut problems = Vec::new();
        let mut replacements = Replacements::new();
        match data_files(dir) {
            Err(e) => problems.push(format!("{}: {e}; name a readable folder of data files", dir.display())),
            Ok(names) => {
                for name in names {
                    let path = dir.join(&name);
                    let Some((known, _)) = FILES.iter().find(|(known, _)| *known == name) else {
                        let all = FILES.map(|(known, _)| known).join(", ");
                        let path = path.display();
                        problems.push(format!("{path}: not a data file; rename it to one of {all}"));
                        continue;
                    };
                    match fs::read_to_string(&path) {
                        Ok(text) => _ = replacements.insert(known, (path.display().to_string(), text)),
                        Err(e) => problems.push(format!("{}: {e}; make it readable UTF-8", path.display())),
                    }
                }
            }
        }
        match Self::parse(&replacements) {
            Ok(data) if problems.is_empty() => Ok(data),
            Ok(_) => Err(problems),
            Err(more) => Err([problems, more].concat()),
        }
    }

    fn parse(replacements: &Replacements) -> Result<Self, Vec<String>> {
        let mut reader = Reader { replacements, sources: Vec::new(), problems: Vec::new() };
        let limits = reader.read(0, limits::read);
        let none_routes = reader.read(1, none_routes::read);
        let prices = reader.read(2, prices::read);
        let region_latency = reader.read(3, region_latency::read);
        let regions = reader.read(4, regions::read);
        let service_tags = reader.read(5, service_tags::read);
        let vm_sizes = reader.read(6, vm_sizes::read);
        let all = (limits, none_routes, prices, region_latency, regions, service_tags, vm_sizes);
        match all {
            (
                Some(limits),
                Some(none_routes),
                Some(prices),
                Some(region_latency),
                Some(regions),
                Some(service_tags),
                Some(vm_sizes),
            ) => Ok(Self {
                limits,
                none_routes,
                prices,
                region_latency,
                regions,
                service_tags,
                vm_sizes,
                sources: reader.sources,
            }),
            _ => Err(reader.problems),
        }
    }

    /// The limits of an era (`2017` or `modern`); `None` for any other name.
    pub fn limits(&self, era: &str) -> Option<&Limits> {
        self.limits.get(era)
    }

    /// A machine size by its name, in any case (VM-04).
    pub fn vm_size(&self, name: &str) -> Option<&VmSize> {
        self.vm_sizes.get(name)
    }

    /// All machine sizes, by name.
    pub fn vm_sizes(&self) -> impl Iterator<Item = &VmSize> {
        self.vm_sizes.iter()
    }

    /// A region by its name; case and blanks do not matter, so `Korea Central` is `koreacentral`.
    pub fn region(&self, name: &str) -> Option<&Region> {
        self.regions.get(name)
    }

    /// All regions, by name.
    pub fn regions(&self) -> impl Iterator<Item = &Region> {
        self.regions.iter()
    }

    /// From one region to another, one way: half of the round trip that was measured between them, else propagation
    /// over the great circle (FAB-23); `None` if a region is unknown.
    pub fn one_way_latency_ns(&self, a: &str, b: &str) -> Option<u64> {
        let measured = self.measured_round_trip_ms(a, b).map(|ms| u64::from(ms) * 500_000);
        measured.or_else(|| self.regions.one_way_latency_ns(a, b))
    }

    /// The round trip that was measured between two regions, in milliseconds; `None` when nobody published one.
    pub fn measured_round_trip_ms(&self, a: &str, b: &str) -> Option<u32> {
        self.region_latency.round_trip_ms(a, b)
    }

    /// Measured round trips between regions.
    pub fn region_latency(&self) -> &RegionLatency {
        &self.region_latency
    }

    /// What a gigabyte costs at the end in `region_here`, in either direction, when the peer is in
    /// `region_there` (PEER-39). `None` if a region or its pricing zone is unknown, or if the regions
    /// belong to different clouds, which never peer (PEER-31).
    pub fn peering_price_usd_per_gb(&self, region_here: &str, region_there: &str) -> Option<Price> {
        let (here, there) = (self.region(region_here)?, self.region(region_there)?);
        if here.cloud != there.cloud {
            return None;
        }
        self.prices.of(&here.geography, here.name == there.name)
    }

    /// The price list, with the sentence that says how far to trust it (U-25).
    pub fn prices(&self) -> &Prices {
        &self.prices
    }

    /// Prefixes whose default next hop is None: documented and seen (RT-02, FE-11).
    pub fn none_routes(&self) -> &NoneRoutes {
        &self.none_routes
    }

    /// The prefixes of a service tag, its name in any case (NSG-18). `None` means that the tag is unknown
    /// *here*, not that it is empty: a packet that depends on it met missing data.
    pub fn service_tag(&self, name: &str) -> Option<&[IpNet]> {
        self.service_tags.get(name).map(|tag| tag.prefixes.as_slice())
    }

    /// A service tag with its edition, and whether its IPv6 prefixes are known.
    pub fn service_tag_entry(&self, name: &str) -> Option<&ServiceTag> {
        self.service_tags.get(name)
    }

    /// All service tags, by name.
    pub fn service_tags(&self) -> impl Iterator<Item = &ServiceTag> {
        self.service_tags.iter()
    }

    /// The files that the figures come from, with their dates and sources.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }
}

/// Reads the files one after the other and gathers what is wrong with all of them.
struct Reader<'a> {
    replacements: &'a Replacements,
    sources: Vec<Source>,
    problems: Vec<String>,
}

impl Reader<'_> {
    /// The file at this place of `FILES`, or the one that replaces it.
    fn read<T>(&mut self, index: usize, parse: fn(&Text<'_>) -> Parsed<T>) -> Option<T> {
        let (name, builtin) = FILES[index];
        let replacement = self.replacements.get(name);
        let text = match replacement {
            Some((shown, text)) => Text { name: shown, text },
            None => Text { name, text: builtin },
        };
        let parsed = parse(&text).and_then(|(header, value)| Ok((text.source(name, header)?, value)));
        match parsed {
            Ok((source, value)) => {
                self.sources.push(Source { builtin: replacement.is_none(), ..source });
                Some(value)
            }
            Err(problems) => {
                self.problems.extend(problems);
                None
            }
        }
    }
}

/// Names of the `.toml` files of a folder, sorted.
fn data_files(dir: &Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs::read_dir(dir)? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.to_ascii_lowercase().ends_with(".toml") {
            names.push(name);
        }
    }
    names.sort();
    Ok(names)
}
