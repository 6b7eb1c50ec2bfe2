//! An edit in the words of those who carry it out: what to say in a scenario file, to the Azure CLI, in Bicep, in Terraform.
//!
//! Owns these spellings. Names of resources are the scenario's; `RG` stands for the resource group. Must never invent an
//! edit: `analysis` found and verified it.

use std::net::IpAddr;

use vnetsim_analysis::{Edit, Hop, NewRule, PeeringFlag, route_name};
use vnetsim_types::{Direction, IpNet};

use crate::json::{access, direction};

/// One edit, worded.
pub(crate) struct Remedy {
    /// What is done, in a sentence.
    pub(crate) what: String,
    /// The property of the scenario file, or of ARM.
    pub(crate) property: String,
    /// Lines for the Azure CLI; empty where Azure has no part in it.
    pub(crate) az: Vec<String>,
    /// A line of Bicep, inside the resource that it names.
    pub(crate) bicep: String,
    /// A line of Terraform (azurerm), inside the resource that it names.
    pub(crate) terraform: String,
}

fn remedy(what: String, property: String, az: Vec<String>, bicep: String, terraform: String) -> Remedy {
    Remedy { what, property, az, bicep, terraform }
}

/// `vnet/subnet` as arguments of the Azure CLI.
fn subnet_args(path: &str) -> String {
    let (vnet, subnet) = path.split_once('/').unwrap_or(("VNET", path));
    format!("--vnet-name {vnet} -n {subnet}")
}

/// Words for `edit`.
pub(crate) fn words(edit: &Edit) -> Remedy {
    match edit {
        Edit::Flag { vnet, link, flag } => set_flag(vnet, link, *flag),
        Edit::Sync { vnet, link } => remedy(
            format!("sync {vnet}/{link}"),
            "remoteAddressSpace: as the peer has it now".to_owned(),
            vec![format!("az network vnet peering sync -g RG --vnet-name {vnet} -n {link}")],
            "no property: deploy the peering again after the peer's address space".to_owned(),
            format!(
                "azurerm_virtual_network_peering {link}: triggers = {{ remote_address_space = join(\",\", ...) }}"
            ),
        ),
        Edit::CreateLink { vnet, link, remote } => remedy(
            format!("{vnet}: create link {link} to {remote}, anew if one is left"),
            format!("virtualNetworkPeerings of {vnet}: {{name: {link}, remoteVirtualNetwork: {remote}}}"),
            vec![format!(
                "az network vnet peering create -g RG --vnet-name {vnet} -n {link} --remote-vnet {remote} --allow-vnet-access"
            )],
            format!("resource Microsoft.Network/virtualNetworks/virtualNetworkPeerings '{vnet}/{link}'"),
            format!("resource azurerm_virtual_network_peering {link}"),
        ),
        Edit::IpForwarding { nic } => remedy(
            format!("{nic}: enableIPForwarding true"),
            format!("enableIPForwarding: true at {nic}"),
            vec![format!("az network nic update -g RG -n {nic} --ip-forwarding true")],
            format!("networkInterfaces {nic}: enableIPForwarding: true"),
            format!("azurerm_network_interface {nic}: ip_forwarding_enabled = true"),
        ),
        Edit::GuestForwarding { vm } => in_guest(
            format!("{vm}: forwarding on in the guest"),
            format!("guest of {vm}: {{ipForwarding: true}}"),
            format!("inside {vm}: sysctl -w net.ipv4.ip_forward=1 (Linux), or RRAS (Windows)"),
        ),
        Edit::SourceNat { vm, snat } => in_guest(
            format!("{vm}: translate the source ({})", snat.text()),
            format!("guest of {vm}: {{snat: {}}}", snat.text()),
            format!("inside {vm}: a source NAT rule, as its vendor documents"),
        ),
        Edit::Start { vm } => remedy(
            format!("{vm}: start it"),
            format!("powerState of {vm}: running"),
            vec![format!("az vm start -g RG -n {vm}")],
            String::new(),
            String::new(),
        ),
        Edit::AddRoute { subnet, table, new_table, prefix, hop } => {
            add_route(subnet, table, *new_table, *prefix, *hop)
        }
        Edit::RemoveRoute { table, route } => remedy(
            format!("{table}: remove route {route}"),
            format!("routes of {table}: without {route}"),
            vec![format!("az network route-table route delete -g RG --route-table-name {table} -n {route}")],
            format!("routeTables {table}: without route '{route}'"),
            format!("azurerm_route_table {table}: without route {route}"),
        ),
        Edit::NextHop { table, route, address, .. } => remedy(
            format!("{table}/{route}: next hop {address}"),
            format!("nextHopIpAddress of {table}/{route}: {address}"),
            vec![format!(
                "az network route-table route update -g RG --route-table-name {table} -n {route} --next-hop-ip-address {address}"
            )],
            format!("routeTables {table}, route '{route}': nextHopIpAddress: '{address}'"),
            format!("azurerm_route {route}: next_hop_in_ip_address = \"{address}\""),
        ),
        Edit::Propagation { table, disable } => remedy(
            format!("{table}: disableBgpRoutePropagation {disable}"),
            format!("disableBgpRoutePropagation of {table}: {disable}"),
            vec![format!(
                "az network route-table update -g RG -n {table} --disable-bgp-route-propagation {disable}"
            )],
            format!("routeTables {table}: disableBgpRoutePropagation: {disable}"),
            format!("azurerm_route_table {table}: bgp_route_propagation_enabled = {}", !disable),
        ),
        Edit::Associate { subnet, table, .. } => associate(subnet, table.as_deref()),
        Edit::Priority { nsg, rule, priority } => remedy(
            format!("{nsg}/{rule}: priority {priority}"),
            format!("priority of {nsg}/{rule}: {priority}"),
            vec![format!(
                "az network nsg rule update -g RG --nsg-name {nsg} -n {rule} --priority {priority}"
            )],
            format!("networkSecurityGroups/securityRules '{nsg}/{rule}': priority: {priority}"),
            format!("azurerm_network_security_rule {rule}: priority = {priority}"),
        ),
        Edit::AddRule { nsg, rule } => add_rule(nsg, rule),
        Edit::HaPorts { .. } | Edit::ProbePort { .. } | Edit::StandardSku { .. } | Edit::LeavePool { .. } => {
            balancer(edit)
        }
        Edit::EndpointPolicies { .. } | Edit::NoServiceEndpoint { .. } | Edit::NatGateway { .. } => {
            of_subnet(edit)
        }
        Edit::Announce { site, prefix } => in_guest(
            format!("{site}: tell it about {prefix}"),
            format!("knownPrefixes of {site}: {prefix} as well"),
            format!("on the device of {site}: add {prefix} to its routes or traffic selectors"),
        ),
    }
}

