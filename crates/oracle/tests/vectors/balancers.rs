//! Frontends as destinations: V-25, Part 5.2, FAIL-15 to FAIL-18, FAIL-35, FE-19.

use vnetsim_model::{Era, LbProtocol, LbSku, Network, Semantics, VnetAccessModel};
use vnetsim_oracle::{OracleHop, OraclePacket, conversation_with};
use vnetsim_types::{DropReason, FlowKey, LbId, NicId, Place};

use crate::lab::*;

const FRONT: &str = "10.10.9.100";

/// Two web servers in the hub behind an internal frontend: port 80 leads to their port 8080.
fn web(sku: LbSku) -> Lab {
    let mut lab = hub_and_spokes();
    lab.vm("web1", "H/snet-hub", "10.10.9.21");
    lab.vm("web2", "H/snet-hub", "10.10.9.22");
    lab.balancer("ilb", sku, "H/snet-hub", FRONT, (LbProtocol::Tcp, 80));
    lab.the_rule("ilb").backend_port = 8080.into();
    for vm in ["web1", "web2"] {
        lab.pool_member(&format!("{vm}-nic"), "ilb");
        lab.listens(vm, &["tcp/8080"]);
    }
    lab
}

fn http(network: &Network, from: &str, to: &str) -> Vec<OraclePacket> {
    talk(network, from, to, "tcp/80").packets
}

/// Each packet goes to the member with that number, if it may.
fn choosing(network: &Network, from: &str, to: &str, number: usize) -> Vec<OraclePacket> {
    let choose = |_: &FlowKey, _: LbId, allowed: &[NicId]| allowed[number.min(allowed.len() - 1)];
    conversation_with(network, &traffic(network, from, to, "tcp/80"), &choose).packets
}

fn at(network: &Network, vm: &str) -> Place {
    Place::Nic(nic(network, vm))
}

#[test]
fn lb03_there_and_back() {
    let network = web(LbSku::Standard).build();
    for (number, server) in [(0, "web1"), (1, "web2")] {
        let packets = choosing(&network, "vm1", FRONT, number);
        assert_complete(&packets);
        assert_eq!(packets[0].outcome, delivered(at(&network, server), "10.20.0.4", 64));
        assert_eq!(packets[1].outcome, delivered(at(&network, "vm1"), FRONT, 64));
    }
    // LB-13: on-premises, too.
    let mut lab = web(LbSku::Standard);
    borrow(&mut lab, "S1");
    let packets = http(&lab.build(), "192.168.1.1", FRONT);
    assert_complete(&packets);
    assert_eq!(gateways(&packets[1]), ["gw"]);
    // LB-02
    let expected = dropped(at(&network, "vm1"), DropReason::NoLoadBalancerRule);
    assert_eq!(last(&tcp(&network, "vm1", FRONT)), expected);
    assert_eq!(last(&talk(&network, "vm1", FRONT, "icmp").packets), expected);
}

#[test]
fn lb04_a_flow_keeps_its_backend() {
    let network = web(LbSku::Standard).build();
    let turn = std::cell::Cell::new(0);
    let choose = |_: &FlowKey, _: LbId, allowed: &[NicId]| {
        turn.set(turn.get() + 1);
        allowed[turn.get() % allowed.len()]
    };
    let traffic = traffic(&network, "vm1", FRONT, "tcp/80");
    let packets = conversation_with(&network, &traffic, &choose).packets;
    assert_complete(&packets);
    assert_eq!(turn.get(), 2);
    let place = at(&network, "web2");
    assert!(matches!(packets[2].outcome, vnetsim_oracle::Outcome::Delivered { at, .. } if at == place));
}

