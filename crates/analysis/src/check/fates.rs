//! Which mistake a flow's fate stands for (FAIL-01 to FAIL-04, FAIL-13, FAIL-17, FAIL-19, FAIL-20, FAIL-27 to FAIL-31).
//!
//! Owns the reading of one traced conversation: the fate comes from the one pipeline, the facts from its steps. Called for every
//! probe of a check, and for the flow of a trace. Must never decide a fate.

use std::net::IpAddr;

use vnetsim_compile::{Compiled, RouteOrigin};
use vnetsim_dataplane::{Appliance, NextHop};
use vnetsim_model::{Access, AddressSpec, Endpoint, Network, Traffic};
use vnetsim_sim::Outcome;
use vnetsim_trace::{ConversationTrace, Diagnosis, Explainer, PacketTrace};
use vnetsim_types::{
    ApplianceAction, DropReason, FindingCode, IpNet, NicId, NsgId, Part, Place, RouteIx, RuleIx, SimTime,
    Span, Step, SubnetId, TrafficId, VnetId,
};

use super::give_route;
use crate::{Fate, Finding, Played};

/// The mistake that the fate of entry `id` stands for, if it stands for one.
pub(super) fn finding(played: &Played, id: TrafficId) -> Option<Finding> {
    let fate = played.fate(id)?;
    let group = played.report.traffic[id.ix()].outcomes.first()?;
    let case = Case {
        network: &played.report.epochs[0].network,
        explainer: played.explainer(),
        traffic: &played.traffic[id.ix()],
        trace: played.shown(id, group)?.trace,
        fate: &fate,
    };
    match fate.outcome {
        Outcome::Completed => case.disputed_endpoint().or_else(|| case.asymmetric()),
        Outcome::Dropped { at, reason, .. } => {
            let diagnosis = played.diagnosis(id, group)?;
            let finding = case.mistake(at, reason, &diagnosis)?;
            let back = if diagnosis.on_return { ", on the way back" } else { "" };
            Some(finding.flow(format!("{} dies at {}: {reason}{back}", case.flow(), diagnosis.place)))
        }
        _ => None,
    }
}

/// One flow and what became of it.
pub(super) struct Case<'a> {
    pub(super) network: &'a Network,
    pub(super) explainer: Explainer<'a>,
    pub(super) traffic: &'a Traffic,
    pub(super) trace: &'a ConversationTrace,
    pub(super) fate: &'a Fate,
}

/// A route decision of a packet.
#[derive(Clone, Copy)]
pub(super) struct Decision {
    pub(super) now: SimTime,
    pub(super) subnet: SubnetId,
    pub(super) route: RouteIx,
}

