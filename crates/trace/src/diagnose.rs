//! From a dead packet to its cause: the object, its place in the input, and what to change.

use std::net::IpAddr;

use vnetsim_model::{Network, UserNextHop};
use vnetsim_types::{
    ApplianceAction, DropReason, FlowKey, NicId, Part, PeeringId, Place, RouteIx, SimTime, Span, Step,
    SubnetId, VnetId,
};

use vnetsim_compile::{NextHopType, RouteOrigin};

use crate::{ConversationTrace, Explainer, PacketTrace, explain::next_hop_words, route_none};

/// Why a conversation died, in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Diagnosis {
    /// The stable reason.
    pub reason: DropReason,
    /// Where the packet died.
    pub place: String,
    /// The packet's five-tuple when it died.
    pub key: FlowKey,
    /// True when the request got through and the answer died.
    pub on_return: bool,
    /// The object that decided: a rule, a route, a link, a NIC.
    pub object: String,
    /// Where the input says it; the empty span for the platform's own defaults.
    pub span: Span,
    /// What led there, a sentence each.
    pub because: Vec<String>,
    /// What to change, a line each; alternatives start with "or".
    pub fix: Vec<String>,
}

/// The dead packet of `trace`, seen from its last steps.
pub(crate) struct Case<'a> {
    pub(crate) explainer: &'a Explainer<'a>,
    pub(crate) network: &'a Network,
    pub(crate) trace: &'a ConversationTrace,
    pub(crate) packet: &'a PacketTrace,
    pub(crate) now: SimTime,
    pub(crate) at: Place,
    pub(crate) key: FlowKey,
}

/// What a case adds to its reason.
#[derive(Default)]
pub(crate) struct Finding {
    pub(crate) object: String,
    pub(crate) span: Span,
    pub(crate) because: Vec<String>,
    pub(crate) fix: Vec<String>,
}

impl Diagnosis {
    /// What is known of a death at `at` that no recorded packet shows: the reason, what it usually means, and which
    /// failures of the scenario it fits.
    pub fn of_reason(
        explainer: &Explainer<'_>,
        reason: DropReason,
        at: Place,
        key: FlowKey,
        on_return: bool,
    ) -> Self {
        let (place, because) = (explainer.place(at), explainer.failures(at, reason));
        let (object, fix) = (place.clone(), vec![reason.hint().to_owned()]);
        Self { reason, place, key, on_return, object, span: Span::default(), because, fix }
    }
}

/// Why `packet` of `trace` came to nothing at `at`, for `reason`.
pub(crate) fn diagnose(
    explainer: &Explainer<'_>,
    trace: &ConversationTrace,
    packet: &PacketTrace,
    at: Place,
    reason: DropReason,
) -> Option<Diagnosis> {
    let (now, _) = *packet.steps.last()?;
    let key = packet.steps.iter().rev().find_map(|(_, step)| key_of(step))?;
    let case = Case { explainer, network: &explainer.epoch(now).network, trace, packet, now, at, key };
    let mut finding = case.finding(reason);
    if finding.fix.is_empty() {
        finding.fix.push(reason.hint().to_owned());
    }
    // Nothing stands before the first line that it could be the alternative of.
    if let Some(first) = finding.fix.first_mut()
        && let Some(alone) = first.strip_prefix("or ")
    {
        *first = alone.to_owned();
    }
    Some(Diagnosis {
        reason,
        place: explainer.place(at),
        key,
        on_return: !packet.part.is_forward(),
        object: finding.object,
        span: finding.span,
        because: once(finding.because),
        fix: once(finding.fix),
    })
}

/// The five-tuple that a step shows.
fn key_of(step: &Step) -> Option<FlowKey> {
    match step {
        Step::Sent { key, .. } | Step::PublicAddress { key, .. } | Step::Rewritten { key, .. } => Some(*key),
        Step::Appliance { action: ApplianceAction::Translated { key, .. }, .. } => Some(*key),
        _ => None,
    }
}

