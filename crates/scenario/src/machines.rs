//! The properties of network interfaces and virtual machines, with the shorthands of hand-written files.
//!
//! Owns ARM's names for them and the NIC that a VM may carry inline. Must never judge meaning.

use std::net::IpAddr;

use serde_json::Value;
use vnetsim_model::{
    Access, GuestState, Role, Snat, TcpTracking,
    draft::{self, Ref},
};
use vnetsim_types::{At, IpNet, ProtoPort, SimTime, Span};

use crate::{
    decode::{Cx, Decode, List},
    quantities::{Bandwidth, Bytes},
    record::{Fields, record},
    values::{AnyPort, Ignored, PowerState, Reference, Several, named},
    yaml::{Kind, Node},
};

/// `privateIPAddressVersion`.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum IpVersion {
    V4,
    V6,
}

named! { IpVersion = &[("IPv4", IpVersion::V4), ("IPv6", IpVersion::V6)]; }

record! {
    IpConfiguration -> draft::IpConfiguration, Arm "ipConfiguration" "name", "An address of a NIC.";
    req name: At<String> = "name", "Unique in its NIC.";
    req subnet: Reference = "subnet", "vnet/subnet.";
    opt private_ip_address: At<IpAddr> = "privateIPAddress", "The lowest free one when absent.";
    opt version: IpVersion = "privateIPAddressVersion", "Matters only without privateIPAddress.";
    opt _method: Ignored = "privateIPAllocationMethod", "An address that is given stays.";
    opt primary: At<bool> = "primary", "The first one is primary when none says so.";
    opt public_ip_address: Reference = "publicIPAddress", "Translated one to one.";
    list application_security_groups: Reference = "applicationSecurityGroups", "Groups that it belongs to.";
    list backend_address_pools: Reference = "loadBalancerBackendAddressPools",
        "Pools that it belongs to: balancer/pool.";
    list inbound_nat_rules: Reference = "loadBalancerInboundNatRules", "Rules that lead to it: balancer/rule.";
    => |span, _place, _cx| Some(draft::IpConfiguration {
        span, name, subnet, private_ip_address, ipv6: version == Some(IpVersion::V6), primary, public_ip_address,
        application_security_groups, backend_address_pools, inbound_nat_rules,
    })
}

/// Properties of an ipConfiguration that may stand directly in a NIC or a VM.
const INLINE: &[&str] = &[
    "subnet",
    "privateIPAddress",
    "privateIPAddressVersion",
    "publicIPAddress",
    "applicationSecurityGroups",
    "loadBalancerBackendAddressPools",
    "loadBalancerInboundNatRules",
];

/// Properties of a NIC that may stand directly in a VM.
const INLINE_NIC: &[&str] = &["enableIPForwarding", "networkSecurityGroup"];

/// Nothing inline, or at least the subnet.
fn inline_needs_subnet(given: &Fields<'_>, more: &[&str], cx: &mut Cx) -> Option<()> {
    let any = INLINE.iter().chain(more).any(|key| given.given(key).is_some());
    let lists = ["ipConfigurations", "networkInterfaces", "networkProfile"];
    if any { given.need("subnet", &lists, cx) } else { Some(()) }
}

/// What was said inline about one address.
struct Inline {
    address: Option<At<IpAddr>>,
    version: Option<IpVersion>,
    public: Option<Ref>,
    asgs: Vec<Ref>,
    pools: Vec<Ref>,
    nat_rules: Vec<Ref>,
}

impl Inline {
    fn into_configuration(self, span: Span, subnet: Ref) -> draft::IpConfiguration {
        draft::IpConfiguration {
            span,
            name: At::new("ipconfig1".to_owned(), subnet.span),
            subnet,
            private_ip_address: self.address,
            ipv6: self.version == Some(IpVersion::V6),
            primary: None,
            public_ip_address: self.public,
            application_security_groups: self.asgs,
            backend_address_pools: self.pools,
            inbound_nat_rules: self.nat_rules,
        }
    }
}

