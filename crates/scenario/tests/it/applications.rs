//! What conversations consist of: every application, its bounds, and what does not go together; what is expected of it.

use vnetsim_model::{Application, GIVE_UP_DEFAULT, Traffic};
use vnetsim_scenario::{Range, Subject};
use vnetsim_types::SimTime;

use crate::{
    common::{FULL, good},
    problems::{NET, after_net, check},
};

/// The one traffic entry with these properties, over `protocol`.
#[track_caller]
fn entry(protocol: &str, said: &str) -> Traffic {
    let mut scenario =
        good(&format!("{NET}traffic: [{{name: t, from: vm1, to: vm2, protocol: {protocol}, {said}}}]\n"));
    scenario.traffic.remove(0)
}

#[test]
fn tcp_connections_with_data() {
    let requests = |requests, request_bytes, response_bytes| Application::Requests {
        requests,
        request_bytes,
        response_bytes,
    };
    for (said, application) in [
        ("transfer: 50MB", requests(1, 50_000_000, 0)),
        ("download: 1 GiB", requests(1, 1, 1 << 30)),
        ("request: 300B", requests(1, 300, 0)),
        ("request: 300, response: 20kB, requests: 10", requests(10, 300, 20_000)),
        ("bulk: 10s", Application::Bulk { lasts: SimTime::from_secs(10) }),
        ("count: 3", Application::Exchange),
    ] {
        assert_eq!(entry("tcp/443", said).application, application, "{said}");
    }
    assert_eq!(entry("tcp/443", "giveUp: 30s").give_up, SimTime::from_secs(30));
    assert_eq!(entry("tcp/443", "count: 1").give_up, GIVE_UP_DEFAULT);
    let many = entry("tcp/443", "transfer: 1MB, count: 4, interval: 1s");
    assert_eq!((many.count, many.interval), (4, SimTime::from_secs(1)), "between conversations");
}

#[test]
fn streams() {
    let stream = |said: &str| match entry("udp/9000", said).application {
        Application::Stream { lasts, interval } => (lasts.0 / 1_000_000, interval.0),
        other => panic!("{other:?}"),
    };
    assert_eq!(stream("stream: 10s"), (10_000, 10_000_000), "a hundred datagrams a second");
    assert_eq!(stream("stream: 10s, interval: 20ms"), (10_000, 20_000_000));
    assert_eq!(stream("stream: 1500ms, rate: 50"), (1_500, 20_000_000));
    // 972 + 28 bytes are 8000 bits.
    assert_eq!(stream("stream: 1s, bandwidth: 1Mbps, size: 972"), (1_000, 8_000_000));
    assert_eq!(stream("stream: 1us, bandwidth: 1Tbps, size: 0"), (0, 1), "never nothing");
    let several = entry("udp/9000", "stream: 1s, count: 3, interval: 5ms, oneWay: true");
    assert_eq!((several.count, several.interval), (3, SimTime::ZERO), "they start at once");
    assert!(several.one_way);
}

#[test]
fn bandwidth_counts_the_longer_headers_of_ipv6() {
    let text = "network:
  virtualNetworks:
  - {name: v, addressSpace: {addressPrefixes: [10.0.0.0/16, fd00::/48]}, subnets: [{name: s, addressPrefixes: [10.0.0.0/24, fd00::/64]}]}
  networkInterfaces:
  - {name: nic, ipConfigurations: [{name: a, subnet: v/s}, {name: b, subnet: v/s, privateIPAddressVersion: IPv6}]}
  virtualMachines: [{name: vm1, networkInterfaces: [nic]}]
traffic: [{name: t, from: vm1, to: fd00::99, protocol: udp/9000, stream: 1s, bandwidth: 1Mbps, size: 952}]
";
    let Application::Stream { interval, .. } = good(text).traffic[0].application else { panic!("a stream") };
    assert_eq!(interval, SimTime::from_millis(8));
}

