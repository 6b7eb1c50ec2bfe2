//! What is refused or doubted when networks, interfaces, machines, tables and groups are created: Part 1, Part 2.3,
//! Part 4, and the eras of Part 0.

use vnetsim_model::{
    Access, AddressOwner, AddressSpec, RuleProtocol, Semantics, check,
    draft::{
        ApplicationSecurityGroup, Draft, Guest, IpConfiguration, Route, RuleSide, SecurityRule, ServiceTag,
        Subnet, Subscription, VirtualMachine, VirtualNetwork,
    },
};
use vnetsim_types::{At, Direction};

use crate::build::{
    FINE, address, block, errors, good, hub_draft, nic, nsg, of_2017, problems, route, rule, site, subnet,
    table, text, vm, vnet, warnings,
};

/// Codes of the problems under the rules of 2017.
fn old_problems(change: impl FnOnce(&mut Draft)) -> Vec<&'static str> {
    let mut draft = hub_draft();
    change(&mut draft);
    check(&draft, of_2017()).problems.iter().map(|problem| problem.code).collect()
}

fn of_vnet(change: impl FnOnce(&mut VirtualNetwork)) -> Vec<&'static str> {
    problems(|draft| {
        draft.virtual_networks = vec![vnet("v", &["10.0.0.0/8"])];
        change(&mut draft.virtual_networks[0]);
    })
}

#[test]
fn address_spaces() {
    let space = |blocks: &[&str]| {
        of_vnet(|vnet| vnet.address_prefixes = blocks.iter().map(|text| block(text)).collect())
    };
    assert_eq!(space(&["10.0.0.0/8", "100.64.0.0/10", "20.1.0.0/16", "fd00::/48"]), FINE); // ADDR-02
    for forbidden in
        ["224.0.0.0/8", "127.0.0.0/16", "169.254.1.0/24", "168.63.129.0/24", "255.255.255.255/32"]
    {
        assert_eq!(space(&[forbidden]), ["FORBIDDEN_ADDRESS_SPACE"], "{forbidden}"); // ADDR-01
    }
    assert_eq!(space(&["168.0.0.0/8"]), ["FORBIDDEN_ADDRESS_SPACE"]); // U-22
    assert_eq!(space(&["10.0.0.0/8", "10.1.0.0/16"]), ["OVERLAPPING_ADDRESS_SPACE"]); // ADDR-03
    assert_eq!(space(&["10.0.0.1/8"]), ["HOST_BITS"]);
    assert_eq!(space(&[]), ["MISSING_PROPERTY"]);
}

#[test]
fn subnets() {
    let with = |subnets: Vec<Subnet>| of_vnet(|vnet| vnet.subnets = subnets);
    assert_eq!(with(vec![subnet("a", "10.0.0.0/29"), subnet("b", "10.0.0.8/29")]), FINE); // ADDR-04
    assert_eq!(with(vec![subnet("a", "10.0.0.0/30")]), ["BAD_SUBNET_SIZE"]);
    assert_eq!(with(vec![subnet("a", "11.0.0.0/24")]), ["SUBNET_OUTSIDE_VNET"]);
    assert_eq!(with(vec![subnet("a", "10.0.0.0/24"), subnet("b", "10.0.0.128/25")]), ["OVERLAPPING_SUBNETS"]);
    assert_eq!(with(vec![subnet("a", "10.0.0.0/24"), subnet("A", "10.0.1.0/24")]), ["DUPLICATE_NAME"]);
    let mut twice = subnet("a", "10.0.0.0/24");
    twice.address_prefixes.push(block("10.0.0.0/25"));
    assert_eq!(with(vec![twice]), ["OVERLAPPING_SUBNETS"], "its own prefixes too");
    let ipv6 = |prefix: &str| {
        of_vnet(|vnet| {
            vnet.address_prefixes.push(block("fd00::/48"));
            vnet.subnets.push(subnet("a", prefix));
        })
    };
    assert_eq!(ipv6("fd00:0:0:1::/64"), FINE);
    assert_eq!(ipv6("fd00:0:0:1::/65"), ["BAD_SUBNET_SIZE"]);
}

