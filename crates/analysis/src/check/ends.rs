//! Whom a check probes: one of each class of machines, sites, private endpoints, frontends, the internet.
//!
//! Owns the choice. Machines are put together as `matrix` does it: those that the network cannot tell apart. Who is a next hop
//! of some route is on the way, not an end. Must never leave out a class while there is room for all.

use std::{
    collections::BTreeSet,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use vnetsim_dataplane::{Appliance, NextHop};
use vnetsim_model::{Endpoint, LbProtocol, Network, SiteKind};
use vnetsim_types::{IpProtocol, LbId, NicId, Place, PrivateEndpointId, ProtoPort, SiteId};

use super::Look;
use crate::classes::{Grouping, Who, ends};

/// Public addresses that nobody in a network has: well-known resolvers.
pub(crate) const INTERNET: [IpAddr; 2] = [
    IpAddr::V4(Ipv4Addr::new(8, 8, 8, 8)),
    IpAddr::V6(Ipv6Addr::new(0x2001, 0x4860, 0x4860, 0, 0, 0, 0, 0x8888)),
];

/// More classes than this are too many to ask all pairs: one for each subnet then.
const CLASSES_MAX: usize = 140;

/// Somebody who is asked, by one address or by one of each family.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct End {
    pub(super) place: Place,
    pub(super) addresses: Vec<IpAddr>,
    /// What is asked for.
    pub(super) port: ProtoPort,
    /// Of a frontend, its pool: a member that asks is a hairpin, which only traffic of the scenario asks for.
    pub(super) members: Vec<NicId>,
}

/// The port that strangers are probed at.
const PORT: ProtoPort = ProtoPort { protocol: IpProtocol::TCP, port: 443 };

/// Machines that run, one of each class, in the order of their subnets.
pub(super) fn hosts(look: &Look<'_>) -> Vec<End> {
    let network = look.network;
    let hops = next_hops(look);
    let runs = |nic: NicId| network[nic].vm.is_some_and(|vm| network[vm].running);
    let of = |grouping| -> Vec<End> {
        let all = ends(network, INTERNET[0], grouping);
        let nics = all.iter().filter_map(|end| {
            match end
                .members
                .iter()
                .find(|m| matches!(m.who, Who::Nic(nic) if runs(nic) && !hops.contains(&nic)))?
                .who
            {
                Who::Nic(nic) => Some(nic),
                _ => None,
            }
        });
        nics.filter(|nic| !network[network[*nic].vnet].deleted).map(|nic| host(network, nic)).collect()
    };
    let classes = of(Grouping::Classes);
    if classes.len() <= CLASSES_MAX { classes } else { of(Grouping::Subnets) }
}

fn host(network: &Network, nic: NicId) -> End {
    let configs = &network[nic].ip_configurations;
    let first = |v4: bool| configs.iter().map(|c| c.address).find(|ip| ip.is_ipv4() == v4);
    let listens = network[nic].vm.and_then(|vm| network[vm].guest.listen.as_ref()?.first().copied());
    End {
        place: Place::Nic(nic),
        addresses: [first(true), first(false)].into_iter().flatten().collect(),
        port: listens.filter(|port| port.port > 0).unwrap_or(PORT),
        members: Vec::new(),
    }
}

/// The interfaces that some route, user-defined or learned, leads to.
fn next_hops(look: &Look<'_>) -> BTreeSet<NicId> {
    let mut all = BTreeSet::new();
    for route in &look.compiled.routes {
        match route.next_hop {
            NextHop::Learned(Appliance::Nic(nic)) => {
                all.insert(nic);
            }
            hop => all.extend(look.appliances(hop)),
        }
    }
    // All interfaces of such a machine.
    let machines: BTreeSet<_> = all.iter().filter_map(|nic| look.network[*nic].vm).collect();
    all.extend(machines.into_iter().flat_map(|vm| look.network[vm].nics.iter().copied()));
    all
}