impl Case<'_> {
    /// `vm1 -> vm2 tcp/443`.
    pub(super) fn flow(&self) -> String {
        let (from, to) = (self.end(&self.traffic.from), self.end(&self.traffic.to));
        format!("{from} -> {to} {}", self.traffic.protocol)
    }

    /// The name of an end; of a public address, of whoever has it.
    pub(super) fn end(&self, end: &Endpoint) -> String {
        let Place::Internet = end.place else { return self.explainer.place(end.place) };
        let has = |nic: &&vnetsim_model::Nic| {
            nic.ip_configurations.iter().any(|config| config.public_address == Some(end.address))
        };
        let balancer = self.network.load_balancers().iter();
        let balancer = balancer.filter(|lb| lb.frontends.iter().any(|f| f.address == end.address));
        let nic = self.network.nics().iter().find(has).map(|nic| &nic.name.value);
        match nic.or_else(|| balancer.map(|lb| &lb.name.value).next()) {
            Some(owner) => format!("{owner} ({})", end.address),
            None => "internet".to_owned(),
        }
    }

    /// `app -> fw -> vpngw -> onprem, back onprem -> vpngw -> app`.
    pub(super) fn ways(&self) -> String {
        let (from, to) = (self.end(&self.traffic.from), self.end(&self.traffic.to));
        let way = |from: &str, via: &[Place], to: &str| {
            let via = via.iter().map(|place| self.explainer.place(*place));
            let ends = std::iter::once(from.to_owned()).chain(via).chain([to.to_owned()]);
            ends.collect::<Vec<_>>().join(" -> ")
        };
        let out = way(&from, &self.fate.forward, &to);
        let Some(reply) = self.trace.way(Part::Reply) else { return out };
        // An answer that died shows where.
        let end = match reply.drop() {
            Some((at, _)) if !self.fate.back.contains(&at) => self.explainer.place(at),
            _ => from,
        };
        format!("{out}, back {}", way(&to, &self.fate.back, &end))
    }

    /// The mistake behind a death; `None` for those that are somebody's wish, or that the checks of objects name alone.
    fn mistake(&self, at: Place, reason: DropReason, diagnosis: &Diagnosis) -> Option<Finding> {
        use FindingCode as Code;
        let nic = if let Place::Nic(nic) = at { Some(nic) } else { None };
        let place = self.explainer.place(at);
        let from_internet = self.traffic.from.place == Place::Internet;
        // The same object as the check of objects names: there these add flows, here they stand for themselves.
        let of_object = |code: Code, object: String| {
            let mut finding = Finding::new(code, &object, diagnosis.span, diagnosis.object.clone());
            (finding.because, finding.fix) = (diagnosis.because.clone(), diagnosis.fix.clone());
            Some(finding)
        };
        if from_internet && diagnosis.on_return && reason != DropReason::NvaNoSession {
            return self.public_reply();
        }
        match reason {
            DropReason::RouteNone if diagnosis.on_return => self.no_way_back(),
            DropReason::NoSuchDestination if diagnosis.on_return => self.no_way_back(),
            DropReason::RouteNone => self.no_transit(),
            DropReason::ForwardedTrafficBlocked => self.forwarded(diagnosis),
            DropReason::IpForwardingDisabled => of_object(Code::NicNoIpForwarding, self.explainer.nic(nic?)),
            DropReason::SourceNotOwned => self.source_not_owned(nic?, diagnosis),
            DropReason::GuestNotForwarding => of_object(Code::GuestNoForward, place),
            DropReason::NvaNoSession => self.instance(nic?).or_else(|| match from_internet {
                true => self.public_reply(),
                false => self.no_session(&place),
            }),
            DropReason::AnswerMismatch => self.mismatch(),
            DropReason::RoutingLoop => of_object(Code::UdrLoop, self.looping_route(nic)?),
            DropReason::SourceNotTranslatable => nic.and_then(|_| self.untranslated(&place, diagnosis)),
            DropReason::NoHealthyBackend => of_object(Code::IlbAllBackendsDown, self.balancer(diagnosis)),
            DropReason::LoadBalancerHairpin => {
                let caller = self.explainer.place(self.traffic.from.place);
                of_object(Code::IlbHairpin, format!("{}, called by {caller}", self.balancer(diagnosis)))
            }
            DropReason::NoRouteOnPrem if diagnosis.on_return || self.azure_knows() => {
                self.unaware(&place, diagnosis)
            }
            DropReason::NoOutboundPath => self.no_outbound(nic?, diagnosis),
            DropReason::NsgDeny => self.too_narrow(nic?),
            _ => None,
        }
    }

    pub(super) fn dead(&self) -> Option<&PacketTrace> {
        self.trace.dead()
    }

    /// The route decisions of a packet, in order.
    pub(super) fn decisions(packet: &PacketTrace) -> impl DoubleEndedIterator<Item = Decision> {
        packet.steps.iter().filter_map(|(now, step)| match step {
            Step::Route { subnet, route: Some(route), .. } => {
                Some(Decision { now: *now, subnet: *subnet, route: *route })
            }
            _ => None,
        })
    }

    /// The block that holds an address, as routes name it: of a network, of a site, else the address alone.
    pub(super) fn block(&self, ip: IpAddr) -> String {
        let of_vnets = self.network.existing_vnets().flat_map(|(_, vnet)| &vnet.address_space);
        let of_sites =
            self.network.sites().iter().flat_map(|site| site.prefixes.iter().chain(&site.advertised));
        let holds = |block: &IpNet| block.contains(&ip) && block.prefix_len() > 0;
        let mut all = of_vnets.chain(of_sites).map(|block| block.value);
        all.find(holds).map_or_else(|| ip.to_string(), |block| block.to_string())
    }

    /// How `subnet` is given a route; where it takes none, what else.
    pub(super) fn give_route(&self, subnet: SubnetId, prefix: &str, hop: &str) -> Option<String> {
        if self.network[subnet].takes_route_table() {
            return give_route(self.network, subnet, prefix, hop);
        }
        let path = self.network.subnet_path(subnet);
        Some(format!("{path} takes no route table: narrow the route that sends the other direction to {hop}"))
    }

    /// Where the input says which routes a subnet has.
    pub(super) fn table_span(&self, subnet: SubnetId) -> Span {
        let subnet = &self.network[subnet];
        subnet.route_table.as_ref().map_or(subnet.name.span, |table| table.span)
    }

    /// FAIL-02: the request came by an appliance, and the answer finds no route.
    fn no_way_back(&self) -> Option<Finding> {
        let appliance = self.fate.forward.iter().rev().find(|place| matches!(place, Place::Nic(_)))?;
        let dead = self.dead()?;
        let subnet = dead.steps.iter().rev().find_map(|(_, step)| match step {
            Step::Route { subnet, .. } => Some(*subnet),
            _ => None,
        })?;
        if self.network[subnet].is_gateway_subnet() {
            return None; // what a gateway does not know is told by the checks of gateways and of the file
        }
        let (path, block) = (self.network.subnet_path(subnet), self.block(dead.key()?.dst));
        let via = self.explainer.place(*appliance);
        let what = format!("{path} has no route to {block}, from where requests arrive through {via}");
        let hop = self.first_hop(Part::Request).unwrap_or_default();
        Some(
            Finding::new(FindingCode::ReturnRouteMissing, &path, self.table_span(subnet), what)
                .fixes(self.give_route(subnet, &block, &hop)),
        )
    }

    /// The address by which the packets of a part were first routed to an appliance.
    pub(super) fn first_hop(&self, part: Part) -> Option<String> {
        let packet = self.trace.way(part)?;
        let hop = |d: Decision| match self.explainer.at(d.now).route(d.route) {
            row if matches!(row.next_hop, NextHop::Appliance(_)) => row.next_hop_ip,
            _ => None,
        };
        Self::decisions(packet).find_map(hop).map(|ip| ip.to_string())
    }

    /// FAIL-01: two spokes of one hub without a route between them.
    fn no_transit(&self) -> Option<Finding> {
        let network = self.network;
        let vnet_of = |place: Place| if let Place::Nic(nic) = place { Some(network[nic].vnet) } else { None };
        let (a, b) = (vnet_of(self.traffic.from.place)?, vnet_of(self.traffic.to.place)?);
        let hub = self.common_hub(a, b)?;
        if a == b || network.link_between(a, b).is_some() || network.link_between(b, a).is_some() {
            return None;
        }
        let (hub_name, near, far) = (&network[hub].name, &network[a].name.value, &network[b].name.value);
        let what = format!(
            "spokes of {} have no route to each other, and peering is not transitive",
            hub_name.value
        );
        let Place::Nic(sender) = self.traffic.from.place else { return None };
        let Place::Nic(receiver) = self.traffic.to.place else { return None };
        let is_hubs =
            |(_, nic): &(usize, &vnetsim_model::Nic)| nic.vnet == hub && nic.enable_ip_forwarding.value;
        let appliance = network.nics().iter().enumerate().find(is_hubs).map(|(_, nic)| nic);
        let address = appliance.and_then(|nic| nic.ip_configurations.first()).map(|c| c.address.to_string());
        // Behind a balancer, a single machine is the wrong next hop.
        let members = |lb: &vnetsim_model::LoadBalancer| {
            let ours = |nic: NicId| network[nic].vnet == hub && network[nic].enable_ip_forwarding.value;
            lb.pools.iter().flatten().any(|(nic, _)| ours(*nic))
        };
        let inside = |lb: &vnetsim_model::LoadBalancer| {
            lb.frontends.iter().find(|f| f.vnet == Some(hub)).map(|f| f.address)
        };
        let frontend = network.load_balancers().iter().filter(|lb| members(lb)).find_map(inside);
        let address = frontend.map(|ip| ip.to_string()).or(address);
        let hop = address.unwrap_or_else(|| format!("<an appliance in {}>", hub_name.value));
        let give = |nic: NicId, ip: IpAddr| self.give_route(network[nic].subnet, &self.block(ip), &hop);
        Some(
            Finding::new(
                FindingCode::NoTransit,
                format!("spokes of {}", hub_name.value),
                hub_name.span,
                what,
            )
            .fixes(give(sender, self.traffic.to.address))
            .fixes(give(receiver, self.traffic.from.address))
            .fix("and allowForwardedTraffic: true on the links of both spokes")
            .fix(format!("or peer {near} with {far}; the same for the other pairs")),
        )
    }

    fn common_hub(&self, a: VnetId, b: VnetId) -> Option<VnetId> {
        let network = self.network;
        let peers = |vnet| network.connected_links_of(vnet).map(|(_, l)| l.remote.value).collect::<Vec<_>>();
        let of_b = peers(b);
        peers(a).into_iter().find(|peer| of_b.contains(peer))
    }

    /// FAIL-04.
    fn forwarded(&self, diagnosis: &Diagnosis) -> Option<Finding> {
        let dead = self.dead()?;
        let link = dead.steps.iter().rev().find_map(|(_, step)| match step {
            Step::Peering { link, .. } => Some(*link),
            _ => None,
        })?;
        let flags = &self.network[link];
        // PEER-16: what counts as forwarded is judged by the synced copy, which is the mistake if it is out of date.
        let source = dead.key()?.src;
        if self.network[flags.remote.value].address_space.iter().any(|block| block.contains(&source)) {
            return None;
        }
        let (path, here) = (self.network.link_path(link), &self.network[flags.vnet].name.value);
        let by = dead
            .via()
            .last()
            .map_or_else(String::new, |place| format!(" by {}", self.explainer.place(place)));
        let what =
            format!("{path} has allowForwardedTraffic false, and what is forwarded to {here}{by} dies there");
        let mut finding = Finding::new(FindingCode::ForwardedTrafficOff, &path, diagnosis.span, what);
        finding.fix.extend(diagnosis.fix.clone());
        Some(finding)
    }

    /// FAB-12: an appliance without the flag on the interface that packets leave by, or a machine that answers by another
    /// interface than it was asked at (FAIL-31).
    fn source_not_owned(&self, nic: NicId, diagnosis: &Diagnosis) -> Option<Finding> {
        let (name, network) = (self.explainer.nic(nic), self.network);
        let dead = self.dead()?;
        if dead.via().any(|place| matches!(place, Place::Nic(via) if network[via].vm == network[nic].vm)) {
            let mut finding =
                Finding::new(FindingCode::NicNoIpForwarding, &name, diagnosis.span, diagnosis.object.clone());
            finding.fix = diagnosis.fix.clone();
            return Some(finding);
        }
        if self.traffic.from.place == Place::Nic(nic)
            || network[nic].vm.is_none_or(|vm| network[vm].nics.len() < 2)
        {
            return None; // somebody sends with an address of somebody else, on purpose
        }
        let machine = self.explainer.place(Place::Nic(nic));
        let source = dead.key()?.src;
        let owner =
            network.nics().iter().find(|other| other.owns(source)).map(|other| other.name.value.clone());
        let asked = owner.unwrap_or_else(|| source.to_string());
        let what =
            format!("{machine} is asked at {asked} and answers by {name}, which does not own {source}");
        Some(
            Finding::new(FindingCode::WrongNicReply, &name, network[nic].name.span, what)
                .fix(format!("{machine}: give the guest routes per NIC (policy routing), so that {asked} answers itself"))
                .fix(format!("or {name}: set enableIPForwarding: true")),
        )
    }

    /// Azure has a route from whom a site asks to the site.
    fn azure_knows(&self) -> bool {
        let (Place::Site(_), Place::Nic(nic)) = (self.traffic.from.place, self.traffic.to.place) else {
            return false;
        };
        let compiled = self.explainer.at(SimTime::ZERO);
        let route = compiled.tables.route(self.network[nic].subnet, self.traffic.from.address);
        route.is_some_and(|(_, hop)| matches!(hop, NextHop::Gateway(_) | NextHop::Appliance(_)))
    }

    /// The route that sends a packet back to the appliance that it comes from.
    fn looping_route(&self, nic: Option<NicId>) -> Option<String> {
        nic?;
        let decision = Self::decisions(self.dead()?).next_back()?;
        let row = self.explainer.at(decision.now).route(decision.route);
        user_name(self.network, &row.origin)
    }

    /// FAIL-29.
    fn untranslated(&self, place: &str, diagnosis: &Diagnosis) -> Option<Finding> {
        let block = self.block(self.dead()?.key()?.src);
        let what = format!("{place} sends traffic of {block} to the internet with its source unchanged");
        Some(
            Finding::new(FindingCode::NoSnatToInternet, place, diagnosis.span, what)
                .because("Azure translates only addresses that the sending NIC owns (OUT-08)")
                .fix(format!("{place}: translate the source for the internet (guest: {{snat: internet}})")),
        )
    }

    /// The name of the balancer that a diagnosis speaks of.
    fn balancer(&self, diagnosis: &Diagnosis) -> String {
        let named = self.network.load_balancers().iter().map(|lb| &lb.name.value);
        let mut named = named.filter(|name| diagnosis.object.contains(name.as_str()));
        named.next().cloned().unwrap_or_else(|| diagnosis.place.clone())
    }

    /// FAIL-27.
    fn unaware(&self, site: &str, diagnosis: &Diagnosis) -> Option<Finding> {
        if let Some(flags) = self.not_lent() {
            return Some(flags);
        }
        let block = self.block(diagnosis.key.dst);
        let what = format!("{site} does not know the way to {block}, from where it is asked");
        Some(
            Finding::new(FindingCode::OnPremUnaware, site, diagnosis.span, what).fix(format!(
                "{site}: add {block} to its routes or traffic selectors, or let BGP announce it"
            )),
        )
    }

    /// FAIL-26: the way to the site is a hub's gateway that the asking spoke does not borrow, so the site learns no way back.
    fn not_lent(&self) -> Option<Finding> {
        let network = self.network;
        let Place::Nic(asks) = self.traffic.from.place else { return None };
        let gateway = self.fate.forward.iter().rev().find_map(|place| match place {
            Place::Gateway(gateway) => Some(&network[*gateway]),
            _ => None,
        })?;
        let (spoke, hub) = (network[asks].vnet, gateway.vnet);
        let (id, link) = network.link_between(spoke, hub)?;
        let (back_id, back) = network.link_between(hub, spoke)?;
        let (uses, allows) = (link.use_remote_gateways.value, back.allow_gateway_transit.value);
        if uses && allows {
            return None;
        }
        let (path, opposite) = (network.link_path(id), network.link_path(back_id));
        let (here, there) = (&network[spoke].name.value, &network[hub].name.value);
        let what = format!(
            "{here} reaches on-premises by the gateway of {there} without borrowing it: nobody there learns {here}"
        );
        let mut finding = Finding::new(FindingCode::GwTransitFlags, &path, link.name.span, what)
            .because(format!("{opposite}: allowGatewayTransit {allows}"))
            .because(format!("{path}: useRemoteGateways {uses}"))
            .related(back.name.span, "the other half");
        if !allows {
            finding = finding.fix(format!("{opposite}: set allowGatewayTransit: true"));
        }
        if !uses {
            finding = finding.fix(format!("{path}: set useRemoteGateways: true"));
        }
        Some(finding)
    }

    /// OUT-01.
    fn no_outbound(&self, nic: NicId, diagnosis: &Diagnosis) -> Option<Finding> {
        let path = self.network.subnet_path(self.network[nic].subnet);
        let what = format!("machines of {path} are routed to the internet, and nothing carries them out");
        let mut finding = Finding::new(FindingCode::NoOutbound, &path, diagnosis.span, what);
        finding.because = diagnosis.because.clone();
        // A private subnet may be somebody's wish.
        if !self.network[self.network[nic].subnet].default_outbound_access.value {
            finding = finding.as_note();
        }
        let name = self.explainer.nic(nic);
        Some(
            finding
                .fix(format!("{path}: associate a NAT gateway"))
                .fix(format!("or give {name} a public IP")),
        )
    }

    /// FAIL-30: the answers of who was asked by a public address go another way.
    fn public_reply(&self) -> Option<Finding> {
        let reply = self.trace.part(Part::Reply).or(self.dead())?;
        let decision = Self::decisions(reply).next()?;
        let row = self.explainer.at(decision.now).route(decision.route);
        let direct = matches!(row.next_hop, NextHop::Internet);
        let own = |nic: NicId| {
            self.network[nic].subnet == decision.subnet && self.network[nic].enable_ip_forwarding.value
        };
        if direct || matches!(row.next_hop, NextHop::Appliance(Appliance::Nic(nic)) if own(nic)) {
            return None; // a loop at an appliance is told as such
        }
        let path = self.network.subnet_path(decision.subnet);
        let asked = self.end(&self.traffic.to);
        let what =
            format!("{asked} is called from the internet, and the answers of {path} follow another way");
        let table = match &self.network[decision.subnet].route_table {
            Some(table) => format!("route table {}", self.network[table.value].name.value),
            None => format!("a route table for {path}"),
        };
        Some(
            Finding::new(FindingCode::PublicReplyAsym, &path, self.explainer.origin_span(row), what)
                .because(self.ways())
                .because(format!("{path} answers by {}", self.explainer.route_words(row)))
                .related(self.table_span(decision.subnet), "for this subnet")
                .fix(format!("{table}: add the callers' prefix -> Internet (a /32 for one caller)"))
                .fix("or let the calls enter where the answers leave: DNAT and SNAT there"),
        )
    }

    /// FAIL-19, FAIL-20: a default rule denied what routes bring here on purpose, because the tag lacks an address.
    fn too_narrow(&self, nic: NicId) -> Option<Finding> {
        let dead = self.dead()?;
        let (now, acl, rule) = dead.steps.iter().rev().find_map(|(now, step)| match step {
            Step::Nsg { acl, rule, allowed: false, .. } => Some((*now, *acl, *rule)),
            _ => None,
        })?;
        let compiled = self.explainer.at(now);
        // A route with this appliance as next hop led here, or one was crossed before.
        let named = |d: Decision| match self.explainer.at(d.now).route(d.route).next_hop {
            NextHop::Appliance(Appliance::Nic(other)) => other == nic,
            NextHop::Appliance(Appliance::Balancer { .. }) => dead
                .steps
                .iter()
                .any(|(_, step)| matches!(step, Step::LoadBalancer { backend, .. } if *backend == nic)),
            _ => false,
        };
        let brought = dead.via().any(|via| matches!(via, Place::Nic(_))) || Self::decisions(dead).any(named);
        let info = compiled.acl(acl);
        if !brought || !self.denies_the_rest(compiled, rule, info.nsg) {
            return None;
        }
        let (nsg, name) = (&self.network[info.nsg], self.explainer.nic(nic));
        let key = dead.key()?;
        let tag = &compiled.tags[info.subnet.ix()].virtual_network;
        let lacks = [key.src, key.dst].into_iter().filter(|ip| !tag.iter().any(|p| p.contains(ip)));
        let lacks: Vec<String> = lacks.map(|ip| ip.to_string()).collect();
        let (source, destination) = (self.block(key.src), self.block(key.dst));
        let to = if destination.contains('/') { destination } else { "any".to_owned() };
        let rule = &compiled.rule(rule).name;
        let what = format!(
            "{rule} of {} denies at {name} what routes bring there: {source} to {to}",
            nsg.name.value
        );
        Some(
            Finding::new(
                FindingCode::NsgTagTooNarrow,
                format!("{} at {name}", nsg.name.value),
                nsg.name.span,
                what,
            )
            .because(format!(
                "VirtualNetwork at {} lacks {} (NSG-15)",
                self.network.subnet_path(info.subnet),
                lacks.join(" and ")
            ))
            .fix(format!("{}: allow {source} to {to}, with a priority below 4096", nsg.name.value)),
        )
    }

    /// The rule is what closes a group: the default one, or one of its own for everything behind one for the tag.
    fn denies_the_rest(&self, compiled: &Compiled, rule: RuleIx, nsg: NsgId) -> bool {
        let Some(place) = compiled.rule(rule).custom else { return true };
        let rules = &self.network[nsg].rules;
        let closing = &rules[place];
        let open = closing.source == AddressSpec::Any && closing.destination == AddressSpec::Any;
        let tag = |spec: &AddressSpec| matches!(spec, AddressSpec::Tag(tag) if tag == "VirtualNetwork");
        let before =
            rules.iter().filter(|r| r.direction == closing.direction && r.priority < closing.priority);
        open && before
            .into_iter()
            .any(|r| r.access == Access::Allow && (tag(&r.source) || tag(&r.destination)))
    }

    /// RT-08: a private endpoint asked through an appliance that does not translate.
    fn disputed_endpoint(&self) -> Option<Finding> {
        let Place::PrivateEndpoint(id) = self.traffic.to.place else { return None };
        let appliance = self.fate.forward.iter().find(|place| matches!(place, Place::Nic(_)))?;
        let request = self.trace.way(Part::Request)?;
        let translates =
            |step: &Step| matches!(step, Step::Appliance { action: ApplianceAction::Translated { .. }, .. });
        if request.steps.iter().any(|(_, step)| translates(step)) {
            return None;
        }
        let endpoint = &self.network[id];
        let (name, via) = (&endpoint.name.value, self.explainer.place(*appliance));
        let what = format!("{name} is asked through {via}, which does not translate the source");
        Some(
            Finding::new(FindingCode::PeReturnDisputed, name, endpoint.name.span, what)
                .because("Microsoft's pages ask for SNAT there; field reports see the answer come back through the appliance (FE-33)")
                .because(self.ways())
                .flow(self.flow())
                .fix(format!("{via}: translate the source, and the question does not arise"))
                .fix("or test it: capture at the appliance while a client asks, then once more without the appliance"),
        )
    }
}

/// `table/route` of a user-defined route.
pub(super) fn user_name(network: &Network, origin: &RouteOrigin) -> Option<String> {
    match origin {
        RouteOrigin::User { table, name, .. } => Some(format!("{}/{name}", network[*table].name.value)),
        _ => None,
    }
}