/// ERA-18: /8 then, /2 now.
#[test]
fn the_largest_subnet() {
    let large = |draft: &mut Draft| {
        let mut vnet = vnet("v", &["16.0.0.0/6"]);
        vnet.subnets.push(subnet("a", "16.0.0.0/7"));
        draft.virtual_networks.push(vnet);
    };
    assert_eq!(problems(large), FINE);
    assert_eq!(old_problems(large), ["BAD_SUBNET_SIZE"]);
}

/// A bad size is told, and nothing else goes wrong on the way.
#[test]
fn the_last_addresses_there_are() {
    let last = |prefix: &str| {
        problems(|draft| {
            let mut vnet = vnet("v", &["ffff::/16", "200.0.0.0/8"]);
            vnet.subnets.push(subnet("a", prefix));
            draft.virtual_networks.push(vnet);
            let mut nic = nic("n", "v/a");
            nic.ip_configurations[0].ipv6 = prefix.contains(':');
            draft.network_interfaces.push(nic);
        })
    };
    assert_eq!(last("ffff:ffff:ffff:ffff::/64"), FINE);
    assert_eq!(last("ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff/128"), ["BAD_SUBNET_SIZE", "SUBNET_FULL"]);
    assert_eq!(last("200.255.255.255/32"), ["BAD_SUBNET_SIZE", "SUBNET_FULL"]);
}

/// ADDR-11.
#[test]
fn three_thousand_subnets() {
    let many = |count: usize| {
        of_vnet(|vnet| {
            let prefix = |ix: usize| format!("10.{}.{}.{}/29", ix >> 13, (ix >> 5) & 255, (ix & 31) * 8);
            vnet.subnets = (0..count).map(|ix| subnet(&format!("s{ix}"), &prefix(ix))).collect();
        })
    };
    assert_eq!(many(3_000), FINE);
    assert_eq!(many(3_001), ["OVER_LIMIT"]);
}

/// ADDR-11: 1,000 for each region and subscription.
#[test]
fn a_thousand_networks_in_one_region() {
    let many = |count: usize, first_elsewhere: bool| {
        problems(|draft| {
            let named = |ix: usize| VirtualNetwork {
                location: Some(text(if first_elsewhere && ix == 0 { "westeurope" } else { "eastus" })),
                ..vnet(&format!("v{ix}"), &["10.0.0.0/8"])
            };
            draft.virtual_networks = (0..count).map(named).collect();
        })
    };
    assert_eq!(many(1_000, false), FINE);
    assert_eq!(many(1_001, false), ["OVER_LIMIT"]);
    assert_eq!(many(1_001, true), FINE);
}

#[test]
fn regions() {
    let at = |location: &str| of_vnet(|vnet| vnet.location = Some(text(location)));
    assert_eq!([at("Korea Central"), at("koreacentral")], [FINE, FINE]);
    assert_eq!(at("koreacentrl"), ["UNKNOWN_REGION"]);
    let mut draft = hub_draft();
    draft.virtual_networks[0].location = Some(text("koreacentrl"));
    let problem = &check(&draft, Semantics::default()).problems[0];
    assert_eq!(problem.help, "did you mean `koreacentral`?");
}

/// ERA-16.
#[test]
fn private_subnets_are_modern() {
    let private = |draft: &mut Draft| {
        draft.virtual_networks[0].subnets[0].default_outbound_access = Some(false.into());
    };
    assert_eq!(problems(private), FINE);
    assert_eq!(old_problems(private), ["NOT_IN_ERA"]);
}

/// NSG-32.
#[test]
fn flow_timeouts() {
    let minutes = |minutes: u64| of_vnet(|vnet| vnet.flow_timeout_in_minutes = Some(minutes.into()));
    assert_eq!([minutes(4), minutes(30)], [FINE, FINE]);
    assert_eq!([minutes(3), minutes(31)], [["BAD_VALUE"], ["BAD_VALUE"]]);
}

// Interfaces and machines.

fn with_nic(change: impl FnOnce(&mut Vec<IpConfiguration>)) -> Vec<&'static str> {
    problems(|draft| {
        draft.network_interfaces.push(nic("n", "hub/snet"));
        change(&mut draft.network_interfaces[0].ip_configurations);
    })
}

fn config(name: &str) -> IpConfiguration {
    IpConfiguration { name: text(name), subnet: text("hub/snet"), ..IpConfiguration::default() }
}

