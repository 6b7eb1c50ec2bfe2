//! The state machine of PEER-03 and PEER-04 row by row, sync levels (PEER-15 to PEER-18), the timeline of PEER-44.

use vnetsim_model::{
    DeploymentModel, Network, OperationKind, PeeringState as State, PeeringSyncLevel as Sync, Semantics,
    draft::Draft,
};

use crate::build::{accepted, delete, good, id, link, put, put_with, refused, space, sync, vnet};

/// Three networks without links; `classic` is one of the old model.
fn network() -> Network {
    let mut classic = vnet("classic", &["10.40.0.0/16"]);
    classic.deployment_model = Some(DeploymentModel::Classic.into());
    let virtual_networks = vec![vnet("hub", &["10.10.0.0/16"]), vnet("s1", &["10.20.0.0/16"]), classic];
    good(&Draft { virtual_networks, ..Draft::default() }, Semantics::default())
}

fn connected() -> Network {
    let mut network = network();
    let asked = put(&network, "hub", "h", "s1");
    accepted(&mut network, &asked);
    let back = put(&network, "s1", "s", "hub");
    accepted(&mut network, &back);
    network
}

fn state(network: &Network, from: &str, to: &str) -> Option<State> {
    network.link_between(id(network, from), id(network, to)).map(|(_, link)| link.state)
}

/// States of the links hub -> s1 and s1 -> hub; `None` where there is no link.
fn states(network: &Network) -> (Option<State>, Option<State>) {
    (state(network, "hub", "s1"), state(network, "s1", "hub"))
}

fn levels(network: &Network) -> (Sync, Sync) {
    let of = |from, to| {
        let (link, _) = network.link_between(id(network, from), id(network, to)).expect("a link");
        network.sync_level(link)
    };
    (of("hub", "s1"), of("s1", "hub"))
}

fn routed(network: &Network, from: &str) -> usize {
    network.connected_links_of(id(network, from)).map(|(_, link)| link.remote_address_space.len()).sum()
}

#[test]
fn row_1_creation_without_an_opposite_link() {
    let mut network = network();
    let first = put(&network, "hub", "h", "s1");
    accepted(&mut network, &first);
    assert_eq!(states(&network), (Some(State::Initiated), None)); // S49
    assert_eq!((routed(&network, "hub"), routed(&network, "s1")), (0, 0));
}

#[test]
fn row_2_creation_beside_an_initiated_link() {
    let network = connected();
    assert_eq!(states(&network), (Some(State::Connected), Some(State::Connected))); // S50
    assert_eq!((routed(&network, "hub"), routed(&network, "s1")), (1, 1));
}

#[test]
fn row_3_creation_beside_a_disconnected_link() {
    let mut network = connected();
    let gone = delete(&network, "hub", "h");
    accepted(&mut network, &gone);
    let again = put(&network, "hub", "h", "s1");
    refused(&mut network, &again, "RemotePeeringIsDisconnected");
    assert_eq!(states(&network), (None, Some(State::Disconnected)));
}

#[test]
fn row_3_update_beside_a_disconnected_link() {
    let mut hub = vnet("hub", &["10.10.0.0/16"]);
    hub.peerings.push(link("h", "s1"));
    hub.peerings[0].peering_state = Some(State::Disconnected.into());
    let mut s1 = vnet("s1", &["10.20.0.0/16"]);
    s1.peerings.push(link("s", "hub"));
    s1.peerings[0].peering_state = Some(State::Disconnected.into());
    let draft = Draft { virtual_networks: vec![hub, s1], ..Draft::default() };
    let mut network = good(&draft, Semantics::default());
    let update = put(&network, "hub", "h", "s1");
    refused(&mut network, &update, "RemotePeeringIsDisconnected");
}

#[test]
fn row_4_deletion_while_connected() {
    let mut network = connected();
    let gone = delete(&network, "hub", "h");
    accepted(&mut network, &gone);
    assert_eq!(states(&network), (None, Some(State::Disconnected))); // S51
    assert_eq!((routed(&network, "hub"), routed(&network, "s1")), (0, 0)); // PEER-04
}

