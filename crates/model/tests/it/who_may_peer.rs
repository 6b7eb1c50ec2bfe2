//! Who may peer with whom, in a file and in the timeline: PEER-12, PEER-13, PEER-14, PEER-28, PEER-29, PEER-31,
//! PEER-33, PEER-34, PEER-42, ERA-01, ERA-03, ERA-04.

use vnetsim_model::{
    Cloud, DeploymentModel, GatewayType, PeeringState, Semantics, check,
    draft::{Draft, Peering, Subscription, VirtualNetwork},
};

use crate::build::{
    FINE, accepted, errors, gateway, good, hub, link, of_2017, put, put_with, refused, space, subnet, text,
    vnet,
};

/// Codes of a file in which the first network links to the second.
fn in_a_file(vnets: &[VirtualNetwork], semantics: Semantics) -> Vec<&'static str> {
    let mut draft = Draft { virtual_networks: vnets.to_vec(), ..Draft::default() };
    let to = draft.virtual_networks[1].name.value.clone();
    draft.virtual_networks[0].peerings.push(link("l", &to));
    check(&draft, semantics).problems.iter().map(|problem| problem.code).collect()
}

/// The same as a request of the timeline; `None` when it is accepted.
fn in_the_timeline(draft: &Draft, semantics: Semantics, flags: fn(&mut Peering)) -> Option<&'static str> {
    let mut network = good(draft, semantics);
    let (from, to) = (&draft.virtual_networks[0].name.value, &draft.virtual_networks[1].name.value);
    let asked = put_with(&network, from, "l", to, flags);
    network.apply(&asked).err().map(|refusal| refusal.code)
}

/// Both ways of asking give the same answer.
fn answer(vnets: &[VirtualNetwork], semantics: Semantics) -> Option<&'static str> {
    let draft = Draft { virtual_networks: vnets.to_vec(), ..Draft::default() };
    let asked = in_the_timeline(&draft, semantics, |_| {});
    assert_eq!(in_a_file(vnets, semantics), asked.as_slice());
    asked
}

fn modern(vnets: &[VirtualNetwork]) -> Option<&'static str> {
    answer(vnets, Semantics::default())
}

fn at(vnet: VirtualNetwork, location: &str) -> VirtualNetwork {
    VirtualNetwork { location: Some(text(location)), ..vnet }
}

fn classic(vnet: VirtualNetwork) -> VirtualNetwork {
    VirtualNetwork { deployment_model: Some(DeploymentModel::Classic.into()), ..vnet }
}

#[test]
fn spaces_are_disjoint() {
    let a = || vnet("a", &["10.0.0.0/16", "10.5.0.0/16"]);
    let code = Some("VnetAddressSpacesOverlap");
    assert_eq!(modern(&[a(), vnet("b", &["10.0.1.0/24"])]), code); // PEER-12, its example
    assert_eq!(modern(&[a(), vnet("b", &["10.1.0.0/16", "10.4.0.0/15"])]), code);
    assert_eq!(modern(&[a(), vnet("b", &["10.5.0.0/16"])]), code);
    assert_eq!(modern(&[a(), vnet("b", &["10.1.0.0/16"])]), None);
    assert_eq!(modern(&[vnet("b", &["10.0.1.0/24"]), a()]), code, "from either side");
}

#[test]
fn peers_of_one_network_are_disjoint() {
    let draft = |third: &str| {
        let mut hub = vnet("hub", &["10.0.0.0/16"]);
        hub.peerings = vec![link("1", "s1"), link("2", "s2")];
        let virtual_networks = vec![hub, vnet("s1", &["10.1.0.0/16"]), vnet("s2", &[third])];
        Draft { virtual_networks, ..Draft::default() }
    };
    let code = "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet";
    assert_eq!(errors(&draft("10.1.128.0/17"), Semantics::default()), [code]); // PEER-13
    good(&draft("10.2.0.0/16"), Semantics::default());

    // FE-14: the new spoke's own link is fine, the hub's link to it is refused.
    let mut unpeered = draft("10.1.128.0/17");
    unpeered.virtual_networks[0].peerings.pop();
    let mut network = good(&unpeered, Semantics::default());
    let from_spoke = put(&network, "s2", "h", "hub");
    accepted(&mut network, &from_spoke);
    let from_hub = put(&network, "hub", "2", "s2");
    refused(&mut network, &from_hub, code);
}

