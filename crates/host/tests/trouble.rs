//! Loss, silence, refusal and nonsense.

mod common;

use std::{cell::RefCell, net::IpAddr, rc::Rc};

use common::*;
use proptest::prelude::*;
use vnetsim_host::{Connect, Failure, Host, HostConfig, Incoming, Wire, Work};
use vnetsim_packet::{Endpoints, L4, TcpFlags};
use vnetsim_types::SimTime;

#[test]
fn a_closed_port_refuses() {
    for ends in [(CLIENT, SERVER), (CLIENT_V6, SERVER_V6)] {
        let mut net = Net::new(ms(10), ONE_REQUEST);
        net.serve = None;
        net.connect_from(0, 10_000, ONE_REQUEST, ends);
        net.run();
        assert_eq!(net.result(0), Err(Failure::Refused));
        assert_eq!((net.end(0, true).at, net.now, net.frames), (ms(20), ms(20), 2));
    }
}

/// SYN, and again after 1, 3, 7 and 15 s; then the client gives up, in silence.
#[test]
fn a_silent_peer_times_out() {
    let mut net = Net::new(ms(10), ONE_REQUEST);
    net.lose = Box::new(|_, _| true);
    net.connect(0, ONE_REQUEST);
    net.run();
    let client = net.end(0, true);
    assert_eq!((client.result, client.at), (Err(Failure::TimedOut), SimTime::from_secs(20)));
    assert_eq!((client.stats.segments_sent, client.stats.retransmissions), (5, 4));
    assert_eq!(client.stats.established, None);
}

/// The network breaks in the middle: the client gives up 20 s after it last heard anything, the server later.
#[test]
fn a_network_that_breaks_times_out() {
    let work = download(10_000_000);
    let mut net = Net::new(ms(10), work);
    net.lose = Box::new(|n, _| n > 1_000);
    net.connect(0, work);
    net.run();
    let (client, server) = (net.end(0, true), net.end(0, false));
    assert_eq!((client.result, server.result), (Err(Failure::TimedOut), Err(Failure::TimedOut)));
    assert!(client.at >= client.stats.last_progress + SimTime::from_secs(20));
    assert!(client.at < client.stats.last_progress + ms(20_100));
    assert!(client.stats.bytes_received > 0 && client.stats.bytes_received < 10_000_000);
    assert!(server.stats.retransmissions > 0);
}

/// Every n-th frame is lost, in both directions; all bytes arrive all the same.
#[test]
fn loss_costs_time_but_no_bytes() {
    for every in [10, 33, 100, 1_000] {
        for work in [download(2_000_000), upload(2_000_000)] {
            let mut net = Net::new(ms(2), work);
            net.lose = Box::new(move |n, _| n % every == 0);
            net.connect(0, work);
            net.run();
            let (client, server) = (net.end(0, true), net.end(0, false));
            assert_eq!((client.result, server.result), (Ok(()), Ok(())), "every {every}th");
            assert_eq!(client.stats.bytes_sent, server.stats.bytes_received);
            assert_eq!(server.stats.bytes_sent, client.stats.bytes_received);
            let retransmissions = client.stats.retransmissions + server.stats.retransmissions;
            assert!(retransmissions > 0 && net.lost > 0);
        }
    }
}

/// One lost segment in the middle of much data is sent again after three duplicate ACKs, not after a timeout.
#[test]
fn one_loss_is_repaired_fast() {
    let work = download(3_000_000);
    let play = |lost: u64| {
        let mut net = Net::new(ms(5), work);
        let mut data = 0;
        net.lose = Box::new(move |_, outgoing| {
            data += u64::from(outgoing.frame.len() == 1_514);
            data == lost && outgoing.frame.len() == 1_514
        });
        net.connect(0, work);
        net.run();
        assert_eq!(net.result(0), Ok(()));
        (net.end(0, true).at, net.end(0, false).stats.retransmissions)
    };
    let (clean, none) = play(u64::MAX);
    let (repaired, once) = play(700);
    assert_eq!((none, once), (0, 1));
    assert!(repaired < clean + ms(300), "{repaired} instead of {clean}");
}