/// What nobody changes through Azure.
fn in_guest(what: String, property: String, how: String) -> Remedy {
    remedy(what, property, vec![how], String::new(), String::new())
}

fn set_flag(vnet: &str, link: &str, flag: PeeringFlag) -> Remedy {
    let name = flag.text();
    let hcl = match flag {
        PeeringFlag::VirtualNetworkAccess => "allow_virtual_network_access",
        PeeringFlag::ForwardedTraffic => "allow_forwarded_traffic",
        PeeringFlag::GatewayTransit => "allow_gateway_transit",
        PeeringFlag::RemoteGateways => "use_remote_gateways",
    };
    remedy(
        format!("{vnet}/{link}: {name} true"),
        format!("{name}: true at {vnet}/{link}"),
        vec![format!("az network vnet peering update -g RG --vnet-name {vnet} -n {link} --set {name}=true")],
        format!("virtualNetworkPeerings '{vnet}/{link}': {name}: true"),
        format!("azurerm_virtual_network_peering {link}: {hcl} = true"),
    )
}

fn add_route(subnet: &str, table: &str, new_table: bool, prefix: IpNet, hop: Hop) -> Remedy {
    let (kind, address): (&str, Option<IpAddr>) = match hop {
        Hop::Appliance(address) => ("VirtualAppliance", Some(address)),
        Hop::Internet => ("Internet", None),
    };
    let name = route_name(prefix);
    let to = address.map_or_else(|| kind.to_owned(), |address| format!("{kind} {address}"));
    let yaml = address.map_or_else(String::new, |address| format!(", nextHopIpAddress: {address}"));
    let cli = address.map_or_else(String::new, |address| format!(" --next-hop-ip-address {address}"));
    let bicep = address.map_or_else(String::new, |address| format!(", nextHopIpAddress: '{address}'"));
    let hcl = address.map_or_else(String::new, |address| format!(", next_hop_in_ip_address = \"{address}\""));
    let mut az = Vec::new();
    if new_table {
        az.push(format!("az network route-table create -g RG -n {table}"));
    }
    az.push(format!(
        "az network route-table route create -g RG --route-table-name {table} -n {name} --address-prefix {prefix} --next-hop-type {kind}{cli}"
    ));
    if new_table {
        az.push(format!("az network vnet subnet update -g RG {} --route-table {table}", subnet_args(subnet)));
    }
    let made = if new_table { format!(" (a new table, associated with {subnet})") } else { String::new() };
    remedy(
        format!("{table}{made}: add route {prefix} -> {to}, for {subnet}"),
        format!("routes of {table}: {{name: {name}, addressPrefix: {prefix}, nextHopType: {kind}{yaml}}}"),
        az,
        format!(
            "routeTables {table}: {{ name: '{name}', properties: {{ addressPrefix: '{prefix}', nextHopType: '{kind}'{bicep} }} }}"
        ),
        format!("azurerm_route {name}: address_prefix = \"{prefix}\", next_hop_type = \"{kind}\"{hcl}"),
    )
}

