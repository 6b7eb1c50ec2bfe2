//! An edit in the words of those who carry it out: what to say in a scenario file, to the Azure CLI, in Bicep, in Terraform.
//!
//! Owns these spellings. Names of resources are the scenario's; `RG` stands for the resource group. A change of something that
//! exists is a line for its resource, which a comment names; what is new is a whole resource. Must never invent an edit:
//! `analysis` found and verified it.

use std::net::IpAddr;

use vnetsim_analysis::{Edit, Hop, NewRule, PeeringFlag, route_name};
use vnetsim_types::{Direction, IpNet};

use crate::json::{access, direction};

/// The version of the resource provider whose property names are used.
const API: &str = "2023-11-01";

/// One edit, worded. Lists of lines are empty where that language has no part in it.
pub(crate) struct Remedy {
    /// What is done, in a sentence.
    pub(crate) what: String,
    /// The property of the scenario file, or of ARM.
    pub(crate) property: String,
    /// Commands, or what to do where Azure has none.
    pub(crate) az: Vec<String>,
    /// Bicep.
    pub(crate) bicep: Vec<String>,
    /// Terraform, azurerm 4.
    pub(crate) terraform: Vec<String>,
}

impl Remedy {
    fn new(what: impl Into<String>, property: impl Into<String>) -> Self {
        let (what, property) = (what.into(), property.into());
        Self { what, property, az: Vec::new(), bicep: Vec::new(), terraform: Vec::new() }
    }

    fn az(mut self, line: impl Into<String>) -> Self {
        self.az.push(line.into());
        self
    }

    /// A property of a resource that exists.
    fn bicep_property(mut self, resource: &str, name: &str, property: &str) -> Self {
        self.bicep = vec![format!("// in {resource} '{name}', under properties"), property.to_owned()];
        self
    }

    /// A whole resource.
    fn bicep_resource(mut self, kind: &str, name: &str, properties: &[String]) -> Self {
        let symbol = symbol(name.rsplit('/').next().unwrap_or(name));
        self.bicep.push(format!("resource {symbol} 'Microsoft.Network/{kind}@{API}' = {{"));
        self.bicep.push(format!("  name: '{name}'"));
        self.bicep.push("  properties: {".to_owned());
        self.bicep.extend(properties.iter().map(|line| format!("    {line}")));
        self.bicep.extend(["  }".to_owned(), "}".to_owned()]);
        self
    }

    /// An argument of a resource that exists.
    fn terraform_argument(mut self, resource: &str, name: &str, argument: &str) -> Self {
        self.terraform = vec![format!("# in {resource} {}", symbol(name)), argument.to_owned()];
        self
    }

    /// A whole resource.
    fn terraform_resource(mut self, resource: &str, name: &str, arguments: &[String]) -> Self {
        self.terraform.push(format!("resource \"{resource}\" \"{}\" {{", symbol(name)));
        self.terraform.extend(arguments.iter().map(|line| format!("  {line}")));
        self.terraform.push("}".to_owned());
        self
    }
}

/// A name as an identifier of both languages.
fn symbol(name: &str) -> String {
    let same = |c: char| if c.is_ascii_alphanumeric() { c } else { '_' };
    name.chars().map(same).collect()
}

/// `vnet/subnet` as arguments of the Azure CLI.
fn subnet_args(path: &str) -> String {
    let (vnet, subnet) = path.split_once('/').unwrap_or(("VNET", path));
    format!("--vnet-name {vnet} -n {subnet}")
}

