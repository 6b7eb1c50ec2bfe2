//! Load balancers: which rule takes a packet, and which backend (Part 5.2).

use vnetsim_model::{LbProtocol, LbRule, LbSku, LbTarget};
use vnetsim_types::{DropReason, FlowKey, IpProtocol, LbId, NicId};

use crate::{
    answer::OracleHop,
    choice::Question,
    topology::runs,
    world::{Packet, World},
};

impl World<'_> {
    /// RT-21, LB-02, LB-04, LB-08, LB-13: the backend of frontend number `frontend`.
    pub(crate) fn balance(
        &self,
        packet: &mut Packet,
        lb: LbId,
        frontend: u32,
        global: bool,
    ) -> Result<NicId, DropReason> {
        let balancer = &self.network[lb];
        // LB-13 first: over global peering a Basic frontend is not there at all.
        if global && balancer.sku == LbSku::Basic {
            return Err(DropReason::GlobalPeeringBasicLb);
        }
        let of_frontend = |rule: &&LbRule| rule.frontend == frontend as usize;
        let mut rules = balancer.rules.iter().filter(of_frontend);
        let Some(rule) = rules.find(|rule| lb_rule_matches(rule, &packet.key)) else {
            return Err(DropReason::NoLoadBalancerRule);
        };
        let members: Vec<NicId> = match rule.target {
            LbTarget::Pool(pool) => balancer.pools[pool].iter().map(|(nic, _)| *nic).collect(),
            LbTarget::Nic(nic) => vec![nic],
        };
        let healthy: Vec<NicId> = members.into_iter().filter(|&nic| runs(self.network, nic)).collect();
        let Some(&first) = healthy.first() else {
            return Err(DropReason::NoHealthyBackend);
        };
        let ambiguous = healthy.len() > 1;
        let question = Question::Backend { lb, allowed: &healthy };
        let backend = if ambiguous { healthy[self.choose(packet, question)] } else { first };
        packet.hops.push(OracleHop::LoadBalancer { lb, backend, ambiguous });
        Ok(backend)
    }
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
