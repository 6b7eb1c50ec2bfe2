//! From a plan to a draft that [`vnetsim_model::check`] accepts: objects, addresses, links.
//!
//! Everything that Azure would refuse is left out here, by construction: overlapping blocks and peers,
//! a second gateway of a kind, borrowing where nobody lends. Prefixes and policy are in `policy.rs`.

use std::{collections::BTreeMap, net::IpAddr};

use vnetsim_model::{
    GatewayType, LbProtocol, LbSku, LoadDistribution, PeeringState, Role, Snat,
    draft::{self, Draft},
};
use vnetsim_types::{At, IpNet, Ipv4Net, Ipv6Net, ProtoPort};

use crate::plan::{BalancerPlan, FlagsPlan, MachinePlan, Plan, Shape, VnetPlan};

/// Blocks beside the plain `10.<n>.0.0/16`: equal to, inside and around the None prefixes, and public.
const BLOCKS: [&str; 23] = [
    "10.0.0.0/8",
    "10.20.0.0/16",
    "10.30.0.0/17",
    "10.30.128.0/17",
    "10.40.0.0/22",
    "8.0.0.0/6",
    "172.16.0.0/12",
    "172.17.0.0/16",
    "172.18.0.0/16",
    "172.0.0.0/8",
    "192.168.0.0/16",
    "192.168.4.0/22",
    "192.168.128.0/17",
    "192.160.0.0/11",
    "100.64.0.0/10",
    "100.65.0.0/16",
    "100.66.0.0/16",
    "100.0.0.0/8",
    "20.40.0.0/16",
    "52.1.0.0/23",
    "131.0.0.0/8",
    "20.60.0.0/16",
    "11.0.0.0/8",
];

const OTHER_LISTENS: [&[&str]; 3] = [&["tcp/443"], &["tcp/443", "udp/53"], &[]];

/// A place for NICs.
pub(crate) struct Home {
    pub(crate) vnet: usize,
    pub(crate) path: String,
    pub(crate) v4: Ipv4Net,
    pub(crate) v6: Option<Ipv6Net>,
    used: u32,
}

/// A NIC as the route tables need to know it.
pub(crate) struct Card {
    pub(crate) v4: IpAddr,
    pub(crate) v6: Option<IpAddr>,
    pub(crate) forwards: bool,
}

/// The draft while it grows.
pub(crate) struct Build {
    pub(crate) draft: Draft,
    pub(crate) homes: Vec<Home>,
    pub(crate) cards: Vec<Card>,
    /// Internal frontends.
    pub(crate) frontends: Vec<IpAddr>,
    /// Address of each gateway.
    pub(crate) gateway_addresses: Vec<IpAddr>,
    /// Home of each balancer; `None` for public ones.
    balancer_vnets: Vec<Option<usize>>,
    /// GatewaySubnet of each virtual network that has one.
    gateway_subnets: BTreeMap<usize, Ipv4Net>,
}

/// The draft of `plan`.
pub(crate) fn build(plan: &Plan) -> Draft {
    let mut build = Build {
        draft: Draft::default(),
        homes: Vec::new(),
        cards: Vec::new(),
        frontends: Vec::new(),
        gateway_addresses: Vec::new(),
        balancer_vnets: Vec::new(),
        gateway_subnets: BTreeMap::new(),
    };
    build.vnets(plan);
    build.balancers(&plan.balancers);
    build.machines(plan);
    build.gateways(plan);
    build.sites(plan);
    build.links(plan);
    build.policy(plan);
    build.draft
}

/// `list[number]`, wrapping round.
pub(crate) fn pick<T>(list: &[T], number: u8) -> Option<&T> {
    (!list.is_empty()).then(|| &list[usize::from(number) % list.len()])
}

pub(crate) fn overlap(a: &IpNet, b: &IpNet) -> bool {
    a.contains(b) || b.contains(a)
}

fn net(text: &str) -> IpNet {
    text.parse().expect("a prefix written in the source is well formed")
}

fn v4(prefix: IpNet) -> Ipv4Net {
    match prefix {
        IpNet::V4(net) => net,
        IpNet::V6(net) => unreachable!("{net} is no IPv4 block"),
    }
}