/// Words for `edit`.
pub(crate) fn words(edit: &Edit) -> Remedy {
    match edit {
        Edit::Flag { .. } | Edit::Sync { .. } | Edit::CreateLink { .. } => peering(edit),
        Edit::AddRoute { subnet, table, new_table, prefix, hop } => {
            add_route(subnet, table, *new_table, *prefix, *hop)
        }
        Edit::RemoveRoute { .. } | Edit::NextHop { .. } | Edit::Prefix { .. } | Edit::Propagation { .. } => {
            route(edit)
        }
        Edit::Associate { subnet, table, .. } => associate(subnet, table.as_deref()),
        Edit::Priority { nsg, rule, priority } => {
            let kind = "networkSecurityGroups/securityRules";
            Remedy::new(
                format!("{nsg}/{rule}: priority {priority}"),
                format!("priority of {nsg}/{rule}: {priority}"),
            )
            .az(format!("az network nsg rule update -g RG --nsg-name {nsg} -n {rule} --priority {priority}"))
            .bicep_property(kind, &format!("{nsg}/{rule}"), &format!("priority: {priority}"))
            .terraform_argument(
                "azurerm_network_security_rule",
                rule,
                &format!("priority = {priority}"),
            )
        }
        Edit::AddRule { nsg, rule } => add_rule(nsg, rule),
        Edit::HaPorts { .. } | Edit::ProbePort { .. } | Edit::StandardSku { .. } | Edit::LeavePool { .. } => {
            balancer(edit)
        }
        Edit::EndpointPolicies { .. } | Edit::NoServiceEndpoint { .. } | Edit::NatGateway { .. } => {
            of_subnet(edit)
        }
        Edit::IpForwarding { .. }
        | Edit::GuestForwarding { .. }
        | Edit::SourceNat { .. }
        | Edit::Start { .. }
        | Edit::Announce { .. } => machine(edit),
    }
}

/// Edits of machines and of what is not Azure's.
fn machine(edit: &Edit) -> Remedy {
    match edit {
        Edit::IpForwarding { nic } => Remedy::new(
            format!("{nic}: enableIPForwarding true"),
            format!("enableIPForwarding: true at {nic}"),
        )
        .az(format!("az network nic update -g RG -n {nic} --ip-forwarding true"))
        .bicep_property("networkInterfaces", nic, "enableIPForwarding: true")
        .terraform_argument("azurerm_network_interface", nic, "ip_forwarding_enabled = true"),
        Edit::GuestForwarding { vm } => Remedy::new(
            format!("{vm}: forwarding on in the guest"),
            format!("guest of {vm}: {{ipForwarding: true}}"),
        )
        .az(format!("# inside {vm}: sysctl -w net.ipv4.ip_forward=1 (Linux), or RRAS (Windows)")),
        Edit::SourceNat { vm, snat } => {
            let property = format!("guest of {vm}: {{snat: {}}}", snat.text());
            Remedy::new(format!("{vm}: translate the source ({})", snat.text()), property)
                .az(format!("# inside {vm}: a source NAT rule, as its vendor documents"))
        }
        Edit::Start { vm } => Remedy::new(format!("{vm}: start it"), format!("powerState of {vm}: running"))
            .az(format!("az vm start -g RG -n {vm}")),
        Edit::Announce { site, prefix } => {
            let property = format!("knownPrefixes of {site}: {prefix} as well");
            Remedy::new(format!("{site}: tell it about {prefix}"), property)
                .az(format!("# on the device of {site}: add {prefix} to its routes or traffic selectors"))
        }
        _ => unreachable!("only edits of machines come here"),
    }
}

