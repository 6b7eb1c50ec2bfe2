//! Private endpoints (RT-08, NSG-25, FE-10, FAIL-32).

use vnetsim_model::{Network, PrivateEndpointPolicies, Role, Snat, draft};
use vnetsim_oracle::OracleHop;
use vnetsim_types::{DropReason, Place, PrivateEndpointId};

use crate::lab::*;

const SERVICE: Place = Place::PrivateEndpoint(PrivateEndpointId(0));
const ROW: &str = "Default Active 10.4.1.5/32 InterfaceEndpoint";
const DISPLACED: &str = "Default Invalid 10.4.1.5/32 InterfaceEndpoint";

/// The document's example: VNet 10.4.0.0/16, endpoint 10.4.1.5, an appliance beside it, and a peered network.
fn lab() -> Lab {
    let mut lab = Lab::default();
    lab.vnet("V", &["10.4.0.0/16"]);
    lab.subnet("V/clients", "10.4.0.0/24");
    lab.subnet("V/services", "10.4.1.0/24");
    lab.subnet("V/nva", "10.4.2.0/24");
    lab.vnet("P", &["10.5.0.0/16"]);
    lab.subnet("P/s", "10.5.0.0/24");
    lab.vnet("Q", &["10.6.0.0/16"]);
    lab.subnet("Q/s", "10.6.0.0/24");
    lab.peer("V", "P");
    lab.peer("P", "Q");
    lab.vm("client", "V/clients", "10.4.0.4");
    lab.vm("peer", "P/s", "10.5.0.4");
    lab.nva("nva", "V/nva", "10.4.2.4", Role::Firewall, Snat::Never);
    lab.endpoint("sql", "V/services", "10.4.1.5");
    lab
}

fn shows(network: &Network, subnet: &str, row: &str) -> bool {
    printed(network, subnet).contains(&row.to_owned())
}

#[test]
fn rt08_rows_in_the_own_network_and_one_peering_away() {
    let network = lab().build();
    for subnet in ["V/clients", "V/services", "P/s"] {
        assert!(shows(&network, subnet, ROW), "{subnet}");
    }
    assert!(!shows(&network, "Q/s", ROW));
    for from in ["client", "peer"] {
        let packets = tcp(&network, from, "10.4.1.5");
        assert_complete(&packets);
        assert_eq!(routes_taken(&packets[0]), ["10.4.1.5/32 InterfaceEndpoint"]);
        assert!(matches!(
            packets[0].outcome,
            vnetsim_oracle::Outcome::Delivered { at: SERVICE, ttl: 64, .. }
        ));
    }
}

#[test]
fn the_service_answers_tcp_and_udp_only() {
    let network = lab().build();
    assert_eq!(talk(&network, "client", "10.4.1.5", "udp/53").packets.len(), 2);
    let packets = talk(&network, "client", "10.4.1.5", "icmp").packets;
    assert_eq!(last(&packets), dropped(SERVICE, DropReason::GuestPortClosed));
}

#[test]
fn rt08_which_user_routes_displace_it() {
    use PrivateEndpointPolicies::{Disabled, Enabled, NetworkSecurityGroupEnabled, RouteTableEnabled};
    let hop = "VirtualAppliance 10.4.2.4";
    let displaces = |prefix: &str, kind: &str, policies| {
        let mut lab = lab();
        lab.endpoint_policies("V/services", policies);
        lab.table("V/clients", &[&format!("{prefix} {kind}")]);
        let network = lab.build();
        // FE-10: only on subnets whose own table holds it.
        assert!(shows(&network, "P/s", ROW));
        assert_ne!(shows(&network, "V/clients", ROW), shows(&network, "V/clients", DISPLACED));
        shows(&network, "V/clients", DISPLACED)
    };
    for prefix in ["10.4.0.0/16", "10.4.1.0/24", "10.4.1.5/32"] {
        assert!(displaces(prefix, hop, Enabled), "{prefix}");
        assert!(displaces(prefix, hop, RouteTableEnabled), "{prefix}");
        assert!(displaces(prefix, "None", Enabled), "{prefix}");
        // FE-29: policies do not matter to a route for the very address.
        let exact = prefix.ends_with("/32");
        assert_eq!(displaces(prefix, hop, Disabled), exact, "{prefix}");
        assert_eq!(displaces(prefix, hop, NetworkSecurityGroupEnabled), exact, "{prefix}");
        assert!(!displaces(prefix, "VnetLocal", Enabled), "{prefix}");
    }
    for prefix in ["10.0.0.0/8", "0.0.0.0/0", "10.4.2.0/24"] {
        assert!(!displaces(prefix, hop, Enabled), "{prefix}");
    }
}

