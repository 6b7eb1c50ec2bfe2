//! Load balancers: rule, healthy backends, hash, translation (RT-21, LB-02 to LB-16).
//!
//! A balancer is no place that packets pass: the sender's host chooses the backend and translates the
//! destination, the backend's host translates the answer back ([`Entered`]). As next hop of a route it chooses
//! and leaves the packet alone.

use std::net::IpAddr;

use rustc_hash::FxHashMap;

use vnetsim_packet::{L4, TcpFlags, set_destination};
use vnetsim_types::{DropReason, FlowKey, IpProtocol, LbId, NicId, Observer, SimTime, Step, VnetId};

use super::mtu;
use crate::{Balancer, BalancerRule, Context, Entered, HashInput, Owner, Packet, packet::Alike};

/// A pool member, and the address that it is reached by.
type Backend = (NicId, IpAddr);

/// Most remembered connections; beyond it, connections move when backends come or go.
const REMEMBERED_MAX: usize = 1 << 20;

/// A connection through a rule of a balancer, as the hosts of one virtual network remember it.
type Remembered = (Option<VnetId>, LbId, u32, FlowKey);

/// Backends of TCP connections under way: they stay where they are when probes fail or pools change (LB-06,
/// LB-08). Owned by whoever resolves next hops: the switches, the gateways, the edge.
#[derive(Clone, Debug, Default)]
pub struct Backends {
    chosen: FxHashMap<Remembered, (Backend, SimTime)>,
}

impl Backends {
    fn get(&mut self, now: SimTime, idle_max: SimTime, slot: Remembered) -> Option<Backend> {
        let (backend, last_seen) = self.chosen.get_mut(&slot)?;
        if now.since(*last_seen) > idle_max {
            self.chosen.remove(&slot);
            return None;
        }
        *last_seen = now;
        Some(*backend)
    }

    fn put(&mut self, now: SimTime, slot: Remembered, backend: Backend) {
        if self.chosen.len() < REMEMBERED_MAX || self.chosen.contains_key(&slot) {
            self.chosen.insert(slot, (backend, now));
        }
    }
}

/// The backend for `packet`, and the rule that says so. The packet stays as it is (RT-21).
pub(crate) fn choose<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    from: Option<VnetId>,
    (lb, frontend): (LbId, u32),
    global: bool,
    packet: &mut Packet,
) -> Result<(Backend, u32), DropReason> {
    let tables = cx.tables;
    packet.only(Alike::None); // each packet keeps the connection at its backend
    let balancer = &tables.balancers[lb.ix()];
    if balancer.regional && global {
        return Err(DropReason::GlobalPeeringBasicLb);
    }
    let key = packet.headers.flow_key();
    let covers = |rule: &BalancerRule| {
        rule.frontend == frontend
            && rule.protocol.is_none_or(|p| p == key.protocol && rule.port == key.dst_port)
    };
    let ix = balancer.rules.iter().position(covers).ok_or(DropReason::NoLoadBalancerRule)?;
    let rule = &balancer.rules[ix];
    let ha_ports = rule.protocol.is_none();
    let slot = (from, lb, ix as u32, if ha_ports { canonical(key) } else { key });
    let healthy = rule.members.iter().filter(|(.., healthy)| *healthy).count();
    if healthy == 0 && begins(&packet.headers.l4) {
        return Err(DropReason::NoHealthyBackend);
    }
    match from {
        None => mtu::cut(packet, mtu::PATH_MTU)?,
        Some(_) if balancer.frontends[frontend as usize].1 != from => mtu::narrow(packet)?,
        Some(_) => {}
    }
    if ha_ports && packet.fragmented {
        return Err(DropReason::FragmentUnsupported); // FAB-21
    }
    let kept = if begins(&packet.headers.l4) { None } else { memory.get(cx.now, rule.idle_timeout, slot) };
    let kept = kept.filter(|(nic, _)| tables.nics[nic.ix()].up && keeps(balancer, healthy));
    let backend = match kept {
        Some(backend) => backend,
        None => pick(lb, rule, &key, healthy)?,
    };
    if key.protocol == IpProtocol::TCP {
        memory.put(cx.now, slot, backend);
    }
    let (healthy, members) = (healthy as u16, rule.members.len() as u16);
    cx.report(packet, Step::LoadBalancer { lb, rule: ix as u32, backend: backend.0, healthy, members });
    Ok((backend, ix as u32))
}

/// LB-08: with every backend down, a Basic balancer ends what is established.
fn keeps(balancer: &Balancer, healthy: usize) -> bool {
    healthy > 0 || !balancer.basic
}

fn begins(l4: &L4) -> bool {
    match l4 {
        L4::Tcp { flags, .. } => flags.contains(TcpFlags::SYN) && !flags.contains(TcpFlags::ACK),
        _ => true,
    }
}

