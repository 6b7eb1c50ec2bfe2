//! Connection troubleshoot: the hops of a connection as Azure's tool lists them, and the issues that it knows (DIAG-07, DIAG-08).
//!
//! Reads the recorded steps of a probe. Gateways and sites are no hops of the real tool; what it has no issue type for, it
//! does not name, and neither does this. Costs a walk over the steps.

use std::net::IpAddr;

use vnetsim_compile::RouteOrigin;
use vnetsim_model::{Network, Traffic};
use vnetsim_sim::{Outcome, is_public};
use vnetsim_trace::{ConversationTrace, Explainer, PacketTrace};
use vnetsim_types::{
    Direction, DropReason, NicId, Part, Place, RouteIx, RuleIx, SimTime, Step, SubnetId, TrafficId,
};

use super::{ids::ResourceIds, ip_flow::rule_of_diagnostics};
use crate::Played;

/// Probes that the real tool sends at most (DIAG-07).
pub(crate) const PROBES: u32 = 100;

/// What `az network watcher test-connectivity` answers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Connectivity {
    /// `connectionStatus`: Reachable or Unreachable.
    pub reachable: bool,
    /// The hops, the source first.
    pub hops: Vec<ConnectionHop>,
    /// Round trip of the probe in virtual time; `None` when unreachable.
    pub round_trip: Option<SimTime>,
    /// `probesSent`. One is played; its fate is that of all.
    pub probes_sent: u32,
    /// `probesFailed`.
    pub probes_failed: u32,
}

/// A hop; it leads to the next one of the list.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionHop {
    /// Its GUID, made from its position and address: the same in every run.
    pub id: String,
    /// `type`.
    pub kind: HopType,
    /// `address`.
    pub address: IpAddr,
    /// `resourceId`: an id, `Internet` or `Unknown`.
    pub resource: String,
    /// What is wrong there.
    pub issues: Vec<ConnectionIssue>,
}

/// `type` of a hop.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HopType {
    /// The one who asks.
    Source,
    /// A machine that forwards, or the next hop of a route that names one.
    VirtualAppliance,
    /// A machine of the own or a peered network.
    VnetLocal,
    /// The internet.
    Internet,
    /// A destination that is no resource of Azure.
    Destination,
}

impl HopType {
    /// As Azure spells it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Source => "Source",
            Self::VirtualAppliance => "VirtualAppliance",
            Self::VnetLocal => "VnetLocal",
            Self::Internet => "Internet",
            Self::Destination => "Destination",
        }
    }
}

/// Something wrong at a hop.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct ConnectionIssue {
    /// On which side of the hop.
    pub origin: Origin,
    /// `type`, and what its context says.
    pub kind: IssueType,
}

/// `origin` of an issue.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Origin {
    /// The link before the hop.
    Inbound,
    /// The link behind it.
    Outbound,
}

impl Origin {
    /// As Azure spells it.
    pub fn text(self) -> &'static str {
        match self {
            Self::Inbound => "Inbound",
            Self::Outbound => "Outbound",
        }
    }
}

/// `type` of an issue, of those that a description of the network can cause.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum IssueType {
    /// A security rule denies; the context names it (NSG-31).
    NetworkSecurityRule(String),
    /// A route drops; the context says whether a user made it.
    UserDefinedRoute {
        /// `User`, else `System`.
        user: bool,
    },
}

impl IssueType {
    /// As Azure spells it.
    pub fn text(&self) -> &'static str {
        match self {
            Self::NetworkSecurityRule(_) => "NetworkSecurityRule",
            Self::UserDefinedRoute { .. } => "UserDefinedRoute",
        }
    }

    /// Key and value of the context.
    pub fn context(&self) -> (&'static str, &str) {
        match self {
            Self::NetworkSecurityRule(rule) => ("RuleName", rule),
            Self::UserDefinedRoute { user: true } => ("RouteType", "User"),
            Self::UserDefinedRoute { user: false } => ("RouteType", "System"),
        }
    }
}

