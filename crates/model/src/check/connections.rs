//! On-premises sites, and the connections that join gateways to them and to each other (GW-03 to GW-06).

use vnetsim_types::{At, ConnectionId, GatewayId, IpNet, Problem, SiteId};

use super::Checker;
use crate::{
    Connection, ConnectionEnd, GatewayType, Site, SiteKind, VpnType,
    draft::{self, Draft},
};

/// GW-12: autonomous systems that no site may have.
const RESERVED_ASNS: [u32; 8] = [8_074, 8_075, 12_076, 65_515, 65_517, 65_518, 65_519, 65_520];

impl Checker {
    /// Local network gateways, then circuits. Point-to-site clients follow with their gateways.
    pub(super) fn sites(&mut self, draft: &Draft) {
        for said in &draft.local_network_gateways {
            let asn = said.asn.as_ref().and_then(|asn| self.site_asn(&said.name, asn));
            let prefixes = self.blocks(&said.address_prefixes);
            let advertised = self.blocks(&said.advertised_prefixes);
            let known_prefixes = self.known(&said.known_prefixes);
            self.network.sites.push(Site {
                name: said.name.clone(),
                kind: SiteKind::LocalNetworkGateway,
                prefixes,
                advertised,
                known_prefixes,
                asn,
                bgp_peering_address: said.bgp_peering_address.as_ref().map(|a| a.value),
            });
        }
        for said in &draft.express_route_circuits {
            let advertised = self.blocks(&said.advertised_prefixes);
            let known_prefixes = self.known(&said.known_prefixes);
            self.network.sites.push(Site {
                name: said.name.clone(),
                kind: SiteKind::Circuit,
                prefixes: Vec::new(),
                advertised,
                known_prefixes,
                asn: None,
                bgp_peering_address: None,
            });
        }
    }

    fn known(&mut self, said: &Option<Vec<At<IpNet>>>) -> Option<Vec<IpNet>> {
        said.as_ref().map(|list| self.blocks(list).into_iter().map(|block| block.value).collect())
    }

    fn site_asn(&mut self, site: &At<String>, written: &At<u64>) -> Option<u32> {
        let asn = self.asn(written)?;
        if RESERVED_ASNS.contains(&asn) {
            let what = format!("site `{}` has autonomous system {asn}", site.value);
            self.problem(
                Problem::error("BAD_VALUE", written.span, what)
                    .help("Azure reserves 8074, 8075, 12076, 65515 and 65517 to 65520 (GW-12)"),
            );
        }
        Some(asn)
    }

    pub(super) fn connections(&mut self, draft: &Draft) {
        for connection in &draft.connections {
            self.connection(connection, None);
        }
    }

    /// Adds a connection, or updates the one given as `existing`; `None` after a problem. The second of two
    /// connections that name the same two gateways is the other direction of the first one, and is not kept.
    pub(crate) fn connection(
        &mut self,
        said: &draft::Connection,
        existing: Option<ConnectionId>,
    ) -> Option<ConnectionId> {
        let gateway = self.gateway_named(&said.virtual_network_gateway);
        let end = self.end(said);
        let (gateway, end) = (gateway?, end?);
        let circuit = matches!(said.end, draft::ConnectionEnd::Circuit(_));
        let connection = Connection {
            name: said.name.clone(),
            gateway,
            end,
            bgp: circuit || said.enable_bgp.as_ref().is_some_and(|bgp| bgp.value),
            up: said.up.as_ref().is_none_or(|up| up.value),
            deleted: false,
        };
        self.fits(said, &connection, existing);
        self.advertise_peer(&connection);
        if let Some(first) = self.mirror_of(&connection) {
            return Some(first);
        }
        let all = &mut self.network.connections;
        Some(match existing {
            Some(id) => {
                all[id.ix()] = connection;
                id
            }
            None => {
                all.push(connection);
                ConnectionId::new(all.len() - 1)
            }
        })
    }

    /// A gateway that exists; those that a problem kept out of the network are not looked at again.
    fn gateway_named(&mut self, name: &draft::Ref) -> Option<GatewayId> {
        let id = self.look_up("virtual network gateway", name, |x| &x.gateways)?;
        // Positions agree with the file only while every gateway before this one was sound.
        let same = |g: &crate::Gateway| !g.deleted && g.name.value.eq_ignore_ascii_case(&name.value);
        self.network.gateways.get(id.ix()).filter(|g| same(g)).map(|_| id)
    }

