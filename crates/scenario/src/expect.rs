//! The properties of `expect`: one record for each subject.
//!
//! Owns their names and which of them contradict each other. Fills the types of `expectation`.

use std::{fmt, net::IpAddr};

use serde_json::{Value, json};
use vnetsim_model::{PeeringState, PeeringSyncLevel, Semantics};
use vnetsim_types::{At, DropReason, Problem, SimTime, Span};

use crate::{
    decode::{Cx, Decode, List, shown},
    expectation::*,
    record::record,
    values::{Decimal, Reference, Several},
    yaml::{Kind, Node},
};

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
    => |span, place, cx| bounds(min, max, span, place, cx)
}

record! {
    NumberBounds -> Range<f64>, Own "range" "-", "Bounds of a number.";
    opt min: Decimal = "min", "At least.";
    opt max: Decimal = "max", "At most.";
    => |span, place, cx| bounds(min, max, span, place, cx)
}

record! {
    TimeBounds -> Range<SimTime>, Own "range" "-", "Bounds of a time.";
    opt min: SimTime = "min", "At least.";
    opt max: SimTime = "max", "At most.";
    => |span, place, cx| bounds(min, max, span, place, cx)
}

/// Bounds that some number can lie within, and some other cannot.
fn bounds<T: PartialOrd + fmt::Display>(
    min: Option<T>,
    max: Option<T>,
    span: Span,
    place: Span,
    cx: &mut Cx,
) -> Option<Range<T>> {
    match (&min, &max) {
        (None, None) => {
            let problem = Problem::error("MISSING_PROPERTY", place, format!("{} has no bound", cx.object));
            return cx.fail(problem.help("add min, max or both"));
        }
        (Some(least), Some(most)) if least > most => {
            cx.conflict(span, &format!("nothing is at least {least} and at most {most}"));
            return None;
        }
        _ => {}
    }
    Some(Range { min, max })
}

/// A number, or its bounds `{min, max}`, read by the two markers.
pub(crate) struct Within<One, Bounds>(std::marker::PhantomData<(One, Bounds)>);

type Count = Within<u64, CountBounds>;
type Number = Within<Decimal, NumberBounds>;
type Time = Within<SimTime, TimeBounds>;

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

/// A fine switch of `rules`, in either of its spellings; its name in [`Semantics`] comes out.
pub(crate) struct Switch;

/// The names of every fine switch.
fn switches() -> Vec<&'static str> {
    let mut all: Vec<_> = Semantics::default().alternatives().into_iter().map(|(name, ..)| name).collect();
    all.dedup();
    all
}

/// `forwardedModel` of `forwarded_model`.
fn camel(snake: &str) -> String {
    let mut words = snake.split('_').map(str::to_owned);
    let mut camel = words.next().unwrap_or_default();
    for mut word in words {
        if let Some(first) = word.get_mut(0..1) {
            first.make_ascii_uppercase();
        }
        camel += &word;
    }
    camel
}

impl Decode for Switch {
    type Out = String;
    fn decode(node: &Node, cx: &mut Cx) -> Option<String> {
        let text = cx.text(node, "the name of a switch")?;
        let all = switches();
        let same = |name: &str| name.eq_ignore_ascii_case(text) || camel(name).eq_ignore_ascii_case(text);
        if let Some(name) = all.iter().find(|name| same(name)) {
            return Some((*name).to_owned());
        }
        let problem = cx.bad("BAD_VALUE", node.span, &format!("{} is no switch of `rules`", shown(text)));
        let near = cx.near(text, all.iter().copied());
        let help = if near.is_empty() { format!("write one of {}", all.join(", ")) } else { near };
        cx.fail(problem.help(help))
    }
    fn schema() -> Value {
        let all = switches();
        let spellings = all.iter().flat_map(|name| [(*name).to_owned(), camel(name)]);
        json!({ "enum": spellings.collect::<Vec<_>>() })
    }
}

record! {
    OfTraffic -> Expectation, Own "expectation on traffic" "traffic", "The fate of a traffic entry or a capture.";
    req traffic: At<String> = "traffic", "Name of the traffic entry or capture.";
    opt verdict: At<Verdict> = "verdict", "Dropped is implied by dropReason.";
    opt drop_reason: At<DropReason> = "dropReason", "Why it dies.";
    opt direction: At<Leg> = "direction", "Whether the forward packet or the reply dies.";
    opt at: Reference = "at",
        "The VM, NIC, gateway, site or private endpoint where it dies; internet; Azure for the platform.";
    opt via: List<Several<Reference>> = "via",
        "VMs and gateways that forward it, in order; [] means direct; a hop that is a list is one of several.";
    opt reply_via: List<Several<Reference>> = "replyVia", "The same for the reply.";
    opt ttl: At<u8> = "ttl", "Time to live of the first forward packet as received.";
    opt source: At<IpAddr> = "source", "Source address as received.";
    opt rule: At<String> = "rule", "NSG rule that denies: nsg/rule.";
    opt route: Route = "route", "The route that decides at the first hop, or at the place of death.";
    opt delivered: At<Count> = "delivered",
        "Conversations that complete, of a capture connections of which every packet arrived: a number, or {min, max}.";
    opt backend: Several<Reference> = "backend", "VMs that receive the first packets: all of these, nobody else.";
    opt depends_on: Several<At<Switch>> = "dependsOn",
        "Switches of which another value changes the fate: all of these, no other.";
    opt bytes: At<Count> = "bytes", "Bytes of the application that arrived: a number, or {min, max}; so the others.";
    opt throughput_mbps: At<Number> = "throughputMbps", "Those bytes in Mbit/s, from the first start to the last end.";
    opt duration: At<Time> = "duration", "The longest conversation.";
    opt round_trip: At<Time> = "roundTrip", "Mean round trip of handshakes or hops; of single exchanges the mean time from first to last packet.";
    opt retransmissions: At<Count> = "retransmissions", "TCP segments that were sent again.";
    opt sent: At<Count> = "sent", "Packets that were sent, answers included.";
    opt lost: At<Count> = "lost", "Packets that died.";
    opt hops: List<Reference> = "hops", "What a traceroute shows: names or addresses in order, \"*\" for silence.";
    opt homeless: At<Count> = "homeless", "Packets of a capture whose addresses nobody has.";
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
            backend, depends_on, bytes, throughput_mbps, duration, round_trip, retransmissions, sent, lost, hops,
            homeless,
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
        let state = peering_state.as_ref().map(|s| s.span).or(peering_sync_level.as_ref().map(|l| l.span));
        if let (Some(no), Some(span)) = (exists.as_ref().filter(|e| !e.value), state) {
            let message = format!("{}: a link that does not exist has no state", cx.object);
            let problem = Problem::error("CONFLICTING_PROPERTIES", span, message).help("keep one of them");
            return cx.fail(problem.related(no.span, "`exists: false` is here"));
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
    opt cost_usd: At<Number> = "costUsd", "Both together, in US dollars: a number, or {min, max}.";
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
