//! Load balancers: which rule takes a packet, which backend, and the translation there and back (Part 5.2).

use std::net::IpAddr;

use vnetsim_model::{Era, LbProtocol, LbRule, LbSku, LbTarget, LoadBalancer, Network};
use vnetsim_types::{
    Direction, DropReason, FlowKey, IpProtocol, LbId, NicId, Place, ProtoPort, VmId, VnetId,
};

use crate::{
    answer::OracleHop,
    choice::Question,
    nsg::nsg_verdict,
    tags::HOST,
    topology::{is_global, runs, vnet_of},
    world::{Balanced, Fate, Next, Packet, World},
};

/// Any port from which a health probe may come.
const PROBE_PORT: u16 = 50_000;

impl World<'_> {
    /// LB-02, LB-03: `packet` is addressed to frontend number `frontend`.
    pub(crate) fn enter_frontend(
        &mut self,
        packet: &mut Packet,
        from: Place,
        lb: LbId,
        frontend: u32,
    ) -> Fate {
        let outer = packet.key;
        let (backend, rule) = self.balance(packet, from, lb, frontend)?;
        // LB-12: a backend that calls itself; the two halves do not match in the guest.
        let own = |vm: VmId| self.network[vm].nics.iter().any(|&nic| self.network[nic].owns(outer.src));
        if self.network[backend.nic].vm.is_some_and(own) {
            return Err((from, DropReason::LoadBalancerHairpin));
        }
        let rule = &self.network[lb].rules[rule];
        if !rule.floating_ip {
            let port = if rule.backend_port == 0 { outer.dst_port } else { rule.backend_port };
            packet.key = FlowKey { dst: backend.address, dst_port: port, ..outer };
        }
        self.remember(Balanced { lb, frontend, nic: backend.nic, outer, inner: packet.key });
        Ok(Next::Arrive(backend.nic, from))
    }

    /// RT-21: frontend number `frontend` is the next hop; the packet stays as it is.
    pub(crate) fn pass_frontend(
        &mut self,
        packet: &mut Packet,
        from: Place,
        lb: LbId,
        frontend: u32,
    ) -> Fate {
        let (backend, _) = self.balance(packet, from, lb, frontend)?;
        let (outer, inner) = (packet.key, packet.key);
        self.remember(Balanced { lb, frontend, nic: backend.nic, outer, inner });
        Ok(Next::Arrive(backend.nic, from))
    }

    fn remember(&mut self, balanced: Balanced) {
        if !self.balanced.contains(&balanced) {
            self.balanced.push(balanced);
        }
    }

    /// LB-02, LB-04, LB-08, LB-13: the backend, and the position of the rule that says so.
    fn balance(
        &self,
        packet: &mut Packet,
        from: Place,
        lb: LbId,
        frontend: u32,
    ) -> Result<(Member, usize), (Place, DropReason)> {
        let drop = |reason| Err((from, reason));
        let balancer = &self.network[lb];
        // LB-13 first: what cannot be reached over global peering is not there at all.
        if self.is_out_of_reach(balancer, frontend, vnet_of(self.network, from)) {
            return drop(DropReason::GlobalPeeringBasicLb);
        }
        let takes = |rule: &LbRule| rule.frontend == frontend as usize && lb_rule_matches(rule, &packet.key);
        let Some(position) = balancer.rules.iter().position(takes) else {
            return drop(DropReason::NoLoadBalancerRule);
        };
        let rule = &balancer.rules[position];
        let mut healthy = members(self.network, balancer, rule);
        healthy.retain(|member| is_healthy(self.network, balancer, rule, member));
        if healthy.is_empty() {
            return drop(DropReason::NoHealthyBackend);
        }
        let near = balancer.frontends[frontend as usize]
            .vnet
            .is_some_and(|home| Some(home) == vnet_of(self.network, from));
        if !near {
            self.narrow_path(packet, from)?;
        }
        if packet.fragments && rule.protocol == LbProtocol::All {
            return drop(DropReason::FragmentUnsupported); // FAB-21
        }
        let ambiguous = healthy.len() > 1;
        let allowed = match self.backend_of(lb, frontend, rule, &packet.key) {
            Some(known) if healthy.iter().any(|member| member.nic == known) => {
                healthy.into_iter().filter(|member| member.nic == known).collect()
            }
            _ => healthy,
        };
        // Asked even when only one is left: the real one decides anew for each packet, and must agree.
        let nics: Vec<NicId> = allowed.iter().map(|member| member.nic).collect();
        let question = Question::Backend { lb, allowed: &nics };
        let chosen = allowed[if ambiguous { self.choose(packet, question) } else { 0 }];
        packet.hops.push(OracleHop::LoadBalancer { lb, backend: chosen.nic, ambiguous });
        Ok((chosen, position))
    }

    /// LB-13, ERA-05: no Basic frontend is reached over global peering, in 2017 none at all.
    fn is_out_of_reach(&self, balancer: &LoadBalancer, frontend: u32, from: Option<VnetId>) -> bool {
        let home = balancer.frontends[frontend as usize].vnet;
        let global = matches!((from, home), (Some(a), Some(b)) if is_global(self.network, a, b));
        let basic = balancer.sku == LbSku::Basic || self.network.semantics().era == Era::Y2017;
        global && basic
    }

    /// LB-04: the backend that a flow has already. LB-10: with HA ports also that of the opposite direction, where
    /// the members have one ipConfiguration each.
    fn backend_of(&self, lb: LbId, frontend: u32, rule: &LbRule, key: &FlowKey) -> Option<NicId> {
        let single = |nic: &NicId| self.network[*nic].ip_configurations.len() == 1;
        let all = members(self.network, &self.network[lb], rule);
        let symmetric = rule.protocol == LbProtocol::All && all.iter().all(|member| single(&member.nic));
        let mut known = self.balanced.iter().filter(|b| (b.lb, b.frontend) == (lb, frontend));
        let same = |b: &&Balanced| b.outer == *key || (symmetric && b.outer == key.reversed());
        known.find(same).map(|b| b.nic)
    }

    /// LB-03: what a backend answers gets the frontend's address as source again, at the backend's host.
    pub(crate) fn translate_back(&self, packet: &mut Packet, nic: NicId) {
        let answer = packet.key.reversed();
        if let Some(balanced) = self.balanced.iter().find(|b| b.nic == nic && b.inner == answer) {
            packet.key = balanced.outer.reversed();
        }
    }
}

