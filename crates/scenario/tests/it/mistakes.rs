//! Mistakes in gateways, hubs, rights, balancers, guests, operations and ranges: all of a file at once, each with
//! its line and a remedy.

use crate::{
    common::{problems, read},
    problems::{NET, after_net, check},
};

#[test]
fn gateways_sites_and_circuits() {
    check(
        after_net(
            "  virtualNetworkGateways:
  - {name: a, gatewayType: VPN, virtualNetwork: v, vpnType: RouteBase, activeActive: yes}
  - {name: b, gatewayType: Wan, virtualNetwork: v, publicIPAddress: p, publicIPAddresses: [q]}
  - {name: c, gatewayType: Vpn, ipConfigurations: [{subnet: v/GatewaySubnet}, {subnet: w/GatewaySubnet}]}
  - {name: d, gatewayType: Vpn, ipConfigurations: [{name: x}]}
  - {name: e, gatewayType: Vpn, virtualNetwork: v, publicIPAddress: p, ipConfigurations: [{publicIPAddress: q}]}
  - {name: f, gatewayType: Vpn, virtualNetwork: v, bgpSettings: {asn: many}, vpnClientConfiguration: {vpnClientAddressPool: 10.0.0.0/8}}
  - {name: g, gatewayType: Vpn, virtualNetwork: v, bgpSetings: {asn: 1}}
  localNetworkGateways: [{name: s, bgpSettings: {bgpPeeringAddress: 10.0.0.1/32}, advertisedPrefixes: 10.0.0.0/8}]
  expressRouteCircuits: [{advertisedPrefixes: []}]
",
        ),
        &[
            "8:61 BAD_VALUE `vpnType` of virtual network gateway `a`: `RouteBase` is not known here (did you mean `RouteBased`?)",
            "8:86 BAD_VALUE `activeActive` of virtual network gateway `a`: `yes` is neither true nor false (write true or false)",
            "9:28 BAD_VALUE `gatewayType` of virtual network gateway `b`: `Wan` is not known here (write one of `Vpn`, `ExpressRoute`)",
            "9:72 CONFLICTING_PROPERTIES virtual network gateway `b`: `publicIPAddress` and `publicIPAddresses` exclude each other (keep one of them)",
            "10:88 CONFLICTING_PROPERTIES virtual network gateway `c`: ipConfigurations are in v/GatewaySubnet and in w/GatewaySubnet; name one subnet",
            "11:12 MISSING_PROPERTY virtual network gateway `d` has no `virtualNetwork`",
            "12:69 CONFLICTING_PROPERTIES virtual network gateway `e`: the public address stands beside the one of ipConfigurations; keep one of them",
            "13:71 BAD_VALUE `asn` of bgpSettings of virtual network gateway `f`: `many` is not a whole number",
            "13:125 WRONG_TYPE `vpnClientAddressPool` of vpnClientConfiguration of virtual network gateway `f`: expected a mapping that describes an address space, found a single value",
            "14:52 UNKNOWN_PROPERTY `bgpSetings` of virtual network gateway `g` is not modelled (did you mean `bgpSettings`?)",
            "15:69 BAD_VALUE `bgpPeeringAddress` of bgpSettings of local network gateway `s`: `10.0.0.1/32` is not an IP address (an address has no `/length`)",
            "15:103 WRONG_TYPE `advertisedPrefixes` of local network gateway `s`: expected a list, found a single value (put it into a list: `[...]`, or a line with `- `)",
            "16:27 MISSING_PROPERTY ExpressRoute circuit has no `name`",
        ],
    );
}

