//! Load balancers that lose traffic: rules that leave gaps, probes that do not arrive or prove nothing, hairpins (FAIL-15, FAIL-16,
//! FAIL-35).

use vnetsim_compile::RouteState;
use vnetsim_dataplane::{Appliance, NextHop, probe_passes};
use vnetsim_model::{Access, GuestState, LbProtocol, LbRule, LbTarget, LoadBalancer, Network, Probe};
use vnetsim_scenario::Scenario;
use vnetsim_types::{Direction, FindingCode, IpProtocol, LbId, NicId, Place, ProtoPort};

use super::{Look, routes::name_of};
use crate::Finding;

/// Ports of management that answer although nothing is forwarded: SSH, Telnet, RDP, WinRM.
const MANAGEMENT_PORTS: [u16; 5] = [22, 23, 3389, 5985, 5986];

pub(super) fn find(look: &Look<'_>, scenario: &Scenario, found: &mut Vec<Finding>) {
    for (ix, lb) in look.network.load_balancers().iter().enumerate() {
        let id = LbId::new(ix);
        for (rule_ix, rule) in lb.rules.iter().enumerate() {
            probes(look, (id, lb), (rule_ix, rule), found);
            proves_nothing(look, lb, rule, found);
        }
    }
    gaps(look, found);
    hairpins(look, scenario, found);
}

/// FAIL-16: members that the probe cannot reach, and pools without anybody up.
fn probes(
    look: &Look<'_>,
    (id, lb): (LbId, &LoadBalancer),
    (ix, rule): (usize, &LbRule),
    found: &mut Vec<Finding>,
) {
    let LbTarget::Pool(_) = rule.target else { return };
    let name = &lb.name.value;
    let members = &look.compiled.tables.balancers[id.ix()].rules[ix].members;
    let (mut blocked, mut reasons, mut fixes) = (Vec::new(), Vec::new(), Vec::new());
    for (nic, ..) in members.iter().filter(|(.., healthy)| !healthy) {
        let (why, fix) = down(look, lb, rule, *nic);
        match fix {
            Some(fix) => {
                blocked.push((*nic, why));
                fixes.push(fix);
            }
            None => reasons.push(why),
        }
    }
    fixes.sort_unstable();
    fixes.dedup();
    let all_down = !members.is_empty() && members.iter().all(|(.., healthy)| !healthy);
    if let Some((first, _)) = blocked.first() {
        let names: Vec<String> = blocked.iter().map(|(nic, _)| look.machine(*nic)).collect();
        let shown = match names.as_slice() {
            [first, .., last] if names.len() > 3 => format!("{first} .. {last} ({})", names.len()),
            names => names.join(", "),
        };
        let what = format!(
            "the probe of load balancer {name} gets no answer from {shown}, of {} members",
            members.len()
        );
        let mut finding = Finding::new(FindingCode::ProbeBlocked, name, look.network[*first].name.span, what)
            .related(lb.name.span, "this balancer");
        finding.because = blocked.iter().map(|(_, why)| why.clone()).collect();
        finding.fix = fixes;
        found.push(finding);
    }
    if all_down {
        let what =
            format!("every member of the pool of load balancer {name} is down: new connections die there");
        let mut finding = Finding::new(FindingCode::IlbAllBackendsDown, name, lb.name.span, what);
        let follows = (!blocked.is_empty()).then(|| "follows from PROBE_BLOCKED".to_owned());
        finding.because = follows.into_iter().chain(reasons).collect();
        found.push(finding.fix("start a backend, and let the probe from 168.63.129.16 reach it (NSG-17)"));
    }
}

/// Why a member gets nothing, and what would change it when it is the probe's way.
fn down(look: &Look<'_>, lb: &LoadBalancer, rule: &LbRule, nic: NicId) -> (String, Option<String>) {
    let (network, machine) = (look.network, look.machine(nic));
    let Some(vm) = network[nic].vm.map(|vm| &network[vm]) else {
        return (format!("{machine} is attached to no machine"), None);
    };
    if !vm.running {
        return (format!("{machine} is stopped"), None);
    }
    if vm.guest.state == GuestState::Dead {
        return (format!("the guest of {machine} hangs"), None);
    }
    let Some(port) = rule.probe.and_then(|probe| lb.probes[probe].port) else {
        return (format!("{machine} is down"), None);
    };
    let asked = ProtoPort { protocol: IpProtocol::TCP, port };
    if vm.guest.listen.as_ref().is_some_and(|open| !open.contains(&asked)) {
        let why = format!("{machine} does not listen on the probe's port tcp/{port}");
        return (
            why,
            Some(format!("{machine}: let something listen on tcp/{port}, or probe a port that is open")),
        );
    }
    let passes = probe_passes(&look.compiled.tables, &look.compiled.tables.nics[nic.ix()], port);
    if passes {
        return (format!("{machine} is down"), None);
    }
    let why = format!("the NSGs of {machine} deny 168.63.129.16 (AzureLoadBalancer) at tcp/{port}");
    let interface = &network[nic];
    let groups = [interface.nsg.as_ref(), network[interface.subnet].nsg.as_ref()];
    let groups: Vec<&str> =
        groups.into_iter().flatten().map(|g| network[g.value].name.value.as_str()).collect();
    let denies: Vec<u16> = groups_deny(network, nic);
    let before = denies.iter().min().map_or_else(String::new, |p| format!(", with a priority below {p}"));
    let fix = format!("{}: allow AzureLoadBalancer inbound to tcp/{port}{before}", groups.join(" or "));
    (why, Some(fix))
}