/// ADDR-05, ADDR-06.
#[test]
fn addresses() {
    let at = |text: &str| with_nic(|configs| configs[0].private_ip_address = Some(address(text)));
    for reserved in ["10.10.0.0", "10.10.0.1", "10.10.0.2", "10.10.0.3", "10.10.0.255"] {
        assert_eq!(at(reserved), ["RESERVED_ADDRESS"], "{reserved}");
    }
    assert_eq!([at("10.10.0.4"), at("10.10.0.254")], [FINE, FINE]);
    assert_eq!(at("10.10.1.4"), ["ADDRESS_OUTSIDE_SUBNET"]);
    let twice = with_nic(|configs| {
        configs.push(config("second"));
        for config in configs {
            config.private_ip_address = Some(address("10.10.0.9"));
        }
    });
    assert_eq!(twice, ["DUPLICATE_ADDRESS"]);

    let mut draft = hub_draft();
    draft.network_interfaces = ["a", "b", "c"].map(|name| nic(name, "hub/snet")).to_vec();
    draft.network_interfaces[2].ip_configurations[0].private_ip_address = Some(address("10.10.0.4"));
    let network = good(&draft, Semantics::default());
    let owned: Vec<_> =
        network.addresses_of(vnetsim_types::VnetId(0)).iter().map(|(a, _)| a.to_string()).collect();
    assert_eq!(owned, ["10.10.0.5", "10.10.0.6", "10.10.0.4"], "given ones first, then the lowest free");
    let owner = network.addresses_of(vnetsim_types::VnetId(0))[2].1;
    assert_eq!(owner, AddressOwner::Nic(vnetsim_types::NicId(2)));
}

/// ADDR-05: "a /29 therefore offers 3 hosts".
#[test]
fn a_29_has_three_hosts() {
    let hosts = |count: usize| {
        problems(|draft| {
            draft.virtual_networks[0].subnets.push(subnet("small", "10.10.9.0/29"));
            draft.network_interfaces = (0..count).map(|ix| nic(&format!("n{ix}"), "hub/small")).collect();
        })
    };
    assert_eq!(hosts(3), FINE);
    assert_eq!(hosts(4), ["SUBNET_FULL"]);
}

/// ADDR-13.
#[test]
fn ip_configurations() {
    assert_eq!(with_nic(|configs| configs.clear()), ["MISSING_PROPERTY"]);
    assert_eq!(with_nic(|configs| configs.push(config("IP"))), ["DUPLICATE_NAME"]);
    let elsewhere = |configs: &mut Vec<IpConfiguration>| {
        configs.push(IpConfiguration { subnet: text("hub/RouteServerSubnet"), ..config("second") });
    };
    assert!(with_nic(elsewhere).contains(&"TWO_SUBNETS"));
    let primaries = |second: bool| {
        with_nic(|configs| {
            configs.push(IpConfiguration { primary: Some(second.into()), ..config("second") });
            configs[0].primary = Some(true.into());
        })
    };
    assert_eq!(primaries(false), FINE);
    assert_eq!(primaries(true), ["CONFLICTING_PROPERTIES"]);
    let many = |count: usize| {
        problems(|draft| {
            draft.virtual_networks[0].subnets.push(subnet("large", "10.10.16.0/20"));
            let mut nic = nic("n", "hub/large");
            let large =
                |ix: usize| IpConfiguration { subnet: text("hub/large"), ..config(&format!("c{ix}")) };
            nic.ip_configurations = (0..count).map(large).collect();
            draft.network_interfaces.push(nic);
        })
    };
    assert_eq!(many(256), FINE);
    assert_eq!(many(257), ["OVER_LIMIT"]);
}

fn with_vm(nics: &[&str], change: impl FnOnce(&mut VirtualMachine)) -> Vec<&'static str> {
    problems(|draft| {
        draft.network_interfaces = nics.iter().map(|name| nic(name, "hub/snet")).collect();
        draft.virtual_machines.push(vm("m", nics));
        change(&mut draft.virtual_machines[0]);
    })
}