#[test]
fn row_5_deletion_while_initiated() {
    let mut network = network();
    let first = put(&network, "hub", "h", "s1");
    accepted(&mut network, &first);
    let gone = delete(&network, "hub", "H"); // names ignore case (JSON-15)
    accepted(&mut network, &gone);
    assert_eq!(states(&network), (None, None));
    refused(&mut network, &gone, "ResourceNotFound");
}

#[test]
fn row_6_deletion_of_a_network() {
    let mut network = connected();
    let vnet: vnetsim_model::Operation = OperationKind::DeleteVnet(id(&network, "hub")).into();
    refused(&mut network, &vnet, "InUseByPeerings"); // "after removing its link"
    let gone = delete(&network, "hub", "h");
    accepted(&mut network, &gone);
    accepted(&mut network, &vnet);
    assert_eq!(states(&network), (None, Some(State::Disconnected)));
    assert!(network.existing_vnets().all(|(_, vnet)| vnet.name.value != "hub"));
    assert_eq!(network.vnets().len(), 3, "ids stay");
    refused(&mut network, &vnet, "ResourceNotFound");
    let again = put(&network, "s1", "s", "hub");
    refused(&mut network, &again, "ResourceNotFound");
    let synced = sync(&network, "s1", "s");
    refused(&mut network, &synced, "ResourceNotFound");
    let last = delete(&network, "s1", "s");
    accepted(&mut network, &last);
}

#[test]
fn row_6_with_a_link_that_only_waits() {
    let mut network = network();
    let waiting = put(&network, "s1", "s", "hub");
    accepted(&mut network, &waiting);
    accepted(&mut network, &OperationKind::DeleteVnet(vnetsim_types::VnetId(0)).into());
    assert_eq!(states(&network), (None, Some(State::Disconnected)));
}

#[test]
fn row_7_a_classic_network_has_no_link_and_traffic_both_ways() {
    let mut network = network();
    let single = put_with(&network, "hub", "h", "classic", |link| {
        link.allow_gateway_transit = Some(true.into());
    });
    accepted(&mut network, &single);
    assert_eq!(state(&network, "hub", "classic"), Some(State::Connected));
    assert_eq!((routed(&network, "hub"), routed(&network, "classic")), (1, 1));
    let (_, back) = network.link_between(id(&network, "classic"), id(&network, "hub")).expect("a way back");
    assert!(back.implied && back.use_remote_gateways.value); // the hub's flag is all there is (PEER-28)
    let not_an_object = delete(&network, "classic", "h");
    refused(&mut network, &not_an_object, "ResourceNotFound");
    let grown = space(&network, "hub", &["10.10.0.0/16", "10.11.0.0/16"]);
    refused(&mut network, &grown, "AddressSpaceChangeWithClassicPeerNotSupported"); // PEER-18
    let update = put(&network, "hub", "h", "classic");
    accepted(&mut network, &update);
    let (_, back) = network.link_between(id(&network, "classic"), id(&network, "hub")).expect("a way back");
    assert!(!back.use_remote_gateways.value);
    let gone = delete(&network, "hub", "h");
    accepted(&mut network, &gone);
    assert_eq!(network.existing_links().count(), 0);
    let again = put(&network, "hub", "h", "classic");
    accepted(&mut network, &again);
    assert_eq!((routed(&network, "hub"), routed(&network, "classic")), (1, 1));
}

#[test]
fn both_ways_out_of_disconnected() {
    let mut network = connected();
    let gone = delete(&network, "hub", "h");
    accepted(&mut network, &gone);
    // U-18: write the disconnected link again, then the missing one.
    let mut rewritten = network.clone();
    let again = put(&network, "s1", "s", "hub");
    accepted(&mut rewritten, &again);
    assert_eq!(states(&rewritten), (None, Some(State::Initiated)));
    accepted(&mut rewritten, &put(&network, "hub", "h", "s1"));
    assert_eq!(states(&rewritten), (Some(State::Connected), Some(State::Connected)));
    // PEER-04: delete it, create both.
    for step in
        [delete(&network, "s1", "s"), put(&network, "hub", "h", "s1"), put(&network, "s1", "s", "hub")]
    {
        accepted(&mut network, &step);
    }
    assert_eq!(states(&network), (Some(State::Connected), Some(State::Connected)));
}

