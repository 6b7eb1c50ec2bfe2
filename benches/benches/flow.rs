//! `flow`: the table of flow records alone. Hits at 1k, 100k and 1M connections; inserting and expiring.

use std::{net::Ipv4Addr, time::Duration};

use criterion::{BenchmarkId, Criterion, Throughput, criterion_group, criterion_main};
use vnetsim_benches::Random;
use vnetsim_dataplane::FlowTable;
use vnetsim_packet::{L4, TcpFlags};
use vnetsim_types::{Direction, FlowKey, IpProtocol, SimTime};

const IDLE_MAX: SimTime = SimTime::from_secs(240);
/// A NIC holds no more than half a million.
const NICS: usize = 16;

fn keys(count: usize) -> Vec<(u32, FlowKey)> {
    let mut keys: Vec<(u32, FlowKey)> = (0..count)
        .map(|ix| {
            let nic = (ix % NICS) as u32;
            let key = FlowKey {
                protocol: IpProtocol::TCP,
                src: Ipv4Addr::from(0x0a01_0000 + nic).into(),
                dst: Ipv4Addr::from(0x0a02_0000 + (ix / NICS / 50_000) as u32).into(),
                src_port: (10_000 + ix / NICS % 50_000) as u16,
                dst_port: 443,
            };
            (nic, key)
        })
        .collect();
    Random::default().shuffle(&mut keys);
    keys
}

const ACK: L4 = L4::Tcp { src_port: 0, dst_port: 0, flags: TcpFlags::ACK, seq: 0, ack: 0, payload_len: 0 };

fn open(flows: &mut FlowTable, now: SimTime, keys: &[(u32, FlowKey)]) {
    for (nic, key) in keys {
        let opened = flows.open(now, |_| IDLE_MAX, *nic, Direction::Outbound, key, &ACK, None);
        assert!(opened.is_ok(), "there is room");
    }
}

fn benches(c: &mut Criterion) {
    const { assert!(!cfg!(debug_assertions), "a debug build measures nothing") };
    let mut group = c.benchmark_group("flow");
    group.warm_up_time(Duration::from_secs(1)).measurement_time(Duration::from_secs(3)).sample_size(20);
    for count in [1_000, 100_000, 1_000_000] {
        let keys = keys(count);
        let mut flows = FlowTable::default();
        open(&mut flows, SimTime::ZERO, &keys);
        group.throughput(Throughput::Elements(count as u64));
        group.bench_with_input(BenchmarkId::new("hit", count), &keys, |b, keys| {
            b.iter(|| {
                for (nic, key) in keys {
                    let hit = flows.hit(SimTime::ZERO, IDLE_MAX, *nic, Direction::Outbound, key, &ACK);
                    assert!(hit.is_some());
                }
            });
        });
    }
    let keys = keys(100_000);
    group.throughput(Throughput::Elements(keys.len() as u64));
    group.bench_function("insert and expire/100000", |b| {
        let (mut flows, mut now) = (FlowTable::default(), SimTime::ZERO);
        b.iter(|| {
            now = now + SimTime::from_secs(600);
            open(&mut flows, now, &keys);
        });
    });
    group.finish();
}

criterion_group!(all, benches);
criterion_main!(all);
