//! Route servers with their BGP peers, and private endpoints.

use std::net::{IpAddr, Ipv4Addr};

use vnetsim_types::Problem;

use super::{Checker, allocate::said_or_any};
use crate::{
    BgpPeer, BgpRoute, HubRoutingPreference, PrivateEndpoint, RouteServer,
    draft::{self, Draft},
};

/// ADDR-09: the subnet that a route server lives in.
const ROUTE_SERVER_SUBNET: &str = "RouteServerSubnet";

/// The first private autonomous system, for appliances that say none.
const PEER_ASN_DEFAULT: u32 = 65_001;

impl Checker {
    pub(super) fn route_servers(&mut self, draft: &Draft) {
        for said in &draft.route_servers {
            if let Some(server) = self.route_server(said) {
                self.network.route_servers.push(server);
            }
        }
    }

    /// ADDR-09: it lives in `RouteServerSubnet`, one per virtual network, with two addresses.
    fn route_server(&mut self, said: &draft::RouteServer) -> Option<RouteServer> {
        let vnet = self.look_up("virtual network", &said.virtual_network, |x| &x.vnets);
        let peers = said.bgp_connections.iter().filter_map(|c| self.bgp_peer(said, c)).collect();
        let names = said.bgp_connections.iter().map(|peer| &peer.name);
        self.unique_names("BGP connection", &said.name.value, names);
        let vnet = vnet?;
        let first = self.network.route_servers_of(vnet).map(|(_, first)| first.name.span).next();
        if let Some(first) = first {
            let what = format!("`{}` is the second route server of its network", said.name.value);
            self.problem(
                Problem::error("TWO_ROUTE_SERVERS", said.name.span, what)
                    .related(first, "the first one")
                    .help("a virtual network has at most one route server"),
            );
        }
        let Some(subnet) = self.network.subnet_named(vnet, ROUTE_SERVER_SUBNET) else {
            let home = &self.network[vnet].name.value;
            let what = format!("virtual network `{home}` has no RouteServerSubnet");
            self.problem(
                Problem::error("NO_ROUTE_SERVER_SUBNET", said.virtual_network.span, what)
                    .help("a route server lives in a subnet with exactly that name (ADDR-09)"),
            );
            return None;
        };
        let preference = said.hub_routing_preference.as_ref();
        Some(RouteServer {
            name: said.name.clone(),
            vnet,
            subnet,
            addresses: vec![Ipv4Addr::UNSPECIFIED.into(); 2],
            branch_to_branch: said.allow_branch_to_branch_traffic.as_ref().is_some_and(|b| b.value),
            preference: preference.map_or(HubRoutingPreference::ExpressRoute, |p| p.value),
            peers,
        })
    }

    fn bgp_peer(&mut self, server: &draft::RouteServer, said: &draft::BgpConnection) -> Option<BgpPeer> {
        let what = format!("BGP connection `{}` of `{}`", said.name.value, server.name.value);
        let asn = said.peer_asn.as_ref().map_or(Some(PEER_ASN_DEFAULT), |asn| self.asn(asn));
        let Some(address) = said.peer_ip.as_ref().map(|ip| ip.value) else {
            self.problem(
                Problem::error("MISSING_PROPERTY", said.name.span, format!("{what} has no peerIp"))
                    .help("add peerIp: <address of the appliance>"),
            );
            return None;
        };
        let asn = asn?;
        let routes = said.routes.iter().flat_map(|said| self.bgp_routes(&what, said, address, asn)).collect();
        Some(BgpPeer { name: said.name.clone(), address, asn, routes })
    }

    fn bgp_routes(
        &mut self,
        what: &str,
        said: &draft::AdvertisedRoute,
        peer: IpAddr,
        asn: u32,
    ) -> Vec<BgpRoute> {
        let as_path = match &said.as_path {
            None => vec![asn],
            Some(path) => path.iter().filter_map(|asn| self.asn(asn)).collect(),
        };
        if let Some(path) = said.as_path.as_ref().filter(|_| as_path.first() != Some(&asn)) {
            let span =
                path.first().map_or(said.next_hop_ip_address.as_ref().map(|a| a.span), |a| Some(a.span));
            let span = span.or(said.address_prefixes.first().map(|p| p.span)).unwrap_or_default();
            self.problem(
                Problem::error("BAD_VALUE", span, format!("{what} advertises a path that another peer made"))
                    .help(format!("asPath starts with the peer's own number, {asn}")),
            );
        }
        let next_hop = said.next_hop_ip_address.as_ref().map_or(peer, |a| a.value);
        let mut routes = Vec::new();
        for prefix in self.blocks(&said.address_prefixes) {
            if prefix.addr().is_ipv4() != next_hop.is_ipv4() {
                let what = format!("{what} advertises {} with next hop {next_hop}", prefix.value);
                self.problem(
                    Problem::error("BAD_VALUE", prefix.span, what)
                        .help("prefix and next hop must be of one address family"),
                );
            }
            routes.push(BgpRoute { prefix, next_hop, as_path: as_path.clone() });
        }
        routes
    }

    /// RT-08, NSG-25. Their addresses follow in [`Self::allocate_addresses`].
    pub(super) fn private_endpoints(&mut self, draft: &Draft) {
        for said in &draft.private_endpoints {
            let subnet = self.look_up("subnet", &said.subnet, |x| &x.subnets);
            let asgs = said.application_security_groups.iter();
            let asgs = asgs.filter_map(|r| self.look_up("application security group", r, |x| &x.asgs));
            let asgs = asgs.collect();
            let Some(subnet) = subnet else { continue };
            let Some(vnet) = self.network.subnets.get(subnet.ix()).map(|home| home.vnet) else { continue };
            self.network.private_endpoints.push(PrivateEndpoint {
                name: said.name.clone(),
                vnet,
                subnet,
                address: said_or_any(&said.private_ip_address),
                asgs,
            });
        }
    }
}
