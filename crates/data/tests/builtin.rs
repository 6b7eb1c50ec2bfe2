//! The built-in figures, against what `docs/semantics.md` says and against each other.

use std::collections::{BTreeMap, BTreeSet};

use vnetsim_data::{Cloud, Data};
use vnetsim_types::IpNet;

fn norm() -> String {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/semantics.md");
    std::fs::read_to_string(path).expect("the semantics are in the repository")
}

/// The line that states a rule: a list item, or a row of Part 0.
fn rule(norm: &str, id: &str) -> String {
    let heads = [format!("- **{id}**"), format!("| {id} |")];
    let found = norm.lines().find(|line| heads.iter().any(|head| line.starts_with(head)));
    found.unwrap_or_else(|| panic!("{id} is not a rule of docs/semantics.md")).to_owned()
}

/// Whole numbers of a text, `65,536` and `65536` alike.
fn numbers(text: &str) -> BTreeSet<u64> {
    let pieces = text.split(|c: char| !c.is_ascii_digit() && c != ',');
    pieces.flat_map(|p| [p.trim_matches(',').replace(',', "")]).filter_map(|p| p.parse().ok()).collect()
}

#[test]
fn every_limit_is_a_figure_of_the_rule_that_it_names() {
    let (data, norm) = (Data::builtin(), norm());
    for era in ["2017", "modern"] {
        for (name, limit) in data.limits(era).expect("both eras").rows() {
            let line = rule(&norm, &limit.rule);
            let stated = match (limit.value, limit.rule.as_str()) {
                (0, _) => line.contains("absent") || limit.rule == "ERA-07",
                (1, "GW-01") => line.contains("at most one of each"),
                (value, _) => numbers(&line).contains(&value),
            };
            assert!(stated, "{era} {name}: {} is not in: {line}", limit.value);
        }
    }
}

#[test]
fn limits_of_the_two_eras() {
    let data = Data::builtin();
    let (old, new) = (data.limits("2017").expect("2017"), data.limits("modern").expect("modern"));
    assert_eq!((old.peerings_per_vnet.value, new.peerings_per_vnet.value), (50, 500));
    assert_eq!((old.routes_per_route_table.value, new.routes_per_route_table.value), (400, 400));
    assert_eq!(new.peerings_per_vnet.rule, "PEER-34");
    assert_eq!(data.limits("1999"), None);
}

#[test]
fn snat_ports_by_pool_size() {
    let table = &Data::builtin().limits("modern").expect("modern").snat_preallocation;
    let expected =
        [(1, 1024), (50, 1024), (51, 512), (200, 256), (201, 128), (800, 64), (801, 32), (1000, 32)];
    for (pool, ports) in expected {
        assert_eq!(table.ports(pool), Some(ports), "pool of {pool}");
    }
    assert_eq!(table.ports(1001), None);
}

/// Name -> (processors, interfaces, Mbps) as the table of VM-04 states them.
fn sizes_of_the_norm(norm: &str) -> BTreeMap<String, (u32, u32, Option<u64>)> {
    let mut sizes = BTreeMap::new();
    for line in norm.lines().filter(|line| line.starts_with("| Standard_")) {
        let cells: Vec<_> = line.split('|').map(str::trim).collect();
        let processors: Vec<_> = cells[2].split(", ").collect();
        for (i, name) in cells[1].split([',', '/']).map(str::trim).enumerate() {
            let name = format!("Standard_{}", name.trim_start_matches("Standard_"));
            let vcpus = processors.get(i).unwrap_or(&processors[0]).parse().expect("processors");
            let mbps = cells[4].split(' ').next().and_then(|word| word.parse().ok());
            sizes.insert(name, (vcpus, cells[3].parse().expect("interfaces"), mbps));
        }
    }
    sizes
}

#[test]
fn machine_sizes_are_those_of_the_norm() {
    let mut expected = sizes_of_the_norm(&norm());
    assert_eq!(expected.len(), 64, "the table of VM-04 has changed");
    expected.insert("Standard_E96_v5".to_owned(), (96, 8, Some(30_000))); // in the figure's note
    let mut seen = BTreeMap::new();
    for size in Data::builtin().vm_sizes() {
        let stated = size.mbps.filter(|_| !size.placeholder);
        seen.insert(size.name.clone(), (size.vcpus, size.max_nics, stated));
    }
    assert_eq!(seen, expected);
}