#[test]
fn traceroutes() {
    for (protocol, said, hops_max) in
        [("udp/33434", "true", 30), ("icmp", "12", 12), ("icmp", "True", 30), ("icmp", "255", 255)]
    {
        let application = entry(protocol, &format!("traceroute: {said}")).application;
        assert_eq!(application, Application::Traceroute { hops_max }, "{said}");
    }
    assert_eq!(entry("tcp/443", "traceroute: false").application, Application::Exchange);
}

#[test]
fn each_application_has_its_protocol() {
    check(
        after_net(
            "traffic:
- {name: a, from: vm1, to: vm2, protocol: udp/1, transfer: 1MB}
- {name: b, from: vm1, to: vm2, protocol: icmp, download: 1MB}
- {name: c, from: vm1, to: vm2, protocol: esp, request: 1B, response: 1B}
- {name: d, from: vm1, to: vm2, protocol: udp/1, bulk: 1s, giveUp: 1s}
- {name: e, from: vm1, to: vm2, protocol: tcp/1, stream: 1s}
- {name: f, from: vm1, to: vm2, protocol: esp, stream: 1s}
- {name: g, from: vm1, to: vm2, protocol: tcp/443, traceroute: true}
",
        ),
        &[
            "8:60 CONFLICTING_PROPERTIES traffic `a`: `transfer` does not go with udp/1 (write protocol: tcp/443, or remove `transfer`)",
            "9:59 CONFLICTING_PROPERTIES traffic `b`: `download` does not go with icmp (write protocol: tcp/443, or remove `download`)",
            "10:57 CONFLICTING_PROPERTIES traffic `c`: `request` does not go with esp (write protocol: tcp/443, or remove `request`)",
            "11:56 CONFLICTING_PROPERTIES traffic `d`: `bulk` does not go with udp/1 (write protocol: tcp/443, or remove `bulk`)",
            "11:68 CONFLICTING_PROPERTIES traffic `d`: `giveUp` does not go with udp/1 (write protocol: tcp/443, or remove `giveUp`)",
            "12:58 CONFLICTING_PROPERTIES traffic `e`: `stream` does not go with tcp/1 (write protocol: udp/9000, or remove `stream`)",
            "13:56 CONFLICTING_PROPERTIES traffic `f`: `stream` does not go with esp (write protocol: udp/9000, or remove `stream`)",
            "14:64 CONFLICTING_PROPERTIES traffic `g`: `traceroute` does not go with tcp/443 (write protocol: udp/33434 or icmp, or remove `traceroute`)",
        ],
    );
}

#[test]
fn an_entry_has_one_application() {
    check(
        after_net(
            "traffic:
- {name: a, from: vm1, to: vm2, protocol: tcp/1, transfer: 1MB, bulk: 1s}
- {name: b, from: vm1, to: vm2, protocol: tcp/1, request: 1B, download: 1B}
- {name: c, from: vm1, to: vm2, protocol: udp/1, traceroute: true, stream: 1s}
- {name: d, from: vm1, to: vm2, protocol: tcp/1, response: 1B, requests: 2}
- {name: e, from: vm1, to: vm2, protocol: udp/1, bandwidth: 1Mbps}
- {name: f, from: vm1, to: vm2, protocol: udp/1, stream: 1s, bandwidth: 1Mbps, interval: 1s}
- {name: g, from: vm1, to: vm2, protocol: tcp/1, transfer: 1MB, size: 10}
- {name: h, from: vm1, to: vm2, protocol: icmp, traceroute: true, ttl: 3, oneWay: true}
",
        ),
        &[
            "8:65 CONFLICTING_PROPERTIES traffic `a`: `transfer` and `bulk` exclude each other (keep one of them)",
            "9:50 CONFLICTING_PROPERTIES traffic `b`: `download` and `request` exclude each other (keep one of them)",
            "10:50 CONFLICTING_PROPERTIES traffic `c`: `stream` and `traceroute` exclude each other (keep one of them)",
            "11:50 MISSING_PROPERTY traffic `d`: `response` means nothing without `request` (add `request`, or remove `response`)",
            "11:64 MISSING_PROPERTY traffic `d`: `requests` means nothing without `request` (add `request`, or remove `requests`)",
            "12:50 MISSING_PROPERTY traffic `e`: `bandwidth` means nothing without `stream` (add `stream`, or remove `bandwidth`)",
            "13:62 CONFLICTING_PROPERTIES traffic `f`: `interval` and `bandwidth` exclude each other (keep one of them)",
            "14:65 CONFLICTING_PROPERTIES traffic `g`: `transfer` and `size` exclude each other (keep one of them)",
            "15:67 CONFLICTING_PROPERTIES traffic `h`: `traceroute` and `ttl` exclude each other (keep one of them)",
        ],
    );
}

