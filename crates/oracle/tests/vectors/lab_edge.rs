//! The lab's gateways, sites and circuits.

use vnetsim_model::{GatewayType, draft};

use crate::lab::{Lab, ip, name, nets};

impl Lab {
    /// A gateway with one instance and no connection.
    pub(crate) fn gateway(&mut self, gateway: &str, vnet: &str, kind: GatewayType) {
        self.draft.virtual_network_gateways.push(draft::VirtualNetworkGateway {
            span: Default::default(),
            name: name(gateway),
            gateway_type: kind.into(),
            virtual_network: name(vnet),
            ip_configurations: Vec::new(),
            active_active: None,
            vpn_type: None,
            sku: None,
            asn: None,
            client_address_pool: Vec::new(),
        });
    }

    pub(crate) fn the_gateway(&mut self, gateway: &str) -> &mut draft::VirtualNetworkGateway {
        let mut all = self.draft.virtual_network_gateways.iter_mut();
        all.find(|g| g.name.value == gateway).expect("a gateway")
    }

    /// The public address of a gateway's first instance.
    pub(crate) fn gateway_public(&mut self, gateway: &str, address: &str) {
        let object = format!("pip-{gateway}");
        self.public_address(&object, address);
        let config =
            draft::GatewayIpConfiguration { public_ip_address: Some(name(&object)), ..Default::default() };
        self.the_gateway(gateway).ip_configurations.push(config);
    }

    /// A site with configured prefixes, connected to `gateway` without BGP.
    pub(crate) fn site(&mut self, site: &str, gateway: &str, prefixes: &[&str]) {
        let address_prefixes = nets(prefixes);
        let new = draft::LocalNetworkGateway { name: name(site), address_prefixes, ..Default::default() };
        self.draft.local_network_gateways.push(new);
        self.connect(gateway, draft::ConnectionEnd::LocalNetworkGateway(name(site)), false);
    }

    /// A site that advertises its prefixes by BGP.
    pub(crate) fn bgp_site(&mut self, site: &str, gateway: &str, advertised: &[&str]) {
        let advertised_prefixes = nets(advertised);
        let asn = Some(65_010.into());
        let new =
            draft::LocalNetworkGateway { name: name(site), advertised_prefixes, asn, ..Default::default() };
        self.draft.local_network_gateways.push(new);
        self.connect(gateway, draft::ConnectionEnd::LocalNetworkGateway(name(site)), true);
    }

    pub(crate) fn the_site(&mut self, site: &str) -> &mut draft::LocalNetworkGateway {
        let mut all = self.draft.local_network_gateways.iter_mut();
        all.find(|s| s.name.value == site).expect("a site")
    }

    /// A circuit, connected to each of `gateways`.
    pub(crate) fn circuit(&mut self, circuit: &str, gateways: &[&str], advertised: &[&str]) {
        let advertised_prefixes = nets(advertised);
        let new =
            draft::ExpressRouteCircuit { name: name(circuit), advertised_prefixes, ..Default::default() };
        self.draft.express_route_circuits.push(new);
        for gateway in gateways {
            self.connect(gateway, draft::ConnectionEnd::Circuit(name(circuit)), true);
        }
    }

    /// A tunnel between two gateways.
    pub(crate) fn tunnel(&mut self, a: &str, b: &str, bgp: bool) {
        self.connect(a, draft::ConnectionEnd::VirtualNetworkGateway(name(b)), bgp);
    }

    pub(crate) fn connect(&mut self, gateway: &str, end: draft::ConnectionEnd, bgp: bool) {
        self.draft.connections.push(draft::Connection {
            span: Default::default(),
            name: name(&format!("connection{}", self.draft.connections.len())),
            virtual_network_gateway: name(gateway),
            end,
            enable_bgp: Some(bgp.into()),
            up: None,
        });
    }

    /// The last connection is down.
    pub(crate) fn take_down(&mut self) {
        self.draft.connections.last_mut().expect("a connection").up = Some(false.into());
    }

    /// Two instances.
    pub(crate) fn active_active(&mut self, gateway: &str) {
        self.the_gateway(gateway).active_active = Some(true.into());
    }

    /// The address by which a site speaks BGP.
    pub(crate) fn bgp_address(&mut self, site: &str, address: &str) {
        self.the_site(site).bgp_peering_address = Some(ip(address).into());
    }
}
