//! Many probes through one network at once: what `check`, `matrix` and `diff` ask.
//!
//! Owns how probes are kept apart (each starts when the one before is over, as far as anybody can tell) and the short
//! form of what became of one. Every probe is a conversation through the one pipeline. Costs a conversation each, and
//! compiles the network once.

use vnetsim_model::{Endpoint, Network, Traffic};
use vnetsim_sim::Outcome;
use vnetsim_types::{Part, Place, ProtoPort, SimTime, TrafficId};

use crate::{Played, play::probes};

/// Between two probes: longer than a round trip across the world, so that queues are empty again.
const APART: SimTime = SimTime::from_millis(500);

/// One question: can these two talk?
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Probe {
    /// Who sends first.
    pub from: Endpoint,
    /// To whom.
    pub to: Endpoint,
    /// With what.
    pub protocol: ProtoPort,
}

/// What became of a probe.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Fate {
    /// How it ended.
    pub outcome: Outcome,
    /// True when the request reached its receiver.
    pub arrived: bool,
    /// Appliances and gateways that forwarded the request, in order.
    pub forward: Vec<Place>,
    /// The same for the answer.
    pub back: Vec<Place>,
}

impl Fate {
    /// True when both directions got through.
    pub fn is_delivered(&self) -> bool {
        self.outcome == Outcome::Completed
    }

    /// True when the answer took the way of the request, as far as both went.
    pub fn is_symmetric(&self) -> bool {
        self.forward.iter().eq(self.back.iter().rev())
    }
}

/// Sends every probe through `network`. Entry `n` of what was played is `probes[n]`.
pub fn sweep(network: &Network, asked: &[Probe]) -> Played {
    let one = |(ix, probe): (usize, &Probe)| Traffic {
        start: SimTime(APART.0 * ix as u64),
        // Another port each: what one leaves behind in flow tables is no other's.
        source_port: 20_000 + (ix % 40_000) as u16,
        ..Traffic::probe(&format!("probe {ix}"), probe.from, probe.to, probe.protocol)
    };
    probes(network, asked.iter().enumerate().map(one).collect(), None)
}

impl Played {
    /// What became of entry `id`, if it was a single conversation.
    pub fn fate(&self, id: TrafficId) -> Option<Fate> {
        let group = self.report.traffic.get(id.ix())?.outcomes.first()?;
        let trace = self.trace.conversation(id, group.first);
        let via = |part| trace.and_then(|t| t.way(part)).map(|p| p.via().collect()).unwrap_or_default();
        let arrived = trace.and_then(|t| t.way(Part::Request)).is_some_and(|p| p.delivery().is_some());
        Some(Fate { outcome: group.outcome, arrived, forward: via(Part::Request), back: via(Part::Reply) })
    }
}
