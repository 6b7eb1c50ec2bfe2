//! Frames between hosts and the simulation.
//!
//! Owns the frames that the last calls made, and buffers to make the next ones of. Filled by `port`, emptied by the
//! simulation; one is shared by all hosts of a shard. Must never change a frame. Costs a push and a pop per frame; no
//! allocation once as many buffers came back as are under way.

use crate::ConversationId;

/// A frame that a host sends.
#[derive(Debug)]
pub struct Outgoing {
    /// Ethernet II: twelve zero bytes where the caller puts the MACs, the EtherType, an IP packet with valid checksums.
    pub frame: Vec<u8>,
    /// Whose work it is.
    pub id: ConversationId,
    /// True when it goes from the one who opened the conversation to the other.
    pub forward: bool,
    /// True for a TCP segment that begins with bytes (or SYN, or FIN) sent before.
    pub retransmission: bool,
}

/// Frames on their way out, and buffers for more.
#[derive(Debug, Default)]
pub struct Wire {
    outbox: Vec<Outgoing>,
    /// Buffers of short and of long frames. Apart, so that few bytes need to be zeroed and no ACK holds a large one.
    spare: [Vec<Vec<u8>>; 2],
}

/// Buffers kept of each kind; what comes back beyond is freed.
const SPARE_MAX: usize = 4_096;
/// Frames up to this many bytes are short: an ACK with all its options over IPv6.
const SHORT_MAX: usize = 114;

impl Wire {
    /// Empty.
    pub fn new() -> Self {
        Self::default()
    }

    /// The frames made since the last call, in the order in which they were sent.
    pub fn drain(&mut self) -> impl Iterator<Item = Outgoing> {
        self.outbox.drain(..)
    }

    /// Gives back the buffer of a frame that is no longer needed.
    pub fn recycle(&mut self, frame: Vec<u8>) {
        if frame.capacity() == 0 {
            return;
        }
        let spare = &mut self.spare[usize::from(frame.len() > SHORT_MAX)];
        if spare.len() < SPARE_MAX {
            spare.push(frame);
        }
    }

    /// A buffer of `len` bytes with anything in it.
    pub(crate) fn buffer(&mut self, len: usize) -> Vec<u8> {
        let mut frame = self.spare[usize::from(len > SHORT_MAX)].pop().unwrap_or_default();
        frame.resize(len, 0);
        frame
    }

    pub(crate) fn send(&mut self, outgoing: Outgoing) {
        self.outbox.push(outgoing);
    }
}
