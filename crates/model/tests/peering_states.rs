//! The state machine of PEER-03 and PEER-04, event by event; refused operations change nothing.

use vnetsim_model::{
    Network, Operation, OperationKind, PeeringState as State, Semantics, check,
    draft::{Draft, Peering, VirtualNetwork},
};
use vnetsim_types::{At, VnetId};

const HUB: VnetId = VnetId(0);
const SPOKE: VnetId = VnetId(1);
const OTHER: VnetId = VnetId(2);

fn text(name: &str) -> At<String> {
    name.to_owned().into()
}

fn network() -> Network {
    let vnet = |name: &str, block: &str| VirtualNetwork {
        name: text(name),
        address_prefixes: vec![block.parse::<vnetsim_types::IpNet>().expect("a block").into()],
        ..VirtualNetwork::default()
    };
    let draft = Draft {
        virtual_networks: vec![
            vnet("hub", "10.10.0.0/16"),
            vnet("spoke", "10.20.0.0/16"),
            vnet("other", "10.20.128.0/17"),
        ],
        ..Draft::default()
    };
    let checked = check(&draft, Semantics::default());
    checked.network.unwrap_or_else(|| panic!("{:?}", checked.problems))
}

fn put(from: VnetId, to: VnetId, name: &str) -> Operation {
    let peering = Peering { name: text(name), ..Peering::default() };
    OperationKind::PutPeering { vnet: from, remote: to, peering: Box::new(peering) }.into()
}

fn delete(from: VnetId, name: &str) -> Operation {
    OperationKind::DeletePeering(from, text(name)).into()
}

/// States of the links hub -> spoke and spoke -> hub; `None` where there is no link.
fn states(network: &Network) -> (Option<State>, Option<State>) {
    let state = |from, to| network.link_between(from, to).map(|(_, link)| link.state);
    (state(HUB, SPOKE), state(SPOKE, HUB))
}

fn refused(network: &mut Network, operation: &Operation, code: &str) {
    let before = format!("{network:?}");
    let refusal = network.apply(operation).expect_err("a refusal");
    assert_eq!(refusal.code, code, "{}", refusal.message);
    assert_eq!(before, format!("{network:?}"), "a refused operation changed something");
}

#[test]
fn the_life_of_a_peering() {
    let mut network = network();
    assert_eq!(states(&network), (None, None));
    network.apply(&put(HUB, SPOKE, "h")).expect("the first link");
    assert_eq!(states(&network), (Some(State::Initiated), None)); // S49
    network.apply(&put(SPOKE, HUB, "s")).expect("the second link");
    assert_eq!(states(&network), (Some(State::Connected), Some(State::Connected))); // S50
    network.apply(&delete(HUB, "h")).expect("a link can be deleted");
    assert_eq!(states(&network), (None, Some(State::Disconnected))); // S51

    refused(&mut network, &put(HUB, SPOKE, "h"), "RemotePeeringIsDisconnected"); // PEER-04
    // Way out 1 (U-18): write the disconnected link again, then the missing one.
    let mut again = network.clone();
    again.apply(&put(SPOKE, HUB, "s")).expect("an update leads back to Initiated");
    assert_eq!(states(&again), (None, Some(State::Initiated)));
    again.apply(&put(HUB, SPOKE, "h")).expect("and the other side connects");
    assert_eq!(states(&again), (Some(State::Connected), Some(State::Connected)));
    // Way out 2: delete it, create both.
    network.apply(&delete(SPOKE, "s")).expect("deleted");
    assert_eq!(states(&network), (None, None));
    network.apply(&put(HUB, SPOKE, "h")).expect("created");
    network.apply(&put(SPOKE, HUB, "s")).expect("created");
    assert_eq!(states(&network), (Some(State::Connected), Some(State::Connected)));
}

#[test]
fn deleting_an_initiated_link_leaves_nothing() {
    let mut network = network();
    network.apply(&put(HUB, SPOKE, "h")).expect("created");
    network.apply(&delete(HUB, "H")).expect("names ignore case (JSON-15)");
    assert_eq!(states(&network), (None, None));
    refused(&mut network, &delete(HUB, "h"), "ResourceNotFound");
}

#[test]
fn what_azure_refuses() {
    let mut network = network();
    refused(&mut network, &put(SPOKE, OTHER, "x"), "VnetAddressSpacesOverlap"); // PEER-12
    network.apply(&put(HUB, SPOKE, "h")).expect("created");
    refused(&mut network, &put(HUB, SPOKE, "h2"), "AnotherPeeringAlreadyReferencesRemoteVnet"); // PEER-01
    refused(&mut network, &put(HUB, OTHER, "o"), "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet"); // PEER-13
    let mut borrow = Peering { name: text("s"), ..Peering::default() };
    borrow.use_remote_gateways = Some(true.into());
    let borrow: Operation =
        OperationKind::PutPeering { vnet: SPOKE, remote: HUB, peering: Box::new(borrow) }.into();
    refused(&mut network, &borrow, "RemoteVnetHasNoGateways"); // PEER-09, FE-14
    assert_eq!(states(&network), (Some(State::Initiated), None));
}
