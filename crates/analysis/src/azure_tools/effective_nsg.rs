//! Effective security rules of a NIC as Azure lists them: one group after the other, tags expanded (DIAG-03).

use vnetsim_compile::{Compiled, CompiledRule};
use vnetsim_model::{AddressSpec, Network, PortRange, SecurityRule};
use vnetsim_types::{AclIx, Direction, NicId, NsgLevel};

use super::{ids::ResourceIds, ip_flow::rule_path};

/// A group that applies to a NIC.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppliedNsg {
    /// Id of the group.
    pub nsg: String,
    /// What it is associated with.
    pub level: NsgLevel,
    /// Id of the NIC or subnet.
    pub association: String,
    /// The rules, inbound first, each direction in the order in which they are asked.
    pub rules: Vec<AppliedRule>,
}

/// A rule with everything spelled out.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AppliedRule {
    /// NSG-31.
    pub name: String,
    /// `Tcp`, `Udp`, ..., `All`.
    pub protocol: &'static str,
    /// Direction.
    pub direction: Direction,
    /// Allow or Deny.
    pub allow: bool,
    /// Priority.
    pub priority: u16,
    /// Source blocks, or the tag.
    pub source: Vec<String>,
    /// What a tag of the source stands for.
    pub expanded_source: Option<Vec<String>>,
    /// Source ports, `0-65535` for any.
    pub source_ports: Vec<String>,
    /// Destination blocks, or the tag.
    pub destination: Vec<String>,
    /// What a tag of the destination stands for.
    pub expanded_destination: Option<Vec<String>>,
    /// Destination ports.
    pub destination_ports: Vec<String>,
}

/// The groups that apply to `nic`, that of the NIC first; none without any association.
pub fn applied_nsgs(network: &Network, compiled: &Compiled, nic: NicId) -> Vec<AppliedNsg> {
    let (ids, home) = (ResourceIds::new(network), &network[nic]);
    let port = &compiled.tables.nics[nic.ix()];
    let of_nic = port.nic_acl.map(|acl| (acl, NsgLevel::Nic, ids.nic(nic)));
    let of_subnet = port.subnet_acl.map(|acl| (acl, NsgLevel::Subnet, ids.subnet(home.subnet)));
    let one = |(acl, level, association)| {
        let rules = [Direction::Inbound, Direction::Outbound].into_iter().flat_map(|direction| {
            let all = compiled.rules_of(acl, direction).iter();
            all.map(move |rule| applied(network, compiled, acl, direction, rule))
        });
        let nsg = ids.nsg(home.vnet, compiled.acl(acl).nsg);
        AppliedNsg { nsg, level, association, rules: rules.collect() }
    };
    of_nic.into_iter().chain(of_subnet).map(one).collect()
}

fn applied(
    network: &Network,
    compiled: &Compiled,
    acl: AclIx,
    direction: Direction,
    rule: &CompiledRule,
) -> AppliedRule {
    let (about, info) = (compiled.rule(rule.ix), compiled.acl(acl));
    let custom = about.custom.map(|place| &network[info.nsg].rules[place]);
    let [source_set, destination_set] = compiled.rule_prefixes(rule);
    let side = |written: &str, spec: Option<&AddressSpec>, set: Option<Vec<_>>| {
        let texts = |set: Vec<vnetsim_types::IpNet>| set.iter().map(ToString::to_string).collect::<Vec<_>>();
        match spec {
            Some(AddressSpec::Prefixes(said)) => (texts(said.clone()), None),
            Some(AddressSpec::Asgs(_)) => (texts(set.unwrap_or_default()), None), // NSG-20: members by address
            Some(AddressSpec::Any) => (vec![ANY_ADDRESS.to_owned()], None),
            None if written == "*" => (vec![ANY_ADDRESS.to_owned()], None),
            _ => {
                let tags = &compiled.tags[info.subnet.ix()];
                let members = match written {
                    "VirtualNetwork" => Some(texts(tags.virtual_network.clone())),
                    _ => set.map(texts),
                };
                (vec![written.to_owned()], members)
            }
        }
    };
    let (source, expanded_source) = side(&about.source, custom.map(|r| &r.source), source_set);
    let (destination, expanded_destination) =
        side(&about.destination, custom.map(|r| &r.destination), destination_set);
    AppliedRule {
        name: rule_path(compiled, rule.ix),
        protocol: custom.map_or("All", protocol),
        direction,
        allow: rule.allow,
        priority: about.priority,
        source,
        expanded_source,
        source_ports: custom.map_or_else(|| ports(&[PortRange::ANY]), |r| ports(&r.source_ports)),
        destination,
        expanded_destination,
        destination_ports: custom.map_or_else(|| ports(&[PortRange::ANY]), |r| ports(&r.destination_ports)),
    }
}

/// DIAG-03: how "any address" prints.
const ANY_ADDRESS: &str = "0.0.0.0/0";

fn protocol(rule: &SecurityRule) -> &'static str {
    match rule.protocol.text() {
        "*" => "All",
        named => named,
    }
}

/// DIAG-03: always a range, `443-443` for one port.
fn ports(ranges: &[PortRange]) -> Vec<String> {
    ranges.iter().map(|r| format!("{}-{}", r.from, r.to)).collect()
}
