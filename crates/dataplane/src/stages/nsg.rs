//! Stages 4, 5 and 10: flow records and network security groups.
//!
//! A packet of a known connection passes; otherwise the NSGs of NIC and subnet decide in the order
//! of the direction (NSG-09), and a packet that passes opens a record. Which rule comes
//! first, `classifier.rs` finds.

use vnetsim_types::{
    AclIx, Direction, DropReason, FlowKey, IpProtocol, NicId, NsgLevel, Observer, Place, PrivateEndpointId,
    RuleIx, SimTime, Step,
};

use crate::flow::AnyEnd;
use crate::{
    Acl, Context, Entered, FlowTable, NicTable, Origin, Packet, Rule, RuleList, Tables, ports::PortSet,
};

/// NSG-13 first, then NSG-09. The answer is the translation that this packet, an answer, must undo.
pub(crate) fn check<O: Observer>(
    cx: &mut Context<'_, O>,
    flows: &mut FlowTable,
    nic: NicId,
    direction: Direction,
    packet: &Packet,
) -> Result<Option<Entered>, DropReason> {
    let tables = cx.tables;
    let port = &tables.nics[nic.ix()];
    let idle_max = tables.vnets[port.vnet.ix()].flow_timeout;
    let key = packet.headers.flow_key();
    let end = AnyEnd::new(nic.0, direction, &key);
    flows.settle(cx.now, end, |opened| {
        let key = if opened == direction { key } else { key.reversed() };
        let asked = as_filtered(port, opened, key);
        let groups = || port.nic_acl.iter().chain(&port.subnet_acl);
        groups().all(|acl| decide(tables, &tables.acls[acl.ix()], opened, &asked).allowed)
    });
    if let Some(hit) = flows.hit_end(cx.now, idle_max, end, direction, &packet.headers.l4) {
        cx.report(packet, Step::FlowHit { nic, direction, record: hit.state });
        return Ok(hit.entered);
    }
    let asked = as_filtered(port, direction, key);
    for level in order(direction) {
        let acl = match level {
            NsgLevel::Subnet => port.subnet_acl,
            NsgLevel::Nic => port.nic_acl,
        };
        one(cx, Place::Nic(nic), acl, direction, level, asked, packet)?;
    }
    let idle_max = |nic| nic_idle_max(tables, nic);
    flows
        .open_end(cx.now, idle_max, end, direction, &packet.headers.l4, packet.entered)
        .map_err(|_| DropReason::FlowTableFull)?;
    Ok(None)
}

/// Destination ports that all NSGs between two NICs let pass, from the source to the destination address of `key` and by
/// its protocol. `None` when rules ask for source ports, so that nothing can be said about destination ports alone.
pub(crate) fn open_ports(tables: &Tables, from: NicId, to: NicId, key: &FlowKey) -> Option<PortSet> {
    let mut open = PortSet::all();
    for (nic, direction) in [(from, Direction::Outbound), (to, Direction::Inbound)] {
        let port = &tables.nics[nic.ix()];
        let asked = as_filtered(port, direction, *key);
        for acl in port.nic_acl.iter().chain(&port.subnet_acl) {
            let acl = &tables.acls[acl.ix()];
            let rules = if direction == Direction::Inbound { &acl.inbound } else { &acl.outbound };
            open = open.and(&open_ports_of(rules, tables, &asked)?);
        }
    }
    Some(open)
}

/// NSG-03 for all ports at once: the first rule that matches decides what no rule before it did.
fn open_ports_of(rules: &RuleList, tables: &Tables, key: &FlowKey) -> Option<PortSet> {
    let (mut undecided, mut open) = (PortSet::all(), PortSet::none());
    for rule in rules.of_addresses(&tables.sets, key) {
        if !rule.source_ports.is_empty() {
            return None;
        }
        let mut decided = PortSet::none();
        let into = if rule.allow && known(rule, key) { &mut open } else { &mut decided };
        match &rule.destination_ports[..] {
            [] => undecided.give((0, u16::MAX), into),
            ranges => ranges.iter().for_each(|range| undecided.give(*range, into)),
        }
        if undecided.is_empty() {
            break;
        }
    }
    Some(open)
}

/// How long a record of a NIC lives without packets (NSG-32).
pub(crate) fn nic_idle_max(tables: &Tables, nic: u32) -> SimTime {
    tables.vnets[tables.nics[nic as usize].vnet.ix()].flow_timeout
}