fn associate(subnet: &str, table: Option<&str>) -> Remedy {
    let cli =
        table.map_or_else(|| "--remove routeTable".to_owned(), |table| format!("--route-table {table}"));
    let (what, property, bicep) = match table {
        Some(table) => (
            format!("{subnet}: associate route table {table}"),
            format!("routeTable of {subnet}: {table}"),
            format!("subnets {subnet}: routeTable: {{ id: {table}.id }}"),
        ),
        None => (
            format!("{subnet}: take its route table off"),
            format!("routeTable of {subnet}: none"),
            format!("subnets {subnet}: without routeTable"),
        ),
    };
    let hcl = match table {
        Some(table) => format!("azurerm_subnet_route_table_association: {subnet} with {table}"),
        None => format!("azurerm_subnet_route_table_association of {subnet}: remove"),
    };
    remedy(
        what,
        property,
        vec![format!("az network vnet subnet update -g RG {} {cli}", subnet_args(subnet))],
        bicep,
        hcl,
    )
}

fn add_rule(nsg: &str, rule: &NewRule) -> Remedy {
    let NewRule { name, priority, source, destination, .. } = rule;
    let direction = direction(if rule.outbound { Direction::Outbound } else { Direction::Inbound });
    let access = access(rule.allow);
    let protocol = rule.rule_protocol().text();
    let port = if rule.protocol.protocol.has_ports() && rule.protocol.port > 0 {
        rule.protocol.port.to_string()
    } else {
        "*".to_owned()
    };
    remedy(
        format!(
            "{nsg}: add {access} {direction} {source} -> {destination} {protocol} {port}, priority {priority}"
        ),
        format!(
            "securityRules of {nsg}: {{name: {name}, priority: {priority}, direction: {direction}, access: {access}, protocol: \"{protocol}\", sourceAddressPrefix: {source}, destinationAddressPrefix: \"{destination}\", destinationPortRange: \"{port}\"}}"
        ),
        vec![format!(
            "az network nsg rule create -g RG --nsg-name {nsg} -n {name} --priority {priority} --direction {direction} --access {access} --protocol '{protocol}' --source-address-prefixes {source} --destination-address-prefixes '{destination}' --destination-port-ranges '{port}'"
        )],
        format!(
            "networkSecurityGroups/securityRules '{nsg}/{name}': priority: {priority}, direction: '{direction}', access: '{access}', protocol: '{protocol}', sourceAddressPrefix: '{source}', destinationAddressPrefix: '{destination}', sourcePortRange: '*', destinationPortRange: '{port}'"
        ),
        format!(
            "azurerm_network_security_rule {name}: priority = {priority}, direction = \"{direction}\", access = \"{access}\", protocol = \"{protocol}\", source_address_prefix = \"{source}\", destination_address_prefix = \"{destination}\", source_port_range = \"*\", destination_port_range = \"{port}\""
        ),
    )
}

