//! Questions asked of a network and of a run.
//!
//! [`play`] runs a scenario with a trace, [`judge`] holds it against its expectations,
//! [`effective_rows`] lists routes as Azure's tools do. Called by `cli`. Must never forward a packet itself or
//! print.

mod judge;
mod play;
mod rows;

pub use judge::{Judgement, judge};
pub use play::{Played, play, probe};
pub use rows::{EffectiveRow, effective_rows};
