//! The size that DASH calls baby hero: 32 ENIs with 10 NSGs of 1,000 rules, 5,000 routes and 2,500 mappings each. Here an
//! ENI is a subnet with ten VMs of 250 addresses: 320 different NSGs, 80,000 addresses, 32 tables of 5,000 learned routes, in two peered virtual networks.

use std::net::Ipv4Addr;

use vnetsim_model::{
    Access, GatewayType, Network, RuleProtocol, Semantics, check,
    draft::{
        Connection, ConnectionEnd, Draft, IpConfiguration, LocalNetworkGateway, NetworkInterface,
        NetworkSecurityGroup, Peering, RuleSide, SecurityRule, Subnet, VirtualMachine, VirtualNetwork,
        VirtualNetworkGateway,
    },
};
use vnetsim_types::{At, Direction, IpNet, Span};

const SIDES: [&str; 2] = ["west", "east"];
const SUBNETS: usize = 32;
const VMS_PER_SUBNET: usize = 10;
const ADDRESSES_PER_VM: usize = 250;
/// Beside two that let everything in 10/8 pass.
const RULES: usize = 998;
const ROUTES: usize = 5_000;

/// The network; its VMs are `west0`, `east0` and so on.
pub fn baby_hero() -> Network {
    let vms = SUBNETS * VMS_PER_SUBNET;
    let draft = Draft {
        virtual_networks: vec![vnet(0), vnet(1)],
        network_security_groups: (0..vms).map(group).collect(),
        network_interfaces: (0..vms).map(nic).collect(),
        virtual_machines: (0..vms).map(vm).collect(),
        virtual_network_gateways: vec![VirtualNetworkGateway {
            span: Span::default(),
            name: text("gw"),
            gateway_type: GatewayType::Vpn.into(),
            virtual_network: text(SIDES[0]),
            ip_configurations: Vec::new(),
            active_active: None,
            vpn_type: None,
            sku: None,
            asn: None,
            client_address_pool: Vec::new(),
        }],
        local_network_gateways: vec![LocalNetworkGateway {
            name: text("site"),
            address_prefixes: (0..ROUTES as u32).map(|ix| net(0xac10_0000 + (ix << 7), 25)).collect(),
            ..LocalNetworkGateway::default()
        }],
        connections: vec![Connection {
            span: Span::default(),
            name: text("tunnel"),
            virtual_network_gateway: text("gw"),
            end: ConnectionEnd::LocalNetworkGateway(text("site")),
            enable_bgp: None,
            up: None,
        }],
        ..Draft::default()
    };
    let checked = check(&draft, Semantics::default());
    checked.network.unwrap_or_else(|| panic!("a network made here is wrong: {:?}", checked.problems.first()))
}

fn text(text: impl Into<String>) -> At<String> {
    text.into().into()
}

fn net(first: u32, len: u8) -> At<IpNet> {
    let net = IpNet::new(Ipv4Addr::from(first).into(), len);
    net.expect("a length made here").into()
}

/// The first address of a subnet; every other one is in the other virtual network.
fn first_address(subnet: usize) -> u32 {
    0x0a00_0000 + ((subnet as u32 % 2) << 23) + ((subnet as u32 / 2) << 16)
}

fn vnet(side: usize) -> VirtualNetwork {
    let subnet = |ix: usize| Subnet {
        name: text(format!("s{ix}")),
        address_prefixes: vec![net(first_address(ix), 16)],
        network_security_group: Some(text(format!("nsg{}", ix * VMS_PER_SUBNET))),
        ..Subnet::default()
    };
    let gateway_subnet = Subnet {
        name: text("GatewaySubnet"),
        address_prefixes: vec![net(0x0a7f_ff00, 24)],
        ..Subnet::default()
    };
    let peering = Peering {
        name: text("other"),
        remote_virtual_network: text(SIDES[1 - side]),
        allow_gateway_transit: Some((side == 0).into()),
        use_remote_gateways: Some((side == 1).into()),
        ..Peering::default()
    };
    let own = (0..SUBNETS).filter(|ix| ix % 2 == side).map(subnet);
    VirtualNetwork {
        name: text(SIDES[side]),
        location: Some(text("westeurope")),
        address_prefixes: vec![net(first_address(side), 9)],
        subnets: own.chain((side == 0).then_some(gateway_subnet)).collect(),
        peerings: vec![peering],
        ..VirtualNetwork::default()
    }
}

