//! A draft as a scenario file: what a failing test prints.
//!
//! One object per line, ARM's names, only what the draft says. Made for people and for `vnetsim trace`.

mod edge;

use std::fmt::{Display, Write};

use vnetsim_model::{Endpoint, Network, Semantics, TTL_DEFAULT, Traffic, draft, draft::Draft};
use vnetsim_types::{At, Direction, IpProtocol, Place};

/// One `{ key: value, ... }`.
#[derive(Default)]
struct Row {
    text: String,
}

impl Row {
    fn key(&mut self, key: &str) -> &mut Self {
        let comma = if self.text.is_empty() { "" } else { ", " };
        let _ = write!(self.text, "{comma}{key}: ");
        self
    }

    fn raw(mut self, key: &str, value: &str) -> Self {
        self.key(key).text.push_str(value);
        self
    }

    fn say(self, key: &str, value: impl Display) -> Self {
        let value = quoted(&value.to_string());
        self.raw(key, &value)
    }

    fn opt<T: Display>(self, key: &str, value: Option<&At<T>>) -> Self {
        match value {
            Some(value) => self.say(key, &value.value),
            None => self,
        }
    }

    fn spelt(self, key: &str, value: Option<&'static str>) -> Self {
        match value {
            Some(value) => self.say(key, value),
            None => self,
        }
    }

    fn list<T: Display>(self, key: &str, values: &[At<T>]) -> Self {
        if values.is_empty() {
            return self;
        }
        let values = values.iter().map(|v| quoted(&v.value.to_string())).collect::<Vec<_>>().join(", ");
        self.raw(key, &format!("[{values}]"))
    }

    fn rows(self, key: &str, rows: Vec<Row>) -> Self {
        if rows.is_empty() {
            return self;
        }
        let rows = rows.into_iter().map(Row::done).collect::<Vec<_>>().join(",\n          ");
        self.raw(key, &format!("[\n          {rows}]"))
    }

    fn done(self) -> String {
        format!("{{ {} }}", self.text)
    }
}

/// Quotes what YAML would read as something else.
fn quoted(text: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "/._-".contains(c);
    let word = !text.is_empty() && text.chars().all(plain) && !text.contains("::");
    if word { text.to_owned() } else { format!("\"{text}\"") }
}

/// The whole scenario; `traffic` are rows of [`traffic`].
pub(crate) fn scenario(draft: &Draft, semantics: &Semantics, traffic: &[String]) -> String {
    let rules = Row::default()
        .say("era", semantics.era.text())
        .say("vnet_access_model", semantics.vnet_access_model.text())
        .say("forwarded_model", semantics.forwarded_model.text())
        .say("bgp_vs_peering", semantics.bgp_vs_peering.text())
        .say("none_routes_on_default_override", semantics.none_routes_on_default_override.text())
        .say("ttl_gateway", semantics.ttl_gateway.text())
        .say("fabric_fragment", semantics.fabric_fragment.text())
        .say("nsg_live_flows", semantics.nsg_live_flows.text());
    let mut text = format!("vnetsim: 1\nrules: {}\nnetwork:\n", rules.done());
    let mut section = |key: &str, rows: Vec<Row>| {
        if !rows.is_empty() {
            let _ = writeln!(text, "  {key}:");
            for row in rows {
                let _ = writeln!(text, "    - {}", row.done());
            }
        }
    };
    section("virtualNetworks", draft.virtual_networks.iter().map(vnet).collect());
    section("routeTables", draft.route_tables.iter().map(table).collect());
    section("networkSecurityGroups", draft.network_security_groups.iter().map(nsg).collect());
    let groups = draft.application_security_groups.iter();
    section("applicationSecurityGroups", groups.map(|group| named(&group.name)).collect());
    section("networkInterfaces", draft.network_interfaces.iter().map(nic).collect());
    section("virtualMachines", draft.virtual_machines.iter().map(machine).collect());
    let public = draft.public_ip_addresses.iter();
    section(
        "publicIPAddresses",
        public.map(|ip| named(&ip.name).opt("ipAddress", ip.ip_address.as_ref())).collect(),
    );
    let nats = draft.nat_gateways.iter();
    section(
        "natGateways",
        nats.map(|nat| named(&nat.name).list("publicIpAddresses", &nat.public_ip_addresses)).collect(),
    );
    section("loadBalancers", draft.load_balancers.iter().map(edge::balancer).collect());
    section("virtualNetworkGateways", draft.virtual_network_gateways.iter().map(edge::gateway).collect());
    section("localNetworkGateways", draft.local_network_gateways.iter().map(edge::site).collect());
    section("expressRouteCircuits", draft.express_route_circuits.iter().map(edge::circuit).collect());
    section("connections", draft.connections.iter().map(edge::connection).collect());
    section("routeServers", draft.route_servers.iter().map(edge::route_server).collect());
    section("privateEndpoints", draft.private_endpoints.iter().map(edge::private_endpoint).collect());
    section("subscriptions", draft.subscriptions.iter().map(subscription).collect());
    let tags = draft.service_tags.iter();
    section(
        "serviceTags",
        tags.map(|tag| named(&tag.name).list("addressPrefixes", &tag.address_prefixes)).collect(),
    );
    if !traffic.is_empty() {
        text.push_str("traffic:\n");
        for row in traffic {
            let _ = writeln!(text, "  - {row}");
        }
    }
    text
}

