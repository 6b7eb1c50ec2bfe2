//! One change of a network, as somebody would make it: a flag, a route, a rule, an association, a machine's setting.
//!
//! Owns what edits there are and how each changes what the input says. Objects are known by name. `candidates` proposes
//! edits, [`super::fix`] tries them, `report` words them for the file, the Azure CLI, Bicep and Terraform. An edit never changes
//! a checked network: the changed draft is checked anew, so whatever Azure refuses is refused here.

use std::net::IpAddr;

use vnetsim_model::{
    Access, LbProtocol, LbSku, PeeringState, PrivateEndpointPolicies, RuleProtocol, Snat,
    draft::{self, Draft},
};
use vnetsim_types::{At, Direction, IpNet, IpProtocol, ProtoPort};

/// A flag of a peering link.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum PeeringFlag {
    /// `allowVirtualNetworkAccess`.
    VirtualNetworkAccess,
    /// `allowForwardedTraffic`.
    ForwardedTraffic,
    /// `allowGatewayTransit`.
    GatewayTransit,
    /// `useRemoteGateways`.
    RemoteGateways,
}

impl PeeringFlag {
    /// As ARM spells it.
    pub fn text(self) -> &'static str {
        match self {
            Self::VirtualNetworkAccess => "allowVirtualNetworkAccess",
            Self::ForwardedTraffic => "allowForwardedTraffic",
            Self::GatewayTransit => "allowGatewayTransit",
            Self::RemoteGateways => "useRemoteGateways",
        }
    }
}

/// Where a route of an edit leads.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Hop {
    /// `VirtualAppliance` with that address.
    Appliance(IpAddr),
    /// `Internet`.
    Internet,
}

/// A security rule that an edit adds.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct NewRule {
    /// Its name.
    pub name: String,
    /// A free priority.
    pub priority: u16,
    /// Inbound or outbound.
    pub outbound: bool,
    /// Allow or deny.
    pub allow: bool,
    /// Source: a block or a tag.
    pub source: String,
    /// Destination: a block, or `*`.
    pub destination: String,
    /// Protocol and destination port.
    pub protocol: ProtoPort,
}

/// One change. Strings are names: `vnet` and `link` of a peering, `vnet/subnet`, tables, groups, machines.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
#[expect(missing_docs, reason = "the fields are names of objects of the kind that they are called after")]
pub enum Edit {
    /// Set a flag of a link to true.
    Flag { vnet: String, link: String, flag: PeeringFlag },
    /// Refresh the link's copy of the remote address space (PEER-17).
    Sync { vnet: String, link: String },
    /// Make the link that a peering lacks, from `vnet` to `remote`; a Disconnected one is made anew (PEER-04).
    CreateLink { vnet: String, link: String, remote: String },
    /// `enableIPForwarding: true`.
    IpForwarding { nic: String },
    /// Forwarding on in the guest.
    GuestForwarding { vm: String },
    /// Source translation at an appliance.
    SourceNat { vm: String, snat: Snat },
    /// Start a machine.
    Start { vm: String },
    /// Add a route to the table of a subnet; the table is made and associated if there is none yet.
    AddRoute { subnet: String, table: String, new_table: bool, prefix: IpNet, hop: Hop },
    /// Remove a route.
    RemoveRoute { table: String, route: String },
    /// Another address for a route to an appliance: a balancer's frontend, or a single machine.
    NextHop { table: String, route: String, address: IpAddr, balanced: bool },
    /// Another prefix for a route.
    Prefix { table: String, route: String, prefix: IpNet },
    /// Set `disableBgpRoutePropagation`.
    Propagation { table: String, disable: bool },
    /// Associate a subnet with a table, or with none; it may have had another.
    Associate { subnet: String, table: Option<String>, replaces: bool },
    /// Give a security rule another priority.
    Priority { nsg: String, rule: String, priority: u16 },
    /// Add a security rule.
    AddRule { nsg: String, rule: NewRule },
    /// Make a rule of a balancer one for HA ports (LB-09).
    HaPorts { lb: String, rule: String },
    /// Take an interface out of all pools of a balancer.
    LeavePool { nic: String, lb: String },
    /// `sku.name: Standard` (LB-13).
    StandardSku { lb: String },
    /// Remove a service endpoint, given as the tag (RT-07).
    NoServiceEndpoint { subnet: String, service: String },
    /// Probe another port.
    ProbePort { lb: String, probe: String, port: u16 },
    /// `privateEndpointNetworkPolicies: RouteTableEnabled` (RT-08).
    EndpointPolicies { subnet: String },
    /// A NAT gateway for a subnet (OUT-05); a new one has a public address.
    NatGateway { subnet: String, name: String, address: Option<IpAddr> },
    /// Tell a site about a prefix (GW-06).
    Announce { site: String, prefix: IpNet },
}

