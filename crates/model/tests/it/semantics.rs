//! Switches as a list.

use vnetsim_model::{Era, FabricFragment, Semantics};

#[test]
fn every_other_value_of_every_switch_once() {
    let base = Semantics::default();
    let all = base.alternatives();
    let names: Vec<_> = all.iter().map(|(switch, rule, text, _)| (*switch, *rule, *text)).collect();
    let expected = [
        ("vnet_access_model", "U-01", "strict"),
        ("forwarded_model", "U-02", "field"),
        ("bgp_vs_peering", "U-03", "lpm"),
        ("none_routes_on_default_override", "U-04", "documented"),
        ("none_routes_on_default_override", "U-04", "keep"),
        ("ttl_gateway", "U-08", "transparent"),
        ("fabric_fragment", "U-09", "at_1400"),
        ("nsg_live_flows", "NSG-14", "resimulate"),
        ("nsg_live_flows", "NSG-14", "flush"),
    ];
    assert_eq!(names, expected);
    for (switch, _, text, other) in all {
        assert_eq!(other.text_of(switch), Some(text));
        let changed = expected.iter().filter(|(name, ..)| other.text_of(name) != base.text_of(name));
        assert!(changed.map(|(name, ..)| *name).all(|name| name == switch), "one at a time");
        assert_eq!(other.era, base.era);
    }
}

#[test]
fn defaults_of_the_eras() {
    assert_eq!(Semantics::default().fabric_fragment, FabricFragment::Off); // U-09
    assert_eq!(Semantics::default().text_of("vnet_access_model"), Some("tag_only"));
    assert_eq!(Semantics::of(Era::Y2017).text_of("vnet_access_model"), Some("strict")); // U-01
    assert_eq!(Semantics::default().text_of("vnetAccessModel"), None);
}
