//! Single questions: the routes of a subnet, the choice among them, the NSG verdict at a NIC.

use std::{collections::BTreeSet, fmt::Write, net::IpAddr};

use vnetsim_compile::{Compiled, RouteState};
use vnetsim_dataplane::{Context, Meter, Origin, Packet, Switches, Tables};
use vnetsim_model::Network;
use vnetsim_oracle::{choose_route, effective_routes, nsg_verdict};
use vnetsim_packet::{Endpoints, TcpFlags, icmp_echo, raw, tcp, udp};
use vnetsim_types::{
    Direction, DropReason, FlowKey, IpNet, IpProtocol, NicId, Observer, PacketId, PacketTag, Part, SimTime,
    Step, SubnetId, TrafficId,
};

use crate::{
    RandomNetwork,
    words::{from_real, real_kind},
};

/// RT-01 to RT-14: the listed rows of `subnet`, as sets of prefix, source, state, type and address.
pub fn compare_routes(network: &Network, compiled: &Compiled, subnet: SubnetId) -> Result<(), String> {
    let real: BTreeSet<_> = compiled
        .effective_routes(subnet)
        .map(|(_, row)| {
            let active = matches!(row.state, RouteState::Active | RouteState::Unused(_));
            (row.prefix, from_real(row.source), active, real_kind(row.next_hop_type), row.next_hop_ip)
        })
        .collect();
    let oracle: BTreeSet<_> = effective_routes(network, subnet)
        .into_iter()
        .map(|row| (row.prefix, row.source, row.active, row.next_hop_type, row.next_hop_ip))
        .collect();
    if real == oracle {
        return Ok(());
    }
    let mut text = format!("routes of {} differ\n", network.subnet_path(subnet));
    for row in real.union(&oracle) {
        let who = match (real.contains(row), oracle.contains(row)) {
            (true, true) => "both",
            (true, false) => "compile",
            _ => "oracle",
        };
        let state = if row.2 { "Active" } else { "Invalid" };
        let _ = writeln!(text, "{who:<8} {} {:?} {state} {:?} {:?}", row.0, row.1, row.3, row.4);
    }
    Err(text)
}

/// RT-11, RT-12: the route that a packet to `dst` takes out of `subnet`.
pub fn compare_choice(
    network: &Network,
    compiled: &Compiled,
    subnet: SubnetId,
    dst: IpAddr,
) -> Result<(), String> {
    let real = compiled.tables.route(subnet, dst).map(|(ix, _)| {
        let row = compiled.route(ix);
        (row.prefix, from_real(row.source), real_kind(row.next_hop_type), row.next_hop_ip)
    });
    let oracle = choose_route(network, subnet, dst)
        .map(|row| (row.prefix, row.source, row.next_hop_type, row.next_hop_ip));
    if real == oracle {
        return Ok(());
    }
    let path = network.subnet_path(subnet);
    Err(format!("{dst} from {path}: compile takes {real:?}, the oracle {oracle:?}"))
}

/// First and last address of every prefix in the table of `subnet`, and the addresses just beside it.
pub fn boundary_addresses(compiled: &Compiled, subnet: SubnetId) -> BTreeSet<IpAddr> {
    let mut all = BTreeSet::new();
    for (_, row) in compiled.all_routes(subnet) {
        match row.prefix {
            IpNet::V4(net) => {
                let (first, last) = (u32::from(net.network()), u32::from(net.broadcast()));
                let near = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                all.extend(near.map(|ip| IpAddr::V4(ip.into())));
            }
            IpNet::V6(net) => {
                let (first, last) = (u128::from(net.network()), u128::from(net.broadcast()));
                let near = [first.wrapping_sub(1), first, last, last.wrapping_add(1)];
                all.extend(near.map(|ip| IpAddr::V6(ip.into())));
            }
        }
    }
    all
}

/// Part 4: verdict and deciding rule for a packet with `key` at `nic`, no flow record helping.
pub fn compare_nsg(
    network: &Network,
    compiled: &Compiled,
    nic: NicId,
    direction: Direction,
    key: &FlowKey,
) -> Result<(), String> {
    let Some(real) = real_verdict(network, compiled, nic, direction, key) else { return Ok(()) };
    let oracle = nsg_verdict(network, nic, direction, key);
    let oracle = Verdict { allowed: oracle.allowed, deciding: oracle.deciding, unknown: oracle.unknown };
    if real == oracle {
        return Ok(());
    }
    let name = &network[nic].name.value;
    Err(format!("{key} {direction:?} at {name}: the switch says {real:?}, the oracle {oracle:?}"))
}