#[test]
fn spokes_of_different_hubs_may_overlap() {
    let mut first = vnet("first", &["10.0.0.0/16"]);
    first.peerings.push(link("l", "s1"));
    let mut second = vnet("second", &["10.9.0.0/16"]);
    second.peerings.push(link("l", "s2"));
    let spokes = [vnet("s1", &["10.1.0.0/16"]), vnet("s2", &["10.1.0.0/16"])];
    let virtual_networks = [first, second].into_iter().chain(spokes).collect();
    good(&Draft { virtual_networks, ..Draft::default() }, Semantics::default()); // PEER-13
}

/// PEER-14: a third network grows into a space that the hub already reaches.
#[test]
fn growing_runs_the_checks_of_creation() {
    let mut hub = vnet("hub", &["10.0.0.0/16"]);
    hub.peerings = vec![link("1", "s1"), link("2", "s2")];
    let virtual_networks = vec![hub, vnet("s1", &["10.1.0.0/16"]), vnet("s2", &["10.2.0.0/16"])];
    let mut network = good(&Draft { virtual_networks, ..Draft::default() }, Semantics::default());
    let into_hub = space(&network, "s1", &["10.1.0.0/16", "10.0.4.0/24"]);
    refused(&mut network, &into_hub, "VnetAddressSpacesOverlap");
    let into_spoke = space(&network, "s1", &["10.1.0.0/16", "10.2.4.0/24"]);
    refused(&mut network, &into_spoke, "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet");
    let free = space(&network, "s1", &["10.1.0.0/16", "10.3.0.0/16"]);
    accepted(&mut network, &free);
}

#[test]
fn deployment_models() {
    let (a, b) = (|| vnet("a", &["10.0.0.0/16"]), || vnet("b", &["10.1.0.0/16"]));
    for semantics in [Semantics::default(), of_2017()] {
        assert_eq!(answer(&[a(), b()], semantics), None); // PEER-28, row by row
        assert_eq!(answer(&[a(), classic(b())], semantics), None);
        assert_eq!(answer(&[classic(a()), b()], semantics), Some("ClassicVnetHasNoLinks"));
        assert_eq!(answer(&[classic(a()), classic(b())], semantics), Some("ClassicToClassicNotAllowed"));
    }
    let overlapping = classic(vnet("b", &["10.0.0.0/24"]));
    assert_eq!(modern(&[a(), overlapping]), Some("VnetAddressSpacesOverlap"));
}

/// PEER-28: the single link is on the Resource Manager side and is Connected at once.
#[test]
fn a_classic_network_is_connected_by_one_link() {
    let virtual_networks = vec![vnet("a", &["10.0.0.0/16"]), classic(vnet("b", &["10.1.0.0/16"]))];
    let mut network = good(&Draft { virtual_networks, ..Draft::default() }, Semantics::default());
    let single = put(&network, "a", "l", "b");
    accepted(&mut network, &single);
    let states: Vec<_> = network.existing_links().map(|(_, link)| (link.implied, link.state)).collect();
    assert_eq!(states, [(false, PeeringState::Connected), (true, PeeringState::Connected)]);
}