impl Edit {
    /// How much it takes to carry out and to be sure of; the search prefers small sums.
    pub fn weight(&self) -> u32 {
        match self {
            Self::Flag { .. }
            | Self::Sync { .. }
            | Self::IpForwarding { .. }
            | Self::EndpointPolicies { .. } => 1,
            Self::GuestForwarding { .. }
            | Self::Priority { .. }
            | Self::Start { .. }
            | Self::NextHop { balanced: true, .. } => 2,
            Self::Prefix { .. }
            | Self::AddRoute { new_table: false, .. }
            | Self::CreateLink { .. }
            | Self::Announce { .. } => 3,
            Self::NextHop { .. } | Self::AddRule { .. } | Self::HaPorts { .. } | Self::ProbePort { .. } => 3,
            Self::NatGateway { address: None, .. } => 3,
            Self::AddRoute { .. } | Self::Propagation { .. } | Self::NatGateway { .. } => 4,
            Self::RemoveRoute { .. } | Self::StandardSku { .. } => 5,
            Self::Associate { replaces: false, .. } => 3,
            Self::LeavePool { .. } | Self::NoServiceEndpoint { .. } => 5,
            Self::Associate { .. } => 6,
            // It hides where the traffic comes from.
            Self::SourceNat { .. } => 8,
        }
    }

    /// Changes `draft`; `None` when the object is not there.
    pub(crate) fn apply(&self, draft: &mut Draft) -> Option<()> {
        match self {
            Self::Flag { vnet, link, flag } => set_flag(link_mut(draft, vnet, link)?, *flag),
            Self::Sync { vnet, link } => link_mut(draft, vnet, link)?.remote_address_space = None,
            Self::CreateLink { vnet, link, remote } => create_link(draft, vnet, link, remote)?,
            Self::IpForwarding { nic } => {
                let nic = draft.network_interfaces.iter_mut().find(|n| is(&n.name, nic))?;
                nic.enable_ip_forwarding = Some(true.into());
            }
            Self::GuestForwarding { vm } => guest_mut(draft, vm)?.ip_forwarding = Some(true.into()),
            Self::SourceNat { vm, snat } => guest_mut(draft, vm)?.snat = Some((*snat).into()),
            Self::Start { vm } => {
                draft.virtual_machines.iter_mut().find(|v| is(&v.name, vm))?.running = Some(true.into());
            }
            Self::AddRoute { subnet, table, new_table, prefix, hop } => {
                add_route(draft, subnet, table, *new_table, *prefix, *hop)?;
            }
            Self::RemoveRoute { table, route } => {
                table_mut(draft, table)?.routes.retain(|r| !is(&r.name, route));
            }
            Self::NextHop { table, route, address, .. } => {
                let routes = &mut table_mut(draft, table)?.routes;
                routes.iter_mut().find(|r| is(&r.name, route))?.next_hop_ip_address = Some((*address).into());
            }
            Self::Prefix { table, route, prefix } => {
                let routes = &mut table_mut(draft, table)?.routes;
                routes.iter_mut().find(|r| is(&r.name, route))?.address_prefix = prefix.to_string().into();
            }
            Self::Propagation { table, disable } => {
                table_mut(draft, table)?.disable_bgp_route_propagation = Some((*disable).into());
            }
            Self::Associate { subnet, table, .. } => {
                subnet_mut(draft, subnet)?.route_table = table.as_ref().map(|table| table.clone().into());
            }
            Self::Priority { nsg, rule, priority } => {
                let group = draft.network_security_groups.iter_mut().find(|g| is(&g.name, nsg))?;
                let rule = group.security_rules.iter_mut().find(|r| is(&r.name, rule))?;
                rule.priority = u64::from(*priority).into();
            }
            Self::AddRule { nsg, rule } => {
                let group = draft.network_security_groups.iter_mut().find(|g| is(&g.name, nsg))?;
                group.security_rules.push(rule.draft());
            }
            Self::HaPorts { lb, rule } => {
                let balancer = draft.load_balancers.iter_mut().find(|b| is(&b.name, lb))?;
                let rule = balancer.rules.iter_mut().find(|r| is(&r.name, rule))?;
                (rule.protocol, rule.frontend_port, rule.backend_port) =
                    (LbProtocol::All.into(), 0.into(), 0.into());
            }
            Self::LeavePool { nic, lb } => {
                let nic = draft.network_interfaces.iter_mut().find(|n| is(&n.name, nic))?;
                for config in &mut nic.ip_configurations {
                    config.backend_address_pools.retain(|pool| !names(&pool.value, lb));
                }
            }
            Self::StandardSku { lb } => {
                let balancer = draft.load_balancers.iter_mut().find(|b| is(&b.name, lb))?;
                balancer.sku = Some(LbSku::Standard.into());
            }
            Self::NoServiceEndpoint { subnet, service } => {
                let endpoints = &mut subnet_mut(draft, subnet)?.service_endpoints;
                endpoints.retain(|endpoint| {
                    !last_part(&endpoint.value.replace('.', "/")).eq_ignore_ascii_case(service)
                });
            }
            Self::ProbePort { lb, probe, port } => {
                let balancer = draft.load_balancers.iter_mut().find(|b| is(&b.name, lb))?;
                balancer.probes.iter_mut().find(|p| is(&p.name, probe))?.port = Some(u64::from(*port).into());
            }
            Self::EndpointPolicies { subnet } => {
                let policies = PrivateEndpointPolicies::RouteTableEnabled;
                subnet_mut(draft, subnet)?.private_endpoint_network_policies = Some(policies.into());
            }
            Self::NatGateway { subnet, name, address } => nat_gateway(draft, subnet, name, *address)?,
            Self::Announce { site, prefix } => announce(draft, site, *prefix)?,
        }
        Some(())
    }
}

