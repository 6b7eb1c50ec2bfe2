//! Load balancers and public addresses (Part 5.2, Part 5.3).

use vnetsim_model::{
    LbProtocol, LbSku, ProbeProtocol, Semantics,
    draft::{
        Draft, Frontend, InboundNatRule, LoadBalancer, LoadBalancingRule, NatGateway, OutboundRule, Probe,
    },
};
use vnetsim_types::{At, NicId, Span};

use crate::build::{FINE, address, block, good, hub_draft, nic, problems, public, subnet, text, vm, vnet};

/// An internal Standard balancer with one rule, two NICs in its pool.
fn balanced() -> Draft {
    let mut draft = hub_draft();
    for name in ["a", "b"] {
        let mut member = nic(name, "hub/snet");
        member.ip_configurations[0].backend_address_pools = vec![text("lb/pool")];
        draft.network_interfaces.push(member);
    }
    draft.public_ip_addresses = ["pip", "pip2"].map(public).to_vec();
    draft.load_balancers.push(balancer("lb"));
    draft
}

fn balancer(name: &str) -> LoadBalancer {
    LoadBalancer {
        name: text(name),
        frontends: vec![internal("front")],
        backend_pools: vec![text("pool")],
        rules: vec![balancing("web", LbProtocol::Tcp, 443)],
        ..LoadBalancer::default()
    }
}

fn internal(name: &str) -> Frontend {
    Frontend { name: text(name), subnet: Some(text("hub/snet")), ..Frontend::default() }
}

fn outside(name: &str, address: &str) -> Frontend {
    Frontend { name: text(name), public_ip_address: Some(text(address)), ..Frontend::default() }
}

fn balancing(name: &str, protocol: LbProtocol, port: u64) -> LoadBalancingRule {
    LoadBalancingRule {
        span: Span::default(),
        name: text(name),
        frontend: text("front"),
        backend_pool: text("pool"),
        probe: None,
        protocol: protocol.into(),
        frontend_port: port.into(),
        backend_port: port.into(),
        load_distribution: None,
        enable_floating_ip: None,
        idle_timeout_in_minutes: None,
        disable_outbound_snat: None,
    }
}

fn nat_rule(name: &str, protocol: LbProtocol, ports: [u64; 2], nic: &str) -> InboundNatRule {
    InboundNatRule {
        span: Span::default(),
        name: text(name),
        frontend: text("front"),
        protocol: protocol.into(),
        frontend_port: ports[0].into(),
        backend_port: ports[1].into(),
        backend: Some(text(nic)),
    }
}

fn outbound(frontends: &[&str], ports: Option<u64>) -> OutboundRule {
    OutboundRule {
        span: Span::default(),
        name: text("out"),
        frontends: frontends.iter().map(|name| text(name)).collect(),
        backend_pool: text("pool"),
        allocated_outbound_ports: ports.map(At::from),
    }
}

/// Codes of the problems of the balanced network after a change of its balancer.
fn balancer_problems(change: impl FnOnce(&mut LoadBalancer)) -> Vec<&'static str> {
    problems(|draft| {
        *draft = balanced();
        change(&mut draft.load_balancers[0]);
    })
}

#[test]
fn a_frontend_has_one_home() {
    assert_eq!(balancer_problems(|_| {}), FINE); // LB-01
    assert_eq!(balancer_problems(|lb| lb.frontends[0] = outside("front", "pip")), FINE);
    assert_eq!(balancer_problems(|lb| lb.frontends[0].subnet = None), ["MISSING_PROPERTY"]);
    let both = |lb: &mut LoadBalancer| lb.frontends[0].public_ip_address = Some(text("pip"));
    assert_eq!(balancer_problems(both), ["MISSING_PROPERTY"]);
    let taken = |lb: &mut LoadBalancer| lb.frontends[0].private_ip_address = Some(address("10.10.0.1"));
    assert_eq!(balancer_problems(taken), ["RESERVED_ADDRESS"]); // ADDR-05
    let elsewhere = |lb: &mut LoadBalancer| lb.frontends[0].private_ip_address = Some(address("10.10.1.4"));
    assert_eq!(balancer_problems(elsewhere), ["ADDRESS_OUTSIDE_SUBNET"]);
}

#[test]
fn parts_are_named_and_found() {
    for break_one in [
        |lb: &mut LoadBalancer| lb.rules[0].frontend = text("none"),
        |lb: &mut LoadBalancer| lb.rules[0].backend_pool = text("none"),
        |lb: &mut LoadBalancer| lb.rules[0].probe = Some(text("none")),
        |lb: &mut LoadBalancer| lb.frontends[0].subnet = Some(text("hub/none")),
        |lb: &mut LoadBalancer| {
            lb.inbound_nat_rules.push(nat_rule("ssh", LbProtocol::Tcp, [50_022, 22], "none"));
        },
    ] {
        assert_eq!(balancer_problems(break_one)[0], "UNKNOWN_REFERENCE");
    }
    assert_eq!(balancer_problems(|lb| lb.frontends.push(internal("FRONT"))), ["DUPLICATE_NAME"]);
    let again = |lb: &mut LoadBalancer| lb.rules.push(balancing("web", LbProtocol::Udp, 53));
    assert_eq!(balancer_problems(again), ["DUPLICATE_NAME"]);
}

