//! The hot path: virtual switches that forward real packet bytes through compiled tables.
//!
//! One [`Switch`] per virtual network owns the flow records of its NICs. It reads [`Tables`], which
//! `compile` builds and which never change; a change of the network is a new set of tables. The
//! order of the stages is Part 11 of the semantics and stands in `pipeline.rs`; each stage is a
//! file in `stages/`. The edge to the internet is [`Edge`], gateways are in `gateway.rs`.
//!
//! Called by `sim`, with the time as an argument. Must never read a clock, do I/O, know a name, or
//! import the model, the compiler, the simulation or the trace. Every decision is reported to an
//! [`Observer`](vnetsim_types::Observer); `NoObserver` compiles to nothing. Cost per packet: one hash lookup per NIC passed,
//! one LPM, and on a flow miss a scan of the NSG rules.

mod edge;
mod flow;
mod gateway;
mod lpm;
mod packet;
mod pipeline;
mod stages;
mod tables;

pub use edge::{Edge, EdgeIn, EdgeOut};
pub use flow::FlowTable;
pub use gateway::{GatewayOut, at_gateway, from_gateway};
pub use lpm::Lpm;
pub use packet::{Entered, Leg, LegEnd, Origin, Packet, WayOut};
pub use pipeline::{Context, FABRIC_MAC, Switch};
pub use stages::{
    balance::{Backends, flow_hash},
    mtu::{PATH_MTU, cut},
    nsg::probe_passes,
    outbound::is_public,
    peering::Meter,
};
pub use tables::*;