#[test]
fn machine_sizes_by_name() {
    let data = Data::builtin();
    let small = data.vm_size("standard_ds1_V2").expect("DS1_v2");
    assert_eq!((small.name.as_str(), small.mbps, small.placeholder), ("Standard_DS1_v2", Some(750), false));
    let burst = data.vm_size("Standard_B2ms").expect("B2ms");
    assert_eq!((burst.mbps, burst.placeholder), (Some(1000), true));
    let unstated = data.vm_size("Standard_B4ms").expect("B4ms");
    assert_eq!((unstated.mbps, unstated.placeholder), (None, false));
    assert_eq!(data.vm_size("Standard_Z1"), None);
}

#[test]
fn none_routes_are_those_of_the_norm() {
    let (routes, norm) = (Data::builtin().none_routes(), norm());
    let documented = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16", "100.64.0.0/10"];
    let documented: Vec<IpNet> = documented.iter().map(|p| p.parse().expect("a prefix")).collect();
    assert_eq!(routes.documented, documented);
    let line = rule(&norm, "FE-11");
    let words = line.split(|c: char| !c.is_ascii_digit() && c != '.' && c != '/');
    let stated: BTreeSet<IpNet> = words.filter_map(|w| w.trim_matches('.').parse().ok()).collect();
    assert_eq!(stated.len(), 22, "FE-11 has changed");
    let extra: BTreeSet<IpNet> = routes.extra.iter().chain(&routes.extra_in_places).copied().collect();
    assert_eq!(extra, stated);
}

#[test]
fn regions_by_name() {
    let data = Data::builtin();
    assert_eq!(data.region("Korea Central"), data.region("koreacentral"));
    assert_eq!(data.region("KOREACENTRAL").expect("a region").display_name, "Korea Central");
    assert_eq!(data.region("atlantis"), None);
    let preview: Vec<_> = data.regions().filter(|r| r.preview_2017).map(|r| r.name.as_str()).collect();
    assert_eq!(preview, ["canadacentral", "westcentralus", "westus2"]); // ERA-01
    let of = |cloud| data.regions().filter(|r| r.cloud == cloud).count();
    assert!(of(Cloud::Public) >= 45 && of(Cloud::China) >= 4 && of(Cloud::Government) >= 4);
    for region in data.regions() {
        let name = region.display_name.to_lowercase().replace(' ', "");
        assert_eq!(name, region.name);
    }
}

#[test]
fn latency_is_symmetric_and_never_nothing() {
    let data = Data::builtin();
    let names: Vec<_> = data.regions().map(|r| r.name.as_str()).collect();
    for a in &names {
        assert_eq!(data.one_way_latency_ns(a, a), Some(50_000), "10 km inside {a}");
        for b in &names {
            let there = data.one_way_latency_ns(a, b).expect("known regions");
            assert_eq!(Some(there), data.one_way_latency_ns(b, a));
            assert!((50_000..=191_500_000).contains(&there), "{a} {b}: the longest measured way");
        }
    }
    assert_eq!(data.one_way_latency_ns("koreacentral", "atlantis"), None);
}

/// Where nothing was measured, propagation in fibre counts; what was measured takes longer than that.
#[test]
fn measured_round_trips_come_first() {
    let data = Data::builtin();
    assert_eq!(data.region_latency().pairs(), 46 * 45 / 2 - 3);
    assert_eq!(data.measured_round_trip_ms("West Europe", "eastus"), Some(83));
    assert_eq!(data.one_way_latency_ns("eastus", "westeurope"), Some(41_500_000));
    assert_eq!(data.measured_round_trip_ms("westus", "westus2"), None, "not published");
    assert_eq!(data.measured_round_trip_ms("westus", "westus"), None);
    assert_eq!(data.measured_round_trip_ms("chinaeast", "eastus"), None);
    // 1,118 km.
    assert_eq!(data.one_way_latency_ns("westus", "westus2").map(|ns| ns / 1_000_000), Some(5));
    let public: Vec<_> = data.regions().map(|region| (region, region.name.as_str())).collect();
    for (a, name_a) in &public {
        for (b, name_b) in &public {
            let Some(ms) = data.measured_round_trip_ms(name_a, name_b) else { continue };
            let (lat_a, lat_b) = (a.latitude.to_radians(), b.latitude.to_radians());
            let d_lon = (a.longitude - b.longitude).to_radians();
            let cos = lat_a.sin() * lat_b.sin() + lat_a.cos() * lat_b.cos() * d_lon.cos();
            let least_ms = 2.0 * 6_371.0 * cos.clamp(-1.0, 1.0).acos() / 200.0;
            assert!(f64::from(ms) > least_ms, "{name_a} {name_b}: {ms} ms is faster than light in fibre");
        }
    }
}