impl Case<'_> {
    fn finding(&self, reason: DropReason) -> Finding {
        match reason {
            DropReason::RouteNone => route_none::finding(self),
            DropReason::NsgDeny | DropReason::InsufficientInput => self.nsg(),
            DropReason::ForwardedTrafficBlocked => self.forwarded_blocked(),
            DropReason::PeeringAccessDisabled => self.access_disabled(),
            DropReason::SourceNotOwned | DropReason::IpForwardingDisabled => self.nic_flag(),
            DropReason::GuestNotForwarding | DropReason::GuestPortClosed => self.guest(),
            DropReason::NextHopUnreachable | DropReason::NoSuchDestination => self.nobody_there(),
            DropReason::NextHopNotDirectlyConnected => self.out_of_reach(),
            DropReason::GatewayUnavailable => self.no_gateway(),
            DropReason::NoLoadBalancerRule
            | DropReason::NoHealthyBackend
            | DropReason::GlobalPeeringBasicLb => self.balancer(reason),
            DropReason::RoutingLoop => self.looped(),
            DropReason::TtlExpired => self.short_lived(),
            DropReason::NvaNoSession => self.no_session(),
            DropReason::SourceNotTranslatable => self.no_snat(),
            DropReason::SubnetNotPeered => self.subnet_not_peered(),
            DropReason::LoadBalancerHairpin => self.hairpin(),
            DropReason::NvaPolicyDeny => self.policy_denied(),
            DropReason::EgressBandwidthExceeded => self.over_bandwidth(),
            DropReason::MtuExceeded | DropReason::FragmentUnsupported => self.too_large(),
            DropReason::NoRouteOnPrem => self.unknown_on_premises(),
            DropReason::NoOutboundPath => self.no_way_out(),
            _ => Finding {
                object: self.explainer.place(self.at),
                because: self.explainer.failures(self.at, reason),
                ..Finding::default()
            },
        }
    }

    /// The last route decision: subnet and winner.
    pub(crate) fn last_route(&self) -> Option<(SubnetId, Option<RouteIx>)> {
        self.packet.steps.iter().rev().find_map(|(_, step)| match step {
            Step::Route { subnet, route, .. } => Some((*subnet, *route)),
            _ => None,
        })
    }

    pub(crate) fn last_link(&self) -> Option<PeeringId> {
        self.packet.steps.iter().rev().find_map(|(_, step)| match step {
            Step::Peering { link, .. } => Some(*link),
            _ => None,
        })
    }

    pub(crate) fn nic_at(&self) -> Option<NicId> {
        if let Place::Nic(nic) = self.at { Some(nic) } else { None }
    }

    /// The route table of a subnet by name, or how to get one.
    pub(crate) fn table_of(&self, subnet: SubnetId) -> String {
        match &self.network[subnet].route_table {
            Some(table) => format!("route table {}", self.network[table.value].name.value),
            None => format!("a route table for {}", self.network.subnet_path(subnet)),
        }
    }

    /// The object of the last route: the route itself, with its words.
    pub(crate) fn route_object(&self) -> Finding {
        let Some((subnet, Some(ix))) = self.last_route() else { return Finding::default() };
        let route = self.explainer.at(self.now).route(ix);
        let path = self.network.subnet_path(subnet);
        let object = format!("route {}, in the routes of {path}", self.explainer.route_words(route));
        let hop = next_hop_words(route);
        let because = vec![format!("{} is routed to {hop}", self.key.dst)];
        Finding { object, span: self.explainer.origin_span(route), because, fix: Vec::new() }
    }

    /// The object that is not modelled as what the packet needs it to be.
    pub(crate) fn unmodelled(&self) -> Finding {
        let (network, dst) = (self.network, self.key.dst);
        let lb = network.load_balancers().iter().find(|lb| lb.frontends.iter().any(|f| f.address == dst));
        let has = |g: &&vnetsim_model::Gateway| {
            g.instances.iter().any(|i| i.address == dst || i.public_address == Some(dst))
        };
        let gateway = network.gateways().iter().find(has);
        let (object, span) = match (lb, gateway) {
            (Some(lb), _) => (format!("load balancer {} as a destination", lb.name.value), lb.name.span),
            (_, Some(gateway)) => {
                (format!("gateway {} as a destination", gateway.name.value), gateway.name.span)
            }
            (None, None) => {
                let finding = self.route_object();
                if finding.object.is_empty() {
                    (format!("{dst}, an address of the platform"), Span::default())
                } else {
                    (finding.object, finding.span)
                }
            }
        };
        let because = vec![format!("vnetsim does not model yet what {object} does with the packet")];
        Finding { object, span, because, fix: Vec::new() }
    }

    fn forwarded_blocked(&self) -> Finding {
        let Some(link) = self.last_link() else { return Finding::default() };
        let flags = &self.network[link];
        let from = &self.network[flags.remote.value].name.value;
        let path = self.network.link_path(link);
        Finding {
            object: format!("peering link {path}: allowForwardedTraffic false"),
            span: flags.allow_forwarded_traffic.span,
            because: vec![format!(
                "the packet comes from {from}, but its source {} is not {from}'s own: somebody forwarded it",
                self.key.src
            )],
            fix: vec![
                format!("{path}: set allowForwardedTraffic: true"),
                "or let the appliance translate the source to its own address".to_owned(),
            ],
        }
    }

    fn access_disabled(&self) -> Finding {
        let Some(link) = self.last_link() else { return Finding::default() };
        let back = self.network.link_between(self.network[link].remote.value, self.network[link].vnet);
        let both = [Some(link), back.map(|(id, _)| id)];
        let off = |id: &PeeringId| !self.network[*id].allow_virtual_network_access.value;
        let Some(off) = both.into_iter().flatten().find(off) else { return Finding::default() };
        let path = self.network.link_path(off);
        Finding {
            object: format!("peering link {path}: allowVirtualNetworkAccess false"),
            span: self.network[off].allow_virtual_network_access.span,
            because: vec![
                "the rule set reads this flag as a hard stop (vnet_access_model strict, U-01)".to_owned(),
            ],
            fix: vec![format!("{path}: set allowVirtualNetworkAccess: true")],
        }
    }

    fn nic_flag(&self) -> Finding {
        let Some(nic) = self.nic_at() else { return Finding::default() };
        let (name, network) = (self.explainer.nic(nic), self.network);
        let own: Vec<String> = network[nic].ip_configurations.iter().map(|c| c.address.to_string()).collect();
        Finding {
            object: format!("NIC {name}: enableIPForwarding {}", network[nic].enable_ip_forwarding.value),
            span: network[nic].enable_ip_forwarding.span,
            because: vec![format!("{name} has {}; the packet is {}", own.join(" "), self.key)],
            fix: vec![format!("{name}: set enableIPForwarding: true, if it is an appliance")],
        }
    }

    fn guest(&self) -> Finding {
        let vm = self.nic_at().and_then(|nic| self.network[nic].vm);
        let Some(vm) = vm.map(|vm| &self.network[vm]) else { return Finding::default() };
        let name = &vm.name.value;
        let on = if vm.guest.ip_forwarding.value { "on" } else { "off" };
        Finding {
            object: format!("guest of {name}: role {}, forwarding {on}", vm.guest.role.text()),
            span: vm.guest.ip_forwarding.span,
            because: vec![format!("{} reached {name}", self.key)],
            fix: Vec::new(),
        }
    }

    fn looped(&self) -> Finding {
        let mut finding = self.route_object();
        if let Place::Gateway(_) = self.at {
            let (place, dst) = (self.explainer.place(self.at), self.key.dst);
            finding.because =
                vec![format!("{place} and the gateways around it send it to each other for ever")];
            finding.fix =
                vec![format!("give one of them a connection whose prefixes hold {dst} and are longer")];
            return finding;
        }
        let Some((subnet, _)) = self.last_route() else { return finding };
        let passes = self.packet.via().filter(|place| *place == self.at).count();
        let (path, place) = (self.network.subnet_path(subnet), self.explainer.place(self.at));
        finding.because = vec![format!(
            "{place} forwarded it {passes} times; the routes of its own subnet {path} send it back, until ttl 0"
        )];
        finding.fix = vec![format!(
            "take that route out of {}, or give {path} a table without it",
            self.table_of(subnet)
        )];
        if self.network.vnets().iter().all(|v| v.address_space.iter().all(|p| !p.contains(&self.key.dst))) {
            finding.fix.push(format!("or add 0.0.0.0/0 -> Internet to the table of {path}"));
        }
        finding
    }

    /// FAB-15: no loop, just too many routers for the time to live that the packet began with.
    fn short_lived(&self) -> Finding {
        let place = self.explainer.place(self.at);
        let sent = self.packet.steps.iter().find_map(|(_, step)| match step {
            Step::Sent { ttl, .. } => Some(*ttl),
            _ => None,
        });
        let sent = sent.map_or_else(String::new, |ttl| format!("it was sent with ttl {ttl}; "));
        Finding {
            object: format!("{place}, a router on the way"),
            because: vec![format!("{sent}every appliance lowers it by one, and {place} came to 0")],
            fix: vec!["send with a larger time to live".to_owned()],
            ..Finding::default()
        }
    }

    /// The route led to somebody who is stopped, or to nobody.
    fn nobody_there(&self) -> Finding {
        let mut finding = self.route_object();
        let route = self.last_route().and_then(|(_, ix)| ix).map(|ix| self.explainer.at(self.now).route(ix));
        let address = route.and_then(|r| r.next_hop_ip).unwrap_or(self.key.dst);
        let stopped = self
            .network
            .vms()
            .iter()
            .find(|vm| !vm.running && vm.nics.iter().any(|nic| self.network[*nic].owns(address)));
        if let Some(vm) = stopped {
            finding.because.push(format!(
                "{} has {address} and is stopped since {}",
                vm.name.value,
                self.stopped_since(vm)
            ));
            finding.fix.push(format!("start {}", vm.name.value));
        } else if self.network.nics().iter().all(|nic| !nic.owns(address)) {
            finding.because.push(format!("no NIC has {address}"));
        }
        self.longer_but_unused(&mut finding);
        finding
    }

    /// RT-18: who has the next hop, and what stands between.
    fn out_of_reach(&self) -> Finding {
        let mut finding = self.route_object();
        let Some((subnet, Some(ix))) = self.last_route() else { return finding };
        let home = self.network[subnet].vnet;
        let address = self.explainer.at(self.now).route(ix).next_hop_ip;
        let has = |vnet: &vnetsim_model::Vnet| {
            address.is_some_and(|ip| vnet.address_space.iter().any(|block| block.contains(&ip)))
        };
        let owner = self.network.vnets().iter().position(has).map(VnetId::new);
        let Some(owner) = owner.filter(|owner| *owner != home) else { return finding };
        let (here, there) = (&self.network[home].name.value, &self.network[owner].name.value);
        let links = [self.network.link_between(home, owner), self.network.link_between(owner, home)];
        let mut states: Vec<String> = links
            .into_iter()
            .flatten()
            .map(|(id, link)| format!("{} is {}", self.network.link_path(id), link.state.text()))
            .collect();
        if states.is_empty() {
            states.push(format!("{here} is not peered with it"));
        }
        finding.because.push(format!("the next hop is in {there}; {} (RT-18)", states.join(", ")));
        finding
    }

    /// When the epoch began in which the VM first stood still.
    pub(crate) fn stopped_since(&self, vm: &vnetsim_model::Vm) -> String {
        let mut since = None;
        for epoch in self.explainer.epochs_until(self.now) {
            let runs =
                epoch.network.vms().iter().any(|other| other.name.value == vm.name.value && other.running);
            since = if runs { None } else { since.or(Some(epoch.from)) };
        }
        match since {
            Some(SimTime::ZERO) | None => "the start".to_owned(),
            Some(at) => at.to_string(),
        }
    }

    /// FLOW-06: the other direction went another way.
    fn no_session(&self) -> Finding {
        let place = self.explainer.place(self.at);
        let mut finding = Finding {
            object: format!("sessions of {place}"),
            span: self
                .nic_at()
                .and_then(|n| self.network[n].vm)
                .map_or(Span::default(), |vm| self.network[vm].name.span),
            ..Finding::default()
        };
        if let Some(why) = self.session_forgotten(&place) {
            finding.because.push(why);
            finding
                .fix
                .push("open the connection again: one that is half open never recovers by itself".to_owned());
            return finding;
        }
        for packet in &self.trace.packets {
            let passed =
                packet.via().any(|via| via == self.at) || packet.drop().is_some_and(|(at, _)| at == self.at);
            if packet.part == self.packet.part || passed {
                continue;
            }
            let way: Vec<String> = packet.via().map(|via| self.explainer.place(via)).collect();
            let way = if way.is_empty() { "directly".to_owned() } else { format!("by {}", way.join(", ")) };
            finding.because.push(format!("{place} never saw the {}: it went {way}", part_word(packet)));
            let line = first_subnet(packet).and_then(|subnet| {
                self.route_line(subnet, &self.prefix_of(packet), self.appliance_address()?)
            });
            finding.fix.extend(line.or_else(|| self.past_appliance(packet)));
        }
        finding.fix.push(format!("or let {place} translate the source to its own address"));
        finding
    }

    /// The appliance passed both directions on before: since then it was stopped, or waited for too long.
    fn session_forgotten(&self, place: &str) -> Option<String> {
        let passed = |part| {
            let mut of_part = self.trace.packets.iter().filter(move |packet| packet.part == part);
            of_part.find(|packet| packet.via().any(|via| via == self.at))
        };
        let (request, _) = (passed(Part::Request)?, passed(Part::Reply)?);
        let (opened, _) = *request.steps.first()?;
        let vm = self.nic_at().and_then(|nic| self.network[nic].vm)?;
        let since = |epoch: &&vnetsim_compile::Epoch| epoch.from > opened && !epoch.network[vm].running;
        let stopped = self.explainer.epochs_until(self.now).find(since);
        Some(match stopped {
            Some(epoch) => {
                format!("{place} knew the connection, was stopped at {} and forgot it", epoch.from)
            }
            None => format!("{place} knew the connection and forgot it: it was idle for too long"),
        })
    }

    /// The block of the network that holds the destination of a packet that went another way.
    fn prefix_of(&self, packet: &PacketTrace) -> String {
        let dst = packet.key().map(|k| k.dst);
        let blocks = self.network.vnets().iter().flat_map(|v| &v.address_space);
        let block = blocks.into_iter().find(|b| dst.is_some_and(|d| b.contains(&d)));
        let of_site = || {
            let (dst, site) = (dst?, self.network.site_of(dst?)?);
            let site = &self.network[site];
            let holds =
                site.prefixes.iter().chain(&site.advertised).find(|p| p.prefix_len() > 0 && p.contains(&dst));
            Some(holds?.to_string())
        };
        let alone = || dst.map_or(String::new(), |d| format!("{d}/{}", if d.is_ipv6() { 128 } else { 32 }));
        block.map(|b| b.value.to_string()).or_else(of_site).unwrap_or_else(alone)
    }

    /// The address that routes use for the appliance here: the next hop that led to it, if one did.
    fn appliance_address(&self) -> Option<IpAddr> {
        let routes = self.packet.steps.iter().filter_map(|(now, step)| match step {
            Step::Route { route: Some(ix), .. } => Some(self.explainer.at(*now).route(*ix)),
            _ => None,
        });
        let mut hops = routes.filter(|r| r.next_hop_type == NextHopType::VirtualAppliance);
        hops.next().and_then(|r| r.next_hop_ip)
    }

    /// OUT-01: each way out, and why the packet cannot take it.
    fn no_way_out(&self) -> Finding {
        let Some(nic) = self.nic_at() else { return Finding::default() };
        let (name, path) = (self.explainer.nic(nic), self.network.subnet_path(self.network[nic].subnet));
        let subnet = &self.network[self.network[nic].subnet];
        let table = &self.explainer.at(self.now).tables.nics[nic.ix()];
        let (v6, protocol) = (self.key.src.is_ipv6(), self.key.protocol);
        let family = if v6 { "IPv6" } else { "IPv4" };
        let mut finding = Finding {
            object: format!("subnet {path} of {name}"),
            span: subnet.name.span,
            ..Finding::default()
        };
        if subnet.nat_gateway.iter().any(|address| address.is_ipv6() == v6) {
            finding.because.push(format!("its NAT gateway carries TCP and UDP, not {protocol} (OUT-05)"));
            finding.fix.push(format!("ask by TCP or UDP, or take the NAT gateway off {path}"));
            return finding;
        }
        finding.because.push(format!("no NAT gateway at {path} and no public IP at {name} for {family}"));
        finding.because.push(if table.shared_out[usize::from(v6)].is_some() {
            "the balancer's frontend is shared by TCP and UDP of the primary address only (OUT-04)".to_owned()
        } else if table.behind_standard_lb {
            format!("a Standard load balancer serves {name}: no default outbound access (LB-15)")
        } else if !subnet.default_outbound_access.value {
            finding.span = subnet.default_outbound_access.span;
            format!("defaultOutboundAccess of {path} is false (OUT-07)")
        } else {
            format!("default outbound access is for TCP, UDP and ICMP of IPv4, not {protocol} of {family} (OUT-07)")
        });
        finding
    }

    fn no_snat(&self) -> Finding {
        let Some(nic) = self.nic_at() else { return Finding::default() };
        let place = self.explainer.place(self.at);
        Finding {
            object: format!("{place} forwards to the internet without translating the source"),
            span: self.network[nic].vm.map_or(Span::default(), |vm| self.network[vm].name.span),
            because: vec![format!(
                "source {} is not an address of {}",
                self.key.src,
                self.explainer.nic(nic)
            )],
            fix: vec![format!(
                "{place}: guest: {{ snat: internet }}, as a real appliance must be configured"
            )],
        }
    }

    /// FAIL-02: the request came by an appliance, and the answer has no route to it. True when that is the case.
    pub(crate) fn way_back(&self, finding: &mut Finding, subnet: SubnetId) -> bool {
        let Some(request) = self.trace.packets.first().filter(|_| !self.packet.part.is_forward()) else {
            return false;
        };
        let Some(appliance) = request.via().filter(|via| matches!(via, Place::Nic(_))).last() else {
            return false;
        };
        let (name, path) = (self.explainer.place(appliance), self.network.subnet_path(subnet));
        finding
            .because
            .push(format!("the request came by {name}, but {path} has no route back to it (FAIL-02)"));
        let address =
            if let Place::Nic(nic) = appliance { self.network[nic].address_like(self.key.dst) } else { None };
        let block = self.prefix_of(self.packet);
        finding.fix.extend(address.and_then(|address| self.route_line(subnet, &block, address)));
        true
    }

    /// True for a user route of type None.
    pub(crate) fn user_drop(&self, ix: RouteIx) -> Option<(String, Span)> {
        let route = self.explainer.at(self.now).route(ix);
        let RouteOrigin::User { table, name, span, .. } = &route.origin else { return None };
        let table = &self.network[*table];
        let says_none =
            |r: &vnetsim_model::UserRoute| r.name.value == *name && r.next_hop == UserNextHop::None;
        table.routes.iter().any(says_none).then(|| (format!("{}/{name}", table.name.value), *span))
    }
}

