//! Fates of flows whose two directions take different ways (FAIL-03, FAIL-17, FLOW-06).
//!
//! Owns who goes past whom, and which route would mend it. Part of `fates`: the fate itself comes from the one pipeline.

use std::net::IpAddr;

use vnetsim_dataplane::{Appliance, NextHop};
use vnetsim_sim::Outcome;
use vnetsim_trace::PacketTrace;
use vnetsim_types::{ApplianceAction, FindingCode, NicId, Part, Place, Span, Step, VnetId};

use super::fates::{Case, Decision, user_name};
use crate::Finding;

impl Case<'_> {
    /// FAIL-17: the other direction met another instance behind the same balancer.
    pub(super) fn instance(&self, nic: NicId) -> Option<Finding> {
        let network = self.network;
        let vm = |nic: NicId| network[nic].vm;
        let met = self.fate.forward.iter().chain(&self.fate.back).filter_map(|place| match place {
            Place::Nic(other) if vm(*other) != vm(nic) => Some(vm(*other)),
            _ => None,
        });
        let met: Vec<_> = met.collect();
        let pools =
            network.load_balancers().iter().flat_map(|lb| lb.pools.iter().map(move |pool| (lb, pool)));
        let (lb, _) = pools.into_iter().find(|(_, pool)| {
            let members: Vec<_> = pool.iter().map(|(member, _)| vm(*member)).collect();
            members.contains(&vm(nic)) && met.iter().any(|other| members.contains(other))
        })?;
        let name = &lb.name.value;
        // The direction that names one machine is the one to change.
        let all =
            [Part::Request, Part::Reply].map(|part| self.trace.way(part).and_then(|p| self.to_appliance(p)));
        let single =
            all.iter().flatten().find(|(_, hop)| matches!(hop, NextHop::Appliance(Appliance::Nic(_))));
        let balanced = all.iter().flatten().find_map(|(d, hop)| match hop {
            NextHop::Appliance(Appliance::Balancer { .. }) => Some(*d),
            _ => None,
        });
        let (Some((decision, _)), Some(other)) = (single, balanced) else {
            let place = self.explainer.place(Place::Nic(nic));
            let what =
                format!("{place} gets packets of connections that another machine behind {name} opened");
            let finding = Finding::new(
                FindingCode::NvaInstanceMismatch,
                format!("machines behind {name}"),
                lb.name.span,
                what,
            );
            return Some(
                finding
                    .because(self.ways())
                    .fix("send both directions to one frontend with HA ports: its hash is symmetric (LB-10)")
                    .fix("or let the appliances translate the source"),
            );
        };
        let row = self.explainer.at(decision.now).route(decision.route);
        let right = self.explainer.at(other.now).route(other.route);
        let (Some(ip), Some(frontend)) = (row.next_hop_ip, right.next_hop_ip) else { return None };
        let route = user_name(network, &row.origin)?;
        let what =
            format!("{route} names one machine behind {name} ({ip}), while the other direction is balanced");
        Some(
            Finding::new(FindingCode::NvaInstanceMismatch, &route, self.explainer.origin_span(row), what)
                .because(self.ways())
                .related(self.explainer.origin_span(right), "the other direction")
                .fix(format!("{route}: nextHopIpAddress {frontend}, the frontend of {name}"))
                .fix("or let the appliances translate the source"),
        )
    }

    /// The first route of a packet to an appliance.
    pub(super) fn to_appliance(&self, packet: &PacketTrace) -> Option<(Decision, NextHop)> {
        let all = Self::decisions(packet).map(|d| (d, self.explainer.at(d.now).route(d.route).next_hop));
        all.into_iter().find(|(_, hop)| matches!(hop, NextHop::Appliance(_)))
    }

    /// FAIL-03: where packets go past the appliance that the other direction crosses, and could be sent to it at `hop`.
    pub(super) fn past(&self, appliance: Place, hop: Option<IpAddr>) -> Option<(Decision, IpAddr)> {
        let crosses = |packet: &PacketTrace| {
            packet.via().any(|place| self.same(place, appliance))
                || packet.drop().is_some_and(|(at, _)| self.same(at, appliance))
        };
        let ways = [Part::Request, Part::Reply].into_iter().filter_map(|part| self.trace.way(part));
        let packet = ways.into_iter().find(|packet| !crosses(packet))?;
        // RT-18: only a subnet next to the appliance can name it.
        let near = |d: &Decision| {
            let home = self.network[d.subnet].vnet;
            let inside = |vnet: VnetId| {
                hop.is_some_and(|ip| self.network[vnet].address_space.iter().any(|block| block.contains(&ip)))
            };
            inside(home) || self.network.connected_links_of(home).any(|(_, link)| inside(link.remote.value))
        };
        let decision = Self::decisions(packet).find(near).or_else(|| Self::decisions(packet).next())?;
        Some((decision, packet.key()?.dst))
    }

    /// Two places of one machine.
    pub(super) fn same(&self, a: Place, b: Place) -> bool {
        let machine = |place| if let Place::Nic(nic) = place { self.network[nic].vm } else { None };
        a == b || (machine(a).is_some() && machine(a) == machine(b))
    }

    /// The address by which routes led to `appliance`.
    pub(super) fn hop_to(&self, appliance: Place) -> Option<IpAddr> {
        self.trace.packets.iter().find_map(|packet| {
            let mut led = None;
            packet.steps.iter().find_map(|(now, step)| {
                let at = match step {
                    Step::Route { route: Some(route), .. } => {
                        led = self.explainer.at(*now).route(*route).next_hop_ip;
                        None
                    }
                    Step::Appliance { nic_in, .. } => Some(Place::Nic(*nic_in)),
                    Step::Dropped { at, .. } => Some(*at),
                    _ => None,
                };
                led.filter(|_| at.is_some_and(|at| self.same(at, appliance)))
            })
        })
    }

    pub(super) fn no_session(&self, place: &str) -> Option<Finding> {
        let Outcome::Dropped { at, .. } = self.fate.outcome else { return None };
        let what = format!("{place} sees one direction only of connections that it keeps track of");
        let mut finding =
            Finding::new(FindingCode::AsymStatefulDrop, place, Span::default(), what).because(self.ways());
        if let Place::Nic(nic) = at {
            finding.span = self.network[nic].vm.map_or(Span::default(), |vm| self.network[vm].name.span);
        }
        self.mend(finding, at, place)
    }

    /// Says who goes past `appliance`, and how that would be mended.
    pub(super) fn mend(&self, mut finding: Finding, appliance: Place, place: &str) -> Option<Finding> {
        let hop = self.hop_to(appliance);
        if let Some((decision, dst)) = self.past(appliance, hop) {
            let path = self.network.subnet_path(decision.subnet);
            let row = self.explainer.at(decision.now).route(decision.route);
            finding = finding.because(format!("{path} goes past it: {}", self.explainer.route_words(row)));
            let machine = std::mem::replace(&mut finding.span, self.table_span(decision.subnet));
            if !machine.is_none() {
                finding = finding.related(machine, format!("{place}, which misses the other half"));
            }
            // FE-33: routes of an endpoint's subnet play no part.
            let by_route = !matches!(self.traffic.to.place, Place::PrivateEndpoint(_));
            if let Some(hop) = hop.filter(|_| by_route) {
                finding = finding.fixes(self.give_route(decision.subnet, &self.block(dst), &hop.to_string()));
            }
        }
        let or = if finding.fix.is_empty() { "" } else { "or " };
        Some(finding.fix(format!("{or}let {place} translate the source to its own address")))
    }

    /// RT-15: the answer reached who asked, but it is not from the address that was asked: somebody translated the request.
    pub(super) fn mismatch(&self) -> Option<Finding> {
        let reply = self.trace.way(Part::Reply)?;
        let server = reply.steps.iter().find_map(|(_, step)| match step {
            Step::Sent { from, .. } => Some(*from),
            _ => None,
        })?;
        let decision = Self::decisions(reply).next()?;
        let translated = |step: &Step| match step {
            Step::Appliance { nic_in, action: ApplianceAction::Translated { .. }, .. } => {
                Some(Place::Nic(*nic_in))
            }
            _ => None,
        };
        let request = self.trace.way(Part::Request)?;
        let by = request.steps.iter().find_map(|(_, step)| translated(step))?;
        let (path, by) = (self.network.subnet_path(decision.subnet), self.explainer.place(by));
        let (server, client) = (self.explainer.place(server), self.end(&self.traffic.from));
        let what = format!(
            "{server} answers {client} directly, but {client} asked {by}, which translated the request"
        );
        let mut finding =
            Finding::new(FindingCode::AsymStatefulDrop, &path, self.table_span(decision.subnet), what)
                .because(self.ways());
        if let Some(hop) = self.first_hop(Part::Request) {
            let block = self.block(self.traffic.from.address);
            finding = finding.fixes(self.give_route(decision.subnet, &block, &hop));
        }
        Some(finding.fix(format!("let {by} translate the source as well, so that answers come back to it")))
    }

    /// FLOW-06: it works, by different ways.
    pub(super) fn asymmetric(&self) -> Option<Finding> {
        let (forward, back) = (&self.fate.forward, &self.fate.back);
        if self.trace.part(Part::Reply).is_none() || self.fate.is_symmetric() {
            return None;
        }
        let mut met = forward.iter().chain(back).copied().filter(|place| {
            matches!(place, Place::Nic(_)) && forward.contains(place) != back.contains(place)
        });
        let appliance = met.next()?;
        let place = self.explainer.place(appliance);
        let what = format!(
            "{place} sees one direction only of some connections; it works, because it insists on nothing"
        );
        let finding = Finding::new(FindingCode::AsymPath, &place, Span::default(), what).because(self.ways());
        Some(self.mend(finding, appliance, &place)?.flow(self.flow()))
    }
}
