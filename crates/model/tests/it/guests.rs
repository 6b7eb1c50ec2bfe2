//! Guests: defaults, bounds, and properties that mean nothing to another role.

use vnetsim_model::{
    Guest as Checked, GuestState, Role, Semantics, TcpTracking, check,
    draft::{DestinationNat, Draft, Guest},
};
use vnetsim_types::{IpProtocol, SimTime};

use crate::build::{FINE, address, good, hub_draft, nic, text, vm};

fn draft(guest: Guest) -> Draft {
    let mut draft = hub_draft();
    draft.network_interfaces.push(nic("a", "hub/snet"));
    draft.virtual_machines.push(vm("m", &["a"]));
    draft.virtual_machines[0].guest = Some(guest);
    draft
}

fn accepted(guest: Guest) -> Checked {
    good(&draft(guest), Semantics::default()).vms()[0].guest.clone()
}

fn codes(guest: Guest) -> Vec<&'static str> {
    check(&draft(guest), Semantics::default()).problems.iter().map(|problem| problem.code).collect()
}

/// Code, message and help of each problem.
fn words(guest: Guest) -> Vec<String> {
    let problems = check(&draft(guest), Semantics::default()).problems;
    problems.iter().map(|p| format!("{} {} ({})", p.code, p.message, p.help)).collect()
}

fn of(role: Role) -> Guest {
    Guest { role: Some(role.into()), ..Guest::default() }
}

fn nat(name: &str, from: Option<&str>, port: &str, to: &str, to_port: Option<u64>) -> DestinationNat {
    DestinationNat {
        name: text(name),
        address: from.map(address),
        port: port.parse::<vnetsim_types::ProtoPort>().expect("a port").into(),
        to: address(to),
        to_port: to_port.map(Into::into),
    }
}

#[test]
fn defaults() {
    let guest = accepted(Guest::default());
    assert_eq!((guest.tcp, guest.state), (TcpTracking::Strict, GuestState::Working));
    assert_eq!(guest.session_timeout, SimTime::from_secs(240), "FLOW-05");
    assert_eq!((guest.processing_delay, guest.queue), (SimTime::from_micros(20), SimTime::from_millis(50)));
    assert_eq!((guest.packets_per_s, guest.bits_per_s, guest.tcp_window_bytes), (None, None, None));
    assert!(guest.dnat.is_empty());
}

#[test]
fn what_is_said_comes_out() {
    let guest = accepted(Guest {
        tcp: Some(TcpTracking::Loose.into()),
        session_timeout: Some(SimTime::from_secs(30).into()),
        dnat: vec![nat("web", None, "tcp/8443", "10.30.0.4", Some(443))],
        processing_delay: Some(SimTime::from_micros(5).into()),
        packets_per_second: Some(10_000.into()),
        bits_per_second: Some(1_000_000_000.into()),
        queue: Some(SimTime::from_millis(1).into()),
        state: Some(GuestState::NotForwarding.into()),
        tcp_window: Some(65_536.into()),
        ..of(Role::Firewall)
    });
    assert_eq!((guest.tcp, guest.state), (TcpTracking::Loose, GuestState::NotForwarding));
    assert_eq!((guest.session_timeout, guest.queue), (SimTime::from_secs(30), SimTime::from_millis(1)));
    assert_eq!(guest.processing_delay, SimTime::from_micros(5));
    assert_eq!((guest.packets_per_s, guest.bits_per_s), (Some(10_000), Some(1_000_000_000)));
    assert_eq!(guest.tcp_window_bytes, Some(65_536));
    let rule = &guest.dnat[0];
    assert_eq!((rule.name.value.as_str(), rule.address, rule.to_port), ("web", None, Some(443)));
    assert_eq!((rule.port.protocol, rule.port.port), (IpProtocol::TCP, 8_443));
}

#[test]
fn only_firewalls_keep_sessions() {
    for role in [Role::Host, Role::Router] {
        let tcp = Guest { tcp: Some(TcpTracking::Loose.into()), ..of(role) };
        let timeout = Guest { session_timeout: Some(SimTime::from_secs(9).into()), ..of(role) };
        assert_eq!([codes(tcp), codes(timeout)], [["CONFLICTING_PROPERTIES"], ["CONFLICTING_PROPERTIES"]]);
    }
    let tcp = Guest { tcp: Some(TcpTracking::Loose.into()), ..of(Role::Router) };
    assert_eq!(
        words(tcp),
        [
            "CONFLICTING_PROPERTIES the guest of `m` is a router and has `tcp` (only `role: firewall` has sessions; \
             give it that role or remove `tcp`)"
        ]
    );
}