/// The subnet that first routed a packet.
pub(crate) fn first_subnet(packet: &PacketTrace) -> Option<SubnetId> {
    packet.steps.iter().find_map(|(_, step)| match step {
        Step::Route { subnet, .. } => Some(*subnet),
        _ => None,
    })
}

/// Each sentence once: packets that were sent again say the same again.
fn once(sentences: Vec<String>) -> Vec<String> {
    let mut all: Vec<String> = Vec::with_capacity(sentences.len());
    for sentence in sentences {
        if !all.contains(&sentence) {
            all.push(sentence);
        }
    }
    all
}

fn part_word(packet: &PacketTrace) -> &'static str {
    use vnetsim_types::{IpProtocol, Part};
    let tcp = packet.key().is_some_and(|k| k.protocol == IpProtocol::TCP);
    match (packet.part, tcp) {
        (Part::Request, true) => "SYN",
        (Part::Reply, true) => "SYN-ACK",
        (Part::Request, false) => "request",
        (Part::Reply, false) => "reply",
        (Part::Ack, _) => "ACK",
        (Part::IcmpError, _) => "ICMP error",
        (Part::Forward, true) => "segment",
        (Part::Backward, true) => "answering segment",
        (Part::Forward, false) => "later packet",
        (Part::Backward, false) => "later answer",
    }
}
