//! What probes meet: the mistakes that only a packet's whole way shows (FAIL-01 to FAIL-04, FAIL-13, FAIL-17, FAIL-19, FAIL-20,
//! FAIL-27 to FAIL-31).
//!
//! Owns which pairs are probed and which mistake a fate stands for. The fates come from the one pipeline, the evidence from
//! the trace's own diagnosis.

use std::net::IpAddr;

use vnetsim_model::{Application, Endpoint, Network, Traffic};
use vnetsim_scenario::Scenario;
use vnetsim_sim::Outcome;
use vnetsim_trace::{ConversationTrace, Diagnosis, Explainer, PacketTrace};
use vnetsim_types::{
    ApplianceAction, DropReason, FindingCode, IpProtocol, NicId, Part, Place, ProtoPort, Span, Step,
    TrafficId, VnetId,
};

use super::ends;
use crate::{Fate, Finding, Played, Probe, play::probes, sweep};

/// More pairs than this are not probed.
const PROBES_MAX: usize = 20_000;

/// The port that strangers are probed at.
const PORT: ProtoPort = ProtoPort { protocol: IpProtocol::TCP, port: 443 };

/// Findings of all probes, how many there were, and how many pairs were left out.
pub(super) fn all(scenario: &Scenario) -> (Vec<Finding>, usize, usize) {
    let network = &scenario.network;
    let (asked, left_out) = probed(network);
    let mut found = Vec::new();
    let played = sweep(network, &asked);
    found.extend((0..asked.len()).filter_map(|ix| finding(&played, TrafficId::new(ix))));
    // Whoever the scenario sends is probed as it says, one at a time as far as tables go.
    let single = |t: &Traffic| Traffic { application: Application::Exchange, count: 1, ..t.clone() };
    let own: Vec<Traffic> =
        scenario.traffic.iter().filter(|t| t.application != Application::Replay).map(single).collect();
    let probed = asked.len() + own.len();
    let played = probes(network, own, None);
    found.extend((0..played.traffic.len()).filter_map(|ix| finding(&played, TrafficId::new(ix))));
    found.extend(silent_gateways(scenario, &played));
    (found, probed, left_out)
}

/// FAB-16: traceroutes of the scenario whose way leads through a gateway, which shows in none.
fn silent_gateways(scenario: &Scenario, played: &Played) -> Vec<Finding> {
    let routes = scenario.traffic.iter().filter(|t| matches!(t.application, Application::Traceroute { .. }));
    let one = |traffic: &Traffic| {
        let same = |t: &Traffic| t.name.value == traffic.name.value;
        let fate = played.fate(TrafficId::new(played.traffic.iter().position(same)?))?;
        let hop = fate.forward.iter().position(|place| matches!(place, Place::Gateway(_)))?;
        let Place::Gateway(gateway) = fate.forward[hop] else { return None };
        let gateway = &scenario.network[gateway];
        let what = format!(
            "traceroute {} shows a star at hop {} where {} forwards",
            traffic.name.value,
            hop + 1,
            gateway.name.value
        );
        Some(super::gateways::silent(traffic, gateway, what))
    };
    routes.filter_map(one).collect()
}

/// The probes, and how many more there would be.
pub(super) fn probed(network: &Network) -> (Vec<Probe>, usize) {
    let mut asked = pairs(network);
    let left_out = asked.len().saturating_sub(PROBES_MAX);
    asked.truncate(PROBES_MAX);
    (asked, left_out)
}

fn pairs(network: &Network) -> Vec<Probe> {
    let hosts = ends::hosts(network);
    let outside: Vec<Endpoint> = ends::sites(network);
    let services = ends::private_endpoints(network);
    let probe = |from: &Endpoint, to: &Endpoint| Probe { from: *from, to: *to, protocol: PORT };
    let mut all = Vec::new();
    for from in &hosts {
        let others = hosts.iter().filter(|to| *to != from);
        all.extend(others.chain(&outside).chain(&services).map(|to| probe(from, to)));
        all.push(probe(from, &Endpoint { place: Place::Internet, address: ends::INTERNET }));
    }
    for from in &outside {
        all.extend(hosts.iter().map(|to| probe(from, to)));
    }
    let internet = Endpoint { place: Place::Internet, address: ends::INTERNET };
    for address in ends::public(network) {
        if let Ok(to) = network.endpoint(&address.to_string(), None) {
            let port = open_port(network, address).unwrap_or(PORT);
            all.push(Probe { from: internet, to, protocol: port });
        }
    }
    all
}

