//! The simulation: packets move between guests, switches, gateways, sites and the internet in virtual time.
//!
//! [`run`] takes a network, its traffic and a timeline of operations, and plays them as discrete
//! events in one total order (`event.rs`). Forwarding is `dataplane`'s, control is `compile`'s;
//! what happens inside a VM is `guest.rs`. The same input gives the same result, always.
//!
//! Called by `cli` and `analysis`. Must never read the wall clock, draw unseeded randomness, or decide
//! what a switch decides. Cost per packet and leg: one heap operation, plus the data plane's cost.

mod conversation;
mod event;
mod frames;
mod guest;
mod link;
mod world;

pub use conversation::{Outcome, OutcomeGroup, TrafficReport};
pub use vnetsim_dataplane::Meter;
pub use world::{Change, ChangeReport, Report, run};
