//! Questions asked of a network and of a run.
//!
//! [`play`] runs a scenario with a trace, [`judge`] holds it against its expectations,
//! [`effective_rows`] lists routes as Azure's tools do, [`owner_names`] says who has an address,
//! [`connectivity`], [`ip_flow`] and [`azure_verdicts`] say what Azure's tools would, [`check`] names mistakes of a network,
//! [`fix`] searches for what would mend it, [`bill`] adds up what peerings cost, [`readings`] finds the verdicts that depend on a
//! disputed point. Called by `cli`. Must never forward a packet itself or print.

mod azure_tools;
mod bill;
mod check;
mod classes;
mod decisions;
mod diff;
mod finding;
mod fix;
mod groups;
mod judge;
mod matrix;
mod owners;
mod play;
mod readings;
mod replay;
mod rows;
mod sets;
mod story;
mod sweep;
mod traceroute;
mod traffic_diff;

pub use azure_tools::{
    AppliedNsg, AppliedRule, AskedNsg, AzureVerdict, Bearing, ConnectionHop, ConnectionIssue, Connectivity,
    HopType, IpFlow, IssueType, MissedRule, NextHop, Origin, ResourceIds, Tool, applied_nsgs, azure_verdicts,
    connectivity, ip_flow, next_hop, rule_of_diagnostics, rule_path,
};
pub use bill::{BillLine, bill};
pub use check::{Checkup, check, findings_of};
pub use classes::{End, Grouping, Member, Who, addresses, chosen, ends};
pub use decisions::Cause;
pub use diff::{Changed, Diff, DiffQuestion, Group, Kind, diff};
pub use finding::Finding;
pub use fix::{
    Edit, Effort, Hop, NewRule, PeeringFlag, Repair, Search, edited, fix, quick_fix, route_name, wishing,
};
pub use groups::{PathGroup, path_groups};
pub use judge::{About, Judgement, judge};
pub use matrix::{Cell, Grid, Matrix, MatrixQuestion, matrix};
pub use owners::owner_names;
pub use play::{Loss, Played, Setup, Shown, play, probe, timeline_of};
pub use readings::{Combination, Reading, all_readings, probe_readings, readings};
pub use replay::{Replayed, Replays, replays};
pub use rows::{EffectiveRow, effective_rows};
pub use sets::{EndSet, PAIRS_MAX, Pairs, end_set, pairs};
pub use story::{Stories, Story, Verdict};
pub use sweep::{Fate, Probe, other_ports, sweep};
pub use traceroute::{TracedHop, Traceroute, traceroute};
pub use traffic_diff::{Ended, TrafficChange, TrafficDiff, traffic_diff};
