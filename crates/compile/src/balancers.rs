//! Load balancers as tables: rules, members, which of them probes find up, and who shares which public ports.

use std::net::IpAddr;

use vnetsim_data::Data;
use vnetsim_dataplane::{Balancer, BalancerRule, HashInput, SharedOut, Tables, probe_passes};
use vnetsim_model::{
    Era, GuestState, LbProtocol, LbRule, LbSku, LbTarget, LoadBalancer, LoadDistribution, Network,
};
use vnetsim_types::{IpProtocol, LbId, NicId, ProtoPort};

/// First port that a share begins at (OUT-04: ports below are not given out).
const FIRST_PORT: usize = 1_024;

/// Every balancer. `tables` has everything but these: probes are judged by its rules.
pub(crate) fn balancers(network: &Network, tables: &Tables) -> Vec<Balancer> {
    let all = network.load_balancers().iter().enumerate();
    all.map(|(ix, lb)| Balancer {
        basic: lb.sku == LbSku::Basic,
        regional: lb.sku == LbSku::Basic || network.semantics().era == Era::Y2017,
        frontends: lb.frontends.iter().map(|f| (f.address, f.vnet)).collect(),
        rules: lb.rules.iter().map(|r| rule(network, tables, (LbId::new(ix), lb), r)).collect(),
    })
    .collect()
}

fn rule(network: &Network, tables: &Tables, (id, lb): (LbId, &LoadBalancer), rule: &LbRule) -> BalancerRule {
    // LB-07: what the last probes said, where a run plays them; else what they would say.
    let said = |nic: NicId| network.probe_result(id, rule.probe?, nic);
    let probe = rule.probe.map(|ix| &lb.probes[ix]);
    let would_say =
        |nic: NicId| tables.nics[nic.ix()].up && probe.is_none_or(|p| answers(network, tables, nic, p.port));
    let healthy = |nic: NicId| said(nic).unwrap_or_else(|| would_say(nic));
    BalancerRule {
        frontend: rule.frontend as u32,
        protocol: match rule.protocol {
            LbProtocol::Tcp => Some(IpProtocol::TCP),
            LbProtocol::Udp => Some(IpProtocol::UDP),
            LbProtocol::All => None,
        },
        port: rule.frontend_port,
        hash: match rule.distribution {
            LoadDistribution::Default => HashInput::FiveTuple,
            LoadDistribution::SourceIp => HashInput::Addresses,
            LoadDistribution::SourceIpProtocol => HashInput::AddressesAndProtocol,
        },
        backend_port: rule.backend_port,
        floating_ip: rule.floating_ip,
        idle_timeout: rule.idle_timeout,
        members: members(network, lb, rule).map(|(nic, address)| (nic, address, healthy(nic))).collect(),
    }
}

/// Members of the rule's frontend's family, with their addresses.
fn members(network: &Network, lb: &LoadBalancer, rule: &LbRule) -> impl Iterator<Item = (NicId, IpAddr)> {
    let frontend = lb.frontends[rule.frontend].address;
    let address = |nic: NicId, ix: usize| network[nic].ip_configurations[ix].address;
    let all: Vec<(NicId, IpAddr)> = match rule.target {
        LbTarget::Pool(pool) => lb.pools[pool].iter().map(|(nic, ix)| (*nic, address(*nic, *ix))).collect(),
        LbTarget::Nic(nic, Some(ix)) => vec![(nic, address(nic, ix))],
        LbTarget::Nic(nic, None) => {
            network[nic].address_like(frontend).map(|ip| (nic, ip)).into_iter().collect()
        }
    };
    all.into_iter().filter(move |(_, address)| address.is_ipv4() == frontend.is_ipv4())
}

/// LB-07: the probe reaches the machine through its NSGs (NSG-17), and something listens.
fn answers(network: &Network, tables: &Tables, nic: NicId, port: Option<u16>) -> bool {
    let (Some(port), Some(vm)) = (port, network[nic].vm) else { return true };
    let asked = ProtoPort { protocol: IpProtocol::TCP, port };
    let guest = &network[vm].guest;
    let listens = guest.listen.as_ref().is_none_or(|open| open.contains(&asked));
    guest.state != GuestState::Dead && listens && probe_passes(tables, &tables.nics[nic.ix()], port)
}