/// A port that somebody behind a public address serves.
fn open_port(network: &Network, address: IpAddr) -> Option<ProtoPort> {
    let rules = network.load_balancers().iter().flat_map(|lb| lb.rules.iter().map(move |rule| (lb, rule)));
    let mut ports = rules.filter(|(lb, rule)| lb.frontends[rule.frontend].address == address);
    let by_rule = ports.find_map(|(_, rule)| {
        let protocol = match rule.protocol {
            vnetsim_model::LbProtocol::Udp => IpProtocol::UDP,
            _ => IpProtocol::TCP,
        };
        (rule.frontend_port > 0).then_some(ProtoPort { protocol, port: rule.frontend_port })
    });
    let owner = network
        .nics()
        .iter()
        .find(|nic| nic.ip_configurations.iter().any(|config| config.public_address == Some(address)));
    let listens = || {
        let guest = &network[owner?.vm?].guest;
        guest.dnat.first().map(|rule| rule.port).or_else(|| guest.listen.as_ref()?.first().copied())
    };
    by_rule.or_else(listens)
}

/// The mistake that the fate of entry `id` stands for, if it stands for one.
pub(super) fn finding(played: &Played, id: TrafficId) -> Option<Finding> {
    let fate = played.fate(id)?;
    let group = played.report.traffic[id.ix()].outcomes.first()?;
    let case = Case {
        played,
        explainer: played.explainer(),
        traffic: &played.traffic[id.ix()],
        trace: played.shown(id, group)?.trace,
        fate: &fate,
    };
    match fate.outcome {
        Outcome::Completed => case.disputed_endpoint().or_else(|| case.asymmetric()),
        Outcome::Dropped { at, reason, .. } => {
            let diagnosis = played.diagnosis(id, group)?;
            case.dead(at, reason, diagnosis)
        }
        _ => None,
    }
}

/// One probe and what became of it.
struct Case<'a> {
    played: &'a Played,
    explainer: Explainer<'a>,
    traffic: &'a Traffic,
    trace: &'a ConversationTrace,
    fate: &'a Fate,
}

/// A code with the object that it is said of.
type Named = (FindingCode, String, Span);

