//! Who a packet is for, and what it leads to: exchanges are answered here, everything that lasts is handed on.
//!
//! Guests answer by the conversation that a packet belongs to; sites, services and the internet stand for hosts that have
//! every address and answer everything. Called when a packet has passed every check on its way. Must never decide what the
//! fabric decides.

use vnetsim_dataplane::{FABRIC_MAC, Leg, LegEnd, Origin};
use vnetsim_model::{Application, GatewayType};
use vnetsim_packet::{L4, Mac};
use vnetsim_types::{
    DropReason, FlowKey, IpProtocol, NicId, Observer, PacketTag, Part, Place, ProtoPort, Step, TrafficId,
    VmId,
};

use crate::{
    event::{Flight, Node},
    frames,
    guest::leaving_nic,
    hosts::HostKey,
    shard::Shard,
    tally::PROBES,
};

/// What the simulation knows of the conversation that a packet belongs to.
#[derive(Clone, Copy, Debug)]
struct Exchange {
    /// How its packets are made.
    style: frames::Style,
    /// Who opened it.
    opener: Place,
    /// What its answer must look like.
    answer: FlowKey,
}

impl<const WATCHED: bool> Shard<'_, WATCHED> {
    pub(crate) fn start_exchange(&mut self, id: TrafficId, conversation: u32) {
        let traffic = &self.setting.traffic[id.ix()];
        let mac = self.mac_of(traffic.from.place);
        match frames::request(traffic, conversation, mac) {
            Ok(frame) => {
                let tag = PacketTag { traffic: id, conversation, part: Part::Request };
                self.send(traffic.from.place, tag, frame);
            }
            Err(_) => debug_assert!(false, "the scenario checks sizes and families"),
        }
    }

    pub(crate) fn mac_of(&self, place: Place) -> Mac {
        match place {
            Place::Nic(nic) => self.tables.nics[nic.ix()].mac,
            _ => FABRIC_MAC,
        }
    }

    fn exchange(&self, tag: PacketTag) -> Exchange {
        let traffic = &self.setting.traffic[tag.traffic.ix()];
        Exchange {
            style: frames::Style::of(traffic),
            opener: traffic.from.place,
            answer: frames::expected_answer(traffic, tag.conversation),
        }
    }

    /// The packet is for the machine `vm` itself.
    pub(crate) fn at_host(&mut self, vm: VmId, nic: NicId, flight: Box<Flight>) {
        let tag = flight.packet.tag;
        if tag.traffic == PROBES {
            return self.at_probed(vm, nic, flight);
        }
        match self.setting.traffic[tag.traffic.ix()].application {
            Application::Exchange => self.exchange_at_host(vm, nic, flight),
            Application::Requests { .. } | Application::Bulk { .. } => {
                self.at_stack(HostKey::Vm(vm), Place::Nic(nic), flight);
            }
            Application::Stream { .. } | Application::Traceroute { .. } | Application::Replay => {
                self.at_receiver(Place::Nic(nic), None, flight);
            }
        }
    }

    /// True when nothing listens on the port that the packet asks for.
    pub(crate) fn is_closed(&self, vm: VmId, flight: &Flight) -> bool {
        let port = match flight.packet.headers.l4 {
            L4::Tcp { dst_port, .. } => ProtoPort { protocol: IpProtocol::TCP, port: dst_port },
            L4::Udp { dst_port, .. } => ProtoPort { protocol: IpProtocol::UDP, port: dst_port },
            _ => return false,
        };
        self.network()[vm].guest.listen.as_ref().is_some_and(|open| !open.contains(&port))
    }

    /// A packet of an exchange, for the machine itself.
    fn exchange_at_host(&mut self, vm: VmId, nic: NicId, flight: Box<Flight>) {
        let (tag, headers) = (flight.packet.tag, flight.packet.headers);
        let exchange = self.exchange(tag);
        if tag.part == Part::Request && self.is_closed(vm, &flight) {
            return self.lost(flight, Place::Nic(nic), DropReason::GuestPortClosed);
        }
        let machine = &self.network()[vm];
        let opener = machine.nics.iter().find(|nic| exchange.opener == Place::Nic(**nic)).copied();
        // A machine that asked nothing, or asked somebody else, does not take it for an answer (RT-15).
        if tag.part == Part::Reply && (opener.is_none() || headers.flow_key() != exchange.answer) {
            return self.lost(flight, Place::Nic(nic), DropReason::AnswerMismatch);
        }
        // The one who opened goes on by the NIC that it opened with; who answers asks its own routes.
        let out = opener.filter(|_| tag.part == Part::Reply);
        let out = out.unwrap_or_else(|| leaving_nic(self.network(), machine, headers.src));
        self.arrived(Place::Nic(nic), &flight);
        let mac = self.tables.nics[out.ix()].mac;
        match frames::answer(&headers, tag.part, exchange.style, mac) {
            Some((part, frame)) => {
                self.send(Place::Nic(out), PacketTag { part, ..tag }, frame);
                self.delivered(flight, Place::Nic(out));
            }
            None => self.delivered(flight, Place::Nic(nic)),
        }
    }

    /// Tells the observer that the packet is where it was meant to go.
    pub(crate) fn arrived(&mut self, to: Place, flight: &Flight) {
        if WATCHED && flight.packet.traced {
            let (key, ttl) = (flight.packet.headers.flow_key(), flight.packet.headers.ttl);
            self.journal.step(flight.packet.id, self.now, Step::Delivered { to, key, ttl });
        }
    }

    /// The packet is for `place`, which is no guest. A gateway answers pings (FE-17), a private endpoint does not.
    pub(crate) fn at_far_end(&mut self, place: Place, flight: Box<Flight>) {
        if flight.packet.tag.traffic == PROBES {
            return self.lost(flight, place, DropReason::NoSuchDestination);
        }
        let headers = &flight.packet.headers;
        let (part, icmp) = (flight.packet.tag.part, headers.protocol.is_icmp());
        let deaf = match place {
            // IKE and BGP listen there; what else does is not known.
            Place::Gateway(gateway) if !icmp || self.network()[gateway].kind == GatewayType::ExpressRoute => {
                Some(DropReason::InsufficientInput)
            }
            // FE-10: an endpoint serves TCP and UDP.
            Place::PrivateEndpoint(_) if !headers.protocol.has_ports() && part == Part::Request => {
                Some(DropReason::GuestPortClosed)
            }
            _ => None,
        };
        if let Some(reason) = deaf {
            return self.lost(flight, place, reason);
        }
        match self.setting.traffic[flight.packet.tag.traffic.ix()].application {
            Application::Exchange => self.exchange_at_far_end(place, None, flight),
            Application::Requests { .. } | Application::Bulk { .. } => {
                let key = HostKey::Far(place, flight.packet.headers.dst);
                self.at_stack(key, place, flight);
            }
            Application::Stream { .. } | Application::Traceroute { .. } | Application::Replay => {
                self.at_receiver(place, None, flight);
            }
        }
    }

    fn exchange_at_far_end(&mut self, place: Place, asked_by: Option<NicId>, flight: Box<Flight>) {
        let (tag, headers) = (flight.packet.tag, flight.packet.headers);
        let exchange = self.exchange(tag);
        let mismatch = exchange.opener != place || headers.flow_key() != exchange.answer;
        if tag.part == Part::Reply && mismatch {
            return self.lost(flight, place, DropReason::AnswerMismatch);
        }
        self.arrived(place, &flight);
        if let Some((part, frame)) = frames::answer(&headers, tag.part, exchange.style, self.mac_of(place)) {
            let tag = PacketTag { part, ..tag };
            match asked_by {
                Some(nic) => self.platform_sends(nic, tag, frame),
                None => self.send(place, tag, frame),
            }
        }
        self.delivered(flight, place);
    }

    /// A packet reaches the host of `nic`, or a service behind a service endpoint (RT-07).
    pub(crate) fn at_platform(&mut self, nic: NicId, flight: Box<Flight>) {
        let tag = flight.packet.tag;
        if tag.traffic == PROBES {
            return self.probe_answered(flight);
        }
        match self.setting.traffic[tag.traffic.ix()].application {
            Application::Exchange => self.exchange_at_far_end(Place::Platform, Some(nic), flight),
            Application::Requests { .. } | Application::Bulk { .. } => {
                let key = HostKey::Platform(nic, flight.packet.headers.dst);
                self.at_stack(key, Place::Platform, flight);
            }
            _ => self.at_receiver(Place::Platform, Some(nic), flight),
        }
    }

    /// A platform service sends a frame to the NIC that asked.
    pub(crate) fn platform_sends(&mut self, nic: NicId, tag: PacketTag, frame: Vec<u8>) {
        let node = Node::Vnet(self.tables.nics[nic.ix()].vnet.0);
        if let Some(flight) = self.made_at(Place::Platform, node, tag, frame) {
            self.travel(node, None, Leg { origin: Origin::Platform, end: LegEnd::Nic(nic) }, flight);
        }
    }
}