/// Edits of peering links.
fn peering(edit: &Edit) -> Remedy {
    const KIND: &str = "virtualNetworks/virtualNetworkPeerings";
    const RESOURCE: &str = "azurerm_virtual_network_peering";
    match edit {
        Edit::Flag { vnet, link, flag } => {
            let name = flag.text();
            let argument = match flag {
                PeeringFlag::VirtualNetworkAccess => "allow_virtual_network_access",
                PeeringFlag::ForwardedTraffic => "allow_forwarded_traffic",
                PeeringFlag::GatewayTransit => "allow_gateway_transit",
                PeeringFlag::RemoteGateways => "use_remote_gateways",
            };
            Remedy::new(format!("{vnet}/{link}: {name} true"), format!("{name}: true at {vnet}/{link}"))
                .az(format!(
                    "az network vnet peering update -g RG --vnet-name {vnet} -n {link} --set {name}=true"
                ))
                .bicep_property(KIND, &format!("{vnet}/{link}"), &format!("{name}: true"))
                .terraform_argument(RESOURCE, link, &format!("{argument} = true"))
        }
        Edit::Sync { vnet, link } => {
            let remedy =
                Remedy::new(format!("sync {vnet}/{link}"), "remoteAddressSpace: as the peer has it now");
            remedy
                .az(format!("az network vnet peering sync -g RG --vnet-name {vnet} -n {link}"))
                .terraform_argument(
                    RESOURCE,
                    link,
                    "triggers = { remote_address_space = join(\",\", REMOTE.address_space) }",
                )
        }
        Edit::CreateLink { vnet, link, remote } => {
            let property =
                format!("virtualNetworkPeerings of {vnet}: {{name: {link}, remoteVirtualNetwork: {remote}}}");
            Remedy::new(format!("{vnet}: create link {link} to {remote} (delete what is left of an old one first)"), property)
                .az(format!(
                    "az network vnet peering create -g RG --vnet-name {vnet} -n {link} --remote-vnet {remote} --allow-vnet-access"
                ))
                .bicep_resource(
                    KIND,
                    &format!("{vnet}/{link}"),
                    &[
                        format!("remoteVirtualNetwork: {{ id: {}.id }}", symbol(remote)),
                        "allowVirtualNetworkAccess: true".to_owned(),
                    ],
                )
                .terraform_resource(
                    RESOURCE,
                    link,
                    &[
                        format!("name                      = \"{link}\""),
                        "resource_group_name       = \"RG\"".to_owned(),
                        format!("virtual_network_name      = \"{vnet}\""),
                        format!("remote_virtual_network_id = azurerm_virtual_network.{}.id", symbol(remote)),
                    ],
                )
        }
        _ => unreachable!("only edits of peerings come here"),
    }
}