/// Priorities of inbound deny rules at an interface.
fn groups_deny(network: &Network, nic: NicId) -> Vec<u16> {
    let interface = &network[nic];
    let groups = [interface.nsg.as_ref(), network[interface.subnet].nsg.as_ref()];
    let rules = groups.into_iter().flatten().flat_map(|nsg| &network[nsg.value].rules);
    let denies = rules.filter(|rule| rule.direction == Direction::Inbound && rule.access == Access::Deny);
    denies.map(|rule| rule.priority).collect()
}

/// LB-08: a probe of appliances that only their management answers.
fn proves_nothing(look: &Look<'_>, lb: &LoadBalancer, rule: &LbRule, found: &mut Vec<Finding>) {
    let Some(Probe { name, port: Some(port), .. }) = rule.probe.map(|probe| &lb.probes[probe]) else {
        return;
    };
    let LbTarget::Pool(pool) = rule.target else { return };
    let forwards = |nic: NicId| look.network[nic].enable_ip_forwarding.value;
    let appliances = lb.pools[pool].iter().any(|(nic, _)| forwards(*nic));
    if rule.protocol != LbProtocol::All || !appliances || !MANAGEMENT_PORTS.contains(port) {
        return;
    }
    let (balancer, probe) = (&lb.name.value, &name.value);
    found.push(
        Finding::new(
            FindingCode::ProbeNotDataplane,
            format!("{balancer}/{probe}"),
            name.span,
            format!("probe {probe} of {balancer} asks tcp/{port} of the appliances: their management, not their forwarding"),
        )
        .because("an appliance whose forwarding is broken keeps answering there, and keeps its share of the traffic")
        .fix("probe a port that the appliance's own data plane answers, as its vendor documents"),
    );
}

/// FAIL-15: routes lead to a frontend that has no HA ports rule.
fn gaps(look: &Look<'_>, found: &mut Vec<Finding>) {
    for subnet in look.subnets() {
        for (_, row) in look.compiled.all_routes(subnet) {
            let NextHop::Appliance(Appliance::Balancer { lb, frontend, .. }) = row.next_hop else { continue };
            if row.state != RouteState::Active {
                continue;
            }
            let balancer = &look.network[lb];
            let rules: Vec<&LbRule> =
                balancer.rules.iter().filter(|r| r.frontend == frontend as usize).collect();
            if rules.iter().any(|rule| rule.protocol == LbProtocol::All) {
                continue;
            }
            let served: Vec<String> =
                rules.iter().map(|r| format!("{} {}", r.protocol.text(), r.frontend_port)).collect();
            let served = if served.is_empty() { "nothing".to_owned() } else { served.join(", ") };
            let (name, route) = (&balancer.name.value, name_of(look, row));
            let path = look.network.subnet_path(subnet);
            found.push(
                Finding::new(
                    FindingCode::IlbNoHaPorts,
                    name,
                    balancer.name.span,
                    format!(
                        "routes send {} to load balancer {name}, whose rules carry {served} only",
                        row.prefix
                    ),
                )
                .because(format!("{route} of {path}: {}", look.words(row)))
                .related(look.explainer.origin_span(row), "leads here")
                .fix(format!(
                    "{name}: replace its rules by one HA ports rule (protocol All, frontendPort 0, backendPort 0) (LB-09)"
                )),
            );
        }
    }
}

/// FAIL-35: traffic of the scenario from a member of a pool to its own frontend.
fn hairpins(look: &Look<'_>, scenario: &Scenario, found: &mut Vec<Finding>) {
    for traffic in &scenario.traffic {
        let Place::Nic(caller) = traffic.from.place else { continue };
        for (ix, lb) in look.network.load_balancers().iter().enumerate() {
            let Some(frontend) = lb.frontends.iter().position(|f| f.address == traffic.to.address) else {
                continue;
            };
            let members = look.members(LbId::new(ix), frontend);
            if !members.contains(&caller) {
                continue;
            }
            let (name, machine, n) = (&lb.name.value, look.machine(caller), members.len());
            let what = format!(
                "{machine} is a member of the pool of {name} and calls its frontend {}",
                traffic.to.address
            );
            found.push(
                Finding::new(
                    FindingCode::IlbHairpin,
                    format!("{name}, called by {machine}"),
                    lb.name.span,
                    what,
                )
                .because(format!(
                    "1 of {n} backends is the caller: it fails for {}% of source ports (LB-12)",
                    100 / n.max(1)
                ))
                .flow(format!("traffic {}", traffic.name.value))
                .related(traffic.name.span, "this traffic")
                .fix(format!("{machine}: call a backend directly"))
                .fix("or give callers and backends different machines"),
            );
        }
    }
}
