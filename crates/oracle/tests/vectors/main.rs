//! The document's own examples, asked of the oracle: Part 13 (V-xx), RT-35 and single rules.

mod balancers;
mod chaining;
mod edge;
mod endpoints;
mod field;
mod filters;
mod gateways;
mod lab;
mod lab_edge;
mod outbound;
mod peering;
mod platform;
mod route_servers;
mod sizes;
mod subnets;
mod tables;
