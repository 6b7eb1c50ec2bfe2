//! NSGs as one subnet sees them: default rules appended, tags and groups expanded (Part 4).

use std::{collections::BTreeMap, net::IpAddr};

use vnetsim_dataplane::{Acl, Addresses, Classifiers, Rule, RuleList};
use vnetsim_model::{Access, AddressSpec, Network, PortRange, RuleProtocol};
use vnetsim_types::{AddrSet, AsgId, Direction, IpNet, IpProtocol, NsgId, RuleIx, Span, SubnetId, VnetId};

use crate::{RuleInfo, tags::Tags};

/// NSG-07: name, priority, source, destination, allow.
type DefaultRule = (&'static str, u16, &'static str, &'static str, bool);

const DEFAULT_INBOUND: [DefaultRule; 3] = [
    ("AllowVnetInBound", 65_000, "VirtualNetwork", "VirtualNetwork", true),
    ("AllowAzureLoadBalancerInBound", 65_001, "AzureLoadBalancer", "*", true),
    ("DenyAllInBound", 65_500, "*", "*", false),
];

const DEFAULT_OUTBOUND: [DefaultRule; 3] = [
    ("AllowVnetOutBound", 65_000, "VirtualNetwork", "VirtualNetwork", true),
    ("AllowInternetOutBound", 65_001, "*", "Internet", true),
    ("DenyAllOutBound", 65_500, "*", "*", false),
];

/// Address sets shared by the rules of all NSGs.
#[derive(Default)]
pub(crate) struct Sets {
    pub(crate) sets: Vec<AddrSet>,
    classifiers: Classifiers,
    known: BTreeMap<AddrSet, u32>,
}

impl Sets {
    fn intern(&mut self, set: AddrSet) -> u32 {
        if let Some(ix) = self.known.get(&set) {
            return *ix;
        }
        let ix = self.sets.len() as u32;
        self.known.insert(set.clone(), ix);
        self.sets.push(set);
        ix
    }
}

/// NSG-22: tags of the host's own services, and their address.
fn platform_service(spec: &AddressSpec) -> Option<[u8; 4]> {
    let AddressSpec::Tag(tag) = spec else { return None };
    let all = [("AzurePlatformDNS", [168, 63, 129, 16]), ("AzurePlatformIMDS", [169, 254, 169, 254])];
    all.into_iter().find(|(name, _)| name.eq_ignore_ascii_case(tag)).map(|(_, address)| address)
}

/// Compiles one NSG with the tags of one subnet, and adds its rules to `rules`.
pub(crate) fn compile(
    network: &Network,
    nsg: NsgId,
    subnet: SubnetId,
    tags: &Tags,
    sets: &mut Sets,
    rules: &mut Vec<RuleInfo>,
) -> Acl {
    let mut build = Build { network, vnet: network[subnet].vnet, tags, sets, rules };
    Acl {
        inbound: build.direction(nsg, Direction::Inbound, &DEFAULT_INBOUND),
        outbound: build.direction(nsg, Direction::Outbound, &DEFAULT_OUTBOUND),
    }
}

struct Build<'a> {
    network: &'a Network,
    vnet: VnetId,
    tags: &'a Tags,
    sets: &'a mut Sets,
    rules: &'a mut Vec<RuleInfo>,
}

