//! The frames that guests send: one for each connection, in a fixed random order.

use vnetsim_dataplane::{FABRIC_MAC, Tables, worker_of};
use vnetsim_packet::{Endpoints, TcpFlags, parse, tcp};
use vnetsim_types::{NicId, PacketTag, Part, TrafficId};

use crate::Path;

/// A packet of no traffic entry.
pub(crate) const TAG: PacketTag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };

/// First source port, and how many are used before the next destination port.
const PORTS: (u16, usize) = (1_024, 64_000);
/// Of Ethernet, IPv4 and TCP.
const HEADERS: usize = 54;

/// Frames of the connections of one worker.
#[derive(Clone, Debug)]
pub struct Load {
    /// One after the other.
    bytes: Vec<u8>,
    frame_len: usize,
    nics: Vec<NicId>,
}

impl Load {
    /// The share of `worker` in `flows` connections over `paths`, with frames of `frame_len` bytes.
    pub fn new(
        tables: &Tables,
        paths: &[Path],
        flows: usize,
        frame_len: usize,
        worker: (usize, usize),
    ) -> Self {
        let mut all: Vec<u32> = (0..flows as u32).collect();
        shuffle(&mut all);
        let mut load = Self { bytes: Vec::new(), frame_len, nics: Vec::new() };
        for flow in all {
            let path = &paths[flow as usize % paths.len()];
            let number = flow as usize / paths.len();
            let Some(bytes) = frame(tables, path, number, frame_len) else { continue };
            let mine = parse(&bytes).is_ok_and(|h| worker_of(&h.flow_key(), worker.1) == worker.0);
            if mine {
                load.bytes.extend_from_slice(&bytes);
                load.nics.push(path.from);
            }
        }
        load
    }

    /// Connections.
    pub fn len(&self) -> usize {
        self.nics.len()
    }

    /// True without any.
    pub fn is_empty(&self) -> bool {
        self.nics.is_empty()
    }

    /// Frames with the NICs that they leave, by the batch.
    #[inline]
    pub fn batches(&self, size: usize) -> impl Iterator<Item = impl Iterator<Item = (NicId, &[u8])>> {
        let frames = self.bytes.chunks(self.frame_len * size);
        self.nics
            .chunks(size)
            .zip(frames)
            .map(|(nics, bytes)| nics.iter().copied().zip(bytes.chunks_exact(self.frame_len)))
    }
}

/// Connection `number` of a path: a TCP segment in the middle of it. `None` for addresses of two families.
pub(crate) fn frame(tables: &Tables, path: &Path, number: usize, frame_len: usize) -> Option<Vec<u8>> {
    let (src, dst) = (&tables.nics[path.from.ix()], &tables.nics[path.to.ix()]);
    let first =
        |nic: &vnetsim_dataplane::NicTable| nic.addresses.iter().map(|(ip, _)| *ip).find(|ip| ip.is_ipv4());
    let ends = Endpoints {
        src_mac: src.mac,
        dst_mac: FABRIC_MAC,
        src: first(src)?,
        dst: first(dst)?,
        ttl: 64,
        dont_fragment: true,
    };
    let ports = (PORTS.0 + (number % PORTS.1) as u16, path.port.wrapping_add((number / PORTS.1) as u16));
    let mut bytes =
        tcp(&ends, ports.0, ports.1, TcpFlags::ACK, 1, 1, frame_len.saturating_sub(HEADERS + 10)).ok()?;
    bytes.resize(frame_len, 0);
    Some(bytes)
}

/// Fisher and Yates, with a fixed seed.
fn shuffle<T>(items: &mut [T]) {
    let mut state = 0x9e37_79b9_7f4a_7c15_u64;
    for ix in (1..items.len()).rev() {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        items.swap(ix, (state % (ix as u64 + 1)) as usize);
    }
}
