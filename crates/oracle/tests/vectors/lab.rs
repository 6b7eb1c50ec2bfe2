//! Builds small networks: drafts by name, checked by the model, and questions in one line.

use std::net::IpAddr;

use vnetsim_model::{
    Access, Endpoint, Era, GatewayType, LbProtocol, LbSku, Network, Role, RuleProtocol, Semantics, Snat,
    Traffic, check,
    draft::{self, Draft, RuleSide},
};
use vnetsim_oracle::{
    NextHopType, OracleConversation, OracleHop, OraclePacket, OracleRoute, Outcome, RouteSource,
    choose_route, conversation, effective_routes,
};
use vnetsim_types::{At, Direction, DropReason, IpNet, NicId, Place, SubnetId};

/// A draft that grows by one object per call.
#[derive(Clone, Default)]
pub(crate) struct Lab {
    pub(crate) draft: Draft,
}

pub(crate) fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

pub(crate) fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix")
}

pub(crate) fn name(text: &str) -> At<String> {
    text.to_owned().into()
}

pub(crate) fn nets(list: &[&str]) -> Vec<At<IpNet>> {
    list.iter().map(|text| net(text).into()).collect()
}

fn side(text: &str) -> RuleSide {
    RuleSide { prefixes: text.split(' ').map(name).collect(), ..RuleSide::default() }
}

impl Lab {
    pub(crate) fn vnet(&mut self, vnet: &str, blocks: &[&str]) -> &mut draft::VirtualNetwork {
        let address_prefixes = nets(blocks);
        let new = draft::VirtualNetwork { name: name(vnet), address_prefixes, ..Default::default() };
        self.draft.virtual_networks.push(new);
        self.the_vnet(vnet)
    }

    pub(crate) fn the_vnet(&mut self, vnet: &str) -> &mut draft::VirtualNetwork {
        self.draft.virtual_networks.iter_mut().find(|v| v.name.value == vnet).expect("a network")
    }

    /// `vnet/subnet`.
    pub(crate) fn subnet(&mut self, path: &str, prefix: &str) -> &mut draft::Subnet {
        let (vnet, subnet) = path.split_once('/').expect("vnet/subnet");
        let address_prefixes = nets(&[prefix]);
        let new = draft::Subnet { name: name(subnet), address_prefixes, ..Default::default() };
        self.the_vnet(vnet).subnets.push(new);
        self.the_subnet(path)
    }

    pub(crate) fn the_subnet(&mut self, path: &str) -> &mut draft::Subnet {
        let (vnet, subnet) = path.split_once('/').expect("vnet/subnet");
        self.the_vnet(vnet).subnets.iter_mut().find(|s| s.name.value == subnet).expect("a subnet")
    }

    /// A NIC `<vm>-nic` with one address, and the VM that has it.
    pub(crate) fn vm(&mut self, vm: &str, subnet: &str, address: &str) -> &mut draft::VirtualMachine {
        let nic = format!("{vm}-nic");
        self.nic(&nic, subnet, address);
        let network_interfaces = vec![name(&nic)];
        let new = draft::VirtualMachine { name: name(vm), network_interfaces, ..Default::default() };
        self.draft.virtual_machines.push(new);
        self.the_vm(vm)
    }

    pub(crate) fn the_vm(&mut self, vm: &str) -> &mut draft::VirtualMachine {
        self.draft.virtual_machines.iter_mut().find(|v| v.name.value == vm).expect("a machine")
    }

    pub(crate) fn nic(&mut self, nic: &str, subnet: &str, address: &str) -> &mut draft::NetworkInterface {
        let config = draft::IpConfiguration {
            name: name("ipconfig1"),
            subnet: name(subnet),
            private_ip_address: Some(ip(address).into()),
            ..Default::default()
        };
        let ip_configurations = vec![config];
        let new = draft::NetworkInterface { name: name(nic), ip_configurations, ..Default::default() };
        self.draft.network_interfaces.push(new);
        self.the_nic(nic)
    }

    pub(crate) fn the_nic(&mut self, nic: &str) -> &mut draft::NetworkInterface {
        self.draft.network_interfaces.iter_mut().find(|n| n.name.value == nic).expect("a NIC")
    }

    /// An appliance with both forwarding switches on.
    pub(crate) fn nva(&mut self, vm: &str, subnet: &str, address: &str, role: Role, snat: Snat) {
        self.vm(vm, subnet, address);
        self.guest(vm, role, snat);
        self.the_nic(&format!("{vm}-nic")).enable_ip_forwarding = Some(true.into());
    }