/// Edits of load balancers.
fn balancer(edit: &Edit) -> Remedy {
    match edit {
        Edit::HaPorts { lb, rule } => remedy(
            format!("{lb}: make rule {rule} one for HA ports"),
            format!("rule {rule} of {lb}: {{protocol: All, frontendPort: 0, backendPort: 0}}"),
            vec![format!(
                "az network lb rule update -g RG --lb-name {lb} -n {rule} --protocol All --frontend-port 0 --backend-port 0"
            )],
            format!("loadBalancers {lb}, rule '{rule}': protocol: 'All', frontendPort: 0, backendPort: 0"),
            format!("azurerm_lb_rule {rule}: protocol = \"All\", frontend_port = 0, backend_port = 0"),
        ),
        Edit::ProbePort { lb, probe, port } => remedy(
            format!("{lb}: probe {probe} asks tcp/{port}"),
            format!("probe {probe} of {lb}: {{port: {port}}}"),
            vec![format!("az network lb probe update -g RG --lb-name {lb} -n {probe} --port {port}")],
            format!("loadBalancers {lb}, probe '{probe}': port: {port}"),
            format!("azurerm_lb_probe {probe}: port = {port}"),
        ),
        Edit::LeavePool { nic, lb } => remedy(
            format!("{nic}: leave the pool of {lb}"),
            format!("loadBalancerBackendAddressPools of {nic}: without {lb}"),
            vec![format!(
                "az network nic ip-config address-pool remove -g RG --nic-name {nic} --ip-config-name IPCONFIG --lb-name {lb} --address-pool POOL"
            )],
            format!("networkInterfaces {nic}: loadBalancerBackendAddressPools: without {lb}"),
            format!("azurerm_network_interface_backend_address_pool_association of {nic} with {lb}: remove"),
        ),
        Edit::StandardSku { lb } => remedy(
            format!("{lb}: sku Standard"),
            format!("sku of {lb}: {{name: Standard}}"),
            vec![format!(
                "a Basic balancer cannot be changed in place: create {lb} anew with --sku Standard"
            )],
            format!("loadBalancers {lb}: sku: {{ name: 'Standard' }}"),
            format!("azurerm_lb {lb}: sku = \"Standard\""),
        ),
        _ => unreachable!("only edits of balancers come here"),
    }
}

/// Edits of a subnet's own properties.
fn of_subnet(edit: &Edit) -> Remedy {
    match edit {
        Edit::EndpointPolicies { subnet } => remedy(
            format!("{subnet}: privateEndpointNetworkPolicies RouteTableEnabled"),
            format!("privateEndpointNetworkPolicies of {subnet}: RouteTableEnabled"),
            vec![format!(
                "az network vnet subnet update -g RG {} --private-endpoint-network-policies RouteTableEnabled",
                subnet_args(subnet)
            )],
            format!("subnets {subnet}: privateEndpointNetworkPolicies: 'RouteTableEnabled'"),
            format!("azurerm_subnet {subnet}: private_endpoint_network_policies = \"RouteTableEnabled\""),
        ),
        Edit::NoServiceEndpoint { subnet, service } => remedy(
            format!("{subnet}: remove the service endpoint Microsoft.{service}"),
            format!("serviceEndpoints of {subnet}: without Microsoft.{service}"),
            vec![format!(
                "az network vnet subnet update -g RG {} --remove serviceEndpoints INDEX",
                subnet_args(subnet)
            )],
            format!("subnets {subnet}: serviceEndpoints: without Microsoft.{service}"),
            format!("azurerm_subnet {subnet}: service_endpoints = without \"Microsoft.{service}\""),
        ),
        Edit::NatGateway { subnet, name, address: None } => remedy(
            format!("{subnet}: NAT gateway {name}"),
            format!("natGateway of {subnet}: {name}"),
            vec![format!("az network vnet subnet update -g RG {} --nat-gateway {name}", subnet_args(subnet))],
            format!("subnets {subnet}: natGateway: {{ id: {name}.id }}"),
            format!("azurerm_subnet_nat_gateway_association: {subnet} with {name}"),
        ),
        Edit::NatGateway { subnet, name, .. } => remedy(
            format!("{subnet}: a NAT gateway ({name}) with a public address"),
            format!("natGateway of {subnet}: {name}"),
            vec![
                format!("az network public-ip create -g RG -n {name}-ip --sku Standard"),
                format!("az network nat gateway create -g RG -n {name} --public-ip-addresses {name}-ip"),
                format!("az network vnet subnet update -g RG {} --nat-gateway {name}", subnet_args(subnet)),
            ],
            format!("subnets {subnet}: natGateway: {{ id: {name}.id }}"),
            format!("azurerm_subnet_nat_gateway_association: {subnet} with {name}"),
        ),
        _ => unreachable!("only edits of subnets come here"),
    }
}
