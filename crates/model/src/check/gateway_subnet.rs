//! What `GatewaySubnet` may not have (ADDR-09, GW-02, RT-14, RT-28, NSG-26).
//!
//! Azure refuses these when somebody asks for them, so `operation` refuses too. In a file they are warnings:
//! networks from before a check existed still have them, and a file must be able to say what is there.

use vnetsim_types::{GatewayId, Problem, Span, SubnetId, VnetId};

use super::{Checker, addresses::overlap, gateways::GATEWAY_SUBNET};
use crate::{AddressOwner, ConnectionEnd, GatewayType, Network, SiteKind, limits};

/// Something that a `GatewaySubnet` may not have.
pub(crate) struct GatewaySubnetFault {
    /// Code of the warning in a file.
    pub(crate) warning: &'static str,
    /// Code of the refusal in the timeline.
    pub(crate) refusal: &'static str,
    span: Span,
    pub(crate) message: String,
    help: &'static str,
}

impl GatewaySubnetFault {
    /// Everything wrong with the `GatewaySubnet` of `vnet`, if it has one.
    pub(crate) fn all(network: &Network, vnet: VnetId) -> Vec<Self> {
        let Some(subnet) = network.subnet_named(vnet, GATEWAY_SUBNET) else { return Vec::new() };
        let mut faults = associations(network, subnet);
        faults.extend(routes(network, subnet));
        faults.extend(residents(network, subnet));
        faults.extend(size(network, subnet));
        faults
    }

    fn warn(self) -> Problem {
        Problem::warning(self.warning, self.span, self.message).help(self.help)
    }
}

impl Checker {
    pub(super) fn gateway_subnets(&mut self) {
        let vnets = (0..self.network.vnets.len()).map(VnetId::new);
        let faults: Vec<_> = vnets.flat_map(|vnet| GatewaySubnetFault::all(&self.network, vnet)).collect();
        self.problems.extend(faults.into_iter().map(GatewaySubnetFault::warn));
    }
}

/// NSG-26, RT-14, GW-02: group, table and NAT gateway.
fn associations(network: &Network, id: SubnetId) -> Vec<GatewaySubnetFault> {
    let (subnet, path) = (&network[id], network.subnet_path(id));
    let mut faults = Vec::new();
    if let Some(nsg) = &subnet.nsg {
        faults.push(GatewaySubnetFault {
            warning: "NSG_ON_GATEWAY_SUBNET",
            refusal: "NetworkSecurityGroupNotAllowedOnGatewaySubnet",
            span: nsg.span,
            message: format!(
                "`{path}` has network security group `{}`; gateways stop working behind one",
                network[nsg.value].name.value
            ),
            help: "remove the association; filter at the subnets of the machines (NSG-26)",
        });
    }
    let table = subnet.route_table.as_ref();
    if let Some(at) = table.filter(|t| network[t.value].disable_bgp_route_propagation.value) {
        faults.push(GatewaySubnetFault {
            warning: "PROPAGATION_OFF_ON_GATEWAY_SUBNET",
            refusal: "RoutePropagationRequiredOnGatewaySubnet",
            span: at.span,
            message: format!(
                "`{path}` has route table `{}`, which disables propagation; the gateway stops working",
                network[at.value].name.value
            ),
            help: "set disableBgpRoutePropagation: false, or use another table (RT-14)",
        });
    }
    if !subnet.nat_gateway.is_empty() {
        faults.push(GatewaySubnetFault {
            warning: "NAT_GATEWAY_ON_GATEWAY_SUBNET",
            refusal: "NatGatewayNotAllowedOnGatewaySubnet",
            span: subnet.name.span,
            message: format!("`{path}` has a NAT gateway"),
            help: "remove the association; gateways have public addresses of their own (GW-02)",
        });
    }
    faults
}

