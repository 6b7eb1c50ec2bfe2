//! From a plan to a draft that [`vnetsim_model::check`] accepts: objects, addresses, links.
//!
//! Everything that Azure would refuse is left out here, by construction: overlapping blocks and peers,
//! a second gateway of a kind, borrowing where nobody lends, and in 2017 what was not there yet. Links are in
//! `links.rs`, balancers in `balancers.rs`, gateways and what is beyond in `edge.rs`, prefixes and policy in
//! `policy.rs`.

mod balancers;
mod edge;
mod links;
mod policy;

use std::{collections::BTreeMap, net::IpAddr};

use vnetsim_model::{
    DeploymentModel, Era, PrivateEndpointPolicies, Role, Snat,
    draft::{self, Draft},
};
use vnetsim_types::{At, IpNet, Ipv4Net, Ipv6Net, ProtoPort};

use crate::plan::{MachinePlan, Plan, SubnetPlan, VnetPlan};
use balancers::Pools;
use links::Join;
pub use policy::{KNOWN_TAG, UNKNOWN_TAG};

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

/// Regions: the own one and another. In 2017 only those of the preview peer globally (PEER-33).
const REGIONS: [&str; 2] = ["koreacentral", "westeurope"];
const REGIONS_2017: [&str; 2] = ["westus2", "canadacentral"];

/// Sizes of machines.
const SIZES: [&str; 4] = ["Standard_DS1_v2", "Standard_A1_v2", "Standard_D2s_v3", "Standard_Unheard_Of"];

/// Places of the small subnets that the platform gives a meaning.
const GATEWAY_SLOT: u32 = 7;
const SERVER_SLOT: u32 = 6;

/// A place for NICs.
pub(crate) struct Home {
    pub(crate) vnet: usize,
    pub(crate) name: String,
    pub(crate) path: String,
    pub(crate) v4: Ipv4Net,
    pub(crate) v6: Option<Ipv6Net>,
    used: u32,
}

/// A NIC as the route tables need to know it.
pub(crate) struct Card {
    pub(crate) name: String,
    pub(crate) vnet: usize,
    pub(crate) v4: IpAddr,
    pub(crate) v6: Option<IpAddr>,
    pub(crate) forwards: bool,
}

/// The draft while it grows.
pub(crate) struct Build {
    pub(crate) draft: Draft,
    era: Era,
    pub(crate) homes: Vec<Home>,
    pub(crate) cards: Vec<Card>,
    /// Internal frontends.
    pub(crate) frontends: Vec<IpAddr>,
    /// Private endpoints.
    pub(crate) endpoints: Vec<IpAddr>,
    /// Addresses of gateways and route servers.
    pub(crate) gateway_addresses: Vec<IpAddr>,
    /// By balancer.
    pools: Vec<Pools>,
    /// GatewaySubnet of each virtual network that has one.
    gateway_subnets: BTreeMap<usize, Ipv4Net>,
    /// RouteServerSubnet of each virtual network that has one.
    server_subnets: BTreeMap<usize, Ipv4Net>,
    /// What the links so far bring into which network.
    joins: Vec<Join>,
}