/// LB-15: a Standard balancer lets nothing in from outside unless an NSG allows it; without any it is closed.
pub(crate) fn closed_to_the_outside<O: Observer>(
    cx: &mut Context<'_, O>,
    origin: Origin,
    nic: NicId,
    packet: &Packet,
) -> Result<(), DropReason> {
    let port = &cx.tables.nics[nic.ix()];
    let by_frontend = packet.entered.is_some_and(|e| !e.edge) || port.floating.contains(&packet.headers.dst);
    let filtered = port.subnet_acl.is_some() || port.nic_acl.is_some();
    if origin != Origin::Internet || !by_frontend || !port.behind_standard_lb || filtered {
        return Ok(());
    }
    let (at, direction) = (Place::Nic(nic), Direction::Inbound);
    for level in order(direction) {
        cx.report(packet, Step::NoNsg { at, direction, level });
    }
    Err(DropReason::NsgDeny)
}

/// U-15: with floating IP the rules are asked about the NIC's own address.
fn as_filtered(port: &NicTable, direction: Direction, key: FlowKey) -> FlowKey {
    let own = |ip| if port.floating.contains(&ip) { port.address_like(ip).unwrap_or(ip) } else { ip };
    match direction {
        Direction::Inbound => FlowKey { dst: own(key.dst), ..key },
        Direction::Outbound => FlowKey { src: own(key.src), ..key },
    }
}

/// NSG-25: the group of a private endpoint's subnet, where the subnet lets it apply; once per connection (NSG-13).
pub(crate) fn check_endpoint<O: Observer>(
    cx: &mut Context<'_, O>,
    flows: &mut FlowTable,
    id: PrivateEndpointId,
    packet: &Packet,
) -> Result<(), DropReason> {
    let tables = cx.tables;
    let endpoint = &tables.endpoints[id.ix()];
    let idle_max = |id: u32| tables.vnets[tables.endpoints[id as usize].vnet.ix()].flow_timeout;
    let (direction, level) = (Direction::Inbound, NsgLevel::Subnet);
    let (key, l4) = (packet.headers.flow_key(), &packet.headers.l4);
    flows.settle(cx.now, AnyEnd::new(id.0, direction, &key), |_| {
        endpoint.acl.is_none_or(|acl| decide(tables, &tables.acls[acl.ix()], direction, &key).allowed)
    });
    if flows.hit(cx.now, idle_max(id.0), id.0, direction, &key, l4).is_some() {
        return Ok(());
    }
    one(cx, Place::PrivateEndpoint(id), endpoint.acl, direction, level, key, packet)?;
    let opened = flows.open(cx.now, idle_max, id.0, direction, &key, l4, None);
    opened.map_err(|_| DropReason::FlowTableFull)
}

/// NSG-22: what goes to the host's own services meets only Deny rules that name such a service, and an Allow rule
/// before them ends the search as always (NSG-03).
pub(crate) fn check_platform<O: Observer>(
    cx: &mut Context<'_, O>,
    flows: &mut FlowTable,
    nic: NicId,
    packet: &Packet,
) -> Result<(), DropReason> {
    let tables = cx.tables;
    let port = &tables.nics[nic.ix()];
    let key = packet.headers.flow_key();
    for (level, acl) in [(NsgLevel::Nic, port.nic_acl), (NsgLevel::Subnet, port.subnet_acl)] {
        let Some(acl) = acl else { continue };
        let counts = |rule: &&Rule| {
            (rule.allow || rule.platform) && known(rule, &key) && rule.matches(&tables.sets, &key)
        };
        let first = tables.acls[acl.ix()].outbound.rules().iter().find(counts);
        if let Some(rule) = first.filter(|rule| !rule.allow) {
            let (at, direction) = (Place::Nic(nic), Direction::Outbound);
            cx.report(packet, Step::Nsg { at, direction, level, acl, rule: rule.ix, allowed: false });
            return Err(DropReason::NsgDeny);
        }
    }
    let (idle_max, out, l4) = (|nic| nic_idle_max(tables, nic), Direction::Outbound, &packet.headers.l4);
    if flows.hit(cx.now, idle_max(nic.0), nic.0, out, &key, l4).is_some() {
        return Ok(());
    }
    let opened = flows.open(cx.now, idle_max, nic.0, out, &key, l4, None);
    opened.map_err(|_| DropReason::FlowTableFull)
}