#[test]
fn machines() {
    assert_eq!(with_vm(&["a"], |_| {}), FINE);
    assert_eq!(with_vm(&[], |_| {}), ["MISSING_PROPERTY"]);
    assert_eq!(with_vm(&["a"], |vm| vm.network_interfaces.push(text("A"))), ["NIC_ATTACHED_TWICE"]);
    assert_eq!(with_vm(&["a"], |vm| vm.network_interfaces = vec![text("b")]), ["UNKNOWN_REFERENCE"]);
    let size = |nics: &[&str], size: &str| with_vm(nics, |vm| vm.vm_size = Some(text(size)));
    assert_eq!(size(&["a", "b"], "Standard_DS1_v2"), FINE); // VM-04: two NICs
    assert_eq!(size(&["a", "b", "c"], "standard_ds1_v2"), ["OVER_LIMIT"]);
    assert_eq!(size(&["a"], "Standard_DS1_v9"), ["UNKNOWN_VM_SIZE"]);
}

/// ADDR-12: NIC, VM and network share region and subscription.
#[test]
fn a_machine_is_in_one_place() {
    let with = |location: &str, subscription: &str| {
        problems(|draft| {
            let subscribed = |vnet| VirtualNetwork { subscription: Some(text("one")), ..vnet };
            draft.virtual_networks[0] = subscribed(draft.virtual_networks[0].clone());
            draft.virtual_networks[0].location = Some(text("eastus"));
            let mut other = subscribed(vnet("other", &["10.20.0.0/16"]));
            (other.location, other.subscription) = (Some(text(location)), Some(text(subscription)));
            other.subnets.push(subnet("snet", "10.20.0.0/24"));
            draft.virtual_networks.push(other);
            draft.subscriptions = ["one", "two"]
                .map(|name| Subscription { name: text(name), ..Subscription::default() })
                .to_vec();
            draft.network_interfaces = vec![nic("a", "hub/snet"), nic("b", "other/snet")];
            draft.virtual_machines.push(vm("m", &["a", "b"]));
        })
    };
    assert_eq!(with("westeurope", "one"), ["NICS_APART"]);
    assert_eq!(with("eastus", "two"), ["NICS_APART"]);
}

/// FAB-18, ERA-19.
#[test]
fn guests() {
    let mtu = |mtu: u64| {
        move |draft: &mut Draft| {
            draft.network_interfaces.push(nic("a", "hub/snet"));
            let guest = Some(Guest { mtu: Some(mtu.into()), ..Guest::default() });
            draft.virtual_machines.push(VirtualMachine { guest, ..vm("m", &["a"]) });
        }
    };
    assert_eq!([problems(mtu(1_500)), problems(mtu(9_000)), problems(mtu(576))], [FINE, FINE, FINE]);
    assert_eq!([problems(mtu(9_001)), problems(mtu(575))], [["BAD_VALUE"], ["BAD_VALUE"]]);
    assert_eq!((old_problems(mtu(1_500)), old_problems(mtu(9_000))), (FINE.to_vec(), vec!["BAD_VALUE"]));
}

// Route tables.

fn with_routes(routes: Vec<Route>) -> Vec<&'static str> {
    problems(|draft| draft.route_tables.push(table("rt", routes)))
}

/// RT-09, RT-10, RT-31.
#[test]
fn routes() {
    let hop = |kind: &str, next: Option<&str>| {
        let next_hop_ip_address = next.map(address);
        with_routes(vec![Route {
            next_hop_type: text(kind),
            next_hop_ip_address,
            ..route("r", "10.9.0.0/16")
        }])
    };
    for kind in ["VirtualNetworkGateway", "VnetLocal", "Internet", "None", "VPNGateway", "VNETLocal", "Null"]
    {
        assert_eq!(hop(kind, None), FINE, "{kind}");
        assert_eq!(hop(kind, Some("10.10.0.4")), ["CONFLICTING_PROPERTIES"], "{kind}");
    }
    assert_eq!(hop("VirtualAppliance", Some("10.10.0.4")), FINE);
    assert_eq!(hop("VirtualAppliance", None), ["MISSING_PROPERTY"]);
    assert_eq!(hop("VirtualAppliance", Some("fd00::4")), ["BAD_VALUE"]);
    for kind in ["VNetPeering", "VirtualNetworkServiceEndpoint", "InterfaceEndpoint", "Elsewhere"] {
        assert_eq!(hop(kind, None), ["BAD_NEXT_HOP_TYPE"], "{kind}");
    }
    assert_eq!(with_routes(vec![route("r", "10.9.0.0/16"), route("R", "10.8.0.0/16")]), ["DUPLICATE_NAME"]);
    assert_eq!(with_routes(vec![route("a", "10.9.0.0/16"), route("b", "10.9.0.0/16")]), ["DUPLICATE_PREFIX"]);
    // Both are 10.9.0.0/16.
    let host_bits = with_routes(vec![route("a", "10.9.0.0/16"), route("b", "10.9.1.0/16")]);
    assert_eq!(host_bits, ["HOST_BITS", "DUPLICATE_PREFIX"]);
}