/// The answer for the single conversation of entry `id` of what was played; `None` when nothing was sent.
pub fn connectivity(played: &Played, id: TrafficId) -> Option<Connectivity> {
    let group = played.report.traffic.get(id.ix())?.outcomes.first()?;
    let trace = played.trace.conversation(id, group.first)?;
    let explainer = played.explainer();
    let mut walk = Walk {
        network: explainer.network,
        explainer: &explainer,
        entry: &played.traffic[id.ix()],
        ids: ResourceIds::new(explainer.network),
        hops: Vec::new(),
        nics: Vec::new(),
    };
    walk.request(trace.way(Part::Request)?);
    let reachable = group.outcome == Outcome::Completed;
    Some(Connectivity {
        reachable,
        hops: walk.hops,
        round_trip: if reachable { round_trip(trace) } else { None },
        probes_sent: PROBES,
        probes_failed: if reachable { 0 } else { PROBES },
    })
}

/// From the first packet to its answer.
fn round_trip(trace: &ConversationTrace) -> Option<SimTime> {
    let (sent, _) = *trace.way(Part::Request)?.steps.first()?;
    let (answered, _) = *trace.way(Part::Reply)?.steps.last()?;
    Some(answered.since(sent))
}

/// Turns the steps of a request into hops.
struct Walk<'a> {
    network: &'a Network,
    explainer: &'a Explainer<'a>,
    entry: &'a Traffic,
    ids: ResourceIds<'a>,
    hops: Vec<ConnectionHop>,
    /// The NIC of each hop that has one, in order.
    nics: Vec<NicId>,
}

impl Walk<'_> {
    fn request(&mut self, packet: &PacketTrace) {
        let from = self.entry.from;
        match from.place {
            Place::Nic(nic) => self.nic(HopType::Source, nic, from.address),
            _ => self.push(HopType::Source, from.address, "Unknown".to_owned()),
        }
        let mut looped = false;
        for (_, step) in &packet.steps {
            match *step {
                Step::Appliance { nic_in, .. } if !looped => {
                    looped = self.nics.contains(&nic_in);
                    self.nic(HopType::VirtualAppliance, nic_in, self.entry.to.address);
                }
                Step::Delivered { to, key, .. } => self.delivered(to, key.dst),
                Step::Dropped { at, reason } if !looped => self.died(packet, at, reason),
                _ => {}
            }
        }
    }

    fn push(&mut self, kind: HopType, address: IpAddr, resource: String) {
        let id = guid(self.hops.len(), address, &resource);
        self.hops.push(ConnectionHop { id, kind, address, resource, issues: Vec::new() });
    }

    /// A hop at a NIC: with `address` if it is one of its own, else with one of that family.
    fn nic(&mut self, kind: HopType, nic: NicId, address: IpAddr) {
        let interface = &self.network[nic];
        let own = if interface.owns(address) { Some(address) } else { interface.address_like(address) };
        let address = own.unwrap_or(address);
        self.push(kind, address, self.ids.ip_configuration(nic, address));
        self.nics.push(nic);
    }

    fn delivered(&mut self, to: Place, address: IpAddr) {
        match to {
            Place::Nic(nic) => self.nic(HopType::VnetLocal, nic, address),
            Place::PrivateEndpoint(id) => {
                self.push(HopType::VnetLocal, address, self.ids.private_endpoint(id));
            }
            Place::Internet => self.push(HopType::Internet, address, "Internet".to_owned()),
            _ => self.push(HopType::Destination, address, "Unknown".to_owned()),
        }
    }

    /// The destination of a packet that did not reach it, as far as anybody knows it.
    fn destination(&mut self) {
        let to = self.entry.to;
        match to.place {
            Place::Nic(_) | Place::PrivateEndpoint(_) => self.delivered(to.place, to.address),
            _ => {
                let owner = (!is_public(to.address)).then(|| self.ids.owner(to.address)).flatten();
                match owner {
                    Some(id) => self.push(HopType::VnetLocal, to.address, id),
                    None => self.push(HopType::Destination, to.address, "Unknown".to_owned()),
                }
            }
        }
    }

    fn died(&mut self, packet: &PacketTrace, at: Place, reason: DropReason) {
        let denied = denying_rule(packet).filter(|_| reason == DropReason::NsgDeny);
        if let Some((nic, direction, rule)) = denied {
            return self.denied(nic, direction, rule);
        }
        let route = last_route(packet);
        if reason == DropReason::RouteNone {
            let user = route.and_then(|(_, ix)| ix).is_some_and(|ix| self.is_user(packet, ix));
            self.issue(Origin::Outbound, IssueType::UserDefinedRoute { user });
            return self.destination();
        }
        let never_left = matches!(
            reason,
            DropReason::NextHopUnreachable
                | DropReason::NextHopNotDirectlyConnected
                | DropReason::NoLoadBalancerRule
                | DropReason::NoHealthyBackend
                | DropReason::LoadBalancerHairpin
                | DropReason::GlobalPeeringBasicLb
        );
        let next_hop = route.and_then(|(_, ix)| self.next_hop_ip(packet, ix?));
        match (at, next_hop) {
            (_, Some(ip)) if never_left => {
                let owner = self.ids.owner(ip).unwrap_or_else(|| "Unknown".to_owned());
                self.push(HopType::VirtualAppliance, ip, owner);
            }
            (Place::Nic(nic), _) if !self.is_target(nic) && self.nics.last() != Some(&nic) => {
                self.nic(HopType::VirtualAppliance, nic, self.entry.to.address);
            }
            _ => self.destination(),
        }
    }

    /// Outbound the rule stands at the last hop, inbound at the one that the packet comes to.
    fn denied(&mut self, nic: Option<NicId>, direction: Direction, rule: RuleIx) {
        let name = rule_of_diagnostics(self.explainer.at(SimTime::ZERO), rule);
        let kind = IssueType::NetworkSecurityRule(name);
        if direction == Direction::Outbound {
            self.issue(Origin::Outbound, kind);
            return self.destination();
        }
        match nic.filter(|nic| !self.is_target(*nic)) {
            Some(nic) => {
                self.nic(HopType::VirtualAppliance, nic, self.entry.to.address);
                self.issue(Origin::Inbound, kind);
                self.destination();
            }
            None => {
                self.destination();
                self.issue(Origin::Inbound, kind);
            }
        }
    }

    /// At the last hop.
    fn issue(&mut self, origin: Origin, kind: IssueType) {
        if let Some(hop) = self.hops.last_mut() {
            hop.issues.push(ConnectionIssue { origin, kind });
        }
    }

    /// True when the packet is for that NIC: by its address, or as the chosen backend of a balancer that was addressed.
    fn is_target(&self, nic: NicId) -> bool {
        let to = self.entry.to;
        to.place == Place::Nic(nic)
            || (to.place == Place::Internet && !self.network[nic].enable_ip_forwarding.value)
    }

    fn is_user(&self, packet: &PacketTrace, route: RouteIx) -> bool {
        let now = packet.steps.last().map_or(SimTime::ZERO, |(now, _)| *now);
        matches!(self.explainer.at(now).route(route).origin, RouteOrigin::User { .. })
    }

    fn next_hop_ip(&self, packet: &PacketTrace, route: RouteIx) -> Option<IpAddr> {
        let now = packet.steps.last().map_or(SimTime::ZERO, |(now, _)| *now);
        self.explainer.at(now).route(route).next_hop_ip
    }
}