/// The draft of `plan`.
pub(crate) fn build(plan: &Plan, era: Era) -> Draft {
    let mut build = Build {
        draft: Draft::default(),
        era,
        homes: Vec::new(),
        cards: Vec::new(),
        frontends: Vec::new(),
        endpoints: Vec::new(),
        gateway_addresses: Vec::new(),
        pools: Vec::new(),
        gateway_subnets: BTreeMap::new(),
        server_subnets: BTreeMap::new(),
        joins: Vec::new(),
    };
    build.subscription();
    build.vnets(plan);
    build.balancers(plan);
    build.machines(plan);
    build.balancer_rules(plan);
    build.private_endpoints(plan);
    build.gateways(plan);
    build.route_servers(plan);
    build.sites(plan);
    build.links(plan);
    build.route_server_peers(plan);
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

/// Number `slot` of the subnets of an IPv6 block.
fn part_v6(block: IpNet, slot: usize) -> Ipv6Net {
    match block {
        IpNet::V6(net) => {
            let base = u128::from(net.network()) + ((slot as u128) << 64);
            Ipv6Net::new_assert(base.into(), 64)
        }
        IpNet::V4(net) => unreachable!("{net} is no IPv6 block"),
    }
}

impl Build {
    /// PEER-33: in 2017 global peering needs a registered subscription.
    fn subscription(&mut self) {
        if self.era == Era::Y2017 {
            self.draft.subscriptions.push(draft::Subscription {
                name: "sub".to_owned().into(),
                registered_features: vec!["AllowGlobalVnetPeering".to_owned().into()],
                ..Default::default()
            });
        }
    }

    fn vnets(&mut self, plan: &Plan) {
        let regions = if self.era == Era::Y2017 { REGIONS_2017 } else { REGIONS };
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
                location: Some(regions[usize::from(vnet.other_region)].to_owned().into()),
                subscription: (self.era == Era::Y2017).then(|| "sub".to_owned().into()),
                deployment_model: vnet.classic.then(|| DeploymentModel::Classic.into()),
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
            let v6 = v6.map(|block| part_v6(block, ix));
            let mut prefixes = vec![At::from(IpNet::V4(small))];
            prefixes.extend(v6.map(|net| At::from(IpNet::V6(net))));
            let path = format!("{vnet_name}/{name}");
            self.homes.push(Home { vnet, name: name.clone(), path, v4: small, v6, used: 0 });
            subnets.push(subnet(name, prefixes, said, self.era));
        }
        let special = [
            (plan.gateway_subnet, "GatewaySubnet", GATEWAY_SLOT, &mut self.gateway_subnets),
            (plan.server_subnet, "RouteServerSubnet", SERVER_SLOT, &mut self.server_subnets),
        ];
        for (wanted, name, slot, all) in special {
            if wanted {
                let small = part(v4(blocks[0]), slot);
                all.insert(vnet, small);
                let prefixes = vec![At::from(IpNet::V4(small))];
                subnets.push(subnet(name.to_owned(), prefixes, &SubnetPlan::default(), self.era));
            }
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

    /// Numbers of the homes in network `vnet`.
    fn homes_of(&self, vnet: usize) -> Vec<usize> {
        (0..self.homes.len()).filter(|ix| self.homes[*ix].vnet == vnet).collect()
    }

    fn public_address(&mut self, v6: bool) -> draft::Ref {
        let count = self.draft.public_ip_addresses.len();
        let name = format!("pip{count}");
        // The check supplies IPv4 addresses only.
        let address = v6.then(|| format!("2001:db8:ffff::{:x}", count + 1));
        let ip_address = address.and_then(|text| text.parse::<IpAddr>().ok()).map(At::from);
        self.draft.public_ip_addresses.push(draft::PublicIpAddress { name: name.clone().into(), ip_address });
        name.into()
    }

    fn machines(&mut self, plan: &Plan) {
        for (ix, machine) in plan.machines.iter().enumerate() {
            let home = usize::from(machine.subnet) % self.homes.len();
            let first = format!("nic{ix}");
            self.nic(plan, machine, first.clone(), home, machine.nic_forwards, true);
            let mut nics = vec![first.into()];
            if let Some(second) = machine.second {
                // ADDR-12, and a machine's NICs are all in one network.
                let near = self.homes_of(self.homes[home].vnet);
                let home = *pick(&near, second).expect("the first NIC's home is near");
                let name = format!("nic{ix}b");
                self.nic(plan, machine, name.clone(), home, machine.second_forwards, false);
                nics.push(name.into());
            }
            let size = machine.size.checked_sub(1).map(|number| SIZES[usize::from(number) % SIZES.len()]);
            self.draft.virtual_machines.push(draft::VirtualMachine {
                name: format!("vm{ix}").into(),
                vm_size: size.map(|text| text.to_owned().into()),
                network_interfaces: nics,
                running: machine.stopped.then(|| false.into()),
                guest: Some(guest(machine, self.era)),
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
        self.cards.push(Card { name: name.clone(), vnet, v4, v6, forwards: acts });
        // NSG-21: group n lives in network n.
        let group = (machine.groups != 0 && vnet < 2).then(|| format!("asg{vnet}").into());
        let pools = if primary { self.pools_of(machine, vnet, acts) } else { Vec::new() };
        let (pools_v6, pools): (Vec<_>, Vec<_>) = pools.into_iter().partition(|(_, v6)| *v6);
        let refs = |pools: Vec<(String, bool)>| pools.into_iter().map(|(name, _)| name.into()).collect();
        let public = machine.public && primary;
        let mut configs = vec![draft::IpConfiguration {
            public_ip_address: public.then(|| self.public_address(false)),
            application_security_groups: group.into_iter().collect(),
            backend_address_pools: refs(pools),
            ..configuration("v4", &path, v4)
        }];
        let public_v6 = public && machine.groups > 1;
        configs.extend(v6.map(|address| draft::IpConfiguration {
            public_ip_address: public_v6.then(|| self.public_address(true)),
            backend_address_pools: refs(pools_v6),
            ..configuration("v6", &path, address)
        }));
        self.draft.network_interfaces.push(draft::NetworkInterface {
            name: name.into(),
            enable_ip_forwarding: Some(forwards.into()),
            network_security_group: machine.nsg.and_then(|number| nsg_name(plan, number)),
            ip_configurations: configs,
            ..Default::default()
        });
    }
}

fn subnet(name: String, address_prefixes: Vec<At<IpNet>>, said: &SubnetPlan, era: Era) -> draft::Subnet {
    let policies = PrivateEndpointPolicies::ALL;
    let (_, policies) = policies[usize::from(said.policies) % policies.len()];
    draft::Subnet {
        name: name.into(),
        address_prefixes,
        service_endpoints: said.endpoint.then(|| "Microsoft.Storage".to_owned().into()).into_iter().collect(),
        // ERA-16.
        default_outbound_access: (said.private && era == Era::Modern).then(|| false.into()),
        private_endpoint_network_policies: (said.policies != 0).then(|| policies.into()),
        ..Default::default()
    }
}

fn configuration(name: &str, subnet: &str, address: IpAddr) -> draft::IpConfiguration {
    draft::IpConfiguration {
        name: name.to_owned().into(),
        subnet: subnet.to_owned().into(),
        private_ip_address: Some(address.into()),
        ..Default::default()
    }
}

pub(crate) fn nsg_name(plan: &Plan, number: u8) -> Option<draft::Ref> {
    let count = plan.nsgs.len();
    (count > 0).then(|| format!("nsg{}", usize::from(number) % count).into())
}

/// The guest; the policies of firewalls follow in `policy.rs`.
fn guest(plan: &MachinePlan, era: Era) -> draft::Guest {
    let listen = plan.listen.map(|number| {
        let ports = OTHER_LISTENS[usize::from(number) % OTHER_LISTENS.len()];
        ports
            .iter()
            .map(|text| At::from(text.parse::<ProtoPort>().expect("a port written in the source")))
            .collect()
    });
    let mtu = [None, Some(9_000), Some(3_900), Some(1_400), Some(576)][usize::from(plan.mtu) % 5];
    draft::Guest {
        role: Some([Role::Host, Role::Router, Role::Firewall][usize::from(plan.role) % 3].into()),
        ip_forwarding: plan.guest_forwards.map(At::from),
        snat: Some([Snat::Never, Snat::Always, Snat::Internet][usize::from(plan.snat) % 3].into()),
        listen,
        // ERA-19.
        mtu: mtu.filter(|mtu| era == Era::Modern || *mtu <= 1_500).map(At::from),
        ..Default::default()
    }
}