/// PEER-13 for a classic network that two others peer with.
#[test]
fn peers_of_a_classic_network_are_disjoint_too() {
    let draft = |second: &str| {
        let mut a = vnet("a", &["10.0.0.0/16"]);
        a.peerings.push(link("l", "old"));
        let mut b = vnet("b", &[second]);
        b.peerings.push(link("l", "old"));
        let virtual_networks = vec![a, b, classic(vnet("old", &["10.1.0.0/16"]))];
        Draft { virtual_networks, ..Draft::default() }
    };
    good(&draft("10.2.0.0/16"), Semantics::default());
    let code = "VnetAddressSpaceOverlapsWithAlreadyPeeredVnet";
    assert_eq!(errors(&draft("10.0.128.0/17"), Semantics::default()), [code]);
}

fn subscription(name: &str, tenant: &str, cloud: Cloud) -> Subscription {
    Subscription {
        name: text(name),
        tenant: Some(text(tenant)),
        cloud: Some(cloud.into()),
        ..Subscription::default()
    }
}

/// Two networks in two subscriptions.
fn apart(first: Subscription, second: Subscription, locations: [&str; 2]) -> Draft {
    let vnets = [("a", "10.0.0.0/16", &first, locations[0]), ("b", "10.1.0.0/16", &second, locations[1])];
    let virtual_networks = vnets.map(|(name, space, subscription, location)| VirtualNetwork {
        subscription: Some(subscription.name.clone()),
        ..at(vnet(name, &[space]), location)
    });
    Draft {
        virtual_networks: virtual_networks.to_vec(),
        subscriptions: vec![first, second],
        ..Draft::default()
    }
}

fn asked(draft: &Draft, semantics: Semantics) -> Option<&'static str> {
    in_the_timeline(draft, semantics, |_| {})
}

#[test]
fn tenants() {
    let two = apart(
        subscription("one", "contoso", Cloud::Public),
        subscription("two", "fabrikam", Cloud::Public),
        ["eastus", "eastus"],
    );
    assert_eq!(asked(&two, Semantics::default()), None); // PEER-29
    assert_eq!(asked(&two, of_2017()), Some("DifferentTenantsNotAllowed")); // ERA-03
    let same = apart(
        subscription("one", "contoso", Cloud::Public),
        subscription("two", "Contoso", Cloud::Public),
        ["eastus", "eastus"],
    );
    assert_eq!(asked(&same, of_2017()), None);
}

#[test]
fn clouds() {
    let code = Some("CrossCloudPeeringNotAllowed"); // PEER-31
    let public = || subscription("one", "contoso", Cloud::Public);
    let china = || subscription("two", "contoso", Cloud::China);
    let government = || subscription("three", "contoso", Cloud::Government);
    assert_eq!(asked(&apart(public(), china(), ["eastus", "chinanorth"]), Semantics::default()), code);
    assert_eq!(
        asked(&apart(government(), china(), ["usgovtexas", "chinanorth"]), Semantics::default()),
        code
    );
    let within = apart(china(), subscription("four", "x", Cloud::China), ["chinanorth", "chinaeast"]);
    assert_eq!(asked(&within, Semantics::default()), None); // ERA-01: global, but in one cloud
    // Networks without a subscription are where their regions are.
    let vnets = [at(vnet("a", &["10.0.0.0/16"]), "eastus"), at(vnet("b", &["10.1.0.0/16"]), "China North")];
    assert_eq!(modern(&vnets), code);
}

#[test]
fn a_region_belongs_to_the_cloud_of_the_subscription() {
    let public = subscription("one", "contoso", Cloud::Public);
    let two = apart(public.clone(), Subscription { name: text("two"), ..public }, ["eastus", "chinanorth"]);
    assert_eq!(errors(&two, Semantics::default()), ["CONFLICTING_PROPERTIES"]); // PEER-31
}

/// Subscriptions that registered the preview.
fn registered(locations: [&str; 2], features: [&str; 2]) -> Draft {
    let with = |name: &str, feature: &str| Subscription {
        registered_features: vec![text(feature)],
        ..subscription(name, "contoso", Cloud::Public)
    };
    apart(with("one", features[0]), with("two", features[1]), locations)
}

