//! V-01 to V-04 and V-18 to V-22: peerings, their flags, gateway transit.

use vnetsim_model::{ForwardedModel, PeeringState, Semantics};
use vnetsim_types::{DropReason, Place, SiteId};

use crate::lab::*;

fn only_link(from: &str, to: &str) -> Lab {
    let mut lab = hub_and_spokes();
    for vnet in &mut lab.draft.virtual_networks {
        vnet.peerings.clear();
    }
    lab.link(from, to);
    lab
}

#[test]
fn v01_connected_peering_delivers_directly() {
    let network = hub_and_spokes().build();
    let packets = tcp(&network, "vm1", "10.10.9.9");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Nic(nic(&network, "vm-hub")), "10.20.0.4", 64));
    assert_eq!(routes_taken(&packets[0]), ["10.10.0.0/16 VNetPeering"]);
    assert_eq!(routes_taken(&packets[1]), ["10.20.0.0/16 VNetPeering"]);
    assert_eq!(appliances(&packets[0]), 0);
}

#[test]
fn v02_one_link_is_no_peering() {
    let network = only_link("H", "S1").build();
    let packets = tcp(&network, "vm1", "10.10.9.9");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "vm1")), DropReason::RouteNone));
    assert_eq!(routes_taken(&packets[0]), ["10.0.0.0/8 None"]);
    // S49: nor does the side that has the link have a route.
    assert_eq!(routes_taken(&tcp(&network, "vm-hub", "10.20.0.4")[0]), ["10.0.0.0/8 None"]);
}

#[test]
fn v03_disconnected_link_carries_nothing() {
    let mut lab = only_link("S1", "H");
    lab.the_link("S1", "H").peering_state = Some(PeeringState::Disconnected.into());
    let network = lab.build();
    let packets = tcp(&network, "vm1", "10.10.9.9");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "vm1")), DropReason::RouteNone));
    assert_eq!(routes_taken(&packets[0]), ["10.0.0.0/8 None"]);
}

#[test]
fn v04_peering_is_not_transitive() {
    let network = hub_and_spokes().build();
    let packets = tcp(&network, "vm1", "vm2");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "vm1")), DropReason::RouteNone));
    assert_eq!(packets.len(), 1);
}

fn no_access() -> Lab {
    let mut lab = hub_and_spokes();
    lab.the_link("S1", "H").allow_virtual_network_access = Some(false.into());
    lab
}

#[test]
fn v18_no_access_shrinks_the_tag() {
    let mut lab = no_access();
    lab.nsg_on("S1/snet", "nsg1", &[]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "10.10.9.9");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "vm1")), DropReason::NsgDeny));
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("nsg1/DenyAllOutBound false"));
    // The other direction is refused on arrival.
    let packets = tcp(&network, "vm-hub", "10.20.0.4");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "vm1")), DropReason::NsgDeny));
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("nsg1/DenyAllInBound false"));
}

#[test]
fn v19_without_nsg_only_the_old_era_drops() {
    assert_complete(&tcp(&no_access().build(), "vm1", "10.10.9.9"));
    let network = no_access().build_2017();
    let packets = tcp(&network, "vm1", "10.10.9.9");
    assert_eq!(
        last(&packets),
        dropped(Place::Nic(nic(&network, "vm-hub")), DropReason::PeeringAccessDisabled)
    );
}

#[test]
fn v20_an_explicit_rule_opens_it_again() {
    let mut lab = no_access();
    let rules = ["to-hub 100 Out Allow * * * 10.10.0.0/16 *", "from-hub 100 In Allow * 10.10.0.0/16 * * *"];
    lab.nsg_on("S1/snet", "nsg1", &rules);
    lab.nsg_on("H/snet-hub", "nsg-hub", &[]);
    let network = lab.build();
    let packets = tcp(&network, "vm1", "10.10.9.9");
    assert_complete(&packets);
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("nsg-hub/AllowVnetInBound true"));
    assert_complete(&tcp(&network, "vm-hub", "10.20.0.4"));
}

#[test]
fn v21_the_hub_s_gateway_leads_on_premises() {
    let mut lab = hub_and_spokes();
    borrow(&mut lab, "S1");
    let network = lab.build();
    let packets = tcp(&network, "vm1", "192.168.1.1");
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(Place::Site(SiteId(0)), "10.20.0.4", 63));
    assert_eq!(packets[1].outcome, delivered(Place::Nic(nic(&network, "vm1")), "192.168.1.1", 63));
    // GW-21: asked at S1 and again at GatewaySubnet.
    assert_eq!(routes_taken(&packets[0]), ["192.168.0.0/16 VirtualNetworkGateway"; 2]);
    assert_eq!(routes_taken(&packets[1]), ["10.20.0.0/16 VNetPeering"]);
}

#[test]
fn v22_without_use_remote_gateways_no_route_is_learned() {
    let mut lab = hub_and_spokes();
    lab.the_link("H", "S1").allow_gateway_transit = Some(true.into());
    let network = lab.build();
    let packets = tcp(&network, "vm1", "192.168.1.1");
    assert_eq!(last(&packets), dropped(Place::Nic(nic(&network, "vm1")), DropReason::RouteNone));
    assert_eq!(routes_taken(&packets[0]), ["192.168.0.0/16 None"]);
}

#[test]
fn forwarded_model_field_accepts_symmetric_user_routes() {
    let mut lab = chained();
    lab.the_link("S2", "H").allow_forwarded_traffic = Some(false.into());
    let field = Semantics { forwarded_model: ForwardedModel::Field, ..Semantics::default() };
    assert_complete(&tcp(&lab.build_as(field), "vm1", "vm2"));
    // Without the user route in S2 even `field` drops.
    lab.table("S2/snet", &[]);
    let network = lab.build_as(field);
    let expected = dropped(Place::Nic(nic(&network, "vm2")), DropReason::ForwardedTrafficBlocked);
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), expected);
}

#[test]
fn the_synced_copy_drives_routes() {
    // PEER-16, FAIL-25: H grew by 10.11.0.0/16; S1 has the old copy.
    let mut lab = hub_and_spokes();
    lab.the_vnet("H").address_prefixes.push(net("10.11.0.0/16").into());
    lab.subnet("H/new", "10.11.0.0/24");
    lab.vm("vm-new", "H/new", "10.11.0.4");
    lab.the_link("S1", "H").remote_address_space = Some(vec![net("10.10.0.0/16").into()]);
    let network = lab.build();
    let expected = dropped(Place::Nic(nic(&network, "vm1")), DropReason::RouteNone);
    assert_eq!(last(&tcp(&network, "vm1", "10.11.0.4")), expected);
    // From vm-new the request reaches S1, to whose copy of H it is foreign: forwarded traffic (PEER-08).
    let packets = tcp(&network, "vm-new", "10.20.0.4");
    let blocked = dropped(Place::Nic(nic(&network, "vm1")), DropReason::ForwardedTrafficBlocked);
    assert_eq!((packets.len(), last(&packets)), (1, blocked));
    // Once S1 accepts that, the reply has no route.
    lab.the_link("S1", "H").allow_forwarded_traffic = Some(true.into());
    let packets = tcp(&lab.build(), "vm-new", "10.20.0.4");
    assert_eq!((packets.len(), last(&packets)), (2, expected));
}