/// RT-33, RT-13, ERA-10.
#[test]
fn tables_are_limited() {
    let many = |count: usize| {
        let prefix = |ix: usize| format!("10.{}.{}.0/24", ix >> 8, ix & 255);
        with_routes((0..count).map(|ix| route(&format!("r{ix}"), &prefix(ix))).collect())
    };
    assert_eq!(many(400), FINE);
    assert_eq!(many(401), ["OVER_LIMIT"]);
    let tags = |count: usize| {
        move |draft: &mut Draft| {
            let names: Vec<String> = (0..count).map(|ix| format!("Tag{ix}")).collect();
            let tag =
                |name: &String| ServiceTag { name: text(name), address_prefixes: vec![block("20.0.0.0/8")] };
            draft.service_tags = names.iter().map(tag).collect();
            draft.route_tables.push(table("rt", names.iter().map(|name| route(name, name)).collect()));
        }
    };
    assert_eq!([problems(tags(25)), problems(tags(26))], [FINE.to_vec(), vec!["OVER_LIMIT"]]);
    assert_eq!([old_problems(tags(0)), old_problems(tags(1))], [FINE.to_vec(), vec!["OVER_LIMIT"]]);
}

// Service tags.

fn tagged(tag: &str) -> SecurityRule {
    let destination = RuleSide { prefixes: vec![text(tag)], ..RuleSide::default() };
    SecurityRule { destination, direction: Direction::Outbound.into(), ..rule("r", 100) }
}

/// NSG-18: the file first, then the data files.
#[test]
fn service_tags() {
    let mut draft = hub_draft();
    draft
        .service_tags
        .push(ServiceTag { name: text("Storage"), address_prefixes: vec![block("20.38.0.0/16")] });
    let network = good(&draft, Semantics::default());
    assert_eq!(network.service_tag("storage"), Some(&[block("20.38.0.0/16").value][..]));
    assert!(network.service_tag("STORAGE.KoreaCentral").is_some_and(|prefixes| !prefixes.is_empty()));
    assert!(network.service_tag("AzureCloud").is_some());
    assert_eq!(network.service_tag("Storage.Atlantis"), None);
    let of_its_own = ServiceTag { name: text("AzureCloud"), address_prefixes: vec![block("20.0.0.0/8")] };
    draft.service_tags.push(of_its_own);
    let network = good(&draft, Semantics::default());
    assert_eq!(network.service_tag("AzureCloud"), Some(&[block("20.0.0.0/8").value][..]));
}

#[test]
fn tags_of_rules_routes_and_endpoints() {
    let in_rule =
        |tag: &str| problems(|draft| draft.network_security_groups.push(nsg("nsg", vec![tagged(tag)])));
    for known in ["VirtualNetwork", "INTERNET", "AZURE_LOADBALANCER", "Storage.WestUS2", "AzureCloud"] {
        assert_eq!(in_rule(known), FINE, "{known}");
    }
    assert_eq!(in_rule("Storage.Atlantis"), ["UNKNOWN_SERVICE_TAG"]);
    assert_eq!(with_routes(vec![route("r", "AzureCloud")]), FINE); // RT-13
    assert_eq!(with_routes(vec![route("r", "Storage.Atlantis")]), ["UNKNOWN_SERVICE_TAG"]);
    let endpoint = |service: &str| {
        problems(|draft| draft.virtual_networks[0].subnets[0].service_endpoints = vec![text(service)])
    };
    assert_eq!(endpoint("Microsoft.Sql.KoreaCentral"), FINE); // RT-07
    assert_eq!(endpoint("Microsoft.Storage"), ["UNKNOWN_SERVICE_TAG"]);
}

