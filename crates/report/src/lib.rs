//! Answers for people and machines. Every function returns text; only `cli` prints.
//!
//! Text is readable without colour in 100 columns. JSON is versioned: `{"vnetsim": 1, "command": ...}`. What CI services
//! read is in `cards`. Called by `cli`. Must never decide anything: it words what `analysis`, `trace` and `sim` found.

mod achieved;
mod az;
mod azure_tools;
mod bench;
mod bill;
mod cards;
mod code_list;
mod code_pages;
mod codes;
mod data;
mod diff;
mod disputed;
mod explain;
mod findings;
mod fix;
mod groups;
mod json;
mod listing;
mod matrix;
mod pcapng;
mod problems;
mod remedy;
mod replay;
mod rules;
mod run;
mod signs;
mod sources;
mod table;
mod trace;
mod traceroute;
mod units;
mod wrap;

pub use az::{
    az_connectivity, az_diagnostics, az_ip_flow, az_next_hop, az_nsgs, az_nsgs_table, az_peerings, az_routes,
    az_routes_table, az_table,
};
pub use azure_tools::{IpFlowQuestion, connectivity_json, connectivity_text, ip_flow_json, ip_flow_text};
pub use bench::{bench_json, bench_text};
pub use cards::{
    Card, CardKind, Cards, Case, Standing, Step, Suite, expectation_suite, finding_suite, github_text,
    junit_xml, markdown_text, sarif_json, test_json, test_text,
};
pub use code_list::{codes_json, codes_text};
pub use data::{data_json, data_text};
pub use diff::{diff_json, diff_text};
pub use disputed::{combinations_json, readings_text};
pub use explain::{explain, explain_json, topics_like};
pub use findings::{check_json, findings_text, headlines_text};
pub use fix::{fix_json, fix_text};
pub use groups::{GroupsAnswer, groups_json, groups_text};
pub use json::{next_hop_json, nsg_json, peerings_json, problems_json, routes_json, run_json, trace_json};
pub use listing::{
    NextHopAnswer, NsgListing, next_hop_answer, next_hop_text, nsg_listings, nsg_text, peerings_text,
    routes_text,
};
pub use matrix::{matrix_json, matrix_text};
pub use pcapng::{Written, write_taps};
pub use problems::problems_text;
pub use rules::{RuleUse, covers, explained_uncited, rule_uses, rules_json, rules_text};
pub use run::{RunAnswer, run_text};
pub use sources::{Mark, Sources};
pub use trace::{TraceAnswer, trace_text};
pub use traceroute::{traceroute_json, traceroute_text};
