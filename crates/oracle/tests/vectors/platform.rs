//! Azure itself as destination: the host (FAB-08 to FAB-10, NSG-22) and service endpoints (RT-07). Also the policy of
//! firewalls (FLOW-05).

use vnetsim_model::{Network, Role, Snat};
use vnetsim_oracle::{OracleHop, OraclePacket};
use vnetsim_types::{DropReason, Place};

use crate::lab::*;

const HOST: &str = "168.63.129.16";
const METADATA: &str = "169.254.169.254";

fn vm1(network: &Network) -> Place {
    Place::Nic(nic(network, "vm1"))
}

fn answered(network: &Network, packets: &[OraclePacket], asked: &str) {
    assert_eq!(packets[0].outcome, delivered(Place::Platform, "10.20.0.4", 64));
    assert_eq!(packets[1].outcome, delivered(vm1(network), asked, 64));
    assert!(packets.iter().all(|packet| packet.hops.is_empty()), "{packets:#?}");
}

#[test]
fn fab10_neither_routes_nor_rules_touch_the_host() {
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["0.0.0.0/0 None", "168.63.129.16/32 None"]);
    lab.nsg_on("S1/snet", "n", &["out 100 Out Deny * * * * *", "in 100 In Deny * * * * *"]);
    let network = lab.build();
    answered(&network, &talk(&network, "vm1", HOST, "udp/53").packets, HOST);
    answered(&network, &talk(&network, "vm1", METADATA, "tcp/80").packets, METADATA);
    // FAB-08: the host is the DHCP server; FAB-07 is about guests.
    let mut traffic = traffic(&network, "vm1", HOST, "udp/67");
    traffic.source_port = 68;
    answered(&network, &vnetsim_oracle::conversation(&network, &traffic).packets, HOST);
}

#[test]
fn nsg22_only_rules_that_name_the_service_stop_it() {
    let mut lab = hub_and_spokes();
    let rules =
        ["dns 200 Out Deny * * * AzurePlatformDNS *", "meta 210 Out Deny Tcp * * AzurePlatformIMDS 80"];
    lab.nsg_on("S1/snet", "n", &rules);
    let network = lab.build();
    for (to, protocol, rule) in [(HOST, "udp/53", "dns"), (METADATA, "tcp/80", "meta")] {
        let packets = talk(&network, "vm1", to, protocol).packets;
        assert_eq!(last(&packets), dropped(vm1(&network), DropReason::NsgDeny));
        assert_eq!(last_rule(&packets[0]), Some(format!("n/{rule} false")));
    }
    answered(&network, &talk(&network, "vm1", METADATA, "tcp/8080").packets, METADATA);
    // They do not matter elsewhere.
    assert_complete(&tcp(&network, "vm1", "8.8.8.8"));
    // NSG-03: an Allow rule that comes first.
    lab.nsg(
        "nic",
        &["yes 100 Out Allow Udp * * AzurePlatformDNS 53", "no 200 Out Deny * * * AzurePlatformDNS *"],
    );
    lab.the_subnet("S1/snet").network_security_group = None;
    lab.the_nic("vm1-nic").network_security_group = Some(name("nic"));
    let network = lab.build();
    answered(&network, &talk(&network, "vm1", HOST, "udp/53").packets, HOST);
    assert_eq!(last(&tcp(&network, "vm1", HOST)), dropped(vm1(&network), DropReason::NsgDeny));
}

#[test]
fn nsg22_key_management_is_exempt_unless_the_default_route_is_replaced() {
    const KMS: &str = "23.102.135.246";
    let mut lab = hub_and_spokes();
    lab.nsg_on("S1/snet", "n", &["out 100 Out Deny * * * * *"]);
    let ask = |lab: &Lab, protocol: &str| {
        let network = lab.build();
        talk(&network, "vm1", KMS, protocol).packets
    };
    assert_complete(&ask(&lab, "tcp/1688"));
    let denied = dropped(vm1(&lab.build()), DropReason::NsgDeny);
    assert_eq!(last(&ask(&lab, "tcp/443")), denied);
    assert_eq!(last(&ask(&lab, "udp/1688")), denied);
    lab.table("S1/snet", &["0.0.0.0/0 Internet"]);
    assert_eq!(last(&ask(&lab, "tcp/1688")), denied);
    lab.the_subnet("S1/snet").route_table = None;
    lab.draft.network_security_groups.clear();
    lab.nsg_on("S1/snet", "n", &["keys 100 Out Deny * * * AzurePlatformLKM *"]);
    let packets = ask(&lab, "tcp/1688");
    assert_eq!(last(&packets), denied);
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("n/keys false"));
}

#[test]
fn fab12_the_host_answers_nobody_who_lies() {
    let network = hub_and_spokes().build();
    let mut lie = traffic(&network, "vm1", METADATA, "tcp/80");
    lie.from.address = ip("10.20.0.9");
    let packets = vnetsim_oracle::conversation(&network, &lie).packets;
    assert_eq!(last(&packets), dropped(vm1(&network), DropReason::SourceNotOwned));
}

#[test]
fn rt07_the_service_sees_the_private_address() {
    let mut lab = hub_and_spokes();
    lab.service_tag("Storage", &["20.38.0.0/16"]);
    lab.the_subnet("S1/snet").service_endpoints.push(name("Microsoft.Storage"));
    // FE-22: it needs no other way out.
    lab.the_subnet("S1/snet").default_outbound_access = Some(false.into());
    lab.table(
        "S1/snet",
        &["20.38.0.0/24 VirtualAppliance 10.10.0.4", "0.0.0.0/0 VirtualAppliance 10.10.0.4"],
    );
    lab.nsg_on("S1/snet", "n", &["storage 100 Out Allow Tcp * * Storage 443", "no 200 Out Deny * * * * *"]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "20.38.0.1");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Platform, "10.20.0.4", 64));
    assert_eq!(packets[1].outcome, delivered(vm1(&network), "20.38.0.1", 64));
    let direction = vnetsim_types::Direction::Inbound;
    assert_eq!(packets[1].hops, [OracleHop::FlowHit { nic: nic(&network, "vm1"), direction }]);
    let denied = dropped(vm1(&network), DropReason::NsgDeny);
    assert_eq!(last(&talk(&network, "vm1", "20.38.0.1", "tcp/80").packets), denied);
}

#[test]
fn flow05_the_policy_of_a_firewall() {
    let mut lab = chained();
    lab.guest("nva", Role::Firewall, Snat::Never);
    lab.policy("nva", &["Deny 10.20.0.4/32 * tcp/22", "Allow 10.20.0.0/16 10.30.0.0/16 tcp/443,tcp/22,icmp"]);
    let network = lab.build();
    assert_complete(&tcp(&network, "vm1", "vm2"));
    assert_eq!(talk(&network, "vm1", "vm2", "icmp").packets.len(), 2);
    let denied = dropped(Place::Nic(nic(&network, "nva")), DropReason::NvaPolicyDeny);
    for protocol in ["tcp/22", "tcp/80", "udp/443"] {
        assert_eq!(last(&talk(&network, "vm1", "vm2", protocol).packets), denied, "{protocol}");
    }
    assert_eq!(last(&tcp(&network, "vm2", "vm1")), denied);
    // What is for the firewall itself is not forwarded.
    assert_complete(&talk(&network, "vm1", "10.10.0.4", "tcp/22").packets);
    // Out of state comes before policy.
    lab.the_subnet("S1/snet").route_table = None;
    lab.peer("S1", "S2");
    let packets = tcp(&lab.build(), "vm1", "vm2");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "nva")), DropReason::NvaNoSession));
}
