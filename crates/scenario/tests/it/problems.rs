//! Every kind of problem: code, line, column, words and help.

use vnetsim_scenario::load;
use vnetsim_types::{FileId, Severity};

use crate::common::{problems, read};

/// A good network under `network:` in seven lines, open for more of it; `vm1` and `vm2` live in `v/s`.
pub(crate) const NET: &str = "\
network:
  virtualNetworks:
  - {name: v, addressSpace: {addressPrefixes: [10.0.0.0/16]}, subnets: [{name: s, addressPrefix: 10.0.0.0/24}]}
  virtualMachines:
  - {name: vm1, subnet: v/s}
  - {name: vm2, subnet: v/s}
";

/// The problems of `NET` and `more`, whose first line is line 7.
pub(crate) fn after_net(more: &str) -> Vec<String> {
    problems(&format!("{NET}{more}"))
}

#[track_caller]
pub(crate) fn check(found: Vec<String>, expected: &[&str]) {
    assert_eq!(
        found,
        expected,
        "
found:
{}
",
        found.join(
            "
"
        )
    );
}

#[test]
fn syntax() {
    check(
        problems("network:\n\tvirtualNetworks: []\n"),
        &[
            "2:2 YAML_SYNTAX not valid YAML: tabs disallowed within this context (block indentation) (indent with blanks; YAML does not allow tabs there)",
        ],
    );
    check(
        problems("network: {a: [1, 2}\n"),
        &["1:14 YAML_SYNTAX not valid YAML: mismatched bracket '[' closed by '}'"],
    );
    check(
        problems("a: b: c\n"),
        &[
            "1:5 YAML_SYNTAX not valid YAML: mapping values are not allowed in this context (check the indentation of this line, and quote texts that contain `: `)",
        ],
    );
    check(
        problems("name: *star\n"),
        &[
            "1:7 YAML_SYNTAX not valid YAML: while parsing node, found unknown anchor (to say a star, quote it: \"*\"; an alias needs an anchor `&name` before it)",
        ],
    );
    check(
        problems("name: * \n"),
        &[
            "1:7 YAML_SYNTAX not valid YAML: while scanning an anchor or alias, did not find expected alphabetic or numeric character (to say a star, quote it: \"*\"; an alias needs an anchor `&name` before it)",
        ],
    );
    check(
        problems("? [a, b]\n: c\n"),
        &[
            "1:1 MISSING_PROPERTY scenario has no `network`",
            "1:3 YAML_SYNTAX a key must be a name, not a list",
        ],
    );
    check(
        problems("<<: {name: x}\nnetwork: {}\n"),
        &[
            "1:1 YAML_SYNTAX merge keys `<<` are not supported (write the properties out, or use an alias for a whole value)",
        ],
    );
    check(
        problems("name: !secret x\nnetwork: {}\n"),
        &["1:15 YAML_SYNTAX application tags mean nothing here (remove the word that starts with `!`)"],
    );
    check(problems("name: \"open\n"), &["1:7 YAML_SYNTAX not valid YAML: unclosed quote"]);
}

#[test]
fn several_documents() {
    check(
        problems("network: {}\n---\nnetwork: {}\n"),
        &["2:1 YAML_SYNTAX the file holds more than one document (put each scenario into its own file)"],
    );
}

#[test]
fn not_utf8() {
    let loaded = load(b"name: \xff\n", FileId(0));
    assert_eq!((loaded.problems[0].code, loaded.problems[0].span.start), ("NOT_UTF8", 6));
    let utf16: Vec<u8> = "\u{feff}a: b".encode_utf16().flat_map(u16::to_le_bytes).collect();
    assert_eq!(load(&utf16, FileId(0)).problems[0].code, "NOT_UTF8");
}

#[test]
fn empty_files() {
    for text in ["", "\n\n", "# only a comment\n", "---\n", "null", "~\n"] {
        check(
            problems(text),
            &["1:1 EMPTY_FILE the file says nothing (a scenario needs at least `network:`)"],
        );
    }
}