#[test]
fn hubs_and_endpoints() {
    check(
        after_net(
            "  routeServers:
  - {name: a, virtualNetwork: v, hubRoutingPreference: Vpn, bgpConnections: [{peerIp: 10.0.0.4}]}
  - {name: b, virtualNetwork: v, ipConfigurations: [{subnet: v/RouteServerSubnet}]}
  - {name: c}
  - {name: d, ipConfigurations: [{subnet: v/s}]}
  - {name: e, virtualNetwork: v, bgpConnections: [{name: n, peerIp: nva, routes: [{addressPrefixes: 10.0.0.0/8}, {asPath: [x]}, {addresPrefixes: []}]}]}
  privateEndpoints:
  - {name: a, privateIPAddress: 10.0.0.9}
  - {name: b, subnet: v/s, privateIPAddress: 10.0.0.9, ipConfigurations: [{privateIPAddress: 10.0.0.9}]}
",
        ),
        &[
            "8:56 BAD_VALUE `hubRoutingPreference` of route server `a`: `Vpn` is not known here (write one of `ExpressRoute`, `VpnGateway`, `ASPath`)",
            "8:79 MISSING_PROPERTY BGP connection of route server `a` has no `name`",
            "9:31 CONFLICTING_PROPERTIES route server `b`: virtualNetwork and the subnet of ipConfigurations exclude each other",
            "10:12 MISSING_PROPERTY route server `c` has no `virtualNetwork`",
            "11:43 BAD_VALUE route server `d`: `v/s` is not a RouteServerSubnet (write vnet/RouteServerSubnet; Azure puts it nowhere else)",
            "12:69 BAD_VALUE `peerIp` of BGP connection `n`: `nva` is not an IP address",
            "12:101 WRONG_TYPE `addressPrefixes` of advertised route of BGP connection `n`: expected a list, found a single value (put it into a list: `[...]`, or a line with `- `)",
            "12:115 MISSING_PROPERTY advertised route of BGP connection `n` has no `addressPrefixes`",
            "12:124 BAD_VALUE `asPath` of advertised route of BGP connection `n`: `x` is not a whole number",
            "12:130 UNKNOWN_PROPERTY `addresPrefixes` is not a property of advertised route of BGP connection `n` (did you mean `addressPrefixes`?)",
            "12:130 MISSING_PROPERTY advertised route of BGP connection `n` has no `addressPrefixes`",
            "14:12 MISSING_PROPERTY private endpoint `a` has no `subnet`",
            "15:56 CONFLICTING_PROPERTIES private endpoint `b`: `privateIPAddress` and `ipConfigurations` exclude each other (keep one of them)",
        ],
    );
}

#[test]
fn rights_and_links() {
    check(
        after_net(
            "  subscriptions: [{name: a, cloud: privat, tenat: x, peeringsPerVirtualNetwork: lots}, {tenant: x}]
  roleDefinitions: [{name: r}]
  roleAssignments: [{principal: p}, {role: r, scop: v}]
",
        ),
        &[
            "7:36 BAD_VALUE `cloud` of subscription `a`: `privat` is not known here (write one of `public`, `china`, `government`)",
            "7:44 UNKNOWN_PROPERTY `tenat` is not a property of subscription `a` (did you mean `tenant`?)",
            "7:81 BAD_VALUE `peeringsPerVirtualNetwork` of subscription `a`: `lots` is not a whole number",
            "7:89 MISSING_PROPERTY subscription has no `name`",
            "8:28 MISSING_PROPERTY role definition `r` has no `actions`",
            "9:33 MISSING_PROPERTY role assignment `p` has no `role`",
            "9:38 MISSING_PROPERTY role assignment has no `principal`",
            "9:47 UNKNOWN_PROPERTY `scop` is not a property of role assignment (did you mean `scope`?)",
        ],
    );
    check(
        problems(
            "network:
  virtualNetworks:
  - name: w
    addressSpace: {addressPrefixes: [10.1.0.0/16]}
    deploymentModel: Clasic
    subscription: {name: x}
    subnets: [{name: s, addressPrefix: 10.1.0.0/24, privateEndpointNetworkPolicies: On}]
    virtualNetworkPeerings:
    - {name: l, remoteVirtualNetwork: x, peerCompleteVnets: no, localSubnetNames: s, enableOnlyIPv6Peering: 6}
    - {name: m, remoteVirtualNetwork: x, remoteSubnetNames: [[s]], doNotVerifyRemoteGateways: maybe}
",
        ),
        &[
            "5:22 BAD_VALUE `deploymentModel` of virtual network `w`: `Clasic` is not known here (did you mean `Classic`?)",
            "6:20 MISSING_PROPERTY `subscription` of virtual network `w`: a reference in braces needs an `id` (write the name, or {id: ...})",
            "7:85 BAD_VALUE `privateEndpointNetworkPolicies` of subnet `s`: `On` is not known here (write one of `Disabled`, `Enabled`, `NetworkSecurityGroupEnabled`, `RouteTableEnabled`)",
            "9:61 BAD_VALUE `peerCompleteVnets` of peering `l`: `no` is neither true nor false (write true or false)",
            "9:83 WRONG_TYPE `localSubnetNames` of peering `l`: expected a list, found a single value (put it into a list: `[...]`, or a line with `- `)",
            "9:109 BAD_VALUE `enableOnlyIPv6Peering` of peering `l`: `6` is neither true nor false (write true or false)",
            "10:62 WRONG_TYPE `remoteSubnetNames` of peering `m`: expected text, found a list",
            "10:95 BAD_VALUE `doNotVerifyRemoteGateways` of peering `m`: `maybe` is neither true nor false (write true or false)",
        ],
    );
    check(
        after_net(
            "  subscriptions: [{name: a}, {name: A}]
  roleAssignments: [{principal: p, role: Own, scope: w}]
",
        ),
        &[
            "7:37 DUPLICATE_NAME two subscriptions are called `A` (names of one kind must differ in more than case)",
            "8:42 UNKNOWN_REFERENCE no role is called `Own`",
            "8:54 UNKNOWN_REFERENCE no subscription, virtual network or other resource is called `w` (did you mean `a`?)",
        ],
    );
}