#[test]
fn rules_of_one_frontend_differ_in_protocol_or_port() {
    let with = |protocol, port| {
        balancer_problems(|lb| lb.rules.push(balancing("second", protocol, port))) // LB-02
    };
    assert_eq!(with(LbProtocol::Tcp, 443), ["DUPLICATE_FRONTEND_PORT"]);
    assert_eq!(with(LbProtocol::Udp, 443), FINE);
    assert_eq!(with(LbProtocol::Tcp, 80), FINE);
    let same = |lb: &mut LoadBalancer| {
        lb.inbound_nat_rules.push(nat_rule("https", LbProtocol::Tcp, [443, 443], "a"));
    };
    assert_eq!(balancer_problems(same), ["DUPLICATE_FRONTEND_PORT"]);
    let other_frontend = |lb: &mut LoadBalancer| {
        lb.frontends.push(internal("front2"));
        lb.rules.push(LoadBalancingRule { frontend: text("front2"), ..balancing("2", LbProtocol::Tcp, 443) });
    };
    assert_eq!(balancer_problems(other_frontend), FINE);
}

#[test]
fn ha_ports_are_protocol_all_and_port_0() {
    let only = |protocol, port| balancer_problems(|lb| lb.rules = vec![balancing("one", protocol, port)]);
    assert_eq!(only(LbProtocol::All, 0), FINE); // LB-09
    assert_eq!(only(LbProtocol::All, 443), ["BAD_VALUE"]);
    assert_eq!(only(LbProtocol::Tcp, 0), ["BAD_VALUE"]);
    assert_eq!(only(LbProtocol::Udp, 65_536), ["BAD_VALUE"]);
}

#[test]
fn ha_ports_are_for_internal_standard_balancers() {
    let ha = || vec![balancing("ha", LbProtocol::All, 0)];
    let basic = |lb: &mut LoadBalancer| (lb.rules, lb.sku) = (ha(), Some(LbSku::Basic.into()));
    assert_eq!(balancer_problems(basic), ["CONFLICTING_PROPERTIES"]); // LB-09
    let public = |lb: &mut LoadBalancer| (lb.rules, lb.frontends[0]) = (ha(), outside("front", "pip"));
    assert_eq!(balancer_problems(public), ["CONFLICTING_PROPERTIES"]);
}

/// LB-09: "without floating IP it is the only rule possible for those backends on internal LBs".
#[test]
fn ha_ports_stand_alone_unless_they_float() {
    let second_balancer = |first_floats: bool, second: LoadBalancingRule| {
        problems(|draft| {
            *draft = balanced();
            let first = balancing("ha", LbProtocol::All, 0);
            draft.load_balancers[0].rules =
                vec![LoadBalancingRule { enable_floating_ip: Some(first_floats.into()), ..first }];
            draft.load_balancers.push(LoadBalancer { rules: vec![second], ..balancer("lb2") });
            draft.network_interfaces[0].ip_configurations[0].backend_address_pools.push(text("lb2/pool"));
        })
    };
    let web = || balancing("web", LbProtocol::Tcp, 443);
    let floating =
        LoadBalancingRule { enable_floating_ip: Some(true.into()), ..balancing("2", LbProtocol::All, 0) };
    assert_eq!(second_balancer(false, web()), ["CONFLICTING_PROPERTIES"]);
    assert_eq!(second_balancer(true, floating), FINE);
    let own_frontend = |lb: &mut LoadBalancer| {
        lb.rules = vec![balancing("ha", LbProtocol::All, 0), web()];
        lb.rules[0].enable_floating_ip = Some(true.into());
    };
    assert_eq!(balancer_problems(own_frontend), ["DUPLICATE_FRONTEND_PORT"]);
    let public_beside = problems(|draft| {
        *draft = balanced();
        draft.load_balancers[0].rules = vec![balancing("ha", LbProtocol::All, 0)];
        let frontends = vec![outside("front", "pip")];
        draft.load_balancers.push(LoadBalancer { frontends, ..balancer("lb2") });
        draft.network_interfaces[0].ip_configurations[0].backend_address_pools.push(text("lb2/pool"));
    });
    assert_eq!(public_beside, FINE);
}

