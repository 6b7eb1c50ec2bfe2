//! Links of some subnets, or of IPv6 only (PEER-24, PEER-25, ERA-09).

use vnetsim_model::{
    Network, PeeringScope, Semantics, check,
    draft::{Draft, Peering},
};

use crate::build::{
    FINE, accepted, block, errors, good, id, link, of_2017, put_with, refused, space, subnet, text, vnet,
};

/// `left` and `right` have one block of their own each, and share 10.9.0.0/16.
fn draft() -> Draft {
    let mut left = vnet("left", &["10.1.0.0/16", "10.9.0.0/16"]);
    left.subnets =
        vec![subnet("a", "10.1.0.0/24"), subnet("b", "10.1.1.0/24"), subnet("shared", "10.9.0.0/24")];
    let mut right = vnet("right", &["10.2.0.0/16", "10.9.0.0/16"]);
    right.subnets =
        vec![subnet("a", "10.2.0.0/24"), subnet("b", "10.2.1.0/24"), subnet("shared", "10.9.1.0/24")];
    Draft { virtual_networks: vec![left, right, vnet("third", &["10.2.1.0/24"])], ..Draft::default() }
}

fn some(link: &mut Peering, local: &[&str], remote: &[&str]) {
    link.peer_complete_vnets = Some(false.into());
    link.local_subnet_names = local.iter().map(|name| text(name)).collect();
    link.remote_subnet_names = remote.iter().map(|name| text(name)).collect();
}

/// The draft with a link from left to right.
fn with(local: &[&str], remote: &[&str]) -> Draft {
    let mut draft = draft();
    let mut peering = link("l", "right");
    some(&mut peering, local, remote);
    draft.virtual_networks[0].peerings.push(peering);
    draft
}

fn codes(draft: &Draft) -> Vec<&'static str> {
    check(draft, Semantics::default()).problems.iter().map(|problem| problem.code).collect()
}

fn scope(network: &Network) -> (Vec<String>, Vec<String>) {
    let (_, link) = network.link_between(id(network, "left"), id(network, "right")).expect("a link");
    let PeeringScope::Subnets { local, remote } = &link.scope else { panic!("some subnets") };
    let paths = |ids: &[_]| ids.iter().map(|id| network.subnet_path(*id)).collect();
    (paths(local), paths(remote))
}

#[test]
fn other_blocks_may_overlap() {
    let network = good(&with(&["a", "B", "a"], &["b"]), Semantics::default()); // PEER-25
    let (local, remote) = scope(&network);
    assert_eq!((local, remote), (vec!["left/a".to_owned(), "left/b".to_owned()], vec!["right/b".to_owned()]));
    let mut whole = draft();
    whole.virtual_networks[0].peerings.push(link("l", "right"));
    assert_eq!(errors(&whole, Semantics::default()), ["VnetAddressSpacesOverlap"]); // PEER-12
}

#[test]
fn participants_come_from_blocks_that_are_not_shared() {
    // 10.9.0.0/24 and 10.9.1.0/24 do not overlap, but the block that they come from does.
    assert_eq!(codes(&with(&["shared"], &["a"])), ["VnetAddressSpacesOverlap"]); // PEER-25
    assert_eq!(codes(&with(&["a"], &["shared"])), ["VnetAddressSpacesOverlap"]);
    assert_eq!(codes(&with(&["a"], &["a"])), FINE);
}

#[test]
fn participants_do_not_overlap_other_peers() {
    let mut draft = with(&["a"], &["b"]); // right/b is 10.2.1.0/24, like `third`
    draft.virtual_networks[0].peerings.push(link("t", "third"));
    assert_eq!(codes(&draft), ["VnetAddressSpaceOverlapsWithAlreadyPeeredVnet"]); // PEER-13
    let mut apart = with(&["a"], &["a"]);
    apart.virtual_networks[0].peerings.push(link("t", "third"));
    assert_eq!(codes(&apart), FINE);
}

#[test]
fn both_sides_are_named() {
    assert_eq!(codes(&with(&[], &["a"])), ["MISSING_PROPERTY"]); // PEER-24
    assert_eq!(codes(&with(&["a"], &[])), ["MISSING_PROPERTY"]);
    assert_eq!(codes(&with(&["a"], &["none"])), ["UNKNOWN_REFERENCE"]);
    let mut whole = with(&["a"], &["a"]);
    whole.virtual_networks[0].peerings[0].peer_complete_vnets = None;
    assert_eq!(codes(&whole), ["CONFLICTING_PROPERTIES"]);
}

#[test]
fn two_hundred_subnets_a_side() {
    let many = |count: usize| {
        let mut draft = draft();
        let right = &mut draft.virtual_networks[1].subnets;
        right.clear();
        let names: Vec<String> = (0..count).map(|ix| format!("s{ix}")).collect();
        right.extend(names.iter().enumerate().map(|(ix, name)| subnet(name, &format!("10.2.{ix}.0/24"))));
        let mut peering = link("l", "right");
        some(&mut peering, &["a"], &names.iter().map(String::as_str).collect::<Vec<_>>());
        draft.virtual_networks[0].peerings.push(peering);
        codes(&draft)
    };
    assert_eq!(many(200), FINE); // PEER-25
    assert_eq!(many(201), ["OVER_LIMIT"]);
}

#[test]
fn ipv6_only_peers_may_share_ipv4() {
    let mut draft = draft();
    draft.virtual_networks[0].address_prefixes.push(block("fd00:1::/48"));
    draft.virtual_networks[1].address_prefixes.push(block("fd00:2::/48"));
    let mut peering = link("l", "right");
    peering.enable_only_ipv6_peering = Some(true.into());
    draft.virtual_networks[0].peerings.push(peering);
    assert_eq!(codes(&draft), FINE); // PEER-24
    draft.virtual_networks[1].address_prefixes[2] = block("fd00:1:0:8000::/49");
    assert_eq!(codes(&draft), ["VnetAddressSpacesOverlap"]);
}

#[test]
fn subnets_are_added_and_removed_in_place() {
    let mut network = good(&with(&["a"], &["a"]), Semantics::default());
    let more = put_with(&network, "left", "l", "right", |link| some(link, &["b"], &["a", "b"]));
    accepted(&mut network, &more); // PEER-25: "edit it to add or remove subnets"
    let (local, remote) = scope(&network);
    assert_eq!((local.len(), remote.len()), (1, 2));
    let shared = put_with(&network, "left", "l", "right", |link| some(link, &["shared"], &["a"]));
    refused(&mut network, &shared, "VnetAddressSpacesOverlap");
    let whole = put_with(&network, "left", "l", "right", |_| {});
    refused(&mut network, &whole, "PeeringTypeCannotChange"); // PEER-21
    let grown = space(&network, "right", &["10.2.0.0/16", "10.9.0.0/16", "10.1.8.0/24"]);
    refused(&mut network, &grown, "VnetAddressSpacesOverlap"); // PEER-14
}

#[test]
fn era_2017_does_not_know_it() {
    assert_eq!(errors(&with(&["a"], &["a"]), of_2017()), ["SubnetPeeringNotAvailable"]); // ERA-09
    let mut only_ipv6 = draft();
    let mut peering = link("t", "third");
    peering.enable_only_ipv6_peering = Some(true.into());
    only_ipv6.virtual_networks[0].peerings.push(peering);
    assert_eq!(errors(&only_ipv6, of_2017()), ["SubnetPeeringNotAvailable"]);
}