    pub(crate) fn guest(&mut self, vm: &str, role: Role, snat: Snat) {
        let guest = draft::Guest { role: Some(role.into()), snat: Some(snat.into()), ..Default::default() };
        self.the_vm(vm).guest = Some(guest);
    }

    /// One link, allowForwardedTraffic off as in ARM.
    pub(crate) fn link(&mut self, from: &str, to: &str) -> &mut draft::Peering {
        let new = draft::Peering {
            name: name(&format!("to-{to}")),
            remote_virtual_network: name(to),
            ..Default::default()
        };
        self.the_vnet(from).peerings.push(new);
        self.the_link(from, to)
    }

    pub(crate) fn the_link(&mut self, from: &str, to: &str) -> &mut draft::Peering {
        let same = |p: &&mut draft::Peering| p.remote_virtual_network.value == to;
        self.the_vnet(from).peerings.iter_mut().find(same).expect("a link")
    }

    pub(crate) fn peer(&mut self, a: &str, b: &str) {
        self.link(a, b);
        self.link(b, a);
    }

    /// Peers some subnets of two networks (PEER-24).
    pub(crate) fn peer_subnets(&mut self, a: (&str, &[&str]), b: (&str, &[&str])) {
        for (own, far) in [(a, b), (b, a)] {
            let link = self.link(own.0, far.0);
            link.peer_complete_vnets = Some(false.into());
            link.local_subnet_names = own.1.iter().map(|text| name(text)).collect();
            link.remote_subnet_names = far.1.iter().map(|text| name(text)).collect();
        }
    }

    /// A route table on `subnet`; each route is `prefix type [address]`, its name is the prefix.
    pub(crate) fn table(&mut self, subnet: &str, routes: &[&str]) -> &mut draft::RouteTable {
        let table = format!("rt-{subnet}");
        let routes = routes.iter().map(|text| {
            let mut words = text.split(' ');
            let prefix = words.next().unwrap_or_default();
            draft::Route {
                name: name(prefix),
                address_prefix: name(prefix),
                next_hop_type: name(words.next().unwrap_or_default()),
                next_hop_ip_address: words.next().map(|word| ip(word).into()),
                ..Default::default()
            }
        });
        let routes = routes.collect();
        let new = draft::RouteTable { name: name(&table), routes, ..Default::default() };
        self.the_subnet(subnet).route_table = Some(name(&table));
        self.draft.route_tables.retain(|other| other.name.value != table);
        self.draft.route_tables.push(new);
        self.draft.route_tables.last_mut().expect("just pushed")
    }

    /// An NSG; each rule is `name priority In|Out Allow|Deny protocol source ports destination ports`.
    pub(crate) fn nsg(&mut self, nsg: &str, rules: &[&str]) {
        let security_rules = rules.iter().map(|text| rule(text)).collect();
        let new = draft::NetworkSecurityGroup { name: name(nsg), security_rules, ..Default::default() };
        self.draft.network_security_groups.push(new);
    }

    /// An NSG on a subnet.
    pub(crate) fn nsg_on(&mut self, subnet: &str, nsg: &str, rules: &[&str]) {
        self.nsg(nsg, rules);
        self.the_subnet(subnet).network_security_group = Some(name(nsg));
    }

    /// A public address on the first ipConfiguration of a NIC.
    pub(crate) fn public_ip(&mut self, nic: &str, address: &str) {
        self.public_address(&format!("pip-{nic}"), address);
        self.the_nic(nic).ip_configurations[0].public_ip_address = Some(name(&format!("pip-{nic}")));
    }

    pub(crate) fn public_address(&mut self, object: &str, address: &str) {
        let ip_address = Some(ip(address).into());
        self.draft.public_ip_addresses.push(draft::PublicIpAddress { name: name(object), ip_address });
    }

    pub(crate) fn nat_gateway(&mut self, subnet: &str, address: &str) {
        self.public_address("pip-nat", address);
        let public_ip_addresses = vec![name("pip-nat")];
        self.draft.nat_gateways.push(draft::NatGateway { name: name("nat"), public_ip_addresses });
        self.the_subnet(subnet).nat_gateway = Some(name("nat"));
    }

    /// An internal balancer with one frontend, one pool and one rule.
    pub(crate) fn balancer(
        &mut self,
        lb: &str,
        sku: LbSku,
        subnet: &str,
        address: &str,
        rule: (LbProtocol, u64),
    ) {
        let frontend = draft::Frontend {
            name: name("front"),
            subnet: Some(name(subnet)),
            private_ip_address: Some(ip(address).into()),
            ..Default::default()
        };
        let rule = draft::LoadBalancingRule {
            span: Default::default(),
            name: name("rule"),
            frontend: name("front"),
            backend_pool: name("pool"),
            probe: None,
            protocol: rule.0.into(),
            frontend_port: rule.1.into(),
            backend_port: rule.1.into(),
            load_distribution: None,
            enable_floating_ip: None,
            idle_timeout_in_minutes: None,
            disable_outbound_snat: None,
        };
        self.draft.load_balancers.push(draft::LoadBalancer {
            name: name(lb),
            sku: Some(sku.into()),
            frontends: vec![frontend],
            backend_pools: vec![name("pool")],
            rules: vec![rule],
            ..Default::default()
        });
    }