/// The last route that a packet was given: subnet and winner.
pub(super) fn last_route(packet: &PacketTrace) -> Option<(SubnetId, Option<RouteIx>)> {
    packet.steps.iter().rev().find_map(|(_, step)| match *step {
        Step::Route { subnet, route, .. } => Some((subnet, route)),
        _ => None,
    })
}

/// The rule that denied a packet, and the NIC where; `None` for the NIC of a private endpoint.
pub(super) fn denying_rule(packet: &PacketTrace) -> Option<(Option<NicId>, Direction, RuleIx)> {
    packet.steps.iter().rev().find_map(|(_, step)| match *step {
        Step::Nsg { at, direction, rule, allowed: false, .. } => {
            let nic = if let Place::Nic(nic) = at { Some(nic) } else { None };
            Some((nic, direction, rule))
        }
        _ => None,
    })
}

/// A GUID from what the hop is: FNV-1a of 128 bits, marked as a GUID that its maker defines (version 8).
fn guid(position: usize, address: IpAddr, resource: &str) -> String {
    const OFFSET: u128 = 0x6c62_272e_07bb_0142_62b8_2175_6295_c58d;
    const PRIME: u128 = 0x0000_0000_0100_0000_0000_0000_0000_013b;
    let text = format!("{position} {address} {resource}");
    let hash = text.bytes().fold(OFFSET, |hash, byte| (hash ^ u128::from(byte)).wrapping_mul(PRIME));
    let marked = hash & !(0xf << 76) & !(0b11 << 62) | (0x8 << 76) | (0b10 << 62);
    let hex = format!("{marked:032x}");
    format!("{}-{}-{}-{}-{}", &hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..])
}
