//! Guests with capacity and sessions, and what the timeline breaks: guests, links, gateways.

use vnetsim_model::{GuestState, LinkCondition, LinkEnd, LinkFault, OperationKind, TcpTracking};
use vnetsim_scenario::Scenario;
use vnetsim_types::{SimTime, SiteId};

use crate::{
    common::{FULL, good},
    problems::{after_net, check},
};

#[test]
fn guests_come_out_as_said() {
    let scenario = good(FULL);
    let fw = scenario.network.vms().iter().find(|vm| vm.name.value == "fw").unwrap();
    let guest = &fw.guest;
    assert_eq!((guest.tcp, guest.state), (TcpTracking::Loose, GuestState::NotForwarding));
    assert_eq!((guest.session_timeout, guest.queue), (SimTime::from_secs(120), SimTime::from_millis(5)));
    assert_eq!(guest.processing_delay, SimTime::from_micros(30));
    assert_eq!((guest.packets_per_s, guest.bits_per_s), (Some(50_000), Some(1_500_000_000)));
    assert_eq!(guest.tcp_window_bytes, Some(64_000));
    let [web, dns] = guest.dnat.as_slice() else { panic!("two rules") };
    assert_eq!((web.port.port, web.to_port, web.to.to_string().as_str()), (8_443, Some(443), "10.30.0.4"));
    assert_eq!((web.address.is_some(), dns.address, dns.to_port), (true, None, None));
}

#[test]
fn guests_with_mistakes() {
    check(
        after_net(
            "  - name: a
    subnet: v/s
    guest: {tcp: lose, sessionTimeout: 4, dnat: [{name: x, port: http, to: vm1}, {address: 10.0.0.9}]}
  - {name: b, subnet: v/s, guest: {bandwidth: 1Gb, tcpWindow: 64kb, state: broken, packetsPerSecond: 1.5}}
  - {name: c, subnet: v/s, guest: {window: 64kB}}
",
        ),
        &[
            "9:18 BAD_VALUE `tcp` of guest of virtual machine `a`: `lose` is not known here (did you mean `loose`?)",
            "9:40 BAD_VALUE `sessionTimeout` of guest of virtual machine `a`: `4` is not a time; write it like 250ms, 1.5s or 2m",
            "9:66 BAD_VALUE `port` of dnat rule `x`: `http` is not a protocol; write tcp/443, udp/53, icmp, esp or ip/47",
            "9:76 BAD_VALUE `to` of dnat rule `x`: `vm1` is not an IP address",
            "9:83 MISSING_PROPERTY dnat rule of guest of virtual machine `a` has no `name`",
            "9:83 MISSING_PROPERTY dnat rule of guest of virtual machine `a` has no `port`",
            "9:83 MISSING_PROPERTY dnat rule of guest of virtual machine `a` has no `to`",
            "10:47 BAD_VALUE `bandwidth` of guest of virtual machine `b`: `1Gb` is not a bandwidth (write it like 100Mbps, 1.5 Gbps or 750 Mbit/s)",
            "10:63 BAD_VALUE `tcpWindow` of guest of virtual machine `b`: `64kb` is not an amount of bytes (did you mean `64kB`? Units are B, kB, MB, GB, KiB, MiB, GiB: bytes, not bits)",
            "10:76 BAD_VALUE `state` of guest of virtual machine `b`: `broken` is not known here (write one of `working`, `notForwarding`, `dead`)",
            "10:102 BAD_VALUE `packetsPerSecond` of guest of virtual machine `b`: `1.5` is not a whole number",
            "11:36 UNKNOWN_PROPERTY `window` is not a property of guest of virtual machine `c`",
        ],
    );
    check(
        after_net("  - {name: a, subnet: v/s, guest: {role: router, tcp: strict, queue: 1s}}\n"),
        &[
            "7:55 CONFLICTING_PROPERTIES the guest of `a` is a router and has `tcp` (only `role: firewall` has sessions; give it that role or remove `tcp`)",
            "7:70 CONFLICTING_PROPERTIES nothing ever waits in the `queue` of `a` (say packetsPerSecond or bandwidth, or remove it)",
        ],
    );
}

/// The operation that happens at a second.
fn at(scenario: &Scenario, second: u64) -> &OperationKind {
    let op = scenario.timeline.iter().find(|op| op.at == SimTime::from_secs(second)).unwrap();
    &op.operation.kind
}

fn link(scenario: &Scenario, second: u64) -> LinkFault {
    match at(scenario, second) {
        OperationKind::SetLink(fault) => *fault,
        other => panic!("{other:?}"),
    }
}