/// Number `slot` of the parts of `block` that hold a few hosts: /24, or an eighth of a small block.
fn part(block: Ipv4Net, slot: u32) -> Ipv4Net {
    let length = (block.prefix_len() + 3).clamp(24, 28);
    let base = u32::from(block.network()) + (slot << (32 - length));
    Ipv4Net::new_assert(base.into(), length)
}

impl Build {
    fn vnets(&mut self, plan: &Plan) {
        for (ix, vnet) in plan.vnets.iter().enumerate() {
            let name = format!("vnet{ix}");
            let first = match vnet.block.checked_sub(1) {
                None => net(&format!("10.{}.0.0/16", ix + 1)),
                Some(odd) => net(BLOCKS[usize::from(odd) % BLOCKS.len()]),
            };
            let mut blocks = vec![first];
            let extra = vnet.extra_block.map(|odd| net(BLOCKS[usize::from(odd) % BLOCKS.len()]));
            blocks.extend(extra.filter(|extra| !overlap(extra, &first)));
            let v6 = vnet.v6.then(|| net(&format!("fd00:{}::/48", ix + 1)));
            let public_v6 = vnet.v6 && ix == 2;
            let v6 = if public_v6 { Some(net("2001:db8:3::/48")) } else { v6 };
            let subnets = self.subnets(ix, &name, vnet, &blocks, v6);
            blocks.extend(v6);
            self.draft.virtual_networks.push(draft::VirtualNetwork {
                name: name.into(),
                location: Some(
                    if vnet.other_region { "westeurope" } else { "koreacentral" }.to_owned().into(),
                ),
                address_prefixes: blocks.into_iter().map(At::from).collect(),
                subnets,
                ..Default::default()
            });
        }
    }

    fn subnets(
        &mut self,
        vnet: usize,
        vnet_name: &str,
        plan: &VnetPlan,
        blocks: &[IpNet],
        v6: Option<IpNet>,
    ) -> Vec<draft::Subnet> {
        let mut subnets = Vec::new();
        for (ix, said) in plan.subnets.iter().enumerate() {
            let name = format!("s{ix}");
            let block = if said.in_extra { blocks.last() } else { blocks.first() };
            let small = part(v4(*block.expect("a network has a block")), ix as u32);
            let v6 = v6.map(|block| match block {
                IpNet::V6(net) => {
                    let base = u128::from(net.network()) + ((ix as u128) << 64);
                    Ipv6Net::new_assert(base.into(), 64)
                }
                IpNet::V4(net) => unreachable!("{net} is no IPv6 block"),
            });
            let mut prefixes = vec![At::from(IpNet::V4(small))];
            prefixes.extend(v6.map(|net| At::from(IpNet::V6(net))));
            let path = format!("{vnet_name}/{name}");
            self.homes.push(Home { vnet, path, v4: small, v6, used: 0 });
            let endpoint = said.endpoint.then(|| "Microsoft.Storage".to_owned().into());
            subnets.push(draft::Subnet {
                name: name.into(),
                address_prefixes: prefixes,
                service_endpoints: endpoint.into_iter().collect(),
                default_outbound_access: said.private.then(|| false.into()),
                ..Default::default()
            });
        }
        if plan.gateway_subnet {
            let small = part(v4(blocks[0]), 7);
            self.gateway_subnets.insert(vnet, small);
            subnets.push(draft::Subnet {
                name: "GatewaySubnet".to_owned().into(),
                address_prefixes: vec![At::from(IpNet::V4(small))],
                ..Default::default()
            });
        }
        subnets
    }

    /// The next free address of home number `ix`, per family.
    fn address(&mut self, ix: usize) -> (IpAddr, Option<IpAddr>) {
        let home = &mut self.homes[ix];
        let host = 4 + home.used;
        home.used += 1;
        let v4 = IpAddr::V4((u32::from(home.v4.network()) + host).into());
        let v6 = home.v6.map(|net| IpAddr::V6((u128::from(net.network()) + u128::from(host)).into()));
        (v4, v6)
    }

