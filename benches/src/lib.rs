//! What the benches share: scenarios, loaded, and one packet of a flow between two of their VMs.

use std::path::Path;

use vnetsim_dataplane::{Context, FABRIC_MAC, LegEnd, Meter, Packet, Switch, Tables};
use vnetsim_packet::{Endpoints, TcpFlags, tcp};
use vnetsim_scenario::{Scenario, load};
use vnetsim_types::{FileId, NicId, NoObserver, PacketId, PacketTag, Part, SimTime, TrafficId};

/// A scenario of the project, by its path under `scenarios/`. Panics when it does not load.
pub fn scenario(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name);
    let bytes = std::fs::read(&path).expect("a scenario of this project");
    load(&bytes, FileId(0)).scenario.expect("a scenario without errors")
}

/// A 64-byte-class TCP frame from one NIC's primary address to another's.
pub fn packet(tables: &Tables, from: NicId, to: NicId, source_port: u16) -> Packet {
    let (src, dst) = (&tables.nics[from.ix()], &tables.nics[to.ix()]);
    let ends = Endpoints {
        src_mac: src.mac,
        dst_mac: FABRIC_MAC,
        src: src.addresses[0].0,
        dst: dst.addresses[0].0,
        ttl: 64,
        dont_fragment: true,
    };
    let frame = tcp(&ends, source_port, 443, TcpFlags::SYN, 1, 0, 0).expect("a small frame");
    let tag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };
    Packet::new(PacketId(0), tag, false, frame).expect("a frame made here parses")
}

/// One leg: the packet leaves `from` and arrives at the next NIC. False when it was dropped.
pub fn forward(
    tables: &Tables,
    switches: &mut [Switch],
    meter: &mut Meter,
    from: NicId,
    packet: &mut Packet,
) -> bool {
    let mut observer = NoObserver;
    let mut cx = Context { now: SimTime::ZERO, tables, observer: &mut observer, meter };
    let vnet = tables.nics[from.ix()].vnet;
    let Ok(leg) = switches[vnet.ix()].egress(&mut cx, from, packet) else { return false };
    let LegEnd::Nic(to) = leg.end else { return false };
    let vnet = tables.nics[to.ix()].vnet;
    switches[vnet.ix()].ingress(&mut cx, leg.origin, to, packet).is_ok()
}