#[test]
fn balancers_and_guests() {
    check(
        after_net(
            "  loadBalancers:
  - name: lb
    probes: [{name: p, protocol: Udp, port: ssh}]
    inboundNatRules:
    - {name: a, frontendIPConfiguration: f, protocol: Tcp, frontendPort: 1, backendPort: 2}
    - {name: b, frontendIPConfiguration: f, protocol: Tcp, frontendPort: 1, backendPort: 2, networkInterface: vm1, backendIPConfiguration: vm1-nic/c}
    outboundRules: [{name: o, frontendIPConfigurations: f, allocatedOutboundPorts: -1}]
  networkInterfaces:
  - {name: n, subnet: v/s}
",
        ),
        &[
            "9:34 BAD_VALUE `protocol` of probe `p`: `Udp` is not known here (write one of `Tcp`, `Http`, `Https`)",
            "9:45 BAD_VALUE `port` of probe `p`: `ssh` is not a whole number",
                "12:116 CONFLICTING_PROPERTIES inbound NAT rule `b`: `networkInterface` and `backendIPConfiguration` exclude each other (keep one of them)",
            "13:28 MISSING_PROPERTY outbound rule `o` has no `backendAddressPool`",
            "13:57 WRONG_TYPE `frontendIPConfigurations` of outbound rule `o`: expected a list, found a single value (put it into a list: `[...]`, or a line with `- `)",
            "13:84 BAD_VALUE `allocatedOutboundPorts` of outbound rule `o`: `-1` is not a whole number",
        ],
    );
    check(
        after_net(
            "  - name: vm3
    subnet: v/s
    guest:
      role: fire
      mtu: 9k
      rule: []
      rules:
      - {name: a, access: Alow, source: 10.0.0.0, ports: [tcp/0, sctp]}
      - {access: Deny}
      - {name: c, access: Deny, sources: [10.0.0.0/8]}
",
        ),
        &[
            "10:13 BAD_VALUE `role` of guest of virtual machine `vm3`: `fire` is not known here (write one of `host`, `router`, `firewall`)",
            "11:12 BAD_VALUE `mtu` of guest of virtual machine `vm3`: `9k` is not a whole number",
            "12:7 UNKNOWN_PROPERTY `rule` is not a property of guest of virtual machine `vm3` (did you mean `role`?)",
            "14:27 BAD_VALUE `access` of policy rule `a`: `Alow` is not known here (did you mean `Allow`?)",
            "14:41 BAD_VALUE `source` of policy rule `a`: `10.0.0.0` is not a prefix (a single address is 10.0.0.0/32)",
            "14:59 BAD_VALUE `ports` of policy rule `a`: `0` is not a port; write tcp/1 to tcp/65535",
            "14:66 BAD_VALUE `ports` of policy rule `a`: `sctp` is not a protocol; write tcp/443, udp/53, icmp, esp or ip/47",
            "15:10 MISSING_PROPERTY policy rule of guest of virtual machine `vm3` has no `name`",
            "16:33 UNKNOWN_PROPERTY `sources` is not a property of policy rule `c` (did you mean `source`?)",
        ],
    );
}