    fn end(&mut self, said: &draft::Connection) -> Option<ConnectionEnd> {
        match &said.end {
            draft::ConnectionEnd::VirtualNetworkGateway(other) => {
                self.gateway_named(other).map(ConnectionEnd::Gateway)
            }
            _ => self.site_end(said).map(ConnectionEnd::Site),
        }
    }

    /// The site at the other end, when it is one.
    pub(crate) fn site_end(&mut self, said: &draft::Connection) -> Option<SiteId> {
        match &said.end {
            draft::ConnectionEnd::VirtualNetworkGateway(_) => None,
            draft::ConnectionEnd::LocalNetworkGateway(site) => {
                self.look_up("local network gateway", site, |x| &x.sites)
            }
            draft::ConnectionEnd::Circuit(circuit) => {
                self.look_up("ExpressRoute circuit", circuit, |x| &x.circuits)
            }
        }
    }

    /// GW-03, GW-04, GW-12: which ends a connection may join.
    fn fits(&mut self, said: &draft::Connection, new: &Connection, existing: Option<ConnectionId>) {
        let name = &said.name.value;
        let mut found = self.kinds_fit(said, new);
        if self.far_gateway(new) == Some(new.gateway) {
            found.push((format!("connection `{name}` joins a gateway to itself"), "name another gateway"));
        }
        let policy_based = self.network[new.gateway].vpn_type == VpnType::PolicyBased;
        let others =
            self.network.connections_of(new.gateway).filter(|(id, ..)| Some(*id) != existing).count();
        if policy_based && others > 0 {
            found.push((
                format!("connection `{name}` is the second one of a policy-based gateway"),
                "such a gateway has one tunnel (GW-03); make it RouteBased",
            ));
        }
        if let ConnectionEnd::Site(site) = new.end
            && new.bgp
            && self.network[site].asn == Some(self.network[new.gateway].asn)
        {
            found.push((
                format!("connection `{name}` has the same autonomous system at both ends"),
                "give the site or the gateway another asn (GW-12)",
            ));
        }
        for (what, help) in found {
            self.problem(Problem::error("CONNECTION_MISMATCH", said.name.span, what).help(help));
        }
    }

    /// GW-03, GW-04: circuits and tunnels end at gateways of their type, and policy-based ones can do little.
    fn kinds_fit(&self, said: &draft::Connection, new: &Connection) -> Vec<(String, &'static str)> {
        let mut found = Vec::new();
        let name = &said.name.value;
        let far = self.far_gateway(new);
        let circuit = matches!(said.end, draft::ConnectionEnd::Circuit(_));
        let kind = if circuit { GatewayType::ExpressRoute } else { GatewayType::Vpn };
        for gateway in [Some(new.gateway), far].into_iter().flatten().map(|id| &self.network[id]) {
            if gateway.kind != kind {
                let (wanted, gateway, is) = (kind.text(), &gateway.name.value, gateway.kind.text());
                found.push((
                    format!("connection `{name}` is for {wanted} gateways; `{gateway}` is of type {is}"),
                    "circuits need an ExpressRoute gateway, tunnels a Vpn gateway (GW-04)",
                ));
            } else if gateway.vpn_type == VpnType::PolicyBased && (new.bgp || far.is_some()) {
                found.push((
                    format!("connection `{name}` asks too much of policy-based `{}`", gateway.name.value),
                    "BGP and VNet-to-VNet need RouteBased gateways (GW-03)",
                ));
            }
        }
        found
    }

    fn far_gateway(&self, connection: &Connection) -> Option<GatewayId> {
        match connection.end {
            ConnectionEnd::Gateway(other) => Some(other),
            ConnectionEnd::Site(_) => None,
        }
    }

    /// Azure has one Vnet2Vnet object per direction (JSON-11): the one that `new` is the way back of.
    fn mirror_of(&self, new: &Connection) -> Option<ConnectionId> {
        let far = self.far_gateway(new)?;
        let mut all = self.network.connections.iter();
        let way_back =
            |c: &Connection| !c.deleted && c.gateway == far && c.end == ConnectionEnd::Gateway(new.gateway);
        all.position(way_back).map(ConnectionId::new)
    }

    /// FE-05: a BGP peer's own address is advertised as a block of one.
    fn advertise_peer(&mut self, connection: &Connection) {
        let ConnectionEnd::Site(site) = connection.end else { return };
        let site = &mut self.network.sites[site.ix()];
        if let Some(address) = site.bgp_peering_address.filter(|_| connection.bgp) {
            let block = IpNet::from(address);
            if site.advertised.iter().all(|known| known.value != block) {
                site.advertised.push(At::new(block, site.name.span));
            }
        }
    }
}
