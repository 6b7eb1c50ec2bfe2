//! What Azure's tools would have told about a connection, beside what is true (DIAG-09).
//!
//! Each tool sees one thing: routes, one next hop, NSGs of one NIC, or an end-to-end probe without a view into peerings
//! and appliances. What an answer is worth follows from the reason that the pipeline gave. Costs what the tools cost.

use vnetsim_compile::{RibRoute, RouteState};
use vnetsim_model::Traffic;
use vnetsim_trace::{Explainer, PacketTrace};
use vnetsim_types::{
    Direction, DropReason, FlowKey, IpProtocol, NicId, Part, Place, SimTime, SubnetId, TrafficId,
};

use super::{
    connectivity::{connectivity, denying_rule, last_route},
    ip_flow::ip_flow,
    next_hop::next_hop,
};
use crate::Played;

/// A tool of Azure's.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Tool {
    /// `az network nic show-effective-route-table`.
    EffectiveRoutes,
    /// `az network watcher show-next-hop`.
    NextHop,
    /// `az network watcher test-ip-flow`.
    IpFlowVerify,
    /// `az network watcher test-connectivity`.
    ConnectionTroubleshoot,
}

impl Tool {
    /// As people call it.
    pub fn text(self) -> &'static str {
        match self {
            Self::EffectiveRoutes => "effective routes",
            Self::NextHop => "next hop",
            Self::IpFlowVerify => "IP flow verify",
            Self::ConnectionTroubleshoot => "connection troubleshoot",
        }
    }
}

/// What an answer says about why a connection died.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Bearing {
    /// It shows the cause.
    Shows,
    /// It is true and says nothing about the cause.
    Neutral,
    /// It hides the cause: in which way.
    Misleading(String),
}

/// One tool's answer.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct AzureVerdict {
    /// Which tool.
    pub tool: Tool,
    /// Where it is asked: a subnet, a NIC with a direction, or both ends.
    pub at: String,
    /// What it answers.
    pub says: String,
    /// What that is worth.
    pub bearing: Bearing,
}

/// What the tools say about the single conversation of entry `id`: routes where it died, NSGs at both ends, and the
/// connection as a whole.
pub fn azure_verdicts(played: &Played, id: TrafficId) -> Vec<AzureVerdict> {
    let explainer = played.explainer();
    let group = played.report.traffic.get(id.ix()).and_then(|t| t.outcomes.first());
    let trace = group.and_then(|g| played.trace.conversation(id, g.first));
    let (Some(group), Some(trace)) = (group, trace) else { return Vec::new() };
    let dead = trace.dead();
    let death = dead.and_then(|packet| packet.drop()).or(match group.outcome {
        vnetsim_sim::Outcome::Dropped { at, reason, .. } => Some((at, reason)),
        _ => None,
    });
    let Some(packet) = dead.or_else(|| trace.way(Part::Request)) else { return Vec::new() };
    let case = Case { played, id, explainer: &explainer, entry: &played.traffic[id.ix()], packet, death };
    let mut all = case.routes();
    all.extend(case.ip_flow(Direction::Outbound));
    all.extend(case.ip_flow(Direction::Inbound));
    all.extend(case.connection());
    all
}

struct Case<'a> {
    played: &'a Played,
    id: TrafficId,
    explainer: &'a Explainer<'a>,
    entry: &'a Traffic,
    /// The packet that died, else the request.
    packet: &'a PacketTrace,
    death: Option<(Place, DropReason)>,
}

/// What decides about a packet, as far as some tool looks at it.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Domain {
    Route,
    Nsg,
    NextHop,
    Peering,
    Appliance,
    Balancer,
    Guest,
    Other,
}

fn domain(reason: DropReason) -> Domain {
    use DropReason as R;
    match reason {
        R::RouteNone => Domain::Route,
        R::NsgDeny => Domain::Nsg,
        R::NextHopUnreachable
        | R::NextHopNotDirectlyConnected
        | R::NoSuchDestination
        | R::GatewayUnavailable => Domain::NextHop,
        R::ForwardedTrafficBlocked | R::PeeringAccessDisabled | R::SubnetNotPeered => Domain::Peering,
        R::SourceNotOwned
        | R::IpForwardingDisabled
        | R::GuestNotForwarding
        | R::NvaNoSession
        | R::NvaPolicyDeny
        | R::ApplianceOverloaded => Domain::Appliance,
        R::NoLoadBalancerRule | R::NoHealthyBackend | R::LoadBalancerHairpin | R::GlobalPeeringBasicLb => {
            Domain::Balancer
        }
        R::GuestPortClosed | R::GuestDead | R::AnswerMismatch | R::SenderStopped => Domain::Guest,
        _ => Domain::Other,
    }
}