fn serves(lb: &LoadBalancer, nic: NicId) -> bool {
    let by_rule = lb.rules.iter().any(|rule| matches!(rule.target, LbTarget::Nic(its, _) if its == nic));
    by_rule || lb.pools.iter().flatten().any(|(member, _)| *member == nic)
}

/// LB-15: a member of a Standard balancer has no default outbound access.
pub(crate) fn behind_standard(network: &Network, nic: NicId) -> bool {
    network.load_balancers().iter().any(|lb| lb.sku == LbSku::Standard && serves(lb, nic))
}

/// LB-11: frontends whose traffic reaches `nic` untranslated.
pub(crate) fn floating(network: &Network, nic: NicId) -> Vec<IpAddr> {
    let rules = network.load_balancers().iter().flat_map(|lb| lb.rules.iter().map(move |rule| (lb, rule)));
    let floating = rules
        .filter(|(lb, rule)| rule.floating_ip && members(network, lb, rule).any(|(member, _)| member == nic));
    let mut all: Vec<IpAddr> = floating.map(|(lb, rule)| lb.frontends[rule.frontend].address).collect();
    all.sort_unstable();
    all.dedup();
    all
}

/// OUT-04: public frontends that `nic` may leave with by IPv4 and by IPv6, by an outbound rule or by a
/// load-balancing rule.
pub(crate) fn shared_out(network: &Network, nic: NicId) -> [Option<SharedOut>; 2] {
    let all = network.load_balancers().iter();
    [false, true].map(|v6| {
        all.clone()
            .find_map(|lb| by_outbound_rule(network, lb, nic, v6))
            .or_else(|| all.clone().find_map(|lb| by_rule(network, lb, nic, v6)))
    })
}

fn by_outbound_rule(network: &Network, lb: &LoadBalancer, nic: NicId, v6: bool) -> Option<SharedOut> {
    lb.outbound_rules.iter().find_map(|rule| {
        let place = place_in(network, lb, rule.pool, nic, v6)?;
        let addresses = rule.frontends.iter().map(|f| lb.frontends[*f].address);
        let addresses: Vec<IpAddr> = addresses.filter(|address| address.is_ipv6() == v6).collect();
        if addresses.is_empty() {
            return None;
        }
        let ports = rule.ports.unwrap_or_else(|| ports_for(network, lb.pools[rule.pool].len()));
        Some(share(addresses, place, ports))
    })
}

fn by_rule(network: &Network, lb: &LoadBalancer, nic: NicId, v6: bool) -> Option<SharedOut> {
    lb.rules.iter().filter(|rule| !rule.disable_outbound_snat).find_map(|rule| {
        let frontend = &lb.frontends[rule.frontend];
        let LbTarget::Pool(pool) = rule.target else { return None };
        let place = place_in(network, lb, pool, nic, v6)?;
        let public = frontend.vnet.is_none() && frontend.address.is_ipv6() == v6;
        public.then(|| share(vec![frontend.address], place, ports_for(network, lb.pools[pool].len())))
    })
}

/// Position in a pool of the first ipConfiguration of `nic` of that family; others get no ports (OUT-04).
fn place_in(network: &Network, lb: &LoadBalancer, pool: usize, nic: NicId, v6: bool) -> Option<usize> {
    let first = network[nic].ip_configurations.iter().position(|c| c.address.is_ipv6() == v6)?;
    lb.pools[pool].iter().position(|(member, ix)| *member == nic && *ix == first)
}

fn share(addresses: Vec<IpAddr>, place: usize, ports: u16) -> SharedOut {
    let first = (FIRST_PORT + place * usize::from(ports)).min(usize::from(u16::MAX));
    let left = usize::from(u16::MAX) + 1 - first;
    SharedOut {
        addresses,
        first_port: first as u16,
        ports: ports.min(left.min(usize::from(u16::MAX)) as u16),
    }
}

/// OUT-04: ports per member by the size of the pool.
fn ports_for(network: &Network, members: usize) -> u16 {
    let limits = Data::current().limits(network.semantics().era.text());
    let ports = limits.and_then(|limits| limits.snat_preallocation.ports(members as u64));
    ports.and_then(|ports| u16::try_from(ports).ok()).unwrap_or_default()
}
