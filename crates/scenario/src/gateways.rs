//! The properties of virtual network gateways, on-premises sites, circuits and the connections between them.
//!
//! Owns ARM's names for them. Must never judge meaning.

use std::net::IpAddr;

use serde_json::{Value, json};
use vnetsim_model::{
    GatewayType, VpnType,
    draft::{self, ConnectionEnd, Ref},
};
use vnetsim_types::{At, IpNet, Problem, Span};

use crate::{
    decode::{Cx, Decode, List, shown},
    network::AddressSpace,
    record::record,
    values::{Ignored, Reference, named},
    yaml::{Kind, Node},
};

/// The only name that Azure accepts for a gateway's subnet.
const GATEWAY_SUBNET: &str = "GatewaySubnet";

record! {
    GatewayIpConfiguration -> (Option<Ref>, draft::GatewayIpConfiguration), Arm "ipConfiguration" "name",
        "An instance of a gateway.";
    opt _name: Ignored = "name", "Means nothing to the simulator.";
    opt subnet: Reference = "subnet", "vnet/GatewaySubnet.";
    opt public_ip_address: Reference = "publicIPAddress", "Its public address.";
    opt private_ip_address: At<IpAddr> = "privateIPAddress", "The lowest free one when absent.";
    opt _method: Ignored = "privateIPAllocationMethod", "Means nothing.";
    => |_span, _place, _cx| {
        Some((subnet, draft::GatewayIpConfiguration { private_ip_address, public_ip_address }))
    }
}

record! {
    BgpSettings -> (Option<At<u64>>, Option<At<IpAddr>>), Arm "bgpSettings" "-", "The site's side of BGP.";
    opt asn: At<u64> = "asn", "Autonomous system.";
    opt address: At<IpAddr> = "bgpPeeringAddress", "Address that BGP speaks from.";
    opt _addresses: Ignored = "bgpPeeringAddresses", "Means nothing to the simulator.";
    opt _weight: Ignored = "peerWeight", "Means nothing to the simulator.";
    => |_span, _place, _cx| Some((asn, address))
}

record! {
    GatewayBgpSettings -> Option<At<u64>>, Arm "bgpSettings" "-", "The Azure side of BGP.";
    opt asn: At<u64> = "asn", "Autonomous system; 65515 when none is said.";
    opt _address: Ignored = "bgpPeeringAddress", "Read-only: the addresses of the instances, `a,b` of two.";
    opt _addresses: Ignored = "bgpPeeringAddresses", "Means nothing to the simulator.";
    opt _weight: Ignored = "peerWeight", "Means nothing to the simulator.";
    => |_span, _place, _cx| Some(asn)
}

record! {
    ClientConfiguration -> Vec<At<IpNet>>, Arm "vpnClientConfiguration" "-", "Point-to-site.";
    opt pool: AddressSpace = "vpnClientAddressPool", "Addresses of the clients.";
    opt _protocols: Ignored = "vpnClientProtocols", "Means nothing to the simulator.";
    opt _auth: Ignored = "vpnAuthenticationTypes", "Means nothing to the simulator.";
    opt _roots: Ignored = "vpnClientRootCertificates", "Means nothing to the simulator.";
    opt _revoked: Ignored = "vpnClientRevokedCertificates", "Means nothing to the simulator.";
    => |_span, _place, _cx| Some(pool.unwrap_or_default())
}

record! {
    SkuObject -> At<String>, Arm "sku" "-", "ARM's place for the name of the SKU.";
    req name: At<String> = "name", "Such as VpnGw1.";
    opt _tier: Ignored = "tier", "Means nothing to the simulator.";
    opt _capacity: Ignored = "capacity", "Means nothing to the simulator.";
    => |_span, _place, _cx| Some(name)
}

/// `sku: VpnGw1` or `sku: {name: VpnGw1}`.
pub(crate) struct Sku;

impl Decode for Sku {
    type Out = At<String>;
    fn decode(node: &Node, cx: &mut Cx) -> Option<At<String>> {
        match node.kind {
            Kind::Map(_) => SkuObject::decode(node, cx),
            _ => <At<String>>::decode(node, cx),
        }
    }
    fn schema() -> Value {
        json!({ "anyOf": [String::schema(), SkuObject::schema()] })
    }
}

