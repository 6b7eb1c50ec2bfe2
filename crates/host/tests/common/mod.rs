//! A network of a few hosts for tests: one latency, chosen losses, and a look at every frame.
#![allow(dead_code, unreachable_pub)] // each test file uses a part

use std::{
    collections::BTreeMap,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
};

use vnetsim_host::{
    Connect, ConversationId, Failure, Finished, Host, HostConfig, Incoming, Outgoing, Wire, Work,
};
use vnetsim_types::{SimTime, TrafficId};

pub const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 0, 0, 4));
pub const SERVER: IpAddr = IpAddr::V4(Ipv4Addr::new(10, 1, 0, 4));
pub const CLIENT_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 1, 0, 0, 0, 4));
pub const SERVER_V6: IpAddr = IpAddr::V6(Ipv6Addr::new(0xfd00, 0, 0, 2, 0, 0, 0, 4));

pub const ONE_REQUEST: Work = Work::Requests { requests: 1, request_bytes: 1, response_bytes: 1 };

pub fn download(bytes: u64) -> Work {
    Work::Requests { requests: 1, request_bytes: 1, response_bytes: bytes }
}

pub fn upload(bytes: u64) -> Work {
    Work::Requests { requests: 1, request_bytes: bytes, response_bytes: 0 }
}

pub fn id(conversation: u32) -> ConversationId {
    ConversationId { traffic: TrafficId(0), conversation }
}

pub fn ms(ms: u64) -> SimTime {
    SimTime::from_millis(ms)
}

/// What a test decides about the n-th frame, from 1: true loses it.
pub type Lose = Box<dyn FnMut(u64, &Outgoing) -> bool>;

pub struct Net {
    pub hosts: [Host; 2],
    pub now: SimTime,
    pub latency: SimTime,
    pub serve: Option<Work>,
    pub lose: Lose,
    pub finished: Vec<Finished>,
    /// Frames sent, and lost ones among them.
    pub frames: u64,
    pub lost: u64,
    /// The longest frame.
    pub longest: usize,
    /// Changes when any byte of any frame, or its time, changes.
    pub digest: u64,
    /// Buffers are used again.
    pub recycle: bool,
    wire: Wire,
    under_way: BTreeMap<(SimTime, u64), (usize, Outgoing)>,
}

impl Net {
    pub fn new(latency: SimTime, work: Work) -> Self {
        Self::with(latency, work, HostConfig::default())
    }

    pub fn with(latency: SimTime, work: Work, config: HostConfig) -> Self {
        let client = Host::new(&[CLIENT, CLIENT_V6], config);
        let server = Host::new(&[SERVER, SERVER_V6], HostConfig { seed: config.seed + 1, ..config });
        Self {
            hosts: [client, server],
            now: SimTime::ZERO,
            latency,
            serve: Some(work),
            lose: Box::new(|_, _| false),
            finished: Vec::new(),
            frames: 0,
            lost: 0,
            longest: 0,
            digest: 0xcbf2_9ce4_8422_2325,
            recycle: true,
            wire: Wire::new(),
            under_way: BTreeMap::new(),
        }
    }

    pub fn connect(&mut self, conversation: u32, work: Work) {
        self.connect_from(conversation, 10_000 + conversation as u16, work, (CLIENT, SERVER));
    }

    pub fn connect_from(
        &mut self,
        conversation: u32,
        port: u16,
        work: Work,
        (local, remote): (IpAddr, IpAddr),
    ) {
        let connect = Connect {
            id: id(conversation),
            local: (local, port),
            remote: (remote, 80),
            work,
            timeout: SimTime::from_secs(20),
            ttl: 63,
        };
        self.hosts[0].connect(self.now, connect, &mut self.wire);
        self.collect(0);
    }

    /// Hands in a frame from outside.
    pub fn inject(&mut self, host: usize, frame: &[u8], conversation: u32) {
        let incoming = Incoming { id: id(conversation), forward: host == 1, serve: self.serve };
        self.hosts[host].receive(self.now, frame, incoming, &mut self.wire);
        self.collect(host);
    }