/// A machine in each site.
pub(super) fn sites(network: &Network) -> Vec<End> {
    let all = network.sites().iter().enumerate().filter(|(_, site)| site.kind != SiteKind::Clients);
    let one = |(ix, site): (usize, &vnetsim_model::Site)| {
        let prefixes = site.prefixes.iter().chain(&site.advertised).filter(|p| p.prefix_len() > 0);
        let first = |v4: bool| {
            let mut of_family = prefixes.clone().filter(|p| p.addr().is_ipv4() == v4);
            of_family.find_map(|prefix| prefix.hosts().next())
        };
        let addresses = [first(true), first(false)].into_iter().flatten().collect();
        End { place: Place::Site(SiteId::new(ix)), addresses, port: PORT, members: Vec::new() }
    };
    all.map(one).collect()
}

/// What only answers: private endpoints, and frontends of services inside.
pub(super) fn services(look: &Look<'_>) -> Vec<End> {
    let network = look.network;
    let endpoints = network.private_endpoints().iter().enumerate().map(|(ix, e)| End {
        place: Place::PrivateEndpoint(PrivateEndpointId::new(ix)),
        addresses: vec![e.address],
        port: PORT,
        members: Vec::new(),
    });
    let hops: BTreeSet<IpAddr> = look.compiled.routes.iter().filter_map(|route| route.next_hop_ip).collect();
    let mut frontends = Vec::new();
    for (id, lb) in network.load_balancers().iter().enumerate() {
        for (ix, frontend) in lb.frontends.iter().enumerate() {
            let port = lb.rules.iter().filter(|rule| rule.frontend == ix).find_map(port_of);
            let inside = frontend.vnet.is_some() && !hops.contains(&frontend.address);
            let known = network.endpoint(&frontend.address.to_string(), None).ok();
            if let (true, Some(port), Some(Endpoint { place, address })) = (inside, port, known) {
                let members = look.members(LbId::new(id), ix);
                frontends.push(End { place, addresses: vec![address], port, members });
            }
        }
    }
    endpoints.chain(frontends).collect()
}

fn port_of(rule: &vnetsim_model::LbRule) -> Option<ProtoPort> {
    let protocol = match rule.protocol {
        LbProtocol::Udp => IpProtocol::UDP,
        LbProtocol::Tcp | LbProtocol::All => IpProtocol::TCP,
    };
    (rule.frontend_port > 0).then_some(ProtoPort { protocol, port: rule.frontend_port })
}

/// Public addresses that somebody in the network has: of interfaces, and of balancers before them.
pub(super) fn public(network: &Network) -> Vec<End> {
    let configs = network.nics().iter().flat_map(|nic| nic.ip_configurations.iter().map(move |c| (nic, c)));
    let of_nics = configs.filter_map(|(nic, config)| {
        let guest = nic.vm.map(|vm| &network[vm].guest);
        let port = guest.and_then(|guest| {
            guest.dnat.first().map(|rule| rule.port).or_else(|| guest.listen.as_ref()?.first().copied())
        });
        Some((config.public_address?, port.filter(|port| port.port > 0).unwrap_or(PORT)))
    });
    let balancers = network.load_balancers().iter();
    let of_balancers = balancers.flat_map(|lb| {
        let public = lb.frontends.iter().enumerate().filter(|(_, frontend)| frontend.vnet.is_none());
        public.filter_map(|(ix, frontend)| {
            let port = lb.rules.iter().filter(|rule| rule.frontend == ix).find_map(port_of)?;
            Some((frontend.address, port))
        })
    });
    let all: Vec<(IpAddr, ProtoPort)> = of_nics.chain(of_balancers).collect();
    let end = |(address, port): (IpAddr, ProtoPort)| {
        let known = network.endpoint(&address.to_string(), None).ok()?;
        Some(End { place: known.place, addresses: vec![address], port, members: Vec::new() })
    };
    all.into_iter().filter_map(end).collect()
}