/// What IP flow verify would have to look at to see `reason`.
fn unasked(reason: DropReason) -> String {
    let what = match domain(reason) {
        Domain::Route => "routes are",
        Domain::Nsg => "other NSGs are",
        Domain::NextHop => "the next hop is",
        Domain::Peering => "the peering's settings are",
        Domain::Appliance => "the appliance is",
        Domain::Balancer => "the balancer is",
        Domain::Guest => "the guest is",
        Domain::Other => return format!("it looks at NSGs only; the cause is {reason}"),
    };
    format!("it looks at NSGs only; {what} not asked")
}

impl Case<'_> {
    fn domain(&self) -> Option<Domain> {
        self.death.map(|(_, reason)| domain(reason))
    }

    /// The routes of the subnet that routed the packet last, else of the sender's.
    fn routes(&self) -> Vec<AzureVerdict> {
        let of_death = last_route(self.packet).filter(|_| self.death.is_some()).map(|(subnet, _)| subnet);
        let Some(gateway) = of_death.filter(|subnet| self.is_gateway_subnet(*subnet)) else {
            return self.routes_of(of_death);
        };
        // No NIC of the user's stands there: the machine whose packet it is has one.
        let mut all = vec![AzureVerdict {
            tool: Tool::EffectiveRoutes,
            at: self.explainer.network.subnet_path(gateway),
            says: "cannot be asked: no NIC of yours stands there".to_owned(),
            bearing: Bearing::Neutral,
        }];
        let Traffic { from, to, .. } = *self.entry;
        let (near, far) = if let Some(nic) = self.sender_nic() {
            (Some(nic), self.packet.key().map_or(to.address, |key| key.dst))
        } else if let Place::Nic(nic) = from.place {
            (Some(nic), to.address)
        } else if let Place::Nic(nic) = to.place {
            (Some(nic), from.address)
        } else {
            (None, to.address)
        };
        let own = near.map(|nic| self.routes_at(self.explainer.network[nic].subnet, far, &Bearing::Neutral));
        all.extend(own.into_iter().flatten());
        all
    }

    fn is_gateway_subnet(&self, subnet: SubnetId) -> bool {
        self.explainer.network[subnet].is_gateway_subnet()
    }

    fn routes_of(&self, of_death: Option<SubnetId>) -> Vec<AzureVerdict> {
        let (subnet, dst) = match (of_death, self.entry.from.place) {
            (Some(subnet), _) => (subnet, self.packet.key().map_or(self.entry.to.address, |key| key.dst)),
            (None, Place::Nic(nic)) => (self.explainer.network[nic].subnet, self.entry.to.address),
            _ => return Vec::new(),
        };
        self.routes_at(subnet, dst, &self.bearing_of_routes())
    }

    /// What the table and the next hop of `subnet` say about `dst`, and what that is worth.
    fn routes_at(&self, subnet: SubnetId, dst: std::net::IpAddr, bearing: &Bearing) -> Vec<AzureVerdict> {
        let now = self.packet.steps.last().map_or(SimTime::ZERO, |(now, _)| *now);
        let compiled = self.explainer.at(now);
        let hop = next_hop(compiled, subnet, dst);
        let row = hop.route.map(|ix| compiled.route(ix));
        let ip = hop.ip.map_or_else(String::new, |ip| format!(" {ip}"));
        let table = hop.table.map(|id| self.explainer.network[id].name.value.as_str());
        let unlisted = row.filter(|row| !row.listed).map(row_words);
        let unlisted = unlisted.map(|row| format!("{row} works, and Azure does not list it (RT-32)"));
        let at = self.explainer.network.subnet_path(subnet);
        let shown = row.filter(|row| row.listed);
        vec![
            AzureVerdict {
                tool: Tool::EffectiveRoutes,
                at: at.clone(),
                says: shown.map_or_else(|| format!("no row for {dst}"), row_words),
                bearing: unlisted.map_or_else(|| bearing.clone(), Bearing::Misleading),
            },
            AzureVerdict {
                tool: Tool::NextHop,
                at: format!("{} to {dst}", self.asker(subnet).unwrap_or(at)),
                says: format!("{}{ip}, {}", hop.kind, table.unwrap_or("System Route")),
                bearing: bearing.clone(),
            },
        ]
    }

    /// The NIC of the packet's way that stands in `subnet`: next hop is asked of a machine.
    fn asker(&self, subnet: SubnetId) -> Option<String> {
        let via =
            self.packet.via().filter_map(|place| if let Place::Nic(nic) = place { Some(nic) } else { None });
        let ends = [self.entry.from.place, self.entry.to.place].into_iter();
        let ends = ends.filter_map(|place| if let Place::Nic(nic) = place { Some(nic) } else { None });
        let mut all = via
            .chain(ends)
            .chain(self.sender_nic())
            .filter(|nic| self.explainer.network[*nic].subnet == subnet);
        all.next().map(|nic| self.explainer.nic(nic))
    }

    fn bearing_of_routes(&self) -> Bearing {
        let one_way = self.death.is_some_and(|(_, reason)| reason == DropReason::NvaNoSession);
        let text = match self.domain() {
            Some(Domain::Route) => return Bearing::Shows,
            _ if one_way => {
                "each way has its own routes; that the appliance sees one way only stands in none"
            }
            Some(Domain::NextHop) => "Active says nothing about who answers at the next hop",
            Some(Domain::Peering) => {
                "the route is there; the peering's settings that drop the packet are not asked"
            }
            Some(Domain::Appliance) => {
                "the route is right; what the machine does with the packet is not asked"
            }
            Some(Domain::Balancer) => "the route is right; the balancer's rules and backends are not asked",
            _ => return Bearing::Neutral,
        };
        Bearing::Misleading(text.to_owned())
    }

    /// The NSGs of the sender for what it sends, or of the receiver for what comes.
    fn ip_flow(&self, direction: Direction) -> Option<AzureVerdict> {
        let Traffic { from, to, protocol, source_port, .. } = *self.entry;
        if !protocol.protocol.has_ports() {
            return None;
        }
        let (end, word) = match direction {
            Direction::Outbound => (from.place, "Outbound"),
            Direction::Inbound => (to.place, "Inbound"),
        };
        let found = match (end, direction) {
            (Place::Nic(nic), _) => Some((nic, to.address)),
            (_, Direction::Inbound) => self.receiver(),
            _ => None,
        };
        let (nic, inside) = found?;
        if !self.explainer.network.is_up(nic) {
            return Some(self.no_answer(Tool::IpFlowVerify, nic));
        }
        let key = FlowKey {
            protocol: protocol.protocol,
            src: from.address,
            dst: inside,
            src_port: source_port,
            dst_port: protocol.port,
        };
        let flow = ip_flow(self.explainer.at(SimTime::ZERO), nic, direction, &key);
        let access = if flow.allowed { "Allow" } else { "Deny" };
        let rule = if flow.rule.is_empty() { "no NSG" } else { &flow.rule };
        Some(AzureVerdict {
            tool: Tool::IpFlowVerify,
            at: format!("{} {word}", self.explainer.nic(nic)),
            says: format!("{access}, {rule}"),
            bearing: self.bearing_of_ip_flow(nic, direction, flow.allowed),
        })
    }

    /// The NIC that sent the packet asked about.
    fn sender_nic(&self) -> Option<NicId> {
        self.packet.steps.iter().find_map(|(_, step)| match *step {
            vnetsim_types::Step::Sent { from: Place::Nic(nic), .. } => Some(nic),
            _ => None,
        })
    }

    /// The NIC that a request for a public address came to, with its own address.
    fn receiver(&self) -> Option<(NicId, std::net::IpAddr)> {
        let of_request = || {
            self.packet.steps.iter().find_map(|(_, step)| match *step {
                vnetsim_types::Step::LoadBalancer { backend, .. } => Some(backend),
                vnetsim_types::Step::Nsg { at: Place::Nic(nic), direction: Direction::Inbound, .. } => {
                    Some(nic)
                }
                _ => None,
            })
        };
        let nic = if self.packet.part.is_forward() { of_request() } else { self.sender_nic() }?;
        Some((nic, self.explainer.network[nic].address_like(self.entry.to.address)?))
    }

    fn bearing_of_ip_flow(&self, nic: NicId, direction: Direction, allowed: bool) -> Bearing {
        let Some((place, reason)) = self.death else { return Bearing::Neutral };
        let (place, domain) = (self.explainer.place(place), domain(reason));
        let denied = denying_rule(self.packet).filter(|_| domain == Domain::Nsg);
        let here = denied.is_some_and(|(at, way, _)| at == Some(nic) && way == direction);
        match (allowed, denied) {
            (false, _) if here => Bearing::Shows,
            (false, _) => Bearing::Misleading(format!("the packet dies elsewhere: {reason} at {place}")),
            (true, Some(_)) => {
                let at = denied.and_then(|(at, _, _)| at).map_or(place, |nic| self.explainer.nic(nic));
                let way = if self.packet.part.is_forward() { "" } else { ", for the answer" };
                Bearing::Misleading(format!("the NSG that denies is at {at}{way}"))
            }
            (true, None) if domain == Domain::Nsg => {
                let why = "a Standard balancer's members without an NSG are closed to the outside (LB-15)";
                Bearing::Misleading(why.to_owned())
            }
            (true, None) => Bearing::Misleading(unasked(reason)),
        }
    }

    /// Azure's tools answer for running machines only.
    fn no_answer(&self, tool: Tool, nic: NicId) -> AzureVerdict {
        let stopped = self.death.is_some_and(|(_, reason)| reason == DropReason::SenderStopped);
        AzureVerdict {
            tool,
            at: self.explainer.nic(nic),
            says: "an error: its VM does not run".to_owned(),
            bearing: if stopped { Bearing::Shows } else { Bearing::Neutral },
        }
    }

    fn connection(&self) -> Option<AzureVerdict> {
        let Place::Nic(sender) = self.entry.from.place else { return None }; // only a VM can test
        if !self.explainer.network.is_up(sender) {
            return Some(self.no_answer(Tool::ConnectionTroubleshoot, sender));
        }
        let protocol = self.entry.protocol.protocol;
        let asks = protocol == IpProtocol::TCP || protocol.is_icmp();
        let answer = connectivity(self.played, self.id).filter(|_| asks)?;
        let last = answer.hops.last()?;
        let status = if answer.reachable { "Reachable" } else { "Unreachable" };
        let issue = answer.hops.iter().find_map(|hop| Some((hop, hop.issues.first()?)));
        let of_issue = issue.map(|(hop, issue)| {
            let (key, value) = issue.kind.context();
            format!("{} {key} {value} at {}", issue.kind.text(), hop.address)
        });
        // DIAG-08: newer replies say how the port answered.
        let closed = self.death.is_some_and(|(_, reason)| reason == DropReason::GuestPortClosed);
        let of_port = closed.then(|| "destinationPortStatus NoConnection".to_owned());
        let found = of_issue.or(of_port);
        let bearing = match (&found, self.death) {
            (Some(_), _) => Bearing::Shows,
            (None, Some((place, reason))) => {
                let place = self.explainer.place(place);
                Bearing::Misleading(format!("it names no issue; the cause is {reason} at {place}"))
            }
            (None, None) => Bearing::Neutral,
        };
        let found = found.unwrap_or_else(|| "no issue".to_owned());
        Some(AzureVerdict {
            tool: Tool::ConnectionTroubleshoot,
            at: format!("to {}", self.entry.to.address),
            says: format!("{status}, last hop {} {}, {found}", last.kind.text(), last.address),
            bearing,
        })
    }
}

/// A row as the table of effective routes has it.
fn row_words(row: &RibRoute) -> String {
    let state =
        if matches!(row.state, RouteState::Active | RouteState::Unused(_)) { "Active" } else { "Invalid" };
    let ip = row.next_hop_ip.map_or_else(String::new, |ip| format!(" {ip}"));
    format!("{} {state} {} {}{ip}", row.source, row.prefix, row.next_hop_type)
}
