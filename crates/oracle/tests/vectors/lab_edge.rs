//! The lab's gateways, sites, circuits, route servers, balancers and private endpoints.

use vnetsim_model::{Access, GatewayType, LbProtocol, LbSku, PrivateEndpointPolicies, draft};
use vnetsim_types::ProtoPort;

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

    /// A balancer with one public frontend, one pool and one rule.
    pub(crate) fn public_balancer(&mut self, lb: &str, sku: LbSku, address: &str, rule: (LbProtocol, u64)) {
        self.public_address(&format!("pip-{lb}"), address);
        self.balancer(lb, sku, "", "0.0.0.0", rule);
        self.the_balancer(lb).frontends[0] = draft::Frontend {
            name: name("front"),
            public_ip_address: Some(name(&format!("pip-{lb}"))),
            ..Default::default()
        };
    }

    pub(crate) fn the_balancer(&mut self, lb: &str) -> &mut draft::LoadBalancer {
        self.draft.load_balancers.iter_mut().find(|b| b.name.value == lb).expect("a balancer")
    }

    /// The first rule of a balancer.
    pub(crate) fn the_rule(&mut self, lb: &str) -> &mut draft::LoadBalancingRule {
        &mut self.the_balancer(lb).rules[0]
    }

    /// Gives the balancer's rule a TCP probe.
    pub(crate) fn probe(&mut self, lb: &str, port: u64) {
        let probe = draft::Probe {
            name: name("probe"),
            protocol: None,
            port: Some(port.into()),
            interval_s: None,
            threshold: None,
        };
        self.the_balancer(lb).probes.push(probe);
        self.the_rule(lb).probe = Some(name("probe"));
    }

    /// An inbound NAT rule.
    pub(crate) fn nat_rule(&mut self, lb: &str, ports: (u64, u64), nic: &str) {
        self.the_balancer(lb).inbound_nat_rules.push(draft::InboundNatRule {
            span: Default::default(),
            name: name(&format!("nat-{nic}")),
            frontend: name("front"),
            protocol: LbProtocol::Tcp.into(),
            frontend_port: ports.0.into(),
            backend_port: ports.1.into(),
            backend: Some(name(nic)),
        });
    }

    /// An outbound rule for the balancer's pool.
    pub(crate) fn outbound_rule(&mut self, lb: &str) {
        self.the_balancer(lb).outbound_rules.push(draft::OutboundRule {
            span: Default::default(),
            name: name("out"),
            frontends: vec![name("front")],
            backend_pool: name("pool"),
            allocated_outbound_ports: None,
        });
    }

    /// The ports on which a guest listens.
    pub(crate) fn listens(&mut self, vm: &str, ports: &[&str]) {
        let ports = ports.iter().map(|text| text.parse::<ProtoPort>().expect("a port").into());
        self.the_vm(vm).guest.get_or_insert_default().listen = Some(ports.collect());
    }

    /// The policy of a firewall; each rule is `Allow|Deny source destination ports`, `*` for any.
    pub(crate) fn policy(&mut self, vm: &str, rules: &[&str]) {
        let blocks = |text: &str| if text == "*" { Vec::new() } else { nets(&[text]) };
        let rule = |text: &&str| {
            let words: Vec<&str> = text.split(' ').collect();
            let [access, source, destination, ports] = words[..] else { panic!("`{text}` is not a rule") };
            let ports = ports.split(',').filter(|port| *port != "*");
            draft::PolicyRule {
                name: name(text),
                access: if access == "Allow" { Access::Allow } else { Access::Deny }.into(),
                source: blocks(source),
                destination: blocks(destination),
                ports: ports.map(|text| text.parse::<ProtoPort>().expect("a port").into()).collect(),
            }
        };
        self.the_vm(vm).guest.get_or_insert_default().rules = rules.iter().map(rule).collect();
    }

    /// The largest packet that a guest sends.
    pub(crate) fn mtu(&mut self, vm: &str, bytes: u64) {
        self.the_vm(vm).guest.get_or_insert_default().mtu = Some(bytes.into());
    }

    /// A private endpoint.
    pub(crate) fn endpoint(&mut self, endpoint: &str, subnet: &str, address: &str) {
        self.draft.private_endpoints.push(draft::PrivateEndpoint {
            name: name(endpoint),
            subnet: name(subnet),
            private_ip_address: Some(ip(address).into()),
            ..Default::default()
        });
    }

    /// What applies to the private endpoints of a subnet.
    pub(crate) fn endpoint_policies(&mut self, subnet: &str, policies: PrivateEndpointPolicies) {
        self.the_subnet(subnet).private_endpoint_network_policies = Some(policies.into());
    }

    /// A route server in `vnet`, which needs a RouteServerSubnet.
    pub(crate) fn route_server(&mut self, vnet: &str) -> &mut draft::RouteServer {
        let new = draft::RouteServer { name: name("rs"), virtual_network: name(vnet), ..Default::default() };
        self.draft.route_servers.push(new);
        self.the_route_server()
    }

    pub(crate) fn the_route_server(&mut self) -> &mut draft::RouteServer {
        self.draft.route_servers.last_mut().expect("a route server")
    }

    /// An appliance tells the route server of `prefixes`; `next_hop` names somebody else than itself.
    pub(crate) fn tells(&mut self, appliance: &str, prefixes: &[&str], next_hop: Option<&str>) {
        let route = draft::AdvertisedRoute {
            address_prefixes: nets(prefixes),
            next_hop_ip_address: next_hop.map(|text| ip(text).into()),
            as_path: None,
        };
        let server = self.the_route_server();
        let peer = draft::BgpConnection {
            name: name(&format!("peer{}", server.bgp_connections.len())),
            peer_ip: Some(ip(appliance).into()),
            routes: vec![route],
            ..Default::default()
        };
        server.bgp_connections.push(peer);
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
