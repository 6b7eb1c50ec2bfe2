//! What faults of the scenario do to packets on a leg: nothing, loss, delay, a second copy.
//!
//! Owns the streams of chance: one for each node, seeded by the scenario, so that what one node draws does not depend on
//! what others do or on which thread runs them. Called for every leg that begins while a fault is there; costs a draw for
//! each kind of trouble then, and one comparison otherwise.

use rand_pcg::{
    Pcg64Mcg,
    rand_core::{Rng, SeedableRng},
};
use rustc_hash::FxHashMap;
use vnetsim_model::{LinkCondition, LinkEnd, LinkFault};
use vnetsim_types::{DropReason, SimTime};

use crate::event::Node;

/// The ends that a leg begins or stops at: a machine and its network, or one of the others.
pub(crate) type Ends = [Option<LinkEnd>; 2];

/// What becomes of a packet on a leg.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Fate {
    Lost(DropReason),
    Passes {
        /// Beside the leg's latency.
        late: SimTime,
        /// A copy follows that much later.
        copy: Option<SimTime>,
    },
}

/// The faults of the present, and chance.
#[derive(Debug)]
pub(crate) struct Faults {
    seed: u64,
    streams: FxHashMap<u64, Pcg64Mcg>,
    present: Vec<LinkFault>,
}

impl Faults {
    pub(crate) fn new(seed: u64, present: &[LinkFault]) -> Self {
        Self { seed, streams: FxHashMap::default(), present: present.to_vec() }
    }

    pub(crate) fn replace(&mut self, present: &[LinkFault]) {
        present.clone_into(&mut self.present);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.present.is_empty()
    }

    /// What becomes of a packet that `node` sends from one end to another.
    pub(crate) fn strike(&mut self, node: Node, from: Ends, to: Ends) -> Fate {
        let is = |ends: Ends, end: LinkEnd| ends.contains(&Some(end));
        let meets = |fault: &LinkFault| {
            let on = |from, to| is(from, fault.from) && fault.to.is_none_or(|end| is(to, end));
            on(from, to) || fault.both_ways && on(to, from)
        };
        let seed = self.seed;
        let (mut late, mut copy) = (SimTime::ZERO, None);
        for condition in self.present.iter().filter(|fault| meets(fault)).map(|fault| fault.condition) {
            let number = node.number();
            let stream =
                self.streams.entry(number).or_insert_with(|| Pcg64Mcg::seed_from_u64(mix(seed, number)));
            match strike_once(&condition, stream) {
                Fate::Lost(reason) => return Fate::Lost(reason),
                Fate::Passes { late: more, copy: again } => {
                    late = late + more;
                    copy = copy.or(again);
                }
            }
        }
        Fate::Passes { late, copy }
    }
}

fn strike_once(condition: &LinkCondition, stream: &mut Pcg64Mcg) -> Fate {
    let mut happens = |ppm: u32| ppm > 0 && stream.next_u64() % 1_000_000 < u64::from(ppm);
    if condition.down {
        return Fate::Lost(DropReason::LinkDown);
    }
    if happens(condition.loss_ppm) {
        return Fate::Lost(DropReason::LinkLoss);
    }
    let held_back = happens(condition.reorder_ppm);
    let twice = happens(condition.duplicate_ppm);
    let mut late = condition.delay;
    if held_back {
        late = late + condition.reorder_delay;
    }
    if condition.jitter > SimTime::ZERO {
        late = late + SimTime(stream.next_u64() % (condition.jitter.0 + 1));
    }
    // A copy comes right behind: as far as a frame of 1,500 bytes at 10 Gbit/s.
    Fate::Passes { late, copy: twice.then_some(SimTime(late.0 + 1_200)) }
}

/// A different seed for each stream of each scenario.
pub(crate) fn mix(seed: u64, number: u64) -> u64 {
    let mut x = seed ^ number.wrapping_add(1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    x ^ (x >> 31)
}

#[cfg(test)]
mod tests {
    use vnetsim_types::VnetId;

    use super::*;

    const A: Ends = [Some(LinkEnd::Vnet(VnetId(0))), None];
    const B: Ends = [Some(LinkEnd::Vnet(VnetId(1))), None];

    fn faults(condition: LinkCondition, both_ways: bool) -> Faults {
        let (from, to) = (LinkEnd::Vnet(VnetId(0)), Some(LinkEnd::Vnet(VnetId(1))));
        Faults::new(7, &[LinkFault { from, to, both_ways, condition }])
    }

    #[test]
    fn a_share_of_the_packets_is_lost_and_the_way_back_is_another_link() {
        let mut faults = faults(LinkCondition { loss_ppm: 100_000, ..Default::default() }, false);
        let mut lost = |from, to| {
            (0..10_000).filter(|_| matches!(faults.strike(Node::Vnet(0), from, to), Fate::Lost(_))).count()
        };
        let forward = lost(A, B);
        assert!((850..1_150).contains(&forward), "{forward} of 10,000 with 10 %");
        assert_eq!(lost(B, A), 0);
    }

    #[test]
    fn what_a_node_draws_does_not_depend_on_others() {
        let condition = LinkCondition { loss_ppm: 300_000, jitter: SimTime(1_000), ..Default::default() };
        let draws = |others: bool| {
            let mut faults = faults(condition, true);
            let mut own = Vec::new();
            for _ in 0..100 {
                own.push(faults.strike(Node::Vnet(0), A, B));
                if others {
                    faults.strike(Node::Vnet(1), B, A);
                }
            }
            own
        };
        assert_eq!(draws(false), draws(true));
    }

    #[test]
    fn a_link_that_is_down_lets_nothing_pass_either_way() {
        let mut faults = faults(LinkCondition { down: true, ..Default::default() }, true);
        assert_eq!(faults.strike(Node::Vnet(0), A, B), Fate::Lost(DropReason::LinkDown));
        assert_eq!(faults.strike(Node::Vnet(1), B, A), Fate::Lost(DropReason::LinkDown));
        assert_eq!(faults.strike(Node::Vnet(0), A, A), Fate::Passes { late: SimTime::ZERO, copy: None });
    }
}