/// The last ACK is lost: the server's FIN comes again, and is answered although the client's socket is gone.
#[test]
fn a_fin_that_comes_again_is_answered() {
    let mut net = Net::new(ms(10), ONE_REQUEST);
    net.lose = Box::new(|n, _| n == 7);
    net.connect(0, ONE_REQUEST);
    net.run();
    assert_eq!(net.lost, 1);
    let (client, server) = (net.end(0, true), net.end(0, false));
    assert_eq!((client.result, server.result), (Ok(()), Ok(())));
    assert_eq!(server.stats.retransmissions, 1);
    assert_eq!(server.at, ms(1_000 + 70)); // one retransmission timeout later
}

/// The server's machine starts anew in the middle of a transfer and knows nothing of the connection.
#[test]
fn a_machine_that_restarts_resets() {
    let work = upload(10_000_000);
    let mut net = Net::new(ms(1), work);
    net.connect(0, work);
    net.run_until(ms(20));
    net.hosts[1] = Host::new(&[SERVER], HostConfig::default());
    net.run();
    let client = net.end(0, true);
    assert_eq!(client.result, Err(Failure::Reset));
    assert!(client.at < ms(25) && client.stats.bytes_sent > 0);
}

/// The client's machine starts anew: its RST ends the server's side.
#[test]
fn a_client_that_restarts_resets_the_server() {
    let work = download(10_000_000);
    let mut net = Net::new(ms(1), work);
    net.connect(0, work);
    net.run_until(ms(20));
    net.hosts[0] = Host::new(&[CLIENT], HostConfig::default());
    net.run();
    assert_eq!(net.end(0, false).result, Err(Failure::Reset));
}

#[test]
fn what_cannot_be_opened_fails_at_once() {
    let mut net = Net::new(ms(1), ONE_REQUEST);
    net.connect_from(0, 5_000, ONE_REQUEST, (CLIENT, SERVER));
    net.connect_from(1, 5_000, ONE_REQUEST, (CLIENT, SERVER));
    net.connect_from(2, 5_000, ONE_REQUEST, (SERVER, SERVER)); // not the client's address
    net.connect_from(3, 5_000, ONE_REQUEST, (CLIENT, SERVER_V6));
    net.connect_from(4, 0, ONE_REQUEST, (CLIENT, SERVER));
    assert_eq!(net.result(1), Err(Failure::PortInUse));
    for n in 2..5 {
        assert_eq!(net.result(n), Err(Failure::BadEndpoint), "{n}");
    }
    net.run();
    assert_eq!(net.result(0), Ok(()));
}

/// What a router at the server's side of the client says about `frame`.
fn router(ends: (IpAddr, IpAddr)) -> Endpoints {
    Endpoints { src_mac: [2; 6], dst_mac: [4; 6], src: ends.1, dst: ends.0, ttl: 64, dont_fragment: true }
}

/// The path takes 1,400 bytes and its router says so: the connection and the next one send smaller segments.
#[test]
fn a_narrow_path_is_discovered() {
    for (ends, mss) in [((CLIENT, SERVER), 1_360), ((CLIENT_V6, SERVER_V6), 1_340)] {
        let work = upload(1_000_000);
        let mut net = Net::new(ms(1), work);
        let too_long = Rc::new(RefCell::new(None));
        let seen = too_long.clone();
        net.lose = Box::new(move |_, outgoing| {
            let lost = outgoing.frame.len() > 1_414;
            if lost {
                seen.borrow_mut().get_or_insert(outgoing.frame.clone());
            }
            lost
        });
        net.connect_from(0, 4_000, work, ends);
        net.run_until(ms(3));
        let frame = too_long.borrow().clone().expect("whole segments are lost");
        let error = vnetsim_packet::icmp_fragmentation_needed(&router(ends), &frame, 1_400).unwrap();
        net.inject(0, &error, 0);
        net.run();
        assert_eq!(net.result(0), Ok(()));
        assert!(net.end(0, true).at < SimTime::from_secs(2), "one timeout");
        assert!(net.end(0, true).stats.segments_sent >= 1_000_000 / mss);
        let lost = net.lost;
        net.connect_from(1, 4_001, work, ends);
        net.run();
        assert_eq!((net.result(1), net.lost), (Ok(()), lost), "the path is known");
    }
}

