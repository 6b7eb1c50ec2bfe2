//! Batches that repeat decisions against the stages that make them, and both against the oracle.

use std::cell::Cell;

use proptest::{collection::vec, prelude::*};
use vnetsim_dataplane::{Batch, Context, Forwarder, Leg, Meter, Tables, Verdict, worker_of};
use vnetsim_model::{Network, Traffic};
use vnetsim_oracle::{Question, conversation_deciding};
use vnetsim_packet::{TcpFlags, parse};
use vnetsim_testkit::{
    End, NOT_COMPARED, Sent, StoryHop, TrafficPlan, epochs, frame, network, network_without, operation,
    order, told_by_oracle, traffic, traffic_without,
};
use vnetsim_trace::TraceObserver;
use vnetsim_types::{DropReason, FlowKey, NicId, NoObserver, PacketTag, Part, Place, SimTime, TrafficId};

const TAG: PacketTag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };

/// A frame and the NIC that it leaves.
#[derive(Clone, Debug)]
struct OfNic {
    nic: NicId,
    frame: Vec<u8>,
}

/// Those of [`vnetsim_testkit::frames`] that leave NICs.
fn frames(network: &Network, plans: &[TrafficPlan], order: &[(u8, u8, u8)]) -> Vec<OfNic> {
    let of_nic = |sent: Sent| match sent.from {
        Place::Nic(nic) => Some(OfNic { nic, frame: sent.frame }),
        _ => None,
    };
    vnetsim_testkit::frames(network, plans, order).into_iter().filter_map(of_nic).collect()
}

/// All that forwarding shows.
#[derive(Clone, PartialEq, Debug)]
struct Shown {
    verdicts: Vec<(Verdict, Option<Leg>)>,
    bytes: Vec<Vec<u8>>,
}

/// How frames are forwarded.
#[derive(Clone, Copy, Debug)]
struct Way {
    repeats: bool,
    batch: usize,
    traced: bool,
}

/// When the tables of epoch `ix` begin to hold. Longer and longer pauses: first records that close outlive them, in the end
/// none does.
fn begins(ix: usize) -> SimTime {
    SimTime::from_secs(4 * (ix * ix * ix * ix) as u64)
}

/// Forwards `frames` through one set of tables after the other, a while apart.
fn forward(epochs: &[Tables], frames: &[OfNic], way: Way) -> (Vec<Shown>, Meter, usize) {
    let (mut forwarder, mut meter, mut batch) =
        (Forwarder::new(way.repeats), Meter::default(), Batch::default());
    let mut shown = Vec::new();
    for (ix, tables) in epochs.iter().enumerate() {
        let now = begins(ix);
        let mut this = Shown { verdicts: Vec::new(), bytes: Vec::new() };
        for chunk in frames.chunks(way.batch) {
            batch.clear();
            for sent in chunk {
                assert!(batch.push(sent.nic, &sent.frame));
            }
            if way.traced {
                let mut observer = TraceObserver::default();
                let mut cx = Context { now, tables, observer: &mut observer, meter: &mut meter };
                forwarder.forward(&mut cx, &mut batch, TAG, true);
            } else {
                let mut cx = Context { now, tables, observer: &mut NoObserver, meter: &mut meter };
                forwarder.forward(&mut cx, &mut batch, TAG, false);
            }
            for ix in 0..batch.len() {
                let mut bytes = Vec::new();
                batch.read(ix, &mut bytes);
                this.verdicts.push((batch.verdicts()[ix], batch.leg(ix)));
                this.bytes.push(bytes);
            }
        }
        shown.push(this);
    }
    (shown, meter, forwarder.flows().len())
}

/// The same with several forwarders, frame by frame; what one hands over, another receives.
fn forward_shared(epochs: &[Tables], frames: &[OfNic], workers: usize) -> (Vec<Shown>, Meter) {
    let mut all: Vec<Forwarder> = (0..workers).map(|ix| Forwarder::shared(true, ix, workers)).collect();
    let (mut meter, mut batch, mut shown) = (Meter::default(), Batch::default(), Vec::new());
    for (ix, tables) in epochs.iter().enumerate() {
        let now = begins(ix);
        let mut this = Shown { verdicts: Vec::new(), bytes: Vec::new() };
        for sent in frames {
            let owner = parse(&sent.frame).map_or(0, |headers| worker_of(&headers.flow_key(), workers));
            batch.clear();
            assert!(batch.push(sent.nic, &sent.frame));
            let mut cx = Context { now, tables, observer: &mut NoObserver, meter: &mut meter };
            all[owner].forward(&mut cx, &mut batch, TAG, false);
            let (mut verdict, mut bytes) = (batch.verdicts()[0], Vec::new());
            batch.read(0, &mut bytes);
            let leg = batch.leg(0);
            if let Some(mut handed) = batch.take_handed().next() {
                let other = worker_of(&handed.packet.headers.flow_key(), workers);
                assert_ne!(other, owner);
                verdict = all[other].receive(&mut cx, &mut handed);
                bytes.clone_from(&handed.packet.frame);
            }
            this.verdicts.push((verdict, leg));
            this.bytes.push(bytes);
        }
        shown.push(this);
    }
    (shown, meter)
}

