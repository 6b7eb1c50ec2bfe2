//! Property testing: random networks and traffic, and the two implementations side by side.
//!
//! [`network`], [`traffic`] and [`operation`] draw what to test; [`compare`], [`compare_routes`], [`compare_choice`] and
//! [`compare_nsg`] ask the real pipeline and the oracle the same question and print where they differ. A
//! network prints as a scenario file. Called by tests only; decides nothing about networks itself.

mod build;
mod choice;
mod compare;
mod frames;
mod generate;
mod large;
mod operations;
mod plan;
mod questions;
mod traffic;
mod words;
mod yaml;

pub use build::{KNOWN_TAG, UNKNOWN_TAG};
pub use compare::{
    End, NOT_COMPARED, RealRun, Story, StoryHop, Told, compare, real, told_by_oracle, told_by_run,
};
pub use frames::{Sent, epochs, frame, frames, order};
pub use generate::{RandomNetwork, network, network_without, plain_network};
pub use large::hub_and_spokes;
pub use operations::{OperationPlan, operation};
pub use plan::Feature;
pub use questions::{boundary_addresses, compare_choice, compare_nsg, compare_routes, known_addresses};
pub use traffic::{TrafficPlan, public_addresses, traffic, traffic_without};

/// The host's own addresses (FAB-08, FAB-09).
const PLATFORM: [[u8; 4]; 2] = [[168, 63, 129, 16], [169, 254, 169, 254]];