/// NSG-22.
#[test]
fn platform_tags() {
    let mut draft = hub_draft();
    let rules = ["azureplatformdns", "AzurePlatformIMDS", "AzurePlatformLKM"].into_iter().enumerate();
    let rules = rules.map(|(ix, tag)| SecurityRule {
        name: text(&format!("r{ix}")),
        priority: (100 + ix as u64).into(),
        ..tagged(tag)
    });
    draft.network_security_groups.push(nsg("nsg", rules.collect()));
    assert_eq!(warnings(&draft), FINE);
    let network = good(&draft, Semantics::default());
    assert_eq!(network.nsgs()[0].rules[0].destination, AddressSpec::Tag("AzurePlatformDNS".to_owned()));
    let addresses =
        |tag: &str| network.service_tag(tag).expect("a known tag").iter().map(ToString::to_string);
    assert_eq!(addresses("AzurePlatformDNS").collect::<Vec<_>>(), ["168.63.129.16/32"]); // FAB-08
    assert_eq!(addresses("AzurePlatformIMDS").collect::<Vec<_>>(), ["169.254.169.254/32"]); // FAB-09
}

// Security groups.

/// ERA-12.
#[test]
fn protocols_of_the_eras() {
    let with = |protocol: RuleProtocol| {
        move |draft: &mut Draft| {
            let rule =
                SecurityRule { protocol: protocol.into(), access: Access::Allow.into(), ..rule("r", 100) };
            draft.network_security_groups.push(nsg("nsg", vec![rule]));
        }
    };
    for protocol in [RuleProtocol::Any, RuleProtocol::Tcp, RuleProtocol::Udp] {
        assert_eq!([problems(with(protocol)), old_problems(with(protocol))], [FINE, FINE]);
    }
    for protocol in [RuleProtocol::Icmp, RuleProtocol::Esp, RuleProtocol::Ah] {
        assert_eq!(problems(with(protocol)), FINE);
        assert_eq!(old_problems(with(protocol)), ["NOT_IN_ERA"]);
    }
}

/// NSG-02, NSG-03, NSG-04.
#[test]
fn rules() {
    let with =
        |rules: Vec<SecurityRule>| problems(|draft| draft.network_security_groups.push(nsg("nsg", rules)));
    assert_eq!(with(vec![rule("r", 100), rule("R", 101)]), ["DUPLICATE_NAME"]);
    assert_eq!(with(vec![rule("a", 100), rule("b", 100)]), ["DUPLICATE_PRIORITY"]);
    assert_eq!(with(vec![rule("no blanks", 100)]), ["BAD_NAME"]);
    let prefixes = |prefixes: &[String]| {
        let mut rule = rule("r", 100);
        rule.source.prefixes = prefixes.iter().map(|text| At::from(text.clone())).collect();
        with(vec![rule])
    };
    let blocks =
        |count: usize| (0..count).map(|ix| format!("10.{}.{}.0/24", ix >> 8, ix & 255)).collect::<Vec<_>>();
    assert_eq!([prefixes(&blocks(4_000)), prefixes(&blocks(4_001))], [FINE.to_vec(), vec!["OVER_LIMIT"]]);
    assert_eq!(prefixes(&["Internet".to_owned(), "10.0.0.0/8".to_owned()]), ["BAD_VALUE"]);
    let ports = |range: &str| {
        let mut rule = rule("r", 100);
        rule.destination.port_ranges = vec![text(range)];
        with(vec![rule])
    };
    for good in ["*", "0", "443", "8000-8080", "0-65535"] {
        assert_eq!(ports(good), FINE, "{good}");
    }
    for bad in ["65536", "80-70", "http", "-", ""] {
        assert_eq!(ports(bad), ["BAD_VALUE"], "{bad}");
    }
    let many = |count: u64| with((0..count).map(|ix| rule(&format!("r{ix}"), 100 + ix)).collect());
    assert_eq!([many(1_000), many(1_001)], [FINE.to_vec(), vec!["OVER_LIMIT"]]); // NSG-27
}