    fn public_address(&mut self) -> draft::Ref {
        let name = format!("pip{}", self.draft.public_ip_addresses.len());
        let public = draft::PublicIpAddress { name: name.clone().into(), ip_address: None };
        self.draft.public_ip_addresses.push(public);
        name.into()
    }

    fn balancers(&mut self, plans: &[BalancerPlan]) {
        for (ix, plan) in plans.iter().enumerate() {
            let home = usize::from(plan.subnet) % self.homes.len();
            let frontend = if plan.public {
                let public_ip_address = Some(self.public_address());
                draft::Frontend { name: "fe".to_owned().into(), public_ip_address, ..Default::default() }
            } else {
                let (address, _) = self.address(home);
                self.frontends.push(address);
                draft::Frontend {
                    name: "fe".to_owned().into(),
                    subnet: Some(self.homes[home].path.clone().into()),
                    private_ip_address: Some(address.into()),
                    ..Default::default()
                }
            };
            self.balancer_vnets.push((!plan.public).then_some(self.homes[home].vnet));
            // LB-09: HA ports are for Standard only.
            let rules: &[(LbProtocol, u64)] = match plan.rules {
                0 | 1 if !plan.basic => &[(LbProtocol::All, 0)],
                2 => &[(LbProtocol::Tcp, 443), (LbProtocol::Udp, 53)],
                _ => &[(LbProtocol::Tcp, 443)],
            };
            let distribution =
                [LoadDistribution::Default, LoadDistribution::SourceIp, LoadDistribution::SourceIpProtocol]
                    [usize::from(plan.distribution) % 3];
            let rule = |(number, (protocol, port)): (usize, &(LbProtocol, u64))| draft::LoadBalancingRule {
                span: Default::default(),
                name: format!("rule{number}").into(),
                frontend: "fe".to_owned().into(),
                backend_pool: "pool".to_owned().into(),
                probe: None,
                protocol: (*protocol).into(),
                frontend_port: (*port).into(),
                backend_port: (*port).into(),
                load_distribution: Some(distribution.into()),
                enable_floating_ip: None,
            };
            self.draft.load_balancers.push(draft::LoadBalancer {
                name: format!("lb{ix}").into(),
                sku: Some(if plan.basic { LbSku::Basic } else { LbSku::Standard }.into()),
                frontends: vec![frontend],
                backend_pools: vec!["pool".to_owned().into()],
                rules: rules.iter().enumerate().map(rule).collect(),
                ..Default::default()
            });
        }
    }

    fn machines(&mut self, plan: &Plan) {
        for (ix, machine) in plan.machines.iter().enumerate() {
            let home = usize::from(machine.subnet) % self.homes.len();
            let first = format!("nic{ix}");
            self.nic(plan, machine, first.clone(), home, machine.nic_forwards, true);
            let mut nics = vec![first.into()];
            if let Some(second) = machine.second {
                // ADDR-12, and a machine's NICs are all in one network.
                let vnet = self.homes[home].vnet;
                let near: Vec<usize> =
                    (0..self.homes.len()).filter(|other| self.homes[*other].vnet == vnet).collect();
                let home = *pick(&near, second).expect("the first NIC's home is near");
                let name = format!("nic{ix}b");
                self.nic(plan, machine, name.clone(), home, machine.second_forwards, false);
                nics.push(name.into());
            }
            self.draft.virtual_machines.push(draft::VirtualMachine {
                name: format!("vm{ix}").into(),
                network_interfaces: nics,
                running: machine.stopped.then(|| false.into()),
                guest: Some(guest(machine)),
                ..Default::default()
            });
        }
    }

