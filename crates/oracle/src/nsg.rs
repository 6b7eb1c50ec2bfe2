//! The verdict of the network security groups of one NIC (Part 4).

use std::net::IpAddr;

use vnetsim_model::{Access, AddressSpec, Network, Nsg, PortRange, RuleProtocol, SecurityRule};
use vnetsim_types::{AsgId, Direction, FlowKey, IpProtocol, NicId, NsgId, Span, SubnetId};

use crate::{
    answer::NsgVerdict,
    endpoint::is_member,
    routes::table,
    tags::{KEY_MANAGEMENT, is_platform_tag, tag_holds},
    topology::within,
};

/// What one attached NSG said.
#[derive(Clone, Debug)]
pub(crate) struct Decision {
    /// The NSG.
    pub(crate) nsg: String,
    /// The rule that matched.
    pub(crate) rule: String,
    /// It allows.
    pub(crate) allowed: bool,
    /// Whether it matches cannot be known.
    pub(crate) unknown: bool,
}

/// The verdict of both NSGs on a packet with `key` at `nic`, no flow record helping.
pub fn nsg_verdict(network: &Network, nic: NicId, direction: Direction, key: &FlowKey) -> NsgVerdict {
    let decisions = decisions(network, nic, direction, key);
    let Some(last) = decisions.last() else {
        return NsgVerdict { allowed: true, deciding: None, unknown: false }; // NSG-11
    };
    let deciding = Some((last.nsg.clone(), last.rule.clone()));
    NsgVerdict { allowed: last.allowed, deciding, unknown: last.unknown }
}

/// The decisions in order, up to and with the first that does not allow (NSG-09).
pub(crate) fn decisions(network: &Network, nic: NicId, direction: Direction, key: &FlowKey) -> Vec<Decision> {
    let of_nic = network[nic].nsg.as_ref().map(|id| id.value);
    let of_subnet = network[network[nic].subnet].nsg.as_ref().map(|id| id.value);
    let order: [Option<NsgId>; 2] = match direction {
        Direction::Inbound => [of_subnet, of_nic],
        Direction::Outbound => [of_nic, of_subnet],
    };
    let mut decisions = Vec::new();
    for nsg in order.into_iter().flatten() {
        let decision = decide(network, network[nic].subnet, &network[nsg], direction, key);
        let go_on = decision.allowed;
        decisions.push(decision);
        if !go_on {
            break;
        }
    }
    decisions
}

/// NSG-03: the first rule that matches, by priority; the default rules come last. Tags and groups mean what they
/// mean at `subnet`.
pub(crate) fn decide(
    network: &Network,
    subnet: SubnetId,
    nsg: &Nsg,
    direction: Direction,
    key: &FlowKey,
) -> Decision {
    let mut rules: Vec<SecurityRule> = nsg.rules.clone();
    rules.extend(default_rules());
    rules.retain(|rule| rule.direction == direction);
    rules.sort_by_key(|rule| rule.priority);
    for rule in &rules {
        let matches = rule_matches(network, subnet, rule, key);
        if matches == Some(false) {
            continue;
        }
        let unknown = matches.is_none();
        let allowed = !unknown && rule.access == Access::Allow;
        return Decision { nsg: nsg.name.value.clone(), rule: rule.name.value.clone(), allowed, unknown };
    }
    unreachable!("DenyAllInBound and DenyAllOutBound match every packet")
}

/// NSG-22: the rule of `nic` that stops an outbound packet for the platform. Deny rules count only when they name a
/// platform service; an Allow rule that matches first ends the search as always (NSG-03).
pub(crate) fn platform_denial(network: &Network, nic: NicId, key: &FlowKey) -> Option<(String, String)> {
    let subnet = network[nic].subnet;
    let attached = [network[nic].nsg.as_ref(), network[subnet].nsg.as_ref()];
    for nsg in attached.into_iter().flatten().map(|id| &network[id.value]) {
        let mut rules: Vec<&SecurityRule> = nsg.rules.iter().collect();
        rules.retain(|rule| rule.direction == Direction::Outbound);
        rules.retain(|rule| rule.access == Access::Allow || names_platform(rule));
        rules.sort_by_key(|rule| rule.priority);
        let first = rules.into_iter().find(|rule| rule_matches(network, subnet, rule, key) == Some(true));
        if let Some(rule) = first.filter(|rule| rule.access == Access::Deny) {
            return Some((nsg.name.value.clone(), rule.name.value.clone()));
        }
    }
    None
}

fn names_platform(rule: &SecurityRule) -> bool {
    matches!(&rule.destination, AddressSpec::Tag(tag) if is_platform_tag(tag))
}

/// `None` when every field that can be decided matches and one cannot be decided.
fn rule_matches(network: &Network, subnet: SubnetId, rule: &SecurityRule, key: &FlowKey) -> Option<bool> {
    let fields = [
        Some(protocol_matches(rule.protocol, key.protocol)),
        Some(ports_match(rule, key)),
        address_matches(network, subnet, &rule.source, key.src),
        address_matches(network, subnet, &rule.destination, key.dst),
    ];
    if fields.contains(&Some(false)) {
        return Some(false);
    }
    if fields.contains(&None) { None } else { Some(true) }
}

