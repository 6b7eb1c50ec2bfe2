//! What a segment costs a host, without a network between: moves data between two machines in memory.
//!
//! `cargo run --release -p vnetsim-host --example pingpong [PART OF A CASE'S NAME]`
//!
//! Prints nanoseconds for each segment received, ACKs included, with all that it causes; both machines run on one core.
//! Time on the CPU where Linux tells it, so that a busy machine disturbs little, else time on the wall.

use std::net::IpAddr;

use vnetsim_host::{Connect, ConversationId, Host, HostConfig, Incoming, Wire, Work};
use vnetsim_types::{SimTime, TrafficId};

const CLIENT: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 0, 0, 4));
const SERVER: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(10, 1, 0, 4));

struct Result {
    segments: u64,
    ns: f64,
}

/// Nanoseconds that this thread ran, or that passed.
fn clock_ns() -> u64 {
    static START: std::sync::OnceLock<std::time::Instant> = std::sync::OnceLock::new();
    let ran = std::fs::read_to_string("/proc/thread-self/schedstat").ok();
    ran.and_then(|text| text.split(' ').next()?.parse().ok()).unwrap_or_else(|| {
        #[allow(clippy::disallowed_methods)] // a measurement, not a simulation
        let start = START.get_or_init(std::time::Instant::now);
        start.elapsed().as_nanos() as u64
    })
}

/// Plays `connections` connections at once until all have ended.
fn play(connections: u32, work: Work) -> Result {
    let mut hosts = [CLIENT, SERVER].map(|ip| Host::new(&[ip], HostConfig::default()));
    let mut wire = Wire::new();
    let mut now = SimTime::ZERO;
    let (mut here, mut there) = (Vec::new(), Vec::new());
    let start = clock_ns();
    for conversation in 0..connections {
        let id = ConversationId { traffic: TrafficId(0), conversation };
        let local = (CLIENT, 10_000 + conversation as u16);
        let timeout = SimTime::from_secs(60);
        hosts[0].connect(now, Connect { id, local, remote: (SERVER, 80), work, timeout, ttl: 64 }, &mut wire);
    }
    here.extend(wire.drain());
    let mut segments = 0_u64;
    loop {
        now = now + SimTime::from_micros(50);
        for outgoing in here.drain(..) {
            let incoming = Incoming { id: outgoing.id, forward: outgoing.forward, serve: Some(work) };
            hosts[usize::from(outgoing.forward)].receive(now, &outgoing.frame, incoming, &mut wire);
            wire.recycle(outgoing.frame);
            segments += 1;
        }
        there.extend(wire.drain());
        std::mem::swap(&mut here, &mut there);
        if here.is_empty() {
            let Some(next) = hosts.iter().filter_map(Host::poll_at).min() else { break };
            now = now.max(next);
            hosts.iter_mut().for_each(|host| host.poll(now, &mut wire));
            here.extend(wire.drain());
        }
    }
    let ns = (clock_ns() - start) as f64;
    let ended = hosts[0].finished().filter(|finished| finished.result.is_ok()).count();
    assert_eq!(ended, connections as usize, "all connections end well");
    Result { segments, ns }
}

fn main() {
    let bulk = Work::Requests { requests: 1, request_bytes: 1, response_bytes: 200_000_000 };
    let many = Work::Requests { requests: 1, request_bytes: 1, response_bytes: 1_000_000 };
    let small = Work::Requests { requests: 200, request_bytes: 100, response_bytes: 100 };
    let cases = [
        ("one download of 200 MB", 1, bulk),
        ("200 downloads of 1 MB", 200, many),
        ("1,000 x 200 small requests", 1_000, small),
    ];
    let only = std::env::args().nth(1);
    for (name, connections, work) in
        cases.into_iter().filter(|case| only.as_ref().is_none_or(|only| case.0.contains(only)))
    {
        for _ in 0..5 {
            let Result { segments, ns } = play(connections, work);
            let each = ns / segments as f64;
            #[allow(clippy::print_stdout)]
            {
                println!(
                    "{name}: {segments} segments, {each:.0} ns each, {:.2} million a second",
                    1e3 / each
                );
            }
        }
    }
}