record! {
    NetworkInterface -> draft::NetworkInterface, Arm "network interface" "name",
        "A network interface. With one address, the ipConfiguration's properties may stand here directly.";
    req name: At<String> = "name", "Unique among network interfaces.";
    opt enable_ip_forwarding: At<bool> = "enableIPForwarding",
        "Whether it may send and receive packets that are not its own.";
    opt network_security_group: Reference = "networkSecurityGroup", "The NSG of the NIC itself.";
    list configurations: IpConfiguration = "ipConfigurations", "Its addresses.";
    opt subnet: Reference = "subnet", "Shorthand: vnet/subnet.";
    opt address: At<IpAddr> = "privateIPAddress", "Shorthand.";
    opt version: IpVersion = "privateIPAddressVersion", "Shorthand.";
    opt _method: Ignored = "privateIPAllocationMethod", "Shorthand; means nothing.";
    opt public: Reference = "publicIPAddress", "Shorthand.";
    list asgs: Reference = "applicationSecurityGroups", "Shorthand.";
    list pools: Reference = "loadBalancerBackendAddressPools", "Shorthand.";
    list nat_rules: Reference = "loadBalancerInboundNatRules", "Shorthand.";
    opt _mac: Ignored = "macAddress", "Read-only.";
    opt _primary: Ignored = "primary", "Read-only; the VM says it.";
    opt _vm: Ignored = "virtualMachine", "Read-only; the VM says it.";
    => check |given, cx| [
        given.exclusive("ipConfigurations", INLINE, cx),
        inline_needs_subnet(given, &[], cx),
    ]
    => |span, _place, _cx| {
        let inline = Inline { address, version, public, asgs, pools, nat_rules };
        let inline = subnet.map(|subnet| inline.into_configuration(span, subnet));
        let ip_configurations = configurations.into_iter().chain(inline).collect();
        Some(draft::NetworkInterface { span, name, enable_ip_forwarding, network_security_group, ip_configurations })
    }
}

record! {
    HardwareProfile -> Option<At<String>>, Arm "hardwareProfile" "name", "ARM's place for the size.";
    opt size: At<String> = "vmSize", "Such as Standard_D2s_v5.";
    => |_span, _place, _cx| Some(size)
}

record! {
    NetworkProfile -> Vec<(Ref, bool)>, Arm "networkProfile" "name", "ARM's place for the NICs.";
    list nics: AttachedNic = "networkInterfaces", "The NICs.";
    => |_span, _place, _cx| Some(nics)
}

/// A reference to a NIC that may say that it is the primary one.
pub(crate) struct AttachedNic;

impl Decode for AttachedNic {
    type Out = (Ref, bool);
    fn decode(node: &Node, cx: &mut Cx) -> Option<(Ref, bool)> {
        let nic = Reference::decode(node, cx);
        let nested = || node.get("properties").and_then(|p| p.get("primary"));
        let primary = match node.get("primary").or_else(nested) {
            Some(primary) if primary.kind != Kind::Null => bool::decode(primary, cx),
            _ => Some(false),
        };
        Some((nic?, primary?))
    }
    fn schema() -> Value {
        Reference::schema()
    }
}

record! {
    Guest -> draft::Guest, Own "guest" "name", "Simulator extension: what runs inside a VM.";
    opt role: At<Role> = "role", "host, router or firewall; firewalls keep sessions.";
    opt ip_forwarding: At<bool> = "ipForwarding", "The guest's own switch; on for routers and firewalls.";
    opt snat: At<Snat> = "snat", "Which forwarded packets get the appliance's own address as source.";
    opt listen: List<At<ProtoPort>> = "listen", "Ports that answer; every port when absent.";
    list rules: PolicyRule = "rules", "Policy of a firewall, in order; what no rule names is denied.";
    opt mtu: At<u64> = "mtu", "Largest IP packet that it sends, in bytes; 1500 when absent.";
    opt tcp: At<TcpTracking> = "tcp",
        "Of a firewall: strict wants a SYN to open a session, and its answer; loose takes any packet.";
    opt session_timeout: At<SimTime> = "sessionTimeout",
        "Of a firewall: how long it keeps a session without packets; 240s when absent.";
    list dnat: DestinationNat = "dnat", "Of an appliance: destinations that it translates; the first that matches decides.";
    opt processing_delay: At<SimTime> = "processingDelay", "Of an appliance: what it takes for a packet; 20us when absent.";
    opt packets_per_second: At<u64> = "packetsPerSecond", "Of an appliance: the most that it forwards.";
    opt bits_per_second: At<Bandwidth> = "bandwidth", "Of an appliance: the most that it forwards, such as 1Gbps.";
    opt queue: At<SimTime> = "queue", "Of an appliance that is busy: how long a packet waits at most; 50ms when absent.";
    opt state: At<GuestState> = "state", "working when absent, notForwarding or dead.";
    opt tcp_window: At<Bytes<0, { u64::MAX }>> = "tcpWindow", "Receive window of its TCP, such as 64kB.";
    => |span, _place, _cx| Some(draft::Guest {
        span, role, ip_forwarding, snat, listen, rules, mtu, tcp, session_timeout, dnat, processing_delay,
        packets_per_second, bits_per_second, queue, state, tcp_window,
    })
}

