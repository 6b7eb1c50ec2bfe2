//! Property testing: random networks and traffic, and the two implementations side by side.
//!
//! [`network`] and [`traffic`] draw what to test; [`compare`], [`compare_routes`], [`compare_choice`] and
//! [`compare_nsg`] ask the real pipeline and the oracle the same question and print where they differ. A
//! network prints as a scenario file. Called by tests only; decides nothing about networks itself.

mod build;
mod compare;
mod generate;
mod hub;
mod plan;
mod policy;
mod questions;
mod words;
mod yaml;

pub use compare::{End, RealRun, Story, StoryHop, Told, compare, real, told_by_oracle, told_by_run};
pub use generate::{RandomNetwork, TrafficPlan, network, plain_network, public_addresses, traffic};
pub use policy::{KNOWN_TAG, UNKNOWN_TAG};
pub use questions::{boundary_addresses, compare_choice, compare_nsg, compare_routes};