fn name(ix: usize) -> String {
    let (subnet, place) = (ix / VMS_PER_SUBNET, ix % VMS_PER_SUBNET);
    format!("{}{}", SIDES[subnet % 2], subnet / 2 * VMS_PER_SUBNET + place)
}

/// The first VM of a subnet has the group of the subnet only.
fn nic(ix: usize) -> NetworkInterface {
    let (subnet, place) = (ix / VMS_PER_SUBNET, ix % VMS_PER_SUBNET);
    let first = first_address(subnet) + 4 + (place * ADDRESSES_PER_VM) as u32;
    let configuration = |number: usize| IpConfiguration {
        name: text(format!("c{number}")),
        subnet: text(format!("{}/s{subnet}", SIDES[subnet % 2])),
        private_ip_address: Some(std::net::IpAddr::from(Ipv4Addr::from(first + number as u32)).into()),
        primary: Some((number == 0).into()),
        ..IpConfiguration::default()
    };
    NetworkInterface {
        name: text(format!("{}-nic", name(ix))),
        network_security_group: (place > 0).then(|| text(format!("nsg{ix}"))),
        ip_configurations: (0..ADDRESSES_PER_VM).map(configuration).collect(),
        ..NetworkInterface::default()
    }
}

fn vm(ix: usize) -> VirtualMachine {
    VirtualMachine {
        name: text(name(ix)),
        network_interfaces: vec![text(format!("{}-nic", name(ix)))],
        ..VirtualMachine::default()
    }
}

/// No two groups have the same rules.
fn group(ix: usize) -> NetworkSecurityGroup {
    let rule = |number: usize| {
        let remote = RuleSide {
            prefixes: vec![text(format!("10.{}.{}.0/24", 100 + number % 100, (ix + number / 4) % 250))],
            ..RuleSide::default()
        };
        let port = 1_000 + (number * 7 + ix) % 5_000;
        let ports =
            RuleSide { port_ranges: vec![text(format!("{port}-{}", port + 20))], ..RuleSide::default() };
        let inbound = number.is_multiple_of(2);
        let (source, destination) = match inbound {
            true => (remote, ports),
            false => (RuleSide::default(), RuleSide { port_ranges: ports.port_ranges, ..remote }),
        };
        let protocols = [RuleProtocol::Tcp, RuleProtocol::Udp, RuleProtocol::Any];
        let access = if (number / 2).is_multiple_of(2) { Access::Allow } else { Access::Deny };
        made(100 + number, inbound, access, protocols[number % 3], (source, destination))
    };
    let all = || RuleSide { prefixes: vec![text("10.0.0.0/8")], ..RuleSide::default() };
    let pass =
        [true, false].map(|inbound| made(4_000, inbound, Access::Allow, RuleProtocol::Any, (all(), all())));
    NetworkSecurityGroup {
        name: text(format!("nsg{ix}")),
        security_rules: (0..RULES).map(rule).chain(pass).collect(),
        ..NetworkSecurityGroup::default()
    }
}

fn made(
    priority: usize,
    inbound: bool,
    access: Access,
    protocol: RuleProtocol,
    (source, destination): (RuleSide, RuleSide),
) -> SecurityRule {
    let direction = if inbound { Direction::Inbound } else { Direction::Outbound };
    SecurityRule {
        span: Span::default(),
        name: text(format!("r{priority}-{direction:?}")),
        priority: (priority as u64).into(),
        direction: direction.into(),
        access: access.into(),
        protocol: protocol.into(),
        source,
        destination,
    }
}