#[test]
fn v25_fail18_frontends_over_global_peering() {
    let global = |sku, semantics: Semantics| {
        let mut lab = web(sku);
        lab.draft.virtual_network_gateways.clear();
        lab.draft.connections.clear();
        for (vnet, region) in [("H", "canadacentral"), ("S1", "westus2"), ("S2", "canadacentral")] {
            lab.the_vnet(vnet).location = Some(name(region));
            lab.the_vnet(vnet).subscription = Some(name("sub"));
        }
        lab.draft.subscriptions.push(vnetsim_model::draft::Subscription {
            name: name("sub"),
            registered_features: vec![name("AllowGlobalVnetPeering")],
            ..Default::default()
        });
        lab.build_as(semantics)
    };
    let modern = Semantics::default();
    let y2017 = Semantics { vnet_access_model: VnetAccessModel::TagOnly, ..Semantics::of(Era::Y2017) };
    assert_complete(&http(&global(LbSku::Standard, modern), "vm1", FRONT));
    for (sku, semantics) in [(LbSku::Basic, modern), (LbSku::Basic, y2017), (LbSku::Standard, y2017)] {
        let network = global(sku, semantics);
        let expected = dropped(at(&network, "vm1"), DropReason::GlobalPeeringBasicLb);
        assert_eq!(last(&http(&network, "vm1", FRONT)), expected);
        // Its backends are reachable, and so is the frontend in its own region.
        assert_complete(&talk(&network, "vm1", "10.10.9.21", "tcp/8080").packets);
        assert_complete(&http(&network, "vm2", FRONT));
    }
}

#[test]
fn fe19_a_standard_frontend_as_next_hop_over_global_peering() {
    let mut lab = chained();
    lab.balancer("ilb", LbSku::Standard, "H/snet-nva", "10.10.0.10", (LbProtocol::All, 0));
    lab.pool_member("nva-nic", "ilb");
    lab.the_vnet("S1").location = Some(name("westeurope"));
    lab.table("S1/snet", &["10.30.0.0/16 VirtualAppliance 10.10.0.10"]);
    lab.table("S2/snet", &["10.20.0.0/16 VirtualAppliance 10.10.0.10"]);
    assert_complete(&tcp(&lab.build(), "vm1", "vm2"));
    // FAIL-16: a probe that an NSG stops.
    lab.probe("ilb", 8080);
    lab.nsg_on(
        "H/snet-nva",
        "n",
        &["open 100 In Allow * 10.0.0.0/8 * * *", "no-tag 200 In Deny * VirtualNetwork * * *"],
    );
    let network = lab.build();
    let expected = dropped(at(&network, "vm1"), DropReason::NoHealthyBackend);
    assert_eq!(last(&tcp(&network, "vm1", "vm2")), expected);
    lab.draft.network_security_groups.clear();
    lab.nsg_on("H/snet-nva", "n", &["open 100 In Allow * 10.0.0.0/8 * * *"]);
    assert_complete(&tcp(&lab.build(), "vm1", "vm2"));
}

#[test]
fn lb07_health() {
    let mut lab = web(LbSku::Standard);
    let chosen = |lab: &Lab| {
        let network = lab.build();
        let packets = choosing(&network, "vm1", FRONT, 1);
        packets[0].hops.iter().find_map(|hop| match hop {
            OracleHop::LoadBalancer { backend, ambiguous, .. } => {
                Some((network[*backend].name.value.clone(), *ambiguous))
            }
            _ => None,
        })
    };
    let second = |ambiguous| Some(("web2-nic".to_owned(), ambiguous));
    let first = Some(("web1-nic".to_owned(), false));
    assert_eq!(chosen(&lab), second(true));
    // Nothing listens on the probe's port of web2.
    lab.probe("ilb", 9000);
    lab.listens("web1", &["tcp/8080", "tcp/9000"]);
    assert_eq!(chosen(&lab), first);
    lab.listens("web2", &["tcp/8080", "tcp/9000"]);
    assert_eq!(chosen(&lab), second(true));
    // NSG-17: the host is in VirtualNetwork; a rule for AzureLoadBalancer before it lets probes in.
    lab.nsg("n", &["web 100 In Allow * * * * 8080", "no-tag 300 In Deny * VirtualNetwork * * *"]);
    lab.the_nic("web2-nic").network_security_group = Some(name("n"));
    assert_eq!(chosen(&lab), first);
    lab.draft.network_security_groups.clear();
    let rules = ["web 100 In Allow * * * * 8080", "p 200 In Allow * AzureLoadBalancer * * *"];
    lab.nsg("n", &[rules[0], rules[1], "no-tag 300 In Deny * VirtualNetwork * * *"]);
    assert_eq!(chosen(&lab), second(true));
    // LB-08
    lab.the_vm("web2").running = Some(false.into());
    assert_eq!(chosen(&lab), first);
    lab.the_vm("web1").running = Some(false.into());
    let network = lab.build();
    let expected = dropped(at(&network, "vm1"), DropReason::NoHealthyBackend);
    assert_eq!(last(&http(&network, "vm1", FRONT)), expected);
}

