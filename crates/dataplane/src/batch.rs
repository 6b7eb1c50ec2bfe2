//! Frames that are forwarded together.
//!
//! Owns the bytes and, side by side, what the switches need to know of each frame. Made by whoever has traffic, used
//! again and again: nothing is allocated once a batch has seen its largest load. Costs one copy of each frame.

use vnetsim_types::{DropReason, NicId};

use crate::Leg;

/// Most frames in a batch.
pub const BATCH_MAX: usize = 256;

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The guest behind this NIC has it.
    Delivered(NicId),
    /// It left the switches: to a gateway, a private endpoint, the host or the edge.
    Leaves(Leg),
    /// It died.
    Dropped(DropReason),
    /// Bytes that are no frame.
    Unreadable,
}

/// Frames, the NICs that they leave, and their verdicts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    pub(crate) bytes: Vec<u8>,
    /// Where each frame starts in `bytes`, and where the last one ends.
    pub(crate) starts: Vec<u32>,
    pub(crate) nics: Vec<NicId>,
    pub(crate) verdicts: Vec<Verdict>,
}

impl Batch {
    /// No frames.
    pub fn clear(&mut self) {
        self.bytes.clear();
        self.starts.clear();
        self.nics.clear();
        self.verdicts.clear();
    }

    /// Adds a frame that the guest behind `nic` sends. False when the batch is full.
    #[inline]
    pub fn push(&mut self, nic: NicId, frame: &[u8]) -> bool {
        if self.nics.len() >= BATCH_MAX {
            return false;
        }
        self.starts.push(self.bytes.len() as u32);
        self.bytes.extend_from_slice(frame);
        self.nics.push(nic);
        true
    }

    /// Frames held.
    pub fn len(&self) -> usize {
        self.nics.len()
    }

    /// True without frames.
    pub fn is_empty(&self) -> bool {
        self.nics.is_empty()
    }

    /// Bytes of frame `ix`.
    #[inline]
    pub fn frame(&self, ix: usize) -> &[u8] {
        let (from, to) = self.range(ix);
        &self.bytes[from..to]
    }

    /// Bytes of frame `ix`, for a guest that forwards it.
    #[inline]
    pub fn frame_mut(&mut self, ix: usize) -> &mut [u8] {
        let (from, to) = self.range(ix);
        &mut self.bytes[from..to]
    }

    #[inline(always)]
    pub(crate) fn range(&self, ix: usize) -> (usize, usize) {
        let end = self.starts.get(ix + 1).map_or(self.bytes.len(), |end| *end as usize);
        (self.starts[ix] as usize, end)
    }

    /// The NIC that frame `ix` leaves.
    pub fn nic(&self, ix: usize) -> NicId {
        self.nics[ix]
    }

    /// Frame `ix` leaves by `nic` next: a guest forwards it.
    #[inline]
    pub fn send_from(&mut self, ix: usize, nic: NicId) {
        self.nics[ix] = nic;
    }

    /// What became of each frame.
    #[inline]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }
}
