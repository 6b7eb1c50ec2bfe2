//! RT-35 and the other worked tables, V-17.

use vnetsim_model::{BgpVsPeering, DeploymentModel, GatewayType, NoneRoutesOnDefaultOverride, Semantics};
use vnetsim_oracle::{NextHopType, RouteSource};

use crate::lab::*;

const NONE_ROWS: [&str; 4] = [
    "Default Active 10.0.0.0/8 None",
    "Default Active 100.64.0.0/10 None",
    "Default Active 172.16.0.0/12 None",
    "Default Active 192.168.0.0/16 None",
];

fn sorted(rows: &[&str]) -> Vec<String> {
    let mut rows: Vec<String> = rows.iter().map(|row| (*row).to_owned()).collect();
    rows.sort();
    rows
}

/// RT-35 without the table of Subnet1.
fn rt35() -> Lab {
    let mut lab = Lab::default();
    lab.service_tag("Storage", &["20.38.0.0/16", "52.239.0.0/16"]);
    lab.vnet("VNet1", &["10.0.0.0/16"]);
    let subnet1 = lab.subnet("VNet1/Subnet1", "10.0.0.0/24");
    subnet1.service_endpoints.push("Microsoft.Storage".to_owned().into());
    lab.subnet("VNet1/Subnet2", "10.0.1.0/24");
    lab.subnet("VNet1/Nva", "10.0.100.0/24");
    lab.subnet("VNet1/GatewaySubnet", "10.0.255.0/27");
    lab.vnet("VNet2", &["10.1.0.0/16", "10.2.0.0/16"]);
    lab.peer("VNet1", "VNet2");
    lab.gateway("gw", "VNet1", GatewayType::Vpn);
    lab.site("onprem", "gw", &["10.10.0.0/16"]);
    lab
}

fn rt35_with_table() -> Lab {
    let mut lab = rt35();
    let nva = "VirtualAppliance 10.0.100.4";
    let routes = [
        &format!("10.0.0.0/16 {nva}"),
        "10.0.0.0/24 VnetLocal",
        "10.1.0.0/16 None",
        "10.2.0.0/16 None",
        &format!("10.10.0.0/16 {nva}"),
        &format!("0.0.0.0/0 {nva}"),
    ];
    lab.table("VNet1/Subnet1", &routes);
    lab
}

#[test]
fn rt35_table_of_subnet1() {
    let expected = sorted(&[
        "Default Invalid 10.0.0.0/16 VnetLocal",
        "User Active 10.0.0.0/16 VirtualAppliance 10.0.100.4",
        "User Active 10.0.0.0/24 VnetLocal",
        "Default Invalid 10.1.0.0/16 VNetPeering",
        "Default Invalid 10.2.0.0/16 VNetPeering",
        "User Active 10.1.0.0/16 None",
        "User Active 10.2.0.0/16 None",
        "Gateway Invalid 10.10.0.0/16 VirtualNetworkGateway 10.0.255.4",
        "User Active 10.10.0.0/16 VirtualAppliance 10.0.100.4",
        "Default Active 20.38.0.0/16 VirtualNetworkServiceEndpoint",
        "Default Active 52.239.0.0/16 VirtualNetworkServiceEndpoint",
        "Default Invalid 0.0.0.0/0 Internet",
        "User Active 0.0.0.0/0 VirtualAppliance 10.0.100.4",
    ]);
    assert_eq!(printed(&rt35_with_table().build(), "VNet1/Subnet1"), expected);
}

#[test]
fn rt35_table_of_subnet2() {
    let mut expected = sorted(&[
        "Default Active 10.0.0.0/16 VnetLocal",
        "Default Active 10.1.0.0/16 VNetPeering",
        "Default Active 10.2.0.0/16 VNetPeering",
        "Gateway Active 10.10.0.0/16 VirtualNetworkGateway 10.0.255.4",
        "Default Active 0.0.0.0/0 Internet",
    ]);
    expected.extend(sorted(&NONE_ROWS));
    expected.sort();
    assert_eq!(printed(&rt35_with_table().build(), "VNet1/Subnet2"), expected);
}