/// NSG-02, NSG-05: `*` is every protocol; Icmp is either ICMP.
fn protocol_matches(rule: RuleProtocol, protocol: IpProtocol) -> bool {
    match rule {
        RuleProtocol::Any => true,
        RuleProtocol::Tcp => protocol == IpProtocol::TCP,
        RuleProtocol::Udp => protocol == IpProtocol::UDP,
        RuleProtocol::Icmp => protocol == IpProtocol::ICMP || protocol == IpProtocol::ICMPV6,
        RuleProtocol::Esp => protocol == IpProtocol::ESP,
        RuleProtocol::Ah => protocol == IpProtocol::AH,
    }
}

/// U-14: for a protocol without ports both lists must cover every port.
fn ports_match(rule: &SecurityRule, key: &FlowKey) -> bool {
    if key.protocol.has_ports() {
        return has_port(&rule.source_ports, key.src_port) && has_port(&rule.destination_ports, key.dst_port);
    }
    (0..=u16::MAX).all(|port| has_port(&rule.source_ports, port) && has_port(&rule.destination_ports, port))
}

fn has_port(ranges: &[PortRange], port: u16) -> bool {
    ranges.iter().any(|range| range.from <= port && port <= range.to)
}

/// One side of a rule, with the meaning tags and groups have at `subnet`; `None` when it cannot be known.
fn address_matches(network: &Network, subnet: SubnetId, spec: &AddressSpec, ip: IpAddr) -> Option<bool> {
    match spec {
        AddressSpec::Any => Some(true),
        AddressSpec::Prefixes(prefixes) => Some(prefixes.iter().any(|prefix| prefix.contains(&ip))),
        AddressSpec::Tag(tag) => tag_holds(network, subnet, tag, ip),
        AddressSpec::Asgs(groups) => Some(asg_holds(network, subnet, groups, ip)),
    }
}

/// NSG-22: packets to key management, TCP 1688, pass like those to the platform, unless a user route replaces
/// 0.0.0.0/0.
pub(crate) fn is_exempt(network: &Network, subnet: SubnetId, key: &FlowKey) -> bool {
    let keys = network.service_tag(KEY_MANAGEMENT).unwrap_or_default();
    let routes = table(network, subnet).map_or(&[][..], |table| &table.routes);
    let mut prefixes = routes.iter().flat_map(|route| &route.prefixes);
    let default_replaced = prefixes.any(|prefix| prefix.prefix_len() == 0 && prefix.addr().is_ipv4());
    key.protocol == IpProtocol::TCP && key.dst_port == 1688 && within(key.dst, keys) && !default_replaced
}

/// NSG-20, NSG-21: an address of a member, an ipConfiguration or a private endpoint, in the subnet's own network.
fn asg_holds(network: &Network, subnet: SubnetId, groups: &[AsgId], ip: IpAddr) -> bool {
    let same_network = network.nics().iter().filter(|nic| nic.vnet == network[subnet].vnet);
    let mut configs = same_network.flat_map(|nic| &nic.ip_configurations);
    configs.any(|config| config.address == ip && config.asgs.iter().any(|asg| groups.contains(asg)))
        || is_member(network, subnet, groups, ip)
}

/// NSG-07.
fn default_rules() -> [SecurityRule; 6] {
    let any = || AddressSpec::Any;
    let tag = |name: &str| AddressSpec::Tag(name.to_owned());
    let vnet = || tag("VirtualNetwork");
    let (inbound, outbound) = (Direction::Inbound, Direction::Outbound);
    let (allow, deny) = (Access::Allow, Access::Deny);
    [
        default_rule(inbound, "AllowVnetInBound", 65000, vnet(), vnet(), allow),
        default_rule(inbound, "AllowAzureLoadBalancerInBound", 65001, tag("AzureLoadBalancer"), any(), allow),
        default_rule(inbound, "DenyAllInBound", 65500, any(), any(), deny),
        default_rule(outbound, "AllowVnetOutBound", 65000, vnet(), vnet(), allow),
        default_rule(outbound, "AllowInternetOutBound", 65001, any(), tag("Internet"), allow),
        default_rule(outbound, "DenyAllOutBound", 65500, any(), any(), deny),
    ]
}

fn default_rule(
    direction: Direction,
    name: &str,
    priority: u16,
    source: AddressSpec,
    destination: AddressSpec,
    access: Access,
) -> SecurityRule {
    SecurityRule {
        name: name.to_owned().into(),
        priority,
        direction,
        access,
        protocol: RuleProtocol::Any,
        source,
        source_ports: vec![PortRange::ANY],
        destination,
        destination_ports: vec![PortRange::ANY],
        span: Span::default(),
    }
}
