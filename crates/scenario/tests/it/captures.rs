//! Captures that are sent again, and where chance starts.

use std::net::IpAddr;

use vnetsim_scenario::Subject;
use vnetsim_types::{Place, SimTime};

use crate::{
    common::{FULL, good},
    problems::{NET, after_net, check},
};

fn ip(text: &str) -> IpAddr {
    text.parse().unwrap()
}

#[test]
fn a_capture_comes_out_as_said() {
    let scenario = good(FULL);
    let [office] = scenario.captures.as_slice() else { panic!("one capture") };
    assert_eq!((office.name.as_str(), office.file.as_str()), ("office", "captures/office-http.pcap"));
    assert_eq!(
        &FULL[office.file.span.start as usize..office.file.span.end as usize],
        "captures/office-http.pcap"
    );
    assert_eq!((office.start, office.speed_permille), (SimTime::from_secs(1), 500));
    assert_eq!(office.at(SimTime::from_millis(10)), SimTime::from_millis(1_020), "half as fast");
    assert_eq!(office.at(SimTime(u64::MAX)), SimTime(u64::MAX));
    let vm1 = Place::Nic(scenario.network.nic_named("vm1").unwrap());
    let mapped = |text: &str| office.mapped(ip(text)).map(|mapped| (mapped.to.place, mapped.to.address));
    assert_eq!(mapped("192.168.50.2"), Some((vm1, ip("10.20.0.4"))), "the longest prefix");
    assert_eq!(mapped("192.168.50.3"), Some((Place::Internet, ip("203.0.113.7"))));
    assert_eq!(mapped("192.168.51.3"), None);
    let Subject::Traffic(expected) = &scenario.expect[11].subject else { panic!("judged like traffic") };
    let homeless = expected.homeless.as_ref().unwrap().value;
    assert_eq!((homeless.min, homeless.max), (None, Some(1)));
}

#[test]
fn defaults() {
    let scenario = good(&format!("{NET}captures: [{{name: c, file: c.pcap}}]\n"));
    let capture = &scenario.captures[0];
    assert_eq!((capture.start, capture.speed_permille, capture.map.len()), (SimTime::ZERO, 1_000, 0));
    assert_eq!(capture.at(SimTime(7)), SimTime(7));
    assert_eq!(scenario.seed, 1);
    assert_eq!(good(FULL).seed, 7);
}

#[test]
fn mistakes() {
    check(
        after_net(
            "seed: -1
traffic: [{name: web, from: vm1, to: vm2, protocol: tcp/443}]
captures:
- {name: web, file: a.pcap}
- {name: b, speed: 0.0001, start: later}
- {name: c, file: c.pcap, map: [{address: 10.0.0.1/24, to: vm1}, {address: x, to: vm1}, {to: vm1}]}
- {name: d, file: d.pcap, maps: []}
",
        ),
        &[
            "7:7 BAD_VALUE `seed` of scenario: `-1` is not a whole number",
            "10:10 DUPLICATE_NAME two entries of traffic and captures are called `web`",
            "11:10 MISSING_PROPERTY capture `b` has no `file`",
            "11:20 BAD_VALUE `speed` of capture `b`: 0.0001 is out of bounds (it goes from 0.001 to 1000)",
            "11:35 BAD_VALUE `start` of capture `b`: `later` is not a time; write it like 250ms, 1.5s or 2m",
            "12:43 BAD_VALUE `address` of map of capture `c`: 10.0.0.1/24 has host bits set (write 10.0.0.0/24)",
            "12:76 BAD_VALUE `address` of map of capture `c`: `x` is not a prefix (write it like 10.0.0.0/24)",
            "12:90 MISSING_PROPERTY map of capture `c` has no `address`",
            "13:27 UNKNOWN_PROPERTY `maps` is not a property of capture `d` (did you mean `map`?)",
        ],
    );
}

#[test]
fn ends_must_exist_and_fit() {
    check(
        after_net(
            "captures:
- {name: a, file: a.pcap, map: [{address: 1.2.3.4, to: vm3}, {address: fd00::1, to: vm1}]}
- {name: b, file: b.pcap, map: [{address: 1.2.3.4, to: vm1}, {address: 1.2.3.4/32, to: vm2}]}
expect:
- {traffic: a, via: [vm1]}
- {traffic: c, verdict: Delivered}
",
        ),
        &[
            "8:56 UNKNOWN_REFERENCE no VM, NIC, private endpoint or address `vm3`; did you mean `vm1`?",
            "8:85 BAD_VALUE capture `a`: fd00::1/128 cannot stand for 10.0.0.4 (both must be of the same family)",
            "9:72 CONFLICTING_PROPERTIES capture `b` maps 1.2.3.4/32 twice (keep one of them)",
            "11:13 CONFLICTING_PROPERTIES expectation on `a`: `via` is not asked of a capture (remove `via`)",
            "12:13 UNKNOWN_REFERENCE no traffic entry or capture is called `c` (did you mean `a`?)",
        ],
    );
}
