//! Disagreements between the pipeline and the oracle that are settled, each with its minimal network, so that they
//! stay so.

use vnetsim_compile::{RouteState, compile};
use vnetsim_scenario::{Scenario, load};
use vnetsim_sim::Outcome;
use vnetsim_testkit::{compare_routes, real, told_by_oracle, told_by_run};
use vnetsim_types::{FileId, Place, SubnetId};

fn scenario(text: &str) -> Scenario {
    let loaded = load(text.as_bytes(), FileId(0));
    loaded.scenario.unwrap_or_else(|| panic!("{:#?}", loaded.problems))
}

fn routes_agree(scenario: &Scenario, subnet: u32) -> Result<(), String> {
    compare_routes(&scenario.network, &compile(&scenario.network, 0), SubnetId(subnet))
}

/// Whole conversations, nothing left out.
fn stories_agree(scenario: &Scenario) {
    let (network, traffic) = (&scenario.network, &scenario.traffic[0]);
    let run = real(network, traffic);
    let said = told_by_run(network, run.report.epochs[0].compiled(), &run.trace);
    assert_eq!(said, told_by_oracle(&vnetsim_oracle::conversation(network, traffic)));
}

/// PEER-02: a link beside one that says Disconnected is not Connected and has no route.
#[test]
fn one_disconnected_link_ends_the_peering() {
    let scenario = scenario(
        "vnetsim: 1
network:
  virtualNetworks:
    - { name: vnet0, addressSpace: { addressPrefixes: [10.1.0.0/16] }, subnets: [{ name: s, addressPrefix: 10.1.0.0/24 }],
        virtualNetworkPeerings: [{ name: a, remoteVirtualNetwork: vnet1, peeringState: Disconnected }] }
    - { name: vnet1, addressSpace: { addressPrefixes: [10.2.0.0/16] }, subnets: [{ name: s, addressPrefix: 10.2.0.0/24 }],
        virtualNetworkPeerings: [{ name: b, remoteVirtualNetwork: vnet0 }] }",
    );
    assert_eq!(routes_agree(&scenario, 1), Ok(()));
}

/// RT-13: an explicit prefix beats the same prefix of a tag.
#[test]
fn an_explicit_prefix_beats_a_tag() {
    let scenario = scenario(
        "vnetsim: 1
network:
  virtualNetworks:
    - { name: vnet0, addressSpace: { addressPrefixes: [10.1.0.0/16] },
        subnets: [{ name: s, addressPrefix: 10.1.0.0/24, routeTable: rt }] }
  routeTables:
    - { name: rt, routes: [{ name: tag, addressPrefix: Storage, nextHopType: Internet },
                           { name: explicit, addressPrefix: 20.60.0.0/16, nextHopType: None }] }
  serviceTags: [{ name: Storage, addressPrefixes: [20.60.0.0/16] }]",
    );
    let compiled = compile(&scenario.network, 0);
    let rows = compiled.effective_routes(SubnetId(0)).filter(|(_, row)| row.state == RouteState::Active);
    let rows: Vec<_> = rows.filter(|(_, row)| row.prefix.to_string() == "20.60.0.0/16").collect();
    assert_eq!(rows.len(), 1);
    assert_eq!(routes_agree(&scenario, 0), Ok(()));
}

/// RT-12 and FE-03: a learned prefix equal to a service endpoint's is not listed.
#[test]
fn learned_prefixes_of_an_endpoint_are_not_listed() {
    let scenario = scenario(
        "vnetsim: 1
network:
  virtualNetworks:
    - { name: vnet0, addressSpace: { addressPrefixes: [10.1.0.0/16] },
        subnets: [{ name: s, addressPrefix: 10.1.0.0/24, serviceEndpoints: [Microsoft.Storage] },
                  { name: GatewaySubnet, addressPrefix: 10.1.7.0/24 }] }
  virtualNetworkGateways: [{ name: gw, gatewayType: Vpn, virtualNetwork: vnet0 }]
  localNetworkGateways: [{ name: site, localNetworkAddressSpace: { addressPrefixes: [20.60.0.0/16] } }]
  connections: [{ name: c, virtualNetworkGateway1: gw, localNetworkGateway2: site }]
  serviceTags: [{ name: Storage, addressPrefixes: [20.60.0.0/16] }]",
    );
    assert_eq!(routes_agree(&scenario, 0), Ok(()));
}

/// RT-30: a user route inside an endpoint's prefix is never used, but no rule says that it is not listed
/// ("everything else is Active").
#[test]
fn user_routes_inside_an_endpoint_are_listed() {
    let scenario = scenario(
        "vnetsim: 1
network:
  virtualNetworks:
    - { name: vnet0, addressSpace: { addressPrefixes: [10.1.0.0/16] },
        subnets: [{ name: s, addressPrefix: 10.1.0.0/24, routeTable: rt, serviceEndpoints: [Microsoft.Storage] }] }
  routeTables: [{ name: rt, routes: [{ name: r, addressPrefix: 20.60.1.0/24, nextHopType: None }] }]
  serviceTags: [{ name: Storage, addressPrefixes: [20.60.0.0/16] }]",
    );
    assert_eq!(routes_agree(&scenario, 0), Ok(()));
}