#[test]
fn a_file_that_is_no_mapping() {
    check(problems("[1, 2]"), &["1:1 WRONG_TYPE expected a mapping that describes a scenario, found a list"]);
    check(
        problems("text"),
        &["1:1 WRONG_TYPE expected a mapping that describes a scenario, found a single value"],
    );
}

#[test]
fn duplicate_keys_name_both_places() {
    let text = "name: a\nnetwork: {}\nname: b\n";
    check(problems(text), &["3:1 DUPLICATE_KEY `name` is said twice"]);
    let problem = &read(text).problems[0];
    assert_eq!((problem.related[0].0.start, problem.related[0].0.end), (0, 4));
}

#[test]
fn a_property_beside_and_inside_properties() {
    check(
        problems(
            "network:\n  routeTables:\n  - name: rt\n    routes: []\n    properties:\n      routes: []\n",
        ),
        &["6:7 DUPLICATE_KEY route table `rt` says `routes` twice"],
    );
}

#[test]
fn wrong_types() {
    check(
        after_net("  routeTables: {name: rt}\n"),
        &[
            "7:16 WRONG_TYPE `routeTables` of network: expected a list, found a mapping (put it into a list: `[...]`, or a line with `- `)",
        ],
    );
    check(
        after_net("  routeTables:\n  - rt\n"),
        &[
            "8:5 WRONG_TYPE `routeTables` of network: expected a mapping that describes a route table, found a single value",
        ],
    );
    check(
        after_net("  routeTables:\n  - {name: [rt]}\n"),
        &["8:12 WRONG_TYPE `name` of route table: expected text, found a list"],
    );
    check(
        after_net("traffic: [{name: t, from: vm1, to: {name: vm2}, protocol: icmp}]\n"),
        &[
            "7:37 MISSING_PROPERTY `to` of traffic `t`: a reference in braces needs an `id` (write the name, or {id: ...})",
        ],
    );
    check(
        after_net("  natGateways:\n  - {name: nat, publicIpAddresses: pip}\n"),
        &[
            "8:36 WRONG_TYPE `publicIpAddresses` of NAT gateway `nat`: expected a list, found a single value (put it into a list: `[...]`, or a line with `- `)",
        ],
    );
}

#[test]
fn bad_values() {
    check(
        after_net(
            "  routeTables:
  - name: rt
    disableBgpRoutePropagation: yes
    routes:
    - {name: r1, addressPrefix: 10.0.0.0/8, nextHopType: VirtualAppliance, nextHopIpAddress: 10.0.0.4/32}
  publicIPAddresses: [{name: pip, ipAddress: 300.0.0.1}]
  localNetworkGateways:
  - {name: site, localNetworkAddressSpace: {addressPrefixes: [192.168.0.0, 'fd00::1', x/8]}}
  networkSecurityGroups:
  - name: nsg
    securityRules:
    - {name: r, priority: -1, direction: Inbond, access: Alow, protocol: Tpc}
traffic:
- {name: t, from: vm1, to: vm2, protocol: tcp/99999, start: 5, count: 0, size: 70000, sourcePort: 0, rate: 0}
vnetsim: 2
rules: {era: 2016}
",
        ),
        &[
            "9:33 BAD_VALUE `disableBgpRoutePropagation` of route table `rt`: `yes` is neither true nor false (write true or false)",
            "11:94 BAD_VALUE `nextHopIpAddress` of route `r1`: `10.0.0.4/32` is not an IP address (an address has no `/length`)",
            "12:46 BAD_VALUE `ipAddress` of public IP address `pip`: `300.0.0.1` is not an IP address",
            "14:63 BAD_VALUE `addressPrefixes` of address space of local network gateway `site`: `192.168.0.0` is not a prefix (a single address is 192.168.0.0/32)",
            "14:76 BAD_VALUE `addressPrefixes` of address space of local network gateway `site`: `fd00::1` is not a prefix (a single address is fd00::1/128)",
            "14:87 BAD_VALUE `addressPrefixes` of address space of local network gateway `site`: `x/8` is not a prefix (write it like 10.0.0.0/24)",
            "18:27 BAD_VALUE `priority` of security rule `r`: `-1` is not a whole number",
            "18:42 BAD_VALUE `direction` of security rule `r`: `Inbond` is not known here (did you mean `Inbound`?)",
            "18:58 BAD_VALUE `access` of security rule `r`: `Alow` is not known here (did you mean `Allow`?)",
            "18:74 BAD_VALUE `protocol` of security rule `r`: `Tpc` is not known here (did you mean `Tcp`?)",
            "20:43 BAD_VALUE `protocol` of traffic `t`: `99999` is not a port; write tcp/1 to tcp/65535",
            "20:61 BAD_VALUE `start` of traffic `t`: `5` is not a time; write it like 250ms, 1.5s or 2m",
            "20:71 BAD_VALUE `count` of traffic `t`: `0` is not a whole number from 1 to 10000000",
            "20:80 BAD_VALUE `size` of traffic `t`: `70000` is not a whole number from 0 to 65507",
            "20:99 BAD_VALUE `sourcePort` of traffic `t`: `0` is not a whole number from 1 to 65535",
            "20:108 BAD_VALUE `rate` of traffic `t`: `0` is not a whole number from 1 to 1000000000",
            "21:10 BAD_VALUE `vnetsim` of scenario: `2` is not 1, the only value so far",
            "22:14 BAD_VALUE `era` of rules: `2016` is not known here (did you mean `2017`?)",
        ],
    );
}

