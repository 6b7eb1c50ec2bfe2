//! Hub and spokes: what the simulation is measured with. Spokes reach each other through a router in the hub.

use std::fmt::Write;

use vnetsim_model::{Application, Endpoint, Network, Traffic};
use vnetsim_types::{IpProtocol, Place, ProtoPort, SimTime};

use crate::networks::network;

/// A hub 10.0.0.0/16 with a router, and `spokes` networks of a /22 each with `vms` machines, which are called
/// `vm<spoke>-<number>`. Beyond 500 spokes, which is what Azure lets one hub have, there are several hubs in several
/// regions, whose routers serve 500 spokes each. Machines have TCP windows of 64 kB.
pub fn star(spokes: usize, vms: usize) -> Network {
    network(&text(spokes, vms))
}

/// Links that one network can have (PEER-24).
const SPOKES_PER_HUB: usize = 500;
/// A subscription has 1,000 networks in a region at most (ADDR-11).
const REGIONS: [&str; 4] = ["westeurope", "northeurope", "eastus", "koreacentral"];

fn text(spokes: usize, vms: usize) -> String {
    let mut text = String::from("vnetsim: 1\nnetwork:\n  virtualNetworks:\n");
    let hubs = spokes.div_ceil(SPOKES_PER_HUB);
    for hub in 0..hubs {
        let own = (hub * SPOKES_PER_HUB..spokes).take(SPOKES_PER_HUB);
        let links: Vec<String> = own
            .map(|spoke| {
                format!("{{name: to{spoke}, remoteVirtualNetwork: s{spoke}, allowForwardedTraffic: true}}")
            })
            .collect();
        let _ = writeln!(
            text,
            "    - {{name: hub{hub}, location: {}, addressSpace: {{addressPrefixes: [172.16.{hub}.0/24]}},\n       \
             subnets: [{{name: s, addressPrefix: 172.16.{hub}.0/24}}],\n       virtualNetworkPeerings: [{}]}}",
            REGIONS[hub % REGIONS.len()],
            links.join(", ")
        );
    }
    for spoke in 0..spokes {
        let (hub, block) = (spoke / SPOKES_PER_HUB, block(spoke));
        let _ = writeln!(
            text,
            "    - {{name: s{spoke}, location: {}, addressSpace: {{addressPrefixes: [{block}]}},\n       \
             subnets: [{{name: s, addressPrefix: {block}, routeTable: rt{hub}}}],\n       \
             virtualNetworkPeerings: [{{name: up, remoteVirtualNetwork: hub{hub}, allowForwardedTraffic: true}}]}}",
            REGIONS[hub % REGIONS.len()]
        );
    }
    text.push_str("  routeTables:\n");
    for hub in 0..hubs {
        let _ = writeln!(
            text,
            "    - {{name: rt{hub}, routes: [{{name: all, addressPrefix: 10.0.0.0/8, nextHopType: VirtualAppliance, \
             nextHopIpAddress: 172.16.{hub}.4}}]}}"
        );
    }
    text.push_str("  virtualMachines:\n");
    for hub in 0..hubs {
        let _ = writeln!(
            text,
            "    - {{name: nva{hub}, subnet: hub{hub}/s, privateIPAddress: 172.16.{hub}.4, enableIPForwarding: true, \
             guest: {{role: router}}}}"
        );
    }
    for spoke in 0..spokes {
        for vm in 0..vms {
            let _ = writeln!(
                text,
                "    - {{name: vm{spoke}-{vm}, subnet: s{spoke}/s, guest: {{tcpWindow: 64kB}}}}"
            );
        }
    }
    text
}

fn block(spoke: usize) -> String {
    let ip = std::net::Ipv4Addr::from(0x0a00_0000 + ((spoke as u32) << 10));
    format!("{ip}/22")
}

/// From machine `vm` of each spoke to that of the next spoke of the same hub.
fn ring(network: &Network, spokes: usize, vm: usize) -> Vec<Traffic> {
    let one = |spoke: usize| {
        let hub = spoke / SPOKES_PER_HUB * SPOKES_PER_HUB;
        let count = (spokes - hub).min(SPOKES_PER_HUB);
        let next = hub + (spoke - hub + 1) % count;
        let end = |spoke: usize| machine(network, spoke, vm);
        let protocol = ProtoPort { protocol: IpProtocol::TCP, port: 5_201 };
        Traffic::probe(&format!("t{spoke}"), end(spoke), end(next), protocol)
    };
    (0..spokes).map(one).collect()
}

/// Machines were written spoke by spoke after the routers, so that none has to be looked for.
fn machine(network: &Network, spoke: usize, vm: usize) -> Endpoint {
    let hubs = network.vnets().iter().take_while(|vnet| vnet.name.value.starts_with("hub")).count();
    let spokes = network.vnets().len() - hubs;
    let each = (network.vms().len() - hubs) / spokes;
    let nic = network.vms()[hubs + spoke * each + vm].nics[0];
    Endpoint { place: Place::Nic(nic), address: network[nic].ip_configurations[0].address }
}

/// A stream of datagrams of `ip_bytes` from every spoke to the next, `packets` in all, 800,000 a second of virtual time.
pub fn streams(network: &Network, spokes: usize, ip_bytes: u16, packets: u64) -> Vec<Traffic> {
    streams_every(network, spokes, ip_bytes, packets, SimTime(1_250 * spokes as u64))
}

/// The same with one datagram every `interval` from each spoke.
pub fn streams_every(
    network: &Network,
    spokes: usize,
    ip_bytes: u16,
    packets: u64,
    interval: SimTime,
) -> Vec<Traffic> {
    let each = packets / spokes as u64;
    let mut all = ring(network, spokes, 0);
    for (ix, traffic) in all.iter_mut().enumerate() {
        traffic.protocol.protocol = IpProtocol::UDP;
        traffic.application = Application::Stream { lasts: SimTime(interval.0 * each), interval };
        traffic.payload_bytes = ip_bytes - 28;
        traffic.one_way = true;
        traffic.start = SimTime(interval.0 * ix as u64 / spokes as u64);
    }
    all
}

/// From every machine a TCP connection to the one of the same number in the next spoke: `requests` of 300 bytes, answered
/// with 10 kB each. They begin 10 us after each other.
pub fn requests(network: &Network, (spokes, vms): (usize, usize), requests: u32) -> Vec<Traffic> {
    let mut all = Vec::new();
    for vm in 0..vms {
        for (spoke, base) in ring(network, spokes, vm).into_iter().enumerate() {
            let ix = vm * spokes + spoke;
            all.push(Traffic {
                name: format!("r{ix}").into(),
                application: Application::Requests { requests, request_bytes: 300, response_bytes: 10_000 },
                start: SimTime(ix as u64 * 10_000),
                ..base
            });
        }
    }
    all
}

/// A TCP upload of `bytes` from every spoke to the next.
pub fn uploads(network: &Network, spokes: usize, bytes: u64) -> Vec<Traffic> {
    let mut all = ring(network, spokes, 0);
    for (ix, traffic) in all.iter_mut().enumerate() {
        traffic.application = Application::Requests { requests: 1, request_bytes: bytes, response_bytes: 0 };
        traffic.start = SimTime(ix as u64 * 7_001);
    }
    all
}
