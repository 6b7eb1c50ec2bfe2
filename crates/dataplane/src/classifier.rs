//! Which rule of an NSG comes first for a packet (NSG-03).
//!
//! Owns the rules of one NSG in one direction, in the order of their priority, and what makes finding the first match
//! cheap. `compile` builds it, the NSG stage asks it. Must never decide what a match means.
//!
//! A few rules are asked one by one. For more, every address and port is a member of one class of those that all
//! rules treat alike, and each class has a vector with a bit for each rule that it matches: the first bit that the
//! vectors of source, destination and ports have in common is the rule. Costs per packet: two range lookups for the
//! addresses, one or two for the ports, and the words of the vectors up to the one with the answer.

use std::{net::IpAddr, sync::Arc};

use rustc_hash::FxHashMap;
use vnetsim_types::{AddrSet, FlowKey, IpProtocol};

use crate::{Addresses, Rule, lpm::Ranges, ports::PortTable};

/// So many rules are asked one by one: the default ones, and one more.
const SCAN_MAX: usize = 4;

/// The rules of an NSG in one direction, the default ones last.
#[derive(Clone, Debug, Default)]
pub struct RuleList {
    rules: Vec<Rule>,
    classifier: Option<Arc<Classifier>>,
}

/// Lists with equal rules share what classifies them: one NSG applies to many subnets.
#[derive(Debug, Default)]
pub struct Classifiers {
    known: FxHashMap<Vec<Matches>, Arc<Classifier>>,
}

/// All that decides what a rule matches.
type Matches = (Option<IpProtocol>, [Addresses; 2], [Vec<(u16, u16)>; 2]);

impl RuleList {
    /// `rules` in order; the last one matches everything. `sets` are those that they name.
    pub fn new(rules: Vec<Rule>, sets: &[AddrSet], classifiers: &mut Classifiers) -> Self {
        if rules.len() <= SCAN_MAX {
            return Self { rules, classifier: None };
        }
        let matches = |rule: &Rule| {
            let ports = [rule.source_ports.clone(), rule.destination_ports.clone()];
            (rule.protocol, [rule.source, rule.destination], ports)
        };
        let key: Vec<Matches> = rules.iter().map(matches).collect();
        let classifier =
            classifiers.known.entry(key).or_insert_with(|| Arc::new(Classifier::build(&rules, sets)));
        Self { classifier: Some(classifier.clone()), rules }
    }

    /// The rules in order.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    /// The first rule that matches, if any does.
    #[inline]
    pub fn first(&self, sets: &[AddrSet], key: &FlowKey) -> Option<&Rule> {
        match &self.classifier {
            Some(classifier) => self.rules.get(classifier.first(key)?),
            None => self.scan(sets, key),
        }
    }

    /// In order, the rules that match the addresses and the protocol of `key`, whatever its ports.
    pub(crate) fn of_addresses<'a>(
        &'a self,
        sets: &'a [AddrSet],
        key: &'a FlowKey,
    ) -> impl Iterator<Item = &'a Rule> {
        let (some, all) = match &self.classifier {
            Some(classifier) => (Some(classifier.of_addresses(key)), None),
            None => (None, Some(0..self.rules.len())),
        };
        let known = some.is_some();
        let rules = some.into_iter().flatten().chain(all.into_iter().flatten()).map(|ix| &self.rules[ix]);
        rules.filter(move |rule| {
            let held = || rule.source.may_hold(sets, key.src) && rule.destination.may_hold(sets, key.dst);
            protocol_matches(rule, key.protocol) && (known || held())
        })
    }

    /// What [`RuleList::first`] says, asking one rule after the other.
    pub fn scan(&self, sets: &[AddrSet], key: &FlowKey) -> Option<&Rule> {
        self.rules.iter().find(|rule| rule.matches(sets, key))
    }

    /// Bytes of the rules and what classifies them.
    pub fn memory_bytes(&self) -> usize {
        size_of_val(&*self.rules) + self.classifier.as_ref().map_or(0, |c| c.memory_bytes())
    }
}

