//! The properties of virtual network gateways, on-premises sites and the connections between them.
//!
//! Owns ARM's names for them and refuses kinds of connection that are not modelled.

use vnetsim_model::{
    GatewayType,
    draft::{self, Ref},
};
use vnetsim_types::{At, IpNet, Problem};

use crate::{
    decode::{Cx, List, shown},
    network::AddressSpace,
    record::record,
    values::{Ignored, Reference},
};

/// The only name that Azure accepts for a gateway's subnet.
const GATEWAY_SUBNET: &str = "GatewaySubnet";

record! {
    GatewayIpConfiguration -> (Option<Ref>, Option<Ref>), Arm "ipConfiguration" "name", "An address of a gateway.";
    opt _name: Ignored = "name", "Means nothing to the simulator.";
    opt subnet: Reference = "subnet", "vnet/GatewaySubnet.";
    opt public: Reference = "publicIPAddress", "Its public address.";
    opt _address: Ignored = "privateIPAddress", "Not modelled; the lowest free one is taken.";
    opt _method: Ignored = "privateIPAllocationMethod", "Means nothing.";
    => |_span, _place, _cx| Some((subnet, public))
}

record! {
    VirtualNetworkGateway -> draft::VirtualNetworkGateway, Arm "virtual network gateway" "name",
        "A virtual network gateway.";
    req name: At<String> = "name", "Unique among virtual network gateways.";
    req gateway_type: At<GatewayType> = "gatewayType", "Vpn or ExpressRoute.";
    opt vnet: Reference = "virtualNetwork", "Shorthand: the virtual network that holds it in its GatewaySubnet.";
    list configurations: GatewayIpConfiguration = "ipConfigurations", "ARM's place for subnet and public address.";
    opt public: Reference = "publicIPAddress", "Shorthand: its public address.";
    opt _vpn: Ignored = "vpnType", "Means nothing to the simulator.";
    opt _sku: Ignored = "sku", "Means nothing to the simulator.";
    opt _generation: Ignored = "vpnGatewayGeneration", "Means nothing to the simulator.";
    => |span, place, cx| {
        let subnet = configurations.iter().find_map(|(subnet, _)| subnet.clone());
        let virtual_network = match (vnet, subnet) {
            (Some(vnet), None) => vnet,
            (None, Some(subnet)) => vnet_of(subnet, cx)?,
            (Some(vnet), Some(_)) => {
                cx.conflict(vnet.span, "virtualNetwork and the subnet of ipConfigurations exclude each other");
                return None;
            }
            (None, None) => {
                cx.missing(place, "virtualNetwork");
                return None;
            }
        };
        let inner = configurations.into_iter().find_map(|(_, public)| public);
        if let (Some(public), Some(_)) = (&public, &inner) {
            cx.conflict(public.span, "publicIPAddress stands beside the one of ipConfigurations");
            return None;
        }
        let public_ip_address = public.or(inner);
        Some(draft::VirtualNetworkGateway { span, name, gateway_type, virtual_network, public_ip_address })
    }
}

fn vnet_of(subnet: Ref, cx: &mut Cx) -> Option<Ref> {
    match subnet.value.split_once('/') {
        Some((vnet, last)) if last.eq_ignore_ascii_case(GATEWAY_SUBNET) => {
            Some(At::new(vnet.to_owned(), subnet.span))
        }
        _ => {
            let message = format!("{}: {} is not a GatewaySubnet", cx.object, shown(&subnet.value));
            let problem = Problem::error("BAD_VALUE", subnet.span, message);
            cx.fail(problem.help("write vnet/GatewaySubnet; Azure puts gateways nowhere else"))
        }
    }
}

record! {
    LocalNetworkGateway -> draft::LocalNetworkGateway, Arm "local network gateway" "name", "An on-premises site.";
    req name: At<String> = "name", "Unique among local network gateways.";
    opt prefixes: AddressSpace = "localNetworkAddressSpace", "What stands behind it.";
    opt _address: Ignored = "gatewayIpAddress", "Means nothing to the simulator.";
    opt _fqdn: Ignored = "fqdn", "Means nothing to the simulator.";
    opt known_prefixes: List<At<IpNet>> = "knownPrefixes",
        "Simulator extension: Azure prefixes that the site's device knows; all of them when absent.";
    => |span, _place, _cx| {
        let address_prefixes = prefixes.unwrap_or_default();
        Some(draft::LocalNetworkGateway { span, name, address_prefixes, known_prefixes })
    }
}

record! {
    Connection -> draft::Connection, Arm "connection" "name", "A site-to-site connection.";
    req name: At<String> = "name", "Unique among connections.";
    opt kind: At<String> = "connectionType", "IPsec; others are not modelled.";
    opt gateway: Reference = "virtualNetworkGateway1", "The Azure end.";
    opt site: Reference = "localNetworkGateway2", "The on-premises end.";
    opt _status: Ignored = "connectionStatus", "Not modelled; a connection is up.";
    opt _key: Ignored = "sharedKey", "Means nothing to the simulator.";
    opt _protocol: Ignored = "connectionProtocol", "Means nothing to the simulator.";
    => |span, place, cx| {
        // Judged first: the other kinds have other ends, which must not be reported as missing.
        if let Some(kind) = kind.filter(|kind| !kind.eq_ignore_ascii_case("IPsec")) {
            let message = format!("{} has connectionType {}, which is not modelled", cx.object, shown(&kind.value));
            let problem = Problem::error("NOT_MODELLED", kind.span, message);
            return cx.fail(problem.help("only IPsec connections to a local network gateway are modelled"));
        }
        if gateway.is_none() {
            cx.missing(place, "virtualNetworkGateway1");
        }
        if site.is_none() {
            cx.missing(place, "localNetworkGateway2");
        }
        Some(draft::Connection { span, name, virtual_network_gateway: gateway?, local_network_gateway: site? })
    }
}
