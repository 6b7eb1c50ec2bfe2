//! Steps to hops: who decided what, with names, places in the input, and the losers of each contest.

use std::net::IpAddr;

use vnetsim_compile::{
    Compiled, Epoch, NextHopType, RibRoute, RouteOrigin, RouteSource, RouteState, Withheld,
};
use vnetsim_model::Network;
use vnetsim_types::{
    AclIx, ApplianceAction, Direction, DropReason, FlowKey, NicId, NsgLevel, Part, PeeringId, Place, RouteIx,
    RuleIx, SimTime, Span, Step, SubnetId,
};

use crate::{ConversationTrace, Diagnosis, PacketTrace, diagnose, tags::tag_words};

/// What kind of decision a hop is.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum HopKind {
    /// Somebody sent the packet.
    Sent,
    /// A flow record let it pass.
    FlowRecord,
    /// An NSG, or the lack of one, decided.
    Nsg,
    /// A route was chosen.
    Route,
    /// It crossed a peering.
    Peering,
    /// A balancer chose a backend.
    LoadBalancer,
    /// An appliance forwarded it.
    Appliance,
    /// A gateway forwarded it.
    Gateway,
    /// A public address was put in or taken out.
    PublicAddress,
    /// It arrived.
    Delivered,
    /// It died.
    Dropped,
}

/// A route that lost, and why.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Loser {
    /// False for a route that is not even in the table.
    pub listed: bool,
    /// The route in words.
    pub route: String,
    /// `shorter prefix`, `lower source`, or the rule that withheld it.
    pub why: String,
}

/// One decision in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Hop {
    /// Virtual time.
    pub at: SimTime,
    /// Kind of decision.
    pub kind: HopKind,
    /// Where: a NIC, a subnet, a pair of networks, a gateway.
    pub place: String,
    /// Direction at a NIC.
    pub direction: Option<Direction>,
    /// What was decided.
    pub decision: String,
    /// By what: rule, route, link, record.
    pub by: String,
    /// More to know, a line each.
    pub notes: Vec<String>,
    /// Where the input says it.
    pub span: Span,
    /// The routes that lost.
    pub losers: Vec<Loser>,
}

impl Hop {
    fn empty(at: SimTime) -> Self {
        Self {
            at,
            kind: HopKind::Sent,
            place: String::new(),
            direction: None,
            decision: String::new(),
            by: String::new(),
            notes: Vec::new(),
            span: Span::default(),
            losers: Vec::new(),
        }
    }
}

/// A packet's way in words.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct PacketExplanation {
    /// Which packet of the conversation.
    pub part: Part,
    /// The five-tuple as sent.
    pub key: FlowKey,
    /// The decisions.
    pub hops: Vec<Hop>,
    /// When it was sent.
    pub sent: SimTime,
    /// When it arrived or died.
    pub ended: SimTime,
}

/// Turns steps into words. Borrows what a run forwarded with.
#[derive(Clone, Copy, Debug)]
pub struct Explainer<'a> {
    /// The network at the end of the run: names of everything that ever existed.
    pub network: &'a Network,
    /// The epochs of the run, at least one.
    epochs: &'a [Epoch],
}

impl<'a> Explainer<'a> {
    /// For a run with these epochs. Panics when there is none: every run has one.
    pub fn new(epochs: &'a [Epoch]) -> Self {
        let last = epochs.last().expect("every run has a first epoch");
        Self { network: &last.network, epochs }
    }