#[test]
fn operations() {
    check(
        after_net(
            "timeline:
- {at: 1s, putRoute: {name: r, addressPrefix: 10.9.0.0/16, nextHopType: None}}
- {at: 1s, putSecurityRule: nsg/rule}
- {at: 1s, putSecurityRule: {networkSecurityGroup: g, name: r}}
- {at: 1s, setAddressSpace: {virtualNetwork: v, addressPrefix: 10.0.0.0/8}}
- {at: 1s, setIpForwarding: {networkInterface: vm1, enabled: maybe}}
- {at: 1s, setNetworkSecurityGroup: {networkSecurityGroup: null}}
- {at: 1s, setNetworkSecurityGroup: {subnet: v/s, networkInterface: vm1}}
- {at: 1s, putGateway: {name: g}}
- {at: 1s, putConnection: {name: c, virtualNetworkGateway1: g}}
- {at: 1s, by: someone, startVm: vm1}
- {at: 1s, deleteGatway: g}
",
        ),
        &[
            "8:23 MISSING_PROPERTY putRoute has no `routeTable` (name the table that gets the route)",
            "9:29 WRONG_TYPE `putSecurityRule` of timeline entry: expected a mapping that describes a security rule, found a single value",
            "10:61 MISSING_PROPERTY security rule `r` has no `priority`",
            "10:61 MISSING_PROPERTY security rule `r` has no `direction`",
            "10:61 MISSING_PROPERTY security rule `r` has no `access`",
            "10:61 MISSING_PROPERTY security rule `r` has no `protocol`",
            "11:46 MISSING_PROPERTY setAddressSpace `v` has no `addressPrefixes`",
            "11:49 UNKNOWN_PROPERTY `addressPrefix` is not a property of setAddressSpace `v` (did you mean `addressPrefixes`?)",
            "12:62 BAD_VALUE `enabled` of setIpForwarding `vm1`: `maybe` is neither true nor false (write true or false)",
            "13:38 MISSING_PROPERTY setNetworkSecurityGroup of timeline entry says no place (add subnet or networkInterface)",
            "14:51 CONFLICTING_PROPERTIES setNetworkSecurityGroup of timeline entry: `subnet` and `networkInterface` exclude each other (keep one of them)",
            "15:31 MISSING_PROPERTY virtual network gateway `g` has no `gatewayType`",
            "15:31 MISSING_PROPERTY virtual network gateway `g` has no `virtualNetwork`",
            "16:34 MISSING_PROPERTY connection `c` has no `localNetworkGateway2`",
            "17:12 UNKNOWN_PROPERTY `by` is not a property of timeline entry",
            "18:4 MISSING_PROPERTY timeline entry says no change (add one of putPeering, deletePeering, syncPeering, deleteVirtualNetwork, setAddressSpace, putRoute, deleteRoute, putSecurityRule, deleteSecurityRule, putGateway, deleteGateway, startGateway, stopGateway, putConnection, deleteConnection, setIpForwarding, startVm, stopVm, setGuest, setLink, setRouteTable, setNetworkSecurityGroup)",
            "18:12 UNKNOWN_PROPERTY `deleteGatway` is not a property of timeline entry (did you mean `deleteGateway`?)",
        ],
    );
}