#[test]
fn only_those_who_forward_have_a_capacity() {
    let all = |guest| Guest {
        dnat: vec![nat("web", None, "tcp/80", "10.30.0.4", None)],
        processing_delay: Some(SimTime::ZERO.into()),
        packets_per_second: Some(1.into()),
        bits_per_second: Some(1_000.into()),
        queue: Some(SimTime::ZERO.into()),
        ..guest
    };
    assert_eq!(codes(all(Guest::default())), ["CONFLICTING_PROPERTIES"; 5]);
    let forwards = Guest { ip_forwarding: Some(true.into()), ..Guest::default() };
    for guest in [forwards, of(Role::Router), of(Role::Firewall)] {
        assert_eq!(codes(all(guest)), FINE);
    }
    let queue = Guest { queue: Some(SimTime::ZERO.into()), ..of(Role::Router) };
    assert_eq!(codes(queue), ["CONFLICTING_PROPERTIES"], "nothing ever waits");
}

#[test]
fn bounds() {
    let time = |s| Some(SimTime::from_secs(s).into());
    let bad = [
        Guest { session_timeout: time(0), ..of(Role::Firewall) },
        Guest { session_timeout: time(86_401), ..of(Role::Firewall) },
        Guest { processing_delay: time(2), ..of(Role::Router) },
        Guest { queue: time(11), packets_per_second: Some(1.into()), ..of(Role::Router) },
        Guest { packets_per_second: Some(0.into()), ..of(Role::Router) },
        Guest { packets_per_second: Some(u64::MAX.into()), ..of(Role::Router) },
        Guest { bits_per_second: Some(999.into()), ..of(Role::Router) },
        Guest { bits_per_second: Some(u64::MAX.into()), ..of(Role::Router) },
        Guest { tcp_window: Some(3_999.into()), ..Guest::default() },
        Guest { tcp_window: Some(u64::MAX.into()), ..Guest::default() },
    ];
    for guest in bad {
        assert_eq!(codes(guest.clone()), ["BAD_VALUE"], "{guest:?}");
    }
    for bytes in [4_000, 64 << 20] {
        let guest = Guest { tcp_window: Some(bytes.into()), ..Guest::default() };
        assert_eq!(accepted(guest).tcp_window_bytes, u32::try_from(bytes).ok());
    }
    let message = words(Guest { tcp_window: Some(1.into()), ..Guest::default() });
    assert_eq!(message, ["BAD_VALUE the tcpWindow, in bytes, of `m` is 1 (it goes from 4000 to 67108864)"]);
}

#[test]
fn destinations_that_are_translated() {
    let with = |dnat: Vec<DestinationNat>| Guest { dnat, ..of(Role::Router) };
    let web = nat("web", Some("10.10.0.4"), "tcp/8443", "10.30.0.4", Some(443));
    let other_port = nat("ssh", Some("10.10.0.4"), "tcp/22", "10.30.0.4", None);
    let own = nat("own", None, "tcp/8443", "10.30.0.4", None);
    let own_v6 = nat("own6", None, "tcp/8443", "fd00::4", None);
    let ping = nat("ping", None, "icmp", "10.30.0.4", None);
    assert_eq!(codes(with(vec![web.clone(), other_port, own, own_v6, ping])), FINE);
    let bad = [
        (vec![web.clone(), nat("WEB", None, "udp/1", "10.30.0.4", None)], "DUPLICATE_NAME"),
        (
            vec![web.clone(), nat("b", Some("10.10.0.4"), "tcp/8443", "10.30.0.5", None)],
            "CONFLICTING_PROPERTIES",
        ),
        (vec![nat("a", Some("10.10.0.4"), "tcp/80", "fd00::4", None)], "BAD_VALUE"),
        (vec![nat("a", None, "tcp/80", "10.30.0.4", Some(0))], "BAD_VALUE"),
        (vec![nat("a", None, "tcp/80", "10.30.0.4", Some(65_536))], "BAD_VALUE"),
        (vec![nat("a", None, "icmp", "10.30.0.4", Some(80))], "CONFLICTING_PROPERTIES"),
    ];
    for (dnat, code) in bad {
        assert_eq!(codes(with(dnat.clone())), [code], "{dnat:?}");
    }
}