impl NewRule {
    fn draft(&self) -> draft::SecurityRule {
        let side = |prefix: &str, ports: Vec<At<String>>| draft::RuleSide {
            prefixes: vec![prefix.to_owned().into()],
            application_security_groups: Vec::new(),
            port_ranges: ports,
        };
        let port = (self.protocol.protocol.has_ports() && self.protocol.port > 0)
            .then(|| self.protocol.port.to_string());
        draft::SecurityRule {
            span: vnetsim_types::Span::default(),
            name: self.name.clone().into(),
            priority: u64::from(self.priority).into(),
            direction: if self.outbound { Direction::Outbound } else { Direction::Inbound }.into(),
            access: if self.allow { Access::Allow } else { Access::Deny }.into(),
            protocol: self.rule_protocol().into(),
            source: side(&self.source, Vec::new()),
            destination: side(&self.destination, port.map(At::from).into_iter().collect()),
        }
    }

    /// As a security rule spells the protocol.
    pub fn rule_protocol(&self) -> RuleProtocol {
        match self.protocol.protocol {
            IpProtocol::TCP => RuleProtocol::Tcp,
            IpProtocol::UDP => RuleProtocol::Udp,
            p if p.is_icmp() => RuleProtocol::Icmp,
            _ => RuleProtocol::Any,
        }
    }
}

fn is(name: &At<String>, other: &str) -> bool {
    name.value.eq_ignore_ascii_case(other)
}

fn link_mut<'d>(draft: &'d mut Draft, vnet: &str, link: &str) -> Option<&'d mut draft::Peering> {
    let vnet = draft.virtual_networks.iter_mut().find(|v| is(&v.name, vnet))?;
    vnet.peerings.iter_mut().find(|p| is(&p.name, link))
}

fn set_flag(link: &mut draft::Peering, flag: PeeringFlag) {
    let field = match flag {
        PeeringFlag::VirtualNetworkAccess => &mut link.allow_virtual_network_access,
        PeeringFlag::ForwardedTraffic => &mut link.allow_forwarded_traffic,
        PeeringFlag::GatewayTransit => &mut link.allow_gateway_transit,
        PeeringFlag::RemoteGateways => &mut link.use_remote_gateways,
    };
    *field = Some(true.into());
}