#[test]
fn operations_on_what_nothing_makes() {
    check(
        after_net(
            "  routeTables: [{name: rt, routes: [{name: out, addressPrefix: 0.0.0.0/0, nextHopType: Internet}]}]
  networkSecurityGroups: [{name: nsg}]
timeline:
- {at: 1s, putRoute: {routeTable: rt, name: new, addressPrefix: 10.9.0.0/16, nextHopType: None}}
- {at: 2s, deleteRoute: rt/new}
- {at: 2s, deleteRoute: rt/neu}
- {at: 2s, deleteRoute: rt}
- {at: 2s, deleteRoute: rx/new}
- {at: 3s, deleteSecurityRule: nsg/ssh}
- {at: 3s, deleteSecurityRule: nsg}
- {at: 4s, deleteGateway: gw}
- {at: 5s, deleteConnection: s2s}
- {at: 6s, putConnection: {name: c, virtualNetworkGateway1: gw, virtualNetworkGateway2: gx}}
- {at: 6s, putConnection: {name: d, virtualNetworkGateway1: gw, localNetworkGateway2: site}}
- {at: 7s, deleteVirtualNetwork: w}
- {at: 7s, setAddressSpace: {virtualNetwork: w, addressPrefixes: [10.0.0.0/8]}}
- {at: 7s, setIpForwarding: {networkInterface: nic, enabled: true}}
- {at: 7s, setNetworkSecurityGroup: {networkInterface: vm1, networkSecurityGroup: g}}
- {at: 7s, putSecurityRule: {networkSecurityGroup: nsq, name: r, priority: 100, direction: Inbound, access: Allow, protocol: Tcp}}
- {at: 7s, putGateway: {name: g, gatewayType: Vpn, virtualNetwork: w, publicIPAddress: pip}}
",
        ),
        &[
            "12:25 UNKNOWN_REFERENCE no route is called `rt/neu` (did you mean `rt/new`?)",
            "13:25 BAD_VALUE `rt` does not name a route (write it as table/route)",
            "14:25 UNKNOWN_REFERENCE no route table is called `rx` (did you mean `rt`?)",
            "15:32 UNKNOWN_REFERENCE no security rule of this group is called `ssh`",
            "16:32 BAD_VALUE `nsg` does not name a security rule (write it as nsg/rule)",
            "17:27 UNKNOWN_REFERENCE no virtual network gateway is called `gw` (did you mean `g`?)",
            "18:30 UNKNOWN_REFERENCE no connection is called `s2s`",
            "19:61 UNKNOWN_REFERENCE no virtual network gateway is called `gw` (did you mean `g`?)",
            "19:89 UNKNOWN_REFERENCE no virtual network gateway is called `gx` (did you mean `g`?)",
            "20:87 UNKNOWN_REFERENCE no local network gateway is called `site`",
            "21:34 UNKNOWN_REFERENCE no virtual network is called `w` (did you mean `v`?)",
            "22:46 UNKNOWN_REFERENCE no virtual network is called `w` (did you mean `v`?)",
            "23:48 UNKNOWN_REFERENCE no virtual machine or network interface is called `nic`",
            "24:83 UNKNOWN_REFERENCE no network security group is called `g`",
            "25:52 UNKNOWN_REFERENCE no network security group is called `nsq` (did you mean `nsg`?)",
            "26:68 UNKNOWN_REFERENCE no virtual network is called `w` (did you mean `v`?)",
            "26:88 UNKNOWN_REFERENCE no public IP address is called `pip`",
        ],
    );
}

#[test]
fn operations_may_use_what_earlier_ones_made() {
    let text = format!(
        "{NET}  networkSecurityGroups: [{{name: nsg}}]
timeline:
- {{at: 1s, putSecurityRule: {{networkSecurityGroup: nsg, name: ssh, priority: 100, direction: Inbound, access: Deny, protocol: Tcp}}}}
- {{at: 2s, deleteSecurityRule: nsg/ssh}}
- {{at: 3s, putGateway: {{name: gw, gatewayType: Vpn, virtualNetwork: v}}}}
- {{at: 4s, putConnection: {{name: c, virtualNetworkGateway1: gw, virtualNetworkGateway2: GW}}}}
- {{at: 5s, deleteConnection: c}}
- {{at: 6s, deleteGateway: gw}}
traffic: [{{name: t, from: vm1, to: vm2, protocol: icmp}}]
expect:
- {{traffic: t, rule: nsg/ssh, via: [gw]}}
"
    );
    let loaded = read(&text);
    assert!(loaded.problems.is_empty(), "{:?}", loaded.problems);
}

