//! An internal load balancer as next hop: rule, healthy backends, hash (RT-21, LB-02 to LB-10).

use std::net::IpAddr;

use vnetsim_types::{DropReason, FlowKey, LbId, NicId, Observer, Step};

use crate::{BalancerRule, Context, HashInput, Packet};

/// The backend for `packet`. The destination address is left alone (RT-21).
pub(crate) fn choose<O: Observer>(
    cx: &mut Context<'_, O>,
    lb: LbId,
    frontend: u32,
    global: bool,
    packet: &Packet,
) -> Result<NicId, DropReason> {
    let tables = cx.tables;
    let balancer = &tables.balancers[lb.ix()];
    if balancer.basic && global {
        return Err(DropReason::GlobalPeeringBasicLb);
    }
    let key = packet.headers.flow_key();
    let covers = |rule: &BalancerRule| {
        rule.frontend == frontend
            && rule.protocol.is_none_or(|p| p == key.protocol && rule.port == key.dst_port)
    };
    let ix = balancer.rules.iter().position(covers).ok_or(DropReason::NoLoadBalancerRule)?;
    let rule = &balancer.rules[ix];
    let up = |nic: &&NicId| tables.nics[nic.ix()].up;
    let healthy = rule.members.iter().filter(up).count();
    if healthy == 0 {
        return Err(DropReason::NoHealthyBackend);
    }
    let hash = flow_hash(&key, rule.hash, rule.protocol.is_none());
    let turn = (hash % healthy as u64) as usize;
    let backend =
        *rule.members.iter().filter(up).nth(turn).expect("turn is below the count of healthy members");
    cx.report(
        packet,
        Step::LoadBalancer {
            lb,
            rule: ix as u32,
            backend,
            healthy: healthy as u16,
            members: rule.members.len() as u16,
        },
    );
    Ok(backend)
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