#[test]
fn quantities_have_bounds() {
    check(
        after_net(
            "traffic:
- {name: a, from: vm1, to: vm2, protocol: tcp/1, transfer: 50mb}
- {name: b, from: vm1, to: vm2, protocol: tcp/1, transfer: 0B}
- {name: c, from: vm1, to: vm2, protocol: tcp/1, download: 2TB}
- {name: d, from: vm1, to: vm2, protocol: tcp/1, transfer: [1]}
- {name: e, from: vm1, to: vm2, protocol: tcp/1, bulk: 61m}
- {name: f, from: vm1, to: vm2, protocol: udp/1, stream: 0s}
- {name: g, from: vm1, to: vm2, protocol: udp/1, stream: 1s, bandwidth: 100MBps}
- {name: h, from: vm1, to: vm2, protocol: udp/1, stream: 1s, bandwidth: 2Tbps}
- {name: i, from: vm1, to: vm2, protocol: udp/1, stream: 1s, interval: 0s}
- {name: j, from: vm1, to: vm2, protocol: udp/1, traceroute: 256}
- {name: k, from: vm1, to: vm2, protocol: tcp/1, giveUp: soon}
- {name: l, from: vm1, to: vm2, protocol: tcp/1, transfer: 1GB, count: 1001}
- {name: m, from: vm1, to: vm2, protocol: tcp/1, request: 1MB, response: 1MB, requests: 10000000}
",
        ),
        &[
            "8:60 BAD_VALUE `transfer` of traffic `a`: `50mb` is not an amount of bytes (did you mean `50MB`? Units are B, kB, MB, GB, KiB, MiB, GiB: bytes, not bits)",
            "9:60 BAD_VALUE `transfer` of traffic `b`: 0 bytes are out of bounds (it goes from 1 to 1000000000000 bytes)",
            "10:60 BAD_VALUE `download` of traffic `c`: 2000000000000 bytes are out of bounds (it goes from 1 to 1000000000000 bytes)",
            "11:60 WRONG_TYPE `transfer` of traffic `d`: expected an amount of bytes such as 50MB, found a list",
            "12:56 BAD_VALUE `bulk` of traffic `e`: 3660 s is out of bounds (write more than 0s, 3600 s at most)",
            "13:58 BAD_VALUE `stream` of traffic `f`: 0 ms is out of bounds (write more than 0s, 3600 s at most)",
            "14:73 BAD_VALUE `bandwidth` of traffic `g`: `100MBps` is not a bandwidth (did you mean `100Mbps`? Units are bps, kbps, Mbps, Gbps: bits, not bytes)",
            "15:73 BAD_VALUE `bandwidth` of traffic `h`: 2000000000000 bits a second are out of bounds (it goes from 1000 to 1000000000000 bits a second)",
            "16:72 BAD_VALUE traffic `i`: a stream needs time between its datagrams (write 1ns or more, or say rate or bandwidth)",
            "17:62 BAD_VALUE `traceroute` of traffic `j`: `256` is no number of hops (write true, or the most hops, from 1 to 255)",
            "18:58 BAD_VALUE `giveUp` of traffic `k`: `soon` is not a time; write it like 250ms, 1.5s or 2m",
            "19:60 BAD_VALUE traffic `l`: its conversations carry more than 1 TB in all (send less, or fewer times)",
            "20:59 BAD_VALUE traffic `m`: its conversations carry more than 1 TB in all (send less, or fewer times)",
        ],
    );
    check(
        after_net(
            "traffic: [{name: a, from: vm1, to: vm2, protocol: udp/1, stream: 1m, interval: 10us, count: 2}]\n",
        ),
        &[
            "7:66 BAD_VALUE traffic `a` sends 12000000 datagrams (an entry sends 10000000 at most; make it shorter or slower)",
        ],
    );
}