#[test]
fn an_equal_user_route_that_may_not_displace_it_is_invalid() {
    let mut lab = lab();
    lab.table("V/clients", &["10.4.1.5/32 VnetLocal"]);
    let network = lab.build();
    assert!(shows(&network, "V/clients", "User Invalid 10.4.1.5/32 VnetLocal"));
    assert_complete(&tcp(&network, "client", "10.4.1.5")); // FAIL-32
}

#[test]
fn answers_do_not_know_route_tables() {
    let mut lab = lab();
    lab.table("V/services", &["10.4.0.0/24 None", "10.5.0.0/16 None"]);
    let network = lab.build();
    for from in ["client", "peer"] {
        let packets = tcp(&network, from, "10.4.1.5");
        assert_complete(&packets);
    }
    // So a firewall in front of it sees one direction, unless it translates.
    lab.endpoint_policies("V/services", PrivateEndpointPolicies::Enabled);
    lab.table("V/clients", &["10.4.0.0/16 VirtualAppliance 10.4.2.4", "10.4.2.0/24 VnetLocal"]);
    let network = lab.build();
    let packets = tcp(&network, "client", "10.4.1.5");
    let expected = dropped(Place::Nic(nic(&network, "nva")), DropReason::NvaNoSession);
    assert_eq!((packets.len(), last(&packets)), (3, expected));
    lab.guest("nva", Role::Firewall, Snat::Always);
    let packets = tcp(&lab.build(), "client", "10.4.1.5");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(SERVICE, "10.4.2.4", 63));
}

#[test]
fn nsg25_groups_apply_only_when_the_subnet_says_so() {
    use PrivateEndpointPolicies::{Disabled, Enabled, NetworkSecurityGroupEnabled, RouteTableEnabled};
    let mut lab = lab();
    lab.nsg_on("V/services", "n", &["no-peer 100 In Deny * 10.5.0.0/16 * * *"]);
    for (policies, filters) in
        [(Disabled, false), (RouteTableEnabled, false), (Enabled, true), (NetworkSecurityGroupEnabled, true)]
    {
        lab.endpoint_policies("V/services", policies);
        let network = lab.build();
        assert_complete(&tcp(&network, "client", "10.4.1.5"));
        let packets = tcp(&network, "peer", "10.4.1.5");
        if !filters {
            assert_complete(&packets);
            continue;
        }
        assert_eq!(last(&packets), dropped(SERVICE, DropReason::NsgDeny));
        let (nsg, rule) = ("n".to_owned(), "no-peer".to_owned());
        let endpoint = PrivateEndpointId(0);
        let denied = OracleHop::EndpointNsg { endpoint, nsg, rule, allowed: false };
        assert_eq!(packets[0].hops.last(), Some(&denied));
    }
}

#[test]
fn nsg20_a_private_endpoint_can_be_a_member_of_a_group() {
    let mut lab = lab();
    let group = draft::ApplicationSecurityGroup { name: name("sql") };
    lab.draft.application_security_groups.push(group);
    lab.draft.private_endpoints[0].application_security_groups.push(name("sql"));
    lab.nsg_on("V/clients", "n", &["no-sql 100 Out Deny * * * * *"]);
    let to = &mut lab.draft.network_security_groups[0].security_rules[0].destination;
    to.prefixes.clear();
    to.application_security_groups.push(name("sql"));
    let network = lab.build();
    let client = Place::Nic(nic(&network, "client"));
    assert_eq!(last(&tcp(&network, "client", "10.4.1.5")), dropped(client, DropReason::NsgDeny));
    assert_complete(&tcp(&network, "client", "10.5.0.4"));
}

#[test]
fn peer08_an_endpoint_takes_forwarded_traffic_like_a_nic() {
    let mut lab = lab();
    lab.table("Q/s", &["10.4.1.5/32 VirtualAppliance 10.5.0.9"]);
    lab.vm("far", "Q/s", "10.6.0.4");
    lab.nva("relay", "P/s", "10.5.0.9", Role::Router, Snat::Never);
    let network = lab.build();
    let expected = dropped(SERVICE, DropReason::ForwardedTrafficBlocked);
    assert_eq!(last(&tcp(&network, "far", "10.4.1.5")), expected);
}

#[test]
fn on_premises_reaches_it_through_the_gateway() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    lab.endpoint("sql", "S1/snet", "10.20.0.9");
    let network = lab.build();
    let packets = tcp(&network, "192.168.1.1", "10.20.0.9");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(SERVICE, "192.168.1.1", 63));
    assert_eq!(gateways(&packets[1]), ["gw"]);
}