    pub(crate) fn pool_member(&mut self, nic: &str, lb: &str) {
        self.the_nic(nic).ip_configurations[0].backend_address_pools.push(name(&format!("{lb}/pool")));
    }

    pub(crate) fn service_tag(&mut self, tag: &str, prefixes: &[&str]) {
        let address_prefixes = nets(prefixes);
        self.draft.service_tags.push(draft::ServiceTag { name: name(tag), address_prefixes });
    }

    /// The checked network under the modern rules.
    pub(crate) fn build(&self) -> Network {
        self.build_as(Semantics::default())
    }

    pub(crate) fn build_2017(&self) -> Network {
        self.build_as(Semantics::of(Era::Y2017))
    }

    pub(crate) fn build_as(&self, semantics: Semantics) -> Network {
        let checked = check(&self.draft, semantics);
        let problems: Vec<&str> = checked.problems.iter().map(|p| p.message.as_str()).collect();
        checked.network.unwrap_or_else(|| panic!("the lab is wrong: {problems:#?}"))
    }
}

fn rule(text: &str) -> draft::SecurityRule {
    let words: Vec<&str> = text.split(' ').collect();
    let [rule, priority, direction, access, protocol, source, sports, destination, dports] = words[..] else {
        panic!("`{text}` is not a rule");
    };
    let find = |all: &[(&str, Access)]| all.iter().find(|(t, _)| *t == access).map(|(_, a)| *a);
    let protocol = RuleProtocol::ALL.iter().find(|(t, _)| *t == protocol).map(|(_, p)| *p);
    let inbound = direction == "In";
    draft::SecurityRule {
        span: Default::default(),
        name: name(rule),
        priority: priority.parse::<u64>().expect("a number").into(),
        direction: if inbound { Direction::Inbound } else { Direction::Outbound }.into(),
        access: find(Access::ALL).expect("an access").into(),
        protocol: protocol.expect("a protocol").into(),
        source: RuleSide { port_ranges: vec![name(sports)], ..side(source) },
        destination: RuleSide { port_ranges: vec![name(dports)], ..side(destination) },
    }
}

/// The topology of Part 10: hub H with appliance, gateway and site, spokes S1 and S2, every link Connected.
pub(crate) fn hub_and_spokes() -> Lab {
    let mut lab = Lab::default();
    lab.vnet("H", &["10.10.0.0/16"]);
    lab.subnet("H/snet-nva", "10.10.0.0/24");
    lab.subnet("H/snet-hub", "10.10.9.0/24");
    lab.subnet("H/GatewaySubnet", "10.10.255.0/27");
    lab.vnet("S1", &["10.20.0.0/16"]);
    lab.subnet("S1/snet", "10.20.0.0/24");
    lab.vnet("S2", &["10.30.0.0/16"]);
    lab.subnet("S2/snet", "10.30.0.0/24");
    lab.nva("nva", "H/snet-nva", "10.10.0.4", Role::Router, Snat::Never);
    lab.vm("vm-hub", "H/snet-hub", "10.10.9.9");
    lab.vm("vm1", "S1/snet", "10.20.0.4");
    lab.vm("vm2", "S2/snet", "10.30.0.4");
    lab.gateway("gw", "H", GatewayType::Vpn);
    lab.site("onprem", "gw", &["192.168.0.0/16"]);
    lab.peer("H", "S1");
    lab.peer("H", "S2");
    lab
}

/// V-05: user routes in both spokes, forwarded traffic accepted by both.
pub(crate) fn chained() -> Lab {
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["10.30.0.0/16 VirtualAppliance 10.10.0.4"]);
    lab.table("S2/snet", &["10.20.0.0/16 VirtualAppliance 10.10.0.4"]);
    lab.the_link("S1", "H").allow_forwarded_traffic = Some(true.into());
    lab.the_link("S2", "H").allow_forwarded_traffic = Some(true.into());
    lab
}

/// S1 borrows the hub's gateway.
pub(crate) fn borrow(lab: &mut Lab, spoke: &str) {
    lab.the_link("H", spoke).allow_gateway_transit = Some(true.into());
    lab.the_link(spoke, "H").use_remote_gateways = Some(true.into());
}