impl Build<'_> {
    fn direction(&mut self, nsg: NsgId, direction: Direction, defaults: &[DefaultRule]) -> RuleList {
        let network = self.network;
        let custom = network[nsg].rules.iter().enumerate().filter(|(_, r)| r.direction == direction);
        let mut all: Vec<Rule> = custom.map(|(place, _)| self.custom(nsg, place)).collect();
        all.extend(defaults.iter().map(|rule| self.default_rule(rule)));
        RuleList::new(all, &self.sets.sets, &mut self.sets.classifiers)
    }

    fn custom(&mut self, nsg: NsgId, place: usize) -> Rule {
        let rule = &self.network[nsg].rules[place];
        self.rules.push(RuleInfo {
            custom: Some(place),
            name: rule.name.value.clone(),
            priority: rule.priority,
            span: rule.span,
            source: self.written(&rule.source),
            destination: self.written(&rule.destination),
        });
        Rule {
            ix: RuleIx::new(self.rules.len() - 1),
            protocol: protocol(rule.protocol),
            source: self.addresses(&rule.source),
            destination: self.addresses(&rule.destination),
            source_ports: ports(&rule.source_ports),
            destination_ports: ports(&rule.destination_ports),
            allow: rule.access == Access::Allow,
            platform: platform_service(&rule.destination).is_some(),
        }
    }

    fn default_rule(&mut self, (name, priority, source, destination, allow): &DefaultRule) -> Rule {
        let spec =
            |text: &str| if text == "*" { AddressSpec::Any } else { AddressSpec::Tag(text.to_owned()) };
        self.rules.push(RuleInfo {
            custom: None,
            name: (*name).to_owned(),
            priority: *priority,
            span: Span::default(),
            source: (*source).to_owned(),
            destination: (*destination).to_owned(),
        });
        Rule {
            ix: RuleIx::new(self.rules.len() - 1),
            protocol: None,
            source: self.addresses(&spec(source)),
            destination: self.addresses(&spec(destination)),
            source_ports: Vec::new(),
            destination_ports: Vec::new(),
            allow: *allow,
            platform: false,
        }
    }

    fn addresses(&mut self, spec: &AddressSpec) -> Addresses {
        if let Some(address) = platform_service(spec) {
            return Addresses::Set(
                self.sets.intern([IpNet::from(IpAddr::from(address))].into_iter().collect()),
            );
        }
        let set = match spec {
            AddressSpec::Any => return Addresses::Any,
            AddressSpec::Prefixes(prefixes) => prefixes.iter().copied().collect(),
            AddressSpec::Asgs(asgs) => self.members(asgs),
            AddressSpec::Tag(tag) => match tag.as_str() {
                "VirtualNetwork" => self.tags.virtual_network.clone(),
                "Internet" => self.tags.internet.clone(),
                "AzureLoadBalancer" => self.tags.azure_load_balancer.clone(),
                other => return self.service_tag(other),
            },
        };
        Addresses::Set(self.sets.intern(set))
    }

    /// NSG-18: what nobody described is unknown, not empty.
    fn service_tag(&mut self, tag: &str) -> Addresses {
        let Some(prefixes) = self.network.service_tag(tag) else { return Addresses::Unknown };
        let set = self.sets.intern(prefixes.iter().copied().collect());
        if self.network.service_tag_has_ipv6(tag) { Addresses::Set(set) } else { Addresses::Ipv4Set(set) }
    }

    /// NSG-20, NSG-21: the addresses of the member ipConfigurations, in the own network only.
    fn members(&self, asgs: &[AsgId]) -> AddrSet {
        let here = self.network.nics().iter().filter(|nic| nic.vnet == self.vnet);
        let configs = here.flat_map(|nic| &nic.ip_configurations);
        let members = configs.filter(|c| c.asgs.iter().any(|asg| asgs.contains(asg)));
        let endpoints = self.network.private_endpoints().iter().filter(|e| e.vnet == self.vnet);
        let endpoints = endpoints.filter(|e| e.asgs.iter().any(|asg| asgs.contains(asg))).map(|e| e.address);
        members.map(|c| c.address).chain(endpoints).map(IpNet::from).collect()
    }

    fn written(&self, spec: &AddressSpec) -> String {
        match spec {
            AddressSpec::Any => "*".to_owned(),
            AddressSpec::Tag(tag) => tag.clone(),
            AddressSpec::Prefixes(prefixes) => join(prefixes.iter()),
            AddressSpec::Asgs(asgs) => join(asgs.iter().map(|asg| &self.network[*asg].name.value)),
        }
    }
}

fn join<T: ToString>(items: impl Iterator<Item = T>) -> String {
    items.map(|i| i.to_string()).collect::<Vec<_>>().join(" ")
}

fn protocol(protocol: RuleProtocol) -> Option<IpProtocol> {
    match protocol {
        RuleProtocol::Any => None,
        RuleProtocol::Tcp => Some(IpProtocol::TCP),
        RuleProtocol::Udp => Some(IpProtocol::UDP),
        RuleProtocol::Icmp => Some(IpProtocol::ICMP),
        RuleProtocol::Esp => Some(IpProtocol::ESP),
        RuleProtocol::Ah => Some(IpProtocol::AH),
    }
}

/// Empty when the ranges cover every port, which is what U-14 asks about.
fn ports(ranges: &[PortRange]) -> Vec<(u16, u16)> {
    let mut sorted: Vec<(u16, u16)> = ranges.iter().map(|r| (r.from, r.to)).collect();
    sorted.sort_unstable();
    let mut reached: u32 = 0;
    for (from, to) in &sorted {
        if u32::from(*from) <= reached {
            reached = reached.max(u32::from(*to) + 1);
        }
    }
    if reached > u32::from(u16::MAX) { Vec::new() } else { sorted }
}