/// A router says why the SYN does not arrive; what it says about an established connection is only advice.
#[test]
fn an_unreachable_destination_fails_the_handshake() {
    let mut net = Net::new(ms(10), ONE_REQUEST);
    let syn = Rc::new(RefCell::new(None));
    let seen = syn.clone();
    net.lose = Box::new(move |n, outgoing| {
        seen.borrow_mut().get_or_insert(outgoing.frame.clone());
        n == 1
    });
    net.connect(0, ONE_REQUEST);
    net.run_until(ms(5));
    let frame = syn.borrow().clone().expect("a SYN");
    let error = vnetsim_packet::icmp_time_exceeded(&router((CLIENT, SERVER)), &frame).unwrap();
    net.inject(0, &error, 0);
    assert_eq!((net.result(0), net.hosts[0].poll_at()), (Err(Failure::Unreachable), None));
    net.connect(1, ONE_REQUEST);
    net.run_until(ms(30));
    let frame = [&frame[..34], &10_001_u16.to_be_bytes(), &frame[36..]].concat();
    let error = vnetsim_packet::icmp_time_exceeded(&router((CLIENT, SERVER)), &frame).unwrap();
    net.inject(0, &error, 1);
    net.run();
    assert_eq!(net.result(1), Ok(()));
}

/// Time is counted in nanoseconds outside and in microseconds inside; odd times neither stall nor spin.
#[test]
fn odd_nanoseconds_are_no_busy_loop() {
    let work = download(500_000);
    let mut net = Net::new(SimTime(1_234_567), work);
    net.lose = Box::new(|n, _| n % 20 == 0);
    net.connect(0, work);
    net.run();
    assert_eq!(net.result(0), Ok(()));
    assert!(net.frames < 2_000);
}

#[test]
fn echo_requests_are_answered() {
    for (src, dst) in [(CLIENT, SERVER), (CLIENT_V6, SERVER_V6)] {
        let ends = Endpoints { src_mac: [2; 6], dst_mac: [4; 6], src, dst, ttl: 9, dont_fragment: true };
        let request = vnetsim_packet::icmp_echo(&ends, true, 77, 5, 300).unwrap();
        let mut server = Host::new(&[SERVER, SERVER_V6], HostConfig::default());
        let mut wire = Wire::new();
        let incoming = Incoming { id: id(3), forward: true, serve: None };
        server.receive(ms(1), &request, incoming, &mut wire);
        let answers: Vec<_> = wire.drain().collect();
        assert_eq!(answers.len(), 1);
        check(&answers[0].frame);
        assert_eq!((answers[0].id, answers[0].forward), (id(3), false));
        let parsed = vnetsim_packet::parse(&answers[0].frame).unwrap();
        assert_eq!((parsed.src, parsed.dst, parsed.ttl), (dst, src, 64));
        assert_eq!(parsed.l4, L4::IcmpEcho { request: false, id: 77, seq: 5 });
        assert_eq!(answers[0].frame.len(), request.len());
    }
}

/// The internet has every address, and a connection for each.
#[test]
fn a_host_without_addresses_has_all() {
    let mut net = Net::new(ms(1), ONE_REQUEST);
    net.hosts[1] = Host::new(&[], HostConfig::default());
    for n in 0..100 {
        let far = IpAddr::from([198, 51, 100, n as u8 + 1]);
        net.connect_from(n, 4_000, ONE_REQUEST, (CLIENT, far));
    }
    net.run();
    assert!((0..100).all(|n| net.result(n) == Ok(())));
}

#[test]
fn what_is_for_others_is_ignored() {
    let mut host = Host::new(&[SERVER], HostConfig::default());
    let mut wire = Wire::new();
    let ends =
        Endpoints { src_mac: [2; 6], dst_mac: [4; 6], src: SERVER, dst: CLIENT, ttl: 9, dont_fragment: true };
    let incoming = Incoming { id: id(0), forward: true, serve: Some(ONE_REQUEST) };
    for frame in [
        vnetsim_packet::tcp(&ends, 1, 2, TcpFlags::SYN, 0, 0, 0),
        vnetsim_packet::icmp_echo(&ends, true, 1, 1, 0),
        vnetsim_packet::udp(&Endpoints { src: CLIENT, dst: SERVER, ..ends }, 1, 2, 0),
    ] {
        host.receive(ms(1), &frame.unwrap(), incoming, &mut wire);
        assert_eq!((wire.drain().count(), host.open().count()), (0, 0));
    }
}