    fn nic(
        &mut self,
        plan: &Plan,
        machine: &MachinePlan,
        name: String,
        home: usize,
        forwards: bool,
        primary: bool,
    ) {
        let (v4, v6) = self.address(home);
        let (vnet, path) = (self.homes[home].vnet, self.homes[home].path.clone());
        let acts = machine.role != 0 && forwards;
        self.cards.push(Card { v4, v6, forwards: acts });
        // NSG-21: group n lives in network n.
        let group = (machine.groups != 0 && vnet < 2).then(|| format!("asg{vnet}").into());
        let near: Vec<usize> = (0..self.balancer_vnets.len())
            .filter(|lb| self.balancer_vnets[*lb].is_none_or(|home| home == vnet))
            .collect();
        let pool = machine.pool.filter(|_| primary && acts).and_then(|number| pick(&near, number).copied());
        let public = (machine.public && primary).then(|| self.public_address());
        let config = |name: &str, address: IpAddr| draft::IpConfiguration {
            name: name.to_owned().into(),
            subnet: path.clone().into(),
            private_ip_address: Some(address.into()),
            ..Default::default()
        };
        let mut configs = vec![draft::IpConfiguration {
            public_ip_address: public,
            application_security_groups: group.into_iter().collect(),
            backend_address_pools: pool.map(|lb| format!("lb{lb}/pool").into()).into_iter().collect(),
            ..config("v4", v4)
        }];
        configs.extend(v6.map(|address| config("v6", address)));
        self.draft.network_interfaces.push(draft::NetworkInterface {
            name: name.into(),
            enable_ip_forwarding: Some(forwards.into()),
            network_security_group: machine.nsg.and_then(|number| nsg_name(plan, number)),
            ip_configurations: configs,
            ..Default::default()
        });
    }

    /// GW-01, GW-02.
    fn gateways(&mut self, plan: &Plan) {
        let mut taken: BTreeMap<(usize, bool), ()> = BTreeMap::new();
        let mut at_home: BTreeMap<usize, u32> = BTreeMap::new();
        for gateway in &plan.gateways {
            let with: Vec<usize> = self.gateway_subnets.keys().copied().collect();
            let Some(vnet) = pick(&with, gateway.vnet).copied() else { continue };
            if taken.insert((vnet, gateway.express), ()).is_some() {
                continue;
            }
            let public_ip_address = gateway.public.then(|| self.public_address());
            let count = at_home.entry(vnet).or_default();
            let base = u32::from(self.gateway_subnets[&vnet].network());
            self.gateway_addresses.push(IpAddr::V4((base + 4 + *count).into()));
            *count += 1;
            let kind = if gateway.express { GatewayType::ExpressRoute } else { GatewayType::Vpn };
            self.draft.virtual_network_gateways.push(draft::VirtualNetworkGateway {
                span: Default::default(),
                name: format!("gw{}", self.draft.virtual_network_gateways.len()).into(),
                gateway_type: kind.into(),
                virtual_network: format!("vnet{vnet}").into(),
                public_ip_address,
            });
        }
    }

    fn sites(&mut self, plan: &Plan) {
        let gateways: Vec<draft::Ref> =
            self.draft.virtual_network_gateways.iter().map(|gateway| gateway.name.clone()).collect();
        for (ix, site) in plan.sites.iter().enumerate() {
            let mut prefixes: Vec<IpNet> = Vec::new();
            for prefix in site.prefixes.iter().filter_map(|said| self.prefix(said)) {
                if !prefixes.contains(&prefix) {
                    prefixes.push(prefix);
                }
            }
            let known = site.known.as_ref();
            let known: Option<Vec<At<IpNet>>> =
                known.map(|list| list.iter().filter_map(|said| self.prefix(said)).map(At::from).collect());
            let name = format!("site{ix}");
            self.draft.local_network_gateways.push(draft::LocalNetworkGateway {
                name: name.clone().into(),
                address_prefixes: prefixes.into_iter().map(At::from).collect(),
                known_prefixes: known,
                ..Default::default()
            });
            let first = pick(&gateways, site.gateway);
            let second = site.second_gateway.and_then(|number| pick(&gateways, number));
            let second = second.filter(|second| Some(*second) != first);
            for gateway in [first, second].into_iter().flatten() {
                self.draft.connections.push(draft::Connection {
                    span: Default::default(),
                    name: format!("connection{}", self.draft.connections.len()).into(),
                    virtual_network_gateway: gateway.clone(),
                    local_network_gateway: name.clone().into(),
                });
            }
        }
    }

    fn has_gateway(&self, vnet: usize) -> bool {
        let name = &self.draft.virtual_networks[vnet].name.value;
        self.draft.virtual_network_gateways.iter().any(|gateway| gateway.virtual_network.value == *name)
    }