#[test]
fn rt35_probes() {
    let network = rt35_with_table().build();
    let from1 = |dst| chosen(&network, "VNet1/Subnet1", dst);
    let nva = Some((NextHopType::VirtualAppliance, RouteSource::User));
    assert_eq!(from1("10.0.0.9"), Some((NextHopType::VnetLocal, RouteSource::User)));
    assert_eq!(from1("10.0.7.9"), nva);
    assert_eq!(from1("10.1.4.4"), Some((NextHopType::None, RouteSource::User)));
    assert_eq!(from1("10.3.0.1"), nva);
    assert_eq!(from1("192.168.9.9"), nva);
    let endpoint = Some((NextHopType::VirtualNetworkServiceEndpoint, RouteSource::Default));
    assert_eq!(from1("20.38.1.1"), endpoint);
    assert_eq!(from1("8.8.8.8"), nva);
    let none = Some((NextHopType::None, RouteSource::Default));
    assert_eq!(chosen(&network, "VNet1/Subnet2", "10.3.0.1"), none);
    // RT-39
    assert_eq!(chosen(&network, "VNet1/Subnet2", "172.31.0.100"), none);
}

#[test]
fn rt07_endpoints_cannot_be_overridden() {
    let mut lab = rt35();
    let nva = "VirtualAppliance 10.0.100.4";
    let routes = [&format!("20.38.0.0/16 {nva}"), &format!("52.239.1.0/24 {nva}")];
    lab.table("VNet1/Subnet1", &routes.map(String::as_str));
    let network = lab.build();
    let endpoint = Some((NextHopType::VirtualNetworkServiceEndpoint, RouteSource::Default));
    assert_eq!(chosen(&network, "VNet1/Subnet1", "20.38.1.1"), endpoint);
    assert_eq!(chosen(&network, "VNet1/Subnet1", "52.239.1.1"), endpoint);
    let rows = printed(&network, "VNet1/Subnet1");
    assert!(rows.contains(&"User Invalid 20.38.0.0/16 VirtualAppliance 10.0.100.4".to_owned()));
    assert!(rows.contains(&"User Active 52.239.1.0/24 VirtualAppliance 10.0.100.4".to_owned()));
}

#[test]
fn v17_own_block_equal_to_a_none_prefix() {
    let mut lab = Lab::default();
    lab.vnet("big", &["10.0.0.0/8"]);
    lab.subnet("big/s", "10.0.0.0/24");
    lab.vnet("wide", &["172.0.0.0/8"]);
    lab.subnet("wide/s", "172.0.0.0/24");
    let network = lab.build();
    let mut expected = sorted(&["Default Active 10.0.0.0/8 VnetLocal", "Default Active 0.0.0.0/0 Internet"]);
    expected.extend(sorted(&NONE_ROWS[1..]));
    expected.sort();
    assert_eq!(printed(&network, "big/s"), expected);
    // RT-03 (b): strictly containing.
    assert!(!printed(&network, "wide/s").contains(&NONE_ROWS[2].to_owned()));
}

#[test]
fn a_peering_row_replaces_the_equal_none_row() {
    let mut lab = Lab::default();
    lab.vnet("A", &["10.1.0.0/16"]);
    lab.subnet("A/s", "10.1.0.0/24");
    lab.vnet("B", &["192.168.0.0/16"]);
    lab.peer("A", "B");
    let rows = printed(&lab.build(), "A/s");
    let equal: Vec<&String> = rows.iter().filter(|row| row.contains("192.168")).collect();
    assert_eq!(equal, ["Default Active 192.168.0.0/16 VNetPeering"]);
}

#[test]
fn rt37_fe01_a_user_summary_removes_only_the_equal_none_row() {
    let mut lab = hub_and_spokes();
    lab.table("S1/snet", &["10.0.0.0/8 VirtualAppliance 10.10.0.4"]);
    let expected = sorted(&[
        "Default Active 0.0.0.0/0 Internet",
        "Default Active 10.10.0.0/16 VNetPeering",
        "Default Active 10.20.0.0/16 VnetLocal",
        NONE_ROWS[1],
        NONE_ROWS[2],
        NONE_ROWS[3],
        "User Active 10.0.0.0/8 VirtualAppliance 10.10.0.4",
    ]);
    assert_eq!(printed(&lab.build(), "S1/snet"), expected);
}

