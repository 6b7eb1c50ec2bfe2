//! The simulation: packets move between guests, switches, gateways, sites and the internet in virtual time.
//!
//! [`Play`] takes a network, its traffic and a timeline, and plays them as discrete events in one total order (`event.rs`).
//! Forwarding is `dataplane`'s, control is `compile`'s, TCP is `host`'s. The way of the data: `engine.rs` lets shards play
//! windows of time, a shard (`shard.rs`) takes its events, `legs.rs` moves packets between places, `guest.rs` is an
//! appliance, `ends.rs` is who a packet is for, `hosts.rs` and `senders.rs` are what sends. The same input gives the same
//! result, always, with any number of workers.
//!
//! Called by `cli` and `analysis`. Must never read the wall clock, draw unseeded randomness, or decide
//! what a switch decides. Cost per packet and leg: one event, plus the data plane's cost.

mod apart;
mod control;
mod conversation;
mod ends;
mod engine;
mod event;
mod exchange;
mod fault;
mod frames;
mod guest;
mod hosts;
mod journal;
mod legs;
mod link;
mod ports;
mod probe;
mod report;
mod senders;
mod shard;
mod tally;
mod wheel;

pub use apart::{Alone, run_apart};
pub use conversation::{Outcome, OutcomeGroup, TrafficReport};
pub use engine::{Play, Progress, run};
pub use report::{Achieved, Report};
pub use senders::{Hop, Injection};
pub use tally::{Counts, PacketCounts, Spread};
pub use vnetsim_dataplane::{Meter, is_public};

use vnetsim_model::{Operation, Refusal};
use vnetsim_types::{SimTime, Span};

/// An entry of the timeline.
#[derive(Clone, Debug)]
pub struct Change {
    /// When.
    pub at: SimTime,
    /// What the scenario calls it.
    pub name: Option<String>,
    /// What.
    pub operation: Operation,
    /// Where the scenario says so.
    pub span: Span,
}

/// What became of a timeline entry.
#[derive(Clone, Debug)]
pub struct ChangeReport {
    /// When it ran.
    pub at: SimTime,
    /// What the scenario calls it.
    pub name: Option<String>,
    /// Accepted, or refused with a reason.
    pub result: Result<(), Refusal>,
    /// Where the scenario says so.
    pub span: Span,
}