    /// The tables in force at `now`.
    pub fn at(&self, now: SimTime) -> &'a Compiled {
        self.epoch(now).compiled()
    }

    /// All epochs of the run.
    pub(crate) fn epochs(&self) -> &'a [Epoch] {
        self.epochs
    }

    /// The epochs that began up to `now`.
    pub(crate) fn epochs_until(&self, now: SimTime) -> impl Iterator<Item = &'a Epoch> {
        self.epochs.iter().take_while(move |epoch| epoch.from <= now)
    }

    /// The epoch in force at `now`.
    pub fn epoch(&self, now: SimTime) -> &'a Epoch {
        let started = self.epochs.partition_point(|epoch| epoch.from <= now);
        &self.epochs[started.max(1) - 1]
    }

    /// The packets of a conversation in words.
    pub fn conversation(&self, trace: &ConversationTrace) -> Vec<PacketExplanation> {
        trace.packets.iter().filter_map(|packet| self.packet(packet)).collect()
    }

    /// Why the conversation died; `None` when it completed.
    pub fn diagnosis(&self, trace: &ConversationTrace) -> Option<Diagnosis> {
        let dead = trace.dead()?;
        let (at, reason) = dead.drop()?;
        diagnose::diagnose(self, trace, dead, at, reason)
    }

    /// Why `packet` of `trace` came to nothing at `at`, for `reason`: it may have arrived and been turned away.
    pub fn diagnosis_of(
        &self,
        trace: &ConversationTrace,
        packet: &PacketTrace,
        at: Place,
        reason: DropReason,
    ) -> Option<Diagnosis> {
        diagnose::diagnose(self, trace, packet, at, reason)
    }

    fn packet(&self, trace: &PacketTrace) -> Option<PacketExplanation> {
        let (sent, ended) = (trace.steps.first()?.0, trace.steps.last()?.0);
        let hops = self.hops(&trace.steps);
        Some(PacketExplanation { part: trace.part, key: trace.key()?, hops, sent, ended })
    }

    /// Steps of a packet, one after the other, in words.
    pub fn hops(&self, steps: &[(SimTime, Step)]) -> Vec<Hop> {
        let mut hops: Vec<Hop> = Vec::with_capacity(steps.len());
        let mut before: Option<Step> = None;
        for (now, step) in steps {
            match (before, step, hops.last_mut()) {
                // Both attachments are missing: one line says so.
                (Some(Step::NoNsg { at: a, .. }), Step::NoNsg { at: b, .. }, Some(last)) if a == *b => {
                    last.by = "no NSG on NIC and subnet".to_owned();
                }
                _ => hops.push(self.hop(*now, step)),
            }
            before = Some(*step);
        }
        hops
    }

    /// Each step as place, decision and what decided.
    pub fn hops_apart(&self, steps: &[(SimTime, Step)]) -> Vec<(String, String, String)> {
        let hops = steps.iter().map(|(now, step)| self.hop(*now, step));
        hops.map(|hop| (hop.place, hop.decision, hop.by)).collect()
    }

    /// The contest of the routes of `subnet` for `dst`, which `winner` won.
    pub fn route_contest(&self, now: SimTime, subnet: SubnetId, dst: IpAddr, winner: Option<RouteIx>) -> Hop {
        self.hop(now, &Step::Route { subnet, dst, route: winner, ways: 1 })
    }

    fn hop(&self, now: SimTime, step: &Step) -> Hop {
        let network = self.network;
        let mut hop = Hop::empty(now);
        match *step {
            Step::Sent { from, ttl, .. } => {
                hop.place = self.place(from);
                hop.decision = format!("sends, ttl {ttl}");
            }
            Step::FlowHit { nic, direction, record } => {
                hop.kind = HopKind::FlowRecord;
                (hop.place, hop.direction) = (self.nic(nic), Some(direction));
                hop.decision = "allow".to_owned();
                let opened = if record.opened == Direction::Inbound { "inbound" } else { "outbound" };
                hop.by =
                    format!("flow record, opened {opened} at {}; NSGs are not asked again", record.created);
            }
            Step::NoNsg { at, direction, level } => {
                hop.kind = HopKind::Nsg;
                (hop.place, hop.direction) = (self.filter_point(at), Some(direction));
                hop.decision = "allow".to_owned();
                hop.by = self.unasked(at).unwrap_or_else(|| format!("no NSG on the {}", level_word(level)));
            }
            Step::Nsg { at, direction, level, acl, rule, allowed } => {
                hop.kind = HopKind::Nsg;
                (hop.place, hop.direction) = (self.filter_point(at), Some(direction));
                self.nsg_hop(&mut hop, now, level, acl, rule, allowed);
            }
            Step::Route { subnet, dst, route, ways } => {
                hop.kind = HopKind::Route;
                hop.place = network.subnet_path(subnet);
                self.route_hop(&mut hop, now, subnet, dst, route);
                if ways > 1 {
                    hop.notes.push(format!("one of {ways} equal routes, by the flow's hash (FE-04)"));
                }
            }
            Step::Rewritten { nic, key } => {
                hop.kind = HopKind::LoadBalancer;
                hop.place = self.nic(nic);
                hop.decision = format!("translated to {key}");
                hop.by = "load balancer (LB-03)".to_owned();
            }
            Step::LoadBalancer { lb, rule, backend, healthy, members } => {
                hop.kind = HopKind::LoadBalancer;
                let lb = &network[lb];
                hop.place = lb.name.value.clone();
                hop.decision = format!("-> {}", self.nic(backend));
                hop.by = format!("rule {}, {healthy}/{members} healthy", lb.rules[rule as usize].name.value);
                hop.span = lb.name.span;
            }
            Step::Peering { link, forwarded } => {
                hop.kind = HopKind::Peering;
                self.peering_hop(&mut hop, now, link, forwarded);
            }
            Step::Gateway { gateway, to, ttl } => {
                hop.kind = HopKind::Gateway;
                hop.place = network[gateway].name.value.clone();
                hop.decision = format!("-> {}", self.place(to));
                hop.by = format!("ttl {ttl}");
                hop.span = network[gateway].name.span;
            }
            Step::PublicAddress { nic, key } => {
                hop.kind = HopKind::PublicAddress;
                hop.place = self.nic(nic);
                hop.decision = format!("translated to {key}");
            }
            Step::Appliance { nic_in, nic_out, action } => {
                hop.kind = HopKind::Appliance;
                hop.place = self.place(Place::Nic(nic_in));
                self.appliance_hop(&mut hop, nic_in, nic_out, action);
            }
            Step::Delivered { to, key, ttl } => {
                hop.kind = HopKind::Delivered;
                hop.place = self.place(to);
                hop.decision = format!("delivered, ttl {ttl}, from {}", key.src);
            }
            Step::Dropped { at, reason } => {
                hop.kind = HopKind::Dropped;
                hop.place = self.place(at);
                hop.decision = format!("DROP {reason}");
                hop.by = reason.rule().to_owned();
            }
        }
        hop
    }

    /// NSG-25: the NSG of a private endpoint's subnet that `privateEndpointNetworkPolicies` keeps out.
    fn unasked(&self, at: Place) -> Option<String> {
        let Place::PrivateEndpoint(id) = at else { return None };
        let subnet = &self.network[self.network[id].subnet];
        let (nsg, policies) = (subnet.nsg.as_ref()?, subnet.private_endpoint_policies);
        let name = &self.network[nsg.value].name.value;
        (!policies.filters()).then(|| {
            format!("{name} is not asked: privateEndpointNetworkPolicies {} (NSG-25)", policies.text())
        })
    }

    fn nsg_hop(&self, hop: &mut Hop, now: SimTime, level: NsgLevel, acl: AclIx, rule: RuleIx, allowed: bool) {
        let compiled = self.at(now);
        let (info, acl) = (compiled.rule(rule), compiled.acl(acl));
        let nsg = &self.network[acl.nsg];
        hop.decision = if allowed { "allow" } else { "DENY" }.to_owned();
        hop.by = format!("{} ({}) {} ({})", nsg.name.value, level_word(level), info.name, info.priority);
        hop.span = if info.custom.is_some() { info.span } else { nsg.name.span };
        let mut sides = vec![info.source.as_str()];
        if info.destination != info.source {
            sides.push(&info.destination);
        }
        for tag in sides {
            if let Some(expanded) = tag_words(&self.epoch(now).network, compiled, acl.subnet, tag) {
                hop.notes.push(format!("{tag} = {expanded}"));
            }
        }
    }

    fn route_hop(&self, hop: &mut Hop, now: SimTime, subnet: SubnetId, dst: IpAddr, winner: Option<RouteIx>) {
        let compiled = self.at(now);
        match winner {
            Some(ix) => {
                let route = compiled.route(ix);
                hop.decision = format!("{} -> {}", route.prefix, next_hop_words(route));
                hop.by = self.origin_words(route);
                hop.span = self.origin_span(route);
            }
            None => hop.decision = format!("no route for {dst}"),
        }
        let won = winner.map(|ix| compiled.route(ix));
        // Two equal rows of the platform are one to a reader, as `routes` shows them.
        let itself = |r: &RibRoute| won.is_some_and(|won| self.route_words(won) == self.route_words(r));
        let candidates =
            compiled.all_routes(subnet).filter(|(ix, r)| Some(*ix) != winner && r.prefix.contains(&dst));
        let mut losers: Vec<_> = candidates.map(|(_, r)| r).collect();
        losers.sort_by_key(|r| (std::cmp::Reverse(r.prefix.prefix_len()), std::cmp::Reverse(r.source)));
        for route in losers.into_iter().filter(|r| !uninteresting(r) && !itself(r)) {
            let why = loser_words(route, won);
            let listed = !matches!(route.state, RouteState::Withheld(_));
            hop.losers.push(Loser { listed, route: self.route_words(route), why });
        }
    }

    fn peering_hop(&self, hop: &mut Hop, now: SimTime, link: PeeringId, forwarded: bool) {
        let network = &self.epoch(now).network;
        let flags = &network[link];
        let (from, to) = (&network[flags.remote.value].name.value, &network[flags.vnet].name.value);
        hop.place = format!("{from} => {to}");
        hop.by = format!("link {}, {}", network.link_path(link), flags.state.text());
        hop.notes.push(format!(
            "allowVirtualNetworkAccess {}, allowForwardedTraffic {}",
            flags.allow_virtual_network_access.value, flags.allow_forwarded_traffic.value
        ));
        hop.decision = if forwarded {
            format!("forwarded traffic: the source is not {from}'s own")
        } else {
            format!("source is {from}'s own")
        };
        hop.span = if forwarded { flags.allow_forwarded_traffic.span } else { flags.name.span };
    }

    fn appliance_hop(&self, hop: &mut Hop, nic_in: NicId, nic_out: NicId, action: ApplianceAction) {
        let vm = self.network[nic_in].vm.map(|vm| &self.network[vm]);
        let role = vm.map_or("host", |vm| vm.guest.role.text());
        let leaves = if nic_in == nic_out { String::new() } else { format!(" by {}", self.nic(nic_out)) };
        (hop.decision, hop.by) = match action {
            ApplianceAction::Forwarded { ttl } => (format!("forwards{leaves}, ttl {ttl}"), role.to_owned()),
            ApplianceAction::Translated { ttl, key } => {
                (format!("translates{leaves}, ttl {ttl}"), format!("{role}, now {key}"))
            }
        };
        hop.span = vm.map_or(Span::default(), |vm| vm.name.span);
    }

    /// A place by its name: the VM for a NIC that has one.
    pub fn place(&self, place: Place) -> String {
        match place {
            Place::Nic(nic) => match self.network[nic].vm {
                Some(vm) => self.network[vm].name.value.clone(),
                None => self.nic(nic),
            },
            Place::Gateway(gateway) => self.network[gateway].name.value.clone(),
            Place::Site(site) => self.network[site].name.value.clone(),
            Place::Internet => "Internet".to_owned(),
            Place::PrivateEndpoint(id) => self.network[id].name.value.clone(),
            Place::Platform => "Azure".to_owned(),
        }
    }

    /// Where an NSG is asked: a NIC by its own name, or a private endpoint.
    pub(crate) fn filter_point(&self, at: Place) -> String {
        if let Place::Nic(nic) = at { self.nic(nic) } else { self.place(at) }
    }

    /// A NIC by its name.
    pub fn nic(&self, nic: NicId) -> String {
        self.network[nic].name.value.clone()
    }

    /// A route in words: prefix, next hop, origin.
    pub fn route_words(&self, route: &RibRoute) -> String {
        format!("{} -> {}  {}", route.prefix, next_hop_words(route), self.origin_words(route))
    }

    /// `Default`, `User rt-s1/to-s2`, `Default by link s1/s1-to-hub`, ...
    pub fn origin_words(&self, route: &RibRoute) -> String {
        match &route.origin {
            RouteOrigin::System => "Default".to_owned(),
            RouteOrigin::AddressSpace(_) => "Default, address space".to_owned(),
            RouteOrigin::Peering(link) => format!("Default, link {}", self.network.link_path(*link)),
            RouteOrigin::Gateway(gateway) => {
                format!("{}, {}", RouteSource::VirtualNetworkGateway, self.network[*gateway].name.value)
            }
            RouteOrigin::RouteServer(server, peer) => {
                let server = &self.network[*server];
                let (source, peer) = (RouteSource::VirtualNetworkGateway, &server.peers[*peer].name.value);
                format!("{source}, {} from {peer}", server.name.value)
            }
            RouteOrigin::PrivateEndpoint(id) => {
                format!("Default, private endpoint {}", self.network[*id].name.value)
            }
            RouteOrigin::ServiceEndpoint(tag, _) => format!("Default, service endpoint {tag}"),
            RouteOrigin::User { table, name, .. } => {
                format!("User {}/{name}", self.network[*table].name.value)
            }
        }
    }

    /// Where the input says it.
    pub fn origin_span(&self, route: &RibRoute) -> Span {
        match &route.origin {
            RouteOrigin::System => Span::default(),
            RouteOrigin::AddressSpace(span)
            | RouteOrigin::ServiceEndpoint(_, span)
            | RouteOrigin::User { span, .. } => *span,
            RouteOrigin::Peering(link) => self.network[*link].name.span,
            RouteOrigin::Gateway(gateway) => self.network[*gateway].name.span,
            RouteOrigin::RouteServer(server, peer) => self.network[*server].peers[*peer].name.span,
            RouteOrigin::PrivateEndpoint(id) => self.network[*id].name.span,
        }
    }
}

