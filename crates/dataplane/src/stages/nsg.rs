//! Stages 4, 5 and 10: flow records and network security groups.
//!
//! A packet of a known connection passes; otherwise the NSGs of NIC and subnet decide in the order
//! of the direction (NSG-09), and a packet that passes opens a record. Rules are scanned in
//! priority order.

use vnetsim_types::{Direction, DropReason, FlowKey, NicId, NsgLevel, Observer, RuleIx, Step};

use crate::{Acl, Addresses, Context, FlowTable, NicTable, Packet, Rule, Tables};

/// NSG-13 first, then NSG-09.
pub(crate) fn check<O: Observer>(
    cx: &mut Context<'_, O>,
    flows: &mut FlowTable,
    nic: NicId,
    direction: Direction,
    packet: &Packet,
) -> Result<(), DropReason> {
    let port = &cx.tables.nics[nic.ix()];
    let idle_max = cx.tables.vnets[port.vnet.ix()].flow_timeout;
    let key = packet.headers.flow_key();
    if let Some(record) = flows.hit(cx.now, idle_max, nic, direction, key, &packet.headers.l4) {
        cx.report(packet, Step::FlowHit { nic, direction, record });
        return Ok(());
    }
    for level in order(direction) {
        one(cx, port, nic, direction, level, key, packet)?;
    }
    flows
        .open(cx.now, idle_max, nic, direction, key, &packet.headers.l4)
        .map_err(|_| DropReason::FlowTableFull)
}

/// NSG-09: inbound the subnet's group first, outbound the NIC's.
fn order(direction: Direction) -> [NsgLevel; 2] {
    match direction {
        Direction::Inbound => [NsgLevel::Subnet, NsgLevel::Nic],
        Direction::Outbound => [NsgLevel::Nic, NsgLevel::Subnet],
    }
}

fn one<O: Observer>(
    cx: &mut Context<'_, O>,
    port: &NicTable,
    nic: NicId,
    direction: Direction,
    level: NsgLevel,
    key: FlowKey,
    packet: &Packet,
) -> Result<(), DropReason> {
    let acl = match level {
        NsgLevel::Subnet => port.subnet_acl,
        NsgLevel::Nic => port.nic_acl,
    };
    let Some(acl) = acl else {
        cx.report(packet, Step::NoNsg { nic, direction, level });
        return Ok(());
    };
    let verdict = decide(cx.tables, &cx.tables.acls[acl.ix()], direction, &key);
    cx.report(packet, Step::Nsg { nic, direction, level, acl, rule: verdict.rule, allowed: verdict.allowed });
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
    let matches = |rule: &&Rule| fields_match(tables, rule, key);
    let rule = rules.iter().find(matches).expect("the last default rule matches everything (NSG-07)");
    let known = rule.source != Addresses::Unknown && rule.destination != Addresses::Unknown;
    Verdict { rule: rule.ix, allowed: rule.allow && known, known }
}

fn fields_match(tables: &Tables, rule: &Rule, key: &FlowKey) -> bool {
    let protocol = rule.protocol.is_none_or(|p| p == key.protocol || (p.is_icmp() && key.protocol.is_icmp()));
    protocol
        && ports_match(rule, key)
        && side(tables, rule.source, key.src)
        && side(tables, rule.destination, key.dst)
}

/// U-14: protocols without ports match only rules that leave the ports open.
fn ports_match(rule: &Rule, key: &FlowKey) -> bool {
    let within =
        |ranges: &[(u16, u16)], port: u16| ranges.iter().any(|(from, to)| (*from..=*to).contains(&port));
    if !key.protocol.has_ports() {
        return rule.source_ports.is_empty() && rule.destination_ports.is_empty();
    }
    (rule.source_ports.is_empty() || within(&rule.source_ports, key.src_port))
        && (rule.destination_ports.is_empty() || within(&rule.destination_ports, key.dst_port))
}

fn side(tables: &Tables, addresses: Addresses, ip: std::net::IpAddr) -> bool {
    match addresses {
        Addresses::Any | Addresses::Unknown => true,
        Addresses::Set(set) => tables.sets[set as usize].contains(ip),
    }
}
