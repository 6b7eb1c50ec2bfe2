//! What the model accepts, refuses and fills in. Expectations come from `docs/semantics.md`, by rule id.

mod balancers;
mod build;
mod creation;
mod edge_objects;
mod faults;
mod gateway_subnet;
mod guests;
mod hostile;
mod operations;
mod peering_states;
mod resolve;
mod rights;
mod semantics;
mod subnet_peering;
mod who_may_peer;
