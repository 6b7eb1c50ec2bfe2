//! Answers for people and machines. Every function returns text; only `cli` prints.
//!
//! Text is readable without colour in 100 columns. JSON is versioned: `{"vnetsim": 1, "command": ...}`. Called by
//! `cli`. Must never decide anything: it words what `analysis`, `trace` and `sim` found.

mod explain;
mod json;
mod listing;
mod problems;
mod run;
mod sources;
mod table;
mod trace;
mod wrap;

pub use explain::{explain, topics_like};
pub use json::{explain_json, next_hop_json, nsg_json, problems_json, routes_json, run_json, trace_json};
pub use listing::{NextHopAnswer, NsgListing, next_hop_text, nsg_listings, nsg_text, routes_text};
pub use problems::problems_text;
pub use run::run_text;
pub use sources::Sources;
pub use trace::trace_text;