#[test]
fn flags_change_in_place() {
    let mut network = connected();
    let update = put_with(&network, "s1", "s", "hub", |link| {
        link.allow_forwarded_traffic = Some(true.into());
        link.allow_virtual_network_access = Some(false.into());
    });
    accepted(&mut network, &update);
    let (_, link) = network.link_between(id(&network, "s1"), id(&network, "hub")).expect("a link");
    assert!(link.allow_forwarded_traffic.value && !link.allow_virtual_network_access.value); // PEER-21
    assert_eq!(states(&network), (Some(State::Connected), Some(State::Connected)));
    let defaults = put(&network, "s1", "s", "hub");
    accepted(&mut network, &defaults);
    let (_, link) = network.link_between(id(&network, "s1"), id(&network, "hub")).expect("a link");
    assert!(!link.allow_forwarded_traffic.value && link.allow_virtual_network_access.value); // PEER-05, U-27
}

#[test]
fn the_timeline_of_peer_44() {
    let mut network = network();
    let copy_of_hub = |network: &Network| {
        let (_, link) = network.link_between(id(network, "s1"), id(network, "hub")).expect("a link");
        link.remote_address_space.iter().map(ToString::to_string).collect::<Vec<_>>()
    };
    let t0 = put(&network, "hub", "h", "s1");
    accepted(&mut network, &t0);
    assert_eq!(states(&network), (Some(State::Initiated), None));
    assert_eq!(routed(&network, "hub"), 0);

    let t1 = put(&network, "s1", "s", "hub");
    accepted(&mut network, &t1);
    assert_eq!(states(&network), (Some(State::Connected), Some(State::Connected)));
    assert_eq!(levels(&network), (Sync::FullyInSync, Sync::FullyInSync));
    assert_eq!(copy_of_hub(&network), ["10.10.0.0/16"]);

    let t2 = space(&network, "hub", &["10.10.0.0/16", "10.11.0.0/16"]);
    accepted(&mut network, &t2);
    assert_eq!(levels(&network), (Sync::RemoteNotInSync, Sync::LocalNotInSync));
    assert_eq!(copy_of_hub(&network), ["10.10.0.0/16"]); // no 10.11 row

    let t3 = sync(&network, "s1", "s");
    accepted(&mut network, &t3);
    assert_eq!(levels(&network), (Sync::FullyInSync, Sync::FullyInSync));
    assert_eq!(copy_of_hub(&network), ["10.10.0.0/16", "10.11.0.0/16"]);

    let t4 = delete(&network, "hub", "h");
    accepted(&mut network, &t4);
    assert_eq!(states(&network), (None, Some(State::Disconnected)));
    assert_eq!((routed(&network, "hub"), routed(&network, "s1")), (0, 0));

    let t5 = put(&network, "hub", "h", "s1");
    refused(&mut network, &t5, "RemotePeeringIsDisconnected");

    for t6 in [delete(&network, "s1", "s"), put(&network, "hub", "h", "s1"), put(&network, "s1", "s", "hub")]
    {
        accepted(&mut network, &t6);
    }
    assert_eq!(states(&network), (Some(State::Connected), Some(State::Connected)));
    assert_eq!(levels(&network), (Sync::FullyInSync, Sync::FullyInSync));
}

#[test]
fn sync_refreshes_one_side_only() {
    let mut network = connected();
    for step in [space(&network, "hub", &["10.11.0.0/16"]), space(&network, "s1", &["10.21.0.0/16"])] {
        accepted(&mut network, &step);
    }
    let both = Sync::LocalAndRemoteNotInSync;
    assert_eq!(levels(&network), (both, both)); // PEER-15
    let hub = sync(&network, "hub", "h");
    accepted(&mut network, &hub);
    assert_eq!(levels(&network), (Sync::RemoteNotInSync, Sync::LocalNotInSync)); // U-17
    // An update of the flags is no sync (PEER-17).
    let flags = put(&network, "s1", "s", "hub");
    accepted(&mut network, &flags);
    assert_eq!(levels(&network), (Sync::RemoteNotInSync, Sync::LocalNotInSync));
    let s1 = sync(&network, "s1", "s");
    accepted(&mut network, &s1);
    assert_eq!(levels(&network), (Sync::FullyInSync, Sync::FullyInSync));
}