record! {
    VirtualNetworkGateway -> draft::VirtualNetworkGateway, Arm "virtual network gateway" "name",
        "A virtual network gateway.";
    req name: At<String> = "name", "Unique among virtual network gateways.";
    req gateway_type: At<GatewayType> = "gatewayType", "Vpn or ExpressRoute.";
    opt vnet: Reference = "virtualNetwork", "Shorthand: the virtual network that holds it in its GatewaySubnet.";
    list configurations: GatewayIpConfiguration = "ipConfigurations", "Its instances: subnet and addresses.";
    opt public: Reference = "publicIPAddress", "Shorthand: its public address.";
    list publics: Reference = "publicIPAddresses", "Shorthand: one public address per instance.";
    opt active_active: At<bool> = "activeActive|active", "Both instances forward.";
    opt vpn_type: At<VpnType> = "vpnType", "RouteBased or PolicyBased.";
    opt sku: Sku = "sku", "Such as VpnGw1 or Basic.";
    opt bgp: GatewayBgpSettings = "bgpSettings", "Its autonomous system.";
    opt clients: ClientConfiguration = "vpnClientConfiguration", "Point-to-site.";
    opt _enable_bgp: Ignored = "enableBgp", "Connections say it.";
    opt _generation: Ignored = "vpnGatewayGeneration", "Means nothing to the simulator.";
    opt _private: Ignored = "enablePrivateIpAddress", "Means nothing to the simulator.";
    => check |given, cx| [
        given.exclusive("publicIPAddress", &["publicIPAddresses"], cx),
        given.need("virtualNetwork", &["ipConfigurations"], cx),
    ]
    => |span, place, cx| {
        let (subnets, instances): (Vec<_>, Vec<_>) = configurations.into_iter().unzip();
        let virtual_network = home(vnet, subnets, GATEWAY_SUBNET, place, cx);
        let ip_configurations = with_public_addresses(instances, public.into_iter().chain(publics).collect(), cx);
        Some(draft::VirtualNetworkGateway {
            span,
            name,
            gateway_type,
            virtual_network: virtual_network?,
            ip_configurations: ip_configurations?,
            active_active,
            vpn_type,
            sku,
            asn: bgp.flatten(),
            client_address_pool: clients.unwrap_or_default(),
        })
    }
}

/// The virtual network that `virtualNetwork` names, or the one whose subnet called `name` all `subnets` are.
pub(crate) fn home(
    vnet: Option<Ref>,
    subnets: Vec<Option<Ref>>,
    name: &str,
    place: Span,
    cx: &mut Cx,
) -> Option<Ref> {
    let mut subnets = subnets.into_iter().flatten();
    let Some(first) = subnets.next() else {
        if vnet.is_none() {
            cx.missing(place, "virtualNetwork");
        }
        return vnet;
    };
    if let Some(vnet) = vnet {
        cx.conflict(vnet.span, "virtualNetwork and the subnet of ipConfigurations exclude each other");
        return None;
    }
    if let Some(other) = subnets.find(|other| !other.eq_ignore_ascii_case(&first)) {
        let sentence =
            format!("ipConfigurations are in {} and in {}; name one subnet", first.value, other.value);
        cx.conflict(other.span, &sentence);
        return None;
    }
    vnet_of(first, name, cx)
}

/// The virtual network of `vnet/name`.
fn vnet_of(subnet: Ref, name: &str, cx: &mut Cx) -> Option<Ref> {
    match subnet.value.split_once('/') {
        Some((vnet, last)) if last.eq_ignore_ascii_case(name) => Some(At::new(vnet.to_owned(), subnet.span)),
        _ => {
            let message = format!("{}: {} is not a {name}", cx.object, shown(&subnet.value));
            let problem = Problem::error("BAD_VALUE", subnet.span, message);
            cx.fail(problem.help(format!("write vnet/{name}; Azure puts it nowhere else")))
        }
    }
}

/// Gives each instance its public address, of those that stand beside `ipConfigurations` as a shorthand.
fn with_public_addresses(
    mut instances: Vec<draft::GatewayIpConfiguration>,
    publics: Vec<Ref>,
    cx: &mut Cx,
) -> Option<Vec<draft::GatewayIpConfiguration>> {
    let inner = instances.iter().any(|instance| instance.public_ip_address.is_some());
    if let Some(first) = publics.first().filter(|_| inner) {
        cx.conflict(
            first.span,
            "the public address stands beside the one of ipConfigurations; keep one of them",
        );
        return None;
    }
    if instances.len() < publics.len() {
        instances.resize_with(publics.len(), Default::default);
    }
    for (instance, public) in instances.iter_mut().zip(publics) {
        instance.public_ip_address = Some(public);
    }
    Some(instances)
}

record! {
    LocalNetworkGateway -> draft::LocalNetworkGateway, Arm "local network gateway" "name", "An on-premises site.";
    req name: At<String> = "name", "Unique among local network gateways.";
    opt prefixes: AddressSpace = "localNetworkAddressSpace", "What stands behind it.";
    opt bgp: BgpSettings = "bgpSettings", "Its autonomous system and the address of its BGP speaker.";
    list advertised_prefixes: At<IpNet> = "advertisedPrefixes",
        "Simulator extension: what the site advertises by BGP, beside localNetworkAddressSpace.";
    opt known_prefixes: List<At<IpNet>> = "knownPrefixes",
        "Simulator extension: Azure prefixes that the site's device knows; what BGP tells it, else all, when absent.";
    opt _address: Ignored = "gatewayIpAddress", "Means nothing to the simulator.";
    opt _fqdn: Ignored = "fqdn", "Means nothing to the simulator.";
    => |span, _place, _cx| {
        let (asn, bgp_peering_address) = bgp.unwrap_or_default();
        let address_prefixes = prefixes.unwrap_or_default();
        Some(draft::LocalNetworkGateway {
            span, name, address_prefixes, known_prefixes, bgp_peering_address, asn, advertised_prefixes,
        })
    }
}