impl Case<'_> {
    fn network(&self) -> &Network {
        &self.played.report.epochs[0].network
    }

    /// `vm1 -> vm2 tcp/443`.
    fn flow(&self) -> String {
        let end = |end: &Endpoint| match end.place {
            Place::Internet => format!("internet ({})", end.address),
            place => self.explainer.place(place),
        };
        format!("{} -> {} {}", end(&self.traffic.from), end(&self.traffic.to), self.traffic.protocol)
    }

    /// `forward  vm1 -> nva -> vm2`.
    fn ways(&self) -> [String; 2] {
        let way = |from: &Endpoint, via: &[Place], to: &Endpoint| {
            let ends = [vec![from.place], via.to_vec(), vec![to.place]].concat();
            ends.iter().map(|place| self.explainer.place(*place)).collect::<Vec<_>>().join(" -> ")
        };
        let (from, to) = (&self.traffic.from, &self.traffic.to);
        let back = if self.trace.part(Part::Reply).is_some() {
            way(to, &self.fate.back, from)
        } else {
            "nobody answered".to_owned()
        };
        [format!("forward  {}", way(from, &self.fate.forward, to)), format!("return   {back}")]
    }

    fn dead(&self, at: Place, reason: DropReason, diagnosis: Diagnosis) -> Option<Finding> {
        let (code, object, span) = self.named(at, reason, &diagnosis)?;
        let span = if span.is_none() { diagnosis.span } else { span };
        let what = format!("{object}: {}", lower(code.sentence()));
        let mut finding = Finding::new(code, object, span, what);
        let lost = matches!(code, FindingCode::AsymStatefulDrop | FindingCode::NvaInstanceMismatch);
        if lost || code == FindingCode::PublicReplyAsym {
            finding.because.extend(self.ways());
        }
        finding.because.extend(diagnosis.because);
        finding.fix = diagnosis.fix;
        let back = if diagnosis.on_return { ", on the way back" } else { "" };
        Some(finding.flow(format!("{} dies at {}: {reason}{back}", self.flow(), diagnosis.place)))
    }

    /// Which mistake a death stands for; `None` for those that are somebody's wish, or that the checks of objects name.
    fn named(&self, at: Place, reason: DropReason, diagnosis: &Diagnosis) -> Option<Named> {
        use FindingCode as Code;
        let network = self.network();
        let place = self.explainer.place(at);
        let here = |code| Some((code, place.clone(), Span::default()));
        let nic = if let Place::Nic(nic) = at { Some(nic) } else { None };
        match reason {
            DropReason::RouteNone => self.no_route(diagnosis),
            DropReason::ForwardedTrafficBlocked => {
                let link = self.last_dead_link()?;
                Some((Code::ForwardedTrafficOff, network.link_path(link), Span::default()))
            }
            DropReason::IpForwardingDisabled => {
                Some((Code::NicNoIpForwarding, self.explainer.nic(nic?), Span::default()))
            }
            DropReason::SourceNotOwned => {
                let forwarded = self.fate.forward.contains(&at) || self.fate.back.contains(&at);
                let code = if forwarded { Code::NicNoIpForwarding } else { Code::WrongNicReply };
                Some((code, self.explainer.nic(nic?), Span::default()))
            }
            DropReason::GuestNotForwarding => here(Code::GuestNoForward),
            DropReason::NvaNoSession if self.traffic.from.place == Place::Internet => self.public_reply(),
            DropReason::AnswerMismatch if self.traffic.from.place == Place::Internet => self.public_reply(),
            DropReason::NvaNoSession => {
                let code = if self.other_instance(nic?) {
                    Code::NvaInstanceMismatch
                } else {
                    Code::AsymStatefulDrop
                };
                here(code)
            }
            DropReason::AnswerMismatch => here(Code::AsymStatefulDrop),
            DropReason::RoutingLoop if nic.is_some() => self.looping_route(),
            DropReason::SourceNotTranslatable => here(Code::NoSnatToInternet),
            DropReason::NoHealthyBackend => {
                Some((Code::IlbAllBackendsDown, self.balancer(diagnosis), Span::default()))
            }
            DropReason::LoadBalancerHairpin => {
                let caller = self.explainer.place(self.traffic.from.place);
                let name = format!("{}, called by {caller}", self.balancer(diagnosis));
                Some((Code::IlbHairpin, name, Span::default()))
            }
            DropReason::NoRouteOnPrem => here(Code::OnPremUnaware),
            DropReason::NoOutboundPath => {
                let subnet = network[nic?].subnet;
                Some((Code::NoOutbound, network.subnet_path(subnet), Span::default()))
            }
            DropReason::NsgDeny => self.too_narrow(at),
            _ => None,
        }
    }

    /// FAIL-01 and FAIL-02.
    fn no_route(&self, diagnosis: &Diagnosis) -> Option<Named> {
        let network = self.network();
        let vnet_of = |place: Place| if let Place::Nic(nic) = place { Some(network[nic].vnet) } else { None };
        if diagnosis.on_return {
            let by_appliance = self.fate.forward.iter().any(|place| matches!(place, Place::Nic(_)));
            let Place::Nic(answers) = self.traffic.to.place else { return None };
            let path = network.subnet_path(network[answers].subnet);
            return by_appliance.then_some((FindingCode::ReturnRouteMissing, path, Span::default()));
        }
        let (a, b) = (vnet_of(self.traffic.from.place)?, vnet_of(self.traffic.to.place)?);
        let hub = self.common_hub(a, b)?;
        let joined = network.link_between(a, b).is_some() || network.link_between(b, a).is_some();
        let name = &network[hub].name;
        (a != b && !joined).then(|| (FindingCode::NoTransit, format!("spokes of {}", name.value), name.span))
    }

    fn common_hub(&self, a: VnetId, b: VnetId) -> Option<VnetId> {
        let network = self.network();
        let peers = |vnet| network.connected_links_of(vnet).map(|(_, l)| l.remote.value).collect::<Vec<_>>();
        let of_b = peers(b);
        peers(a).into_iter().find(|peer| of_b.contains(peer))
    }

    fn dead_packet(&self) -> Option<&PacketTrace> {
        self.trace.dead()
    }

    fn last_dead_link(&self) -> Option<vnetsim_types::PeeringId> {
        self.dead_packet()?.steps.iter().rev().find_map(|(_, step)| match step {
            Step::Peering { link, .. } => Some(*link),
            _ => None,
        })
    }

    /// The route that sends a packet back to the appliance that it comes from.
    fn looping_route(&self) -> Option<Named> {
        let (now, route) = self.dead_packet()?.steps.iter().rev().find_map(|(now, step)| match step {
            Step::Route { route: Some(ix), .. } => Some((*now, *ix)),
            _ => None,
        })?;
        let row = self.explainer.at(now).route(route);
        let name = self.explainer.origin_words(row);
        let name = name.strip_prefix("User ").unwrap_or(&name).to_owned();
        Some((FindingCode::UdrLoop, name, self.explainer.origin_span(row)))
    }

    /// The name of the balancer that a diagnosis speaks of.
    fn balancer(&self, diagnosis: &Diagnosis) -> String {
        let named = self.network().load_balancers().iter().map(|lb| &lb.name.value);
        let mut named = named.filter(|name| diagnosis.object.contains(name.as_str()));
        named.next().cloned().unwrap_or_else(|| diagnosis.place.clone())
    }

    /// FAIL-17: another member of a pool of `nic` forwarded the other direction.
    fn other_instance(&self, nic: NicId) -> bool {
        let network = self.network();
        let pools = network.load_balancers().iter().flat_map(|lb| &lb.pools);
        let vm = |nic: NicId| network[nic].vm;
        let machines = pools.map(|pool| pool.iter().map(|(member, _)| vm(*member)).collect::<Vec<_>>());
        let met = self.fate.forward.iter().chain(&self.fate.back);
        let met: Vec<_> =
            met.filter_map(|place| if let Place::Nic(n) = place { Some(vm(*n)) } else { None }).collect();
        let mut mine = machines.filter(|pool| pool.contains(&vm(nic)));
        mine.any(|pool| met.iter().any(|other| *other != vm(nic) && pool.contains(other)))
    }

    /// FAIL-30: the answer of who was asked by a public address went another way.
    fn public_reply(&self) -> Option<Named> {
        let reply = self.trace.part(Part::Reply).or(self.dead_packet())?;
        let (now, subnet, route) = reply.steps.iter().find_map(|(now, step)| match step {
            Step::Route { subnet, route: Some(ix), .. } => Some((*now, *subnet, *ix)),
            _ => None,
        })?;
        let row = self.explainer.at(now).route(route);
        Some((
            FindingCode::PublicReplyAsym,
            self.network().subnet_path(subnet),
            self.explainer.origin_span(row),
        ))
    }

    /// FAIL-19, FAIL-20: a default rule denied what routes bring here on purpose, because the tag lacks an address.
    fn too_narrow(&self, at: Place) -> Option<Named> {
        let Place::Nic(nic) = at else { return None };
        let dead = self.dead_packet()?;
        let (now, acl, rule) = dead.steps.iter().rev().find_map(|(now, step)| match step {
            Step::Nsg { acl, rule, allowed: false, .. } => Some((*now, *acl, *rule)),
            _ => None,
        })?;
        let compiled = self.explainer.at(now);
        let by_default = compiled.rule(rule).custom.is_none();
        // A route with this appliance as next hop led here, or one was crossed before.
        let brought = dead.via().any(|via| matches!(via, Place::Nic(_)))
            || dead.steps.iter().any(|(now, step)| match step {
                Step::Route { route: Some(ix), .. } => self
                    .explainer
                    .at(*now)
                    .route(*ix)
                    .next_hop_ip
                    .is_some_and(|ip| self.network()[nic].owns(ip)),
                _ => false,
            });
        let nsg = &self.network()[compiled.acl(acl).nsg];
        let name = format!("{} at {}", nsg.name.value, self.explainer.nic(nic));
        (by_default && brought).then_some((FindingCode::NsgTagTooNarrow, name, nsg.name.span))
    }

    /// FLOW-06: it works, by different ways.
    fn asymmetric(&self) -> Option<Finding> {
        let appliances = |via: &[Place]| via.iter().any(|place| matches!(place, Place::Nic(_)));
        let (forward, back) = (&self.fate.forward, &self.fate.back);
        let answered = self.trace.part(Part::Reply).is_some();
        if !answered || self.fate.is_symmetric() || !(appliances(forward) || appliances(back)) {
            return None;
        }
        let met: Vec<String> = forward
            .iter()
            .chain(back)
            .filter(|place| {
                matches!(place, Place::Nic(_)) && (forward.contains(place) != back.contains(place))
            })
            .map(|place| self.explainer.place(*place))
            .collect();
        let object = if met.is_empty() { self.flow() } else { met.join(" and ") };
        let what = format!("{object}: {}", lower(FindingCode::AsymPath.sentence()));
        let [out, home] = self.ways();
        let finding =
            Finding::new(FindingCode::AsymPath, object, Span::default(), what).because(out).because(home);
        Some(finding.flow(self.flow()).fix(FindingCode::AsymPath.hint()))
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
        let endpoint = &self.network()[id];
        let (name, via) = (&endpoint.name.value, self.explainer.place(*appliance));
        let what = format!("{name} is asked through {via}, which does not translate the source");
        let [out, home] = self.ways();
        Some(
            Finding::new(FindingCode::PeReturnDisputed, name, endpoint.name.span, what)
                .because("Microsoft's pages ask for SNAT there; field reports see the answer come back through the appliance (FE-33)")
                .because(out)
                .because(home)
                .flow(self.flow())
                .fix(format!("{via}: translate the source, and the question does not arise"))
                .fix("or test it: capture at the appliance while a client asks, then once more without the appliance"),
        )
    }
}

fn lower(sentence: &str) -> String {
    let mut chars = sentence.chars();
    let first = chars.next().map(|c| c.to_lowercase().to_string()).unwrap_or_default();
    first + chars.as_str().trim_end_matches('.')
}