/// A traffic entry as a row of a scenario; a comment says what it means.
pub(crate) fn traffic(network: &Network, traffic: &Traffic) -> String {
    let protocol = match traffic.protocol.protocol {
        IpProtocol::ICMPV6 => "icmp".to_owned(),
        other if other.has_ports() || other.is_icmp() => traffic.protocol.to_string(),
        other => format!("ip/{}", other.0),
    };
    let (from, to) = (&traffic.from, &traffic.to);
    let row = named(&traffic.name).say("from", sender(network, from)).say("to", receiver(network, to));
    // An address that is not its own: what a scenario would take is another one.
    let own = network.endpoint(&sender(network, from), Some(to.address)).map(|end| end.address);
    let row = if own == Ok(from.address) { row } else { row.say("sourceAddress", from.address) };
    let row = row.say("protocol", protocol).say("sourcePort", traffic.source_port);
    let row = if traffic.payload_bytes > 0 { row.say("size", traffic.payload_bytes) } else { row };
    let row = if traffic.one_way { row.say("oneWay", true) } else { row };
    let row = if traffic.dont_fragment { row.say("dontFragment", true) } else { row };
    let row = if traffic.ttl == TTL_DEFAULT { row } else { row.say("ttl", traffic.ttl) };
    format!("{} # {:?} {} -> {:?} {}", row.done(), from.place, from.address, to.place, to.address)
}

/// Hosts on the internet that no network here has.
const INTERNET_HOSTS: [&str; 4] = ["9.9.9.9", "1.1.1.1", "2606:4700::1111", "2a00:1450::8844"];

/// What a file says for this sender: a name, or an address that means its place.
fn sender(network: &Network, end: &Endpoint) -> String {
    let own = end.address.to_string();
    let means = |text: &str| network.endpoint(text, Some(end.address)).is_ok_and(|it| it.place == end.place);
    match end.place {
        Place::Nic(nic) => network[nic].name.value.clone(),
        Place::Site(site) if !means(&own) => {
            let prefixes = network[site].prefixes.iter().chain(&network[site].advertised);
            let hosts = prefixes.flat_map(|prefix| [prefix.network(), prefix.broadcast()]);
            hosts.map(|host| host.to_string()).find(|text| means(text)).unwrap_or(own)
        }
        Place::Internet if !means(&own) => {
            INTERNET_HOSTS.into_iter().find(|text| means(text)).map_or(own, str::to_owned)
        }
        _ => own,
    }
}

/// By its address, which says the family, unless that could be somebody else's.
fn receiver(network: &Network, end: &Endpoint) -> String {
    match end.place {
        Place::Nic(nic) if end.address.is_ipv4() => network[nic].name.value.clone(),
        _ => end.address.to_string(),
    }
}

fn named(name: &At<String>) -> Row {
    Row::default().say("name", &name.value)
}

fn space(prefixes: &[At<vnetsim_types::IpNet>]) -> String {
    match prefixes {
        [] => Row::default().raw("addressPrefixes", "[]").done(),
        some => Row::default().list("addressPrefixes", some).done(),
    }
}

fn vnet(vnet: &draft::VirtualNetwork) -> Row {
    named(&vnet.name)
        .opt("location", vnet.location.as_ref())
        .opt("subscription", vnet.subscription.as_ref())
        .spelt("deploymentModel", vnet.deployment_model.as_ref().map(|model| model.text()))
        .raw("addressSpace", &space(&vnet.address_prefixes))
        .rows("subnets", vnet.subnets.iter().map(subnet).collect())
        .rows("virtualNetworkPeerings", vnet.peerings.iter().map(peering).collect())
        .opt("flowTimeoutInMinutes", vnet.flow_timeout_in_minutes.as_ref())
}

fn subnet(subnet: &draft::Subnet) -> Row {
    named(&subnet.name)
        .list("addressPrefixes", &subnet.address_prefixes)
        .opt("networkSecurityGroup", subnet.network_security_group.as_ref())
        .opt("routeTable", subnet.route_table.as_ref())
        .opt("natGateway", subnet.nat_gateway.as_ref())
        .list("serviceEndpoints", &subnet.service_endpoints)
        .opt("defaultOutboundAccess", subnet.default_outbound_access.as_ref())
        .spelt(
            "privateEndpointNetworkPolicies",
            subnet.private_endpoint_network_policies.as_ref().map(|policies| policies.text()),
        )
}