impl Rule {
    /// True when nothing speaks against this rule for a packet with `key`.
    pub fn matches(&self, sets: &[AddrSet], key: &FlowKey) -> bool {
        protocol_matches(self, key.protocol)
            && ports_match(self, key)
            && self.source.may_hold(sets, key.src)
            && self.destination.may_hold(sets, key.dst)
    }
}

fn protocol_matches(rule: &Rule, protocol: IpProtocol) -> bool {
    rule.protocol.is_none_or(|p| p == protocol || (p.is_icmp() && protocol.is_icmp()))
}

/// U-14: protocols without ports match only rules that leave the ports open.
fn ports_match(rule: &Rule, key: &FlowKey) -> bool {
    if !key.protocol.has_ports() {
        return rule.source_ports.is_empty() && rule.destination_ports.is_empty();
    }
    within(&rule.source_ports, key.src_port) && within(&rule.destination_ports, key.dst_port)
}

/// Empty for any.
fn within(ranges: &[(u16, u16)], port: u16) -> bool {
    ranges.is_empty() || ranges.iter().any(|(from, to)| (*from..=*to).contains(&port))
}

/// Vectors by class, and the classes of everything.
#[derive(Debug)]
struct Classifier {
    /// 64-bit words of a vector.
    words: usize,
    /// All vectors, one after the other.
    vectors: Vec<u64>,
    source: Sides,
    destination: Sides,
    /// Vectors of destination ports, for TCP and UDP; rules of other protocols have no bit there.
    ports: [PortTable; 2],
    /// Of source ports, when any rule asks for them.
    source_ports: Option<PortTable>,
    /// Vector of each other protocol.
    others: FxHashMap<u8, u32>,
    /// Of all protocols that no rule names.
    unnamed: u32,
}

/// Addresses of one side of packets.
#[derive(Debug)]
struct Sides {
    table: Ranges,
}

impl Classifier {
    fn build(rules: &[Rule], sets: &[AddrSet]) -> Self {
        let mut vectors = Vectors::new(rules.len());
        let source = Sides::build(rules, sets, |rule| rule.source, &mut vectors);
        let destination = Sides::build(rules, sets, |rule| rule.destination, &mut vectors);
        let ports = [IpProtocol::TCP, IpProtocol::UDP].map(|protocol| {
            let of = |rule: &Rule| protocol_matches(rule, protocol).then(|| rule.destination_ports.clone());
            ports(rules, of, &mut vectors)
        });
        let asks = rules.iter().any(|rule| !rule.source_ports.is_empty());
        let source_ports = asks.then(|| ports_of_sources(rules, &mut vectors));
        let open = |rule: &Rule| rule.source_ports.is_empty() && rule.destination_ports.is_empty();
        let mut other = |protocol: u8| {
            let is = |rule: &Rule| open(rule) && protocol_matches(rule, IpProtocol(protocol));
            vectors.number(&Bits::of(rules, is))
        };
        let named = rules.iter().filter_map(|rule| rule.protocol).map(|p| p.0);
        let icmp = [IpProtocol::ICMP.0, IpProtocol::ICMPV6.0];
        let others = named.chain(icmp).map(|protocol| (protocol, other(protocol))).collect();
        let unnamed = vectors.number(&Bits::of(rules, |rule| open(rule) && rule.protocol.is_none()));
        let Vectors { words, all, .. } = vectors;
        Self { words, vectors: all, source, destination, ports, source_ports, others, unnamed }
    }

