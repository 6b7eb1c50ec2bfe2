//! Balancers, gateways, sites, route servers and private endpoints as rows.

use vnetsim_model::draft;
use vnetsim_types::{At, IpNet};

use super::{Row, named, space};

pub(super) fn balancer(lb: &draft::LoadBalancer) -> Row {
    let frontend = |frontend: &draft::Frontend| {
        named(&frontend.name)
            .opt("subnet", frontend.subnet.as_ref())
            .opt("privateIPAddress", frontend.private_ip_address.as_ref())
            .opt("publicIPAddress", frontend.public_ip_address.as_ref())
    };
    let probe = |probe: &draft::Probe| {
        let protocol = probe.protocol.as_ref().map(|protocol| protocol.text());
        named(&probe.name).spelt("protocol", protocol).opt("port", probe.port.as_ref())
    };
    named(&lb.name)
        .spelt("sku", lb.sku.as_ref().map(|sku| sku.text()))
        .rows("frontendIPConfigurations", lb.frontends.iter().map(frontend).collect())
        .rows("backendAddressPools", lb.backend_pools.iter().map(named).collect())
        .rows("probes", lb.probes.iter().map(probe).collect())
        .rows("loadBalancingRules", lb.rules.iter().map(rule).collect())
        .rows("inboundNatRules", lb.inbound_nat_rules.iter().map(nat_rule).collect())
        .rows("outboundRules", lb.outbound_rules.iter().map(outbound_rule).collect())
}

fn rule(rule: &draft::LoadBalancingRule) -> Row {
    named(&rule.name)
        .say("frontendIPConfiguration", &rule.frontend.value)
        .say("backendAddressPool", &rule.backend_pool.value)
        .opt("probe", rule.probe.as_ref())
        .say("protocol", rule.protocol.value.text())
        .say("frontendPort", rule.frontend_port.value)
        .say("backendPort", rule.backend_port.value)
        .spelt("loadDistribution", rule.load_distribution.as_ref().map(|distribution| distribution.text()))
        .opt("enableFloatingIP", rule.enable_floating_ip.as_ref())
        .opt("idleTimeoutInMinutes", rule.idle_timeout_in_minutes.as_ref())
        .opt("disableOutboundSnat", rule.disable_outbound_snat.as_ref())
}

fn nat_rule(rule: &draft::InboundNatRule) -> Row {
    named(&rule.name)
        .say("frontendIPConfiguration", &rule.frontend.value)
        .say("protocol", rule.protocol.value.text())
        .say("frontendPort", rule.frontend_port.value)
        .say("backendPort", rule.backend_port.value)
        .opt("networkInterface", rule.backend.as_ref())
}

fn outbound_rule(rule: &draft::OutboundRule) -> Row {
    named(&rule.name)
        .list("frontendIPConfigurations", &rule.frontends)
        .say("backendAddressPool", &rule.backend_pool.value)
        .opt("allocatedOutboundPorts", rule.allocated_outbound_ports.as_ref())
}

pub(super) fn gateway(gateway: &draft::VirtualNetworkGateway) -> Row {
    let row = named(&gateway.name).say("gatewayType", gateway.gateway_type.value.text());
    // One place for the network: an ipConfiguration where there is one.
    let row = match gateway.ip_configurations.as_slice() {
        [] => row.say("virtualNetwork", &gateway.virtual_network.value),
        some => {
            let subnet = format!("{}/GatewaySubnet", gateway.virtual_network.value);
            let configuration = |(ix, said): (usize, &draft::GatewayIpConfiguration)| {
                Row::default()
                    .say("name", format!("instance{ix}"))
                    .say("subnet", &subnet)
                    .opt("publicIPAddress", said.public_ip_address.as_ref())
                    .opt("privateIPAddress", said.private_ip_address.as_ref())
            };
            row.rows("ipConfigurations", some.iter().enumerate().map(configuration).collect())
        }
    };
    let row = row
        .opt("activeActive", gateway.active_active.as_ref())
        .spelt("vpnType", gateway.vpn_type.as_ref().map(|kind| kind.text()))
        .opt("sku", gateway.sku.as_ref());
    let row = match &gateway.asn {
        Some(asn) => row.raw("bgpSettings", &Row::default().say("asn", asn.value).done()),
        None => row,
    };
    match gateway.client_address_pool.as_slice() {
        [] => row,
        pool => {
            let pool = Row::default().raw("vpnClientAddressPool", &space(pool)).done();
            row.raw("vpnClientConfiguration", &pool)
        }
    }
}