#[test]
fn global_peering_was_a_preview() {
    let feature = ["AllowGlobalVnetPeering", "allowglobalvnetpeering"];
    let old = |locations, features| asked(&registered(locations, features), of_2017()); // PEER-33, ERA-01
    for pair in
        [["westcentralus", "canadacentral"], ["West US 2", "westcentralus"], ["canadacentral", "westus2"]]
    {
        assert_eq!(old(pair, feature), None);
    }
    let region = Some("GlobalPeeringRegionNotSupported");
    assert_eq!(old(["westus2", "eastus"], feature), region);
    assert_eq!(old(["eastus", "westus2"], feature), region);
    assert_eq!(old(["eastus", "westeurope"], feature), region);
    let unregistered = Some("GlobalPeeringNotRegistered");
    assert_eq!(old(["westus2", "canadacentral"], ["AllowGlobalVnetPeering", "Other"]), unregistered);
    assert_eq!(old(["westus2", "canadacentral"], ["Other", "AllowGlobalVnetPeering"]), unregistered);
    assert_eq!(old(["eastus", "eastus"], ["Other", "Other"]), None, "one region needs nothing"); // S10
    assert_eq!(asked(&registered(["eastus", "westeurope"], ["", ""]), Semantics::default()), None); // ERA-01
}

#[test]
fn gateway_flags_of_2017() {
    let flags: [fn(&mut Peering); 2] = [
        |link| link.allow_gateway_transit = Some(true.into()),
        |link| link.use_remote_gateways = Some(true.into()),
    ];
    let feature = ["AllowGlobalVnetPeering"; 2];
    let global = registered(["westus2", "canadacentral"], feature);
    let to_classic = Draft {
        virtual_networks: vec![vnet("a", &["10.0.0.0/16"]), classic(vnet("b", &["10.1.0.0/16"]))],
        ..Draft::default()
    };
    for flag in flags {
        for draft in [&global, &to_classic] {
            let code = Some("GatewayTransitNotSupported"); // ERA-04, PEER-33
            assert_eq!(in_the_timeline(draft, of_2017(), flag), code);
        }
    }
    let regional = registered(["westus2", "westus2"], feature);
    assert_eq!(in_the_timeline(&regional, of_2017(), flags[0]), None);
    assert_eq!(in_the_timeline(&global, Semantics::default(), flags[0]), None);
    assert_eq!(in_the_timeline(&to_classic, Semantics::default(), flags[0]), None);
}

/// A network with `count` links that wait, and one more network.
fn crowded(count: usize) -> Draft {
    let mut centre = hub();
    centre.name = text("centre");
    let others: Vec<_> = (0..=count)
        .map(|ix| vnet(&format!("v{ix}"), &[&format!("10.{}.{}.0/24", 20 + ix / 256, ix % 256)]))
        .collect();
    centre.peerings = (0..count).map(|ix| link(&format!("l{ix}"), &format!("v{ix}"))).collect();
    Draft { virtual_networks: [centre].into_iter().chain(others).collect(), ..Draft::default() }
}

fn one_more(draft: &Draft, semantics: Semantics) -> Option<&'static str> {
    let mut network = good(draft, semantics);
    let asked = put(&network, "centre", "more", &format!("v{}", draft.virtual_networks[0].peerings.len()));
    network.apply(&asked).err().map(|refusal| refusal.code)
}

#[test]
fn links_are_limited() {
    let code = Some("PeeringLimitReached");
    assert_eq!(one_more(&crowded(49), of_2017()), None); // PEER-34
    assert_eq!(one_more(&crowded(50), of_2017()), code);
    assert_eq!(one_more(&crowded(50), Semantics::default()), None);
    assert_eq!(one_more(&crowded(500), Semantics::default()), code);
    assert_eq!(errors(&crowded(51), of_2017()), ["PeeringLimitReached"], "the file says 51");
}