#[test]
fn bad_references() {
    check(
        after_net(
            "  networkInterfaces:\n  - {name: n, subnet: \"[resourceId('a', 'b')]\"}\n  - {name: m, subnet: /subscriptions/x}\n  - {name: o, subnet: {name: s}}\n",
        ),
        &[
            "8:23 BAD_VALUE `subnet` of network interface `n`: `[resourceId('a', 'b')]` cannot be evaluated here (deploy-time expression; write the name)",
            "9:23 BAD_VALUE `subnet` of network interface `m`: `/subscriptions/x` is not a resource id (write the name, or an id like /subscriptions/.../providers/Microsoft.Network/routeTables/rt)",
            "10:24 MISSING_PROPERTY `subnet` of network interface `o`: a reference in braces needs an `id` (write the name, or {id: ...})",
        ],
    );
}

#[test]
fn missing_properties_name_their_object() {
    check(problems("name: x\n"), &["1:7 MISSING_PROPERTY scenario `x` has no `network`"]);
    check(problems("network:\n"), &["1:1 MISSING_PROPERTY scenario has no `network`"]);
    check(
        after_net(
            "  routeTables:\n  - name: rt\n    routes:\n    - name: r1\n      nextHopType: null\n  - {routes: []}\n  - {name: }\n",
        ),
        &[
            "10:13 MISSING_PROPERTY route `r1` has no `addressPrefix`",
            "11:7 MISSING_PROPERTY `nextHopType` of route `r1`: it must not be empty",
            "12:6 MISSING_PROPERTY route table has no `name`",
            "13:6 MISSING_PROPERTY `name` of route table: it must not be empty",
        ],
    );
    check(
        problems(
            "network:\n  virtualNetworks:\n  - {name: v, addressSpace: {}, subnets: [{name: s}]}\n  - {name: w}\n",
        ),
        &[
            "3:29 MISSING_PROPERTY address space of virtual network `v` has no `addressPrefixes`",
            "3:50 MISSING_PROPERTY subnet `s` has no `addressPrefix`",
            "4:12 MISSING_PROPERTY virtual network `w` has no `addressSpace`",
        ],
    );
    check(
        after_net("  virtualNetworkGateways: [{name: gw, gatewayType: Vpn}]\n  connections: [{name: c}]\n"),
        &[
            "7:35 MISSING_PROPERTY virtual network gateway `gw` has no `virtualNetwork`",
            "8:24 MISSING_PROPERTY connection `c` has no `virtualNetworkGateway1`",
            "8:24 MISSING_PROPERTY connection `c` has no `localNetworkGateway2`",
        ],
    );
    check(
        after_net(
            "traffic: [{name: t}]\ntimeline: [{at: 1s}]\nexpect: [{verdict: Dropped}, {trafic: t}, {}]\n",
        ),
        &[
            "7:18 MISSING_PROPERTY traffic `t` has no `from`",
            "7:18 MISSING_PROPERTY traffic `t` has no `to`",
            "7:18 MISSING_PROPERTY traffic `t` has no `protocol`",
            "8:13 MISSING_PROPERTY timeline entry says no change (add one of putPeering, deletePeering, syncPeering, deleteVirtualNetwork, setAddressSpace, putRoute, deleteRoute, putSecurityRule, deleteSecurityRule, putGateway, deleteGateway, startGateway, stopGateway, putConnection, deleteConnection, setIpForwarding, startVm, stopVm, setGuest, setLink, setRouteTable, setNetworkSecurityGroup)",
            "9:11 MISSING_PROPERTY expectation has no subject (add traffic, routes, nextHop, peering, operation or bill)",
            "9:31 MISSING_PROPERTY expectation has no subject (did you mean `traffic`?)",
            "9:43 MISSING_PROPERTY expectation has no subject (add traffic, routes, nextHop, peering, operation or bill)",
        ],
    );
}

