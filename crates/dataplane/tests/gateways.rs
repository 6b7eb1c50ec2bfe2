//! Gateways that lead packets in circles.

use vnetsim_dataplane::{
    Backends, Beyond, Context, GatewayTable, LegEnd, Lpm, Meter, NextHop, Origin, Packet, Settings,
    SubnetTable, Tables, VnetTable, at_gateway,
};
use vnetsim_packet::{Endpoints, udp};
use vnetsim_types::{
    DropReason, GatewayId, IpNet, NoObserver, PacketId, PacketTag, Part, RouteIx, SimTime, SubnetId,
    TrafficId, VnetId,
};

/// Two gateways, each of which takes the other for the way to everywhere.
fn circle(lowers_ttl: bool) -> Tables {
    let everywhere: IpNet = "0.0.0.0/0".parse().expect("a prefix");
    let subnet = |ix: u32| SubnetTable {
        vnet: VnetId(ix),
        lpm: Lpm::build([(everywhere, RouteIx(ix))]),
        nat_gateway: Vec::new(),
        default_outbound: false,
    };
    let gateway = |ix: u32| GatewayTable {
        vnet: VnetId(ix),
        subnet: SubnetId(ix),
        addresses: Vec::new(),
        running: true,
        beyond: vec![(everywhere, Beyond::Gateway(GatewayId(1 - ix)))],
        transit: Vec::new(),
    };
    Tables {
        settings: Settings { gateway_lowers_ttl: lowers_ttl, ..Settings::default() },
        vnets: vec![VnetTable::default(), VnetTable::default()],
        subnets: vec![subnet(0), subnet(1)],
        next_hops: vec![NextHop::Gateway(GatewayId(0)), NextHop::Gateway(GatewayId(1))],
        gateways: vec![gateway(0), gateway(1)],
        ..Tables::default()
    }
}

/// How often gateways forward a packet, and why no more.
fn forwarded(tables: &Tables) -> (usize, DropReason) {
    let ends = Endpoints {
        src_mac: [2; 6],
        dst_mac: [4; 6],
        src: [10, 0, 0, 4].into(),
        dst: [10, 1, 0, 4].into(),
        ttl: 64,
        dont_fragment: false,
    };
    let frame = udp(&ends, 1_000, 53, 10).expect("a frame");
    let tag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };
    let mut packet = Packet::new(PacketId(0), tag, false, frame).expect("a frame that parses");
    let (mut meter, mut memory) = (Meter::default(), Backends::default());
    let mut cx = Context { now: SimTime::ZERO, tables, observer: &mut NoObserver, meter: &mut meter };
    let mut at = GatewayId(0);
    for passed in 0..10_000 {
        match at_gateway(&mut cx, &mut memory, Origin::Tunnel, at, &mut packet) {
            Ok(Some(leg)) => match leg.end {
                LegEnd::Gateway(next) => at = next,
                other => panic!("it left the circle: {other:?}"),
            },
            Ok(None) => panic!("it arrived"),
            Err(reason) => return (passed, reason),
        }
    }
    panic!("it goes round for ever");
}

/// U-08: with either reading a packet in a circle dies.
#[test]
fn circles_end() {
    assert_eq!(forwarded(&circle(true)), (63, DropReason::TtlExpired));
    assert_eq!(forwarded(&circle(false)), (255, DropReason::RoutingLoop));
}
