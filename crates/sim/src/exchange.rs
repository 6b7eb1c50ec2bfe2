//! What shards tell each other at the end of a window, and how it gets there.
//!
//! The one place that knows that shards are threads: [`Exchange`] gives every other shard a parcel and takes theirs. A
//! distributed engine implements it over a network; nothing else would change. Costs a message for each pair of shards and
//! window, however many packets are in it.

use crossbeam_channel::{Receiver, Sender, bounded};
use vnetsim_types::SimTime;

use crate::event::Entry;

/// What one shard tells another.
#[derive(Debug)]
pub(crate) struct Parcel {
    /// Packets and changes for the other, none earlier than the end of the window.
    pub(crate) entries: Vec<Entry>,
    /// When the sender's next event happens, what it gave away in this round included.
    pub(crate) next: Option<SimTime>,
    /// Something keeps the run alive there.
    pub(crate) alive: bool,
    /// The run shall end here.
    pub(crate) stop: bool,
}

/// The other shard is gone: it panicked.
#[derive(Debug)]
pub(crate) struct Gone;

/// Carries parcels between shards.
pub(crate) trait Exchange: Send {
    /// Gives each of `parcels` to the shard of its number, and takes the parcels of this round from all of them, in the
    /// order of their numbers. The own one stays out.
    fn trade(&mut self, parcels: Vec<(usize, Parcel)>) -> Result<Vec<Parcel>, Gone>;
}

/// Channels between the threads of one process.
pub(crate) struct Channels {
    to: Vec<Option<Sender<Parcel>>>,
    from: Vec<Option<Receiver<Parcel>>>,
}

impl Channels {
    /// For each of `shards`, its ends. A round's parcel waits until it is taken; nobody is two rounds ahead.
    pub(crate) fn between(shards: usize) -> Vec<Self> {
        let mut all: Vec<Self> = (0..shards).map(|_| Self { to: Vec::new(), from: Vec::new() }).collect();
        for from in 0..shards {
            for to in 0..shards {
                let (sender, receiver) = bounded(2);
                let there = from != to;
                all[from].to.push(there.then_some(sender));
                all[to].from.push(there.then_some(receiver));
            }
        }
        all
    }
}

impl Exchange for Channels {
    fn trade(&mut self, parcels: Vec<(usize, Parcel)>) -> Result<Vec<Parcel>, Gone> {
        for (to, parcel) in parcels {
            if let Some(sender) = self.to.get(to).and_then(Option::as_ref) {
                sender.send(parcel).map_err(|_| Gone)?;
            }
        }
        self.from.iter().flatten().map(|receiver| receiver.recv().map_err(|_| Gone)).collect()
    }
}
