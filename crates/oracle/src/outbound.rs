//! Out to the internet: which method, with which address (Part 5.3).

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_model::{LbSku, LbTarget, LoadBalancer};
use vnetsim_types::{DropReason, FlowKey, NicId, Place};

use crate::{
    choice::Question,
    topology::is_private,
    world::{EdgeTranslation, Fate, Packet, World},
};

/// OUT-07: stands for the address of default outbound access, which nobody knows. Public, and nobody's: the relays
/// of 6to4, which are gone.
const SOMEWHERE: Ipv4Addr = Ipv4Addr::new(192, 88, 99, 77);

/// The address as an outcome tells it: unspecified when nobody knows it.
pub(crate) fn as_known(address: IpAddr) -> IpAddr {
    if address == SOMEWHERE { Ipv4Addr::UNSPECIFIED.into() } else { address }
}

/// A way out.
enum Method {
    /// The ipConfiguration's own public address.
    Own(IpAddr),
    /// One of these, together with others.
    Shared(Vec<IpAddr>),
    /// Default outbound access.
    Default,
}

impl World<'_> {
    /// RT-25, OUT-01, OUT-08: out to the internet with a translated source.
    pub(crate) fn leave_for_internet(&mut self, packet: &mut Packet, from: Place) -> Fate {
        let drop = |reason| Err((from, reason));
        if is_private(packet.key.dst) {
            return drop(DropReason::NoSuchDestination); // RT-25
        }
        let Place::Nic(nic) = from else { return drop(DropReason::SourceNotTranslatable) };
        self.narrow_path(packet, from)?;
        if let Some(answer) = self.answer_outside(packet, nic) {
            packet.key = answer;
            return self.outside(packet);
        }
        let known = self.edge.iter().find(|edge| edge.nic == nic && edge.inside == packet.key);
        if let Some(edge) = known {
            packet.key = edge.outside;
            return self.outside(packet);
        }
        let configs = &self.network[nic].ip_configurations;
        let Some(place) = configs.iter().position(|config| config.address == packet.key.src) else {
            return drop(DropReason::SourceNotTranslatable); // OUT-08
        };
        let Some(method) = self.outbound_method(nic, place) else {
            return drop(DropReason::NoOutboundPath);
        };
        let public = self.outbound_address(packet, nic, method).map_err(|reason| (from, reason))?;
        let inside = packet.key;
        let outside = FlowKey { src: public, ..inside };
        self.edge.push(EdgeTranslation { nic, inside, outside });
        packet.key = outside;
        self.outside(packet)
    }

    /// An answer to a connection from outside leaves the way that the connection came: by the public address of
    /// the ipConfiguration (ADDR-18), or by the frontend, whose address it has already (LB-03).
    fn answer_outside(&self, packet: &Packet, nic: NicId) -> Option<FlowKey> {
        let key = packet.key;
        let invited = self.invited.iter().find(|i| i.nic == nic && i.inside.reversed() == key);
        if let Some(invited) = invited {
            return Some(invited.outside.reversed());
        }
        let mut balanced = self.balanced.iter().filter(|b| b.nic == nic && b.outer.reversed() == key);
        balanced.any(|b| self.public_frontend(b.outer.dst).is_some()).then_some(key)
    }

    /// OUT-01, U-16: the first method there is for ipConfiguration number `place`.
    fn outbound_method(&self, nic: NicId, place: usize) -> Option<Method> {
        let configs = &self.network[nic].ip_configurations;
        let subnet = &self.network[self.network[nic].subnet];
        let v4 = configs[place].address.is_ipv4();
        let same_family = |address: &IpAddr| address.is_ipv4() == v4;
        let nat: Vec<IpAddr> = subnet.nat_gateway.iter().copied().filter(same_family).collect();
        if !nat.is_empty() {
            return Some(Method::Shared(nat)); // OUT-05
        }
        if let Some(public) = configs[place].public_address.filter(same_family) {
            return Some(Method::Own(public)); // OUT-03
        }
        // OUT-04: secondary ipConfigurations, of each family, have no share of a frontend's ports.
        let primary = configs.iter().position(|config| same_family(&config.address)).unwrap_or(place);
        let lent = self.lent_addresses(nic, primary, v4);
        if !lent.is_empty() {
            return (place == primary).then_some(Method::Shared(lent));
        }
        // OUT-07. IPv4 only: there is no default outbound access for IPv6 [GK].
        let default_access = subnet.default_outbound_access.value && !self.behind_standard_lb(nic);
        (default_access && v4).then_some(Method::Default)
    }

    /// The address that `packet` leaves with. FAB-21: who shares an address sends no fragments. OUT-04, OUT-05: a
    /// NAT gateway and frontends carry TCP and UDP; default access whatever has something to tell flows apart by.
    fn outbound_address(&self, packet: &Packet, nic: NicId, method: Method) -> Result<IpAddr, DropReason> {
        let (ports, icmp) = (packet.key.protocol.has_ports(), packet.key.protocol.is_icmp());
        match method {
            Method::Own(public) => Ok(public),
            Method::Shared(_) if !ports => Err(DropReason::NoOutboundPath),
            Method::Default if !ports && !icmp => Err(DropReason::NoOutboundPath),
            _ if packet.fragments => Err(DropReason::FragmentUnsupported),
            Method::Default => Ok(SOMEWHERE.into()),
            Method::Shared(all) => Ok(match all.as_slice() {
                [only] => *only,
                several => several[self.choose(packet, Question::Address { nic, allowed: several })],
            }),
        }
    }

    /// OUT-04: addresses of public frontends that outbound rules give to the pools of an ipConfiguration; without such
    /// rules those that load-balancing rules lend. Of one family, and of one balancer: no ipConfiguration is
    /// behind two public ones.
    fn lent_addresses(&self, nic: NicId, place: usize, v4: bool) -> Vec<IpAddr> {
        let balancers = self.network.load_balancers();
        let by_rule = |balancer: &LoadBalancer| {
            let mine = balancer
                .outbound_rules
                .iter()
                .filter(|rule| balancer.pools[rule.pool].contains(&(nic, place)));
            mine.flat_map(|rule| rule.frontends.clone()).collect::<Vec<usize>>()
        };
        let lent = |balancer: &LoadBalancer| {
            let lends = balancer.rules.iter().filter(|rule| !rule.disable_outbound_snat);
            let mine = lends.filter(|rule| match rule.target {
                LbTarget::Pool(pool) => balancer.pools[pool].contains(&(nic, place)),
                LbTarget::Nic(..) => false,
            });
            mine.map(|rule| rule.frontend).collect::<Vec<usize>>()
        };
        let addresses = |frontends: &dyn Fn(&LoadBalancer) -> Vec<usize>| {
            let of_one = |balancer: &LoadBalancer| {
                let places = frontends(balancer).into_iter();
                let public =
                    places.map(|frontend| &balancer.frontends[frontend]).filter(|f| f.vnet.is_none());
                let mut all: Vec<IpAddr> = public.map(|frontend| frontend.address).collect();
                all.retain(|address| address.is_ipv4() == v4);
                all.sort_unstable();
                all.dedup();
                all
            };
            balancers.iter().map(of_one).find(|all| !all.is_empty()).unwrap_or_default()
        };
        let by_rule = addresses(&by_rule);
        if by_rule.is_empty() { addresses(&lent) } else { by_rule }
    }

    /// LB-15: backends of a Standard balancer, be it by a pool or by an inbound NAT rule, have no default outbound
    /// access.
    fn behind_standard_lb(&self, nic: NicId) -> bool {
        let mut standard = self.network.load_balancers().iter().filter(|lb| lb.sku == LbSku::Standard);
        standard.any(|lb| {
            let pooled = lb.pools.iter().any(|pool| contains(pool, nic));
            pooled || lb.rules.iter().any(|rule| matches!(rule.target, LbTarget::Nic(own, _) if own == nic))
        })
    }
}

/// One of the NIC's ipConfigurations is a member.
fn contains(pool: &[(NicId, usize)], nic: NicId) -> bool {
    pool.iter().any(|(member, _)| *member == nic)
}
