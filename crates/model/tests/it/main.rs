//! What the model accepts, refuses and fills in. Expectations come from `docs/semantics.md`, by rule id.

mod build;
mod edge_objects;
mod peering_states;
mod semantics;
