//! What `VirtualNetwork`, `Internet` and `AzureLoadBalancer` mean to the NICs of one subnet (NSG-15 to NSG-19).

use std::collections::BTreeSet;

use vnetsim_model::{Network, UserNextHop};
use vnetsim_types::{AddrSet, IpNet, SubnetId};

use crate::{peered_prefixes, propagation::Propagation};

/// The host's address: source of probes, part of `VirtualNetwork` (FAB-08, NSG-15).
const HOST: &str = "168.63.129.16/32";

/// NSG-16: what is not public unicast space.
const NOT_PUBLIC: &[&str] = &[
    "0.0.0.0/8",
    "10.0.0.0/8",
    "100.64.0.0/10",
    "127.0.0.0/8",
    "169.254.0.0/16",
    "172.16.0.0/12",
    "192.168.0.0/16",
    "224.0.0.0/3",
    HOST,
];

/// IPv6 global unicast space.
const PUBLIC_V6: &str = "2000::/3";

fn net(text: &str) -> IpNet {
    text.parse().expect("the constants above are prefixes")
}

/// The three computed tags of one subnet.
pub(crate) struct Tags {
    pub(crate) virtual_network: AddrSet,
    /// The members of `virtual_network` as Azure prints them: not merged, in the order of NSG-15.
    pub(crate) virtual_network_members: Vec<IpNet>,
    pub(crate) internet: AddrSet,
    pub(crate) azure_load_balancer: AddrSet,
}

impl Tags {
    pub(crate) fn of(network: &Network, propagation: &Propagation<'_>, subnet: SubnetId) -> Self {
        let near: Vec<IpNet> = own_and_peers(network, subnet);
        let on_premises = propagation.learned(network[subnet].vnet, false).into_iter().map(|l| l.prefix);
        let mut seen: BTreeSet<IpNet> = BTreeSet::new();
        let members: Vec<IpNet> =
            near.iter().copied().chain(on_premises).filter(|prefix| seen.insert(*prefix)).collect();
        let public =
            AddrSet::from_iter([net("0.0.0.0/0")]).minus(&NOT_PUBLIC.iter().map(|t| net(t)).collect());
        let public: AddrSet = public.prefixes().into_iter().chain([net(PUBLIC_V6)]).collect();
        Self {
            virtual_network: members.iter().copied().collect(),
            virtual_network_members: members,
            // FE-21: public space reached on-premises stays in Internet too.
            internet: public.minus(&near.into_iter().collect()),
            azure_load_balancer: AddrSet::from_iter([net(HOST)]),
        }
    }
}

/// NSG-15 (1), (2), (4), (5): own space, peers, host, user-defined routes of the subnet's table.
fn own_and_peers(network: &Network, subnet: SubnetId) -> Vec<IpNet> {
    let home = &network[subnet];
    let mut all: Vec<IpNet> = network[home.vnet].address_space.iter().map(|p| p.value).collect();
    for (_, link) in network.connected_links_of(home.vnet) {
        if link.allow_virtual_network_access.value {
            all.extend(peered_prefixes(network, link)); // U-34: of subnet peering, the peered subnets only
        }
    }
    all.push(net(HOST));
    if let Some(table) = &home.route_table {
        for route in &network[table.value].routes {
            // U-11, FE-20: only routes towards an appliance or a gateway.
            let feeds = matches!(
                route.next_hop,
                UserNextHop::VirtualAppliance(_) | UserNextHop::VirtualNetworkGateway
            );
            if feeds {
                all.extend(&route.prefixes);
            }
        }
    }
    all
}
