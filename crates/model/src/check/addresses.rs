//! Virtual networks, subnets, interfaces, and who has which private address.

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use vnetsim_types::{At, IpNet, Problem, SimTime, Span, SubnetId, VnetId};

use super::Checker;
use crate::{
    DeploymentModel, IpConfiguration, Nic, PrivateEndpointPolicies, Subnet, Vnet,
    draft::{self, Draft},
};

/// ADDR-01: blocks that no virtual network may touch.
const FORBIDDEN: [&str; 5] =
    ["224.0.0.0/4", "255.255.255.255/32", "127.0.0.0/8", "169.254.0.0/16", "168.63.129.16/32"];

/// Where no network says a region. One that says none is where the first one is that does, so that no peering
/// is global by accident.
const LOCATION_DEFAULT: &str = "eastus";

pub(super) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

/// Addresses given out so far, and those of each subnet and family that were not tried yet.
#[derive(Default)]
struct Taken {
    by: BTreeMap<(VnetId, IpAddr), Span>,
    left: BTreeMap<(SubnetId, bool), Box<dyn Iterator<Item = IpAddr>>>,
}

impl Checker {
    pub(super) fn vnets(&mut self, draft: &Draft) {
        let first = draft.virtual_networks.iter().find_map(|vnet| vnet.location.as_ref());
        let default = first.map_or(LOCATION_DEFAULT, |location| &location.value);
        for vnet in &draft.virtual_networks {
            let id = VnetId::new(self.network.vnets.len());
            self.address_space(vnet);
            let subnets = vnet.subnets.iter().map(|subnet| self.subnet(id, vnet, subnet)).collect();
            let location = vnet.location.as_ref().map_or(default, |l| &l.value);
            let location = location.to_ascii_lowercase().replace(' ', "");
            let address_space =
                vnet.address_prefixes.iter().map(|p| At::new(p.value.trunc(), p.span)).collect();
            let flow_timeout = self.flow_timeout(vnet);
            self.network.vnets.push(Vnet {
                name: vnet.name.clone(),
                location,
                address_space,
                subnets,
                flow_timeout,
                subscription: 0,
                deployment_model: vnet
                    .deployment_model
                    .as_ref()
                    .map_or(DeploymentModel::ResourceManager, |m| m.value),
                deleted: false,
            });
        }
    }

    fn flow_timeout(&mut self, vnet: &draft::VirtualNetwork) -> Option<SimTime> {
        let minutes = vnet.flow_timeout_in_minutes.as_ref()?;
        if !(4..=30).contains(&minutes.value) {
            let what = format!("flowTimeoutInMinutes of `{}` is {}", vnet.name.value, minutes.value);
            self.problem(
                Problem::error("BAD_VALUE", minutes.span, what).help("it goes from 4 to 30 (NSG-32)"),
            );
            return None;
        }
        Some(SimTime::from_secs(minutes.value * 60))
    }

    /// ADDR-01, ADDR-03.
    fn address_space(&mut self, vnet: &draft::VirtualNetwork) {
        if vnet.address_prefixes.is_empty() {
            let what = format!("virtual network `{}` has no address space", vnet.name.value);
            self.problem(
                Problem::error("MISSING_PROPERTY", vnet.name.span, what)
                    .help("add addressSpace: { addressPrefixes: [10.0.0.0/16] }"),
            );
        }
        for (ix, block) in vnet.address_prefixes.iter().enumerate() {
            self.no_host_bits(block);
            for text in FORBIDDEN {
                let forbidden: IpNet = text.parse().expect("the list above holds blocks");
                if overlap(block, &forbidden) {
                    let what =
                        format!("address space {} of `{}` touches {text}", block.value, vnet.name.value);
                    self.problem(
                        Problem::error("FORBIDDEN_ADDRESS_SPACE", block.span, what)
                            .help("Azure reserves that block (ADDR-01)"),
                    );
                }
            }
            if let Some(first) = vnet.address_prefixes[..ix].iter().find(|other| overlap(block, other)) {
                let what =
                    format!("blocks {} and {} of `{}` overlap", first.value, block.value, vnet.name.value);
                self.problem(
                    Problem::error("OVERLAPPING_ADDRESS_SPACE", block.span, what)
                        .related(first.span, "the other one")
                        .help("blocks of one virtual network are disjoint (ADDR-03)"),
                );
            }
        }
    }

