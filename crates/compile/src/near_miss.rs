//! Rules asked about a packet that is not sent: which decide, which nearly let it pass, what they missed it by; which tags
//! nobody can judge it by. For explanations and for what Azure's tools answer. The verdict is the data plane's own.

use vnetsim_dataplane::{Addresses, NsgAnswer, Rule, ask_nsgs};
use vnetsim_types::{AclIx, Direction, FlowKey, IpNet, NicId, RuleIx};

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
    /// What the NSGs of `nic` say about the first packet of a connection, in order, up to the one that stops it (NSG-09).
    pub fn ask_nsgs(&self, nic: NicId, direction: Direction, key: &FlowKey) -> Vec<NsgAnswer> {
        ask_nsgs(&self.tables, nic, direction, key)
    }

    /// The rules that stand before `decided` and do not match `key`, each with the fields that differ.
    pub fn rules_before(
        &self,
        acl: AclIx,
        direction: Direction,
        key: &FlowKey,
        decided: RuleIx,
    ) -> Vec<(RuleIx, Vec<RuleField>)> {
        let before = self.rules_of(acl, direction).iter().take_while(|rule| rule.ix != decided);
        before.map(|rule| (rule.ix, self.missed_fields(rule, key))).collect()
    }

    /// The addresses of both sides of a rule, source first: what tags and groups stand for at its subnet. `None` for any
    /// address, and for a tag that nobody described.
    pub fn rule_prefixes(&self, rule: &Rule) -> [Option<Vec<IpNet>>; 2] {
        [rule.source, rule.destination].map(|side| match side {
            Addresses::Any | Addresses::Unknown => None,
            Addresses::Set(set) | Addresses::Ipv4Set(set) => Some(self.tables.sets[set as usize].prefixes()),
        })
    }

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

    /// The rules of an NSG in one direction, in the order in which they are asked.
    pub fn rules_of(&self, acl: AclIx, direction: Direction) -> &[Rule] {
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