#[test]
fn a_limit_can_be_raised_but_not_beside_an_express_route_gateway() {
    let mut draft = crowded(500);
    draft.subscriptions.push(Subscription {
        name: text("big"),
        peerings_per_virtual_network: Some(1_000.into()),
        ..Subscription::default()
    });
    for vnet in &mut draft.virtual_networks {
        vnet.subscription = Some(text("big"));
    }
    assert_eq!(one_more(&draft, Semantics::default()), None); // PEER-34: AVNM raises to 1,000
    draft.virtual_network_gateways.push(gateway("er", "centre", GatewayType::ExpressRoute));
    assert_eq!(one_more(&draft, Semantics::default()), Some("PeeringLimitReached"));
    draft.virtual_network_gateways[0].gateway_type = GatewayType::Vpn.into();
    assert_eq!(one_more(&draft, Semantics::default()), None);
}

#[test]
fn a_file_obeys_the_flags_of_gateways_too() {
    let mut centre = hub();
    centre.peerings.push(link("h", "spoke"));
    let mut spoke = vnet("spoke", &["10.20.0.0/16"]);
    spoke.subnets.push(subnet("GatewaySubnet", "10.20.255.0/27"));
    let mut borrowing = link("s", "hub");
    borrowing.use_remote_gateways = Some(true.into());
    spoke.peerings.push(borrowing);
    let mut draft = Draft { virtual_networks: vec![centre, spoke], ..Draft::default() };
    let codes = |draft: &Draft| {
        check(draft, Semantics::default()).problems.iter().map(|p| p.code).collect::<Vec<_>>()
    };
    assert_eq!(codes(&draft), ["RemoteVnetHasNoGateways"]); // PEER-09
    draft.virtual_network_gateways.push(gateway("gw", "hub", GatewayType::Vpn));
    assert_eq!(codes(&draft), ["AllowGatewayTransitRequired"]);
    draft.virtual_networks[0].peerings[0].allow_gateway_transit = Some(true.into());
    assert_eq!(codes(&draft), FINE);
    draft.virtual_network_gateways.push(gateway("own", "spoke", GatewayType::Vpn));
    assert_eq!(codes(&draft), ["VnetHasOwnGateway"]);
}

/// PEER-02, PEER-03: what an export cannot show.
#[test]
fn states_of_a_file_fit_each_other() {
    let codes = |there: Option<PeeringState>, back: Option<Option<PeeringState>>| {
        let mut a = vnet("a", &["10.0.0.0/16"]);
        a.peerings.push(Peering { peering_state: there.map(Into::into), ..link("l", "b") });
        let mut b = vnet("b", &["10.1.0.0/16"]);
        b.peerings
            .extend(back.map(|state| Peering { peering_state: state.map(Into::into), ..link("l", "a") }));
        let draft = Draft { virtual_networks: vec![a, b], ..Draft::default() };
        check(&draft, Semantics::default()).problems.iter().map(|p| p.code).collect::<Vec<_>>()
    };
    let (initiated, connected, gone) =
        (PeeringState::Initiated, PeeringState::Connected, PeeringState::Disconnected);
    assert_eq!(codes(Some(connected), None), ["OPPOSITE_LINK_NOT_CONNECTED"]);
    assert_eq!(codes(Some(connected), Some(Some(initiated))), ["OPPOSITE_LINK_NOT_CONNECTED"]);
    assert_eq!(codes(Some(connected), Some(Some(gone))), ["OPPOSITE_LINK_NOT_CONNECTED"]);
    assert_eq!(codes(Some(connected), Some(None)), FINE);
    assert_eq!(codes(Some(connected), Some(Some(connected))), FINE);
    assert_eq!(codes(Some(gone), None), FINE);
    assert_eq!(codes(Some(initiated), None), FINE);
    assert_eq!(codes(None, Some(Some(gone))), FINE);
}