/// LB-10: two balancers over one pool do not agree on a backend; one agrees with itself both ways.
fn pick(lb: LbId, rule: &BalancerRule, key: &FlowKey, healthy: usize) -> Result<Backend, DropReason> {
    if healthy == 0 {
        return Err(DropReason::NoHealthyBackend);
    }
    let hash = flow_hash(key, rule.hash, rule.protocol.is_none());
    let turn = (mix(hash ^ u64::from(lb.0)) % healthy as u64) as usize;
    let mut up = rule.members.iter().filter(|(.., healthy)| *healthy).map(|(nic, ip, _)| (*nic, *ip));
    up.nth(turn).ok_or(DropReason::NoHealthyBackend)
}

/// `packet` is for the frontend itself: chooses a backend and translates the destination (LB-03).
pub(crate) fn to_frontend<O: Observer>(
    cx: &mut Context<'_, O>,
    memory: &mut Backends,
    from: Option<VnetId>,
    (lb, frontend): (LbId, u32),
    global: bool,
    packet: &mut Packet,
) -> Result<NicId, DropReason> {
    let ((nic, own), rule) = choose(cx, memory, from, (lb, frontend), global, packet)?;
    // LB-12: the calling machine itself was chosen, whoever forwarded its packet here.
    let port = &cx.tables.nics[nic.ix()];
    let caller = cx.tables.vnets[port.vnet.ix()].owners.get(&packet.headers.src);
    if matches!(caller, Some(Owner::Nic(caller)) if cx.tables.nics[caller.ix()].vm == port.vm && port.vm.is_some())
    {
        return Err(DropReason::LoadBalancerHairpin);
    }
    let rule = &cx.tables.balancers[lb.ix()].rules[rule as usize];
    if rule.floating_ip {
        return Ok(nic);
    }
    let key = packet.headers.flow_key();
    let ported = key.protocol.has_ports();
    let port = (ported && rule.backend_port != 0).then_some(rule.backend_port);
    set_destination(&mut packet.frame, &mut packet.headers, own, port)
        .map_err(|_| DropReason::NoLoadBalancerRule)?;
    packet.entered = Some(Entered { address: key.dst, port: ported.then_some(key.dst_port), edge: false });
    cx.report(packet, Step::Rewritten { nic, key: packet.headers.flow_key() });
    Ok(nic)
}

/// One key for both directions (LB-10).
fn canonical(key: FlowKey) -> FlowKey {
    let back = key.reversed();
    if (back.src, back.src_port) < (key.src, key.src_port) { back } else { key }
}

/// LB-04: any deterministic hash will do. LB-10: with HA ports both directions hash alike. U-07:
/// protocols without ports hash on addresses and protocol.
pub fn flow_hash(key: &FlowKey, input: HashInput, symmetric: bool) -> u64 {
    let with_ports = input == HashInput::FiveTuple && key.protocol.has_ports();
    let port = |port: u16| if with_ports { u64::from(port) } else { 0 };
    let (mut a, mut b) = (end(key.src, port(key.src_port)), end(key.dst, port(key.dst_port)));
    if symmetric && b < a {
        (a, b) = (b, a);
    }
    let protocol = if input == HashInput::Addresses { 0 } else { u64::from(key.protocol.0) };
    mix(mix(mix(protocol.wrapping_add(0x9e37_79b9_7f4a_7c15)) ^ a) ^ b)
}

fn end(ip: IpAddr, port: u64) -> u64 {
    let (high, low) = match ip {
        IpAddr::V4(ip) => (0, u64::from(u32::from(ip))),
        IpAddr::V6(ip) => ((u128::from(ip) >> 64) as u64, u128::from(ip) as u64),
    };
    mix(mix(high ^ 0x5851_f42d_4c95_7f2d) ^ low ^ (port << 40))
}

/// The finaliser of SplitMix64: every input bit reaches every output bit.
fn mix(mut x: u64) -> u64 {
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use vnetsim_types::IpProtocol;

    use super::*;

    fn key(port: u16) -> FlowKey {
        FlowKey {
            protocol: IpProtocol::TCP,
            src: IpAddr::from([10, 20, 0, 4]),
            dst: IpAddr::from([10, 30, 0, 4]),
            src_port: port,
            dst_port: 443,
        }
    }

    #[test]
    fn ha_ports_hash_is_the_same_both_ways_and_spreads() {
        let mut first = 0;
        for port in 50_000..51_000 {
            let forward = flow_hash(&key(port), HashInput::FiveTuple, true);
            assert_eq!(forward, flow_hash(&key(port).reversed(), HashInput::FiveTuple, true));
            first += usize::from(forward.is_multiple_of(2));
        }
        assert!((400..600).contains(&first), "{first} of 1000 flows on one of two backends");
    }

    #[test]
    fn source_ip_ignores_ports() {
        assert_eq!(
            flow_hash(&key(1), HashInput::Addresses, false),
            flow_hash(&key(2), HashInput::Addresses, false)
        );
    }
}