#[test]
fn unknown_properties_of_arm_objects_are_warnings() {
    let text = format!("{NET}  routeTables:\n  - {{name: rt, routs: [], delegations: []}}\n  dnsZones: []\n");
    check(
        problems(&text),
        &[
            "8:16 UNKNOWN_PROPERTY `routs` of route table `rt` is not modelled (did you mean `routes`?)",
            "8:27 UNKNOWN_PROPERTY `delegations` of route table `rt` is not modelled",
            "9:3 UNKNOWN_PROPERTY `dnsZones` of network is not modelled",
        ],
    );
    let loaded = read(&text);
    assert!(loaded.scenario.is_some());
    assert!(loaded.problems.iter().all(|p| p.severity == Severity::Warning));
}

#[test]
fn unknown_words_of_our_own_are_errors() {
    check(
        after_net(
            "traffic: [{name: t, from: vm1, to: vm2, protocol: icmp, prot: 1}]
expect: [{traffic: t, dropReson: RouteNone, verdict: Dropped}]
timeline: [{at: 1s, stopVm: vm1, foo: 1}]
rules: {forwardedModell: field}
expects: []
",
        ),
        &[
            "7:57 UNKNOWN_PROPERTY `prot` is not a property of traffic `t` (did you mean `from`?)",
            "8:23 UNKNOWN_PROPERTY `dropReson` is not a property of expectation on traffic `t` (did you mean `dropReason`?)",
            "9:34 UNKNOWN_PROPERTY `foo` is not a property of timeline entry",
            "10:9 UNKNOWN_PROPERTY `forwardedModell` is not a property of rules (did you mean `forwardedModel`?)",
            "11:1 UNKNOWN_PROPERTY `expects` is not a property of scenario (did you mean `expect`?)",
        ],
    );
}