    /// Position of the first rule that matches.
    #[inline]
    fn first(&self, key: &FlowKey) -> Option<usize> {
        let ports = match key.protocol {
            IpProtocol::TCP => self.ports[0].lookup(key.dst_port),
            IpProtocol::UDP => self.ports[1].lookup(key.dst_port),
            IpProtocol(other) => self.others.get(&other).copied().unwrap_or(self.unnamed),
        };
        let (source, destination) = (self.source.of(key.src), self.destination.of(key.dst));
        let [source, destination, ports] = [source, destination, ports].map(|number| self.vector(number));
        let common = source.iter().zip(destination).zip(ports).map(|((a, b), c)| a & b & c);
        match &self.source_ports {
            Some(table) if key.protocol.has_ports() => {
                let sources = self.vector(table.lookup(key.src_port));
                first_bit(common.zip(sources).map(|(word, sources)| word & sources))
            }
            _ => first_bit(common),
        }
    }

    /// Positions of the rules that match the addresses.
    fn of_addresses(&self, key: &FlowKey) -> impl Iterator<Item = usize> {
        let source = self.vector(self.source.of(key.src)).iter();
        let words = source.zip(self.vector(self.destination.of(key.dst))).map(|(a, b)| a & b);
        words.enumerate().flat_map(|(at, word)| {
            let mut rest = word;
            std::iter::from_fn(move || {
                let bit = (rest != 0).then(|| rest.trailing_zeros() as usize)?;
                rest &= rest - 1;
                Some(at * 64 + bit)
            })
        })
    }

    #[inline(always)]
    fn vector(&self, number: u32) -> &[u64] {
        let from = number as usize * self.words;
        &self.vectors[from..from + self.words]
    }

    fn memory_bytes(&self) -> usize {
        let ports = self.ports.iter().chain(&self.source_ports).map(PortTable::memory_bytes);
        let addresses = [&self.source.table, &self.destination.table].map(Ranges::memory_bytes);
        let tables: usize = ports.chain(addresses).sum();
        size_of::<Self>() + size_of_val(&*self.vectors) + tables
    }
}

#[inline(always)]
fn first_bit(words: impl Iterator<Item = u64>) -> Option<usize> {
    for (ix, word) in words.enumerate() {
        if word != 0 {
            return Some(ix * 64 + word.trailing_zeros() as usize);
        }
    }
    None
}

impl Sides {
    fn build(
        rules: &[Rule],
        sets: &[AddrSet],
        side: impl Fn(&Rule) -> Addresses,
        vectors: &mut Vectors,
    ) -> Self {
        let mut v4 = Sweep::new(rules.len(), u32::MAX.into());
        let mut v6 = Sweep::new(rules.len(), u128::MAX);
        for (ix, rule) in rules.iter().enumerate() {
            match side(rule) {
                Addresses::Any | Addresses::Unknown => {
                    v4.always.set(ix);
                    v6.always.set(ix);
                }
                Addresses::Set(set) => {
                    let set = &sets[set as usize];
                    v4.add(ix, set.ranges_v4().iter().map(|(a, b)| (u128::from(*a), u128::from(*b))));
                    v6.add(ix, set.ranges_v6().iter().copied());
                }
                Addresses::Ipv4Set(set) => {
                    let set = &sets[set as usize];
                    v4.add(ix, set.ranges_v4().iter().map(|(a, b)| (u128::from(*a), u128::from(*b))));
                    v6.always.set(ix);
                }
            }
        }
        Self { table: Ranges::build(v4.classes(vectors), v6.classes(vectors)) }
    }

    #[inline(always)]
    fn of(&self, ip: IpAddr) -> u32 {
        match ip {
            IpAddr::V4(ip) => self.table.lookup_v4(ip.to_bits()),
            IpAddr::V6(ip) => self.table.lookup_v6(ip.to_bits()),
        }
    }
}

