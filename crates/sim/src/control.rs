//! The control plane of a run: carries out changes of the network, once, whoever comes to them first.
//!
//! Owns the epochs. Every shard meets the same changes in the same order, each at its own pace; the first one carries a
//! change out, the others find it done. Must never look at a packet. Costs a lock for each change and shard.

use std::sync::{Arc, Mutex, PoisonError};

use vnetsim_compile::Epoch;
use vnetsim_model::{Network, Operation, Refusal};
use vnetsim_types::{SimTime, VmId};

use crate::{Change, ChangeReport};

#[derive(Debug)]
pub(crate) struct Control {
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    /// And whether somebody asked for what led to it.
    epochs: Vec<(Arc<Epoch>, bool)>,
    reports: Vec<ChangeReport>,
    /// Of the changes so far, in order: what each led to.
    done: Vec<Changed>,
}

/// What a change led to.
#[derive(Clone, Debug)]
pub(crate) struct Changed {
    /// The epoch from then on; `None` when the change was refused.
    pub(crate) epoch: Option<Arc<Epoch>>,
    /// The machine that it stopped.
    pub(crate) stopped: Option<VmId>,
}

impl Control {
    pub(crate) fn new(network: Network) -> Self {
        let first = Arc::new(Epoch::new(0, SimTime::ZERO, network));
        Self {
            state: Mutex::new(State { epochs: vec![(first, true)], reports: Vec::new(), done: Vec::new() }),
        }
    }

    /// The epoch in which the run begins.
    pub(crate) fn first(&self) -> Arc<Epoch> {
        self.locked(|state| state.epochs[0].0.clone())
    }

    /// Change number `nth` of the run, an entry of the timeline.
    pub(crate) fn change(&self, nth: usize, now: SimTime, change: &Change) -> Changed {
        self.locked(|state| {
            if nth == state.done.len() {
                let result = state.apply(now, &change.operation, true);
                let (name, span) = (change.name.clone(), change.span);
                state.reports.push(ChangeReport { at: now, name, result, span });
            }
            state.done[nth].clone()
        })
    }

    /// Change number `nth` of the run, one that nobody asked for.
    pub(crate) fn happens(&self, nth: usize, now: SimTime, operation: &Operation) -> Changed {
        self.locked(|state| {
            if nth == state.done.len() {
                let result = state.apply(now, operation, false);
                debug_assert!(result.is_ok(), "{result:?}");
            }
            state.done[nth].clone()
        })
    }

    /// What came of the timeline, and the epochs. What happened by itself when nothing went on any more, at `end`, is left
    /// out: how much of that there is depends on the windows of the shards.
    pub(crate) fn end(self, end: SimTime) -> (Vec<ChangeReport>, Vec<Epoch>) {
        let State { epochs, reports, done } = self.state.into_inner().unwrap_or_else(PoisonError::into_inner);
        drop(done);
        let owned = |epoch: Arc<Epoch>| Arc::try_unwrap(epoch).unwrap_or_else(|shared| (*shared).clone());
        let of_the_run = epochs.into_iter().filter(|(epoch, asked)| *asked || epoch.from < end);
        (reports, of_the_run.map(|(epoch, _)| owned(epoch)).collect())
    }

    fn locked<T>(&self, act: impl FnOnce(&mut State) -> T) -> T {
        act(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

impl State {
    fn apply(&mut self, now: SimTime, operation: &Operation, asked: bool) -> Result<(), Refusal> {
        let (present, _) = self.epochs.last().expect("the first epoch is always there");
        let mut network = present.network.clone();
        let result = network.apply(operation);
        let epoch = result.is_ok().then(|| {
            let number = self.epochs.len() as u32;
            Arc::new(Epoch::new(number, now, network))
        });
        self.epochs.extend(epoch.clone().map(|epoch| (epoch, asked)));
        let stopped = operation.stops_vm().filter(|_| epoch.is_some());
        self.done.push(Changed { epoch, stopped });
        result
    }
}