#[test]
fn expectations_in_time() {
    let scenario = good(FULL);
    let Subject::Traffic(upload) = &scenario.expect[9].subject else { panic!("about traffic") };
    let milli = SimTime::from_millis;
    assert_eq!(upload.bytes.as_ref().unwrap().value, Range { min: Some(50_000_000), max: Some(50_000_000) });
    assert_eq!(upload.throughput_mbps.as_ref().unwrap().value, Range { min: Some(0.5), max: None });
    assert_eq!(upload.duration.as_ref().unwrap().value, Range { min: None, max: Some(milli(20_000)) });
    let round_trip = upload.round_trip.as_ref().unwrap().value;
    assert_eq!(round_trip, Range { min: Some(SimTime::from_micros(100)), max: Some(milli(2)) });
    assert_eq!(round_trip.to_string(), "100 us to 2 ms");
    assert_eq!(upload.retransmissions.as_ref().unwrap().value, Range { min: None, max: Some(10) });
    assert_eq!(upload.lost.as_ref().unwrap().value, Range { min: Some(0), max: Some(0) });
    assert_eq!(upload.sent.as_ref().unwrap().value, Range { min: Some(100), max: None });
    let Subject::Traffic(way) = &scenario.expect[10].subject else { panic!("about traffic") };
    let hops: Vec<&str> = way.hops.as_ref().unwrap().iter().map(|hop| hop.as_str()).collect();
    assert_eq!(hops, ["nva", "*", "10.30.0.4"]);
}

#[test]
fn expectations_must_fit_the_entry() {
    check(
        after_net(
            "traffic:
- {name: way, from: vm1, to: vm2, protocol: icmp, traceroute: true}
- {name: web, from: vm1, to: vm2, protocol: tcp/443}
expect:
- {traffic: way, hops: [vm3, vm2, 10.0.0.9, '*'], retransmissions: 0}
- {traffic: web, hops: [], homeless: 1}
- {traffic: web, duration: {min: 2s, max: 1s}}
- {traffic: web, roundTrip: fast, throughputMbps: {min: -1}}
- {traffic: web, lost: {}}
- {traffic: web}
",
        ),
        &[
            "11:13 CONFLICTING_PROPERTIES expectation on `way`: only TCP sends again (remove `retransmissions`)",
            "11:25 UNKNOWN_REFERENCE no VM, NIC, gateway, site or private endpoint is called `vm3` (did you mean `vm1`?)",
            "12:13 CONFLICTING_PROPERTIES expectation on `web`: only packets of a capture can be homeless (remove `homeless`)",
            "12:13 CONFLICTING_PROPERTIES expectation on `web`: only a traceroute shows hops (remove `hops`)",
            "13:28 CONFLICTING_PROPERTIES range of expectation on traffic `web`: nothing is at least 2 s and at most 1 s",
            "14:29 BAD_VALUE `roundTrip` of expectation on traffic `web`: `fast` is not a time; write it like 250ms, 1.5s or 2m",
            "14:57 BAD_VALUE `min` of range of expectation on traffic `web`: `-1` is not a number (write it like 0.25)",
            "15:24 MISSING_PROPERTY range of expectation on traffic `web` has no bound (add min, max or both)",
            "16:13 MISSING_PROPERTY expectation on traffic `web` expects nothing (add verdict, or another property)",
        ],
    );
}