/// One end of a connection `rounds` latencies after its SYN, and a valid segment that is for it.
fn in_the_middle(side: usize, rounds: usize) -> Option<(Host, Vec<u8>)> {
    let work = Work::Requests { requests: 100, request_bytes: 2_000, response_bytes: 2_000 };
    let mut wire = Wire::new();
    let mut hosts = [CLIENT, SERVER].map(|ip| Host::new(&[ip], HostConfig::default()));
    let (local, remote, timeout) = ((CLIENT, 4_000), (SERVER, 80), SimTime::from_secs(5));
    hosts[0].connect(ms(0), Connect { id: id(0), local, remote, work, timeout, ttl: 64 }, &mut wire);
    let mut last = None;
    for _ in 0..rounds {
        for outgoing in wire.drain().collect::<Vec<_>>() {
            let incoming = Incoming { id: id(0), forward: outgoing.forward, serve: Some(work) };
            let to = usize::from(outgoing.forward);
            hosts[to].receive(ms(1), &outgoing.frame, incoming, &mut wire);
            last = if to == side { Some(outgoing.frame) } else { last };
        }
    }
    let host = hosts.into_iter().nth(side)?;
    Some((host, last?))
}

proptest! {
    /// Segments that are nearly right, each with a few fields changed, in any number and order.
    #[test]
    fn nearly_right_segments_do_no_harm(
        side in 0..2_usize,
        rounds in 1..30_usize,
        changes in prop::collection::vec(
            (prop::collection::vec((14..74_usize, any::<u8>()), 0..3), -3_000..3_000_i32, -3_000..3_000_i32, any::<u8>(),
             0..2_000_usize, 0..3_000_u64),
            1..60,
        ),
    ) {
        let Some((mut host, frame)) = in_the_middle(side, rounds) else { return Ok(()) };
        let (mut wire, mut now) = (Wire::new(), ms(2));
        let serve = Some(Work::Requests { requests: 9, request_bytes: 10, response_bytes: 100_000 });
        for (bytes, seq, ack, flags, len, wait) in changes {
            let mut frame = frame.clone();
            for (at, by) in [(38, seq), (42, ack)] {
                let old = u32::from_be_bytes(*frame[at..].first_chunk().unwrap());
                frame[at..at + 4].copy_from_slice(&old.wrapping_add_signed(by).to_be_bytes());
            }
            if flags < 64 {
                frame[47] = flags;
            }
            let header_len = usize::from(frame[46] >> 4) * 4;
            frame.resize(34 + header_len + len, 0);
            frame[16..18].copy_from_slice(&(20 + (header_len + len) as u16).to_be_bytes());
            for (at, byte) in bytes {
                if let Some(old) = frame.get_mut(at) {
                    *old = byte;
                }
            }
            now = now + ms(wait);
            host.receive(now, &frame, Incoming { id: id(0), forward: side == 1, serve }, &mut wire);
            host.poll(now, &mut wire);
            prop_assert!(host.poll_at().is_none_or(|at| at > now));
            wire.drain().for_each(|outgoing| check(&outgoing.frame));
        }
    }

    #[test]
    fn any_bytes_do_no_harm(
        kind in 0..3_u8, body in prop::collection::vec(any::<u8>(), 0..200), protocol in 0..4_usize, everything: bool,
    ) {
        let addresses = if everything { &[][..] } else { &[SERVER, SERVER_V6] };
        let mut host = Host::new(addresses, HostConfig::default());
        let mut wire = Wire::new();
        let mut frame = vec![0; 12];
        match kind {
            0 => {}
            1 => frame.extend([0x08, 0x00, 0x45]),
            _ => frame.extend([0x86, 0xdd, 0x60]),
        }
        frame.extend(body);
        let (len, next) = (frame.len() as u16, [1, 6, 58, 17][protocol]);
        if kind > 0 && len > 75 {
            let (at, len) = if kind == 1 { (16, len - 14) } else { (18, len - 54) };
            frame[at..at + 2].copy_from_slice(&len.to_be_bytes());
            frame[if kind == 1 { 23 } else { 20 }] = next;
            frame[20] &= if kind == 1 { 0x40 } else { 0xff }; // no fragment
            frame[21] &= if kind == 1 { 0 } else { 0xff };
        }
        host.receive(ms(1), &frame, Incoming { id: id(0), forward: true, serve: Some(ONE_REQUEST) }, &mut wire);
        host.poll(ms(9), &mut wire);
        prop_assert!(everything || wire.drain().count() == 0);
        wire.drain().for_each(|outgoing| check(&outgoing.frame));
    }
}
