//! What a scenario expects of its run: the types for whoever judges it.
//!
//! Names stay text with their places and are known to exist. Filled by `expect`. Must never judge a run.

use std::{fmt, net::IpAddr};

use vnetsim_model::{PeeringState, PeeringSyncLevel};
use vnetsim_types::{At, DropReason, SimTime, Span};

use crate::values::named;

/// One `expect` entry.
#[derive(Clone, Debug)]
pub struct Expectation {
    /// The whole entry.
    pub span: Span,
    /// What is expected of whom.
    pub subject: Subject,
    /// `because`: the justification to print on failure.
    pub because: Option<At<String>>,
}

/// What an expectation is about.
#[derive(Clone, Debug)]
pub enum Subject {
    /// The fate of a traffic entry.
    Traffic(Box<TrafficExpectation>),
    /// The effective routes of a subnet or NIC.
    Routes(RoutesExpectation),
    /// The next hop from a VM or NIC to an address.
    NextHop(NextHopExpectation),
    /// The state of a peering link.
    Peering(PeeringExpectation),
    /// What became of a timeline entry.
    Operation(OperationExpectation),
    /// What a peering link costs.
    Bill(BillExpectation),
}

/// A number that has to lie within bounds, both included.
#[derive(Clone, Copy, PartialEq, Debug)]
pub struct Range<T> {
    /// At least.
    pub min: Option<T>,
    /// At most.
    pub max: Option<T>,
}

impl<T: PartialOrd + Copy> Range<T> {
    pub(crate) fn exactly(number: T) -> Self {
        Self { min: Some(number), max: Some(number) }
    }

    /// Is `number` within the bounds?
    pub fn contains(&self, number: T) -> bool {
        self.min.is_none_or(|min| min <= number) && self.max.is_none_or(|max| number <= max)
    }
}

impl<T: fmt::Display + PartialEq> fmt::Display for Range<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.min, &self.max) {
            (Some(min), Some(max)) if min == max => min.fmt(f),
            (Some(min), Some(max)) => write!(f, "{min} to {max}"),
            (Some(min), None) => write!(f, "at least {min}"),
            (None, Some(max)) => write!(f, "at most {max}"),
            (None, None) => f.write_str("any number"),
        }
    }
}

/// Expected fate of a traffic entry. `None` means that nothing is expected.
#[derive(Clone, Debug, Default)]
pub struct TrafficExpectation {
    /// Name of the traffic entry or capture.
    pub traffic: At<String>,
    /// Delivered or dropped; [`Verdict::Dropped`] also when only `dropReason` was said.
    pub verdict: Option<At<Verdict>>,
    /// Why it dies.
    pub drop_reason: Option<At<DropReason>>,
    /// Whether the forward packet or the reply dies.
    pub direction: Option<At<Leg>>,
    /// The VM, NIC, gateway, site or private endpoint where it dies, `internet`, or `Azure` for the platform.
    pub at: Option<At<String>>,
    /// VMs and gateways that forward the first forward packet, in order; empty means direct.
    /// A hop that is a list is one of several, as behind a load balancer.
    pub via: Option<Vec<Vec<At<String>>>>,
    /// The same for the reply.
    pub reply_via: Option<Vec<Vec<At<String>>>>,
    /// Time to live of the first forward packet as received.
    pub ttl: Option<At<u8>>,
    /// Source address of the first forward packet as received.
    pub source: Option<At<IpAddr>>,
    /// NSG rule that denies, as `nsg/rule`.
    pub rule: Option<At<String>>,
    /// The route that decides at the first hop, or at the place of death.
    pub route: Option<RouteMatch>,
    /// Conversations that complete; of a capture, connections of which every packet arrived.
    pub delivered: Option<At<Range<u64>>>,
    /// VMs that receive the first packets: all of these, and nobody else.
    pub backend: Option<Vec<At<String>>>,
    /// Switches of `rules` of which another value changes the fate: all of these, and no other.
    pub depends_on: Option<Vec<At<String>>>,
    /// Bytes of the application that arrived, at both ends together.
    pub bytes: Option<At<Range<u64>>>,
    /// Those bytes by the time from the first start of a conversation to the last end, in Mbit/s.
    pub throughput_mbps: Option<At<Range<f64>>>,
    /// How long the longest conversation took; of single exchanges, of which only sums are kept, those of the slowest
    /// ending on average.
    pub duration: Option<At<Range<SimTime>>>,
    /// Mean round trip: of TCP handshakes, or of a traceroute's hops. Of single exchanges the mean time until nothing of
    /// them is under way: request and reply, and for TCP the ACK as well.
    pub round_trip: Option<At<Range<SimTime>>>,
    /// TCP segments that were sent again.
    pub retransmissions: Option<At<Range<u64>>>,
    /// Packets of the entry that were sent, answers included.
    pub sent: Option<At<Range<u64>>>,
    /// Packets of the entry that died.
    pub lost: Option<At<Range<u64>>>,
    /// What a traceroute shows, in order: names or addresses, `*` for silence.
    pub hops: Option<Vec<At<String>>>,
    /// Packets of a capture whose addresses nobody in the network has.
    pub homeless: Option<At<Range<u64>>>,
}