/// `protocol` as in `tcp/443`; ends are VM names or addresses.
pub(crate) fn talk(network: &Network, from: &str, to: &str, protocol: &str) -> OracleConversation {
    conversation(network, &traffic(network, from, to, protocol))
}

pub(crate) fn traffic(network: &Network, from: &str, to: &str, protocol: &str) -> Traffic {
    let to: Endpoint = network.endpoint(to, None).expect("a destination");
    let from = network.endpoint(from, Some(to.address)).expect("a source");
    Traffic::probe("probe", from, to, protocol.parse().expect("a protocol"))
}

pub(crate) fn tcp(network: &Network, from: &str, to: &str) -> Vec<OraclePacket> {
    talk(network, from, to, "tcp/443").packets
}

pub(crate) fn nic(network: &Network, vm: &str) -> NicId {
    network.nic_named(vm).expect("a NIC")
}

pub(crate) fn subnet_id(network: &Network, path: &str) -> SubnetId {
    let all = (0..network.subnets().len()).map(SubnetId::new);
    all.into_iter().find(|&id| network.subnet_path(id) == path).expect("a subnet")
}

/// Three packets, the last one delivered.
pub(crate) fn assert_complete(packets: &[OraclePacket]) {
    assert_eq!(packets.len(), 3, "{packets:#?}");
    assert!(packets.iter().all(|p| matches!(p.outcome, Outcome::Delivered { .. })), "{packets:#?}");
}

pub(crate) fn delivered(at: Place, source: &str, ttl: u8) -> Outcome {
    Outcome::Delivered { at, source: ip(source), ttl }
}

pub(crate) fn dropped(at: Place, reason: DropReason) -> Outcome {
    Outcome::Dropped { at, reason }
}

/// The outcome of the last packet that was sent.
pub(crate) fn last(packets: &[OraclePacket]) -> Outcome {
    packets.last().expect("a packet").outcome
}

/// The routes that a packet took, as `prefix type`.
pub(crate) fn routes_taken(packet: &OraclePacket) -> Vec<String> {
    let of = |hop: &OracleHop| match hop {
        OracleHop::Route { prefix: Some(prefix), next_hop_type, .. } => {
            Some(format!("{prefix} {next_hop_type:?}"))
        }
        OracleHop::Route { prefix: None, .. } => Some("nothing".to_owned()),
        _ => None,
    };
    packet.hops.iter().filter_map(of).collect()
}

pub(crate) fn appliances(packet: &OraclePacket) -> usize {
    packet.hops.iter().filter(|hop| matches!(hop, OracleHop::Appliance { .. })).count()
}

/// The rule that decided last, as `nsg/rule allowed`.
pub(crate) fn last_rule(packet: &OraclePacket) -> Option<String> {
    packet.hops.iter().rev().find_map(|hop| match hop {
        OracleHop::Nsg { nsg, rule, allowed, .. } => Some(format!("{nsg}/{rule} {allowed}")),
        _ => None,
    })
}

/// `source state prefix type address`, sorted.
pub(crate) fn printed(network: &Network, path: &str) -> Vec<String> {
    let mut rows: Vec<String> =
        effective_routes(network, subnet_id(network, path)).iter().map(print_route).collect();
    rows.sort();
    rows
}

/// The learned rows of [`printed`].
pub(crate) fn learned(network: &Network, path: &str) -> Vec<String> {
    printed(network, path).into_iter().filter(|row| row.starts_with("Gateway")).collect()
}

/// The gateways that a packet passed.
pub(crate) fn gateways(packet: &OraclePacket) -> Vec<&str> {
    let mut names = Vec::new();
    for hop in &packet.hops {
        if let OracleHop::Gateway { name } = hop {
            names.push(name.as_str());
        }
    }
    names
}

pub(crate) fn print_route(route: &OracleRoute) -> String {
    let source = match route.source {
        RouteSource::Default => "Default",
        RouteSource::VirtualNetworkGateway => "Gateway",
        RouteSource::User => "User",
    };
    let state = if route.active { "Active" } else { "Invalid" };
    let address = route.next_hop_ip.map_or(String::new(), |ip| format!(" {ip}"));
    format!("{source} {state} {} {:?}{address}", route.prefix, route.next_hop_type)
}

/// Type and source of the chosen route.
pub(crate) fn chosen(network: &Network, path: &str, dst: &str) -> Option<(NextHopType, RouteSource)> {
    let route = choose_route(network, subnet_id(network, path), ip(dst));
    route.map(|route| (route.next_hop_type, route.source))
}