/// U-02 `field`: the receiver's route for the source is VirtualAppliance; that its next hop cannot be reached does not
/// matter.
#[test]
fn field_reading_asks_for_the_type_of_the_route_only() {
    let scenario = scenario(
        "vnetsim: 1
rules: { forwarded_model: field }
network:
  virtualNetworks:
    - { name: hub, addressSpace: { addressPrefixes: [10.1.0.0/16] }, subnets: [{ name: s, addressPrefix: 10.1.0.0/24 }],
        virtualNetworkPeerings: [{ name: to-a, remoteVirtualNetwork: a, allowForwardedTraffic: true },
                                 { name: to-b, remoteVirtualNetwork: b }] }
    - { name: a, addressSpace: { addressPrefixes: [10.2.0.0/16] },
        subnets: [{ name: s, addressPrefix: 10.2.0.0/24, routeTable: rta }],
        virtualNetworkPeerings: [{ name: to-hub, remoteVirtualNetwork: hub }] }
    - { name: b, addressSpace: { addressPrefixes: [10.3.0.0/16] },
        subnets: [{ name: s, addressPrefix: 10.3.0.0/24, routeTable: rtb }],
        virtualNetworkPeerings: [{ name: to-hub, remoteVirtualNetwork: hub }] }
  routeTables:
    - { name: rta, routes: [{ name: r, addressPrefix: 10.3.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 10.1.0.4 }] }
    - { name: rtb, routes: [{ name: r, addressPrefix: 10.2.0.0/16, nextHopType: VirtualAppliance, nextHopIpAddress: 198.18.0.1 }] }
  virtualMachines:
    - { name: nva, subnet: hub/s, privateIPAddress: 10.1.0.4, enableIPForwarding: true, guest: { role: router } }
    - { name: vma, subnet: a/s }
    - { name: vmb, subnet: b/s }
traffic: [{ name: probe, from: vma, to: vmb, protocol: tcp/443 }]",
    );
    stories_agree(&scenario);
}

const TWO_NICS: &str = "vnetsim: 1
network:
  virtualNetworks:
    - { name: vnet0, addressSpace: { addressPrefixes: [10.1.0.0/16] },
        subnets: [{ name: s0, addressPrefix: 10.1.0.0/24 }, { name: s1, addressPrefix: 10.1.1.0/24 },
                  { name: s2, addressPrefix: 10.1.2.0/24 }] }
  networkInterfaces: [{ name: first, subnet: vnet0/s0 }, { name: second, subnet: vnet0/s1 }, { name: third, subnet: vnet0/s2 }]
  virtualMachines: [{ name: two, networkInterfaces: [first, second] }, { name: one, networkInterfaces: [third] }]
traffic: [{ name: probe, from: second, to: third, protocol: tcp/443 }]";

/// ADDR-16: SYN and ACK of the one who opens leave by the NIC that the traffic names.
#[test]
fn syn_and_ack_leave_by_one_nic() {
    stories_agree(&scenario(TWO_NICS));
}

/// The SYN has the address of another machine, which gets the SYN-ACK and, not having asked for it,
/// must not complete the connection.
#[test]
fn only_the_opener_acknowledges() {
    let mut scenario = scenario(
        "vnetsim: 1
network:
  virtualNetworks:
    - { name: vnet0, addressSpace: { addressPrefixes: [10.1.0.0/16] }, subnets: [{ name: s0, addressPrefix: 10.1.0.0/24 }] }
  virtualMachines:
    - { name: liar, subnet: vnet0/s0, privateIPAddress: 10.1.0.4, enableIPForwarding: true }
    - { name: victim, subnet: vnet0/s0, privateIPAddress: 10.1.0.5 }
    - { name: server, subnet: vnet0/s0, privateIPAddress: 10.1.0.6 }
traffic: [{ name: probe, from: liar, to: server, protocol: tcp/443 }]",
    );
    scenario.traffic[0].from.address = std::net::IpAddr::from([10, 1, 0, 5]);
    stories_agree(&scenario);
}

/// RT-15: the server's default route leads to an appliance that translates, so the answer reaches
/// the internet from the wrong address ("SNAT mismatch") and is no answer.
#[test]
fn answers_from_the_wrong_address_do_not_count() {
    let scenario = scenario(
        "vnetsim: 1
network:
  virtualNetworks:
    - { name: vnet0, addressSpace: { addressPrefixes: [10.1.0.0/16] },
        subnets: [{ name: s0, addressPrefix: 10.1.0.0/24, routeTable: rt }, { name: s1, addressPrefix: 10.1.1.0/24 }] }
  routeTables: [{ name: rt, routes: [{ name: r, addressPrefix: 0.0.0.0/0, nextHopType: VirtualAppliance, nextHopIpAddress: 10.1.1.4 }] }]
  publicIPAddresses: [{ name: pip, ipAddress: 203.0.113.9 }]
  virtualMachines:
    - { name: web, subnet: vnet0/s0, publicIPAddress: pip }
    - { name: nva, subnet: vnet0/s1, privateIPAddress: 10.1.1.4, enableIPForwarding: true, guest: { role: router, snat: always } }
traffic: [{ name: probe, from: 8.8.8.8, to: 203.0.113.9, protocol: tcp/443 }]",
    );
    assert_eq!(scenario.traffic[0].from.place, Place::Internet);
    let run = real(&scenario.network, &scenario.traffic[0]);
    let completed = run.report.traffic[0].outcomes.iter().any(|group| group.outcome == Outcome::Completed);
    assert!(!completed, "{:#?}", run.trace);
}
