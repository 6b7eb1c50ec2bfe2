//! What a scenario expects of its run: public types, and how they are read.
//!
//! Owns the properties of `expect`. The types are read by whoever judges a run; names stay text with their
//! places and are known to exist. Must never judge a run.

use std::{fmt, net::IpAddr};

use serde_json::{Value, json};
use vnetsim_model::{PeeringState, PeeringSyncLevel};
use vnetsim_types::{At, DropReason, Problem, SimTime, Span};

use crate::{
    decode::{Cx, Decode, List},
    record::record,
    values::{Decimal, Reference, Several, named},
    yaml::{Kind, Node},
};

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
    fn exactly(number: T) -> Self {
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
#[derive(Clone, Debug)]
pub struct TrafficExpectation {
    /// Name of the traffic entry.
    pub traffic: At<String>,
    /// Delivered or dropped; [`Verdict::Dropped`] also when only `dropReason` was said.
    pub verdict: Option<At<Verdict>>,
    /// Why it dies.
    pub drop_reason: Option<At<DropReason>>,
    /// Whether the forward packet or the reply dies.
    pub direction: Option<At<Leg>>,
    /// The VM, NIC, gateway or site where it dies, or `internet`.
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
    /// Conversations that complete.
    pub delivered: Option<At<Range<u64>>>,
    /// VMs that receive the first packets: all of these, and nobody else.
    pub backend: Option<Vec<At<String>>>,
    /// Switches of `rules` of which another value changes the fate: all of these, and no other.
    pub depends_on: Option<Vec<At<String>>>,
}

impl TrafficExpectation {
    fn is_empty(&self) -> bool {
        let fate =
            self.verdict.is_none() && self.direction.is_none() && self.at.is_none() && self.rule.is_none();
        let path = self.via.is_none() && self.reply_via.is_none() && self.route.is_none();
        let counts = self.delivered.is_none() && self.backend.is_none() && self.depends_on.is_none();
        fate && path && counts && self.ttl.is_none() && self.source.is_none()
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

record! {
    Route -> RouteMatch, Own "route" "addressPrefix", "Properties of an effective route; absent ones match anything.";
    opt source: At<RouteSource> = "source", "Who made the route.";
    opt state: At<RouteState> = "state", "Active or Invalid.";
    opt address_prefix: At<String> = "addressPrefix", "As the table prints it; several prefixes joined by blanks.";
    opt next_hop_type: At<NextHopType> = "nextHopType", "Where it leads.";
    opt next_hop_ip_address: At<IpAddr> = "nextHopIpAddress", "To which address.";
    opt name: At<String> = "name", "Name of the user-defined route.";
    => |span, _place, _cx| Some(RouteMatch {
        span, source, state, address_prefix, next_hop_type, next_hop_ip_address, name,
    })
}

record! {
    CountBounds -> Range<u64>, Own "range" "-", "Bounds of a number.";
    opt min: u64 = "min", "At least.";
    opt max: u64 = "max", "At most.";
    => |_span, _place, _cx| Some(Range { min, max })
}

record! {
    UsdBounds -> Range<f64>, Own "range" "-", "Bounds of a number.";
    opt min: Decimal = "min", "At least.";
    opt max: Decimal = "max", "At most.";
    => |_span, _place, _cx| Some(Range { min, max })
}

/// A number, or its bounds `{min, max}`, read by the two markers.
pub(crate) struct Within<One, Bounds>(std::marker::PhantomData<(One, Bounds)>);

type Count = Within<u64, CountBounds>;
type Usd = Within<Decimal, UsdBounds>;

impl<T, One, Bounds> Decode for Within<One, Bounds>
where
    T: PartialOrd + Copy,
    One: Decode<Out = T>,
    Bounds: Decode<Out = Range<T>>,
{
    type Out = Range<T>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Range<T>> {
        match node.kind {
            Kind::Map(_) => Bounds::decode(node, cx),
            _ => One::decode(node, cx).map(Range::exactly),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [One::schema(), Bounds::schema()] })
    }
}

record! {
    OfTraffic -> Expectation, Own "expectation on traffic" "traffic", "The fate of a traffic entry.";
    req traffic: At<String> = "traffic", "Name of the traffic entry.";
    opt verdict: At<Verdict> = "verdict", "Dropped is implied by dropReason.";
    opt drop_reason: At<DropReason> = "dropReason", "Why it dies.";
    opt direction: At<Leg> = "direction", "Whether the forward packet or the reply dies.";
    opt at: Reference = "at", "The VM, NIC, gateway or site where it dies, or internet.";
    opt via: List<Several<Reference>> = "via",
        "VMs and gateways that forward it, in order; [] means direct; a hop that is a list is one of several.";
    opt reply_via: List<Several<Reference>> = "replyVia", "The same for the reply.";
    opt ttl: At<u8> = "ttl", "Time to live of the first forward packet as received.";
    opt source: At<IpAddr> = "source", "Source address as received.";
    opt rule: At<String> = "rule", "NSG rule that denies: nsg/rule.";
    opt route: Route = "route", "The route that decides at the first hop, or at the place of death.";
    opt delivered: At<Count> = "delivered", "Conversations that complete: a number, or {min, max}.";
    opt backend: Several<Reference> = "backend", "VMs that receive the first packets: all of these, nobody else.";
    opt depends_on: List<At<String>> = "dependsOn",
        "Switches of which another value changes the fate: all of these, no other.";
    opt because: At<String> = "because", "Justification, printed on failure.";
    => |span, place, cx| {
        let verdict = match (verdict, &drop_reason) {
            (Some(said), Some(reason)) if said.value == Verdict::Delivered => {
                cx.conflict(reason.span, "dropReason contradicts `verdict: Delivered`");
                return None;
            }
            (None, Some(reason)) => Some(At::new(Verdict::Dropped, reason.span)),
            (said, _) => said,
        };
        let expected = TrafficExpectation {
            traffic, verdict, drop_reason, direction, at, via, reply_via, ttl, source, rule, route, delivered,
            backend, depends_on,
        };
        if expected.is_empty() {
            return expects_nothing(place, "verdict, or another property", cx);
        }
        let subject = Subject::Traffic(Box::new(expected));
        Some(Expectation { span, subject, because })
    }
}

record! {
    OfRoutes -> Expectation, Own "expectation on routes" "routes", "Effective routes.";
    req routes: Reference = "routes", "A subnet as vnet/subnet, a VM or a NIC.";
    list contains: Route = "contains", "Routes that are there.";
    opt exactly: List<Route> = "exactly", "The whole table, in any order.";
    list lacks: Route = "lacks", "Routes that are not there.";
    opt after: At<SimTime> = "after", "The moment of the timeline after which it holds; the end when absent.";
    opt because: At<String> = "because", "Justification, printed on failure.";
    => |span, place, cx| {
        if contains.is_empty() && exactly.is_none() && lacks.is_empty() {
            return expects_nothing(place, "contains, exactly or lacks", cx);
        }
        let subject = Subject::Routes(RoutesExpectation { routes, contains, exactly, lacks, after });
        Some(Expectation { span, subject, because })
    }
}

record! {
    Probe -> (At<String>, At<String>), Own "nextHop" "-", "From where to where.";
    req from: Reference = "from", "A VM or a NIC.";
    req to: Reference = "to", "An address, a VM or a NIC.";
    => |_span, _place, _cx| Some((from, to))
}

record! {
    OfNextHop -> Expectation, Own "expectation on a next hop" "-", "The next hop from a VM or NIC.";
    req probe: Probe = "nextHop", "From where to where.";
    opt next_hop_type: At<NextHopType> = "nextHopType", "Its type.";
    opt next_hop_ip_address: At<IpAddr> = "nextHopIpAddress", "Its address.";
    opt after: At<SimTime> = "after", "The moment of the timeline after which it holds; the end when absent.";
    opt because: At<String> = "because", "Justification, printed on failure.";
    => |span, place, cx| {
        if next_hop_type.is_none() && next_hop_ip_address.is_none() {
            return expects_nothing(place, "nextHopType or nextHopIpAddress", cx);
        }
        let (from, to) = probe;
        let subject = Subject::NextHop(NextHopExpectation { from, to, next_hop_type, next_hop_ip_address, after });
        Some(Expectation { span, subject, because })
    }
}

record! {
    OfPeering -> Expectation, Own "expectation on a peering" "peering", "The state of a link.";
    req peering: Reference = "peering", "vnet/link.";
    opt peering_state: At<PeeringState> = "peeringState", "Initiated, Connected or Disconnected.";
    opt peering_sync_level: At<PeeringSyncLevel> = "peeringSyncLevel",
        "FullyInSync, RemoteNotInSync, LocalNotInSync or LocalAndRemoteNotInSync.";
    opt exists: At<bool> = "exists", "Whether there is such a link.";
    opt after: At<SimTime> = "after", "The moment of the timeline after which it holds; the end when absent.";
    opt because: At<String> = "because", "Justification, printed on failure.";
    => |span, place, cx| {
        if peering_state.is_none() && peering_sync_level.is_none() && exists.is_none() {
            return expects_nothing(place, "peeringState, peeringSyncLevel or exists", cx);
        }
        let expected = PeeringExpectation { peering, peering_state, peering_sync_level, exists, after };
        Some(Expectation { span, subject: Subject::Peering(expected), because })
    }
}

record! {
    OfOperation -> Expectation, Own "expectation on an operation" "operation", "The control plane's answer.";
    req operation: At<String> = "operation", "Name of the timeline entry.";
    opt result: At<OperationResult> = "result", "accepted or refused; refused is implied by errorCode.";
    opt error_code: At<String> = "errorCode", "Azure's error code, such as RemotePeeringIsDisconnected.";
    opt because: At<String> = "because", "Justification, printed on failure.";
    => |span, place, cx| {
        let result = match (result, &error_code) {
            (Some(said), Some(code)) if said.value == OperationResult::Accepted => {
                cx.conflict(code.span, "errorCode contradicts `result: accepted`");
                return None;
            }
            (Some(said), _) => said,
            (None, Some(code)) => At::new(OperationResult::Refused, code.span),
            (None, None) => return expects_nothing(place, "result or errorCode", cx),
        };
        let subject = Subject::Operation(OperationExpectation { operation, result, error_code });
        Some(Expectation { span, subject, because })
    }
}

record! {
    OfBill -> Expectation, Own "expectation on a bill" "bill", "What a link costs its virtual network.";
    req bill: Reference = "bill", "vnet/link.";
    opt egress_bytes: At<Count> = "egressBytes", "IP bytes sent to the peer: a number, or {min, max}.";
    opt ingress_bytes: At<Count> = "ingressBytes", "IP bytes received from the peer: a number, or {min, max}.";
    opt cost_usd: At<Usd> = "costUsd", "Both together, in US dollars: a number, or {min, max}.";
    opt because: At<String> = "because", "Justification, printed on failure.";
    => |span, place, cx| {
        if egress_bytes.is_none() && ingress_bytes.is_none() && cost_usd.is_none() {
            return expects_nothing(place, "egressBytes, ingressBytes or costUsd", cx);
        }
        let subject = Subject::Bill(BillExpectation { bill, egress_bytes, ingress_bytes, cost_usd });
        Some(Expectation { span, subject, because })
    }
}

fn expects_nothing(place: Span, what: &str, cx: &mut Cx) -> Option<Expectation> {
    let message = format!("{} expects nothing", cx.object);
    cx.fail(Problem::error("MISSING_PROPERTY", place, message).help(format!("add {what}")))
}

/// An `expect` entry: its subject decides what else may stand in it.
pub(crate) struct ExpectEntry;

const SUBJECTS: &[&str] = &["traffic", "routes", "nextHop", "peering", "operation", "bill"];

impl Decode for ExpectEntry {
    type Out = Expectation;
    fn decode(node: &Node, cx: &mut Cx) -> Option<Expectation> {
        let Kind::Map(entries) = &node.kind else {
            let problem = cx.wrong_type(node, "a mapping that describes an expectation");
            return cx.fail(problem);
        };
        let mut subjects = entries.iter().filter(|(key, _)| SUBJECTS.contains(&key.as_str()));
        match (subjects.next(), subjects.next()) {
            (Some((subject, _)), None) => match subject.as_str() {
                "traffic" => OfTraffic::decode(node, cx),
                "routes" => OfRoutes::decode(node, cx),
                "nextHop" => OfNextHop::decode(node, cx),
                "peering" => OfPeering::decode(node, cx),
                "operation" => OfOperation::decode(node, cx),
                _ => OfBill::decode(node, cx),
            },
            (Some((first, _)), Some((second, _))) => {
                let message =
                    format!("an expectation has one subject, not `{}` and `{}`", first.value, second.value);
                let problem = Problem::error("CONFLICTING_PROPERTIES", second.span, message);
                cx.fail(problem.related(first.span, "first subject").help("write one entry for each"))
            }
            (None, _) => {
                let place = entries.first().map_or(node.span, |(key, _)| key.span);
                let problem = Problem::error("MISSING_PROPERTY", place, "expectation has no subject");
                let near = entries.iter().map(|(key, _)| cx.near(&key.value, SUBJECTS.iter().copied()));
                let help = near.into_iter().find(|help| !help.is_empty());
                cx.fail(problem.help(
                    help.unwrap_or("add traffic, routes, nextHop, peering, operation or bill".to_owned()),
                ))
            }
        }
    }
    fn schema() -> Value {
        json!({ "oneOf": [
            OfTraffic::schema(), OfRoutes::schema(), OfNextHop::schema(), OfPeering::schema(),
            OfOperation::schema(), OfBill::schema(),
        ] })
    }
}