#[test]
fn conflicts() {
    check(
        after_net(
            "  networkInterfaces:
  - {name: n1, subnet: v/s, ipConfigurations: [{name: c, subnet: v/s}]}
  - {name: n2, ipConfigurations: [{name: c, subnet: v/s}]}
  networkSecurityGroups:
  - name: nsg
    securityRules:
    - {name: r, priority: 100, direction: Inbound, access: Allow, protocol: \"*\", sourceAddressPrefix: a, sourceAddressPrefixes: [b],
       destinationAddressPrefix: \"*\", destinationApplicationSecurityGroups: [g], sourcePortRange: 1, sourcePortRanges: [2]}
  virtualNetworkGateways:
  - {name: gw, gatewayType: Vpn, virtualNetwork: v, ipConfigurations: [{subnet: v/GatewaySubnet}]}
traffic:
- {name: t, from: vm1, to: vm2, protocol: icmp, rate: 10, interval: 1s}
timeline:
- {at: 1s, stopVm: vm1, startVm: vm1}
expect:
- {traffic: t, routes: v/s}
- {traffic: t, verdict: Delivered, dropReason: RouteNone}
",
        ),
        &["8:16 CONFLICTING_PROPERTIES network interface `n1`: `ipConfigurations` and `subnet` exclude each other (keep one of them)", "13:106 CONFLICTING_PROPERTIES security rule `r`: `sourceAddressPrefix` and `sourceAddressPrefixes` exclude each other (keep one of them)", "14:39 CONFLICTING_PROPERTIES security rule `r`: `destinationAddressPrefix` and `destinationApplicationSecurityGroups` exclude each other (keep one of them)", "14:102 CONFLICTING_PROPERTIES security rule `r`: `sourcePortRange` and `sourcePortRanges` exclude each other (keep one of them)", "16:50 CONFLICTING_PROPERTIES virtual network gateway `gw`: virtualNetwork and the subnet of ipConfigurations exclude each other", "18:59 CONFLICTING_PROPERTIES traffic `t`: `rate` and `interval` exclude each other (keep one of them)", "20:4 CONFLICTING_PROPERTIES timeline entry: an entry says one change; write one entry for each", "22:16 CONFLICTING_PROPERTIES an expectation has one subject, not `traffic` and `routes` (write one entry for each)", "23:48 CONFLICTING_PROPERTIES expectation on traffic `t`: dropReason contradicts `verdict: Delivered`"],
    );
    check(
        problems(
            "network:
  virtualNetworks:
  - {name: v, addressSpace: {addressPrefixes: [10.0.0.0/16]}, subnets: [{name: s, addressPrefix: 10.0.0.0/24, addressPrefixes: [10.0.1.0/24]}]}
  virtualMachines:
  - {name: vm1, subnet: v/s, networkInterfaces: [n]}
  - {name: vm2, networkInterfaces: [n], networkProfile: {networkInterfaces: [n]}}
  - {name: vm3, vmSize: a, hardwareProfile: {vmSize: b}}
",
        ),
        &["3:111 CONFLICTING_PROPERTIES subnet `s`: `addressPrefix` and `addressPrefixes` exclude each other (keep one of them)", "5:17 CONFLICTING_PROPERTIES virtual machine `vm1`: `networkInterfaces` and `subnet` exclude each other (keep one of them)", "6:41 CONFLICTING_PROPERTIES virtual machine `vm2`: `networkInterfaces` and `networkProfile` exclude each other (keep one of them)", "7:28 CONFLICTING_PROPERTIES virtual machine `vm3`: `vmSize` and `hardwareProfile` exclude each other (keep one of them)"],
    );
}

#[test]
fn connections_have_the_other_end_that_their_type_says() {
    check(
        after_net(
            "  connections:
  - {name: c, connectionType: Vnet2Vnet, virtualNetworkGateway1: g}
  - {name: d, connectionType: ExpressRoute, virtualNetworkGateway1: g, localNetworkGateway2: x}
  - {name: e, connectionType: VPNClient, virtualNetworkGateway1: g, localNetworkGateway2: x}
  - {name: f, virtualNetworkGateway1: g, peer: x, virtualNetworkGateway2: y, connectionStatus: up}
",
        ),
        &[
            "8:12 MISSING_PROPERTY connection `c` has no `virtualNetworkGateway2`",
            "9:12 MISSING_PROPERTY connection `d` has no `peer`",
            "10:31 BAD_VALUE `connectionType` of connection `e`: `VPNClient` is not known here (write one of `IPsec`, `Vnet2Vnet`, `ExpressRoute`)",
            "11:42 CONFLICTING_PROPERTIES connection `f`: `virtualNetworkGateway2` and `peer` exclude each other (keep one of them)",
            "11:96 BAD_VALUE `connectionStatus` of connection `f`: `up` is not known here (write one of `Connected`, `NotConnected`, `Connecting`, `Unknown`)",
        ],
    );
}

#[test]
fn traffic_that_cannot_be() {
    check(
        after_net(
            "traffic:
- {name: a, from: vm1, to: vm1, protocol: tcp/80, oneWay: true}
- {name: b, from: vm1, to: vm1, protocol: sctp, ttl: 0, sourceAddress: 10.0.0.0/8}
- {name: c, from: vm1, to: vm1, protocol: ip/17, dontFragment: maybe}
- {name: d, from: vm1, to: vm1, protocol: ip/44, size: 65508}
- {name: e, from: vm1, to: vm1, protocol: gre, sourceAddress: 'fd00::1'}
",
        ),
        &[
            "8:59 CONFLICTING_PROPERTIES traffic `a`: oneWay needs a protocol without handshake, such as udp/9000",
            "9:43 BAD_VALUE `protocol` of traffic `b`: `sctp` is not a protocol; write tcp/443, udp/53, icmp, esp or ip/47",
            "9:54 BAD_VALUE `ttl` of traffic `b`: `0` is not a whole number from 1 to 255",
            "9:72 BAD_VALUE `sourceAddress` of traffic `b`: `10.0.0.0/8` is not an IP address (an address has no `/length`)",
            "10:43 BAD_VALUE `protocol` of traffic `c`: write udp instead of `ip/17`",
            "10:64 BAD_VALUE `dontFragment` of traffic `c`: `maybe` is neither true nor false (write true or false)",
            "11:43 BAD_VALUE `protocol` of traffic `d`: `ip/44` is not a protocol; write its number, such as ip/47",
            "11:56 BAD_VALUE `size` of traffic `d`: `65508` is not a whole number from 0 to 65507",
            "12:63 BAD_VALUE traffic `e`: sourceAddress fd00::1 cannot send to 10.0.0.4 (source and destination must be of the same family)",
        ],
    );
    check(
        after_net("traffic: [{name: e, from: vm1, to: 10.0.0.9, protocol: gre, sourceAddress: 'fd00::1'}]\n"),
        &[
            "7:76 BAD_VALUE traffic `e`: sourceAddress fd00::1 cannot send to 10.0.0.9 (source and destination must be of the same family)",
        ],
    );
}

#[test]
fn expectations_on_operations_and_bills() {
    check(
        after_net(
            "timeline:
- {at: 1s, name: off, stopVm: vm1}
- {at: 2s, name: OFF, startVm: vm1}
expect:
- {operation: of, result: accepted}
- {operation: off, result: accepted, errorCode: X}
- {operation: off}
- {operation: off, result: denied}
- {bill: v/none, egressBytes: 5}
- {bill: v/none}
- {bill: v/none, costUsd: {min: -1, least: 2}}
- {peering: v/none, after: 1s}
",
        ),
        &[
            "9:18 DUPLICATE_NAME two timeline entries are called `OFF`",
            "11:15 UNKNOWN_REFERENCE no timeline entry is called `of` (did you mean `off`?)",
            "12:49 CONFLICTING_PROPERTIES expectation on an operation `off`: errorCode contradicts `result: accepted`",
            "13:15 MISSING_PROPERTY expectation on an operation `off` expects nothing (add result or errorCode)",
            "14:28 BAD_VALUE `result` of expectation on an operation `off`: `denied` is not known here (write one of `accepted`, `refused`)",
            "15:10 UNKNOWN_REFERENCE no peering link is called `v/none`",
            "16:10 MISSING_PROPERTY expectation on a bill `v/none` expects nothing (add egressBytes, ingressBytes or costUsd)",
            "17:33 BAD_VALUE `min` of range of expectation on a bill `v/none`: `-1` is not a number (write it like 0.25)",
            "17:37 UNKNOWN_PROPERTY `least` is not a property of range of expectation on a bill `v/none`",
            "18:13 MISSING_PROPERTY expectation on a peering `v/none` expects nothing (add peeringState, peeringSyncLevel or exists)",
        ],
    );
}

#[test]
fn a_gateway_stands_in_a_gateway_subnet() {
    check(
        after_net(
            "  virtualNetworkGateways: [{name: gw, gatewayType: Vpn, ipConfigurations: [{subnet: v/s}]}]\n",
        ),
        &[
            "7:85 BAD_VALUE virtual network gateway `gw`: `v/s` is not a GatewaySubnet (write vnet/GatewaySubnet; Azure puts it nowhere else)",
        ],
    );
}

#[test]
fn unknown_references() {
    check(
        after_net(
            "  networkSecurityGroups: [{name: nsg}]
traffic:
- {name: web, from: vm3, to: vm1, protocol: icmp}
- {name: web, from: vm1, to: nothing-like-it, protocol: icmp}
timeline:
- {at: 1s, stopVm: vm11}
- {at: 1s, deletePeering: v/none}
- {at: 1s, setRouteTable: {subnet: v/t, routeTable: rt}}
expect:
- {traffic: wep, verdict: Delivered}
- {traffic: web, at: vm5, via: [nva], rule: nsg/DenyAllInbond}
- {traffic: web, rule: ngs/x}
- {traffic: web, rule: nsg}
- {routes: v/u, contains: []}
- {routes: v/u, contains: [{source: User}]}
- {nextHop: {from: x, to: y}, nextHopType: Internet}
- {peering: v/none, peeringState: Connected}
",
        ),
        &[
            "9:21 UNKNOWN_REFERENCE no VM, NIC, private endpoint or address `vm3`; did you mean `vm1`?",
            "10:10 DUPLICATE_NAME two traffic entries are called `web`",
            "10:30 UNKNOWN_REFERENCE no VM, NIC, private endpoint or address `nothing-like-it`",
            "12:20 UNKNOWN_REFERENCE no virtual machine is called `vm11` (did you mean `vm1`?)",
            "13:27 UNKNOWN_REFERENCE no peering link is called `v/none`",
            "14:36 UNKNOWN_REFERENCE no subnet is called `v/t` (did you mean `v/s`?)",
            "14:53 UNKNOWN_REFERENCE no route table is called `rt`",
            "16:13 UNKNOWN_REFERENCE no traffic entry or capture is called `wep` (did you mean `web`?)",
            "17:22 UNKNOWN_REFERENCE no VM, NIC, gateway, site or private endpoint is called `vm5` (did you mean `vm1`?)",
            "17:33 UNKNOWN_REFERENCE no VM or gateway is called `nva`",
            "17:45 UNKNOWN_REFERENCE no security rule of this group is called `DenyAllInbond` (did you mean `DenyAllInBound`?)",
            "18:24 UNKNOWN_REFERENCE no network security group is called `ngs` (did you mean `nsg`?)",
            "19:24 BAD_VALUE `nsg` does not name a security rule (write it as nsg/rule, such as nsg-a/DenyAllInBound)",
            "20:12 MISSING_PROPERTY expectation on routes `v/u` expects nothing (add contains, exactly or lacks)",
            "21:12 UNKNOWN_REFERENCE no subnet, VM or NIC is called `v/u` (did you mean `v/s`?)",
            "22:20 UNKNOWN_REFERENCE no VM or NIC is called `x`",
            "22:27 UNKNOWN_REFERENCE no address, VM, NIC or private endpoint is called `y`",
            "23:13 UNKNOWN_REFERENCE no peering link is called `v/none`",
        ],
    );
}

#[test]
fn families_must_agree() {
    check(
        after_net("traffic: [{name: t, from: vm1, to: 'fd00::1', protocol: icmp}]\n"),
        &[
            "7:36 BAD_VALUE traffic `t`: 10.0.0.4 cannot send to fd00::1 (both ends need an address of the same family)",
        ],
    );
}

#[test]
fn problems_of_the_network_itself_are_reported_too() {
    check(
        after_net(
            "  networkInterfaces: [{name: n, subnet: v/x}, {name: n, subnet: v/s, privateIPAddress: 10.9.0.4}]\n",
        ),
        &[
            "7:41 UNKNOWN_REFERENCE no subnet is called `v/x` (did you mean `v/s`?)",
            "7:54 DUPLICATE_NAME two network interfaces are called `n` (names of one kind must differ in more than case)",
            "7:88 ADDRESS_OUTSIDE_SUBNET 10.9.0.4 lies outside subnet `v/s` (take an address of the subnet's prefixes (ADDR-06))",
        ],
    );
}

#[test]
fn references_to_objects_that_were_left_out_are_not_reported() {
    // The route table has an error of its own; that the subnet's reference leads nowhere follows from it.
    let text = "network:
  virtualNetworks:
  - {name: v, addressSpace: {addressPrefixes: [10.0.0.0/16]}, subnets: [{name: s, addressPrefix: 10.0.0.0/24, routeTable: rt}]}
  routeTables: [{name: rt, routes: [{name: r}]}]
  networkInterfaces: [{name: n, subnet: v/s, privateIPAddress: 10.9.0.4}]
";
    check(
        problems(text),
        &[
            "4:44 MISSING_PROPERTY route `r` has no `addressPrefix`",
            "4:44 MISSING_PROPERTY route `r` has no `nextHopType`",
            "5:64 ADDRESS_OUTSIDE_SUBNET 10.9.0.4 lies outside subnet `v/s` (take an address of the subnet's prefixes (ADDR-06))",
        ],
    );
}

#[test]
fn columns_count_letters_not_bytes() {
    check(
        problems("name: Prüfgerät\nnetwork: {} \ndescription: [ä, ö]\n"),
        &["3:14 WRONG_TYPE `description` of scenario `Prüfgerät`: expected text, found a list"],
    );
    check(
        problems("näme: x\nnetwork: {}\n"),
        &["1:1 UNKNOWN_PROPERTY `näme` is not a property of scenario (did you mean `name`?)"],
    );
}

#[test]
fn long_words_are_shortened() {
    let found = problems(&format!("network: {{{}: 1}}\n", "k".repeat(900)));
    assert!(found[0].len() < 200, "{}", found[0]);
}

#[test]
fn timeline_entries_say_what_is_wrong_with_them() {
    check(
        after_net(
            "timeline:
- {at: 1s, putPeering: {name: x}}
- {at: 1s, putPeering: v}
- {at: soon, deletePeering: x}
- {stopVm: vm1}
- {at: 1s, setRouteTable: v/s}
- {at: 1s, stopVM: vm1}
",
        ),
        &[
            "8:25 MISSING_PROPERTY putPeering has no `virtualNetwork` (name the virtual network that gets the link)",
            "8:31 MISSING_PROPERTY peering `x` has no `remoteVirtualNetwork`",
            "9:24 WRONG_TYPE `putPeering` of timeline entry: expected a mapping that describes a peering, found a single value",
            "10:8 BAD_VALUE `at` of timeline entry: `soon` is not a time; write it like 250ms, 1.5s or 2m",
            "11:4 MISSING_PROPERTY timeline entry has no `at`",
            "12:27 WRONG_TYPE `setRouteTable` of timeline entry: expected a mapping that describes a setRouteTable, found a single value",
            "13:4 MISSING_PROPERTY timeline entry says no change (add one of putPeering, deletePeering, syncPeering, deleteVirtualNetwork, setAddressSpace, putRoute, deleteRoute, putSecurityRule, deleteSecurityRule, putGateway, deleteGateway, startGateway, stopGateway, putConnection, deleteConnection, setIpForwarding, startVm, stopVm, setGuest, setLink, setRouteTable, setNetworkSecurityGroup)",
            "13:12 UNKNOWN_PROPERTY `stopVM` is not a property of timeline entry (did you mean `stopVm`?)",
        ],
    );
    check(
        after_net("timeline: [{at: 1s, deletePeering: x}]\n"),
        &["7:36 BAD_VALUE `x` does not name a link (write it as vnet/link)"],
    );
}
