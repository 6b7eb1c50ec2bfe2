//! Explanations: from steps (numbers, reported by the one pipeline) to hops and causes (words).
//!
//! [`TraceObserver`] records. [`Explainer`] turns the steps of a packet into [`Hop`]s, and a drop into a
//! [`Diagnosis`]: reason, the object that caused it, its place in the input, and what to change.
//!
//! Called by `analysis`, `report` and `cli`. Must never influence a verdict, and never decide one again: everything
//! said here comes from a recorded step or from the compiled row that the step names.

mod balancers;
mod diagnose;
mod explain;
mod filters;
mod history;
mod record;
mod route_lines;
mod route_none;
mod services;
mod tags;
mod taps;

pub use diagnose::Diagnosis;
pub use explain::{Explainer, Hop, HopKind, Loser, PacketExplanation};
pub use history::ProbeChange;
pub use record::{ConversationTrace, PacketTrace, TraceObserver};
pub use tags::{tag_without, tag_words};
pub use taps::{TAPPED_PACKETS_DEFAULT, TapFilter, TapRecorder, TappedFrame, TappedPacket};