fn peering(link: &draft::Peering) -> Row {
    let row = named(&link.name)
        .say("remoteVirtualNetwork", &link.remote_virtual_network.value)
        .opt("allowVirtualNetworkAccess", link.allow_virtual_network_access.as_ref())
        .opt("allowForwardedTraffic", link.allow_forwarded_traffic.as_ref())
        .opt("allowGatewayTransit", link.allow_gateway_transit.as_ref())
        .opt("useRemoteGateways", link.use_remote_gateways.as_ref())
        .opt("doNotVerifyRemoteGateways", link.do_not_verify_remote_gateways.as_ref())
        .opt("peerCompleteVnets", link.peer_complete_vnets.as_ref())
        .list("localSubnetNames", &link.local_subnet_names)
        .list("remoteSubnetNames", &link.remote_subnet_names)
        .opt("enableOnlyIPv6Peering", link.enable_only_ipv6_peering.as_ref())
        .spelt("peeringState", link.peering_state.as_ref().map(|state| state.text()));
    match &link.remote_address_space {
        Some(copy) => row.raw("remoteAddressSpace", &space(copy)),
        None => row,
    }
}

fn table(table: &draft::RouteTable) -> Row {
    let route = |route: &draft::Route| {
        named(&route.name)
            .say("addressPrefix", &route.address_prefix.value)
            .say("nextHopType", &route.next_hop_type.value)
            .opt("nextHopIpAddress", route.next_hop_ip_address.as_ref())
    };
    named(&table.name)
        .opt("disableBgpRoutePropagation", table.disable_bgp_route_propagation.as_ref())
        .rows("routes", table.routes.iter().map(route).collect())
}

fn nsg(nsg: &draft::NetworkSecurityGroup) -> Row {
    named(&nsg.name).rows("securityRules", nsg.security_rules.iter().map(rule).collect())
}

fn rule(rule: &draft::SecurityRule) -> Row {
    let direction = match rule.direction.value {
        Direction::Inbound => "Inbound",
        Direction::Outbound => "Outbound",
    };
    let side = |row: Row, prefix: &str, side: &draft::RuleSide| {
        let one = |row: Row, key: &str, values: &[At<String>]| match values {
            [one] => row.say(&format!("{prefix}{key}"), &one.value),
            many => row.list(&format!("{prefix}{key}{}", if key.ends_with('x') { "es" } else { "s" }), many),
        };
        let row = one(row, "AddressPrefix", &side.prefixes);
        let row = row.list(&format!("{prefix}ApplicationSecurityGroups"), &side.application_security_groups);
        one(row, "PortRange", &side.port_ranges)
    };
    let row = named(&rule.name)
        .say("priority", rule.priority.value)
        .say("direction", direction)
        .say("access", rule.access.value.text())
        .say("protocol", rule.protocol.value.text());
    side(side(row, "source", &rule.source), "destination", &rule.destination)
}

fn nic(nic: &draft::NetworkInterface) -> Row {
    let config = |config: &draft::IpConfiguration| {
        named(&config.name)
            .say("subnet", &config.subnet.value)
            .opt("privateIPAddress", config.private_ip_address.as_ref())
            .opt("publicIPAddress", config.public_ip_address.as_ref())
            .list("applicationSecurityGroups", &config.application_security_groups)
            .list("loadBalancerBackendAddressPools", &config.backend_address_pools)
            .list("loadBalancerInboundNatRules", &config.inbound_nat_rules)
    };
    named(&nic.name)
        .opt("enableIPForwarding", nic.enable_ip_forwarding.as_ref())
        .opt("networkSecurityGroup", nic.network_security_group.as_ref())
        .rows("ipConfigurations", nic.ip_configurations.iter().map(config).collect())
}

fn machine(vm: &draft::VirtualMachine) -> Row {
    let row =
        named(&vm.name).opt("vmSize", vm.vm_size.as_ref()).list("networkInterfaces", &vm.network_interfaces);
    let stopped = vm.running.as_ref().is_some_and(|running| !running.value);
    let row = if stopped { row.say("powerState", "stopped") } else { row };
    match &vm.guest {
        Some(said) => row.raw("guest", &guest(said).done()),
        None => row,
    }
}

fn guest(guest: &draft::Guest) -> Row {
    let row = Row::default()
        .spelt("role", guest.role.as_ref().map(|role| role.text()))
        .opt("ipForwarding", guest.ip_forwarding.as_ref())
        .spelt("snat", guest.snat.as_ref().map(|snat| snat.text()));
    let row = match &guest.listen {
        Some(listen) if listen.is_empty() => row.raw("listen", "[]"),
        Some(listen) => row.list("listen", listen),
        None => row,
    };
    let rule = |rule: &draft::PolicyRule| {
        named(&rule.name)
            .say("access", rule.access.value.text())
            .list("source", &rule.source)
            .list("destination", &rule.destination)
            .list("ports", &rule.ports)
    };
    row.rows("rules", guest.rules.iter().map(rule).collect()).opt("mtu", guest.mtu.as_ref())
}

fn subscription(subscription: &draft::Subscription) -> Row {
    named(&subscription.name)
        .opt("tenant", subscription.tenant.as_ref())
        .spelt("cloud", subscription.cloud.as_ref().map(|cloud| cloud.text()))
        .list("registeredFeatures", &subscription.registered_features)
        .opt("peeringsPerVirtualNetwork", subscription.peerings_per_virtual_network.as_ref())
}
