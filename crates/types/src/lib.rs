//! The words every other room uses: ids, virtual time, flow keys, drop reasons, steps of a trace.
//!
//! Owns no behaviour beyond parsing and printing these words. Called by all crates; must never
//! know a network, a file or a packet's bytes. Nothing here costs anything per packet.

mod addr_set;
mod drop_reason;
mod finding_code;
mod flow_key;
mod ids;
pub mod limits;
mod named;
mod observer;
mod problem;
mod span;
mod time;

pub use addr_set::AddrSet;
pub use drop_reason::{DropReason, UnknownDropReason};
pub use finding_code::{FindingCode, UnknownFindingCode};
pub use flow_key::{FlowKey, IpProtocol, ProtoPort};
pub use ids::*;
pub use observer::{
    ApplianceAction, Direction, FlowState, NoObserver, NsgLevel, Observer, PacketId, PacketTag, Part, Place,
    Step, Tap,
};
pub use problem::{Problem, Severity};
pub use span::{At, FileId, Span};
pub use time::SimTime;

pub use ipnet::{IpNet, Ipv4Net, Ipv6Net};
