//! Which Allow rules nearly let a packet pass, and what they missed it by. For explanations only.

use vnetsim_dataplane::{Addresses, Rule};
use vnetsim_types::{AclIx, Direction, FlowKey, RuleIx};

use crate::Compiled;

/// A field of a security rule.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum RuleField {
    /// `protocol`.
    Protocol,
    /// The source addresses.
    Source,
    /// The source ports.
    SourcePorts,
    /// The destination addresses.
    Destination,
    /// The destination ports.
    DestinationPorts,
}

impl Compiled {
    /// Custom Allow rules of that direction which miss `key` by exactly one field, by priority.
    pub fn near_misses(&self, acl: AclIx, direction: Direction, key: &FlowKey) -> Vec<(RuleIx, RuleField)> {
        let acl = &self.tables.acls[acl.ix()];
        let rules = if direction == Direction::Inbound { &acl.inbound } else { &acl.outbound };
        let custom = rules.iter().filter(|rule| rule.allow && self.rule(rule.ix).custom.is_some());
        let missed = custom.map(|rule| (rule.ix, self.missed_fields(rule, key)));
        missed
            .filter_map(|(ix, fields)| if let [one] = fields.as_slice() { Some((ix, *one)) } else { None })
            .collect()
    }

    fn missed_fields(&self, rule: &Rule, key: &FlowKey) -> Vec<RuleField> {
        let has = |addresses, ip| match addresses {
            Addresses::Any | Addresses::Unknown => true,
            Addresses::Set(set) => self.tables.sets[set as usize].contains(ip),
        };
        let within = |ranges: &[(u16, u16)], port: u16| {
            ranges.is_empty()
                || (key.protocol.has_ports() && ranges.iter().any(|(a, b)| (*a..=*b).contains(&port)))
        };
        let protocol =
            rule.protocol.is_none_or(|p| p == key.protocol || (p.is_icmp() && key.protocol.is_icmp()));
        let fields = [
            (RuleField::Protocol, protocol),
            (RuleField::Source, has(rule.source, key.src)),
            (RuleField::SourcePorts, within(&rule.source_ports, key.src_port)),
            (RuleField::Destination, has(rule.destination, key.dst)),
            (RuleField::DestinationPorts, within(&rule.destination_ports, key.dst_port)),
        ];
        fields.into_iter().filter(|(_, matches)| !matches).map(|(field, _)| field).collect()
    }
}
