//! The hot path: virtual switches that forward real packet bytes through compiled tables.
//!
//! [`Switches`] own the flow records of the NICs of some virtual networks. They read [`Tables`], which
//! `compile` builds and which never change; a change of the network is a new set of tables. The
//! order of the stages is Part 11 of the semantics and stands in `pipeline.rs`; each stage is a
//! file in `stages/`. The edge to the internet is [`Edge`], gateways are in `gateway.rs`.
//!
//! Called by `sim` and `throughput`, with the time as an argument. Must never read a clock, do I/O, know a name, or
//! import the model, the compiler, the simulation or the trace. Every decision is reported to an
//! [`Observer`](vnetsim_types::Observer); `NoObserver` compiles to nothing. Cost per packet: one hash lookup per NIC passed,
//! one LPM, and on a flow miss the classifiers of two NSGs at each NIC; for a known connection one cache
//! line, in batches and in switches that repeat.

mod batch;
mod classifier;
mod edge;
mod fast;
mod flow;
mod gateway;
mod halves;
mod lpm;
mod memory;
mod notes;
mod packet;
mod pairs;
mod pipeline;
mod ports;
mod stages;
mod tables;

pub use batch::{BATCH_MAX, Batch, Verdict};
pub use classifier::{Classifiers, RuleList};
pub use edge::{Edge, EdgeIn, EdgeOut};
pub use fast::{Forwarder, Handed, worker_of};
pub use flow::FlowTable;
pub use gateway::{GatewayOut, at_gateway, from_gateway};
pub use lpm::Lpm;
pub use memory::prefetch;
pub use packet::{Entered, HandedBy, Leg, LegEnd, Origin, Packet, Passed, WayOut};
pub use pipeline::{Context, FABRIC_MAC, Switches};
pub use stages::{
    balance::{Backends, flow_hash},
    filter::WIRE_SERVER,
    mtu::{PATH_MTU, cut},
    nsg::{NsgAnswer, ask_nsgs, probe_passes},
    outbound::is_public,
    peering::Meter,
};
pub use tables::*;