impl TrafficExpectation {
    /// True when it says nothing but the name.
    pub(crate) fn is_empty(&self) -> bool {
        let of_both = self.verdict.is_some()
            || self.delivered.is_some()
            || self.sent.is_some()
            || self.lost.is_some()
            || self.homeless.is_some();
        !of_both && self.not_of_captures().is_none()
    }

    /// The first property that packets of a capture cannot have: they belong to no conversation of the simulator.
    pub(crate) fn not_of_captures(&self) -> Option<&'static str> {
        let all = [
            ("dropReason", self.drop_reason.is_some()),
            ("direction", self.direction.is_some()),
            ("at", self.at.is_some()),
            ("via", self.via.is_some()),
            ("replyVia", self.reply_via.is_some()),
            ("ttl", self.ttl.is_some()),
            ("source", self.source.is_some()),
            ("rule", self.rule.is_some()),
            ("route", self.route.is_some()),
            ("backend", self.backend.is_some()),
            ("dependsOn", self.depends_on.is_some()),
            ("bytes", self.bytes.is_some()),
            ("throughputMbps", self.throughput_mbps.is_some()),
            ("duration", self.duration.is_some()),
            ("roundTrip", self.round_trip.is_some()),
            ("retransmissions", self.retransmissions.is_some()),
            ("hops", self.hops.is_some()),
        ];
        all.into_iter().find(|(_, said)| *said).map(|(name, _)| name)
    }
}

/// Expected effective routes.
#[derive(Clone, Debug)]
pub struct RoutesExpectation {
    /// A subnet as `vnet/subnet`, a VM or a NIC.
    pub routes: At<String>,
    /// Routes that are there.
    pub contains: Vec<RouteMatch>,
    /// The whole table, in any order.
    pub exactly: Option<Vec<RouteMatch>>,
    /// Routes that are not there.
    pub lacks: Vec<RouteMatch>,
    /// The moment of the timeline after which it holds; the end when `None`.
    pub after: Option<At<SimTime>>,
}

/// Expected next hop.
#[derive(Clone, Debug)]
pub struct NextHopExpectation {
    /// A VM or a NIC.
    pub from: At<String>,
    /// An address, a VM or a NIC.
    pub to: At<String>,
    /// Its type.
    pub next_hop_type: Option<At<NextHopType>>,
    /// Its address.
    pub next_hop_ip_address: Option<At<IpAddr>>,
    /// The moment of the timeline after which it holds; the end when `None`.
    pub after: Option<At<SimTime>>,
}