/// A list that may be said to be empty.
fn known(row: Row, prefixes: Option<&Vec<At<IpNet>>>) -> Row {
    match prefixes {
        Some(known) if known.is_empty() => row.raw("knownPrefixes", "[]"),
        Some(known) => row.list("knownPrefixes", known),
        None => row,
    }
}

pub(super) fn site(site: &draft::LocalNetworkGateway) -> Row {
    let row = named(&site.name).raw("localNetworkAddressSpace", &space(&site.address_prefixes));
    let bgp = Row::default()
        .opt("asn", site.asn.as_ref())
        .opt("bgpPeeringAddress", site.bgp_peering_address.as_ref());
    let row = if bgp.text.is_empty() { row } else { row.raw("bgpSettings", &bgp.done()) };
    known(row.list("advertisedPrefixes", &site.advertised_prefixes), site.known_prefixes.as_ref())
}

pub(super) fn circuit(circuit: &draft::ExpressRouteCircuit) -> Row {
    let row = named(&circuit.name).list("advertisedPrefixes", &circuit.advertised_prefixes);
    known(row, circuit.known_prefixes.as_ref())
}

pub(super) fn connection(connection: &draft::Connection) -> Row {
    let (kind, key, end) = match &connection.end {
        draft::ConnectionEnd::LocalNetworkGateway(site) => ("IPsec", "localNetworkGateway2", site),
        draft::ConnectionEnd::VirtualNetworkGateway(far) => ("Vnet2Vnet", "virtualNetworkGateway2", far),
        draft::ConnectionEnd::Circuit(circuit) => ("ExpressRoute", "peer", circuit),
    };
    let status = connection.up.as_ref().map(|up| if up.value { "Connected" } else { "NotConnected" });
    named(&connection.name)
        .say("connectionType", kind)
        .say("virtualNetworkGateway1", &connection.virtual_network_gateway.value)
        .say(key, &end.value)
        .opt("enableBgp", connection.enable_bgp.as_ref())
        .spelt("connectionStatus", status)
}

pub(super) fn route_server(server: &draft::RouteServer) -> Row {
    let advertised = |route: &draft::AdvertisedRoute| {
        let row = Row::default().list("addressPrefixes", &route.address_prefixes);
        let row = row.opt("nextHopIpAddress", route.next_hop_ip_address.as_ref());
        match &route.as_path {
            Some(path) => row.list("asPath", path),
            None => row,
        }
    };
    let peer = |peer: &draft::BgpConnection| {
        named(&peer.name)
            .opt("peerIp", peer.peer_ip.as_ref())
            .opt("peerAsn", peer.peer_asn.as_ref())
            .rows("routes", peer.routes.iter().map(advertised).collect())
    };
    named(&server.name)
        .say("virtualNetwork", &server.virtual_network.value)
        .opt("allowBranchToBranchTraffic", server.allow_branch_to_branch_traffic.as_ref())
        .spelt("hubRoutingPreference", server.hub_routing_preference.as_ref().map(|p| p.text()))
        .rows("bgpConnections", server.bgp_connections.iter().map(peer).collect())
}

pub(super) fn private_endpoint(endpoint: &draft::PrivateEndpoint) -> Row {
    named(&endpoint.name)
        .say("subnet", &endpoint.subnet.value)
        .opt("privateIPAddress", endpoint.private_ip_address.as_ref())
        .list("applicationSecurityGroups", &endpoint.application_security_groups)
}