/// Edits of routes and tables that exist.
fn route(edit: &Edit) -> Remedy {
    const UPDATE: &str = "az network route-table route update -g RG --route-table-name";
    match edit {
        Edit::RemoveRoute { table, route } => Remedy::new(
            format!("{table}: remove route {route}"),
            format!("routes of {table}: without {route}"),
        )
        .az(format!("az network route-table route delete -g RG --route-table-name {table} -n {route}")),
        Edit::NextHop { table, route, address, .. } => {
            let property = format!("nextHopIpAddress of {table}/{route}: {address}");
            Remedy::new(format!("{table}/{route}: next hop {address}"), property)
                .az(format!("{UPDATE} {table} -n {route} --next-hop-ip-address {address}"))
                .bicep_property(
                    "routeTables/routes",
                    &format!("{table}/{route}"),
                    &format!("nextHopIpAddress: '{address}'"),
                )
                .terraform_argument(
                    "azurerm_route",
                    route,
                    &format!("next_hop_in_ip_address = \"{address}\""),
                )
        }
        Edit::Prefix { table, route, prefix } => {
            let property = format!("addressPrefix of {table}/{route}: {prefix}");
            Remedy::new(format!("{table}/{route}: prefix {prefix}"), property)
                .az(format!("{UPDATE} {table} -n {route} --address-prefix {prefix}"))
                .bicep_property(
                    "routeTables/routes",
                    &format!("{table}/{route}"),
                    &format!("addressPrefix: '{prefix}'"),
                )
                .terraform_argument("azurerm_route", route, &format!("address_prefix = \"{prefix}\""))
        }
        Edit::Propagation { table, disable } => {
            let property = format!("disableBgpRoutePropagation of {table}: {disable}");
            Remedy::new(format!("{table}: disableBgpRoutePropagation {disable}"), property)
                .az(format!(
                    "az network route-table update -g RG -n {table} --disable-bgp-route-propagation {disable}"
                ))
                .bicep_property("routeTables", table, &format!("disableBgpRoutePropagation: {disable}"))
                .terraform_argument(
                    "azurerm_route_table",
                    table,
                    &format!("bgp_route_propagation_enabled = {}", !disable),
                )
        }
        _ => unreachable!("only edits of routes come here"),
    }
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
    let made = if new_table { format!(" (a new table, associated with {subnet})") } else { String::new() };
    let mut remedy = Remedy::new(
        format!("{table}{made}: add route {prefix} -> {to}, for {subnet}"),
        format!("routes of {table}: {{name: {name}, addressPrefix: {prefix}, nextHopType: {kind}{yaml}}}"),
    );
    if new_table {
        remedy =
            remedy.az(format!("az network route-table create -g RG -n {table} -l REGION-OF-THE-NETWORK"));
    }
    remedy = remedy.az(format!(
        "az network route-table route create -g RG --route-table-name {table} -n {name} --address-prefix {prefix} --next-hop-type {kind}{cli}"
    ));
    if new_table {
        remedy = remedy
            .az(format!("az network vnet subnet update -g RG {} --route-table {table}", subnet_args(subnet)));
        remedy = remedy.bicep_resource("routeTables", table, &["routes: []".to_owned()]).terraform_resource(
            "azurerm_route_table",
            table,
            &[
                format!("name                = \"{table}\""),
                "location            = \"REGION\"".to_owned(),
                "resource_group_name = \"RG\"".to_owned(),
            ],
        );
    }
    let mut properties = vec![format!("addressPrefix: '{prefix}'"), format!("nextHopType: '{kind}'")];
    properties.extend(address.map(|address| format!("nextHopIpAddress: '{address}'")));
    let mut arguments = vec![
        format!("name                   = \"{name}\""),
        "resource_group_name    = \"RG\"".to_owned(),
        format!("route_table_name       = \"{table}\""),
        format!("address_prefix         = \"{prefix}\""),
        format!("next_hop_type          = \"{kind}\""),
    ];
    arguments.extend(address.map(|address| format!("next_hop_in_ip_address = \"{address}\"")));
    remedy.bicep_resource("routeTables/routes", &format!("{table}/{name}"), &properties).terraform_resource(
        "azurerm_route",
        &name,
        &arguments,
    )
}

fn associate(subnet: &str, table: Option<&str>) -> Remedy {
    let update = format!("az network vnet subnet update -g RG {}", subnet_args(subnet));
    match table {
        Some(table) => {
            let id = format!("routeTable: {{ id: {}.id }}", symbol(table));
            Remedy::new(
                format!("{subnet}: associate route table {table}"),
                format!("routeTable of {subnet}: {table}"),
            )
            .az(format!("{update} --route-table {table}"))
            .bicep_property("virtualNetworks/subnets", subnet, &id)
            .terraform_resource(
                "azurerm_subnet_route_table_association",
                subnet,
                &[
                    format!("subnet_id      = azurerm_subnet.{}.id", symbol(subnet)),
                    format!("route_table_id = azurerm_route_table.{}.id", symbol(table)),
                ],
            )
        }
        None => Remedy::new(
            format!("{subnet}: take its route table off"),
            format!("routeTable of {subnet}: none"),
        )
        .az(format!("{update} --remove routeTable")),
    }
}