proptest! {
    /// Repeating, batching and watching change nothing: verdicts, bytes, meters, records.
    #[test]
    fn batches_do_what_the_stages_do(
        random in network(),
        plans in vec(traffic(), 1..12),
        order in order(),
        operations in vec(operation(), 0..4),
    ) {
        let (tables, frames) = (epochs(&random, &operations), frames(&random.network, &plans, &order));
        let stages = Way { repeats: false, batch: 1, traced: false };
        let want = forward(&tables, &frames, stages);
        for (repeats, batch, traced) in
            [(true, 1, false), (true, 7, false), (true, 200, false), (false, 200, false), (true, 32, true)]
        {
            let way = Way { repeats, batch, traced };
            let got = forward(&tables, &frames, way);
            prop_assert_eq!(&got.0, &want.0, "{:?} against {:?}", way, stages);
            prop_assert!(got.1 == want.1 && got.2 == want.2, "meters or records of {way:?}");
        }
    }

    /// Connections shared out among workers fare as with one. Bandwidth limits belong to whole VMs, so there are none.
    #[test]
    fn workers_do_what_one_does(
        random in network(),
        plans in vec(traffic(), 1..12),
        order in order(),
        operations in vec(operation(), 0..3),
        workers in 2..5_usize,
    ) {
        let mut tables = epochs(&random, &operations);
        for nic in tables.iter_mut().flat_map(|tables| &mut tables.nics) {
            nic.egress_bits_per_s = None;
        }
        let frames = frames(&random.network, &plans, &order);
        let (want, meter, _) = forward(&tables, &frames, Way { repeats: true, batch: 1, traced: false });
        let (got, shared_meter) = forward_shared(&tables, &frames, workers);
        prop_assert_eq!(got, want, "{} workers", workers);
        prop_assert!(shared_meter == meter, "meters");
    }

    /// The first packet of a connection fares as the oracle says, up to the first appliance.
    #[test]
    fn first_packets_fare_as_the_oracle_says(
        random in network_without(NOT_COMPARED),
        plans in vec(traffic_without(NOT_COMPARED), 1..12),
    ) {
        let tables = epochs(&random, &[]);
        for traffic in plans.iter().filter_map(|plan| plan.traffic(&random.network)) {
            // Larger ones the guest cuts before it sends them.
            let traffic = Traffic { payload_bytes: traffic.payload_bytes.min(1_000), ..traffic };
            let Place::Nic(nic) = traffic.from.place else { continue };
            let Some(frame) = frame(&traffic, false, TcpFlags::SYN) else { continue };
            let sent = OfNic { nic, frame };
            let way = Way { repeats: true, batch: 1, traced: false };
            let (shown, ..) = forward(&tables, std::slice::from_ref(&sent), way);
            // What leaves the switches may come back by the edge or a gateway, on another leg.
            let got = shown[0].verdicts[0].0;
            if let Some(want) = oracle_says(&random.network, &traffic).filter(|_| got != Verdict::Leaves) {
                prop_assert_eq!(got, want, "{:?}", traffic);
            }
        }
    }
}

/// What the oracle says about the first leg; `None` where the guest or a later leg decides.
fn oracle_says(network: &Network, traffic: &Traffic) -> Option<Verdict> {
    // Where several would do, each side may choose its own.
    let chosen = Cell::new(false);
    let first = |_: &FlowKey, _: Question<'_>| {
        chosen.set(true);
        0
    };
    let story = told_by_oracle(&conversation_deciding(network, traffic, &first));
    if chosen.get() {
        return None;
    }
    let packet = story.packets.first()?;
    let passed = packet.hops.iter().any(|hop| matches!(hop, StoryHop::Appliance { .. }));
    match packet.end? {
        _ if passed => None,
        End::Delivered(Place::Nic(to), ..) => Some(Verdict::Delivered(to)),
        // What guests and places beyond the switches decide, and what their senders do before them.
        End::Dropped(Place::Nic(_), reason) if fabric(reason) => Some(Verdict::Dropped(reason)),
        _ => None,
    }
}

fn fabric(reason: DropReason) -> bool {
    use DropReason as R;
    matches!(
        reason,
        R::NsgDeny
            | R::ForwardedTrafficBlocked
            | R::SubnetNotPeered
            | R::PeeringAccessDisabled
            | R::IpForwardingDisabled
            | R::SourceNotOwned
            | R::RouteNone
            | R::NextHopUnreachable
            | R::NextHopNotDirectlyConnected
            | R::MulticastOrBroadcast
            | R::UnsupportedProtocol
            | R::NoHealthyBackend
    )
}