/// Vectors by port, of the rules that `of` says the ranges of; empty ranges are any port.
fn ports(rules: &[Rule], of: impl Fn(&Rule) -> Option<Vec<(u16, u16)>>, vectors: &mut Vectors) -> PortTable {
    let mut sweep = Sweep::new(rules.len(), u16::MAX.into());
    for (ix, rule) in rules.iter().enumerate() {
        match of(rule) {
            None => {}
            Some(ranges) if ranges.is_empty() => sweep.always.set(ix),
            Some(ranges) => sweep.add(ix, ranges.iter().map(|(a, b)| (u128::from(*a), u128::from(*b)))),
        }
    }
    PortTable::build(&sweep.classes(vectors))
}

fn ports_of_sources(rules: &[Rule], vectors: &mut Vectors) -> PortTable {
    ports(rules, |rule| Some(rule.source_ports.clone()), vectors)
}

/// A bit for each rule.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
struct Bits(Vec<u64>);

impl Bits {
    fn none(rules: usize) -> Self {
        Self(vec![0; rules.div_ceil(64)])
    }

    fn of(rules: &[Rule], is: impl Fn(&Rule) -> bool) -> Self {
        let mut bits = Self::none(rules.len());
        rules.iter().enumerate().filter(|(_, rule)| is(rule)).for_each(|(ix, _)| bits.set(ix));
        bits
    }

    fn set(&mut self, ix: usize) {
        self.0[ix / 64] |= 1 << (ix % 64);
    }
}

/// Vectors, each once.
struct Vectors {
    words: usize,
    all: Vec<u64>,
    known: FxHashMap<Bits, u32>,
}

impl Vectors {
    fn new(rules: usize) -> Self {
        Self { words: rules.div_ceil(64), all: Vec::new(), known: FxHashMap::default() }
    }

    fn number(&mut self, bits: &Bits) -> u32 {
        if let Some(number) = self.known.get(bits) {
            return *number;
        }
        let number = (self.all.len() / self.words) as u32;
        self.all.extend_from_slice(&bits.0);
        self.known.insert(bits.clone(), number);
        number
    }
}

/// Walks over all values of a field, from one edge of a range to the next.
struct Sweep {
    /// The greatest value.
    end: u128,
    always: Bits,
    /// First value where a rule begins, or no longer continues, to match.
    edges: Vec<(u128, usize)>,
}

impl Sweep {
    fn new(rules: usize, end: u128) -> Self {
        Self { end, always: Bits::none(rules), edges: Vec::new() }
    }

    /// The ranges of rule `ix`, which do not overlap once joined.
    fn add(&mut self, ix: usize, ranges: impl Iterator<Item = (u128, u128)>) {
        let mut ranges: Vec<(u128, u128)> = ranges.collect();
        ranges.sort_unstable();
        let mut joined: Vec<(u128, u128)> = Vec::new();
        for (from, to) in ranges {
            match joined.last_mut() {
                Some(last) if last.1.checked_add(1).is_none_or(|next| from <= next) => {
                    last.1 = last.1.max(to)
                }
                _ => joined.push((from, to)),
            }
        }
        for (from, to) in joined {
            self.edges.push((from, ix));
            self.edges.extend((to < self.end).then(|| (to + 1, ix)));
        }
    }

    /// Where each class begins, and its vector; the first one begins at 0.
    fn classes(mut self, vectors: &mut Vectors) -> Vec<(u128, u32)> {
        self.edges.sort_unstable();
        let mut bits = self.always;
        let mut classes = vec![(0, 0)];
        let mut edges = self.edges.into_iter().peekable();
        let mut at = 0;
        loop {
            while let Some((_, ix)) = edges.next_if(|(edge, _)| *edge == at) {
                bits.0[ix / 64] ^= 1 << (ix % 64);
            }
            let number = vectors.number(&bits);
            match classes.last_mut() {
                Some(last) if last.0 == at => last.1 = number,
                Some(last) if last.1 == number => {}
                _ => classes.push((at, number)),
            }
            match edges.peek() {
                Some((edge, _)) => at = *edge,
                None => return classes,
            }
        }
    }
}