fn add_rule(nsg: &str, rule: &NewRule) -> Remedy {
    let NewRule { name, priority, source, destination, .. } = rule;
    let direction = direction(if rule.outbound { Direction::Outbound } else { Direction::Inbound });
    let access = access(rule.allow);
    let protocol = rule.rule_protocol().text();
    let ported = rule.protocol.protocol.has_ports() && rule.protocol.port > 0;
    let port = if ported { rule.protocol.port.to_string() } else { "*".to_owned() };
    let sides = [
        ("priority", priority.to_string()),
        ("direction", format!("'{direction}'")),
        ("access", format!("'{access}'")),
    ];
    let sides = sides.into_iter().chain([
        ("protocol", format!("'{protocol}'")),
        ("sourceAddressPrefix", format!("'{source}'")),
        ("sourcePortRange", "'*'".to_owned()),
        ("destinationAddressPrefix", format!("'{destination}'")),
        ("destinationPortRange", format!("'{port}'")),
    ]);
    let properties: Vec<String> = sides.map(|(key, value)| format!("{key}: {value}")).collect();
    let arguments = [
        ("name", name.clone()),
        ("resource_group_name", "RG".to_owned()),
        ("network_security_group_name", nsg.to_owned()),
        ("direction", direction.to_owned()),
        ("access", access.to_owned()),
        ("protocol", protocol.to_owned()),
        ("source_address_prefix", source.clone()),
        ("source_port_range", "*".to_owned()),
        ("destination_address_prefix", destination.clone()),
        ("destination_port_range", port.clone()),
    ];
    let mut arguments: Vec<String> =
        arguments.iter().map(|(key, value)| format!("{key:<27} = \"{value}\"")).collect();
    arguments.insert(3, format!("{:<27} = {priority}", "priority"));
    Remedy::new(
        format!("{nsg}: add {access} {direction} {source} -> {destination} {protocol} {port}, priority {priority}"),
        format!(
            "securityRules of {nsg}: {{name: {name}, priority: {priority}, direction: {direction}, access: {access}, protocol: \"{protocol}\", sourceAddressPrefix: {source}, destinationAddressPrefix: \"{destination}\", destinationPortRange: \"{port}\"}}"
        ),
    )
    .az(format!(
        "az network nsg rule create -g RG --nsg-name {nsg} -n {name} --priority {priority} --direction {direction} --access {access} --protocol '{protocol}' --source-address-prefixes {source} --destination-address-prefixes '{destination}' --destination-port-ranges '{port}'"
    ))
    .bicep_resource("networkSecurityGroups/securityRules", &format!("{nsg}/{name}"), &properties)
    .terraform_resource("azurerm_network_security_rule", name, &arguments)
}

/// Edits of load balancers.
fn balancer(edit: &Edit) -> Remedy {
    match edit {
        Edit::HaPorts { lb, rule } => {
            let property = format!("rule {rule} of {lb}: {{protocol: All, frontendPort: 0, backendPort: 0}}");
            let mut remedy = Remedy::new(format!("{lb}: make rule {rule} one for HA ports"), property).az(format!(
                "az network lb rule update -g RG --lb-name {lb} -n {rule} --protocol All --frontend-port 0 --backend-port 0"
            ));
            remedy.bicep = vec![
                format!("// in loadBalancers '{lb}', loadBalancingRules '{rule}', under properties"),
                "protocol: 'All'".to_owned(),
                "frontendPort: 0".to_owned(),
                "backendPort: 0".to_owned(),
            ];
            remedy.terraform = vec![
                format!("# in azurerm_lb_rule {}", symbol(rule)),
                "protocol      = \"All\"".to_owned(),
                "frontend_port = 0".to_owned(),
                "backend_port  = 0".to_owned(),
            ];
            remedy
        }
        Edit::ProbePort { lb, probe, port } => {
            let name = format!("{lb}/probes/{probe}");
            Remedy::new(
                format!("{lb}: probe {probe} asks tcp/{port}"),
                format!("probe {probe} of {lb}: {{port: {port}}}"),
            )
            .az(format!("az network lb probe update -g RG --lb-name {lb} -n {probe} --port {port}"))
            .bicep_property("loadBalancers", &name, &format!("port: {port}"))
            .terraform_argument("azurerm_lb_probe", probe, &format!("port = {port}"))
        }
        Edit::LeavePool { nic, lb } => {
            let property = format!("loadBalancerBackendAddressPools of {nic}: without {lb}");
            Remedy::new(format!("{nic}: leave the pool of {lb}"), property).az(format!(
                "az network nic ip-config address-pool remove -g RG --nic-name {nic} --ip-config-name IPCONFIG --lb-name {lb} --address-pool POOL"
            ))
        }
        Edit::StandardSku { lb } => {
            let mut remedy =
                Remedy::new(format!("{lb}: sku Standard"), format!("sku of {lb}: {{name: Standard}}"))
                    .az(format!(
                        "# a Basic balancer cannot be changed in place: create {lb} anew with --sku Standard"
                    ))
                    .terraform_argument("azurerm_lb", lb, "sku = \"Standard\"");
            remedy.bicep =
                vec![format!("// in loadBalancers '{lb}'"), "sku: { name: 'Standard' }".to_owned()];
            remedy
        }
        _ => unreachable!("only edits of balancers come here"),
    }
}