fn none_rows_left(lab: &Lab, mode: NoneRoutesOnDefaultOverride) -> usize {
    let semantics = Semantics { none_routes_on_default_override: mode, ..Semantics::default() };
    let rows = printed(&lab.build_as(semantics), "S1/snet");
    rows.iter().filter(|row| NONE_ROWS.contains(&row.as_str())).count()
}

#[test]
fn u04_which_default_removes_the_none_rows() {
    use NoneRoutesOnDefaultOverride::{Documented, Keep, Remove};
    let mut lab = hub_and_spokes();
    let left = |lab: &Lab| [Remove, Documented, Keep].map(|mode| none_rows_left(lab, mode));
    assert_eq!(left(&lab), [4, 4, 4]);
    lab.table("S1/snet", &["0.0.0.0/0 VirtualAppliance 10.10.0.4"]);
    assert_eq!(left(&lab), [0, 0, 4]);
    lab.table("S1/snet", &["0.0.0.0/0 Internet"]);
    assert_eq!(left(&lab), [0, 4, 4]);

    let mut lab = hub_and_spokes();
    lab.site("default", "gw", &["0.0.0.0/0"]);
    borrow(&mut lab, "S1");
    // The site's own 192.168.0.0/16 takes one None row away (FE-28) where they stay.
    assert_eq!(left(&lab), [0, 0, 3]);
}

#[test]
fn fe02_a_learned_default_replaces_internet() {
    let mut lab = hub_and_spokes();
    lab.site("default", "gw", &["0.0.0.0/0"]);
    borrow(&mut lab, "S1");
    let rows = printed(&lab.build(), "S1/snet");
    assert!(!rows.iter().any(|row| row.contains("Internet")));
    assert!(rows.contains(&"Gateway Active 0.0.0.0/0 VirtualNetworkGateway 10.10.255.4".to_owned()));

    lab.table("S1/snet", &["0.0.0.0/0 Internet"]);
    let rows = printed(&lab.build(), "S1/snet");
    assert!(rows.contains(&"Gateway Invalid 0.0.0.0/0 VirtualNetworkGateway 10.10.255.4".to_owned()));
    assert!(rows.contains(&"User Active 0.0.0.0/0 Internet".to_owned()));
    assert!(!rows.contains(&"Default Invalid 0.0.0.0/0 Internet".to_owned()));
}

#[test]
fn gw24_borrowed_and_not_borrowed() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    let expected = sorted(&[
        "Default Active 0.0.0.0/0 Internet",
        "Default Active 10.0.0.0/8 None",
        "Default Active 10.10.0.0/16 VNetPeering",
        "Default Active 10.20.0.0/16 VnetLocal",
        "Default Active 100.64.0.0/10 None",
        "Default Active 172.16.0.0/12 None",
        "Gateway Active 192.168.0.0/16 VirtualNetworkGateway 10.10.255.4",
    ]);
    let network = lab.build();
    assert_eq!(printed(&network, "S1/snet"), expected);
    assert!(!printed(&network, "S2/snet").iter().any(|row| row.contains("Gateway")));
    // RT-14
    lab.table("S1/snet", &[]).disable_bgp_route_propagation = Some(true.into());
    assert!(!printed(&lab.build(), "S1/snet").iter().any(|row| row.contains("Gateway")));
}

#[test]
fn rt38_fe03_learned_prefixes_inside_system_space() {
    let mut lab = hub_and_spokes();
    lab.site("inside", "gw", &["10.20.5.0/24", "10.10.3.0/24", "10.0.0.0/8"]);
    let network = lab.build();
    let rows = printed(&network, "H/snet-hub");
    assert!(!rows.iter().any(|row| row.contains("/24")));
    assert!(!rows.iter().any(|row| row.contains("10.0.0.0/8 None"))); // FE-28
    let peering = Some((NextHopType::VNetPeering, RouteSource::Default));
    assert_eq!(chosen(&network, "H/snet-hub", "10.20.5.7"), peering);

    let lpm = Semantics { bgp_vs_peering: BgpVsPeering::Lpm, ..Semantics::default() };
    let learned = Some((NextHopType::VirtualNetworkGateway, RouteSource::VirtualNetworkGateway));
    assert_eq!(chosen(&lab.build_as(lpm), "H/snet-hub", "10.20.5.7"), learned);
}