/// RT-28.
fn routes(network: &Network, id: SubnetId) -> Vec<GatewaySubnetFault> {
    let (subnet, path) = (&network[id], network.subnet_path(id));
    let Some(table) = subnet.route_table.as_ref().map(|table| &network[table.value]) else {
        return Vec::new();
    };
    let vpn = network.gateways_of(subnet.vnet).any(|(_, g)| g.kind == GatewayType::Vpn);
    let instances = network.gateways_of(subnet.vnet).flat_map(|(_, gateway)| &gateway.instances);
    let public: Vec<_> = instances.filter_map(|instance| instance.public_address).collect();
    let mut faults = Vec::new();
    for route in &table.routes {
        let fault = |(warning, refusal), what: &str, help| GatewaySubnetFault {
            warning,
            refusal,
            span: route.span,
            message: format!(
                "route `{}` of table `{}` on `{path}` {what}",
                route.name.value, table.name.value
            ),
            help,
        };
        let default = route.prefixes.iter().any(|prefix| prefix.prefix_len() == 0);
        let own = subnet.prefixes.iter().any(|own| route.prefixes.iter().any(|p| overlap(p, own)));
        let public = public.iter().any(|address| route.prefixes.iter().any(|p| p.contains(address)));
        if default && vpn {
            faults.push(fault(
                ("DEFAULT_ROUTE_ON_GATEWAY_SUBNET", "DefaultRouteNotAllowedOnGatewaySubnet"),
                "is a default route; a VPN gateway cannot reach its peers any more",
                "route single prefixes on GatewaySubnet (RT-28)",
            ));
        } else if !default && (own || public) {
            faults.push(fault(
                ("ROUTE_OVERLAPS_GATEWAY_SUBNET", "RouteOverlapsGatewaySubnet"),
                "covers addresses of the gateway itself",
                "use prefixes that leave out GatewaySubnet and the gateway's public addresses (RT-28)",
            ));
        }
    }
    faults
}

/// ADDR-09, GW-02: nothing but gateways lives here.
fn residents(network: &Network, id: SubnetId) -> Vec<GatewaySubnetFault> {
    let subnet = &network[id];
    let inside = |address| subnet.prefixes.iter().any(|prefix| prefix.contains(&address));
    let mut faults = Vec::new();
    for (address, owner) in network.addresses_of(subnet.vnet) {
        let name = match owner {
            AddressOwner::Gateway(_) => continue,
            AddressOwner::Nic(nic) => &network[nic].name,
            AddressOwner::Frontend(lb, place) => &network[lb].frontends[place as usize].name,
            AddressOwner::PrivateEndpoint(endpoint) => &network[endpoint].name,
            AddressOwner::RouteServer(server) => &network[server].name,
        };
        if inside(address) {
            faults.push(GatewaySubnetFault {
                warning: "RESIDENT_IN_GATEWAY_SUBNET",
                refusal: "GatewaySubnetHasOtherResidents",
                span: name.span,
                message: format!("`{}` lives in `{}`", name.value, network.subnet_path(id)),
                help: "put it into another subnet; only gateways may be deployed here (ADDR-09)",
            });
        }
    }
    faults
}

/// GW-02: gateways of both types need room, and so do many circuits.
fn size(network: &Network, id: SubnetId) -> Option<GatewaySubnetFault> {
    let (subnet, limits) = (&network[id], limits::of(network.semantics.era));
    let gateways = || network.gateways_of(subnet.vnet).map(|(id, _)| id);
    let circuits = gateways().map(|gateway| circuits_of(network, gateway)).max().unwrap_or_default();
    let (what, longest) = if circuits >= limits.gateway_subnet_many_circuits.value {
        let longest = &limits.gateway_subnet_many_circuits_prefix_length_longest;
        (format!("a gateway with {circuits} circuits"), longest)
    } else if gateways().count() > 1 {
        ("gateways of both types".to_owned(), &limits.gateway_subnet_coexistence_prefix_length_longest)
    } else {
        return None;
    };
    let widest = subnet.prefixes.iter().filter(|p| p.addr().is_ipv4()).min_by_key(|p| p.prefix_len())?;
    (u64::from(widest.prefix_len()) > longest.value).then(|| GatewaySubnetFault {
        warning: "SMALL_GATEWAY_SUBNET",
        refusal: "GatewaySubnetTooSmall",
        span: widest.span,
        message: format!(
            "`{}` has {what} and size {}; they need /{} or larger",
            network.subnet_path(id),
            widest.value,
            longest.value
        ),
        help: "give it a larger prefix (GW-02)",
    })
}

fn circuits_of(network: &Network, gateway: GatewayId) -> u64 {
    let circuit = |end| matches!(end, ConnectionEnd::Site(site) if network[site].kind == SiteKind::Circuit);
    network.connections_of(gateway).filter(|(.., end)| circuit(*end)).count() as u64
}