#[test]
fn one_mistake_is_not_told_twice() {
    // What the broken entry would have made is not missed elsewhere.
    check(
        after_net(
            "timeline:
- {at: 1s, name: make, putGateway: {name: gw, virtualNetwork: v}}
- {at: 2s, deleteGateway: gw}
- {at: 3s, deletePeering: v/link}
traffic: [{name: t, from: vm1, to: vm2, protocol: icmp}]
expect:
- {traffic: t, via: [gw], at: gw}
- {operation: make, result: accepted}
- {bill: v/link, costUsd: 0}
- {traffic: t, backend: vm9}
",
        ),
        &[
            "8:43 MISSING_PROPERTY virtual network gateway `gw` has no `gatewayType`",
            "16:25 UNKNOWN_REFERENCE no VM is called `vm9` (did you mean `vm1`?)",
        ],
    );
}

#[test]
fn ranges_switches_and_backends() {
    check(
        after_net(
            "traffic: [{name: t, from: vm1, to: vm2, protocol: icmp}]
expect:
- {traffic: t, delivered: {min: 5, max: 4}}
- {traffic: t, delivered: {}}
- {traffic: t, delivered: many}
- {traffic: t, delivered: {min: 1.5, most: 3}}
- {bill: v/l, costUsd: {min: .5.1}}
- {bill: v/l, costUsd: {min: 2, max: 1.5}}
- {bill: v/l, egressBytes: -1}
- {traffic: t, dependsOn: [forwardModel, ttl_gateway, U-02]}
- {traffic: t, dependsOn: forwardedModel}
- {traffic: t, backend: [vm1, vm22]}
- {peering: v/l, exists: false, peeringState: Connected}
- {peering: v/l, peeringSyncLevel: InSync}
- {operation: x, errorcode: y}
- {operation: x, bill: v/l}
- {routes: v/s, contains: [{nextHopType: InterfaceEndpont}]}
",
        ),
        &[
            "9:27 CONFLICTING_PROPERTIES range of expectation on traffic `t`: nothing is at least 5 and at most 4",
            "10:27 MISSING_PROPERTY range of expectation on traffic `t` has no bound (add min, max or both)",
            "11:27 BAD_VALUE `delivered` of expectation on traffic `t`: `many` is not a whole number",
            "12:33 BAD_VALUE `min` of range of expectation on traffic `t`: `1.5` is not a whole number",
            "12:38 UNKNOWN_PROPERTY `most` is not a property of range of expectation on traffic `t`",
            "13:30 BAD_VALUE `min` of range of expectation on a bill `v/l`: `.5.1` is not a number (write it like 0.25)",
            "14:24 CONFLICTING_PROPERTIES range of expectation on a bill `v/l`: nothing is at least 2 and at most 1.5",
            "15:28 BAD_VALUE `egressBytes` of expectation on a bill `v/l`: `-1` is not a whole number",
            "16:28 BAD_VALUE `dependsOn` of expectation on traffic `t`: `forwardModel` is no switch of `rules` (did you mean `forwarded_model`?)",
            "16:55 BAD_VALUE `dependsOn` of expectation on traffic `t`: `U-02` is no switch of `rules` (write one of vnet_access_model, forwarded_model, bgp_vs_peering, none_routes_on_default_override, ttl_gateway, fabric_fragment, nsg_live_flows)",
            "18:31 UNKNOWN_REFERENCE no VM is called `vm22` (did you mean `vm2`?)",
            "19:47 CONFLICTING_PROPERTIES expectation on a peering `v/l`: a link that does not exist has no state (keep one of them)",
            "20:36 BAD_VALUE `peeringSyncLevel` of expectation on a peering `v/l`: `InSync` is not known here (write one of `FullyInSync`, `RemoteNotInSync`, `LocalNotInSync`, `LocalAndRemoteNotInSync`)",
            "21:15 MISSING_PROPERTY expectation on an operation `x` expects nothing (add result or errorCode)",
            "21:18 UNKNOWN_PROPERTY `errorcode` is not a property of expectation on an operation `x` (did you mean `errorCode`?)",
            "22:18 CONFLICTING_PROPERTIES an expectation has one subject, not `operation` and `bill` (write one entry for each)",
            "23:42 BAD_VALUE `nextHopType` of route of expectation on routes `v/s`: `InterfaceEndpont` is not known here (did you mean `InterfaceEndpoint`?)",
        ],
    );
}
