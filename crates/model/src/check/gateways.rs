//! Virtual network gateways and their point-to-site clients (Part 6 of the semantics).

use vnetsim_types::{At, GatewayId, Problem, SiteId, SubnetId, VnetId};

use super::{Checker, allocate::said_or_any};
use crate::{
    Connection, ConnectionEnd, Era, Gateway, GatewayInstance, GatewayType, Network, Site, SiteKind, VpnType,
    draft::{self, Draft},
};

/// GW-01: the subnet that gateways live in.
pub(crate) const GATEWAY_SUBNET: &str = "GatewaySubnet";

/// GW-12: the autonomous system of a gateway that says none.
const ASN_DEFAULT: u32 = 65_515;

impl Checker {
    pub(super) fn gateways(&mut self, draft: &Draft) {
        for gateway in &draft.virtual_network_gateways {
            self.gateway(gateway);
        }
    }

    /// Adds a gateway whose instances have no address yet unless one is said; `None` after a problem.
    pub(crate) fn gateway(&mut self, said: &draft::VirtualNetworkGateway) -> Option<GatewayId> {
        let vnet = self.look_up("virtual network", &said.virtual_network, |x| &x.vnets);
        let instances = self.instances(said);
        let vpn_type = said.vpn_type.as_ref().map_or(VpnType::RouteBased, |t| t.value);
        let asn = said.asn.as_ref().map_or(Some(ASN_DEFAULT), |asn| self.asn(asn));
        let vnet = vnet?;
        self.second_gateway(vnet, said);
        let subnet = self.gateway_subnet(vnet, said)?;
        let gateway = Gateway {
            name: said.name.clone(),
            kind: said.gateway_type.value,
            vnet,
            subnet,
            instances,
            vpn_type,
            sku: said.sku.as_ref().map(|sku| sku.value.clone()),
            asn: asn?,
            running: true,
            deleted: false,
        };
        self.coexists(&gateway);
        self.network.gateways.push(gateway);
        let id = GatewayId::new(self.network.gateways.len() - 1);
        self.clients(id, said);
        Some(id)
    }

    /// GW-01.
    fn gateway_subnet(&mut self, vnet: VnetId, said: &draft::VirtualNetworkGateway) -> Option<SubnetId> {
        let subnet = self.network.subnet_named(vnet, GATEWAY_SUBNET);
        if subnet.is_none() {
            let what = format!("virtual network `{}` has no GatewaySubnet", self.network[vnet].name.value);
            self.problem(
                Problem::error("NO_GATEWAY_SUBNET", said.virtual_network.span, what)
                    .help("a gateway lives in a subnet with exactly that name (GW-01)"),
            );
        }
        subnet
    }

    fn second_gateway(&mut self, vnet: VnetId, said: &draft::VirtualNetworkGateway) {
        let Some(first) = rival_gateway(&self.network, vnet, said.gateway_type.value) else { return };
        let kind = said.gateway_type.value;
        let (name, first) = (&said.name, self.network[first].name.span);
        let (what, help) = match self.network.semantics.era {
            Era::Y2017 => (
                format!("`{}` is the second gateway of its network", name.value),
                "in 2017 a virtual network has a single gateway (GW-23)",
            ),
            Era::Modern => (
                format!("`{}` is the second {} gateway of its network", name.value, kind.text()),
                "a virtual network has at most one gateway of each type (GW-01)",
            ),
        };
        self.problem(
            Problem::error("TWO_GATEWAYS", name.span, what).related(first, "the first one").help(help),
        );
    }

    /// GW-13: gateways of both types in one network are route-based and not of the Basic SKU.
    fn coexists(&mut self, new: &Gateway) {
        let others = self.network.gateways_of(new.vnet).map(|(_, other)| other);
        let Some(other) = others.filter(|other| other.kind != new.kind).last() else { return };
        let policy = |g: &Gateway| g.kind == GatewayType::Vpn && g.vpn_type == VpnType::PolicyBased;
        let found = [other, new].into_iter().find(|gateway| gateway.is_basic() || policy(gateway));
        if let Some(wrong) = found {
            let what = format!(
                "`{}` and `{}` cannot stand in one network: `{}` is {}",
                other.name.value,
                new.name.value,
                wrong.name.value,
                if policy(wrong) { "policy-based" } else { "of the Basic SKU" }
            );
            let problem = Problem::error("CANNOT_COEXIST", new.name.span, what)
                .related(other.name.span, "the other gateway")
                .help("VPN beside ExpressRoute needs a RouteBased gateway of a larger SKU (GW-13)");
            self.problem(problem);
        }
    }

