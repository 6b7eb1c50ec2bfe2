//! What Azure's own tools answer about a network: effective routes and rules, next hop, IP flow verify, connection
//! troubleshoot (Part 8 of the semantics).
//!
//! Owns what each tool looks at and what it leaves out. Called by `cli` for the commands of the same names and for the end
//! of a trace; `report` prints the shapes of the Azure CLI. Must never decide about a packet: routes and rules are asked of
//! the compiled tables, connections of a probe's recorded steps. Costs a lookup each, connections a walk over the steps.

mod connectivity;
mod effective_nsg;
mod ids;
mod ip_flow;
mod next_hop;
mod verdicts;

pub use connectivity::{
    ConnectionHop, ConnectionIssue, Connectivity, HopType, IssueType, Origin, connectivity,
};
pub use effective_nsg::{AppliedNsg, AppliedRule, applied_nsgs};
pub use ids::ResourceIds;
pub use ip_flow::{AskedNsg, IpFlow, MissedRule, ip_flow, rule_of_diagnostics, rule_path};
pub use next_hop::{NextHop, next_hop};
pub use verdicts::{AzureVerdict, Bearing, Tool, azure_verdicts};