#[test]
fn faults_come_out_as_said() {
    let scenario = good(FULL);
    let nva = scenario.network.vms().iter().position(|vm| vm.name.value == "nva").unwrap();
    assert!(matches!(at(&scenario, 23), OperationKind::SetGuest(vm, GuestState::Dead) if vm.ix() == nva));
    let lossy = link(&scenario, 24);
    let ends = (lossy.from, lossy.to, lossy.both_ways);
    assert!(matches!(ends, (LinkEnd::Vnet(hub), Some(LinkEnd::Vnet(s1)), true) if (hub.0, s1.0) == (0, 1)));
    let milli = SimTime::from_millis;
    let condition = LinkCondition {
        down: false,
        loss_ppm: 10_000,
        duplicate_ppm: 5_000,
        reorder_ppm: 10_000,
        reorder_delay: milli(3),
        delay: milli(10),
        jitter: milli(1),
    };
    assert_eq!(lossy.condition, condition);
    let down = link(&scenario, 25);
    assert_eq!((down.to, down.both_ways, down.condition.down), (Some(LinkEnd::Site(SiteId(0))), false, true));
    let repaired = link(&scenario, 26);
    assert!(matches!((repaired.from, repaired.to, repaired.both_ways), (LinkEnd::Vm(_), None, true)));
    assert!(repaired.condition.is_good(), "nothing bad is said");
    assert!(matches!(at(&scenario, 27), OperationKind::SetGatewayRunning(name, false) if name.value == "gw"));
    assert!(matches!(at(&scenario, 28), OperationKind::SetGatewayRunning(name, true) if name.value == "gw"));
}

#[test]
fn faults_with_mistakes() {
    check(
        after_net(
            "timeline:
- {at: 1s, setGuest: {virtualMachine: vm1}}
- {at: 1s, setGuest: {state: dead}}
- {at: 1s, setLink: {loss: 1%}}
- {at: 1s, setLink: {to: vm1}}
- {at: 1s, setLink: {between: [vm1, vm2], at: vm1}}
- {at: 1s, setLink: {between: [vm1]}}
- {at: 1s, setLink: {between: vm1}}
- {at: 1s, setLink: {at: vm1, loss: 101%, duplicate: 2, reorder: often, delay: 61s}}
- {at: 1s, setLink: {at: vm1, reorderDelay: 1ms}}
- {at: 1s, setLink: {at: vm1, down: true, jitter: 1ms}}
- {at: 1s, setLink: {at: vm1, los: 1%}}
",
        ),
        &[
            "8:39 MISSING_PROPERTY setGuest `vm1` has no `state`",
            "9:23 MISSING_PROPERTY setGuest of timeline entry has no `virtualMachine`",
            "10:22 MISSING_PROPERTY setLink of timeline entry says no end (add between, from or at)",
            "11:22 MISSING_PROPERTY setLink of timeline entry: `to` means nothing without `from` (add `from`, or remove `to`)",
            "12:43 CONFLICTING_PROPERTIES setLink of timeline entry: `between` and `at` exclude each other (keep one of them)",
            "13:31 BAD_VALUE setLink of timeline entry: `between` names 1 end, not two (write it like [hub, s1])",
            "14:31 WRONG_TYPE `between` of setLink of timeline entry: expected a list, found a single value (put it into a list: `[...]`, or a line with `- `)",
            "15:37 BAD_VALUE `loss` of setLink of timeline entry: `101%` is not a share of the packets (write it like 1% or 0.01, from 0 to 100%, in steps of 0.0001%)",
            "15:54 BAD_VALUE `duplicate` of setLink of timeline entry: `2` is not a share of the packets (write it like 1% or 0.01, from 0 to 100%, in steps of 0.0001%)",
            "15:66 BAD_VALUE `reorder` of setLink of timeline entry: `often` is not a share of the packets (write it like 1% or 0.01, from 0 to 100%, in steps of 0.0001%)",
            "15:80 BAD_VALUE `delay` of setLink of timeline entry: 61 s is out of bounds (60 s is the most)",
            "16:31 MISSING_PROPERTY setLink of timeline entry: `reorderDelay` means nothing without `reorder` (add `reorder`, or remove `reorderDelay`)",
            "17:22 CONFLICTING_PROPERTIES setLink of timeline entry: what does not get through is neither lost nor late; keep `down` or the rest",
            "18:31 UNKNOWN_PROPERTY `los` is not a property of setLink of timeline entry (did you mean `loss`?)",
        ],
    );
}

#[test]
fn faults_of_nobody() {
    check(
        after_net(
            "timeline:
- {at: 1s, setGuest: {virtualMachine: vm3, state: dead}}
- {at: 1s, setLink: {between: [vm1, onprem]}}
- {at: 1s, stopGateway: gw}
- {at: 1s, startGateway: gw}
",
        ),
        &[
            "8:39 UNKNOWN_REFERENCE no virtual machine is called `vm3` (did you mean `vm1`?)",
            "9:37 UNKNOWN_REFERENCE no virtual network, VM or site is called `onprem` (an end is a virtual network, a VM, a site or `internet`)",
            "10:25 UNKNOWN_REFERENCE no virtual network gateway is called `gw`",
            "11:26 UNKNOWN_REFERENCE no virtual network gateway is called `gw`",
        ],
    );
}
