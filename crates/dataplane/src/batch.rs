//! Frames that are forwarded together.
//!
//! Owns the bytes and, side by side, what the switches need to know of each frame. Made by whoever has traffic, used
//! again and again: nothing is allocated once a batch has seen its largest load. Every frame starts at a cache line,
//! so its headers are one load away. Costs one copy of each frame.

use vnetsim_types::{DropReason, NicId};

use crate::{Handed, Leg};

/// Most frames in a batch.
pub const BATCH_MAX: usize = 256;
/// Bytes of a cell: a cache line.
const CELL: usize = 64;

#[derive(Clone, Copy, Debug)]
#[repr(align(64))]
struct Cell([u8; CELL]);

/// What became of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Verdict {
    /// The guest behind this NIC has it.
    Delivered(NicId),
    /// It left the switches, to a gateway, a private endpoint, the host or the edge: see [`Batch::leg`].
    Leaves,
    /// It became a packet of another worker: see [`Batch::take_handed`].
    HandedOver,
    /// It died.
    Dropped(DropReason),
    /// Bytes that are no frame.
    Unreadable,
}

/// Frames, the NICs that they leave, and their verdicts.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// Frames, each from a cell of its own on, filled up with what happens to be there.
    cells: Vec<Cell>,
    frames: Vec<Frame>,
    pub(crate) verdicts: Vec<Verdict>,
    /// Of the frames that left.
    pub(crate) legs: Vec<(u16, Leg)>,
    pub(crate) handed: Vec<Handed>,
}

/// Where a frame is, and who sends it.
#[derive(Clone, Copy, Debug)]
struct Frame {
    /// First of its cells.
    cell: u32,
    /// In bytes.
    len: u32,
    nic: NicId,
}

impl Batch {
    /// No frames.
    #[inline]
    pub fn clear(&mut self) {
        self.cells.clear();
        self.frames.clear();
        self.verdicts.clear();
        self.legs.clear();
        self.handed.clear();
    }

    /// Adds a frame that the guest behind `nic` sends. False when the batch is full.
    #[inline]
    pub fn push(&mut self, nic: NicId, frame: &[u8]) -> bool {
        if self.frames.len() >= BATCH_MAX {
            return false;
        }
        self.frames.push(Frame { cell: self.cells.len() as u32, len: frame.len() as u32, nic });
        match <&[u8; CELL]>::try_from(frame) {
            Ok(bytes) => self.cells.push(Cell(*bytes)),
            Err(_) => self.push_cells(frame),
        }
        true
    }

    #[inline(never)]
    fn push_cells(&mut self, frame: &[u8]) {
        let (whole, rest) = frame.as_chunks::<CELL>();
        self.cells.extend(whole.iter().map(|bytes| Cell(*bytes)));
        if !rest.is_empty() || whole.is_empty() {
            let mut cell = Cell([0; CELL]);
            cell.0[..rest.len()].copy_from_slice(rest);
            self.cells.push(cell);
        }
    }

    /// Frames held.
    pub fn len(&self) -> usize {
        self.frames.len()
    }

    /// True without frames.
    pub fn is_empty(&self) -> bool {
        self.frames.is_empty()
    }

    /// Copies frame `ix` to `bytes`.
    pub fn read(&self, ix: usize, bytes: &mut Vec<u8>) {
        let Frame { cell, len, .. } = self.frames[ix];
        let (from, len) = (cell as usize, len as usize);
        bytes.clear();
        for cell in &self.cells[from..from + len.div_ceil(CELL)] {
            bytes.extend_from_slice(&cell.0[..CELL.min(len - bytes.len())]);
        }
    }

    /// Puts `bytes`, which are as long as it, in the place of frame `ix`.
    pub(crate) fn write(&mut self, ix: usize, bytes: &[u8]) {
        let from = self.frames[ix].cell as usize;
        for (cell, bytes) in self.cells[from..].iter_mut().zip(bytes.chunks(CELL)) {
            cell.0[..bytes.len()].copy_from_slice(bytes);
        }
    }

    /// The first 64 bytes of frame `ix`, for a guest that forwards it.
    #[inline]
    pub fn head_mut(&mut self, ix: usize) -> &mut [u8; CELL] {
        &mut self.cells[self.frames[ix].cell as usize].0
    }

    /// The first bytes of frame `ix`, and its length.
    #[inline(always)]
    pub(crate) fn head(&self, ix: usize) -> (&[u8; CELL], usize) {
        let Frame { cell, len, .. } = self.frames[ix];
        (&self.cells[cell as usize].0, len as usize)
    }

    /// The NIC that frame `ix` leaves.
    #[inline]
    pub fn nic(&self, ix: usize) -> NicId {
        self.frames[ix].nic
    }

    /// Frame `ix` leaves by `nic` next: a guest forwards it.
    #[inline]
    pub fn send_from(&mut self, ix: usize, nic: NicId) {
        self.frames[ix].nic = nic;
    }

    /// Adds frame `ix` to `next`, as sent by the guest behind `nic`. False when `next` is full.
    #[inline]
    pub fn pass_on(&self, ix: usize, nic: NicId, next: &mut Self) -> bool {
        let Frame { cell, len, .. } = self.frames[ix];
        if next.frames.len() >= BATCH_MAX {
            return false;
        }
        next.frames.push(Frame { cell: next.cells.len() as u32, len, nic });
        let from = cell as usize;
        next.cells.extend_from_slice(&self.cells[from..from + (len as usize).div_ceil(CELL).max(1)]);
        true
    }

    /// What became of each frame.
    #[inline]
    pub fn verdicts(&self) -> &[Verdict] {
        &self.verdicts
    }

    /// The packets that other workers shall receive.
    pub fn take_handed(&mut self) -> std::vec::Drain<'_, Handed> {
        self.handed.drain(..)
    }

    /// Where frame `ix` went when it left.
    pub fn leg(&self, ix: usize) -> Option<Leg> {
        let at = self.legs.binary_search_by_key(&(ix as u16), |(frame, _)| *frame).ok()?;
        Some(self.legs[at].1)
    }
}