#[test]
fn floating_ip_has_its_limits() {
    let floats = |lb: &mut LoadBalancer| lb.rules[0].enable_floating_ip = Some(true.into());
    assert_eq!(balancer_problems(floats), FINE); // LB-11
    let ipv6 = problems(|draft| {
        *draft = balanced();
        let hub = &mut draft.virtual_networks[0];
        hub.address_prefixes.push(block("fd00:10::/48"));
        hub.subnets[0].address_prefixes.push(block("fd00:10::/64"));
        draft.load_balancers[0].frontends[0].private_ip_address = Some(address("fd00:10::9"));
        floats(&mut draft.load_balancers[0]);
    });
    assert_eq!(ipv6, ["CONFLICTING_PROPERTIES"]);
    let secondary = problems(|draft| {
        *draft = balanced();
        let configs = &mut draft.network_interfaces[0].ip_configurations;
        let mut second = configs[0].clone();
        second.name = text("second");
        configs[0].primary = Some(true.into());
        configs.push(second);
        floats(&mut draft.load_balancers[0]);
    });
    assert_eq!(secondary, ["CONFLICTING_PROPERTIES"]);
}

#[test]
fn idle_timeouts_go_from_4_to_30_minutes() {
    let minutes = |minutes: u64| {
        balancer_problems(|lb| lb.rules[0].idle_timeout_in_minutes = Some(minutes.into())) // LB-14
    };
    assert_eq!([minutes(4), minutes(30)], [FINE, FINE]);
    assert_eq!([minutes(3), minutes(31)], [["BAD_VALUE"], ["BAD_VALUE"]]);
}

#[test]
fn probes_have_a_port_and_https_is_for_standard() {
    let with = |protocol: ProbeProtocol, port: u64, sku: LbSku| {
        balancer_problems(|lb| {
            let probe = Probe {
                name: text("p"),
                protocol: Some(protocol.into()),
                port: Some(port.into()),
                interval_s: None,
                threshold: None,
            };
            lb.probes.push(probe);
            lb.rules[0].probe = Some(text("P"));
            lb.sku = Some(sku.into());
        })
    };
    assert_eq!(with(ProbeProtocol::Tcp, 443, LbSku::Basic), FINE); // LB-07
    assert_eq!(with(ProbeProtocol::Https, 443, LbSku::Standard), FINE);
    assert_eq!(with(ProbeProtocol::Https, 443, LbSku::Basic), ["CONFLICTING_PROPERTIES"]);
    assert_eq!(with(ProbeProtocol::Http, 0, LbSku::Standard), ["BAD_VALUE"]);
    assert_eq!(with(ProbeProtocol::Http, 70_000, LbSku::Standard), ["BAD_VALUE"]);
}

#[test]
fn inbound_nat_rules_lead_one_port_to_one_nic() {
    let with = |protocol, ports, to: &str| {
        problems(|draft| {
            *draft = balanced();
            draft.virtual_machines.push(vm("machine", &["a"]));
            draft.load_balancers[0].inbound_nat_rules.push(nat_rule("ssh", protocol, ports, to));
        })
    };
    assert_eq!(with(LbProtocol::Tcp, [50_022, 22], "b"), FINE); // LB-16
    assert_eq!(with(LbProtocol::Tcp, [50_022, 22], "machine"), FINE);
    assert_eq!(with(LbProtocol::All, [50_022, 22], "a"), ["BAD_VALUE"]);
    assert_eq!(with(LbProtocol::Tcp, [0, 22], "a"), ["BAD_VALUE"]);
    assert_eq!(with(LbProtocol::Tcp, [50_022, 65_536], "a"), ["BAD_VALUE"]);
    assert_eq!(with(LbProtocol::Tcp, [50_022, 22], "b/ip"), FINE);
    assert_eq!(with(LbProtocol::Tcp, [50_022, 22], "b/none"), ["UNKNOWN_REFERENCE"]);
}

/// LB-16: templates say it at the ipConfiguration, exports at both ends.
#[test]
fn ip_configurations_name_the_inbound_nat_rules_that_lead_to_them() {
    let with = |backend: Option<&str>, listed: &[(usize, &str)]| {
        problems(|draft| {
            *draft = balanced();
            let mut rule = nat_rule("ssh", LbProtocol::Tcp, [50_022, 22], "");
            rule.backend = backend.map(text);
            draft.load_balancers[0].inbound_nat_rules.push(rule);
            for (nic, name) in listed {
                draft.network_interfaces[*nic].ip_configurations[0].inbound_nat_rules.push(text(name));
            }
        })
    };
    assert_eq!(with(None, &[(0, "LB/ssh")]), FINE);
    assert_eq!(with(Some("a/ip"), &[(0, "lb/ssh")]), FINE);
    assert_eq!(with(None, &[]), ["RULE_WITHOUT_BACKEND"]); // a warning: the rule is there and leads nowhere
    assert_eq!(with(None, &[(0, "lb/ssh"), (1, "lb/ssh")]), ["CONFLICTING_PROPERTIES"]);
    assert_eq!(with(Some("b"), &[(0, "lb/ssh")]), ["CONFLICTING_PROPERTIES"]);
    assert_eq!(with(None, &[(0, "lb/shs")]), ["UNKNOWN_REFERENCE", "RULE_WITHOUT_BACKEND"]);
}

