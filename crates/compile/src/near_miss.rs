//! Which Allow rules nearly let a packet pass, and what they missed it by; which tags nobody can judge it by. For
//! explanations only.

use vnetsim_dataplane::Rule;
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
        let custom = self
            .rules_of(acl, direction)
            .iter()
            .filter(|rule| rule.allow && self.rule(rule.ix).custom.is_some());
        let missed = custom.map(|rule| (rule.ix, self.missed_fields(rule, key)));
        missed
            .filter_map(|(ix, fields)| if let [one] = fields.as_slice() { Some((ix, *one)) } else { None })
            .collect()
    }

    /// The tags of `rule` whose prefixes are not known for the packet, as they are written (NSG-18).
    pub fn unknown_tags(
        &self,
        acl: AclIx,
        direction: Direction,
        rule: RuleIx,
        key: &FlowKey,
    ) -> impl Iterator<Item = &str> {
        let found = self.rules_of(acl, direction).iter().find(|other| other.ix == rule);
        let about = self.rule(rule);
        let sides = found.map(|rule| {
            [(rule.source, key.src, &about.source), (rule.destination, key.dst, &about.destination)]
        });
        let unknown = sides.into_iter().flatten().filter(|(side, ip, _)| side.unknown_for(*ip));
        unknown.map(|(_, _, written)| written.as_str())
    }

    fn rules_of(&self, acl: AclIx, direction: Direction) -> &[Rule] {
        let acl = &self.tables.acls[acl.ix()];
        if direction == Direction::Inbound { acl.inbound.rules() } else { acl.outbound.rules() }
    }

    fn missed_fields(&self, rule: &Rule, key: &FlowKey) -> Vec<RuleField> {
        let sets = &self.tables.sets;
        let within = |ranges: &[(u16, u16)], port: u16| {
            ranges.is_empty()
                || (key.protocol.has_ports() && ranges.iter().any(|(a, b)| (*a..=*b).contains(&port)))
        };
        let protocol =
            rule.protocol.is_none_or(|p| p == key.protocol || (p.is_icmp() && key.protocol.is_icmp()));
        let fields = [
            (RuleField::Protocol, protocol),
            (RuleField::Source, rule.source.may_hold(sets, key.src)),
            (RuleField::SourcePorts, within(&rule.source_ports, key.src_port)),
            (RuleField::Destination, rule.destination.may_hold(sets, key.dst)),
            (RuleField::DestinationPorts, within(&rule.destination_ports, key.dst_port)),
        ];
        fields.into_iter().filter(|(_, matches)| !matches).map(|(field, _)| field).collect()
    }
}