/// Edits of a subnet's own properties.
fn of_subnet(edit: &Edit) -> Remedy {
    const KIND: &str = "virtualNetworks/subnets";
    match edit {
        Edit::EndpointPolicies { subnet } => Remedy::new(
            format!("{subnet}: privateEndpointNetworkPolicies RouteTableEnabled"),
            format!("privateEndpointNetworkPolicies of {subnet}: RouteTableEnabled"),
        )
        .az(format!(
            "az network vnet subnet update -g RG {} --private-endpoint-network-policies RouteTableEnabled",
            subnet_args(subnet)
        ))
        .bicep_property(KIND, subnet, "privateEndpointNetworkPolicies: 'RouteTableEnabled'")
        .terraform_argument("azurerm_subnet", subnet, "private_endpoint_network_policies = \"RouteTableEnabled\""),
        Edit::NoServiceEndpoint { subnet, service } => Remedy::new(
            format!("{subnet}: remove the service endpoint Microsoft.{service}"),
            format!("serviceEndpoints of {subnet}: without Microsoft.{service}"),
        )
        .az(format!(
            "az network vnet subnet update -g RG {} --service-endpoints OTHERS  # all but Microsoft.{service}",
            subnet_args(subnet)
        )),
        Edit::NatGateway { subnet, name, address } => {
            let update = format!("az network vnet subnet update -g RG {} --nat-gateway {name}", subnet_args(subnet));
            let mut remedy =
                Remedy::new(format!("{subnet}: NAT gateway {name}"), format!("natGateway of {subnet}: {name}"));
            if address.is_some() {
                remedy = remedy
                    .az(format!("az network public-ip create -g RG -n {name}-ip --sku Standard"))
                    .az(format!("az network nat gateway create -g RG -n {name} --public-ip-addresses {name}-ip"));
            }
            remedy
                .az(update)
                .bicep_property(KIND, subnet, &format!("natGateway: {{ id: {}.id }}", symbol(name)))
                .terraform_resource(
                    "azurerm_subnet_nat_gateway_association",
                    subnet,
                    &[
                        format!("subnet_id      = azurerm_subnet.{}.id", symbol(subnet)),
                        format!("nat_gateway_id = azurerm_nat_gateway.{}.id", symbol(name)),
                    ],
                )
        }
        _ => unreachable!("only edits of subnets come here"),
    }
}

/// A command in lines of at most `columns`, each but the last ending as a shell continues it.
pub(crate) fn shell_lines(command: &str, columns: usize) -> Vec<String> {
    let mut lines: Vec<String> = Vec::new();
    let mut line = String::new();
    for word in command.split(' ') {
        // A flag stays with its value.
        if !line.is_empty() && word.starts_with('-') && line.len() + 26 > columns {
            lines.push(format!("{line} \\"));
            line = "  ".to_owned();
        }
        if !line.trim().is_empty() {
            line.push(' ');
        }
        line.push_str(word);
    }
    lines.push(line);
    lines
}
