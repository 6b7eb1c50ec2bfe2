//! Lines of a diagnosis about routes: which to change or add so that the appliance sees both directions, and which longer
//! route is known and not used.
//!
//! Called by `diagnose` and `route_none`. Says what usually helps: nothing here was played. Costs a look at the tables.

use std::net::IpAddr;

use vnetsim_compile::{RibRoute, RouteOrigin, RouteState, Withheld};
use vnetsim_model::UserNextHop;
use vnetsim_types::{NicId, Step, SubnetId};

use crate::{
    PacketTrace,
    diagnose::{Case, Finding, first_subnet},
    explain::{next_hop_words, withheld_words},
};

impl Case<'_> {
    /// The dead packet's own way led to the appliance, and its other direction cannot: how it goes past it as well.
    pub(crate) fn past_appliance(&self, other: &PacketTrace) -> Option<String> {
        let (subnet, dst) = (first_subnet(self.packet)?, self.key.dst);
        let inside = self.network.vnets().iter().any(|v| v.address_space.iter().any(|b| b.contains(&dst)));
        if !inside && self.network.site_of(dst).is_none() && !self.packet.part.is_forward() {
            let length = if dst.is_ipv6() { 128 } else { 32 };
            return Some(format!("{}: add {dst}/{length} -> Internet", self.table_of(subnet)));
        }
        let (now, ix) = self.packet.steps.iter().find_map(|(now, step)| match step {
            Step::Route { route: Some(ix), .. } => Some((*now, *ix)),
            _ => None,
        })?;
        let route = self.explainer.at(now).route(ix);
        let RouteOrigin::User { table, name, .. } = &route.origin else { return None };
        let table = &self.network[*table].name.value;
        if let Some(address) = route.next_hop_ip
            && self.front_of(address) != address
        {
            let front = self.front_of(address);
            return Some(format!(
                "{table}/{name}: change its next hop to VirtualAppliance {front}, the balancer in front of {address}"
            ));
        }
        if other.via().next().is_some() {
            return None; // it has an appliance too: without one is not what was meant
        }
        Some(format!("{table}/{name}: remove or narrow it, so that {dst} is reached without the appliance"))
    }

    /// The line that sends `prefix` of `subnet` to the appliance at `address`, or to the balancer in front of it: in the
    /// route that the table has for that prefix, else in a new one. `None` where no line helps: Azure takes no table for
    /// AzureBastionSubnet, or the route is there.
    pub(crate) fn route_line(&self, subnet: SubnetId, prefix: &str, address: IpAddr) -> Option<String> {
        let home = &self.network[subnet];
        if !home.takes_route_table() {
            return None;
        }
        let address = self.front_of(address);
        let table = home.route_table.as_ref().map(|table| &self.network[table.value]);
        let same = table.and_then(|table| {
            let has = |r: &&vnetsim_model::UserRoute| r.prefixes.iter().any(|p| p.to_string() == prefix);
            Some((&table.name.value, table.routes.iter().find(has)?))
        });
        match same {
            Some((_, route)) if route.next_hop == UserNextHop::VirtualAppliance(address) => None,
            Some((table, route)) => {
                let name = &route.name.value;
                Some(format!("{table}/{name}: change its next hop to VirtualAppliance {address}"))
            }
            None => Some(format!("{}: add {prefix} -> VirtualAppliance {address}", self.table_of(subnet))),
        }
    }

    /// The internal frontend of the balancer whose pool has `address`; else `address` itself.
    fn front_of(&self, address: IpAddr) -> IpAddr {
        let member = |(nic, config): &(NicId, usize)| {
            self.network[*nic].ip_configurations.get(*config).is_some_and(|c| c.address == address)
        };
        let mut balancers = self.network.load_balancers().iter();
        let front = balancers.find_map(|lb| {
            let ours = lb.pools.iter().flatten().any(member);
            let inside =
                |f: &&vnetsim_model::Frontend| f.vnet.is_some() && f.address.is_ipv4() == address.is_ipv4();
            lb.frontends.iter().find(inside).filter(|_| ours)
        });
        front.map_or(address, |front| front.address)
    }

    /// RT-12, RT-14: a longer route that would have led elsewhere is not in the table.
    pub(crate) fn longer_but_unused(&self, finding: &mut Finding) {
        let Some((subnet, winner)) = self.last_route() else { return };
        let (compiled, dst) = (self.explainer.at(self.now), self.key.dst);
        let longer = |route: &RibRoute| {
            winner.is_none_or(|ix| compiled.route(ix).prefix.prefix_len() < route.prefix.prefix_len())
        };
        let unused = compiled.all_routes(subnet).filter_map(|(_, route)| match route.state {
            RouteState::Withheld(why @ (Withheld::InsideVnetOrPeer | Withheld::PropagationDisabled))
                if route.prefix.contains(&dst) && longer(route) =>
            {
                Some((route, why))
            }
            _ => None,
        });
        let Some((route, why)) = unused.max_by_key(|(route, _)| route.prefix.prefix_len()) else { return };
        let (origin, why_words) = (self.explainer.origin_words(route), withheld_words(why));
        let hop = next_hop_words(route);
        finding.because.insert(
            0,
            format!("the longer route {} -> {hop} ({origin}) is not used: {why_words}", route.prefix),
        );
        if why == Withheld::PropagationDisabled {
            finding.fix.push(format!("{}: set disableBgpRoutePropagation: false", self.table_of(subnet)));
            return;
        }
        let mut vnets = self.network.vnets().iter();
        let around = vnets.find(|v| v.address_space.iter().any(|b| b.contains(&dst)));
        if let Some(vnet) = around {
            let (prefix, name) = (route.prefix, &vnet.name.value);
            finding.fix.push(format!("renumber one of the two: {prefix} lies inside the space of {name}"));
        }
    }
}
