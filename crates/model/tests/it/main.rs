//! What the model accepts, refuses and fills in. Expectations come from `docs/semantics.md`, by rule id.

mod build;
mod peering_states;
mod semantics;