    /// One instance, or two when active-active. Point-to-site of an active-active gateway has a third
    /// ipConfiguration, which carries no instance.
    fn instances(&mut self, said: &draft::VirtualNetworkGateway) -> Vec<GatewayInstance> {
        let configs = &said.ip_configurations;
        let two = said.active_active.as_ref().map_or(configs.len() > 1, |active| active.value);
        if let Some(no) = said.active_active.as_ref().filter(|active| !active.value && configs.len() > 1) {
            let what = format!("gateway `{}` has {} ipConfigurations", said.name.value, configs.len());
            self.problem(
                Problem::error("CONFLICTING_PROPERTIES", no.span, what)
                    .help("set activeActive: true, or keep one of them (JSON-09)"),
            );
        }
        if configs.len() > 3 {
            let what = format!("gateway `{}` has {} ipConfigurations", said.name.value, configs.len());
            self.problem(
                Problem::error("BAD_VALUE", said.span, what)
                    .help("one for each of its two instances, and one for point-to-site clients"),
            );
        }
        let implied = draft::GatewayIpConfiguration::default();
        let mut instances = Vec::new();
        for place in 0..if two { 2 } else { 1 } {
            let config = configs.get(place).unwrap_or(&implied);
            let public = config.public_ip_address.as_ref();
            instances.push(GatewayInstance {
                address: said_or_any(&config.private_ip_address),
                public_address: public.and_then(|name| self.public_address_named(name)),
            });
        }
        instances
    }

    pub(super) fn asn(&mut self, written: &At<u64>) -> Option<u32> {
        let asn = u32::try_from(written.value).ok().filter(|asn| *asn != 0);
        if asn.is_none() {
            let what = format!("{} is not an autonomous system number", written.value);
            self.problem(
                Problem::error("BAD_VALUE", written.span, what).help("they go from 1 to 4294967295 (GW-12)"),
            );
        }
        asn
    }

    /// GW-20, FE-15: the clients' pool is a site of its own, always connected.
    fn clients(&mut self, id: GatewayId, said: &draft::VirtualNetworkGateway) {
        let Some(first) = said.client_address_pool.first() else { return };
        let gateway = &self.network[id];
        if gateway.kind != GatewayType::Vpn || gateway.vpn_type != VpnType::RouteBased {
            let what = format!("gateway `{}` has a vpnClientAddressPool", said.name.value);
            self.problem(
                Problem::error("CONFLICTING_PROPERTIES", first.span, what)
                    .help("point-to-site needs a RouteBased gateway of type Vpn (GW-03); remove the pool"),
            );
        }
        let prefixes = self.blocks(&said.client_address_pool);
        let name = At::new(format!("{} clients", said.name.value), said.name.span);
        self.network.sites.push(Site {
            name: name.clone(),
            kind: SiteKind::Clients,
            prefixes,
            advertised: Vec::new(),
            known_prefixes: None,
            asn: None,
            bgp_peering_address: None,
        });
        self.network.connections.push(Connection {
            name,
            gateway: id,
            end: ConnectionEnd::Site(SiteId::new(self.network.sites.len() - 1)),
            bgp: false,
            up: true,
            deleted: false,
        });
    }
}

/// GW-01, GW-23: the gateway of `vnet` beside which there may be no other of `kind`.
pub(crate) fn rival_gateway(network: &Network, vnet: VnetId, kind: GatewayType) -> Option<GatewayId> {
    let single = network.semantics.era == Era::Y2017;
    network.gateways_of(vnet).find(|(_, other)| single || other.kind == kind).map(|(id, _)| id)
}