    fn no_host_bits(&mut self, block: &At<IpNet>) {
        if block.trunc() != block.value {
            let what = format!("`{}` has host bits set", block.value);
            self.problem(
                Problem::error("HOST_BITS", block.span, what)
                    .help(format!("did you mean `{}`?", block.trunc())),
            );
        }
    }

    fn subnet(&mut self, vnet: VnetId, parent: &draft::VirtualNetwork, subnet: &draft::Subnet) -> SubnetId {
        self.subnet_prefixes(parent, subnet);
        let nsg = subnet.network_security_group.as_ref();
        let nsg =
            nsg.and_then(|r| Some(At::new(self.look_up("network security group", r, |x| &x.nsgs)?, r.span)));
        let table = subnet.route_table.as_ref();
        let table =
            table.and_then(|r| Some(At::new(self.look_up("route table", r, |x| &x.route_tables)?, r.span)));
        let nat_gateway = subnet.nat_gateway.as_ref().and_then(|r| self.nat_gateway_address(r));
        let tag_of = |service: &At<String>| {
            let tag = service.value.strip_prefix("Microsoft.").unwrap_or(&service.value);
            At::new(tag.to_owned(), service.span)
        };
        let service_endpoints: Vec<_> = subnet.service_endpoints.iter().map(tag_of).collect();
        for tag in &service_endpoints {
            if self.network.service_tag(&tag.value).is_none() {
                let what = format!("the prefixes behind service endpoint `{}` are not known", tag.value);
                self.problem(
                    Problem::error("UNKNOWN_SERVICE_TAG", tag.span, what)
                        .help("list them under network.serviceTags"),
                );
            }
        }
        let outbound = subnet.default_outbound_access.clone();
        self.network.subnets.push(Subnet {
            name: subnet.name.clone(),
            vnet,
            prefixes: subnet.address_prefixes.iter().map(|p| At::new(p.value.trunc(), p.span)).collect(),
            nsg,
            route_table: table,
            nat_gateway: nat_gateway.into_iter().collect(),
            service_endpoints,
            default_outbound_access: outbound.unwrap_or(At::new(true, subnet.name.span)),
            private_endpoint_policies: subnet
                .private_endpoint_network_policies
                .as_ref()
                .map_or(PrivateEndpointPolicies::Disabled, |p| p.value),
        });
        SubnetId::new(self.network.subnets.len() - 1)
    }

    /// ADDR-04.
    fn subnet_prefixes(&mut self, vnet: &draft::VirtualNetwork, subnet: &draft::Subnet) {
        let path = format!("{}/{}", vnet.name.value, subnet.name.value);
        if subnet.address_prefixes.is_empty() {
            let what = format!("subnet `{path}` has no addressPrefix");
            self.problem(Problem::error("MISSING_PROPERTY", subnet.name.span, what));
        }
        for prefix in &subnet.address_prefixes {
            self.no_host_bits(prefix);
            if !vnet.address_prefixes.iter().any(|block| block.contains(&prefix.value)) {
                let what = format!("subnet `{path}` {} lies outside the address space", prefix.value);
                let problem = Problem::error("SUBNET_OUTSIDE_VNET", prefix.span, what);
                self.problem(match vnet.address_prefixes.first() {
                    Some(block) => problem.related(block.span, "the address space"),
                    None => problem,
                });
            }
            let ok = match prefix.value {
                IpNet::V4(net) => (2..=29).contains(&net.prefix_len()),
                IpNet::V6(net) => net.prefix_len() == 64,
            };
            if !ok {
                let what = format!("subnet `{path}` has size /{}", prefix.prefix_len());
                self.problem(
                    Problem::error("BAD_SUBNET_SIZE", prefix.span, what)
                        .help("IPv4 subnets go from /2 to /29, IPv6 subnets are /64 (ADDR-04)"),
                );
            }
            let siblings = vnet.subnets.iter().take_while(|s| !std::ptr::eq(*s, subnet));
            let other = siblings.flat_map(|s| s.address_prefixes.iter().map(move |p| (s, p)));
            if let Some((other, place)) = other.into_iter().find(|(_, p)| overlap(p, prefix)) {
                let what = format!("subnet `{path}` {} overlaps subnet `{}`", prefix.value, other.name.value);
                self.problem(
                    Problem::error("OVERLAPPING_SUBNETS", prefix.span, what)
                        .related(place.span, "the other one"),
                );
            }
        }
    }

    pub(super) fn nics(&mut self, draft: &Draft) {
        for nic in &draft.network_interfaces {
            let resolved = self.nic(nic);
            self.network.nics.push(resolved);
        }
    }