#[test]
fn fe06_expressroute_rows_hide_equal_vpn_rows() {
    let mut lab = hub_and_spokes();
    lab.gateway("er", "H", GatewayType::ExpressRoute);
    lab.circuit("circuit", &["er"], &["192.168.0.0/16"]);
    lab.site("branch", "gw", &["192.168.7.0/24"]);
    let express = "Gateway Active 192.168.0.0/16 VirtualNetworkGateway 10.10.255.5";
    let longer = "Gateway Active 192.168.7.0/24 VirtualNetworkGateway 10.10.255.4";
    assert_eq!(learned(&lab.build(), "H/snet-hub"), [express, longer]);
    // The VPN rows appear when the last ExpressRoute path goes.
    lab.draft.connections[1].up = Some(false.into());
    let vpn = "Gateway Active 192.168.0.0/16 VirtualNetworkGateway 10.10.255.4";
    assert_eq!(learned(&lab.build(), "H/snet-hub"), [vpn, longer]);
}

#[test]
fn rt32_classic_tables_show_no_peerings() {
    let mut lab = Lab::default();
    lab.vnet("new", &["10.1.0.0/16"]);
    lab.subnet("new/s", "10.1.0.0/24");
    lab.vnet("old", &["10.2.0.0/16"]).deployment_model = Some(DeploymentModel::Classic.into());
    lab.subnet("old/s", "10.2.0.0/24");
    lab.link("new", "old");
    lab.vm("a", "new/s", "10.1.0.4");
    lab.vm("b", "old/s", "10.2.0.4");
    let network = lab.build();
    let shows = |subnet| printed(&network, subnet).iter().any(|row| row.contains("VNetPeering"));
    assert!(shows("new/s") && !shows("old/s"));
    assert_complete(&tcp(&network, "b", "a"));
}

#[test]
fn rt13_explicit_beats_regional_beats_top_level() {
    let mut lab = hub_and_spokes();
    lab.service_tag("Storage", &["20.38.0.0/16"]);
    lab.service_tag("Storage.KoreaCentral", &["20.38.0.0/16"]);
    lab.table("S1/snet", &["Storage None", "Storage.KoreaCentral VirtualAppliance 10.10.0.4"]);
    let appliance = Some((NextHopType::VirtualAppliance, RouteSource::User));
    assert_eq!(chosen(&lab.build(), "S1/snet", "20.38.0.1"), appliance);
    let three = ["Storage None", "Storage.KoreaCentral None", "20.38.0.0/16 Internet"];
    lab.table("S1/snet", &three);
    let internet = Some((NextHopType::Internet, RouteSource::User));
    assert_eq!(chosen(&lab.build(), "S1/snet", "20.38.0.1"), internet);
}

#[test]
fn fe07_both_families_follow_the_same_rules() {
    let mut lab = Lab::default();
    lab.vnet("A", &["10.1.0.0/16", "fd00:1::/48"]).location = Some("West Europe".to_owned().into());
    lab.subnet("A/s", "10.1.0.0/24");
    lab.vnet("B", &["10.2.0.0/16", "fd00:2::/48"]).location = Some("Korea Central".to_owned().into());
    lab.peer("A", "B");
    lab.table("A/s", &["::/0 VirtualAppliance fd00:1::4", "fd00:2::/48 None"]);
    let mut expected = sorted(&[
        "Default Active 10.1.0.0/16 VnetLocal",
        "Default Active fd00:1::/48 VnetLocal",
        "Default Active 10.2.0.0/16 VNetGlobalPeering",
        "Default Invalid fd00:2::/48 VNetGlobalPeering",
        "Default Active 0.0.0.0/0 Internet",
        "Default Invalid ::/0 Internet",
        "User Active ::/0 VirtualAppliance fd00:1::4",
        "User Active fd00:2::/48 None",
    ]);
    expected.extend(sorted(&NONE_ROWS));
    expected.sort();
    assert_eq!(printed(&lab.build(), "A/s"), expected);
}