    /// Takes out what `host` sent and finished.
    fn collect(&mut self, host: usize) {
        self.finished.extend(self.hosts[host].finished());
        for outgoing in self.wire.drain() {
            check(&outgoing.frame);
            assert_eq!(outgoing.forward, host == 0, "the client's host opens all conversations");
            self.frames += 1;
            self.longest = self.longest.max(outgoing.frame.len());
            for byte in outgoing.frame.iter().copied().chain(self.now.0.to_be_bytes()) {
                self.digest = (self.digest ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3);
            }
            if (self.lose)(self.frames, &outgoing) {
                self.lost += 1;
                continue;
            }
            self.under_way.insert((self.now + self.latency, self.frames), (1 - host, outgoing));
        }
    }

    /// Plays until nothing is left to do, or until `end`.
    pub fn run_until(&mut self, end: SimTime) {
        loop {
            let arrives = self.under_way.first_key_value().map(|((at, _), _)| *at);
            let timer = self.hosts.iter().filter_map(Host::poll_at).min();
            let Some(next) = arrives.into_iter().chain(timer).min().filter(|next| *next <= end) else {
                break;
            };
            assert!(next >= self.now, "time goes back");
            self.now = next;
            if arrives == Some(next) {
                let Some((_, (host, outgoing))) = self.under_way.pop_first() else { break };
                let incoming = Incoming { id: outgoing.id, forward: outgoing.forward, serve: self.serve };
                self.hosts[host].receive(next, &outgoing.frame, incoming, &mut self.wire);
                if self.recycle {
                    self.wire.recycle(outgoing.frame);
                }
                self.collect(host);
                continue;
            }
            for host in 0..2 {
                self.hosts[host].poll(next, &mut self.wire);
                assert!(self.hosts[host].poll_at().is_none_or(|at| at > next), "a timer that is over");
                self.collect(host);
            }
        }
    }

    pub fn run(&mut self) {
        self.run_until(SimTime(u64::MAX));
    }

    /// The end of a conversation at one of its ends.
    pub fn end(&self, conversation: u32, opener: bool) -> Finished {
        let mut ends = self.finished.iter().filter(|f| f.id == id(conversation) && f.opener == opener);
        let end = *ends.next().expect("the connection ended");
        assert!(ends.next().is_none(), "a connection ends once");
        end
    }

    pub fn result(&self, conversation: u32) -> Result<(), Failure> {
        self.end(conversation, true).result
    }
}

/// Every checksum of a frame, computed from scratch over all its bytes (RFC 1071), and its MACs.
pub fn check(frame: &[u8]) {
    assert_eq!(frame[..12], [0; 12], "the caller fills in the MACs");
    let headers = vnetsim_packet::parse(frame).expect("hosts send frames that parse");
    assert_eq!(frame.len(), 14 + usize::from(headers.ip_len), "nothing after the packet");
    assert!(headers.dont_fragment);
    let ip = &frame[14..];
    let v4 = headers.src.is_ipv4();
    let (header_len, addresses) = if v4 { (20, &ip[12..20]) } else { (40, &ip[8..40]) };
    if v4 {
        assert_eq!(ones_sum(&[&ip[..20]]), 0xffff, "IPv4 checksum");
    }
    let upper = &ip[header_len..];
    let pseudo = [0, headers.protocol.0, (upper.len() >> 8) as u8, upper.len() as u8];
    let sum =
        if headers.protocol.0 == 1 { ones_sum(&[upper]) } else { ones_sum(&[addresses, &pseudo, upper]) };
    assert_eq!(sum, 0xffff, "checksum of {}", headers.protocol);
}

fn ones_sum(parts: &[&[u8]]) -> u64 {
    let mut sum: u64 = 0;
    for part in parts {
        for pair in part.chunks(2) {
            sum += u64::from(pair[0]) << 8 | u64::from(pair.get(1).copied().unwrap_or(0));
        }
    }
    while sum > 0xffff {
        sum = (sum & 0xffff) + (sum >> 16);
    }
    sum
}
