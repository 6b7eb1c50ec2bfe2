//! Questions asked of a network and of a run.
//!
//! [`play`] runs a scenario with a trace, [`judge`] holds it against its expectations,
//! [`effective_rows`] lists routes as Azure's tools do, [`owner_names`] says who has an address,
//! [`bill`] adds up what peerings cost, [`readings`] finds the verdicts that depend on a disputed point. Called by
//! `cli`. Must never forward a packet itself or print.

mod bill;
mod classes;
mod decisions;
mod diff;
mod finding;
mod judge;
mod matrix;
mod owners;
mod play;
mod readings;
mod replay;
mod rows;
mod story;
mod sweep;
mod traffic_diff;

pub use bill::{BillLine, bill};
pub use classes::{End, Grouping, Member, Who, addresses, chosen, ends};
pub use decisions::Cause;
pub use diff::{Changed, Diff, DiffQuestion, Group, Kind, diff};
pub use finding::Finding;
pub use judge::{Judgement, judge};
pub use matrix::{Cell, Grid, Matrix, MatrixQuestion, matrix};
pub use owners::owner_names;
pub use play::{Loss, Played, Setup, Shown, play, probe};
pub use readings::{Combination, Reading, all_readings, probe_readings, readings};
pub use replay::{Replayed, Replays, replays};
pub use rows::{EffectiveRow, effective_rows};
pub use story::{Stories, Story, Verdict};
pub use sweep::{Fate, Probe, sweep};
pub use traffic_diff::{TrafficChange, traffic_diff};