/// The state of both links is computed again.
fn create_link(draft: &mut Draft, vnet: &str, link: &str, remote: &str) -> Option<()> {
    let far = draft.virtual_networks.iter_mut().find(|v| is(&v.name, remote))?;
    let mut new = draft::Peering {
        name: link.to_owned().into(),
        remote_virtual_network: remote.to_owned().into(),
        ..draft::Peering::default()
    };
    let to_us =
        |p: &&mut draft::Peering| last_part(&p.remote_virtual_network.value).eq_ignore_ascii_case(vnet);
    if let Some(back) = far.peerings.iter_mut().find(to_us) {
        back.peering_state = None;
        back.remote_address_space = None;
        new.allow_forwarded_traffic.clone_from(&back.allow_forwarded_traffic);
        // What one side joins, the other joins too (PEER-25).
        new.peer_complete_vnets.clone_from(&back.peer_complete_vnets);
        new.enable_only_ipv6_peering.clone_from(&back.enable_only_ipv6_peering);
        new.local_subnet_names.clone_from(&back.remote_subnet_names);
        new.remote_subnet_names.clone_from(&back.local_subnet_names);
    }
    let near = draft.virtual_networks.iter_mut().find(|v| is(&v.name, vnet))?;
    near.peerings.retain(|p| !last_part(&p.remote_virtual_network.value).eq_ignore_ascii_case(remote));
    near.peerings.push(new);
    Some(())
}

/// `lb/pool`, or the id of a pool, names a pool of `lb`.
fn names(pool: &str, lb: &str) -> bool {
    pool.split('/').any(|part| part.eq_ignore_ascii_case(lb))
}

/// The name at the end of a reference, which may be a whole resource id.
fn last_part(reference: &str) -> &str {
    reference.rsplit('/').next().unwrap_or(reference)
}

fn guest_mut<'d>(draft: &'d mut Draft, vm: &str) -> Option<&'d mut draft::Guest> {
    let vm = draft.virtual_machines.iter_mut().find(|v| is(&v.name, vm))?;
    Some(vm.guest.get_or_insert_default())
}

fn table_mut<'d>(draft: &'d mut Draft, table: &str) -> Option<&'d mut draft::RouteTable> {
    draft.route_tables.iter_mut().find(|t| is(&t.name, table))
}

/// `path` is `vnet/subnet`.
fn subnet_mut<'d>(draft: &'d mut Draft, path: &str) -> Option<&'d mut draft::Subnet> {
    let (vnet, name) = path.split_once('/')?;
    let vnet = draft.virtual_networks.iter_mut().find(|v| is(&v.name, vnet))?;
    vnet.subnets.iter_mut().find(|s| is(&s.name, name))
}

fn add_route(
    draft: &mut Draft,
    subnet: &str,
    table: &str,
    new_table: bool,
    prefix: IpNet,
    hop: Hop,
) -> Option<()> {
    if new_table {
        let name: At<String> = table.to_owned().into();
        draft.route_tables.push(draft::RouteTable { name: name.clone(), ..draft::RouteTable::default() });
        subnet_mut(draft, subnet)?.route_table = Some(name);
    }
    let (kind, address) = match hop {
        Hop::Appliance(address) => ("VirtualAppliance", Some(address)),
        Hop::Internet => ("Internet", None),
    };
    table_mut(draft, table)?.routes.push(draft::Route {
        name: route_name(prefix).into(),
        address_prefix: prefix.to_string().into(),
        next_hop_type: kind.to_owned().into(),
        next_hop_ip_address: address.map(At::from),
        ..draft::Route::default()
    });
    Some(())
}

/// What an added route is called.
pub fn route_name(prefix: IpNet) -> String {
    format!("to-{}", prefix.to_string().replace(['/', '.', ':'], "-"))
}

fn nat_gateway(draft: &mut Draft, subnet: &str, name: &str, address: Option<IpAddr>) -> Option<()> {
    subnet_mut(draft, subnet)?.nat_gateway = Some(name.to_owned().into());
    let Some(address) = address else { return Some(()) };
    let ip: At<String> = format!("{name}-ip").into();
    draft
        .public_ip_addresses
        .push(draft::PublicIpAddress { name: ip.clone(), ip_address: Some(address.into()) });
    let gateway = draft::NatGateway { name: name.to_owned().into(), public_ip_addresses: vec![ip] };
    draft.nat_gateways.push(gateway);
    Some(())
}

fn announce(draft: &mut Draft, site: &str, prefix: IpNet) -> Option<()> {
    let locals = draft.local_network_gateways.iter_mut().map(|l| (&l.name, &mut l.known_prefixes));
    let circuits = draft.express_route_circuits.iter_mut().map(|c| (&c.name, &mut c.known_prefixes));
    let (_, known) = locals.chain(circuits).find(|(name, _)| is(name, site))?;
    known.as_mut()?.push(prefix.into());
    Some(())
}

/// Peerings that have lost their opposite link, or never had it.
pub(crate) fn is_half(state: PeeringState) -> bool {
    state != PeeringState::Connected
}
