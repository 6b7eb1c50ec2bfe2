//! New connections between addresses whose earlier connections passed.
//!
//! Owns, for pairs of addresses, which note of `fast` their packets follow and which destination ports all NSGs on the
//! way let pass, summed up from the same rules that the NSG stage asks. Like a note it holds for one epoch and decides
//! nothing: a port that is not among them goes through the stages, which find the reason. Costs one slot read; 2.6 MB for each
//! forwarder from its first pair on.

use crate::{
    flow::{Key, Key4},
    memory::filled,
    ports::{PortRange, PortSet},
};

/// Pairs kept; a new one takes the place of another one.
const SLOTS: usize = 1 << 16;
/// Sets of more ranges than this are not worth keeping.
const RANGES_MAX: usize = 64;
/// Ranges beyond first ones; with more, all pairs are forgotten.
const MORE_MAX: usize = 1 << 20;

/// A NIC that sends, between which addresses, by which protocol: a key without ports.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct Pair {
    /// Of all its connections.
    key: Key4,
    nic: u32,
    /// Of the sender.
    side: u32,
}

#[derive(Clone, Copy, Debug)]
struct Slot {
    pair: Pair,
    /// 0 for a pair that was seen once.
    note: u32,
    first: PortRange,
    /// Where the other ranges are.
    more: (u32, u32),
}

/// What is known about pairs.
#[derive(Clone, Debug, Default)]
pub(crate) struct Pairs {
    /// None before the first pair.
    slots: Vec<Slot>,
    more: Vec<PortRange>,
}

impl Pair {
    /// That packets of `key` from `nic`, which is on `side`, belong to.
    #[inline(always)]
    pub(crate) fn of(key: Key4, nic: u32, side: usize) -> Self {
        Self { key: key.without_ports(), nic, side: side as u32 }
    }

    #[inline(always)]
    fn slot(&self) -> usize {
        let hash = self.key.hash() ^ u64::from(self.nic).wrapping_mul(0x9e37_79b9_7f4a_7c15);
        (hash >> 32) as usize % SLOTS
    }
}

impl Pairs {
    /// The note of a connection to destination port `port`, when it is known to pass.
    #[inline]
    pub(crate) fn note(&self, pair: &Pair, port: u16) -> Option<u32> {
        let slot = self.slots.get(pair.slot()).filter(|slot| slot.pair == *pair && slot.note != 0)?;
        let within = |(from, end): PortRange| (from..=end).contains(&port);
        let (from, end) = slot.more;
        let passes = within(slot.first) || self.more[from as usize..end as usize].iter().any(|r| within(*r));
        passes.then_some(slot.note)
    }

    /// Connections of `pair` follow `note`, where `open` says that they pass. It is asked when a pair comes the second
    /// time; it says nothing when ports alone do not decide.
    pub(crate) fn learn(&mut self, pair: Pair, note: u32, open: impl FnOnce() -> Option<PortSet>) {
        if self.more.len() > MORE_MAX {
            self.forget();
        }
        if self.slots.is_empty() {
            let nobody = Pair { key: Key4::NONE, nic: u32::MAX, side: 0 };
            self.slots = filled(Slot { pair: nobody, note: 0, first: (1, 0), more: (0, 0) }, SLOTS);
        }
        let slot = &mut self.slots[pair.slot()];
        if slot.pair != pair {
            *slot = Slot { pair, note: 0, first: (1, 0), more: (0, 0) };
        } else if slot.note != 0 {
            slot.note = note;
        } else {
            slot.note = note;
            let open = open().filter(|open| open.ranges().len() <= RANGES_MAX);
            if let Some((first, more)) = open.as_ref().and_then(|open| open.ranges().split_first()) {
                slot.first = *first;
                slot.more = (self.more.len() as u32, (self.more.len() + more.len()) as u32);
                self.more.extend_from_slice(more);
            }
        }
    }

    /// The other direction's connections follow `note` as well, if they are known to pass.
    pub(crate) fn complete(&mut self, pair: &Pair, note: u32) {
        if let Some(slot) =
            self.slots.get_mut(pair.slot()).filter(|slot| slot.pair == *pair && slot.note != 0)
        {
            slot.note = note;
        }
    }

    /// Another epoch begins.
    pub(crate) fn forget(&mut self) {
        *self = Self::default();
    }
}