/// NSG-21.
#[test]
fn groups() {
    /// `a` has a member in the hub, `b` one in the spoke, `c` none; the rule names some of them.
    fn draft(source: &[&str], destination: &[&str]) -> Draft {
        let mut draft = hub_draft();
        let mut spoke = vnet("spoke", &["10.20.0.0/16"]);
        spoke.subnets.push(subnet("snet", "10.20.0.0/24"));
        draft.virtual_networks.push(spoke);
        for (name, home) in [("a", "hub/snet"), ("b", "spoke/snet")] {
            let mut nic = nic(name, home);
            nic.ip_configurations[0].application_security_groups = vec![text(name)];
            draft.network_interfaces.push(nic);
        }
        draft.application_security_groups =
            ["a", "b", "c"].map(|name| ApplicationSecurityGroup { name: text(name) }).to_vec();
        let side = |names: &[&str]| RuleSide {
            application_security_groups: names.iter().map(|name| text(name)).collect(),
            ..RuleSide::default()
        };
        let rule = SecurityRule { source: side(source), destination: side(destination), ..rule("r", 100) };
        draft.network_security_groups.push(nsg("nsg", vec![rule]));
        draft
    }
    good(&draft(&["a"], &["a", "c"]), Semantics::default());
    good(&draft(&["b"], &["c"]), Semantics::default());
    assert_eq!(errors(&draft(&["a"], &["b"]), Semantics::default()), ["ASG_ACROSS_VNETS"]);
    assert_eq!(errors(&draft(&["a", "b"], &[]), Semantics::default()), ["ASG_ACROSS_VNETS"]);
    assert_eq!(errors(&draft(&["d"], &[]), Semantics::default()), ["UNKNOWN_REFERENCE"]);
    let mut both = draft(&["a"], &[]);
    both.network_security_groups[0].security_rules[0].source.prefixes = vec![text("10.0.0.0/8")];
    assert_eq!(errors(&both, Semantics::default()), ["CONFLICTING_PROPERTIES"]); // NSG-02
    let mut elsewhere = draft(&[], &[]);
    elsewhere.network_interfaces[1].ip_configurations[0].application_security_groups = vec![text("a")];
    assert_eq!(errors(&elsewhere, Semantics::default()), ["ASG_ACROSS_VNETS"]);
}

/// NSG-21: ten groups in a rule, twenty on an ipConfiguration.
#[test]
fn groups_are_limited() {
    let names: Vec<String> = (0..21).map(|ix| format!("g{ix}")).collect();
    let draft = |in_rule: usize, on_config: usize| {
        let mut draft = hub_draft();
        draft.application_security_groups =
            names.iter().map(|name| ApplicationSecurityGroup { name: text(name) }).collect();
        let some = |count: usize| names[..count].iter().map(|name| text(name)).collect::<Vec<_>>();
        let mut rule = rule("r", 100);
        rule.source.application_security_groups = some(in_rule);
        draft.network_security_groups.push(nsg("nsg", vec![rule]));
        draft.network_interfaces.push(nic("n", "hub/snet"));
        draft.network_interfaces[0].ip_configurations[0].application_security_groups = some(on_config);
        draft
    };
    good(&draft(10, 20), Semantics::default());
    assert_eq!(errors(&draft(11, 20), Semantics::default()), ["OVER_LIMIT"]);
    assert_eq!(errors(&draft(10, 21), Semantics::default()), ["OVER_LIMIT"]);
}

/// Host bits are cut, and said.
#[test]
fn host_bits() {
    let tag = problems(|draft| {
        let prefixes = vec![block("20.38.0.1/16")];
        draft.service_tags.push(ServiceTag { name: text("Own"), address_prefixes: prefixes });
    });
    assert_eq!(tag, ["HOST_BITS"]);
    let site = problems(|draft| draft.local_network_gateways.push(site("onprem", &["192.168.1.1/16"])));
    assert_eq!(site, ["HOST_BITS"]);
    let twice = problems(|draft| {
        let tag = |name: &str| ServiceTag { name: text(name), address_prefixes: vec![block("20.0.0.0/8")] };
        draft.service_tags = vec![tag("Own"), tag("OWN")];
    });
    assert_eq!(twice, ["DUPLICATE_NAME"]);
}
