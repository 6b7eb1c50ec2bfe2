//! Answers for people and machines. Every function returns text; only `cli` prints.
//!
//! Text is readable without colour in 100 columns. JSON is versioned: `{"vnetsim": 1, "command": ...}`. Called by
//! `cli`. Must never decide anything: it words what `analysis`, `trace` and `sim` found.

mod achieved;
mod bench;
mod bill;
mod codes;
mod data;
mod diff;
mod disputed;
mod explain;
mod json;
mod listing;
mod matrix;
mod pcapng;
mod problems;
mod replay;
mod rules;
mod run;
mod signs;
mod sources;
mod table;
mod trace;
mod units;
mod wrap;

pub use bench::{bench_json, bench_text};
pub use data::{data_json, data_text};
pub use diff::{diff_json, diff_text};
pub use disputed::{combinations_json, readings_text};
pub use explain::{explain, topics_like};
pub use json::{explain_json, next_hop_json, nsg_json, problems_json, routes_json, run_json, trace_json};
pub use listing::{NextHopAnswer, NsgListing, next_hop_text, nsg_listings, nsg_text, routes_text};
pub use matrix::{matrix_json, matrix_text};
pub use pcapng::{Written, write_taps};
pub use problems::problems_text;
pub use rules::{RuleUse, covers, explained_uncited, rule_uses, rules_json, rules_text};
pub use run::{RunAnswer, run_text};
pub use sources::Sources;
pub use trace::trace_text;