record! {
    DestinationNat -> draft::DestinationNat, Own "dnat rule" "name", "A destination that an appliance translates.";
    req name: At<String> = "name", "A name.";
    opt address: At<IpAddr> = "address", "Destination before; the appliance's own addresses when absent.";
    req port: At<AnyPort> = "port", "tcp/8443, udp or icmp: protocol and destination port before.";
    req to: At<IpAddr> = "to", "Destination after.";
    opt to_port: At<u64> = "toPort", "Port after; the same when absent.";
    => |_span, _place, _cx| Some(draft::DestinationNat { name, address, port, to, to_port })
}

record! {
    PolicyRule -> draft::PolicyRule, Own "policy rule" "name", "One rule of an appliance's own policy.";
    req name: At<String> = "name", "A name.";
    req access: At<Access> = "access", "Allow or Deny.";
    opt source: Several<At<IpNet>> = "source", "CIDR blocks; any when absent.";
    opt destination: Several<At<IpNet>> = "destination", "CIDR blocks; any when absent.";
    opt ports: Several<At<AnyPort>> = "ports", "tcp/443, udp or icmp, destination ports; any when absent.";
    => |_span, _place, _cx| Some(draft::PolicyRule {
        name,
        access,
        source: source.unwrap_or_default(),
        destination: destination.unwrap_or_default(),
        ports: ports.unwrap_or_default(),
    })
}

record! {
    VirtualMachine -> (draft::VirtualMachine, Option<draft::NetworkInterface>), Arm "virtual machine" "name",
        "A virtual machine. Its only NIC may stand inline: subnet, and what else a NIC has.";
    req name: At<String> = "name", "Unique among virtual machines.";
    opt size: At<String> = "vmSize", "Such as Standard_D2s_v5.";
    opt hardware: HardwareProfile = "hardwareProfile", "ARM's place for vmSize.";
    list attached: AttachedNic = "networkInterfaces", "Its NICs, the primary one first.";
    opt profile: NetworkProfile = "networkProfile", "ARM's place for networkInterfaces.";
    opt running: At<PowerState> = "powerState", "Running when absent.";
    opt guest: Guest = "guest", "Simulator extension: what runs inside.";
    opt subnet: Reference = "subnet", "Shorthand for a NIC of its own: vnet/subnet.";
    opt address: At<IpAddr> = "privateIPAddress", "Shorthand.";
    opt version: IpVersion = "privateIPAddressVersion", "Shorthand.";
    opt forwarding: At<bool> = "enableIPForwarding", "Shorthand.";
    opt nsg: Reference = "networkSecurityGroup", "Shorthand: the NSG of the NIC.";
    opt public: Reference = "publicIPAddress", "Shorthand.";
    list asgs: Reference = "applicationSecurityGroups", "Shorthand.";
    list pools: Reference = "loadBalancerBackendAddressPools", "Shorthand.";
    list nat_rules: Reference = "loadBalancerInboundNatRules", "Shorthand.";
    => check |given, cx| [
        given.exclusive("vmSize", &["hardwareProfile"], cx),
        given.exclusive("networkInterfaces", &["networkProfile"], cx),
        given.exclusive("networkInterfaces", INLINE, cx),
        given.exclusive("networkInterfaces", INLINE_NIC, cx),
        given.exclusive("networkProfile", INLINE, cx),
        given.exclusive("networkProfile", INLINE_NIC, cx),
        inline_needs_subnet(given, INLINE_NIC, cx),
    ]
    => |span, _place, _cx| {
        let mut nics = attached;
        nics.extend(profile.unwrap_or_default());
        nics.sort_by_key(|(_, primary)| !*primary);
        let mut network_interfaces: Vec<Ref> = nics.into_iter().map(|(nic, _)| nic).collect();
        let inline = Inline { address, version, public, asgs, pools, nat_rules };
        let own_nic = subnet.map(|subnet| draft::NetworkInterface {
            span,
            name: name.clone().map(|name| format!("{name}-nic")),
            enable_ip_forwarding: forwarding,
            network_security_group: nsg,
            ip_configurations: vec![inline.into_configuration(span, subnet)],
        });
        network_interfaces.extend(own_nic.as_ref().map(|nic| nic.name.clone()));
        let vm_size = size.or(hardware.flatten());
        Some((draft::VirtualMachine { span, name, vm_size, network_interfaces, running, guest }, own_nic))
    }
}