    fn peers(&self, vnet: usize) -> Vec<usize> {
        let number = |link: &draft::Peering| {
            let name = &link.remote_virtual_network.value;
            self.draft.virtual_networks.iter().position(|other| other.name.value == *name)
        };
        self.draft.virtual_networks[vnet].peerings.iter().filter_map(number).collect()
    }

    fn links(&mut self, plan: &Plan) {
        let count = self.draft.virtual_networks.len();
        for link in &plan.links {
            let (a, b) = (usize::from(link.ends.0) % count, usize::from(link.ends.1) % count);
            let linked = |x: usize, y: usize| self.peers(x).contains(&y);
            if a == b || linked(a, b) || linked(b, a) || !self.may_peer(a, b) {
                continue;
            }
            let both = matches!(link.shape, Shape::Both | Shape::DisconnectedBeside);
            let borrows = both
                && link.there.use_remote
                && link.back.transit
                && self.has_gateway(b)
                && !self.has_gateway(a)
                && !self.borrows(a);
            let disconnected = !matches!(link.shape, Shape::Both | Shape::OneSide);
            let there = self.link(b, &link.there, borrows, disconnected);
            self.draft.virtual_networks[a].peerings.push(there);
            if both {
                let borrows = link.back.use_remote
                    && link.there.transit
                    && self.has_gateway(a)
                    && !self.has_gateway(b)
                    && !self.borrows(b);
                let back = self.link(a, &link.back, borrows, false);
                self.draft.virtual_networks[b].peerings.push(back);
            }
        }
    }

    fn borrows(&self, vnet: usize) -> bool {
        let said = |link: &draft::Peering| link.use_remote_gateways.as_ref().is_some_and(|flag| flag.value);
        self.draft.virtual_networks[vnet].peerings.iter().any(said)
    }

    /// PEER-12, PEER-13: disjoint from each other, and from the other's peers.
    fn may_peer(&self, a: usize, b: usize) -> bool {
        let space = |vnet: usize| &self.draft.virtual_networks[vnet].address_prefixes;
        let disjoint = |x: usize, y: usize| !space(x).iter().any(|p| space(y).iter().any(|q| overlap(p, q)));
        disjoint(a, b)
            && self.peers(a).into_iter().all(|peer| disjoint(peer, b))
            && self.peers(b).into_iter().all(|peer| disjoint(peer, a))
    }

    fn link(&self, to: usize, flags: &FlagsPlan, borrows: bool, disconnected: bool) -> draft::Peering {
        let remote = &self.draft.virtual_networks[to];
        // PEER-16: a copy from before the remote network got its last block.
        let stale = flags.stale.then(|| {
            let all = &remote.address_prefixes;
            all[..(all.len() - 1).max(1)].to_vec()
        });
        draft::Peering {
            name: format!("to-{}", remote.name.value).into(),
            remote_virtual_network: remote.name.clone(),
            allow_virtual_network_access: flags.no_access.then(|| false.into()),
            allow_forwarded_traffic: flags.forwarded.then(|| true.into()),
            allow_gateway_transit: flags.transit.then(|| true.into()),
            use_remote_gateways: borrows.then(|| true.into()),
            peering_state: disconnected.then(|| PeeringState::Disconnected.into()),
            remote_address_space: stale,
            ..Default::default()
        }
    }
}

pub(crate) fn nsg_name(plan: &Plan, number: u8) -> Option<draft::Ref> {
    let count = plan.nsgs.len();
    (count > 0).then(|| format!("nsg{}", usize::from(number) % count).into())
}

fn guest(plan: &MachinePlan) -> draft::Guest {
    let listen = plan.listen.map(|number| {
        let ports = OTHER_LISTENS[usize::from(number) % OTHER_LISTENS.len()];
        ports
            .iter()
            .map(|text| At::from(text.parse::<ProtoPort>().expect("a port written in the source")))
            .collect()
    });
    draft::Guest {
        role: Some([Role::Host, Role::Router, Role::Firewall][usize::from(plan.role) % 3].into()),
        ip_forwarding: plan.guest_forwards.map(At::from),
        snat: Some([Snat::Never, Snat::Always, Snat::Internet][usize::from(plan.snat) % 3].into()),
        listen,
        ..Default::default()
    }
}