/// What one NSG of a NIC says about a packet.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct NsgAnswer {
    /// Where it is attached.
    pub level: NsgLevel,
    /// The NSG as the NIC's subnet sees it.
    pub acl: AclIx,
    /// The first rule that matches.
    pub rule: RuleIx,
    /// Its verdict; false too when nobody can tell.
    pub allowed: bool,
    /// False when the rule names a tag that nobody described (NSG-18).
    pub known: bool,
}

/// What the NSG stage decides about the first packet of a connection, without a packet and without records: the NSGs of `nic`
/// in the order in which they are asked, up to the one that stops it. None for a NIC without any (NSG-11).
pub fn ask_nsgs(tables: &Tables, nic: NicId, direction: Direction, key: &FlowKey) -> Vec<NsgAnswer> {
    let port = &tables.nics[nic.ix()];
    let asked = as_filtered(port, direction, *key);
    let mut answers = Vec::new();
    for level in order(direction) {
        let acl = match level {
            NsgLevel::Subnet => port.subnet_acl,
            NsgLevel::Nic => port.nic_acl,
        };
        let Some(acl) = acl else { continue };
        let Verdict { rule, allowed, known } = decide(tables, &tables.acls[acl.ix()], direction, &asked);
        answers.push(NsgAnswer { level, acl, rule, allowed, known });
        if !allowed {
            break;
        }
    }
    answers
}

/// LB-07, NSG-17: whether the inbound rules at `port` let a probe of the host reach TCP port `probed`.
pub fn probe_passes(tables: &Tables, port: &NicTable, probed: u16) -> bool {
    let Some(own) = port.addresses.iter().map(|(own, _)| *own).find(|own| own.is_ipv4()) else {
        return false;
    };
    let key = FlowKey {
        protocol: IpProtocol::TCP,
        src: super::filter::WIRE_SERVER,
        dst: own,
        src_port: PROBE_SOURCE_PORT,
        dst_port: probed,
    };
    let passes = |acl: &AclIx| decide(tables, &tables.acls[acl.ix()], Direction::Inbound, &key).allowed;
    port.subnet_acl.iter().chain(&port.nic_acl).all(passes)
}

/// Any dynamic port.
const PROBE_SOURCE_PORT: u16 = 50_000;

/// NSG-09: inbound the subnet's group first, outbound the NIC's.
fn order(direction: Direction) -> [NsgLevel; 2] {
    match direction {
        Direction::Inbound => [NsgLevel::Subnet, NsgLevel::Nic],
        Direction::Outbound => [NsgLevel::Nic, NsgLevel::Subnet],
    }
}

fn one<O: Observer>(
    cx: &mut Context<'_, O>,
    at: Place,
    acl: Option<AclIx>,
    direction: Direction,
    level: NsgLevel,
    key: FlowKey,
    packet: &Packet,
) -> Result<(), DropReason> {
    let Some(acl) = acl else {
        cx.report(packet, Step::NoNsg { at, direction, level });
        return Ok(());
    };
    let verdict = decide(cx.tables, &cx.tables.acls[acl.ix()], direction, &key);
    cx.report(packet, Step::Nsg { at, direction, level, acl, rule: verdict.rule, allowed: verdict.allowed });
    match verdict {
        Verdict { known: false, .. } => Err(DropReason::InsufficientInput),
        Verdict { allowed: false, .. } => Err(DropReason::NsgDeny),
        _ => Ok(()),
    }
}

struct Verdict {
    rule: RuleIx,
    allowed: bool,
    /// False when the first rule that may match needs a tag nobody described.
    known: bool,
}

fn decide(tables: &Tables, acl: &Acl, direction: Direction, key: &FlowKey) -> Verdict {
    let rules = match direction {
        Direction::Inbound => &acl.inbound,
        Direction::Outbound => &acl.outbound,
    };
    let rule = rules.first(&tables.sets, key).expect("the last default rule matches everything (NSG-07)");
    let known = known(rule, key);
    Verdict { rule: rule.ix, allowed: rule.allow && known, known }
}

/// NSG-18: no side of the rule is a tag that nobody described.
fn known(rule: &Rule, key: &FlowKey) -> bool {
    !rule.source.unknown_for(key.src) && !rule.destination.unknown_for(key.dst)
}