#[test]
fn prices_by_zone_of_the_own_end() {
    let data = Data::builtin();
    let price =
        |here, there| data.peering_price_usd_per_gb(here, there).map(|p| (p.usd_per_gb, p.zone, p.regional));
    assert_eq!(price("westeurope", "West Europe"), Some((0.01, Some(1), true)));
    assert_eq!(price("westeurope", "koreacentral"), Some((0.035, Some(1), false)));
    assert_eq!(price("koreacentral", "westeurope"), Some((0.09, Some(2), false)));
    assert_eq!(price("brazilsouth", "eastus"), Some((0.16, Some(3), false)));
    assert_eq!(price("eastus", "eastus2"), Some((0.035, Some(1), false)));
    assert_eq!(price("eastus", "chinanorth"), None);
    assert_eq!(price("eastus", "atlantis"), None);
    assert_eq!(price("usgovtexas", "usgovtexas"), Some((0.01, None, true)));
    assert_eq!(price("usgovtexas", "usgovvirginia"), None);
    assert!(data.prices().note.contains("from memory"));
}

#[test]
fn every_public_region_has_a_price() {
    let data = Data::builtin();
    for region in data.regions().filter(|r| r.cloud == Cloud::Public) {
        assert!(data.prices().zone(&region.geography).is_some(), "{} has no zone", region.geography);
    }
}

#[test]
fn service_tags_are_in_order_and_without_host_bits() {
    let mut names = Vec::new();
    for tag in Data::builtin().service_tags() {
        names.push(tag.name.to_lowercase());
        assert!(tag.prefixes.iter().all(|net| net.trunc() == *net), "{}", tag.name);
        assert!(tag.prefixes.is_sorted_by(|a, b| a < b), "{}: not in order", tag.name);
        let ipv6 = tag.prefixes.iter().any(|net| matches!(net, IpNet::V6(_)));
        let ipv4_only = tag.name.starts_with("AzurePlatform");
        assert_eq!(ipv6 || ipv4_only, tag.ipv6_known, "{}", tag.name);
    }
    assert!(names.is_sorted() && !names.is_empty());
}

#[test]
fn service_tags_by_name() {
    let data = Data::builtin();
    assert_eq!(data.service_tag("storage.koreacentral"), data.service_tag("Storage.KoreaCentral"));
    assert_eq!(data.service_tag("Storage.Atlantis"), None);
    let cloud = data.service_tag("AzureCloud").expect("AzureCloud");
    // Two tables from different places: a regional tag lies inside the cloud.
    for net in data.service_tag("Storage.KoreaCentral").expect("listed") {
        let inside = cloud.iter().any(|wide| wide.contains(net));
        assert!(inside || matches!(net, IpNet::V6(_)), "{net} is not in AzureCloud");
    }
}

#[test]
fn sources_name_every_file() {
    let sources = Data::builtin().sources();
    let files: Vec<_> = sources.iter().map(|s| s.file.as_str()).collect();
    let expected = [
        "limits.toml",
        "none-routes.toml",
        "prices.toml",
        "region-latency.toml",
        "regions.toml",
        "service-tags.toml",
        "vm-sizes.toml",
    ];
    assert_eq!(files, expected);
    assert!(sources.iter().all(|s| s.builtin && !s.sources.is_empty() && s.date.starts_with("20")));
}