/// Rows that nobody would expect to win: system routes replaced by an equal one of the system.
fn uninteresting(route: &RibRoute) -> bool {
    matches!(route.state, RouteState::Withheld(Withheld::NoneRouteReplaced))
}

fn loser_words(route: &RibRoute, won: Option<&RibRoute>) -> String {
    match route.state {
        RouteState::Withheld(why) | RouteState::Unused(why) => withheld_words(why).to_owned(),
        RouteState::Invalid { .. } => match won.filter(|won| won.prefix == route.prefix) {
            Some(won) if won.source != route.source => {
                format!("Invalid: same prefix; {} beats {}", won.source, route.source)
            }
            _ => "Invalid: same prefix, lower source".to_owned(),
        },
        RouteState::Active if won.is_some_and(|won| won.prefix.prefix_len() == route.prefix.prefix_len()) => {
            "equal; shares the traffic by the flow's hash (FE-04)".to_owned()
        }
        RouteState::Active => "shorter prefix".to_owned(),
    }
}

/// Why Azure does not list a row.
pub(crate) fn withheld_words(why: Withheld) -> &'static str {
    match why {
        Withheld::InsideVnetOrPeer => "learned prefix inside the own or a peered network (RT-12)",
        Withheld::DefaultReplaced => "a replaced 0.0.0.0/0 removes the None routes (RT-04)",
        Withheld::NoneRouteReplaced => "an equal route replaces it (RT-03)",
        Withheld::InternetLearned => "a learned 0.0.0.0/0 replaces it (FE-02)",
        Withheld::InsideServiceEndpoint => "the service endpoint cannot be overridden (RT-07)",
        Withheld::PropagationDisabled => "disableBgpRoutePropagation is true on the route table (RT-14)",
    }
}

/// `VirtualAppliance 10.10.0.4`, `VNetPeering`, ...
pub(crate) fn next_hop_words(route: &RibRoute) -> String {
    match (route.next_hop_type, route.next_hop_ip) {
        (kind @ (NextHopType::VirtualAppliance | NextHopType::VirtualNetworkGateway), Some(ip)) => {
            format!("{kind} {ip}")
        }
        (kind, _) => kind.to_string(),
    }
}

pub(crate) fn level_word(level: NsgLevel) -> &'static str {
    match level {
        NsgLevel::Subnet => "subnet",
        NsgLevel::Nic => "NIC",
    }
}

/// Prefixes in one line; long lists are cut and counted.
pub(crate) fn list(prefixes: impl AsRef<[vnetsim_types::IpNet]>) -> String {
    const SHOWN: usize = 6;
    let prefixes = prefixes.as_ref();
    let mut text: Vec<String> = prefixes.iter().take(SHOWN).map(ToString::to_string).collect();
    if prefixes.len() > SHOWN {
        text.push(format!("and {} more", prefixes.len() - SHOWN));
    }
    text.join(" ")
}