#[test]
fn outbound_rules_share_out_the_ports_of_public_frontends() {
    let with = |frontends: &[&str], ports| {
        balancer_problems(|lb| {
            lb.frontends.extend([outside("out", "pip"), outside("out2", "pip2")]);
            lb.outbound_rules.push(outbound(frontends, ports));
        })
    };
    assert_eq!(with(&["out"], None), FINE); // OUT-04
    assert_eq!(with(&["out"], Some(0)), FINE); // by the size of the pool
    assert_eq!(with(&["out"], Some(32_000)), FINE); // two members, 64,000 ports
    assert_eq!(with(&["out"], Some(32_008)), ["OVER_LIMIT"]);
    assert_eq!(with(&["out", "out2"], Some(64_000)), FINE);
    assert_eq!(with(&["out", "out2"], Some(64_008)), ["OVER_LIMIT"]);
    assert_eq!(with(&["front"], None), ["BAD_VALUE"]);
    assert_eq!(with(&[], None), ["MISSING_PROPERTY"]);
}

#[test]
fn members_are_the_ip_configurations_that_name_the_pool() {
    let network = good(&balanced(), Semantics::default());
    assert_eq!(network.load_balancers()[0].pools, [[(NicId(0), 0), (NicId(1), 0)]]);
    let unknown = problems(|draft| {
        *draft = balanced();
        draft.network_interfaces[0].ip_configurations[0].backend_address_pools = vec![text("lb/poll")];
    });
    assert_eq!(unknown, ["UNKNOWN_REFERENCE"]);
}

// Public addresses.

#[test]
fn a_public_address_has_one_owner() {
    let two_frontends = |lb: &mut LoadBalancer| {
        lb.frontends.extend([outside("one", "pip"), outside("two", "PIP")]);
    };
    assert_eq!(balancer_problems(two_frontends), ["DUPLICATE_ADDRESS"]); // ADDR-06
    let nic_and_nat = problems(|draft| {
        *draft = balanced();
        draft.network_interfaces[0].ip_configurations[0].public_ip_address = Some(text("pip"));
        let nat = NatGateway { name: text("nat"), public_ip_addresses: vec![text("pip")] };
        draft.nat_gateways.push(nat);
    });
    assert_eq!(nic_and_nat, ["DUPLICATE_ADDRESS"]);
    let same_address = problems(|draft| {
        draft.public_ip_addresses = ["a", "b"].map(public).to_vec();
        for public in &mut draft.public_ip_addresses {
            public.ip_address = Some(address("20.1.2.3"));
        }
    });
    assert_eq!(same_address, ["DUPLICATE_ADDRESS"]);
}

#[test]
fn a_nat_gateway_has_1_to_16_public_addresses() {
    let with = |count: usize| {
        problems(|draft| {
            let names: Vec<String> = (0..count).map(|ix| format!("pip{ix}")).collect();
            draft.public_ip_addresses = names.iter().map(|name| public(name)).collect();
            let public_ip_addresses = names.iter().map(|name| text(name)).collect();
            draft.nat_gateways.push(NatGateway { name: text("nat"), public_ip_addresses });
            draft.virtual_networks[0].subnets[0].nat_gateway = Some(text("nat"));
        })
    };
    assert_eq!([with(1), with(16)], [FINE, FINE]); // OUT-05
    assert_eq!(with(17), ["OVER_LIMIT"]);
    assert_eq!(with(0), ["MISSING_PROPERTY"]);
}

#[test]
fn a_nat_gateway_serves_one_network() {
    let serves = |elsewhere: bool| {
        problems(|draft| {
            draft.public_ip_addresses.push(public("pip"));
            draft.nat_gateways.push(NatGateway { name: text("nat"), public_ip_addresses: vec![text("pip")] });
            let mut other = vnet("other", &["10.20.0.0/16"]);
            other.subnets.push(subnet("snet", "10.20.0.0/24"));
            draft.virtual_networks.push(other);
            draft.virtual_networks[0].subnets[0].nat_gateway = Some(text("nat"));
            let (vnet, subnet) = if elsewhere { (1, 0) } else { (0, 2) };
            draft.virtual_networks[vnet].subnets[subnet].nat_gateway = Some(text("NAT"));
        })
    };
    assert_eq!(serves(false), FINE); // OUT-05
    assert_eq!(serves(true), ["NAT_GATEWAY_ACROSS_VNETS"]);
}