#[test]
fn lb12_fail35_hairpin() {
    let network = web(LbSku::Standard).build();
    let itself = choosing(&network, "web1", FRONT, 0);
    assert_eq!(last(&itself), dropped(at(&network, "web1"), DropReason::LoadBalancerHairpin));
    let other = choosing(&network, "web1", FRONT, 1);
    assert_complete(&other);
    assert_eq!(other[1].outcome, delivered(at(&network, "web1"), FRONT, 64));
}

#[test]
fn nsg24_groups_see_the_client_and_the_backend_s_port() {
    let mut lab = web(LbSku::Standard);
    lab.nsg_on(
        "H/snet-hub",
        "n",
        &["only 100 In Allow Tcp 10.20.0.4 * 10.10.9.21 8080", "no 200 In Deny * * * * *"],
    );
    let packets = http(&lab.build(), "vm1", FRONT);
    assert_complete(&packets);
    assert_eq!(last_rule(&packets[0]).as_deref(), Some("n/only true"));
}

#[test]
fn lb11_u15_floating_ip() {
    let mut lab = web(LbSku::Standard);
    lab.the_rule("ilb").enable_floating_ip = Some(true.into());
    lab.the_rule("ilb").backend_port = 80.into();
    lab.listens("web1", &["tcp/80"]);
    let rules = ["only 100 In Allow Tcp 10.20.0.4 * 10.10.9.21 80", "no 200 In Deny * * * * *"];
    lab.nsg_on("H/snet-hub", "n", &[rules[0], rules[1], "silent 100 Out Deny * * * * *"]);
    let network = lab.build();
    let packets = http(&network, "vm1", FRONT);
    assert_complete(&packets);
    assert_eq!(packets[1].outcome, delivered(at(&network, "vm1"), FRONT, 64));
    // FAB-12: the members may send from it, others may not.
    lab.the_subnet("H/snet-hub").network_security_group = None;
    let network = lab.build();
    let from = |vm: &str| {
        let mut traffic = traffic(&network, vm, "vm1", "udp/53");
        (traffic.from.address, traffic.one_way) = (ip(FRONT), true);
        last(&vnetsim_oracle::conversation(&network, &traffic).packets)
    };
    assert_eq!(from("web2"), delivered(at(&network, "vm1"), FRONT, 64));
    assert_eq!(from("vm-hub"), dropped(at(&network, "vm-hub"), DropReason::SourceNotOwned));
}

#[test]
fn lb16_inbound_nat_rules() {
    let mut lab = web(LbSku::Standard);
    lab.nat_rule("ilb", (50_002, 22), "web2-nic");
    lab.listens("web2", &["tcp/22"]);
    let network = lab.build();
    let packets = talk(&network, "vm1", FRONT, "tcp/50002").packets;
    assert_complete(&packets);
    assert_eq!(packets[0].outcome, delivered(at(&network, "web2"), "10.20.0.4", 64));
}

#[test]
fn lb15_public_frontends_of_each_sku() {
    let public = |sku, nsg: bool| {
        let mut lab = hub_and_spokes();
        lab.public_balancer("plb", sku, "20.0.0.7", (LbProtocol::Tcp, 80));
        lab.pool_member("vm1-nic", "plb");
        if nsg {
            lab.nsg_on("S1/snet", "n", &["web 100 In Allow Tcp Internet * * 80"]);
        }
        lab.build()
    };
    for (sku, nsg, open) in
        [(LbSku::Standard, false, false), (LbSku::Standard, true, true), (LbSku::Basic, false, true)]
    {
        let network = public(sku, nsg);
        let packets = http(&network, "8.8.8.8", "20.0.0.7");
        if open {
            assert_complete(&packets);
            assert_eq!(packets[0].outcome, delivered(at(&network, "vm1"), "8.8.8.8", 64));
            assert_eq!(packets[1].outcome, delivered(Place::Internet, "20.0.0.7", 64));
        } else {
            assert_eq!(last(&packets), dropped(at(&network, "vm1"), DropReason::NsgDeny));
        }
        let no_rule = dropped(Place::Internet, DropReason::NoLoadBalancerRule);
        assert_eq!(last(&tcp(&network, "8.8.8.8", "20.0.0.7")), no_rule);
    }
}
