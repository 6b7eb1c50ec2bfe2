//! What a run chose where Azure's documents leave it to a hash: told to the oracle, which says whether it was
//! allowed.

use std::{cell::RefCell, net::IpAddr};

use vnetsim_compile::Compiled;
use vnetsim_oracle::{OracleRoute, Question};
use vnetsim_trace::{ConversationTrace, PacketTrace};
use vnetsim_types::{
    ApplianceAction, FlowKey, GatewayId, LbId, NicId, Part, Place, RouteIx, SiteId, Step, SubnetId,
};

use crate::words::{from_real, real_kind};

/// One choice of a run.
#[derive(Clone, Copy, PartialEq, Debug)]
enum Made {
    Backend(LbId, NicId),
    Route(SubnetId, RouteIx),
    Tunnel(GatewayId, Place),
    Entrance(SiteId, GatewayId),
    Address(NicId, IpAddr),
}

/// The choices of a run in their order, each with the key of its packet.
pub(crate) struct Choices<'a> {
    compiled: &'a Compiled,
    left: RefCell<Vec<(FlowKey, Made)>>,
}

impl<'a> Choices<'a> {
    /// The choices that `trace` shows.
    pub(crate) fn of(compiled: &'a Compiled, trace: &ConversationTrace) -> Self {
        let packets = trace.packets.iter().filter(|packet| packet.part != Part::IcmpError);
        Self { compiled, left: RefCell::new(packets.flat_map(made).collect()) }
    }

    /// The position of what the run chose; beyond all of them when it chose something else.
    pub(crate) fn answer(&self, key: &FlowKey, question: Question<'_>) -> usize {
        let found = match question {
            Question::Backend { lb, allowed } => {
                let backend = self.take(key, |made| match made {
                    Made::Backend(of, nic) if of == lb => Some(nic),
                    _ => None,
                });
                backend.and_then(|nic| allowed.iter().position(|other| *other == nic))
            }
            Question::Route { subnet, allowed } => {
                let route = self.take(key, |made| match made {
                    Made::Route(of, route) if of == subnet => Some(route),
                    _ => None,
                });
                route.and_then(|route| allowed.iter().position(|row| self.is(route, row)))
            }
            Question::Tunnel { gateway, allowed } => {
                let end = self.take(key, |made| match made {
                    Made::Tunnel(of, end) if of == gateway => Some(end),
                    _ => None,
                });
                end.and_then(|end| allowed.iter().position(|other| *other == end))
            }
            Question::Entrance { site, allowed } => {
                let gateway = self.take(key, |made| match made {
                    Made::Entrance(of, gateway) if of == site => Some(gateway),
                    _ => None,
                });
                gateway.and_then(|gateway| allowed.iter().position(|other| *other == gateway))
            }
            Question::Address { nic, allowed } => {
                let address = self.take(key, |made| match made {
                    Made::Address(of, address) if of == nic => Some(address),
                    _ => None,
                });
                address.and_then(|address| allowed.iter().position(|other| *other == address))
            }
        };
        found.unwrap_or(usize::MAX)
    }

    /// The next choice that `wanted` accepts: of a packet with that key, else of any.
    fn take<T>(&self, key: &FlowKey, wanted: impl Fn(Made) -> Option<T>) -> Option<T> {
        let mut left = self.left.borrow_mut();
        let same = left.iter().position(|(of, made)| of == key && wanted(*made).is_some());
        let ix = same.or_else(|| left.iter().position(|(_, made)| wanted(*made).is_some()))?;
        wanted(left.remove(ix).1)
    }

    fn is(&self, route: RouteIx, row: &OracleRoute) -> bool {
        let real = self.compiled.route(route);
        let words = (from_real(real.source), real_kind(real.next_hop_type));
        (real.prefix, real.next_hop_ip, words)
            == (row.prefix, row.next_hop_ip, (row.source, row.next_hop_type))
    }
}

fn made(packet: &PacketTrace) -> Vec<(FlowKey, Made)> {
    let mut all = Vec::new();
    let Some(mut key) = packet.key() else { return all };
    let mut sender = None;
    for (_, step) in &packet.steps {
        // Who sent it says nothing about its choice; where the packet shows up next does.
        if let (Some(from), Some(at)) = (sender, passes(step)) {
            match (from, at) {
                (Place::Site(site), Place::Gateway(gateway)) => {
                    all.push((key, Made::Entrance(site, gateway)))
                }
                (Place::Gateway(gateway), end) => all.push((key, Made::Tunnel(gateway, end))),
                _ => {}
            }
            sender = None;
        }
        match *step {
            Step::Sent { from, .. } => sender = Some(from),
            Step::PublicAddress { nic, key: new } => {
                if new.src != key.src {
                    all.push((key, Made::Address(nic, new.src)));
                }
                key = new;
            }
            Step::Rewritten { key: new, .. }
            | Step::Appliance { action: ApplianceAction::Translated { key: new, .. }, .. } => key = new,
            Step::LoadBalancer { lb, backend, .. } => all.push((key, Made::Backend(lb, backend))),
            Step::Route { subnet, route: Some(route), ways, .. } if ways > 1 => {
                all.push((key, Made::Route(subnet, route)));
            }
            Step::Gateway { gateway, to, .. } => all.push((key, Made::Tunnel(gateway, to))),
            _ => {}
        }
    }
    all
}

/// The gateway or site that `step` happens at.
fn passes(step: &Step) -> Option<Place> {
    match *step {
        Step::Gateway { gateway, .. } => Some(Place::Gateway(gateway)),
        Step::Delivered { to: at, .. } | Step::Dropped { at, .. } => Some(at),
        _ => None,
    }
}