record! {
    ExpressRouteCircuit -> draft::ExpressRouteCircuit, Arm "ExpressRoute circuit" "name",
        "An ExpressRoute circuit and the site behind it.";
    req name: At<String> = "name", "Unique among circuits.";
    list advertised_prefixes: At<IpNet> = "advertisedPrefixes", "Simulator extension: what the site advertises.";
    opt known_prefixes: List<At<IpNet>> = "knownPrefixes",
        "Simulator extension: Azure prefixes that the site knows; what the gateways advertise when absent.";
    opt _sku: Ignored = "sku", "Means nothing to the simulator.";
    opt _provider: Ignored = "serviceProviderProperties", "Means nothing to the simulator.";
    opt _peerings: Ignored = "peerings", "Means nothing to the simulator.";
    opt _authorizations: Ignored = "authorizations", "Means nothing to the simulator.";
    opt _classic: Ignored = "allowClassicOperations", "Means nothing to the simulator.";
    => |span, _place, _cx| Some(draft::ExpressRouteCircuit { span, name, advertised_prefixes, known_prefixes })
}

/// `connectionType`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum ConnectionType {
    IPsec,
    Vnet2Vnet,
    ExpressRoute,
}

/// `connectionStatus`: true while up.
pub(crate) struct ConnectionStatus;

// Exports write Unknown when nobody asked the gateway: that says nothing.
const STATUS: &[(&str, bool)] =
    &[("Connected", true), ("NotConnected", false), ("Connecting", false), ("Unknown", true)];

impl Decode for ConnectionStatus {
    type Out = bool;
    fn decode(node: &Node, cx: &mut Cx) -> Option<bool> {
        crate::values::one_of(node, cx, STATUS)
    }
    fn schema() -> Value {
        json!({ "enum": STATUS.iter().map(|(spelling, _)| *spelling).collect::<Vec<_>>() })
    }
}

named! {
    ConnectionType = &[
        ("IPsec", ConnectionType::IPsec),
        ("Vnet2Vnet", ConnectionType::Vnet2Vnet),
        ("ExpressRoute", ConnectionType::ExpressRoute),
    ];
}

record! {
    Connection -> draft::Connection, Arm "connection" "name", "A connection of a virtual network gateway.";
    req name: At<String> = "name", "Unique among connections.";
    opt kind: ConnectionType = "connectionType", "IPsec, Vnet2Vnet or ExpressRoute; the other end says it too.";
    opt gateway: Reference = "virtualNetworkGateway1", "The Azure end; must be given.";
    opt site: Reference = "localNetworkGateway2", "The other end of IPsec: a local network gateway.";
    opt far: Reference = "virtualNetworkGateway2", "The other end of Vnet2Vnet: a virtual network gateway.";
    opt circuit: Reference = "peer", "The other end of ExpressRoute: a circuit.";
    opt enable_bgp: At<bool> = "enableBgp", "Prefixes are learned; always on for circuits.";
    opt up: At<ConnectionStatus> = "connectionStatus", "Connected when absent.";
    opt _key: Ignored = "sharedKey", "Means nothing to the simulator.";
    opt _protocol: Ignored = "connectionProtocol", "Means nothing to the simulator.";
    opt _weight: Ignored = "routingWeight", "Means nothing to the simulator.";
    opt _policies: Ignored = "ipsecPolicies", "Means nothing to the simulator.";
    opt _selectors: Ignored = "usePolicyBasedTrafficSelectors", "Means nothing to the simulator.";
    opt _authorization: Ignored = "authorizationKey", "Means nothing to the simulator.";
    opt _bypass: Ignored = "expressRouteGatewayBypass", "Means nothing to the simulator.";
    => check |given, cx| [
        given.exclusive("localNetworkGateway2", &["virtualNetworkGateway2", "peer"], cx),
        given.exclusive("virtualNetworkGateway2", &["peer"], cx),
    ]
    => |span, place, cx| {
        if gateway.is_none() {
            cx.missing(place, "virtualNetworkGateway1");
        }
        let end = match (kind, site, far, circuit) {
            (None | Some(ConnectionType::IPsec), Some(site), _, _) => ConnectionEnd::LocalNetworkGateway(site),
            (None | Some(ConnectionType::Vnet2Vnet), _, Some(far), _) => ConnectionEnd::VirtualNetworkGateway(far),
            (None | Some(ConnectionType::ExpressRoute), _, _, Some(circuit)) => ConnectionEnd::Circuit(circuit),
            (kind, ..) => {
                cx.missing(place, match kind {
                    None | Some(ConnectionType::IPsec) => "localNetworkGateway2",
                    Some(ConnectionType::Vnet2Vnet) => "virtualNetworkGateway2",
                    Some(ConnectionType::ExpressRoute) => "peer",
                });
                return None;
            }
        };
        Some(draft::Connection { span, name, virtual_network_gateway: gateway?, end, enable_bgp, up })
    }
}