/// Expected state of a link.
#[derive(Clone, Debug)]
pub struct PeeringExpectation {
    /// The link, as `vnet/link`.
    pub peering: At<String>,
    /// Its state.
    pub peering_state: Option<At<PeeringState>>,
    /// Whose copy of an address space is out of date.
    pub peering_sync_level: Option<At<PeeringSyncLevel>>,
    /// Whether there is such a link at all.
    pub exists: Option<At<bool>>,
    /// The moment of the timeline after which it holds; the end when `None`.
    pub after: Option<At<SimTime>>,
}

/// Expected answer of the control plane.
#[derive(Clone, Debug)]
pub struct OperationExpectation {
    /// Name of the timeline entry.
    pub operation: At<String>,
    /// Accepted or refused; [`OperationResult::Refused`] also when only `errorCode` was said.
    pub result: At<OperationResult>,
    /// Azure's error code.
    pub error_code: Option<At<String>>,
}

/// Expected cost of a link (PEER-39).
#[derive(Clone, Debug)]
pub struct BillExpectation {
    /// The link, as `vnet/link`.
    pub bill: At<String>,
    /// Bytes that its network sends to the peer.
    pub egress_bytes: Option<At<Range<u64>>>,
    /// Bytes that its network receives from the peer.
    pub ingress_bytes: Option<At<Range<u64>>>,
    /// Both together, in US dollars.
    pub cost_usd: Option<At<Range<f64>>>,
}

/// Properties of an effective route; those that are `None` match anything.
#[derive(Clone, Debug)]
pub struct RouteMatch {
    /// The whole match.
    pub span: Span,
    /// Who made the route.
    pub source: Option<At<RouteSource>>,
    /// Active or invalid.
    pub state: Option<At<RouteState>>,
    /// The prefix, as tables print it.
    pub address_prefix: Option<At<String>>,
    /// Where it leads.
    pub next_hop_type: Option<At<NextHopType>>,
    /// To which address.
    pub next_hop_ip_address: Option<At<IpAddr>>,
    /// Name of the user-defined route.
    pub name: Option<At<String>>,
}

macro_rules! words {
    ($(#[$doc:meta])* $name:ident $values:tt) => {
        vnetsim_types::named_enum! { $(#[$doc])* $name $values }
        named! { $name = $name::ALL; }
    };
}

words! {
    /// What becomes of a traffic entry.
    Verdict {
        /// Every conversation completes.
        Delivered = "Delivered",
        /// A packet dies.
        Dropped = "Dropped",
    }
}

words! {
    /// Which of the two directions of a conversation.
    Leg {
        /// From the one who opens it.
        Forward = "forward",
        /// Back to it.
        Reply = "reply",
    }
}

words! {
    /// The control plane's answer.
    OperationResult {
        /// It was carried out.
        Accepted = "accepted",
        /// It was refused and changed nothing.
        Refused = "refused",
    }
}

words! {
    /// `source` of an effective route (DIAG-01).
    RouteSource {
        /// The platform, peerings included.
        Default = "Default",
        /// A route table.
        User = "User",
        /// A gateway.
        VirtualNetworkGateway = "VirtualNetworkGateway",
    }
}

words! {
    /// `state` of an effective route (DIAG-01).
    RouteState {
        /// In force.
        Active = "Active",
        /// Overridden.
        Invalid = "Invalid",
    }
}

words! {
    /// `nextHopType` of an effective route (U-31).
    NextHopType {
        /// The own virtual network.
        VnetLocal = "VnetLocal",
        /// A peered one in the same region.
        VNetPeering = "VNetPeering",
        /// A peered one in another region.
        VNetGlobalPeering = "VNetGlobalPeering",
        /// A virtual network gateway.
        VirtualNetworkGateway = "VirtualNetworkGateway",
        /// The internet edge.
        Internet = "Internet",
        /// An appliance.
        VirtualAppliance = "VirtualAppliance",
        /// A service endpoint.
        VirtualNetworkServiceEndpoint = "VirtualNetworkServiceEndpoint",
        /// A private endpoint.
        InterfaceEndpoint = "InterfaceEndpoint",
        /// Drop.
        None = "None",
    }
}
