//! What became of packets, by the numbers that flow records carry ([`Key::note`](crate::flow::Key::note)).
//!
//! Owns the notes of one epoch of the tables, each kept once: connections that fare alike have one number. Used by
//! `fast` for whole ways and by `halves` for halves of ways; a set of switches uses one of the two. Must never say
//! anything that was noted in an earlier epoch. Reading costs a load; a new note is hashed.

use std::hash::Hash;

use rustc_hash::FxHashMap;

use crate::{FlowTable, flow::NOTES_MAX};

/// The notes of an epoch. Their numbers are not used again in the next one, so that old ones are known as old.
#[derive(Clone, Debug)]
pub(crate) struct Notes<N> {
    /// Number of the first.
    first: u32,
    all: Vec<N>,
    known: FxHashMap<N, u32>,
}

impl<N> Default for Notes<N> {
    fn default() -> Self {
        Self { first: 1, all: Vec::new(), known: FxHashMap::default() }
    }
}

impl<N: Copy + Eq + Hash> Notes<N> {
    #[inline(always)]
    pub(crate) fn get(&self, number: u32) -> Option<&N> {
        self.all.get(number.wrapping_sub(self.first) as usize)
    }

    /// The number of `note`; 0 when all are taken.
    pub(crate) fn number(&mut self, note: N) -> u32 {
        if let Some(number) = self.known.get(&note) {
            return *number;
        }
        let number = self.first + self.all.len() as u32;
        if number >= NOTES_MAX {
            return 0;
        }
        self.all.push(note);
        self.known.insert(note, number);
        number
    }

    /// Another epoch begins. `flows` carry the numbers.
    pub(crate) fn renew(&mut self, flows: &mut FlowTable) {
        self.first += self.all.len() as u32;
        self.all.clear();
        self.known.clear();
        if self.first > NOTES_MAX / 2 {
            flows.forget_notes();
            *self = Self::default();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_an_epoch_noted_is_unknown_in_the_next() {
        let (mut notes, mut flows) = (Notes::default(), FlowTable::default());
        let (a, b) = (notes.number("a"), notes.number("b"));
        assert_eq!(
            (notes.number("a"), notes.get(a), notes.get(b), notes.get(0)),
            (a, Some(&"a"), Some(&"b"), None)
        );
        notes.renew(&mut flows);
        let c = notes.number("c");
        assert_eq!((notes.get(a), notes.get(b), notes.get(c)), (None, None, Some(&"c")));
    }
}