#[derive(Clone, PartialEq, Eq, Debug)]
struct Verdict {
    allowed: bool,
    deciding: Option<(String, String)>,
    unknown: bool,
}

/// Collects the steps of one packet.
#[derive(Default)]
struct Steps(Vec<Step>);

impl Observer for Steps {
    fn packet(&mut self, _: PacketId, _: PacketTag) {}
    fn step(&mut self, _: PacketId, _: SimTime, step: Step) {
        self.0.push(step);
    }
}

/// What a fresh switch does with a packet. Spoof checks are off, so that only NSGs speak; `None` for packets
/// that the switch drops before it asks them (FAB-05 to FAB-10).
fn real_verdict(
    network: &Network,
    compiled: &Compiled,
    nic: NicId,
    direction: Direction,
    key: &FlowKey,
) -> Option<Verdict> {
    let mut tables: Tables = (*compiled.tables).clone();
    tables.nics[nic.ix()].ip_forwarding = true;
    let tag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };
    let mut packet = Packet::new(PacketId(0), tag, true, frame(key)?).ok()?;
    let (mut switch, mut steps, mut meter) = (Switches::default(), Steps::default(), Meter::default());
    let mut cx = Context { now: SimTime::ZERO, tables: &tables, observer: &mut steps, meter: &mut meter };
    let reason = match direction {
        Direction::Inbound => switch.ingress(&mut cx, Origin::Internet, nic, &mut packet).err(),
        Direction::Outbound => switch.egress(&mut cx, nic, &mut packet).err(),
    };
    let asked = |step: &Step| matches!(step, Step::Nsg { .. } | Step::NoNsg { .. });
    if !steps.0.iter().any(asked) {
        return None;
    }
    let decided = steps.0.iter().rev().find_map(|step| match step {
        Step::Nsg { acl, rule, allowed, .. } => {
            let nsg = network[compiled.acl(*acl).nsg].name.value.clone();
            Some(((nsg, compiled.rule(*rule).name.clone()), *allowed))
        }
        _ => None,
    });
    let allowed = decided.as_ref().is_none_or(|(_, allowed)| *allowed);
    // A later stage may end an allowed packet as INSUFFICIENT_INPUT for reasons of its own.
    let unknown = !allowed && reason == Some(DropReason::InsufficientInput);
    Some(Verdict { allowed, deciding: decided.map(|(names, _)| names), unknown })
}

fn frame(key: &FlowKey) -> Option<Vec<u8>> {
    let (src, dst) = (key.src, key.dst);
    let ends = Endpoints { src_mac: [2; 6], dst_mac: [4; 6], src, dst, ttl: 64, dont_fragment: true };
    match key.protocol {
        IpProtocol::TCP => tcp(&ends, key.src_port, key.dst_port, TcpFlags::SYN, 1, 0, 0).ok(),
        IpProtocol::UDP => udp(&ends, key.src_port, key.dst_port, 0).ok(),
        IpProtocol::ICMP | IpProtocol::ICMPV6 => icmp_echo(&ends, true, key.src_port, 1, 0).ok(),
        other => raw(&ends, other, 0).ok(),
    }
}

/// Addresses that mean something in the network: owned ones, edges of blocks and sites.
pub fn known_addresses(random: &RandomNetwork) -> Vec<IpAddr> {
    let network = &random.network;
    let mut all: Vec<IpAddr> =
        network.nics().iter().flat_map(|nic| &nic.ip_configurations).map(|c| c.address).collect();
    let blocks = network.vnets().iter().flat_map(|vnet| &vnet.address_space);
    let sites = network.sites().iter().flat_map(|site| &site.prefixes);
    all.extend(blocks.chain(sites).flat_map(|p| [p.value.network(), p.value.broadcast()]));
    all.extend(
        ["8.8.8.8", "20.60.1.1", "168.63.129.16", "10.250.0.1", "2606:4700::1"]
            .map(|text| text.parse::<IpAddr>().expect("an address written in the source")),
    );
    all
}