    /// Addresses that the file does not give stay unspecified until [`Self::allocate_addresses`].
    fn nic(&mut self, nic: &draft::NetworkInterface) -> Nic {
        let mut subnet = None;
        let mut configs = Vec::new();
        let mut ordered: Vec<_> = nic.ip_configurations.iter().collect();
        ordered.sort_by_key(|c| !c.primary.as_ref().is_some_and(|p| p.value));
        for config in ordered {
            let Some(id) = self.look_up("subnet", &config.subnet, |x| &x.subnets) else { continue };
            if *subnet.get_or_insert(id) != id {
                let what = format!(
                    "ipConfiguration `{}` of `{}` is in another subnet",
                    config.name.value, nic.name.value
                );
                self.problem(
                    Problem::error("TWO_SUBNETS", config.subnet.span, what)
                        .help("all ipConfigurations of a NIC sit in one subnet (ADDR-13)"),
                );
            }
            configs.push(self.ip_configuration(config));
        }
        if nic.ip_configurations.is_empty() {
            let what = format!("network interface `{}` has no ipConfigurations", nic.name.value);
            self.problem(
                Problem::error("MISSING_PROPERTY", nic.name.span, what).help("give it a subnet (ADDR-13)"),
            );
        }
        let nsg = nic.network_security_group.as_ref();
        let nsg =
            nsg.and_then(|r| Some(At::new(self.look_up("network security group", r, |x| &x.nsgs)?, r.span)));
        // An error was reported when there is no subnet; the first one only keeps the types whole.
        let subnet = subnet.unwrap_or(SubnetId(0));
        let vnet = self.network.subnets.get(subnet.ix()).map_or(VnetId(0), |s| s.vnet);
        let forwarding = nic.enable_ip_forwarding.clone().unwrap_or(At::new(false, nic.name.span));
        Nic {
            name: nic.name.clone(),
            vm: None,
            vnet,
            subnet,
            ip_configurations: configs,
            enable_ip_forwarding: forwarding,
            nsg,
        }
    }

    fn ip_configuration(&mut self, config: &draft::IpConfiguration) -> IpConfiguration {
        let unspecified: IpAddr =
            if config.ipv6 { Ipv6Addr::UNSPECIFIED.into() } else { Ipv4Addr::UNSPECIFIED.into() };
        let asgs = config.application_security_groups.iter();
        let asgs = asgs.filter_map(|r| self.look_up("application security group", r, |x| &x.asgs)).collect();
        for pool in &config.backend_address_pools {
            self.look_up("backend pool", pool, |x| &x.pools);
        }
        let public = config.public_ip_address.as_ref();
        IpConfiguration {
            name: config.name.clone(),
            address: config.private_ip_address.as_ref().map_or(unspecified, |a| a.value),
            public_address: public.and_then(|r| self.public_address_named(r)),
            asgs,
        }
    }

    /// ADDR-05, ADDR-06: given addresses first, then the lowest free one for each of the others.
    pub(super) fn allocate_addresses(&mut self, draft: &Draft) {
        let mut taken = Taken::default();
        for pass_given in [true, false] {
            for ix in 0..self.network.nics.len() {
                for c in 0..self.network.nics[ix].ip_configurations.len() {
                    let nic = &self.network.nics[ix];
                    let config = &nic.ip_configurations[c];
                    let (subnet, name, address) = (nic.subnet, config.name.span, config.address);
                    let given = self.given_span(draft, ix, &config.name.value.clone());
                    if given.is_some() == pass_given {
                        let address = self.claim(subnet, given.unwrap_or(name), address, &mut taken);
                        self.network.nics[ix].ip_configurations[c].address = address;
                    }
                }
            }
            for ix in 0..self.network.load_balancers.len() {
                for f in 0..self.network.load_balancers[ix].frontends.len() {
                    let written = &draft.load_balancers[ix].frontends[f];
                    let given = written.private_ip_address.as_ref();
                    let subnet = written.subnet.as_ref().and_then(|r| self.names.subnets.get(&r.value).ok());
                    let address = self.network.load_balancers[ix].frontends[f].address;
                    if let Some(subnet) = subnet.filter(|_| given.is_some() == pass_given) {
                        let span = given.map_or(written.name.span, |a| a.span);
                        let address = self.claim(subnet, span, address, &mut taken);
                        self.network.load_balancers[ix].frontends[f].address = address;
                    }
                }
            }
        }
        for ix in 0..self.network.gateways.len() {
            let (subnet, span) = (self.network.gateways[ix].subnet, self.network.gateways[ix].name.span);
            let address = self.claim(subnet, span, Ipv4Addr::UNSPECIFIED.into(), &mut taken);
            self.network.gateways[ix].instances[0].address = address;
        }
    }