/// One who may get the traffic of a rule.
#[derive(Clone, Copy, Debug)]
struct Member {
    nic: NicId,
    address: IpAddr,
}

/// LB-01, LB-16: a pool, or the ipConfiguration of an inbound NAT rule, of which a bare NIC means the first; of the
/// frontend's family.
fn members(network: &Network, balancer: &LoadBalancer, rule: &LbRule) -> Vec<Member> {
    let front = balancer.frontends[rule.frontend].address;
    let address = |nic: NicId, place: usize| network[nic].ip_configurations[place].address;
    let mut all: Vec<Member> = match rule.target {
        LbTarget::Pool(pool) => {
            let listed = balancer.pools[pool].iter();
            listed.map(|&(nic, place)| Member { nic, address: address(nic, place) }).collect()
        }
        LbTarget::Nic(nic, Some(place)) => vec![Member { nic, address: address(nic, place) }],
        LbTarget::Nic(nic, None) => {
            network[nic].address_like(front).map(|address| Member { nic, address }).into_iter().collect()
        }
    };
    all.retain(|member| member.address.is_ipv4() == front.is_ipv4());
    all
}

/// LB-07, LB-08: the machine runs and, where the rule has a probe with a port, the probe comes through: NSGs let
/// 168.63.129.16 reach it (NSG-17, FAB-10), and something listens.
fn is_healthy(network: &Network, balancer: &LoadBalancer, rule: &LbRule, member: &Member) -> bool {
    let nic = member.nic;
    if !runs(network, nic) {
        return false;
    }
    let Some(port) = rule.probe.and_then(|probe| balancer.probes[probe].port) else { return true };
    let (protocol, dst) = (IpProtocol::TCP, member.address);
    let src: IpAddr = HOST.parse().expect("an address written in the source");
    let key = FlowKey { protocol, src, dst, src_port: PROBE_PORT, dst_port: port };
    let wanted = ProtoPort { protocol, port };
    let listens = network[nic].vm.is_some_and(|vm| match &network[vm].guest.listen {
        Some(ports) => ports.contains(&wanted),
        None => true,
    });
    listens && nsg_verdict(network, nic, Direction::Inbound, &key).allowed
}

/// LB-11: `ip` is the frontend of a rule with floating IP whose target `nic` is; its guest owns that address.
pub(crate) fn floats_to(network: &Network, nic: NicId, ip: IpAddr) -> bool {
    network.load_balancers().iter().any(|balancer| {
        balancer.rules.iter().any(|rule| {
            let frontend = balancer.frontends[rule.frontend].address == ip;
            let mine = members(network, balancer, rule).iter().any(|member| member.nic == nic);
            rule.floating_ip && frontend && mine
        })
    })
}

/// LB-02, LB-09: All with port 0 covers everything (U-07), else protocol and port must match.
fn lb_rule_matches(rule: &LbRule, key: &FlowKey) -> bool {
    let protocol = match rule.protocol {
        LbProtocol::All if rule.frontend_port == 0 => return true,
        LbProtocol::All => key.protocol.has_ports(),
        LbProtocol::Tcp => key.protocol == IpProtocol::TCP,
        LbProtocol::Udp => key.protocol == IpProtocol::UDP,
    };
    protocol && rule.frontend_port == key.dst_port
}
