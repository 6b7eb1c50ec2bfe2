//! What the benches share: networks, frames, and the way to push frames through the switches.

use std::path::Path;

use vnetsim_dataplane::{BATCH_MAX, Batch, Context, FABRIC_MAC, Forwarder, Meter, Tables};
use vnetsim_packet::{Endpoints, TcpFlags, tcp};
use vnetsim_scenario::{Scenario, load};
use vnetsim_types::{FileId, NicId, NoObserver, PacketTag, Part, SimTime, TrafficId};

pub mod networks;
mod random;

pub use random::Random;

/// Of a minimal Ethernet frame, with room for its checksum.
pub const FRAME_LEN: usize = 64;

/// A packet of no traffic entry.
pub const TAG: PacketTag = PacketTag { traffic: TrafficId(0), conversation: 0, part: Part::Request };

/// A scenario of the project, by its path under `scenarios/`. Panics when it does not load.
pub fn scenario(name: &str) -> Scenario {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../scenarios").join(name);
    let bytes = std::fs::read(&path).expect("a scenario of this project");
    load(&bytes, FileId(0)).scenario.expect("a scenario without errors")
}

/// A 64-byte TCP frame from one NIC's primary address to another's.
pub fn frame(tables: &Tables, from: NicId, to: NicId, ports: (u16, u16), flags: TcpFlags) -> [u8; FRAME_LEN] {
    let (src, dst) = (&tables.nics[from.ix()], &tables.nics[to.ix()]);
    let ends = Endpoints {
        src_mac: src.mac,
        dst_mac: FABRIC_MAC,
        src: src.addresses[0].0,
        dst: dst.addresses[0].0,
        ttl: 64,
        dont_fragment: true,
    };
    let bytes = tcp(&ends, ports.0, ports.1, flags, 1, 1, 0).expect("a small frame");
    let mut frame = [0; FRAME_LEN];
    frame[..bytes.len()].copy_from_slice(&bytes);
    frame
}

/// Frames of `flows` connections between pairs of NICs, in a fixed random order: what guests would send.
pub struct Load {
    /// Frames with the NICs that they leave.
    pub frames: Vec<(NicId, [u8; FRAME_LEN])>,
}

impl Load {
    /// Connection `i` is between pair `i % pairs`, with ports of its own.
    pub fn new(tables: &Tables, pairs: &[(NicId, NicId)], flows: usize) -> Self {
        let mut frames: Vec<_> = (0..flows)
            .map(|ix| {
                let ((from, to), n) = (pairs[ix % pairs.len()], ix / pairs.len());
                let ports = (10_000 + (n % 50_000) as u16, 443 + (n / 50_000) as u16);
                (from, frame(tables, from, to, ports, TcpFlags::ACK))
            })
            .collect();
        Random::default().shuffle(&mut frames);
        Self { frames }
    }

    /// The frames in batches, copied into `batch` one after the other; each is handed to `forward`.
    pub fn batches(&self, batch: &mut Batch, mut forward: impl FnMut(&mut Batch)) {
        for chunk in self.frames.chunks(BATCH_MAX) {
            batch.clear();
            for (nic, frame) in chunk {
                batch.push(*nic, frame);
            }
            forward(batch);
        }
    }
}

/// Forwards one batch at `now`.
#[inline]
pub fn forward(
    tables: &Tables,
    forwarder: &mut Forwarder,
    meter: &mut Meter,
    now: SimTime,
    batch: &mut Batch,
) {
    let mut observer = NoObserver;
    let mut cx = Context { now, tables, observer: &mut observer, meter };
    forwarder.forward(&mut cx, batch, TAG, false);
}