    fn given_span(&self, draft: &Draft, nic: usize, config: &str) -> Option<Span> {
        let configs = &draft.network_interfaces[nic].ip_configurations;
        configs.iter().find(|c| c.name.value == config)?.private_ip_address.as_ref().map(|a| a.span)
    }

    /// `address` if it may be used in `subnet`, or the lowest free one when it is unspecified.
    fn claim(&mut self, subnet: SubnetId, span: Span, address: IpAddr, taken: &mut Taken) -> IpAddr {
        let Some(home) = self.network.subnets.get(subnet.ix()) else { return address };
        let vnet = home.vnet;
        let path = self.network.subnet_path(subnet);
        let mut same_family = home.prefixes.iter().filter(|p| p.addr().is_ipv4() == address.is_ipv4());
        if address.is_unspecified() {
            let prefixes: Vec<IpNet> = same_family.map(|p| p.value).collect();
            let left = taken.left.entry((subnet, address.is_ipv4()));
            let left = left.or_insert_with(|| Box::new(prefixes.into_iter().flat_map(assignable)));
            let Some(address) = left.find(|a| !taken.by.contains_key(&(vnet, *a))) else {
                let what = format!("subnet `{path}` has no free address left");
                self.problem(
                    Problem::error("SUBNET_FULL", span, what).help("give it a larger prefix (ADDR-05)"),
                );
                return address;
            };
            taken.by.insert((vnet, address), span);
            return address;
        }
        match same_family.find(|p| p.contains(&address)) {
            None => {
                let what = format!("{address} lies outside subnet `{path}`");
                self.problem(Problem::error("ADDRESS_OUTSIDE_SUBNET", span, what));
            }
            Some(prefix) if reserved(prefix.value, address) => {
                let what = format!("{address} is reserved in {}", prefix.value);
                self.problem(
                    Problem::error("RESERVED_ADDRESS", span, what)
                        .help("the first four addresses and the last one belong to Azure (ADDR-05)"),
                );
            }
            Some(_) => {
                if let Some(first) = taken.by.insert((vnet, address), span) {
                    let what = format!("{address} is given twice in `{}`", self.network[vnet].name.value);
                    self.problem(
                        Problem::error("DUPLICATE_ADDRESS", span, what).related(first, "the other owner"),
                    );
                }
            }
        }
        address
    }

    /// NSG-21: all members of an ASG are in one virtual network.
    pub(super) fn asg_members(&mut self) {
        let mut home: BTreeMap<u32, VnetId> = BTreeMap::new();
        let mut found = Vec::new();
        for nic in &self.network.nics {
            for config in &nic.ip_configurations {
                for asg in &config.asgs {
                    if *home.entry(asg.0).or_insert(nic.vnet) != nic.vnet {
                        let what = format!(
                            "`{}` joins `{}`, whose members are in another virtual network",
                            nic.name.value, self.network[*asg].name.value
                        );
                        found.push(
                            Problem::error("ASG_ACROSS_VNETS", nic.name.span, what)
                                .help("all members of a group are in one virtual network (NSG-21)"),
                        );
                    }
                }
            }
        }
        self.problems.append(&mut found);
    }
}

/// ADDR-05: base to base+3, and the last address of an IPv4 subnet.
fn reserved(prefix: IpNet, address: IpAddr) -> bool {
    match (prefix, address) {
        (IpNet::V4(net), IpAddr::V4(a)) => {
            u32::from(a) - u32::from(net.network()) < 4 || a == net.broadcast()
        }
        (IpNet::V6(net), IpAddr::V6(a)) => u128::from(a) - u128::from(net.network()) < 4,
        _ => false,
    }
}

/// The addresses of `prefix` that may be given out, ascending.
fn assignable(prefix: IpNet) -> Box<dyn Iterator<Item = IpAddr>> {
    match prefix {
        IpNet::V4(net) => {
            let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
            Box::new((first.saturating_add(4)..last).map(|a| Ipv4Addr::from(a).into()))
        }
        IpNet::V6(net) => {
            let first = u128::from(net.network());
            Box::new((first + 4..first + (1 << 20)).map(|a| Ipv6Addr::from(a).into()))
        }
    }
}
